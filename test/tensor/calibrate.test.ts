import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { compare, decisionsOf } from '../../compiler/tensor/agreement.ts';
import { checkSamples } from '../../compiler/tensor/calibrate.ts';
import type { Graph, Output } from '../../compiler/tensor/graph.ts';
import type { Tail } from '../../compiler/tensor/passes/split.ts';
import { diagonal } from '../../compiler/tensor/sparse.ts';
import { dense, Sketch } from './graphs.ts';

test('calibration data that do not fit are refused, all problems at once', () => {
	const sketch = new Sketch();
	for (const name of ['a', 'b', 'c', 'd']) sketch.input(name, [2]);
	const graph = sketch.graph({ a: [0, [2]] });
	const good = Float64Array.of(1, 2);
	const samples = new Map([
		['a', [good, good]],
		['b', [good]],
		['c', [good, Float64Array.of(1)]],
	]);
	assert.throws(
		() => checkSamples(graph, samples),
		(error: unknown) => error instanceof CompileError && error.issues.length === 3,
	);
	checkSamples(graph, new Map(['a', 'b', 'c', 'd'].map((name) => [name, [good]])));
});

/** One output of a shape: of a layer of random numbers, or of an activation after it. */
const modelOf = (shape: readonly number[], end: 'layer' | 'activation' | 'scaling' = 'layer') => {
	const sketch = new Sketch();
	const size = shape.reduce((product, d) => product * d, 1);
	const x = sketch.input('x', [size]);
	const weights = dense(Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => i + j + 1)));
	const layer = sketch.affine([{ x, matrix: end === 'scaling' ? diagonal([2, 3, 4]) : weights }], shape);
	const y = end === 'activation' ? sketch.activation(layer, 'relu', shape) : layer;
	return sketch.graph({ y: [y, shape] });
};
const decisions = (graph: Graph, tail: Tail, values: Float64Array): number[] =>
	decisionsOf(graph, graph.outputs[0] as Output, tail, values);

test('decisions follow the tail: its axis, and the sign before a sigmoid', () => {
	const values = Float64Array.of(1, 9, 5, 2, 8, 7);
	const softmax = (axis: number) => ({ op: 'softmax', axis }) as const;
	assert.equal(decisions(modelOf([2, 3]), [softmax(1)], values), [1, 1]);
	assert.equal(decisions(modelOf([2, 3]), [softmax(0)], values), [1, 0, 1]);
	assert.equal(decisions(modelOf([6]), [{ op: 'reshape', shape: [3, 2] }, softmax(1)], values), [1, 0, 0]);
	for (const [value, decision] of [
		[-0.1, 0],
		[0.1, 1],
	] as const)
		assert.equal(decisions(modelOf([1]), [{ op: 'sigmoid' }], Float64Array.of(value)), [decision]);
	assert.equal(decisions(modelOf([2, 3]), [{ op: 'sigmoid' }], values), []);
});

test('without a tail the scores of a last layer decide, and nothing else', () => {
	const values = Float64Array.of(1, 9, 5);
	for (const shape of [[3], [1, 3], [1, 3, 1]]) assert.equal(decisions(modelOf(shape), [], values), [1]);
	assert.equal(decisions(modelOf([1, 3], 'activation'), [], values), []);
	assert.equal(decisions(modelOf([1, 3], 'scaling'), [], values), []);
	assert.equal(decisions(modelOf([2, 3]), [], new Float64Array(6)), []);
	assert.equal(decisions(modelOf([1]), [], Float64Array.of(0.1)), []);
});

test('agreement counts samples, and errors are relative to the spread of the output', () => {
	const exact = new Map([['y', [Float64Array.of(100, 102), Float64Array.of(104, 102)]]]);
	const other = new Map([['y', [Float64Array.of(100, 102), Float64Array.of(104, 105)]]]);
	const { decisions, relativeErrors } = compare(modelOf([2]), new Map(), exact, other);
	assert.is(decisions, 0.5);
	// differences 0 0 0 3; deviations from the mean -2 0 2 0
	assert.ok(Math.abs((relativeErrors.get('y') ?? 9) - Math.sqrt(9 / 8)) < 1e-12);
	assert.is(compare(modelOf([2]), new Map(), exact, exact).relativeErrors.get('y'), 0);
});

test.run();
