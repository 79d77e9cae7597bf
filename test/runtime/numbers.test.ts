import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { Constants, readConstants } from '../../runtime/constants.ts';
import { Executor, type Ports } from '../../runtime/execute.ts';
import { expanded } from '../../runtime/expand.ts';
import { encodedNumber } from '../../runtime/noise.ts';
import type { Program } from '../../runtime/plan.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import {
	makeProgram,
	maxDifference,
	refusalOf,
	refusalOfAsync,
	SCALE,
	SMALL,
	sampleOf,
	setUp,
	simple,
} from './support.ts';

const SLOTS = SMALL.ringDegree / 2;

test('a number encoded for SEAL is decoded as the nearest multiple of the unit in every slot, at every level', async () => {
	const context = new SealContext(await loadSeal(), SMALL, { steps: [] });
	for (const level of [0, 1])
		for (const value of [0.3, -0.3, 1, -7.25, 1e-3, 1e-12, -1e-12, 200]) {
			const { object, shape } = context.encodeNumber(value, level, SCALE);
			const decoded = context.decode(object);
			const units = Math.round(value * SCALE) || Math.sign(value);
			assert.ok(
				maxDifference(decoded, new Float64Array(SLOTS).fill(units / SCALE)) < 1e-9 * Math.max(1, Math.abs(value)),
			);
			assert.equal(shape, { level, scale: SCALE, zero: false });
			release(object);
		}
	context.dispose();
});

test('what stands for a number is within half a unit of it, or the smallest that is not zero', () => {
	for (const value of [0.3, -12.7, 1e-3, 5e-7]) assert.ok(Math.abs(encodedNumber(value, 2 ** 20) - value) <= 2 ** -21);
	assert.is(encodedNumber(1e-9, 2 ** 20), 2 ** -20);
	assert.is(encodedNumber(-1e-9, 2 ** 20), -(2 ** -20));
	assert.is(encodedNumber(0, 2 ** 20), 0);
});

/** 0.5 x - 2 x' + 3 x'' of three inputs. */
const combination = (): Program => {
	const program = makeProgram({
		inputs: [{ shape: [8] }, { shape: [8] }, { shape: [8] }],
		instructions: [
			{ op: 'input', to: 0, input: 0, part: 0 },
			{ op: 'input', to: 1, input: 1, part: 0 },
			{ op: 'input', to: 2, input: 2, part: 0 },
			{ op: 'combine', to: [0], terms: [0, 1, 2], offset: 0, level: 1, scale: 2 ** 10 },
			{ op: 'output', a: 0, output: 0, part: 0 },
		],
		outputs: [{ level: 1, scale: SCALE * 2 ** 10 }],
	});
	return { ...program, constants: Float64Array.of(0.5, -2, 3) };
};

test('a combination is the sum of its terms by their numbers, and leaves no handle', async () => {
	const { backend, executor, ports, outputs } = setUp(simple(combination()));
	const [x, y, z] = [1, 2, 3].map((seed) => sampleOf(SLOTS, seed)) as [Float64Array, Float64Array, Float64Array];
	const expected = x.map((value, t) => 0.5 * value - 2 * (y[t] as number) + 3 * (z[t] as number));
	executor.runSync(ports);
	assert.ok(maxDifference(outputs[0] as Float64Array, expected) < 1e-12);
	await executor.run(ports);
	assert.ok(maxDifference(outputs[0] as Float64Array, expected) < 1e-12);
	assert.is(backend.live, 0);
});

test('constants of one virtual slot are encoded as numbers at every use, whether vectors are kept or not', () => {
	const batch = SLOTS;
	const program = makeProgram({
		batch,
		inputs: [{ shape: [1] }],
		constants: [{ level: 1, scale: 2 ** 10, values: Float64Array.of(0.25) }],
		instructions: [
			{ op: 'input', to: 0, input: 0, part: 0 },
			{ op: 'sumProducts', to: 0, terms: [0], constants: [0] },
			{ op: 'output', a: 0, output: 0, part: 0 },
		],
		outputs: [{ level: 1, scale: SCALE * 2 ** 10 }],
	});
	for (const cache of [true, false]) {
		const backend = new ClearBackend(program.server.parameters, program.server.keys);
		const counts = { vectors: 0, numbers: 0, disposed: 0 };
		const encoder = {
			encode: (...args: Parameters<typeof backend.encode>) => {
				counts.vectors++;
				return backend.encode(...args);
			},
			encodeNumber: (...args: Parameters<typeof backend.encodeNumber>) => {
				counts.numbers++;
				return backend.encodeNumber(...args);
			},
			disposePlain: (plain: Parameters<typeof backend.disposePlain>[0]) => {
				counts.disposed++;
				backend.disposePlain(plain);
			},
		};
		const constants = new Constants(program.server, program.constants, encoder, cache);
		const executor = new Executor(expanded(program.server), constants, backend);
		const outputs: Float64Array[] = [];
		const ports: Ports<ClearCiphertext> = {
			load: () => backend.encrypt(sampleOf(SLOTS), 1, SCALE),
			store: (_output, _part, ciphertext) => void outputs.push(backend.decrypt(ciphertext)),
		};
		executor.runSync(ports);
		executor.runSync(ports);
		constants.dispose();
		assert.equal(counts, { vectors: 0, numbers: 2, disposed: 2 });
		const expected = sampleOf(SLOTS).map((value) => value / 4);
		for (const output of outputs) assert.ok(maxDifference(output, expected) < 1e-12);
	}
});

test('constants that end before the numbers of a combination are refused', () => {
	const { server } = combination();
	assert.is(readConstants(server, new Uint8Array(8 * 3)).length, 3);
	assert.is(
		refusalOf(() => readConstants(server, new Uint8Array(8 * 2))),
		'program',
	);
});

test('a combination that is aborted or fails in the middle leaves no handle', async () => {
	const { backend, executor, ports } = setUp(simple(combination()));
	const multiply = backend.multiplyPlain.bind(backend);
	const controller = new AbortController();
	let products = 0;
	backend.multiplyPlain = (a, plain) => {
		if (++products === 2) controller.abort();
		return multiply(a, plain);
	};
	const error = await refusalOfAsync(executor.run(ports, { signal: controller.signal }));
	assert.is(error.code, 'aborted');
	assert.is(products, 2);
	assert.is(backend.live, 0);
	const program = combination();
	const broken = setUp(simple({ ...program, constants: program.constants.slice(0, 2) }));
	assert.is(
		refusalOf(() => broken.executor.runSync(broken.ports)),
		'program',
	);
	assert.is(broken.backend.live, 0);
});

test.run();
