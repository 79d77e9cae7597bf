import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { buildModel, type ModelSpec, node, randomNumbers, reference } from '../support/onnx.ts';

const SIZE = 8;
/** Sums of uniform numbers: near a normal distribution of this deviation, cut at twice of it. */
const scoresOf = (seed: number, deviation: number): Float64Array => {
	const parts = Array.from({ length: 4 }, (_, k) => randomNumbers(4 * seed + k, SIZE));
	const clipped = (x: number): number => Math.max(-2 * deviation, Math.min(2 * deviation, x));
	return Float64Array.from({ length: SIZE }, (_, i) =>
		clipped(deviation * Math.sqrt(3 / 4) * parts.reduce((sum, part) => sum + (part[i] as number), 0)),
	);
};

/** y = weights * fn(x): what follows makes the client's way impossible. */
const inside = (op: string, outputs = ['y']): ModelSpec => ({
	opset: 13,
	nodes: [node(op, ['x'], ['p']), node('MatMul', ['p', 'w'], ['y'])],
	initializers: new Map([['w', { shape: [SIZE, 4], data: randomNumbers(9, SIZE * 4) }]]),
	inputs: [{ name: 'x', shape: [1, SIZE] }],
	outputs,
});

const rms = (values: readonly number[]): number => Math.hypot(...values) / Math.sqrt(values.length);

/** Error of an output on inputs that calibration has not seen: rms, relative to its deviation. */
const errorOf = async (spec: ModelSpec, deviation: number, maxError: number, name = 'y'): Promise<number> => {
	const bytes = buildModel(spec);
	const samples = Array.from({ length: 200 }, (_, k) => scoresOf(k + 1, deviation));
	const { program } = compile(bytes, { calibration: new Map([['x', samples]]), maxError });
	const [errors, values] = [[], []] as [number[], number[]];
	for (let seed = 1001; seed <= 1006; seed++) {
		const data = scoresOf(seed, deviation);
		const [result] = await evaluateLocally(program, 'clear', [new Map([['x', data]])]);
		const expected = (await reference(bytes, new Map([['x', { shape: [1, SIZE], data }]]))).get(name);
		expected?.data.forEach((y, i) => {
			errors.push(y - (result?.outputs.get(name)?.data[i] ?? Number.NaN));
			values.push(y);
		});
	}
	const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
	return rms(errors) / rms(values.map((y) => y - mean));
};

test('softmax inside the model, of scores up to 4, is as near as was asked for', async () => {
	const error = await errorOf(inside('Softmax'), 2, 0.02);
	assert.ok(error <= 0.03, `${error}`);
});

test('logSoftmax inside the model is as near as was asked for', async () => {
	const error = await errorOf(inside('LogSoftmax'), 2, 0.02);
	assert.ok(error <= 0.03, `${error}`);
});

test('a softmax that is an output as well is computed once, encrypted', async () => {
	const error = await errorOf(inside('Softmax', ['p', 'y']), 1, 0.02, 'p');
	assert.ok(error > 1e-6 && error <= 0.03, `${error}`);
});

test.run();
