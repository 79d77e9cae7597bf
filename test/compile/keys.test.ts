import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Compiled, CompileError, type CompileOptions, compile } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { createClient } from '../../runtime/client.ts';
import { createServer } from '../../runtime/server.ts';
import { keyLength, keyLengths, keySlots } from '../../runtime/sizes.ts';
import { calibrationOf, convolutional, perceptron, sampleOf } from './models.ts';
import { randomModel } from './random.ts';
import { checkModel } from './support.ts';

const bytes = convolutional();
const free = compile(bytes);
const few = compile(bytes, { maxKeys: 4 });

/** The issue of a compilation that is refused; undefined when it is not. */
const refusal = (model: Uint8Array, options: CompileOptions): { message: string; hint?: string } | undefined => {
	try {
		compile(model, options);
		return undefined;
	} catch (error) {
		if (!(error instanceof CompileError)) throw error;
		assert.is(error.issues[0]?.code, 'option');
		return error.issues[0];
	}
};

const keysOf = ({ program }: Compiled): number => keySlots(program.client.keys).length;

test('with --max-keys 4 a convolution, square and dense layer use four keys and compute the same', async () => {
	assert.ok(keysOf(free) > 4, 'else the limit is none');
	const compiled = await checkModel(bytes, [sampleOf({ x: 144 })], { options: { maxKeys: 4 }, reference: false });
	assert.is(keysOf(compiled), 4);
});

test('the report states what fewer keys cost: exactly the difference to the program without the limit', () => {
	const { keys, counts, predicted } = few.report;
	assert.is(keys.limit?.maxKeys, 4);
	assert.equal(keys.limit?.unlimited, {
		count: free.report.keys.count,
		bytes: free.report.keys.bytes,
		evaluateMs: free.report.predicted.evaluateMs,
	});
	assert.is(keys.limit?.extraRotations, counts.rotations - free.report.counts.rotations);
	const difference = predicted.evaluateMs - free.report.predicted.evaluateMs;
	assert.ok(Math.abs((keys.limit?.extraMs ?? 0) - difference) <= 0.02 * predicted.evaluateMs);
	assert.ok((keys.limit?.extraRotations ?? 0) > 0 && keys.bytes < free.report.keys.bytes);
	assert.is(free.report.keys.limit, undefined);
});

test('every step without a key is a sum of steps that have one', () => {
	for (const { report } of [few, compile(bytes, { maxKeys: 4, batch: 4 })]) {
		const { keys, parameters } = report;
		const composed = keys.limit?.composed ?? [];
		assert.ok(composed.length > 0);
		for (const { step, by } of composed) {
			assert.not(keys.steps.includes(step));
			assert.ok(by.every((part) => keys.steps.includes(part)));
			assert.is(by.reduce((sum, part) => sum + part, 0) % parameters.slots, step);
		}
	}
});

test('a limit that is kept anyhow changes nothing', () => {
	const { count, bytes: sent } = free.report.keys;
	for (const options of [{ maxKeys: count }, { maxKeyBytes: sent }])
		assert.equal(compile(bytes, options).program, free.program);
});

test('keys fit the bytes that are allowed, and are as few as that takes', () => {
	const { count, bytes: sent } = free.report.keys;
	for (const share of [0.9, 0.7, 0.5]) {
		const { keys } = compile(bytes, { maxKeyBytes: Math.floor(share * sent) }).report;
		assert.ok(keys.bytes <= share * sent && keys.count < count);
	}
});

test('optimised for keys, a program has fewer than its steps while that costs little time', () => {
	const { keys, predicted } = compile(bytes, { optimize: 'keys' }).report;
	const unlimited = keys.limit?.unlimited ?? { count: 0, bytes: 0, evaluateMs: 0 };
	assert.ok(keys.count < unlimited.count && keys.bytes < unlimited.bytes);
	// A quarter more time, and what the parameters found anew may differ by.
	assert.ok(predicted.evaluateMs <= 1.3 * unlimited.evaluateMs);
	assert.ok(keys.count < free.report.keys.count);
});

