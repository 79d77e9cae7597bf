import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Node } from '../../compiler/tensor/graph.ts';
import { biasesOf, freeTerms, groupsOf, withParameters } from '../../compiler/tensor/parameters.ts';
import { identity, type SparseMatrix, selection } from '../../compiler/tensor/sparse.ts';
import { REPEATABLE } from './graphs.ts';
import { convolution, layer, matrixOf, numbers } from './layers.ts';

const groups = (node: Node<'affine'>) => groupsOf(node, freeTerms(node));

/** Of every group: components, rows of each, weights, biases. */
const sizes = (node: Node<'affine'>): number[][] =>
	groups(node).map(({ pattern, members }) => [
		members.length,
		pattern.bias.length,
		members[0]?.weights.length ?? 0,
		members[0]?.biases.length ?? 0,
	]);

const single = (matrix: SparseMatrix): Node<'affine'> => layer([{ x: 0, matrix }], new Float64Array(matrix.rows));

test('the channels of a convolution are one group with a parameter for each weight, padded or not', () => {
	for (const padding of [0, 1, 2])
		for (const side of [2, 3, 6]) {
			const shape = { channels: 2, side, k: 3, padding };
			const out = side - 2 + 2 * padding;
			if (out < 2) continue;
			assert.equal(sizes(single(convolution(shape, numbers(1, 4 * 18)))), [[4, out * out, 18, 1]]);
		}
	const wide = { channels: 1, side: 4, k: 7, padding: 3 };
	assert.equal(sizes(single(convolution(wide, numbers(2, 3 * 49)))), [[3, 16, 49, 1]]);
});

test('the rows of a dense layer are one group; two weights that are equal by chance join nothing', () => {
	const values = numbers(3, 6 * 60);
	assert.equal(sizes(single(matrixOf(6, 60, values))), [[6, 1, 60, 1]]);
	values[70] = values[5] as number; // two rows
	values[130] = values[140] as number; // one row
	assert.equal(sizes(single(matrixOf(6, 60, values))), [[6, 1, 60, 1]]);
});

test('rows of few values share them', () => {
	const ternary = numbers(4, 40).map((v) => Math.sign(v) * (v > 0.5 ? 0.25 : 0.5));
	assert.equal(sizes(single(matrixOf(4, 10, ternary))), [[1, 4, 3, 1]]);
	assert.equal(sizes(single(matrixOf(1, 3, [1, 2, 1]))), [[1, 1, 2, 1]]);
});

test('channels that see different inputs, or not all of them, are groups of their own', () => {
	const [one, other] = [numbers(5, 9), numbers(6, 9)];
	const grouped = matrixOf(
		2,
		18,
		Float64Array.from({ length: 36 }, (_, k) => (k < 9 ? (one[k] as number) : k < 27 ? 0 : (other[k - 27] as number))),
	);
	assert.equal(sizes(single(grouped)), [
		[1, 1, 9, 1],
		[1, 1, 9, 1],
	]);
	const pruned = numbers(7, 40);
	pruned[3] = 0;
	assert.equal(sizes(single(matrixOf(4, 10, pruned))), [
		[1, 1, 9, 1],
		[3, 1, 10, 1],
	]);
});

test('additions, averages, selections and scalings of rows have no free weights', () => {
	const matrix = matrixOf(3, 3, numbers(8, 9));
	const fixed = [
		identity(3),
		matrixOf(3, 3, [-1, 0, 0, 0, -1, 0, 0, 0, -1]),
		matrixOf(3, 3, [0.5, 0.5, 0, 0, 0.5, 0.5, 2, 2, 2]),
		selection([2, -1, 0], 3),
		matrixOf(3, 3, [3, 0, 0, 0, 4, 0, 0, 0, 5]),
	];
	for (const still of fixed) {
		const node = layer(
			[
				{ x: 0, matrix: still },
				{ x: 1, matrix },
			],
			[0, 0, 0],
		);
		assert.equal(
			freeTerms(node).map(({ x }) => x),
			[1],
		);
		assert.equal(sizes(node), [[3, 1, 3, 1]]);
	}
	// With nothing free, rows are joined by what is fixed: one bias for each channel that is scaled.
	assert.equal(sizes(single(matrixOf(4, 4, [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3]))), [[2, 2, 0, 1]]);
});

test('equal biases of a component are one parameter, others are several', () => {
	const matrix = convolution({ channels: 1, side: 3, k: 2, padding: 0 }, numbers(9, 8));
	assert.equal(sizes(layer([{ x: 0, matrix }], [1, 1, 1, 1, 2, 2, 2, 2])), [[2, 4, 4, 1]]);
	assert.equal(sizes(layer([{ x: 0, matrix }], [1, 0, 1, 0, 2, 2, 2, 2])), [
		[1, 4, 4, 2],
		[1, 4, 4, 1],
	]);
});

test('a component of more than 1500 parameters keeps its weights', () => {
	assert.equal(sizes(single(matrixOf(2, 1500, numbers(10, 3000)))), [[2, 1, 1500, 1]]);
	assert.equal(sizes(single(matrixOf(2, 1501, numbers(10, 3002)))), [[2, 1, 0, 1]]);
});

test('every row is in one component, and its own parameters give the node again', () => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 24, maxLength: 24 }),
			fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 4, maxLength: 4 }),
			(values, bias) => {
				const terms = [
					{ x: 0, matrix: matrixOf(4, 3, values.slice(0, 12)) },
					{ x: 1, matrix: matrixOf(4, 3, values.slice(12)) },
				];
				const node = layer(terms, bias);
				const free = freeTerms(node);
				const all = groupsOf(node, free);
				assert.equal(all.flatMap(({ members }) => members.flatMap(({ rows }) => [...rows])).sort(), [0, 1, 2, 3]);
				const own = all.flatMap(({ pattern, members }) =>
					members.map(({ rows, weights, biases }) => ({
						rows,
						pattern,
						weights: Float64Array.from(weights),
						biases: Float64Array.from(biases),
					})),
				);
				assert.equal(withParameters(node, free, own), node);
			},
		),
		REPEATABLE,
	);
});

test('a weight that becomes zero stays an entry; biases alone leave all weights', () => {
	const node = single(matrixOf(2, 2, [1, 2, 3, 4]));
	const free = freeTerms(node);
	const [group] = groupsOf(node, free);
	if (group === undefined) throw new Error('no group');
	const moved = (of: typeof group) =>
		of.members.map(({ rows, weights, biases }) => ({
			rows,
			pattern: of.pattern,
			weights: new Float64Array(weights.length),
			biases: Float64Array.from(biases, () => 7),
		}));
	const values = withParameters(node, free, moved(group)).terms[0]?.matrix.values ?? new Float64Array();
	assert.is(values.length, 4);
	assert.ok(values.every((v) => v > 0 && v < 1e-15));
	const bare = withParameters(node, free, moved(biasesOf(group)));
	assert.equal(bare.terms, node.terms);
	assert.equal([...bare.bias], [7, 7]);
});

test.run();
