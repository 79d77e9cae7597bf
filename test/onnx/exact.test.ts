import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DataType } from '../../compiler/onnx/proto.ts';
import {
	buildModel,
	differenceOf,
	issuesOfModel,
	type ModelSpec,
	type NodeSpec,
	node,
	randomNumbers,
	run,
	type Tensor,
	type TensorSpec,
} from '../support/onnx.ts';

/** Linear and polynomial operators where onnxruntime has no say: new versions, integers, values of no elements. */
type Given = { readonly shape: readonly number[]; readonly data: readonly number[]; readonly type?: number };

const model = (
	nodes: readonly NodeSpec[],
	inputs: Readonly<Record<string, Given>>,
	initializers: Readonly<Record<string, TensorSpec>> = {},
	opset = 18,
): ModelSpec => ({
	opset,
	nodes,
	inputs: Object.entries(inputs).map(([name, { shape, type = DataType.FLOAT }]) => ({ name, shape, type })),
	initializers: new Map(Object.entries(initializers)),
	outputs: ['y'],
});

/** The output y for the inputs' data. */
const resultOf = (...[nodes, inputs, ...rest]: Parameters<typeof model>): Tensor => {
	const feeds = Object.entries(inputs).map(
		([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }] as const,
	);
	return run(buildModel(model(nodes, inputs, ...rest)), new Map(feeds));
};

const random = (seed: number, ...shape: readonly number[]): Given => ({
	shape,
	data: [
		...randomNumbers(
			seed,
			shape.reduce((product, d) => product * d, 1),
		),
	],
});

test('ellipses of Einsum stand for different numbers of axes, aligned at their ends', () => {
	const [a, b] = [random(1, 2, 3, 2, 4), random(2, 3, 4, 2)];
	const einsum = node('Einsum', ['a', 'b'], ['y'], { attributes: { equation: '...ik,...kj->...ij' } });
	const data: number[] = [];
	for (let m = 0; m < 2; m++)
		for (let n = 0; n < 3; n++)
			for (let i = 0; i < 2; i++)
				for (let j = 0; j < 2; j++) {
					let sum = 0;
					for (let k = 0; k < 4; k++)
						sum += (a.data[((m * 3 + n) * 2 + i) * 4 + k] as number) * (b.data[(n * 4 + k) * 2 + j] as number);
					data.push(sum);
				}
	const expected = { shape: [2, 3, 2, 2], data: Float64Array.from(data) };
	assert.is(differenceOf(resultOf([einsum], { a, b }), expected, 1e-9), undefined);
});

test('SpaceToDepth has a mode since opset 28', () => {
	const x = random(1, 2, 3, 4, 6);
	const attributes = { blocksize: 2, mode: 'CRD' };
	const y = resultOf([node('SpaceToDepth', ['x'], ['y'], { attributes })], { x }, {}, 28);
	assert.equal(y.shape, [2, 12, 2, 3]);
	for (const [at, value] of y.data.entries()) {
		const [n, channel] = [Math.floor(at / 72), Math.floor(at / 6) % 12];
		const [h, w] = [Math.floor(at / 3) % 2, at % 3];
		const [c, i, j] = [Math.floor(channel / 4), Math.floor(channel / 2) % 2, channel % 2];
		assert.is(value, x.data[((n * 3 + c) * 4 + 2 * h + i) * 6 + 2 * w + j]);
	}
	const old = model([node('SpaceToDepth', ['x'], ['y'], { attributes })], { x }, {}, 13);
	assert.match(issuesOfModel(old)[0]?.message ?? '', /attribute 'mode'/);
});

test('CumProd multiplies from either end, with or without its own element', () => {
	const x = random(1, 2, 5);
	const constants: Readonly<Record<string, TensorSpec>> = { axis: { shape: [], data: [1], type: 'INT64' } };
	for (const [exclusive, reverse] of [
		[0, 0],
		[1, 0],
		[0, 1],
		[1, 1],
	] as const) {
		const attributes = { exclusive, reverse };
		const y = resultOf([node('CumProd', ['x', 'axis'], ['y'], { attributes })], { x }, constants, 26);
		const data = x.data.map((_, at) => {
			const [row, i] = [Math.floor(at / 5), at % 5];
			const line = x.data.slice(row * 5, row * 5 + 5);
			const factors = reverse === 0 ? line.slice(0, i + 1 - exclusive) : line.slice(i + exclusive);
			return factors.reduce((product, factor) => product * factor, 1);
		});
		assert.is(differenceOf(y, { shape: [2, 5], data: Float64Array.from(data) }, 1e-12), undefined);
	}
});

test('TensorScatter writes rows of every sample of a batch, around the end of a circular cache', () => {
	const [cache, update] = [random(1, 2, 4, 2), random(2, 2, 2, 2)];
	const starts: TensorSpec = { shape: [2], data: [1, 3], type: 'INT64' };
	const scatter = (mode: string) =>
		node('TensorScatter', ['cache', 'update', 'starts'], ['y'], { attributes: { mode } });
	const y = resultOf([scatter('circular')], { cache, update }, { starts }, 24);
	const data = [...cache.data];
	for (const [sample, start] of [1, 3].entries())
		for (let s = 0; s < 2; s++)
			for (let i = 0; i < 2; i++)
				data[(sample * 4 + ((start + s) % 4)) * 2 + i] = update.data[(sample * 2 + s) * 2 + i] as number;
	assert.equal([...y.data], data);
	const [issue] = issuesOfModel(model([scatter('linear')], { cache, update }, { starts }, 24));
	assert.match(issue?.message ?? '', /index 4/);
});