test('a limit that would cost too much is refused, and the limit that the refusal names is kept', () => {
	const one = refusal(bytes, { maxKeys: 1 });
	const keys = Number(/--max-keys (\d+)/.exec(one?.hint ?? '')?.[1]);
	assert.is(compile(bytes, { maxKeys: keys }).report.keys.count, keys);
	assert.ok(refusal(bytes, { maxKeys: keys - 1 }) !== undefined);
	const tight = refusal(bytes, { maxKeyBytes: 1000 });
	const allowed = Number(/--max-key-bytes (\d+)/.exec(tight?.hint ?? '')?.[1]);
	assert.ok(compile(bytes, { maxKeyBytes: allowed }).report.keys.bytes <= allowed);
});

test('limits that are no numbers of keys or bytes are refused', () => {
	for (const options of [{ maxKeys: 0 }, { maxKeys: 2.5 }, { maxKeyBytes: -1 }, { maxKeyBytes: Number.NaN }])
		assert.match(refusal(bytes, options)?.message ?? '', /cannot be a limit/);
});

test('random networks within any limit compute the same as without', async () => {
	const cases = fc.tuple(randomModel(), fc.integer({ min: 2, max: 6 }));
	let limited = 0;
	await fc.assert(
		fc.asyncProperty(cases, async ([random, maxKeys]) => {
			if (random === undefined) return;
			try {
				const options = { maxKeys, degree: 2, calibration: calibrationOf(random.sizes, 4) };
				const compiled = await checkModel(random.bytes, [sampleOf(random.sizes)], { options, reference: false });
				assert.ok(keysOf(compiled) <= maxKeys);
				if (compiled.report.keys.limit !== undefined) limited++;
			} catch (error) {
				if (!(error instanceof CompileError) || error.issues[0]?.code !== 'option') throw error;
			}
		}),
		{ numRuns: 8, seed: 5, endOnFailure: true },
	);
	assert.ok(limited > 0, 'some limit made a difference');
});

test('keys are sent for the levels they are used at, in exactly the bytes that were predicted, and evaluate', async () => {
	const { program, stages, report } = few;
	const { parameters, keys } = program.client;
	const whole = keyLength(parameters, parameters.primes.length - 1);
	assert.ok(
		keyLengths(parameters, keys).some((length) => length < whole),
		'some key is used below the top only',
	);
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	const message = await client.evaluationKeys();
	assert.is(message.length, report.keys.bytes);
	await server.loadKeys(message);
	const sample = sampleOf({ x: 144 });
	const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt(sample)));
	const expected = evaluate(stages.core, sample);
	for (const { name, predictedError } of program.client.outputs) {
		const raw = outputs.get(name)?.raw.data as Float64Array;
		const error = Math.max(...raw.map((value, i) => Math.abs(value - (expected.get(name)?.[i] ?? Number.NaN))));
		assert.ok(error > 0 && error <= predictedError, `${name}: error ${error}, predicted at most ${predictedError}`);
	}
	client.dispose();
	await server.dispose();
});

test('a rotation key serves the highest level that the plan rotates at by its step', () => {
	const { circuit } = compile(perceptron('Tanh', [12, 9, 4])).stages.solution;
	const { keys } = compile(perceptron('Tanh', [12, 9, 4])).program.server;
	const levels = new Map<number, number[]>();
	for (const op of circuit.ops)
		if (op.kind === 'rotate') levels.set(op.steps, [...(levels.get(op.steps) ?? []), op.level]);
	assert.equal(
		keys.steps,
		[...levels].map(([step, at]) => ({ step, level: Math.max(...at) })).sort((a, b) => a.step - b.step),
	);
	assert.is(keys.relinearization, Math.max(...circuit.ops.map((op) => (op.kind === 'relinearize' ? op.level : -1))));
});

test.run();
