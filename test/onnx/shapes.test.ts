import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	buildModel,
	issuesOfModel,
	modelOf,
	type NodeSpec,
	node,
	randomNumbers,
	type TensorSpec,
} from '../support/onnx.ts';

test('an open first dimension is 1 unless it is set', () => {
	for (const dimension of ['batch', 0]) {
		const spec = modelOf([node('Add', ['x', 'c'], ['y'])], { inputs: [{ name: 'x', shape: [dimension, 2] }] });
		assert.equal(importModel(buildModel(spec)).graph.outputs[0]?.shape, [1, 2]);
	}
	const spec = modelOf([node('Add', ['x', 'c'], ['y'])], { inputs: [{ name: 'x', shape: ['batch', 2] }] });
	const { graph } = importModel(buildModel(spec), { dimensions: new Map([['batch', 3]]) });
	assert.equal(graph.outputs[0]?.shape, [3, 2]);
});

test('any other open dimension has to be set', () => {
	const spec = modelOf([node('Neg', ['x'], ['y'])], { inputs: [{ name: 'x', shape: ['N', 'length', 0] }] });
	const [issue] = issuesOfModel(spec);
	assert.is(issue?.code, 'shape');
	assert.match(issue?.hint ?? '', /--set 'length=/);
	const dimensions = new Map([
		['length', 5],
		['x[2]', 4],
	]);
	assert.equal(importModel(buildModel(spec), { dimensions }).inputs[0]?.shape, [1, 5, 4]);
	for (const bad of [0, -1, 1.5])
		assert.is(issuesOfModel(spec, { dimensions: new Map([...dimensions, ['length', bad]]) })[0]?.code, 'shape');
});

test('shapes that do not fit are refused with the shapes', () => {
	const wrong = [
		node('Add', ['x', 'w'], ['y']),
		node('MatMul', ['x', 'w'], ['y']),
		node('Gemm', ['x', 'w'], ['y']),
		node('Conv', ['x', 'w'], ['y']),
		node('Reshape', ['x', 'shape'], ['y']),
		node('Concat', ['x', 'w'], ['y'], { attributes: { axis: 0 } }),
		node('Squeeze', ['x', 'one'], ['y']),
	];
	for (const wrongNode of wrong) {
		const initializers = new Map<string, TensorSpec>([
			['w', { shape: [3, 3], data: randomNumbers(1, 9) }],
			['shape', { shape: [2], data: [3, -1], type: 'INT64' }],
			['one', { shape: [1], data: [1], type: 'INT64' }],
		]);
		const [issue, ...others] = issuesOfModel(modelOf([wrongNode], { initializers }));
		assert.is(issue?.code, 'shape', wrongNode.op);
		assert.is(issue?.op, wrongNode.op);
		assert.match(issue?.message ?? '', /\d/);
		assert.is(others.length, 0);
	}
});

test('a linear map beyond the cap is refused before it is built', () => {
	const spec = modelOf([node('Conv', ['x', 'w'], ['y'], { attributes: { pads: [3, 3, 3, 3] } })], {
		inputs: [{ name: 'x', shape: [1, 64, 512, 512] }],
		initializers: new Map([['w', { shape: [8, 64, 7, 7], data: randomNumbers(1, 8 * 64 * 49) }]]),
	});
	assert.is(issuesOfModel(spec)[0]?.code, 'size');
});

test('absurd sizes are refused before anything of that size is made', () => {
	const huge: readonly (readonly [NodeSpec, readonly number[]])[] = [
		[node('Pad', ['x', 'ints'], ['y']), [0, 2 ** 40, 0, 0]],
		[node('Pad', ['x', 'ints'], ['y']), [2 ** 20, 2 ** 20, 0, 0]],
		[node('Expand', ['x', 'ints'], ['y']), [2 ** 50, 1, 2]],
		[node('Expand', ['x', 'ints'], ['y']), [2 ** 20, 2 ** 20, 1, 1]],
		[node('AveragePool', ['x'], ['y'], { attributes: { kernel_shape: [1], pads: [2 ** 40, 0] } }), []],
		[node('AveragePool', ['x'], ['y'], { attributes: { kernel_shape: [2 ** 30], pads: [2 ** 31, 0] } }), []],
	];
	for (const [node, ints] of huge) {
		const initializers = new Map<string, TensorSpec>([['ints', { shape: [ints.length], data: ints, type: 'INT64' }]]);
		const inputs = [{ name: 'x', shape: node.op === 'AveragePool' ? [1, 1, 2] : [1, 2] }];
		const issues = issuesOfModel(modelOf([node], { initializers, inputs }));
		assert.equal(
			issues.map(({ code }) => code),
			['size'],
			issues[0]?.message,
		);
	}
});

test('a linear map that is not finite is refused', () => {
	const initializers = new Map([['c', { shape: [2], data: [1, Number.POSITIVE_INFINITY] }]]);
	for (const op of ['Add', 'Mul']) {
		const [issue] = issuesOfModel(modelOf([node(op, ['x', 'c'], ['y'])], { initializers }));
		assert.is(issue?.code, 'range');
	}
	const zero = new Map([['c', { shape: [2], data: [1, 0] }]]);
	assert.match(
		issuesOfModel(modelOf([node('Div', ['x', 'c'], ['y'])], { initializers: zero }))[0]?.message ?? '',
		/zero/,
	);
});

test.run();