test('what leaves nothing of an encrypted value is a constant of no elements', () => {
	const x = random(1, 2, 3);
	const ints = (...data: readonly number[]): TensorSpec => ({ shape: [data.length], data, type: 'INT64' });
	const constants = { none: ints(3), all: ints(0, 3), end: ints(3), axis: ints(1) };
	const nodes = [
		node('Slice', ['x', 'none', 'end', 'axis'], ['a']),
		node('Split', ['x', 'all'], ['b', 'c'], { attributes: { axis: 1 } }),
		node('Concat', ['a', 'c', 'b'], ['y'], { attributes: { axis: 1 } }),
	];
	assert.equal(resultOf(nodes, { x }, constants), { shape: [2, 3], data: Float64Array.from(x.data) });
});

test('a power of 0 is a constant, also of an encrypted value', () => {
	const x = random(1, 3);
	const nodes = [node('Pow', ['x', 'zero'], ['one']), node('Sub', ['x', 'one'], ['y'])];
	const y = resultOf(nodes, { x }, { zero: { shape: [], data: [0] } });
	assert.equal([...y.data], x.data.map((value) => value - 1)); // biome-ignore format: one thought
});

test('sums and products of encrypted integers are those of numbers, which do not wrap around', () => {
	const x: Given = { shape: [2, 2], data: [1, 250, 3, 200], type: DataType.UINT8 };
	const two: TensorSpec = { shape: [2], data: [2, 3], type: 'UINT8' };
	const cases: readonly (readonly [NodeSpec, readonly number[]])[] = [
		[node('Add', ['x', 'two'], ['y']), [3, 253, 5, 203]],
		[node('Mul', ['x', 'two'], ['y']), [2, 750, 6, 600]],
		[node('MatMul', ['x', 'two'], ['y']), [752, 606]],
		[node('Pow', ['x', 'two'], ['y']), [1, 250 ** 3, 9, 200 ** 3]],
		[node('Cast', ['x'], ['y'], { attributes: { to: DataType.FLOAT } }), [1, 250, 3, 200]],
		[node('Cast', ['x'], ['y'], { attributes: { to: DataType.INT32 } }), [1, 250, 3, 200]],
		[node('ReduceSum', ['x', 'axis'], ['y'], { attributes: { keepdims: 0 } }), [251, 203]],
		[node('DequantizeLinear', ['x', 'scale', 'middle'], ['y']), [-63.5, 61, -62.5, 36]],
	];
	const constants: Readonly<Record<string, TensorSpec>> = {
		two,
		axis: { shape: [1], data: [1], type: 'INT64' },
		scale: { shape: [], data: [0.5] },
		middle: { shape: [], data: [128], type: 'UINT8' },
	};
	for (const [node, expected] of cases) assert.equal([...resultOf([node], { x }, constants).data], expected, node.op);
});

test('numbers of few bits are read as encrypted inputs', () => {
	for (const type of [17, 18, 19, 20, 21, 22, 23, 25, 26]) {
		const x: Given = { shape: [3], data: [0, 1, -1], type };
		const cast = node('Cast', ['x'], ['y'], { attributes: { to: DataType.FLOAT } });
		assert.equal([...resultOf([cast], { x }, {}, 26).data], x.data);
	}
});

test('what rounds encrypted values is refused with a remedy', () => {
	const float: Given = { shape: [2], data: [1, 2] };
	const int: Given = { ...float, type: DataType.INT32 };
	const refused: readonly (readonly [NodeSpec, Given])[] = [
		...[DataType.INT64, DataType.BOOL, 17, 22].map(
			(to) => [node('Cast', ['x'], ['y'], { attributes: { to } }), float] as const,
		),
		[node('Cast', ['x'], ['y'], { attributes: { to: DataType.BOOL } }), int],
		[node('CastLike', ['x', 'whole'], ['y']), float],
		[node('Div', ['x', 'whole'], ['y']), int],
		[node('ReduceMean', ['x'], ['y']), int],
		[node('ReduceL2', ['x'], ['y']), int],
		[node('Pow', ['x', 'half'], ['y']), int],
		[node('Pow', ['whole', 'x'], ['y']), float],
	];
	const constants: Readonly<Record<string, TensorSpec>> = {
		whole: { shape: [], data: [2], type: 'INT32' },
		half: { shape: [], data: [0.5] },
	};
	for (const [node, x] of refused) {
		const [issue, ...others] = issuesOfModel(model([node], { x }, constants));
		assert.is(others.length, 0);
		assert.is(issue?.code, 'unsupported', node.op);
		assert.is(issue?.op, node.op);
		assert.ok((issue?.hint ?? '').length > 20, `${node.op}: ${issue?.message}`);
	}
});

test.run();
