import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import type { Graph, Id } from '../../../compiler/tensor/graph.ts';
import { defer } from '../../../compiler/tensor/passes/defer.ts';
import { split } from '../../../compiler/tensor/passes/split.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { applyTail } from '../../../runtime/tail.ts';
import { dense, Sketch } from '../graphs.ts';

const SAMPLE = new Map([['x', Float64Array.of(0.5, -1.25, 2, 0.75)]]);
const kinds = ({ nodes }: Graph): string => nodes.map((node) => ('fn' in node ? node.fn : node.kind)).join(' ');

/** What is left to compute under encryption; fails unless body and tails give what the graph gives. */
const bodyOf = (graph: Graph): string => {
	const deferred = defer(graph);
	verify(deferred);
	const { body, tails } = split(deferred);
	const decrypted = evaluate(body, SAMPLE);
	for (const [name, expected] of evaluate(graph, SAMPLE)) {
		const shape = body.outputs.find((output) => output.name === name)?.shape ?? [];
		const raw = { shape, data: decrypted.get(name) as Float64Array };
		const { data, shape: given } = applyTail(raw, tails.get(name) ?? []);
		assert.equal(given, graph.outputs.find((output) => output.name === name)?.shape, name);
		expected.forEach((v, i) => {
			assert.ok(Math.abs(v - (data[i] ?? Number.NaN)) < 1e-12, `${name}[${i}]`);
		});
	}
	return kinds(body);
};

/** 1 - p and p of p = sigmoid of the first of four elements. */
const twoClasses = (sketch: Sketch): { p: Id; both: Id } => {
	const x = sketch.input('x', [4]);
	const z = sketch.affine([{ x, matrix: dense([[1, 2, -1, 0.5]]) }], [1], [0.25]);
	const p = sketch.activation(z, 'sigmoid', [1]);
	const other = sketch.affine([{ x: p, matrix: dense([[-1]]) }], [1], [1]);
	const terms = [
		{ x: other, matrix: dense([[1], [0]]) },
		{ x: p, matrix: dense([[0], [1]]) },
	];
	return { p, both: sketch.affine(terms, [1, 2]) };
};

test('the probabilities of two classes are sigmoids of a score and its negative', () => {
	const sketch = new Sketch();
	const { p, both } = twoClasses(sketch);
	const label = sketch.tail(both, 'argMax', [1], 1);
	assert.is(bodyOf(sketch.graph({ p: [p, [1]], both: [both, [2]], label: [label, [1]] })).includes('sigmoid'), false);
});

test('columns of a softmax are picked by the client', () => {
	const sketch = new Sketch();
	const p = sketch.tail(sketch.input('x', [4]), 'softmax', [4], 0);
	const one = sketch.affine([{ x: p, matrix: dense([[0, 0, 1, 0]]) }], [1]);
	const two = sketch.affine(
		[
			{
				x: p,
				matrix: dense([
					[0, 0, 0, 1],
					[1, 0, 0, 0],
				]),
			},
		],
		[2, 1],
	);
	const again = sketch.affine([{ x: two, matrix: dense([[0, 1]]) }], [1, 1]);
	const graph = sketch.graph({ one: [one, [1]], two: [two, [1, 2]], kept: [two, [2, 1]], again: [again, [1]] });
	assert.is(bodyOf(graph), 'input');
});

/** p / sum of p along rows or columns of a 2 x 2 matrix of sigmoids, with the sum weighted by `weight`. */
const divided = (columns: boolean, weight: number, spread = columns ? [0, 1, 0, 1] : [0, 0, 1, 1]): Graph => {
	const sketch = new Sketch();
	const p = sketch.activation(sketch.input('x', [4]), 'sigmoid', [2, 2]);
	const lines = columns
		? [
				[weight, 0, weight, 0],
				[0, weight, 0, weight],
			]
		: [
				[weight, weight, 0, 0],
				[0, 0, weight, weight],
			];
	const inverse = sketch.activation(sketch.affine([{ x: p, matrix: dense(lines) }], [2]), 'reciprocal', [2]);
	const repeated = sketch.affine([{ x: inverse, matrix: dense(spread.map((at) => [1 - at, at])) }], [2, 2]);
	return sketch.graph({ y: [sketch.multiply(p, repeated, [2, 2]), [2, 2]] });
};

test('probabilities divided by their sum along an axis are shares, which the client computes', () => {
	assert.is(bodyOf(divided(false, 1)), 'input');
	assert.is(bodyOf(divided(true, 1)), 'input');
	for (const other of [divided(false, 0.5), divided(false, 1, [1, 1, 0, 0]), divided(true, 1, [0, 1, 1, 0])])
		assert.is(kinds(defer(other)), kinds(other));
});

test('what computes with probabilities stays where it is, and so does what other nodes read', () => {
	for (const [row, shift] of [
		[[0, 0, 0.5, 0], 0],
		[[0, 1, 1, 0], 0],
		[[0, 1, 0, 0], 1],
		[[0, -1, 0, 0], 0],
		[[0, 0, 0, 0], 1],
	] as const) {
		const sketch = new Sketch();
		const p = sketch.activation(sketch.input('x', [4]), 'sigmoid', [4]);
		const y = sketch.affine([{ x: p, matrix: dense([row]) }], [1], [shift]);
		const graph = sketch.graph({ y: [y, [1]] });
		assert.is(kinds(defer(graph)), kinds(graph));
	}
	const sketch = new Sketch();
	const { both } = twoClasses(sketch);
	const graph = sketch.graph({ y: [sketch.multiply(both, both, [1, 2]), [1, 2]] });
	assert.is(kinds(defer(graph)), kinds(graph));
});

test.run();
