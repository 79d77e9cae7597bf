import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Compiled, type CompileOptions, compile } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { createClient } from '../../runtime/client.ts';
import { RefusedError } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer } from '../../runtime/server.ts';
import { node } from '../support/onnx.ts';
import { runEncrypted } from './encrypted.ts';
import { calibrationOf, convolutional, floats, logistic, model, sampleOf } from './models.ts';
import type { Sample } from './support.ts';

/** Errors may pass the stated bound by this factor: not at all. */
const SLACK = 1;

const engines = [{ backend: 'kernel' }, { backend: 'kernel', threads: 2 }, { backend: 'seal' }] as const;

/** Encrypts, computes and decrypts with every engine, as two machines would, and compares with the polynomial model. */
const checkEncrypted = async (
	bytes: Uint8Array,
	samples: readonly Sample[],
	options: CompileOptions = {},
): Promise<number> => {
	const compiled = compile(bytes, options);
	for (const engine of engines) checkResults(compiled, samples, await runEncrypted(compiled.program, samples, engine));
	return compiled.program.client.parameters.ringDegree;
};

const checkResults = ({ program, stages }: Compiled, samples: readonly Sample[], results: readonly Result[]): void => {
	assert.is(results.length, samples.length);
	results.forEach(({ outputs, warnings }, k) => {
		assert.equal(warnings, []);
		const expected = evaluate(stages.core, samples[k] as Sample);
		for (const { name, predictedError } of program.client.outputs) {
			const raw = outputs.get(name)?.raw.data as Float64Array;
			const error = Math.max(...raw.map((value, i) => Math.abs(value - (expected.get(name)?.[i] ?? Number.NaN))));
			assert.ok(error > 0, 'no noise: nothing was encrypted');
			assert.ok(error <= SLACK * predictedError, `${name}: error ${error}, predicted at most ${predictedError}`);
		}
	});
};

test('an encrypted convolution, square and dense layer give the right answer', async () => {
	assert.is(await checkEncrypted(convolutional(), [sampleOf({ x: 144 })]), 8192);
});

test('encrypted samples that share a ciphertext keep their own results, with two inputs and two outputs', async () => {
	const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'z'], ['p']), node('Sub', ['h', 'p'], ['y'])];
	const bytes = model(nodes, { x: [1, 6], z: [1, 5] }, ['y', 'p'], { w: floats([6, 5], 1) });
	const samples = [1, 2, 3].map((seed) => sampleOf({ x: 6, z: 5 }, seed));
	assert.is(await checkEncrypted(bytes, samples, { batch: 4, precision: 8 }), 4096);
});

test('an encrypted logistic regression gives the right probability', async () => {
	assert.is(
		await checkEncrypted(logistic(), [sampleOf({ x: 30 })], { calibration: calibrationOf({ x: 30 }, 40) }),
		4096,
	);
});

test('whatever the client accepts fits the modulus: the ends of the accepted range come back right, what is beyond is refused', async () => {
	const bytes = model([node('Pow', ['x', 'four'], ['y'])], { x: [1, 4] }, ['y'], { four: { shape: [], data: [4] } });
	const calibration = new Map([['x', [Float64Array.of(-1, 1, 0.5, 0.25), Float64Array.of(1, -1, -0.5, 0)]]]);
	const { program } = compile(bytes, { calibration });
	const [low, high] = program.client.inputs[0]?.range ?? [0, 0];
	assert.ok(low < -1.05 && high > 1.05, `the accepted range is [${low}, ${high}]`);
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await client.evaluationKeys());
	const x = [low, high, high, low];
	const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt({ x })));
	outputs.get('y')?.data.forEach((y, i) => {
		assert.ok(Math.abs(y - (x[i] as number) ** 4) < 0.02 * high ** 4, `${x[i]} to the fourth came back as ${y}`);
	});
	const refusal = await client.encrypt({ x: [0, 0, 0, 1.01 * high] }).catch((error: unknown) => error);
	assert.is(refusal instanceof RefusedError ? refusal.code : refusal, 'input');
	client.dispose();
	await server.dispose();
});

test.run();
