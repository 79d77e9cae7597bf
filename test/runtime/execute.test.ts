import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { Constants, interleave } from '../../runtime/constants.ts';
import { Executor, type Ports } from '../../runtime/execute.ts';
import type { SimpleInstruction } from '../../runtime/expand.ts';
import {
	everyOperation,
	makeProgram,
	refusalOf,
	refusalOfAsync,
	SCALE,
	SMALL,
	sampleOf,
	setUp,
	simple,
	withSimple,
} from './support.ts';

const SLOTS = 2048;
const empty = makeProgram({ inputs: [], outputs: [], instructions: [] });

test('every handle is disposed once when a run succeeds', async () => {
	const { backend, executor, ports, outputs } = setUp(simple(everyOperation()));
	await executor.run(ports);
	assert.is(outputs.length, 3);
	assert.is(backend.live, 0);
	executor.runSync(ports);
	assert.is(backend.live, 0);
});

test('every handle is disposed once when a run fails at any instruction', () => {
	const program = simple(everyOperation());
	const { instructions } = program.server;
	for (let i = 1; i < instructions.length; i++) {
		const broken = instructions.with(i, { op: 'rotate', to: 7, a: 0, steps: 1234 });
		const { backend, executor, ports } = setUp(withSimple(program, broken));
		assert.is(
			refusalOf(() => executor.runSync(ports)),
			'misuse',
		);
		assert.is(backend.live, 0);
	}
});

test('an abort stops before the next instruction and leaves no handle', async () => {
	const { backend, executor, ports, outputs } = setUp(simple(everyOperation()));
	const controller = new AbortController();
	const store: typeof ports.store = (...args) => {
		ports.store(...args);
		controller.abort();
	};
	const error = await refusalOfAsync(executor.run({ ...ports, store }, { signal: controller.signal }));
	assert.is(error.code, 'aborted');
	assert.is(outputs.length, 1);
	assert.is(backend.live, 0);
});

test('a long run gives way to the event loop and reports progress', async () => {
	const { executor, ports } = setUp(simple(everyOperation()));
	let turns = 0;
	let running = true;
	const count = (): void => {
		turns++;
		if (running) setImmediate(count);
	};
	const slow = (...args: Parameters<typeof ports.store>): void => {
		for (const end = performance.now() + 60; performance.now() < end; );
		ports.store(...args);
	};
	setImmediate(count);
	const progress: number[] = [];
	await executor.run({ ...ports, store: slow }, { onProgress: ({ done }) => void progress.push(done) });
	running = false;
	const pauses = progress.length - 1;
	assert.ok(pauses >= 2, `${pauses} pauses`);
	assert.ok(turns >= pauses, `${turns} turns in ${pauses} pauses`);
	assert.equal(
		progress,
		[...progress].sort((a, b) => a - b),
	);
	assert.is(progress.at(-1), 16);
});

test('a value is disposed after its last use, even when its register is written again later', () => {
	const chain = (to: number, a: number): SimpleInstruction => ({ op: 'negate', to, a });
	const program = withSimple(empty, [
		{ op: 'input', to: 0, input: 0, part: 0 },
		chain(1, 0),
		chain(2, 1),
		chain(3, 2),
		{ op: 'output', a: 3, output: 1, part: 0 },
		chain(0, 3),
		chain(1, 0),
		{ op: 'output', a: 1, output: 0, part: 0 },
	]);
	const { backend, executor, ports } = setUp(program);
	const live: number[] = [];
	executor.runSync({ ...ports, store: () => void live.push(backend.live) });
	assert.equal(live, [1, 1]);
});

test('a register that is read before it is written is a broken program', () => {
	const { executor, ports } = setUp(withSimple(empty, [{ op: 'negate', to: 0, a: 5 }]));
	assert.is(
		refusalOf(() => executor.runSync(ports)),
		'program',
	);
});

/** Random straight-line programs on four registers; two are written first, so that every read finds something. */
const programs = fc
	.array(
		fc.oneof(
			fc.record({
				op: fc.constantFrom('add' as const, 'subtract' as const),
				to: fc.nat(3),
				a: fc.nat(3),
				b: fc.nat(3),
			}),
			fc.record({ op: fc.constant('negate' as const), to: fc.nat(3), a: fc.nat(3) }),
			fc.record({ op: fc.constant('input' as const), to: fc.nat(3), input: fc.nat(2), part: fc.constant(0) }),
			fc.record({ op: fc.constant('output' as const), a: fc.nat(3), output: fc.nat(5), part: fc.constant(0) }),
		),
		{ maxLength: 30 },
	)
	.map((body): SimpleInstruction[] => [
		...[0, 1, 2, 3].map((to) => ({ op: 'input' as const, to, input: to % 3, part: 0 })),
		...body.filter((instruction) => instruction.op !== 'subtract' || instruction.a !== instruction.b),
	]);

test('registers that are disposed early or overwritten never change a result', () => {
	const property = fc.property(programs, (instructions) => {
		const { backend, executor, outputs, ports } = setUp(withSimple(empty, instructions));
		const expected: number[] = [];
		const first: number[] = [];
		for (const instruction of instructions) {
			const read = (register: number): number => first[register] as number;
			if (instruction.op === 'input') first[instruction.to] = sampleOf(1, 1 + instruction.input)[0] as number;
			else if (instruction.op === 'output') expected[instruction.output] = read(instruction.a);
			else if (instruction.op === 'negate') first[instruction.to] = -read(instruction.a);
			else if (instruction.op === 'add') first[instruction.to] = read(instruction.a) + read(instruction.b);
			else if (instruction.op === 'subtract') {
				// Two registers hold one handle never, so a - b is always allowed.
				first[instruction.to] = read(instruction.a) - read(instruction.b);
			}
		}
		executor.runSync(ports);
		assert.is(backend.live, 0);
		assert.equal(
			outputs.map((output) => output[0]),
			expected,
		);
	});
	fc.assert(property, { numRuns: 150 });
});

test('constants are encoded once with the cache, and at every use without it', () => {
	const { server, constants } = simple(everyOperation());
	for (const [cache, expected] of [
		[true, 2],
		[false, 4],
	] as const) {
		const backend = new ClearBackend(SMALL, server.keys);
		let encoded = 0;
		let disposed = 0;
		const counting = {
			encode: (values: Float64Array, level: number, scale: number) => {
				encoded++;
				return backend.encode(values, level, scale);
			},
			encodeNumber: (value: number, level: number, scale: number) => backend.encodeNumber(value, level, scale),
			disposePlain: () => void disposed++,
		};
		const source = new Constants(server, constants, counting, cache);
		const executor = new Executor(server, source, backend);
		const ports: Ports<ClearCiphertext> = {
			load: () => backend.encrypt(sampleOf(SLOTS), 1, SCALE),
			store: () => undefined,
		};
		executor.runSync(ports);
		executor.runSync(ports);
		assert.is(encoded, expected);
		source.dispose();
		assert.is(disposed, encoded);
	}
});

test('virtual slot t of a constant fills the real slots of every sample', () => {
	assert.equal([...interleave(Float64Array.of(1, 2), 3)], [1, 1, 1, 2, 2, 2]);
});

test.run();
