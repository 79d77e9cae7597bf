import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CkksCircuit, Kind } from '../../compiler/ckks/circuit.ts';
import { evaluateAll } from '../../compiler/ckks/evaluate.ts';
import { extensionOf } from '../../compiler/codegen/extension.ts';
import { verify } from '../../compiler/codegen/verify.ts';
import { SlotBuilder } from '../../compiler/slots/circuit.ts';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { Constants, interleave } from '../../runtime/constants.ts';
import { Executor } from '../../runtime/execute.ts';
import { expanded } from '../../runtime/expand.ts';
import { type Instruction, type Port, type Program, registersWritten } from '../../runtime/plan.ts';
import { type CiphertextValue, type Value, valuesOf } from '../../runtime/values.ts';
import { plain } from '../ckks/support.ts';
import { maxDifference } from '../runtime/support.ts';
import { circuitOf, lowered, planOf, RING } from './circuits.ts';

const SLOTS = 8;
const BATCH = RING / 2 / SLOTS;

const inputs = new Map([
	['x', [plain(SLOTS, 3), plain(SLOTS, 4)]],
	['z', [plain(SLOTS, 5)]],
]);

/** outputs[output][part] of a plan in the clear, virtual slots of the first sample. */
const outputsOf = ({ server, constants }: Program): Float64Array[][] => {
	const simple = expanded(server);
	const backend = new ClearBackend(server.parameters, server.keys);
	const outputs: Float64Array[][] = server.outputs.map(() => []);
	new Executor<ClearCiphertext, unknown>(
		simple,
		new Constants(simple, constants, backend, true),
		backend as never,
	).runSync({
		load: (input, part) => {
			const { name, level, scale } = server.inputs[input] as Port;
			const values = inputs.get(name)?.[part] as Float64Array;
			return backend.encrypt(interleave(values, server.batch), level, scale);
		},
		store: (output, part, ciphertext) => {
			const real = backend.decrypt(ciphertext);
			(outputs[output] as Float64Array[])[part] = Float64Array.from(
				{ length: SLOTS },
				(_, t) => real[t * server.batch] as number,
			);
		},
	});
	return outputs;
};

const countOf = ({ ops }: CkksCircuit, ...kinds: readonly Kind[]): number =>
	ops.filter(({ kind }) => kinds.includes(kind)).length;

const stepsOf = <K extends Instruction['op']>({ server }: Program, op: K) =>
	server.instructions.filter((step): step is Extract<Instruction, { op: K }> => step.op === op);

/** Transforms of one row that divisions by P and by primes take, decompositions of what is extended included. */
const transformsOf = ({ server }: Program): number => {
	const values = valuesOf(server);
	const held = new Map<number, Value>();
	let total = 0;
	server.instructions.forEach((step, k) => {
		const a = ('a' in step ? held.get(step.a) : undefined) as CiphertextValue | undefined;
		const p = (a?.level ?? 0) + 1;
		if (step.op === 'modDown') total += 2 + 2 * p;
		if (step.op === 'decompose' && a?.extended) total += 1 + p;
		if (step.op === 'rescale' && a?.extended) total += 2;
		registersWritten(step).forEach((register, i) => {
			held.set(register, values[k]?.[i] as Value);
		});
	});
	return total;
};

const eagerTransforms = ({ ops }: CkksCircuit): number =>
	ops.reduce((sum, op) => sum + (op.kind === 'rotate' || op.kind === 'relinearize' ? 4 + 2 * op.level : 0), 0);

test('a fused plan computes its circuit with the same rotations and products, and hardly more divisions', () => {
	const property = fc.property(
		fc.array(fc.nat(99991), { minLength: 3, maxLength: 40 }),
		fc.constantFrom('pending' as const, 'settled' as const),
		(numbers, rotation) => {
			const circuit = lowered(circuitOf(SLOTS, numbers), rotation);
			const { program, sources } = planOf(circuit);
			verify(program);
			program.server.instructions.forEach(({ op }, k) => {
				const kind = circuit.ops[sources[k] as number]?.kind;
				if (op === 'sumProducts') assert.is(kind, 'multiplyPlain');
				if (op === 'rotate' || op === 'combine' || op === 'rescale' || op === 'input') assert.is(kind, op);
			});
			const values = evaluateAll(circuit, inputs);
			outputsOf(program).forEach((parts, output) => {
				parts.forEach((found, part) => {
					const expected = values[circuit.outputs[output]?.parts[part] as number] as Float64Array;
					const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
					assert.ok(maxDifference(found, expected) < 1e-11 * largest);
				});
			});
			const rotated = circuit.ops.flatMap((op) => (op.kind === 'rotate' ? [op.a] : []));
			assert.is(stepsOf(program, 'rotate').length, rotated.length);
			assert.is(stepsOf(program, 'decompose').length, new Set(rotated).size);
			assert.is(stepsOf(program, 'relinearize').length, countOf(circuit, 'relinearize'));
			assert.is(stepsOf(program, 'rescale').length, countOf(circuit, 'rescale'));
			assert.is(
				stepsOf(program, 'sumProducts').reduce((sum, { terms }) => sum + terms.length, 0),
				countOf(circuit, 'multiplyPlain'),
			);
			assert.is(
				stepsOf(program, 'combine').reduce((sum, { to }) => sum + to.length, 0),
				countOf(circuit, 'combine'),
			);
			assert.ok(transformsOf(program) <= eagerTransforms(circuit));
		},
	);
	fc.assert(property, { numRuns: 300 });
});

/** Rotations by 1 ... n of an input. */
const rotations = (builder: SlotBuilder, x: number, count: number): number[] =>
	Array.from({ length: count }, (_, k) => builder.rotate(x, k + 1));

