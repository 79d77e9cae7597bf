import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CompileOptions, compile } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { createServer } from '../../runtime/server.ts';
import { node } from '../support/onnx.ts';
import { checkResults, runEncrypted } from './encrypted.ts';
import { calibrationOf, convolutional, floats, logistic, model, sampleOf } from './models.ts';
import type { Sample } from './support.ts';

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
