import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../../compiler/errors.ts';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import { applyHead, split, throughHeads } from '../../../compiler/tensor/passes/split.ts';
import { diagonal, identity } from '../../../compiler/tensor/sparse.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { dense, Sketch } from '../graphs.ts';

const M = dense([
	[1, 2, 0],
	[0, 1, 1],
	[3, 0, 1],
]);

test('softmax then argMax at the end go to the client, in order', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [1, 3]);
	const logits = sketch.affine([{ x, matrix: M }], [1, 3]);
	const p = sketch.tail(logits, 'softmax', [1, 3], 1);
	const label = sketch.tail(p, 'argMax', [1], 1);
	const { body, tails } = split(sketch.graph({ label: [label, [1]], p: [p, [3]] }));
	verify(body);
	assert.equal(
		body.nodes.map(({ kind }) => kind),
		['input', 'affine'],
	);
	assert.equal(body.outputs, [
		{ name: 'label', id: 1, shape: [1, 3] },
		{ name: 'p', id: 1, shape: [1, 3] },
	]);
	assert.equal(tails.get('label'), [
		{ op: 'softmax', axis: 1 },
		{ op: 'argMax', axis: 1, keepDims: false, selectLast: false },
	]);
	assert.equal(tails.get('p'), [
		{ op: 'softmax', axis: 1 },
		{ op: 'reshape', shape: [3] },
	]);
});

test('an operation on another shape than its result had is preceded by a reshape', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [6]);
	const p = sketch.tail(x, 'softmax', [1, 6], 1);
	const label = sketch.tail(p, 'argMax', [2], 1);
	const { body, tails } = split(sketch.graph({ label: [label, [2]] }));
	assert.equal(body.outputs, [{ name: 'label', id: 0, shape: [1, 6] }]);
	assert.equal(tails.get('label'), [
		{ op: 'softmax', axis: 1 },
		{ op: 'reshape', shape: [2, 3] },
		{ op: 'argMax', axis: 1, keepDims: false, selectLast: false },
	]);
});

test('a final sigmoid goes to the client, one that the body uses stays', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [3]);
	const gate = sketch.activation(x, 'sigmoid', [3]);
	const gated = sketch.multiply(gate, x, [3]);
	const end = sketch.activation(gated, 'sigmoid', [3]);
	const { body, tails } = split(sketch.graph({ gate: [gate, [3]], end: [end, [3]] }));
	assert.equal(
		body.nodes.map(({ kind }) => kind),
		['input', 'activation', 'multiply'],
	);
	assert.equal(tails.get('gate'), []);
	assert.equal(tails.get('end'), [{ op: 'sigmoid' }]);
	assert.equal(
		body.outputs.map(({ id }) => id),
		[1, 2],
	);
});

test('a softmax inside the body is refused by name, one in dead code is not', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [3]);
	const p = sketch.tail(x, 'softmax', [3], 0);
	const after = sketch.affine([{ x: p, matrix: M }], [3]);
	assert.throws(
		() => split(sketch.graph({ y: [after, [3]] })),
		(error: unknown) =>
			error instanceof CompileError &&
			error.issues.length === 1 &&
			error.issues[0]?.code === 'unsupported' &&
			error.issues[0].node === 'softmax' &&
			error.issues[0].hint !== undefined,
	);
	assert.equal(split(sketch.graph({ y: [x, [3]] })).body.nodes.length, 1);
});

test('standardisation of an input becomes its head, and body after head is the model', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [3]);
	const centered = sketch.affine([{ x, matrix: identity(3) }], [3], [-1, -2, -3]);
	const scaled = sketch.affine([{ x: centered, matrix: diagonal([2, 0, 4]) }], [3], [0, 1, 0]);
	const y = sketch.multiply(scaled, scaled, [3]);
	const graph = sketch.graph({ y: [y, [3]] });
	const { body, heads } = split(graph);
	verify(body);
	assert.equal(
		body.nodes.map(({ kind }) => kind),
		['input', 'multiply'],
	);
	const head = heads.get('x');
	assert.equal([...(head?.scale ?? [])], [2, 0, 4]);
	assert.equal([...(head?.shift ?? [])], [-2, 1, -12]);
	const sample = Float64Array.of(5, 6, 7);
	const expected = [8 ** 2, 1, 16 ** 2];
	assert.equal([...(evaluate(graph, new Map([['x', sample]])).get('y') ?? [])], expected);
	assert.equal([...(evaluate(body, new Map([['x', applyHead(head, sample)]])).get('y') ?? [])], expected);
	assert.equal([...(throughHeads(heads, new Map([['x', [sample]]])).get('x')?.[0] ?? [])], [8, 1, 16]);
});

test('a leading identity disappears without a head', () => {
	const sketch = new Sketch();
	const same = sketch.affine([{ x: sketch.input('x', [3]), matrix: identity(3) }], [3, 1]);
	const { body, heads } = split(sketch.graph({ y: [sketch.multiply(same, same, [3]), [3]] }));
	assert.is(body.nodes.length, 2);
	assert.is(heads.size, 0);
});

test('no head is taken where the input is used twice, mixed, or scaled into an output', () => {
	const cases: ((sketch: Sketch, x: number) => number)[] = [
		(sketch, x) => sketch.multiply(sketch.affine([{ x, matrix: diagonal([1, 2, 3]) }], [3]), x, [3]),
		(sketch, x) => sketch.activation(sketch.affine([{ x, matrix: M }], [3]), 'relu', [3]),
		(sketch, x) => sketch.affine([{ x, matrix: diagonal([1, 2, 3]) }], [3], [1, 1, 1]),
	];
	for (const make of cases) {
		const sketch = new Sketch();
		const y = make(sketch, sketch.input('x', [3]));
		const { body, heads } = split(sketch.graph({ y: [y, [3]] }));
		assert.is(heads.size, 0);
		assert.is(body.nodes.length, y + 1);
	}
});

test('an input that is an output is left as it is', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2, 1]);
	const { body, heads, tails } = split(sketch.graph({ y: [x, [2]] }));
	assert.equal(body.outputs, [{ name: 'y', id: 0, shape: [2] }]);
	assert.is(heads.size, 0);
	assert.equal(tails.get('y'), []);
});

test.run();
