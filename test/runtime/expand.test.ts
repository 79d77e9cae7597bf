import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expanded } from '../../runtime/expand.ts';
import type { Instruction, Program } from '../../runtime/plan.ts';
import {
	everyAnswer,
	everyKey,
	everyOperation,
	makeProgram,
	maxDifference,
	SCALE,
	SMALL,
	sampleOf,
	setUp,
	simple,
} from './support.ts';

const SLOTS = SMALL.ringDegree / 2;
const ramp = (seed: number): Float64Array => sampleOf(SLOTS, seed);

/** c x + d rot_3(x) by an extended sum and one that is not, and two combinations of x and z. */
const program = (): Program => {
	const steps: readonly Instruction[] = [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'input', to: 1, input: 1, part: 0 },
		{ op: 'combine', to: [6, 7], terms: [0, 1], offset: 2 * SLOTS, level: 1, scale: 2 ** 10 },
		{ op: 'output', a: 6, output: 1, part: 0 },
		{ op: 'output', a: 7, output: 2, part: 0 },
		{ op: 'decompose', to: 1, a: 0 },
		{ op: 'rotate', to: 2, a: 0, digits: 1, steps: 3 },
		{ op: 'sumProducts', to: 3, terms: [2, 2], constants: [2, 3] },
		{ op: 'sumProducts', to: 4, terms: [0], constants: [0] },
		{ op: 'add', to: 3, a: 3, b: 4 },
		{ op: 'modDown', to: 3, a: 3 },
		{ op: 'output', a: 3, output: 0, part: 0 },
	];
	const made = makeProgram({
		inputs: [{ shape: [SLOTS] }, { shape: [SLOTS] }],
		keys: everyKey(SMALL, 3),
		constants: [5, 6].map((seed) => ({ level: 1, scale: 2 ** 10, values: ramp(seed) })),
		instructions: steps,
		outputs: [0, 1, 2].map(() => ({ level: 1, scale: SCALE * 2 ** 10 })),
	});
	const { constants } = made.server;
	const extended = constants.map((constant) => ({ ...constant, extended: true as const }));
	return {
		...made,
		server: { ...made.server, constants: [...constants, ...extended] },
		constants: Float64Array.of(...made.constants, 0.5, -1, 0.25, 2),
	};
};

test('an expanded program computes the same by simple operations, on no more registers than values are alive', () => {
	const { executor, outputs, ports, backend } = setUp(simple(program()));
	executor.runSync(ports);
	assert.is(backend.live, 0);
	const [x, z, c, d] = [1, 2, 5, 6].map(ramp) as [Float64Array, Float64Array, Float64Array, Float64Array];
	const turned = x.map((_, t) => x[(t + 3) % SLOTS] as number);
	const expected = [
		x.map((value, t) => (c[t] as number) * value + ((c[t] as number) + (d[t] as number)) * (turned[t] as number)),
		x.map((value, t) => 0.5 * value - (z[t] as number)),
		x.map((value, t) => 0.25 * value + 2 * (z[t] as number)),
	];
	expected.forEach((values, k) => {
		assert.ok(maxDifference(outputs[k] as Float64Array, values) < 1e-12);
	});
	const { server } = simple(program());
	// x, z and a combination; then x and both; then x, its rotation and a product.
	assert.is(server.registers, 3);
});

test('nothing is extended any more: constants are there once, and each operation names the instruction it comes from', () => {
	const { server } = program();
	const { instructions, constants, sources } = expanded(server);
	assert.equal(
		constants,
		server.constants.filter(({ extended }) => !extended),
	);
	assert.equal(
		instructions.map(({ op }, k) => `${sources[k]} ${op}`),
		[
			'0 input',
			'1 input',
			'2 combine',
			'2 combine',
			'3 output',
			'4 output',
			'6 rotate',
			'7 multiplyPlain',
			'7 multiplyPlain',
			'7 add',
			'8 multiplyPlain',
			'9 add',
			'11 output',
		],
	);
});

test('every operation once gives its answer', () => {
	const { executor, outputs, ports } = setUp(simple(everyOperation(1, SLOTS)));
	executor.runSync(ports);
	everyAnswer(sampleOf(SLOTS), SLOTS).forEach((expected, k) => {
		assert.ok(maxDifference(outputs[k] as Float64Array, expected) < 1e-12);
	});
});

test('a plan that is not legal is refused before anything runs', () => {
	const { server } = program();
	const digits = server.instructions.findIndex(({ op }) => op === 'decompose');
	const broken = server.instructions.with(digits, { op: 'decompose', to: 1, a: 1 });
	assert.throws(() => expanded({ ...server, instructions: broken }), /no digits of it/);
});

test.run();
