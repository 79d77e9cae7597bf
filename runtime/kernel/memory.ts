import type { Computation, Instruction, MemoryNeeds } from '../plan.ts';
import { inputLength, keySlots, SEED_BYTES } from '../sizes.ts';
import { type Arena, aligned, arenaOf, type KernelSizes, keepsConstants, logOf, polynomialBytes } from './arena.ts';
import { keyUses, type Residency, residencyOf, stagedKeys, WASM_BYTES } from './residency.ts';

/**
 * How much memory the kernel takes, and in what order: all of it follows from the plan, so what is predicted is what is taken.
 *
 *     reserved | context | encoder | automorphisms | lists | staging | scratch | constants | arena | key sets | stage
 *
 * Ciphertexts, digits and what single instructions need lie in the *arena* (`arena.ts`). Keys that have no place in a wasm
 * memory lie outside and come to the *stage* (`residency.ts`).
 */
export type KernelBlocks = {
	/** What the module itself may use, and the barrier of the threads at its end. */
	readonly reserved: number;
	/** Roots and other tables of the moduli. */
	readonly context: number;
	readonly encoder: number;
	/** A table for each distinct rotation, for all key sets. */
	readonly automorphisms: number;
	/** Addresses of terms and plaintexts, and weights. */
	readonly lists: number;
	/** For each thread a row as sent, or values to be encoded. */
	readonly staging: number;
	/** What single calls need. */
	readonly scratch: number;
	/** Encoded constants, where they are kept. */
	readonly constants: number;
	readonly arena: number;
};

/** What each thread needs for its share of a combination; all else that threads have of their own takes less. */
const THREAD_SCRATCH = 268288;

/** What the kernel's own functions of these names return, for those who have no kernel at hand. */
export const KERNEL_SIZES: KernelSizes = {
	contextBytes: (logN, moduli) => 16 * Math.ceil((32 + 16 * moduli * (moduli + 1)) / 16) + moduli * rowBytes(logN),
	encoderBytes: (logN) => 10 * 2 ** logN + 128,
	digitBytes: (logN, primes) => primes * (primes + 1) * (rowBytes(logN) + 64),
	keyBytes: (logN, primes) => 2 * primes * (primes + 1) * rowBytes(logN),
	scratchBytes: (logN, primes, threads) =>
		Math.max(
			KERNEL_SIZES.digitBytes(logN, primes) + primes * rowBytes(logN),
			3 * (primes + 1) * rowBytes(logN),
			4 * 2 ** logN,
			threads * THREAD_SCRATCH,
		),
};

const rowBytes = (logN: number): number => 8 * 2 ** logN;

/** One page: what a module without data of its own may use of the memory. */
const RESERVED = 65536;

/** Bytes of one row as sent or as values to be encoded, and of a seed. */
export const stagingBytes = (ringDegree: number): number => aligned(8 * ringDegree + SEED_BYTES);

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Bytes of the addresses and weights of one instruction. */
export const listBytes = (instruction: Instruction): number => {
	if (instruction.op === 'sumProducts') return 2 * aligned(4 * instruction.terms.length);
	if (instruction.op !== 'combine') return 0;
	const { terms, to } = instruction;
	return aligned(4 * terms.length) + aligned(4 * to.length) + aligned(8 * terms.length * to.length);
};

/** Bytes of each encoded constant. */
export const constantBytes = ({ parameters, constants }: Computation): readonly number[] =>
	constants.map(({ level, extended }) => aligned(polynomialBytes(parameters.ringDegree, level, extended === true)));

/** Bytes of each evaluation key in the memory, in the order of `keySlots`. */
export const keyBytes = ({ parameters, keys }: Computation, sizes: KernelSizes): readonly number[] =>
	keySlots(keys).map(({ level }) => aligned(sizes.keyBytes(logOf(parameters.ringDegree), level + 1)));

/** While keys are loaded no evaluation runs: the rows of a digit, as sent and from its seed, lie in the arena. */
const keyLoadBytes = ({ parameters, keys }: Computation): number => {
	const level = keySlots(keys).reduce((most, slot) => Math.max(most, slot.level), -1);
	return level < 0 ? 0 : 2 * polynomialBytes(parameters.ringDegree, level, true);
};

/** Bytes of each block but the key sets, all multiples of 64. */
const kernelBlocks = (
	program: Computation,
	arena: Arena,
	keep: boolean,
	sizes: KernelSizes,
	threads: number,
): KernelBlocks => {
	const { ringDegree, primes } = program.parameters;
	const log = logOf(ringDegree);
	return {
		reserved: RESERVED,
		context: aligned(sizes.contextBytes(log, primes.length + 1)),
		encoder: program.constants.length > 0 ? aligned(sizes.encoderBytes(log)) : 0,
		automorphisms: program.keys.steps.length * aligned(4 * ringDegree),
		lists: sum(program.instructions.map(listBytes)),
		staging: threads * stagingBytes(ringDegree),
		scratch: aligned(sizes.scratchBytes(log, primes.length, threads)),
		constants: keepsConstants(program, keep) ? sum(constantBytes(program)) : 0,
		arena: aligned(Math.max(arena.bytes, keyLoadBytes(program))),
	};
};

const inputBytes = ({ inputs, parameters }: Computation): number =>
	sum(inputs.map(({ parts, level }) => parts * inputLength(parameters, level)));