/** Instructions by name, how often each. */
const tally = ({ server }: Program): Readonly<Record<string, number>> => {
	const counts: Record<string, number> = {};
	for (const { op } of server.instructions) counts[op] = (counts[op] ?? 0) + 1;
	return counts;
};

test('babies are extended until the rescale, with giants by Horner in between, and are decomposed once', () => {
	const builder = new SlotBuilder(SLOTS);
	const x = builder.input('x', 0);
	const babies = [x, ...rotations(builder, x, 3)];
	const inner = (g: number): number =>
		babies
			.map((baby, k) => builder.multiplyPlain(baby, plain(SLOTS, 10 * g + k)))
			.reduce((sum, product) => builder.add(sum, product));
	const y = builder.add(builder.rotate(inner(0), 4), inner(1));
	const { program } = planOf(lowered(builder.build([{ name: 'y', parts: [builder.multiply(y, y)] }])));
	// Two sums for each inner sum: x is not extended. One more rescale than products are deep: none here waits.
	const { sumProducts, decompose, rotate, modDown } = tally(program);
	assert.equal({ sumProducts, decompose, rotate, modDown }, { sumProducts: 4, decompose: 2, rotate: 4, modDown: 1 });
	const lengths = stepsOf(program, 'sumProducts').map(({ terms }) => terms.length);
	assert.equal([...lengths].sort(), [1, 1, 3, 3]);
	assert.is(program.server.constants.filter(({ extended }) => extended).length, 6);
});

test('folds stay extended up to the one division before what needs it', () => {
	const builder = new SlotBuilder(SLOTS);
	let y = builder.input('x', 0);
	for (const step of [4, 2, 1]) y = builder.add(y, builder.rotate(y, step));
	const { program } = planOf(lowered(builder.build([{ name: 'y', parts: [y] }])));
	const { decompose, rotate, add, modDown } = tally(program);
	assert.equal({ decompose, rotate, add, modDown }, { decompose: 3, rotate: 3, add: 3, modDown: 1 });
});

test('a rotation that many separately rescaled values read is divided by P at once', () => {
	const plans = [1, 12].map((count) => {
		const builder = new SlotBuilder(SLOTS);
		const turned = builder.rotate(builder.input('x', 0), 1);
		const parts = Array.from({ length: count }, (_, k) => {
			const product = builder.multiplyPlain(turned, plain(SLOTS, k));
			return builder.multiply(product, product);
		});
		const circuit = lowered(builder.build([{ name: 'y', parts }]));
		return { circuit, extension: extensionOf(circuit) };
	});
	const passed = plans.map(({ circuit, extension }) => {
		const id = circuit.ops.findIndex(({ kind }) => kind === 'rotate');
		return extension.passed[id];
	});
	assert.equal(passed, [true, false]);
});

/** `count` combinations of two inputs; all of them first, or each just before what reads it. */
const combinations = (count: number, first: boolean): Program => {
	const builder = new SlotBuilder(SLOTS);
	const terms = [builder.input('x', 0), builder.input('x', 1)];
	const made = (k: number): number => builder.combine(terms, Float64Array.of((k + 1) / count, 0.25));
	const all = first ? Array.from({ length: count }, (_, k) => made(k)) : [];
	let sum: number | undefined;
	for (let k = 0; k < count; k++) {
		const turned = builder.rotate(all[k] ?? made(k), 1 + (k % (SLOTS - 1)));
		sum = sum === undefined ? turned : builder.add(sum, turned);
	}
	return planOf(lowered(builder.build([{ name: 'y', parts: [sum as number] }]))).program;
};

test('combinations of the same terms are one instruction, 128 results at most', () => {
	const program = combinations(150, true);
	const steps = stepsOf(program, 'combine');
	assert.equal(
		steps.map(({ to }) => to.length),
		[128, 22],
	);
	// Weights of each instruction in turn, all of them distinct.
	const offsets = steps.map(({ offset }) => offset).sort((a, b) => a - b);
	assert.equal(offsets, [0, 2 * 128]);
	assert.is(program.constants.length, 2 * 150);
});

test('combinations that would wait for their readers are done when these are', () => {
	const program = combinations(150, false);
	assert.ok(stepsOf(program, 'combine').every(({ to }) => to.length <= 2));
	assert.ok(program.server.registers < 12);
});

test('combinations that are outputs are written as soon as they are there', () => {
	const builder = new SlotBuilder(SLOTS);
	const terms = Array.from({ length: 60 }, (_, k) => builder.input('x', k));
	const parts = Array.from({ length: 24 }, (_, n) => [
		builder.combine(
			terms,
			Float64Array.from(terms, (_, k) => Math.sin(60 * n + k + 1)),
		),
		builder.rotate(terms[n] as number, 1),
	]).flat();
	const { program } = planOf(lowered(builder.build([{ name: 'y', parts }])));
	const { instructions, outputs } = program.server;
	const together = stepsOf(program, 'combine').map(({ to }) => to.length);
	assert.equal(together, [16, 8]);
	instructions.forEach((step, k) => {
		if (step.op !== 'combine') return;
		const next = instructions.slice(k + 1, k + 1 + step.to.length);
		assert.ok(next.every(({ op }) => op === 'output'));
	});
	assert.is(stepsOf(program, 'output').length, outputs[0]?.parts);
});

test('rotation steps are in real slots', () => {
	const builder = new SlotBuilder(SLOTS);
	const { program } = planOf(
		lowered(builder.build([{ name: 'y', parts: [builder.rotate(builder.input('x', 0), 3)] }])),
	);
	assert.equal(
		stepsOf(program, 'rotate').map(({ steps }) => steps),
		[3 * BATCH],
	);
});

test.run();
