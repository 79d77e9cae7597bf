import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InternalError } from '../../compiler/errors.ts';
import type { Graph, Node } from '../../compiler/tensor/graph.ts';
import { identity } from '../../compiler/tensor/sparse.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { choices, REPEATABLE, randomGraph } from './graphs.ts';

const input: Node = { kind: 'input', name: 'x', shape: [2], origin: 'x' };
const map: Node<'affine'> = {
	kind: 'affine',
	terms: [{ x: 0, matrix: identity(2) }],
	bias: new Float64Array(2),
	shape: [2],
	origin: 'map',
};
const tail: Node<'tail'> = {
	kind: 'tail',
	x: 0,
	fn: 'softmax',
	axis: 0,
	keepDims: false,
	selectLast: false,
	shape: [2],
	origin: 't',
};
const series = { center: 0, radius: 1, coefficients: [1, 2] };
const polynomial: Node<'polynomial'> = {
	kind: 'polynomial',
	x: 0,
	series: [series],
	inner: 1,
	shape: [2],
	origin: 'p',
};
const graph = (node: Node, output = { name: 'y', id: 1, shape: [2] }): Graph => ({
	nodes: [input, node],
	outputs: [output],
});

test('every random graph is accepted', () => {
	fc.assert(
		fc.property(choices(), (from) => {
			verify(randomGraph(from, 8, ['relu', 'gelu']));
		}),
		REPEATABLE,
	);
	for (const node of [map, tail, polynomial, { ...polynomial, series: [series, series] }]) verify(graph(node));
});

test('every broken invariant is named', () => {
	const matrix = identity(2);
	const broken: readonly (readonly [Graph, RegExp])[] = [
		[graph({ ...map, terms: [{ x: 1, matrix }] }), /operand 1 is not an earlier node/],
		[graph({ ...map, terms: [{ x: -1, matrix }] }), /operand -1/],
		[graph({ ...map, shape: [3] }), /bias has 2 elements, not 3/],
		[graph({ ...map, shape: [0] }), /not positive/],
		[graph({ ...map, shape: [1.5] }), /not positive/],
		[graph({ ...map, bias: Float64Array.of(1, Number.NaN) }), /bias is not finite/],
		[graph({ ...map, terms: [{ x: 0, matrix: identity(3) }] }), /matrix is 3x3, not 2x2/],
		[graph({ ...map, terms: [...map.terms, ...map.terms] }), /two terms on one operand/],
		[graph({ ...map, terms: [{ x: 0, matrix: { ...matrix, values: Float64Array.of(1, 0) } }] }), /row 1 holds 0/],
		[graph({ ...map, terms: [{ x: 0, matrix: { ...matrix, values: Float64Array.of(1 / 0, 1) } }] }), /row 0 holds Inf/],
		[graph({ ...map, terms: [{ x: 0, matrix: { ...matrix, columnOf: Int32Array.of(0, 2) } }] }), /column 2 of 2/],
		[graph({ ...map, terms: [{ x: 0, matrix: { ...matrix, rowStart: Int32Array.of(0, 2, 1) } }] }), /broken length/],
		[
			graph({
				...map,
				terms: [{ x: 0, matrix: { ...matrix, rowStart: Int32Array.of(0, 2, 2), columnOf: Int32Array.of(1, 0) } }],
			}),
			/row 0 is not ascending/,
		],
		[graph({ kind: 'multiply', a: 0, b: 0, shape: [3], origin: 'm' }), /factors have 2 and 2 elements, not 3/],
		[graph({ kind: 'activation', x: 0, fn: 'relu', shape: [1], origin: 'a' }), /operand has 2 elements, not 1/],
		[graph({ ...polynomial, series: [{ ...series, radius: 0 }] }), /radius 0 is not positive/],
		[graph({ ...polynomial, series: [{ ...series, center: Number.NaN }] }), /center NaN/],
		[graph({ ...polynomial, series: [{ ...series, coefficients: [] }] }), /empty or not finite/],
		[graph({ ...polynomial, series: [series, { ...series, coefficients: [1] }] }), /of 2 and 1 coefficients/],
		[graph({ ...polynomial, series: [] }), /no series/],
		[graph({ ...polynomial, inner: 0 }), /channels of 0 elements/],
		[graph({ ...polynomial, series: [series, series], inner: 2 }), /2 channels of 2 elements do not make up 2/],
		[graph({ ...tail, axis: 1 }), /axis 1 is outside \[2\]/],
		[graph({ ...tail, shape: [3] }, { name: 'y', id: 0, shape: [2] }), /does not fit \[3\]/],
		[graph({ ...input, origin: 'again' }), /second input named x/],
		[graph(map, { name: 'y', id: 2, shape: [2] }), /output y is node 2, which does not exist/],
		[graph(map, { name: 'y', id: 1, shape: [3] }), /output y has shape \[3\] but its node has \[2\]/],
		[{ nodes: [input], outputs: [0, 0].map((id) => ({ name: 'y', id, shape: [2] })) }, /output y exists twice/],
	];
	for (const [bad, message] of broken)
		assert.throws(
			() => verify(bad),
			(error: unknown) => error instanceof InternalError && message.test(error.message),
			`expected ${message}`,
		);
});

test.run();