/** What an evaluation may take: threads, and the bytes at which the wasm memory ends. */
export type KernelRoom = { readonly threads?: number | undefined; readonly cap?: number | undefined };

/** Where everything of a program goes. */
export type Footprint = {
	readonly arena: Arena;
	readonly blocks: KernelBlocks;
	readonly keys: Residency;
	/** Bytes of the inputs as sent, which several threads find in memory that they share outside the wasm memory. */
	readonly inputs: number;
};

/** The wasm memory may be too small for it all the same: see `wasmBytes`. */
export const footprintOf = (
	program: Computation,
	keep: boolean,
	sizes: KernelSizes,
	{ threads = 1, cap = WASM_BYTES }: KernelRoom = {},
): Footprint => {
	const arena = arenaOf(program, sizes, keep);
	const blocks = kernelBlocks(program, arena, keep, sizes, threads);
	const room = cap - sum(Object.values(blocks));
	const keys = residencyOf(keyUses(program), keyBytes(program, sizes), room);
	return { arena, blocks, keys, inputs: threads > 1 ? inputBytes(program) : 0 };
};

/** Bytes of the wasm memory with one key set, whose keys have these lengths. */
export const wasmBytes = ({ blocks, keys: { inside, stage } }: Footprint, bytes: readonly number[]): number =>
	sum(Object.values(blocks)) + sum(bytes.filter((_, key) => inside[key])) + stage;

const needsOf = ({ blocks, keys, inputs }: Footprint, bytes: readonly number[]): MemoryNeeds => {
	const { reserved, context, encoder, automorphisms, lists, staging, scratch, constants, arena } = blocks;
	return {
		context: reserved + context + encoder + automorphisms + lists + staging,
		keys: sum(bytes),
		constants,
		ciphertexts: arena,
		temporaries: scratch + keys.stage + inputs,
	};
};

/** What a plan needs with one key set, keys and inputs that lie outside the wasm memory included. */
export const kernelNeeds = (
	program: Computation,
	keep: boolean,
	sizes: KernelSizes,
	room: KernelRoom = {},
): MemoryNeeds => needsOf(footprintOf(program, keep, sizes, room), keyBytes(program, sizes));

/** Bytes that are copied to the stage in a millisecond: 7 to 13 MB measured. */
export const COPIED_PER_MILLISECOND = 10e6;
/** Bytes of plaintexts that are encoded in a millisecond: of 1.75 to 2.1 MB measured at ring degrees of 4096 to 32768. */
const ENCODED_PER_MILLISECOND = 1.9e6;

/** For each instruction the bytes of the key that is copied to the stage before it, within `room`. */
export const copiedBytes = (
	program: Computation,
	keep: boolean,
	sizes: KernelSizes,
	room: KernelRoom = {},
): readonly number[] => {
	const bytes = keyBytes(program, sizes);
	if (bytes.length === 0) return [];
	const { inside } = footprintOf(program, keep, sizes, room).keys;
	return stagedKeys(keyUses(program), inside).map((key) => (key === undefined ? 0 : (bytes[key] ?? 0)));
};

/** Bytes of the plaintexts that one evaluation encodes where constants are not kept. */
const encodedBytes = (program: Computation): number => {
	const bytes = constantBytes(program);
	const of = (constants: readonly number[]): number => sum(constants.map((constant) => bytes[constant] ?? 0));
	return sum(
		program.instructions.map((step) =>
			step.op === 'sumProducts' ? of(step.constants) : step.op === 'addPlain' ? of([step.constant]) : 0,
		),
	);
};

/** What of the memory is decided when a program is loaded. */
export type KernelBudget = { readonly keepConstants: boolean; readonly needs: MemoryNeeds };

/**
 * Do encoded constants stay (`may`: where they may)? Yes, where everything fits within `limit` bytes and all keys have a place in
 * the wasm memory. Where they push keys out of it, what takes less time: copying those keys to the stage, as often as they change
 * there, or encoding the constants at each use. A byte of a constant takes five times as long to encode as one of a key to copy, but it is
 * needed once in an evaluation, and a key may be copied many times: neither always goes first. Giving up constants is all that
 * helps against `limit`: outside keys take the same bytes. What is returned may not fit, where nothing does.
 */
export const kernelBudget = (
	program: Computation,
	may: boolean,
	sizes: KernelSizes,
	{ limit = Number.POSITIVE_INFINITY, ...room }: KernelRoom & { readonly limit?: number | undefined } = {},
): KernelBudget => {
	const bytes = keyBytes(program, sizes);
	const option = (keepConstants: boolean) => {
		const footprint = footprintOf(program, keepConstants, sizes, room);
		const needs = needsOf(footprint, bytes);
		const fits = sum(Object.values(needs)) <= limit && wasmBytes(footprint, bytes) <= (room.cap ?? WASM_BYTES);
		const encoded = keepsConstants(program, true) && !keepConstants ? encodedBytes(program) : 0;
		const milliseconds = footprint.keys.copied / COPIED_PER_MILLISECOND + encoded / ENCODED_PER_MILLISECOND;
		return { budget: { keepConstants, needs }, fits, milliseconds, copied: footprint.keys.copied };
	};
	if (!may) return option(false).budget;
	const kept = option(true);
	if (kept.fits && kept.copied === 0) return kept.budget;
	const lean = option(false);
	return kept.fits && (!lean.fits || kept.milliseconds <= lean.milliseconds) ? kept.budget : lean.budget;
};
