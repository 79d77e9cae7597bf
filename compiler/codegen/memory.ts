import { expanded, type SimpleInstruction } from '../../runtime/expand.ts';
import {
	type CkksParameters,
	type Computation,
	type KeyNeeds,
	type MemoryNeeds,
	registersRead,
	registersWritten,
	virtualSlots,
} from '../../runtime/plan.ts';
import { lastUses } from '../slots/circuit.ts';

/**
 * How much of the wasm heap the seal backend takes, counted as SEAL 4.1 asks for it. Its pool keeps free blocks in a list for
 * every size and gives none back, so a program takes the most blocks of each size that it ever had at once: more than the most
 * bytes it ever had at once. Sizes are in polynomials: N words of 8 bytes, one polynomial modulo one prime.
 */
type Blocks = ReadonlyMap<number, number>;

/**
 * What the seal backend needs, which expands the plan to simple operations, with one set of keys. The terms add up to the most it ever takes; with a second
 * set of keys, or constants that are not kept after all, that term is there twice, or not at all.
 */
export const sealNeeds = (computation: Computation, keepConstants: boolean): MemoryNeeds => {
	const { ringDegree, primes } = computation.parameters;
	const { keys, constants } = expanded(computation);
	const encoded = virtualSlots(computation) === 1 || !keepConstants ? [] : constants;
	const { ciphertexts, all } = evaluationBlocks(computation, keepConstants);
	const working = encoded.length === 0 ? all : most(all, blocksOf(encodingBlocks(primes.length)));
	const once = contextBlocks(primes.length, keys.steps.length);
	const loaded = sum(once, keyBlocks(primes.length, keys));
	const bytes = (...blocks: readonly Blocks[]): number => Math.round(8 * ringDegree * polynomials(sum(...blocks)));
	const values = bytes(loaded, ciphertexts) - bytes(loaded);
	const computing = bytes(loaded, working) - bytes(loaded, ciphertexts) + answerBytes(computation);
	// All share one pool, and batches of blocks with it: each term is what it adds to those before it.
	return {
		context: MODULE_BYTES + bytes(once),
		keys: bytes(loaded) - bytes(once) + keyTables(ringDegree, keys),
		ciphertexts: values,
		// Evaluations fill the hole that the loading of keys leaves.
		temporaries: Math.max(computing, keyRecord(computation.parameters, keys) - values),
		constants: bytes(loaded, working, blocksOf(encoded.map(({ level }) => level + 1))) - bytes(loaded, working),
	};
};

/** The largest output as bytes. */
const answerBytes = ({ outputs, parameters }: Computation): number =>
	2 * (outputs.reduce((most, { level }) => Math.max(most, level), 0) + 1) * parameters.ringDegree * 8;

/** Static data and the stack of the module, and all that is too small to be counted. */
const MODULE_BYTES = 200_000;

/** The pool asks for blocks of one size in batches of 1, 2, 3 ..., each at least 5 % larger than the one before. */
const inBatches = (needed: number): number => {
	let total = 0;
	for (let batch = 1; total < needed; batch = Math.ceil(1.05 * batch)) total += batch;
	return total;
};

const polynomials = (blocks: Blocks): number =>
	[...blocks].reduce((total, [size, count]) => total + size * inBatches(count), 0);

const blocksOf = (sizes: readonly number[]): Blocks => {
	const blocks = new Map<number, number>();
	for (const size of sizes) blocks.set(size, (blocks.get(size) ?? 0) + 1);
	return blocks;
};

const combined =
	(combine: (a: number, b: number) => number) =>
	(...all: readonly Blocks[]): Blocks => {
		const result = new Map<number, number>();
		for (const blocks of all)
			for (const [size, count] of blocks) result.set(size, combine(result.get(size) ?? 0, count));
		return result;
	};
const sum = combined((a, b) => a + b);
const most = combined(Math.max);

/**
 * The context has a level for every number k of primes, the special one included. Each has 2k + 1 tables (of its primes, and of
 * k + 1 primes that only other schemes use) of powers and of inverse powers of a root, two words each, and a list of N
 * pointers. The encoder has two tables of complex powers, and two of half a polynomial; every rotation has a table of that size.
 */
const contextBlocks = (dataPrimes: number, rotations: number): Blocks => {
	let tables = 2;
	for (let k = 1; k <= dataPrimes + 1; k++) tables += 2 * (2 * k + 1) + 1;
	return new Map([
		[2, tables],
		[0.5, 2 + rotations],
	]);
};

/** A key has a ciphertext over all primes for each data prime, whatever levels it serves: SEAL holds only whole keys. */
const keyBlocks = (dataPrimes: number, keys: KeyNeeds): Blocks =>
	new Map([[2 * (dataPrimes + 1), keyCount(keys) * dataPrimes]]);

const keyCount = ({ relinearization, steps }: KeyNeeds): number =>
	steps.length + (relinearization === undefined ? 0 : 1);

/**
 * Bytes of the largest key while it is loaded: half a ciphertext (the other half is drawn from a seed) for each digit that it
 * serves, a whole one (of zeros) for each other.
 */
