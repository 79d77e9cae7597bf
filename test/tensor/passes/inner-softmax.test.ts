import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import type { Graph } from '../../../compiler/tensor/graph.ts';
import { innerSoftmax } from '../../../compiler/tensor/passes/inner-softmax.ts';
import { split } from '../../../compiler/tensor/passes/split.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { issuesOf } from '../../support/onnx.ts';
import { dense, Sketch } from '../graphs.ts';

const SHAPE = [2, 3, 2];
const SAMPLE = new Map([['x', Float64Array.from({ length: 12 }, (_, i) => 4 * Math.sin(7 * i))]]);
const mixing = (size: number) =>
	dense(Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Math.cos(i + 2 * j))));
const kinds = ({ nodes }: Graph): string => nodes.map((node) => ('fn' in node ? node.fn : node.kind)).join(' ');

/** Fails unless both graphs give the same outputs. */
const agree = (graph: Graph, other: Graph): void => {
	const [expected, actual] = [evaluate(graph, SAMPLE), evaluate(other, SAMPLE)];
	for (const [name, values] of expected)
		values.forEach((v, i) => {
			assert.ok(Math.abs(v - (actual.get(name)?.[i] ?? Number.NaN)) < 1e-12, `${name}[${i}]`);
		});
};

test('softmax and its logarithm inside the model are written out exactly, along any axis', () => {
	for (const fn of ['softmax', 'logSoftmax'] as const)
		for (const axis of [0, 1, 2]) {
			const sketch = new Sketch();
			const p = sketch.tail(sketch.input('x', SHAPE), fn, SHAPE, axis);
			const graph = sketch.graph({ y: [sketch.affine([{ x: p, matrix: mixing(12) }], SHAPE), SHAPE] });
			const written = innerSoftmax(graph);
			verify(written);
			assert.is(split(written).tails.get('y')?.length, 0);
			agree(graph, written);
		}
});

test('one polynomial of exp, one of the reciprocal or logarithm, and a square between them', () => {
	const written = (fn: 'softmax' | 'logSoftmax'): string => {
		const sketch = new Sketch();
		const p = sketch.tail(sketch.input('x', [4]), fn, [4], 0);
		return kinds(innerSoftmax(sketch.graph({ y: [sketch.multiply(p, p, [4]), [4]] })));
	};
	assert.is(written('softmax'), 'input affine exp multiply affine reciprocal affine multiply multiply');
	assert.is(written('logSoftmax'), 'input affine exp multiply affine log affine multiply');
});

test('at the end of the model it stays for the client, and dead code is dropped', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [12]);
	const p = sketch.tail(x, 'softmax', [12], 0);
	const label = sketch.tail(p, 'argMax', [1], 0);
	const unused = sketch.tail(sketch.affine([{ x, matrix: mixing(12) }], [12]), 'softmax', [12], 0);
	sketch.affine([{ x: unused, matrix: mixing(12) }], [12]);
	assert.is(kinds(innerSoftmax(sketch.graph({ p: [p, [12]], label: [label, [1]] }))), 'input softmax argMax');
});

test('a result that is an output too is computed once; what follows it at the end stays for the client', () => {
	const sketch = new Sketch();
	const p = sketch.tail(sketch.input('x', [12]), 'softmax', [12], 0);
	const label = sketch.tail(p, 'argMax', [1], 0);
	const square = sketch.multiply(p, p, [12]);
	const graph = sketch.graph({ p: [p, [12]], label: [label, [1]], square: [square, [12]] });
	const written = innerSoftmax(graph);
	agree(graph, written);
	const { tails } = split(written);
	assert.equal([tails.get('p')?.length, tails.get('square')?.length], [0, 0]);
	assert.equal(
		tails.get('label')?.map(({ op }) => op),
		['argMax'],
	);
});

test('the softmax of a softmax is written out as well, and an argMax inside is refused', () => {
	const sketch = new Sketch();
	const p = sketch.tail(sketch.input('x', [12]), 'softmax', [12], 0);
	const again = sketch.tail(p, 'logSoftmax', [12], 0);
	const graph = sketch.graph({ y: [sketch.multiply(again, again, [12]), [12]] });
	agree(graph, innerSoftmax(graph));
	const label = sketch.tail(p, 'argMax', [1], 0);
	const refused = sketch.graph({ y: [sketch.multiply(label, label, [1]), [1]] });
	const [issue, ...others] = issuesOf(() => split(innerSoftmax(refused)));
	assert.is(others.length, 0);
	assert.match(issue?.message ?? '', /argMax is followed by further operations/);
});

test.run();
