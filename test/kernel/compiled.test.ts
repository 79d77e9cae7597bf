import { test } from 'uvu';
import { type CompileOptions, compile } from '../../compiler/index.ts';
import type { Result } from '../../runtime/results.ts';
import { checkResults } from '../compile/encrypted.ts';
import { calibrationOf, convolutional, floats, logistic, model, sampleOf } from '../compile/models.ts';
import type { Sample } from '../compile/support.ts';
import { node } from '../support/onnx.ts';
import { engineOf, evaluated, senderOf } from './programs.ts';

/** Compiles a model and evaluates encrypted samples; the error is what the program predicts at most. */
const check = async (bytes: Uint8Array, samples: readonly Sample[], options: CompileOptions = {}): Promise<void> => {
	const compiled = compile(bytes, options);
	const { program } = compiled;
	const sender = await senderOf(program);
	const engine = await engineOf(program.server, program.constants, sender);
	const results: Result[] = [];
	const { batch } = program.client;
	for (let first = 0; first < samples.length; first += batch) {
		const together = samples.slice(first, first + batch);
		const outputs = await evaluated(engine, await sender.encrypt(together));
		results.push(...(await sender.decrypt(outputs, together.length)));
	}
	checkResults(compiled, samples, results);
};

test('a convolution, a square and a dense layer, for each objective', async () => {
	for (const optimize of ['latency', 'keys', 'memory'] as const)
		await check(convolutional(), [sampleOf({ x: 144 })], { optimize });
});

test('samples that share a ciphertext, two inputs and two outputs, at any number of samples', async () => {
	const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'z'], ['p']), node('Sub', ['h', 'p'], ['y'])];
	const bytes = model(nodes, { x: [1, 6], z: [1, 5] }, ['y', 'p'], { w: floats([6, 5], 1) });
	const samples = [1, 2, 3].map((seed) => sampleOf({ x: 6, z: 5 }, seed));
	for (const batch of [1, 4, 2048]) await check(bytes, samples, { batch, precision: 8 });
});

test('a logistic regression and a polynomial of degree 8', async () => {
	await check(logistic(), [sampleOf({ x: 30 })], { calibration: calibrationOf({ x: 30 }, 40) });
	const pow = [node('Mul', ['x', 'x'], ['a']), node('Mul', ['a', 'a'], ['b']), node('Mul', ['b', 'b'], ['y'])];
	await check(model(pow, { x: [1, 8] }, ['y'], {}), [sampleOf({ x: 8 })]);
});

test.run();