const keyRecord = ({ ringDegree, primes }: CkksParameters, { relinearization, steps }: KeyNeeds): number => {
	const levels = [...(relinearization === undefined ? [] : [relinearization]), ...steps.map(({ level }) => level)];
	if (levels.length === 0) return 0;
	const halves = 2 * primes.length - (Math.min(...levels) + 1);
	return halves * (primes.length + 1) * ringDegree * 8;
};

/** A rotation's key is found in a list of N vectors, three words of 4 bytes each. */
const keyTables = (ringDegree: number, { steps }: KeyNeeds): number => 12 * ringDegree * steps.length;

/** Encoding holds the values, their complex transform, and the plaintext at the top level, whatever level it is for. */
const encodingBlocks = (dataPrimes: number): readonly number[] => [0.5, 2, dataPrimes];

/** An operation and what it is done to, values by number; an output has a value too, which takes nothing. */
type Done = {
	readonly op: SimpleInstruction['op'];
	readonly operands: readonly number[];
	readonly level: number;
	readonly size: number;
};

/** What the seal backend does, one operation after another. */
const doneIn = (computation: Computation): readonly Done[] => {
	const done: Done[] = [];
	const held = new Map<number, number>();
	for (const step of expanded(computation).instructions) {
		const operands = registersRead(step).map((register) => held.get(register) as number);
		const first = done[operands[0] ?? -1];
		for (const register of registersWritten(step)) held.set(register, done.length);
		done.push({ op: step.op, operands, ...resultOf(step, first, operands, done, computation) });
	}
	return done;
};

const resultOf = (
	step: SimpleInstruction,
	first: Done | undefined,
	operands: readonly number[],
	done: readonly Done[],
	{ inputs }: Computation,
): Pick<Done, 'level' | 'size'> => {
	const level = first?.level ?? 0;
	const size = operands.reduce((most, value) => Math.max(most, done[value]?.size ?? 0), 2);
	switch (step.op) {
		case 'input':
			return { level: inputs[step.input]?.level ?? 0, size };
		case 'output':
			return { level, size: 0 };
		case 'multiply':
			return { level, size: 3 };
		case 'relinearize':
			return { level, size: 2 };
		case 'rescale':
			return { level: level - 1, size };
		case 'modSwitch':
			return { level: step.level, size };
		default:
			return { level, size };
	}
};

/** The most blocks of every size at once: of ciphertexts, and of ciphertexts and temporaries together. */
const evaluationBlocks = (
	computation: Computation,
	keepConstants: boolean,
): { readonly ciphertexts: Blocks; readonly all: Blocks } => {
	const { primes } = computation.parameters;
	const encodes = virtualSlots(computation) > 1 && !keepConstants;
	const ops = doneIn(computation);
	const last = lastUses(ops.map(({ operands }) => operands));
	const alive = new Map<number, number>();
	const [ciphertexts, all] = [new Map<number, number>(), new Map<number, number>()];
	const raise = (peaks: Map<number, number>, size: number, count: number): void => {
		peaks.set(size, Math.max(peaks.get(size) ?? 0, count));
	};
	const change = (size: number, by: number): number => {
		const count = (alive.get(size) ?? 0) + by;
		alive.set(size, count);
		return count;
	};
	const sizes = ops.map((op) => sizeOf(op, ops[op.operands[0] ?? -1]));
	ops.forEach((op, id) => {
		const size = sizes[id] as number;
		const count = change(size, 1);
		raise(ciphertexts, size, count);
		raise(all, size, count);
		const readsConstant = op.op === 'addPlain' || op.op === 'multiplyPlain';
		const plaintext = encodes && readsConstant ? [...encodingBlocks(primes.length), op.level + 1] : [];
		for (const [temporary, more] of blocksOf([...temporariesOf(op, ops[op.operands[0] ?? -1]), ...plaintext]))
			raise(all, temporary, (alive.get(temporary) ?? 0) + more);
		for (const read of new Set(op.operands)) if (last[read] === id) change(sizes[read] as number, -1);
		if (last[id] === id) change(size, -1);
	});
	return { ciphertexts, all };
};

/** A result is a copy of its operand that SEAL works on, and keeps the size of that copy when the value becomes smaller. */
const sizeOf = (op: Done, operand: Done | undefined): number => {
	const shrinks = op.op === 'relinearize' || op.op === 'modSwitch';
	const { size, level } = shrinks && operand !== undefined ? operand : op;
	return size * (level + 1);
};

/** What an operation holds besides its operands and its result; p primes of its operand. */
const temporariesOf = (op: Done, operand: Done | undefined): readonly number[] => {
	const { level, size } = operand ?? op;
	const p = level + 1;
	// The polynomial as coefficients, its products with the key, an accumulator of 128 bits, one digit.
	const keySwitch = [p, 2 * (p + 1), 4, 1];
	switch (op.op) {
		case 'input':
			return [p];
		case 'rotate':
			return [p, ...keySwitch];
		case 'relinearize':
			return keySwitch;
		case 'multiply':
			return [2 * p];
		case 'combine':
			return [2 * p, 2 * p, p, p];
		case 'rescale':
			return [size * p, 1];
		case 'modSwitch':
			return [size * (p - 1)];
		default:
			return [];
	}
};
