import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { depthOf, isSignedIdentity } from '../../../compiler/tensor/depth.ts';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import type { Graph } from '../../../compiler/tensor/graph.ts';
import { fuse } from '../../../compiler/tensor/passes/fuse.ts';
import { prune } from '../../../compiler/tensor/passes/prune.ts';
import { diagonal, identity, selection } from '../../../compiler/tensor/sparse.ts';
import { print } from '../../../compiler/tensor/text.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { choices, dense, difference, REPEATABLE, randomGraph, randomInputs, Sketch } from '../graphs.ts';

const kinds = (graph: Graph): string => graph.nodes.map(({ kind }) => kind).join(' ');
const products = (graph: Graph): number =>
	graph.nodes.reduce((total, node) => {
		const terms = node.kind === 'affine' ? node.terms : [];
		return total + terms.reduce((sum, { matrix }) => sum + (isSignedIdentity(matrix) ? 0 : matrix.values.length), 0);
	}, 0);

test('fusing and pruning keep what a graph computes, and make it no deeper', () => {
	fc.assert(
		fc.property(choices(), (from) => {
			const graph = randomGraph(from, 10, ['relu', 'tanh']);
			const inputs = randomInputs(from);
			for (const pass of [prune, fuse]) {
				const result = pass(graph);
				verify(result);
				assert.ok(difference(evaluate(graph, inputs), evaluate(result, inputs)) < 1e-9);
				assert.ok(depthOf(result) <= depthOf(graph));
				assert.ok(result.nodes.length <= graph.nodes.length);
			}
		}),
		{ ...REPEATABLE, numRuns: 600 },
	);
});

test('fusing twice is fusing once', () => {
	fc.assert(
		fc.property(choices(), (from) => {
			const once = fuse(randomGraph(from, 10));
			assert.is(print(fuse(once)), print(once));
		}),
		REPEATABLE,
	);
});

test('dead nodes and unused inputs are pruned', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const unused = sketch.input('unused', [2]);
	sketch.multiply(x, unused, [2]);
	const y = sketch.multiply(x, x, [2]);
	const result = prune(sketch.graph({ y: [y, [2]] }));
	assert.is(kinds(result), 'input multiply');
	assert.equal(result.outputs, [{ name: 'y', id: 1, shape: [2] }]);
});

const x3 = (): readonly [Sketch, number] => {
	const sketch = new Sketch();
	return [sketch, sketch.input('x', [3])];
};
const M = dense([
	[1, 2, 0],
	[0, 1, 1],
	[3, 0, 1],
]);
const D = diagonal([2, 3, 4]);

test('a chain of scaling, layer, normalisation and permutation becomes one layer', () => {
	const [sketch, x] = x3();
	const scaled = sketch.affine([{ x, matrix: D }], [3], [1, 1, 1]);
	const layer = sketch.affine([{ x: scaled, matrix: M }], [3], [5, 6, 7]);
	const normal = sketch.affine([{ x: layer, matrix: diagonal([10, 20, 30]) }], [3], [0, 1, 2]);
	const turned = sketch.affine([{ x: normal, matrix: selection([2, 0, 1], 3) }], [3]);
	const graph = fuse(sketch.graph({ y: [turned, [3]] }));
	assert.is(kinds(graph), 'input affine');
	assert.is(products(graph), 6);
	// By hand: M D = [[2, 6, 0], [0, 3, 4], [6, 0, 4]] and M 1 + [5, 6, 7] = [8, 8, 11]; then times 10, 20, 30; turned.
	const y = evaluate(graph, new Map([['x', Float64Array.of(1, 10, 100)]])).get('y');
	assert.equal([...(y ?? [])], [30 * (6 + 400 + 11) + 2, 10 * (2 + 60 + 8), 20 * (30 + 400 + 8) + 1]);
});

test('a residual sum takes in both of its layers', () => {
	const [sketch, x] = x3();
	const z = sketch.input('z', [3]);
	const a = sketch.affine([{ x, matrix: M }], [3], [1, 2, 3]);
	const b = sketch.affine([{ x: z, matrix: D }], [3], [1, 2, 3]);
	const plus = { matrix: identity(3) };
	const sum = sketch.affine(
		[
			{ x: a, ...plus },
			{ x: b, ...plus },
		],
		[3],
	);
	const graph = fuse(sketch.graph({ y: [sum, [3]] }));
	assert.is(kinds(graph), 'input input affine');
	assert.is(products(graph), 9);
});

test('a layer whose result is used twice is not computed twice, but a cheap one may be', () => {
	for (const [matrix, count] of [
		[M, 3],
		[D, 2],
	] as const) {
		const [sketch, x] = x3();
		const shared = sketch.affine([{ x, matrix }], [3]);
		const p = sketch.affine([{ x: shared, matrix: M }], [3]);
		const q = sketch.affine([{ x: shared, matrix: M }], [3], [1, 2, 3]);
		const graph = fuse(sketch.graph({ p: [p, [3]], q: [q, [3]] }));
		assert.is(graph.nodes.filter(({ kind }) => kind === 'affine').length, count);
	}
});

test('a bottleneck stays factored: its product would have far more entries', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [12]);
	const narrow = sketch.affine([{ x, matrix: dense([new Array(12).fill(1)]) }], [1]);
	const wide = sketch.affine([{ x: narrow, matrix: dense(new Array(12).fill([2])) }], [12]);
	const graph = fuse(sketch.graph({ y: [wide, [12]] }));
	assert.is(kinds(graph), 'input affine affine');
	assert.is(products(graph), 24);
});

test('a sum of ciphertexts does not absorb a product that would cost the other summand a level', () => {
	const [sketch, x] = x3();
	const square = sketch.multiply(x, x, [3]);
	const scaled = sketch.affine([{ x, matrix: D }], [3]);
	const plus = { matrix: identity(3) };
	const sum = sketch.affine(
		[
			{ x: square, ...plus },
			{ x: scaled, ...plus },
		],
		[3],
	);
	assert.is(depthOf(fuse(sketch.graph({ y: [sum, [3]] }))), 1);
});

test('identities, inverse permutations, empty matrices and constant factors disappear', () => {
	const [sketch, x] = x3();
	const there = sketch.affine([{ x, matrix: selection([2, 0, 1], 3) }], [3]);
	const back = sketch.affine([{ x: there, matrix: selection([1, 2, 0], 3) }], [3, 1]);
	const empty = diagonal([0, 0, 0]);
	const plus = sketch.affine(
		[
			{ x: back, matrix: identity(3) },
			{ x: there, matrix: empty },
		],
		[3],
	);
	const constant = sketch.affine([{ x, matrix: empty }], [3], [2, 3, 4]);
	const product = sketch.multiply(constant, plus, [3]);
	const graph = fuse(sketch.graph({ plus: [plus, [3]], product: [product, [3]] }));
	assert.is(kinds(graph), 'input affine');
	assert.equal(
		graph.outputs.map(({ id }) => id),
		[0, 1],
	);
	assert.equal([...(evaluate(graph, new Map([['x', Float64Array.of(1, 1, 1)]])).get('product') ?? [])], [2, 3, 4]);
});

test.run();
