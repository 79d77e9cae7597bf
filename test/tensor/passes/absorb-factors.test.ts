import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import type { CoreKind, Graph, PolynomialKind } from '../../../compiler/tensor/graph.ts';
import { absorbFactors } from '../../../compiler/tensor/passes/absorb-factors.ts';
import { lowerPolynomials } from '../../../compiler/tensor/passes/lower-polynomials.ts';
import { diagonal } from '../../../compiler/tensor/sparse.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { choices, dense, difference, REPEATABLE, randomGraph, randomInputs, Sketch } from '../graphs.ts';

const core = (graph: Graph): Graph<CoreKind> => graph as Graph<CoreKind>;
const valuesOf = (graph: Graph, id: number): readonly number[] => {
	const node = graph.nodes[id];
	return node?.kind === 'affine' ? node.terms.flatMap(({ matrix }) => [...matrix.values]) : [];
};

test('moving factors into later layers keeps what a graph computes', () => {
	let moved = 0;
	fc.assert(
		fc.property(choices(), (from) => {
			const graph = lowerPolynomials(randomGraph(from, 10) as Graph<PolynomialKind>);
			const inputs = randomInputs(from);
			const result = absorbFactors(graph);
			verify(result);
			assert.ok(difference(evaluate(graph, inputs), evaluate(result, inputs)) < 1e-9);
			if (graph.nodes.some((_, id) => valuesOf(graph, id).join() !== valuesOf(result, id).join())) moved++;
		}),
		{ ...REPEATABLE, numRuns: 400 },
	);
	assert.ok(moved > 40, `${moved} graphs were changed`);
});

test('an average before a square and a layer becomes a sum', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [4]);
	const matrix = dense([
		[0.25, 0.25, 0, 0],
		[0, 0, 0.5, 0.5],
	]);
	const pooled = sketch.affine([{ x, matrix }], [2], [1, 3]);
	const squared = sketch.multiply(pooled, pooled, [2]);
	const y = sketch.affine([{ x: squared, matrix: dense([[16, 8]]) }], [1]);
	const result = absorbFactors(core(sketch.graph({ y: [y, [1]] })));
	assert.equal(valuesOf(result, pooled), [1, 1, 1, 1]);
	const bias = result.nodes[pooled];
	assert.equal(bias?.kind === 'affine' && [...bias.bias], [4, 6]);
	assert.equal(valuesOf(result, y), [1, 2]);
});

test('an output keeps its factor, and so does what only outputs read', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const scaled = sketch.affine([{ x, matrix: diagonal([3, 3]) }], [2]);
	const squared = sketch.multiply(scaled, scaled, [2]);
	const graph = core(sketch.graph({ y: [squared, [2]] }));
	assert.equal(absorbFactors(graph).nodes, graph.nodes);
});

test('factors of very different sizes stay where they are', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const scaled = sketch.affine([{ x, matrix: diagonal([1000, 1]) }], [2]);
	const y = sketch.affine([{ x: scaled, matrix: dense([[1, 2]]) }], [1]);
	const result = absorbFactors(core(sketch.graph({ y: [y, [1]] })));
	assert.equal(valuesOf(result, scaled), [1000, 1]);
});

test('a factor that products raise far from 1 stays where it is', () => {
	const factorAfter = (squares: number): readonly number[] => {
		const sketch = new Sketch();
		const scaled = sketch.affine([{ x: sketch.input('x', [2]), matrix: diagonal([1 / 64, 1 / 64]) }], [2]);
		let power = scaled;
		for (let k = 0; k < squares; k++) power = sketch.multiply(power, power, [2]);
		const y = sketch.affine([{ x: power, matrix: dense([[1, 2]]) }], [1]);
		return valuesOf(absorbFactors(core(sketch.graph({ y: [y, [1]] }))), scaled);
	};
	assert.equal(factorAfter(1), [1, 1]);
	// 64^8 = 2^48: the weights of the last layer could not be encoded.
	assert.equal(factorAfter(3), [1 / 64, 1 / 64]);
});

test.run();
