import { buildModel, type NodeSpec, node, randomNumbers, type TensorSpec } from '../support/onnx.ts';
import type { Sample } from './support.ts';

/** Small models, as bytes, for the tests of the whole compiler. */
export const floats = (shape: readonly number[], seed: number, bound = 0.5): TensorSpec => ({
	shape,
	data: randomNumbers(
		seed,
		shape.reduce((a, b) => a * b, 1),
		-bound,
		bound,
	),
});
export const integers = (...data: readonly number[]): TensorSpec => ({ shape: [data.length], data, type: 'INT64' });

export const sampleOf = (sizes: Readonly<Record<string, number>>, seed = 1, low = -1, high = 1): Sample =>
	new Map(Object.entries(sizes).map(([name, size], k) => [name, randomNumbers(97 * seed + k, size, low, high)]));

/** `count` samples as calibration: by input, then by sample. */
export const calibrationOf = (
	sizes: Readonly<Record<string, number>>,
	count: number,
): ReadonlyMap<string, readonly Float64Array[]> =>
	new Map(
		Object.keys(sizes).map((name) => [
			name,
			Array.from({ length: count }, (_, k) => sampleOf(sizes, k + 100).get(name) as Float64Array),
		]),
	);

/** The bytes of a model from nodes, inputs by shape, outputs by name and constants. */
export const model = (
	nodes: readonly NodeSpec[],
	inputs: Readonly<Record<string, readonly number[]>>,
	outputs: readonly string[],
	constants: Readonly<Record<string, TensorSpec>> = {},
): Uint8Array =>
	buildModel({
		nodes,
		inputs: Object.entries(inputs).map(([name, shape]) => ({ name, shape })),
		outputs,
		initializers: new Map(Object.entries(constants)),
	});

/** A convolution, a square and a dense layer: the golden files show it at every stage. */
export const tiny = (): Uint8Array =>
	model(
		[
			node('Conv', ['x', 'k', 'kb'], ['c'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
			node('Mul', ['c', 'c'], ['s']),
			node('Flatten', ['s'], ['f']),
			node('Gemm', ['f', 'w', 'b'], ['y'], { attributes: { transB: 1 } }),
		],
		{ x: [1, 1, 4, 4] },
		['y'],
		{ k: floats([1, 1, 2, 2], 1), kb: floats([1], 2), w: floats([2, 4], 3), b: floats([2], 4) },
	);

/** Conv 3@3x3/2 on 12x12, square, dense 5. */
export const convolutional = (): Uint8Array =>
	model(
		[
			node('Conv', ['x', 'k', 'kb'], ['c'], {
				attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
			}),
			node('Mul', ['c', 'c'], ['s']),
			node('Flatten', ['s'], ['f']),
			node('Gemm', ['f', 'w', 'b'], ['y'], { attributes: { transB: 1 } }),
		],
		{ x: [1, 1, 12, 12] },
		['y'],
		{ k: floats([3, 1, 3, 3], 1), kb: floats([3], 2), w: floats([5, 108], 3), b: floats([5], 4) },
	);

/** in - Gemm - activation - Gemm - out. */
export const perceptron = (activation: string, sizes: readonly [number, number, number]): Uint8Array => {
	const [input, hidden, output] = sizes;
	return model(
		[node('Gemm', ['x', 'w', 'wb'], ['h']), node(activation, ['h'], ['a']), node('Gemm', ['a', 'v', 'vb'], ['y'])],
		{ x: [1, input] },
		['y'],
		{
			w: floats([input, hidden], 1),
			wb: floats([hidden], 2),
			v: floats([hidden, output], 3),
			vb: floats([output], 4),
		},
	);
};

export const logistic = (): Uint8Array =>
	model([node('Gemm', ['x', 'w', 'b'], ['h']), node('Sigmoid', ['h'], ['y'])], { x: [1, 30] }, ['y'], {
		w: floats([30, 1], 1),
		b: floats([1], 2),
	});
