import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { budgetOf, totalMemory } from '../../compiler/codegen/budget.ts';
import { instructionTimes } from '../../compiler/codegen/times.ts';
import { type Instruction, MOST_MEMORY, type ServerProgram } from '../../runtime/plan.ts';
import { makeParameters, makeProgram } from '../runtime/support.ts';

const N = 32768;
const PRIMES = 14;
const LEVEL = PRIMES - 1;
/** Bytes of a key. */
const KEY = 2 * PRIMES * (PRIMES + 1) * 8 * N;
const ONES = new Float64Array(N / 2).fill(1);
const parameters = makeParameters(N, [46, ...new Array<number>(LEVEL).fill(40)], 48);

/** The sum of rotations of one input by different steps, each with a key of its own, times the sum of constants. */
const rotations = (count: number, constants = 1): ServerProgram => {
	const steps = Array.from({ length: count }, (_, i) => i + 1);
	const factors = Array.from({ length: constants }, () => ({ level: LEVEL, scale: 2 ** 40, values: ONES }));
	const instructions: Instruction[] = [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'decompose', to: 1, a: 0 },
		{ op: 'rotate', to: 2, a: 0, digits: 1, steps: 1 },
		...steps.slice(1).flatMap((step): Instruction[] => [
			{ op: 'rotate', to: 3, a: 0, digits: 1, steps: step },
			{ op: 'add', to: 2, a: 2, b: 3 },
		]),
		{ op: 'modDown', to: 2, a: 2 },
		{ op: 'sumProducts', to: 2, terms: new Array<number>(constants).fill(2), constants: [...factors.keys()] },
		{ op: 'output', a: 2, output: 0, part: 0 },
	];
	const { server } = makeProgram({
		parameters,
		batch: 1,
		inputs: [{ shape: [N / 2], level: LEVEL, scale: 2 ** 40 }],
		keys: { steps: steps.map((step) => ({ step, level: LEVEL })) },
		constants: factors,
		outputs: [{ level: LEVEL, scale: 2 ** 80 }],
		instructions,
	});
	return { ...server, registers: 4 };
};

/** Predicted milliseconds of each rotation. */
const timesOf = (program: ServerProgram): readonly number[] => {
	const times = instructionTimes(program, true);
	return program.instructions.flatMap(({ op }, i) => (op === 'rotate' ? [times[i] as number] : []));
};

test('keys beyond a wasm memory are predicted to be in memory, constants beside them, and their copies to take time', () => {
	const keys = 45;
	assert.ok(keys * KEY > 2 ** 32);
	const { keepConstants, memory } = budgetOf(rotations(keys), { objective: 'latency', backend: 'kernel' });
	assert.is(keepConstants, true);
	assert.is(memory.keys, keys * KEY);
	const few = budgetOf(rotations(2), { objective: 'latency', backend: 'kernel' }).memory;
	// The stage holds a key; each rotation has a table of 4 N bytes.
	assert.is(memory.temporaries, few.temporaries + KEY);
	assert.is(memory.context, few.context + (keys - 2) * 4 * N);
	const outside = keys - Math.floor((2 ** 32 - (totalMemory(memory) - memory.keys)) / KEY);
	const [plain = 0] = timesOf(rotations(1));
	const slower = timesOf(rotations(keys)).map((ms) => ms - plain);
	assert.is(slower.filter((ms) => ms > 0).length, outside);
	assert.ok(outside > 4 && slower.every((ms) => ms === 0 || Math.abs(ms * 10e6 - KEY) < 1));
});

test('for throughput constants are given up to stay within what one wasm memory holds', () => {
	const target = { objective: 'throughput', backend: 'kernel' } as const;
	const [part, full, over] = [budgetOf(rotations(32), target), budgetOf(rotations(32, 150), target), rotations(45)];
	assert.is(part.keepConstants, true);
	assert.is(full.keepConstants, false);
	assert.ok(totalMemory(full.memory) <= MOST_MEMORY);
	assert.is(budgetOf(rotations(32, 150), { objective: 'latency', backend: 'kernel' }).keepConstants, true);
	// What exceeds it without constants, too, need not encode them at each use.
	assert.is(budgetOf(over, target).keepConstants, true);
});

test.run();
