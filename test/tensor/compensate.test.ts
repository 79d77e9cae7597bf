import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compensate } from '../../compiler/tensor/compensate.ts';
import type { Id, Node } from '../../compiler/tensor/graph.ts';
import { freeTerms } from '../../compiler/tensor/parameters.ts';
import { identity, type SparseMatrix } from '../../compiler/tensor/sparse.ts';
import { convolution, distance, layer, matrixOf, numbers, type Rows, resultsOf, samplesOf } from './layers.ts';

const REPEATABLE = { seed: 20240607, numRuns: 25 } as const;

/** The operands exactly and as polynomials before the node leave them, by id. */
type Operands = { readonly exact: readonly Rows[]; readonly distorted: readonly Rows[] };

const valuesAt =
	(operands: readonly Rows[]) =>
	(x: Id): Rows =>
		operands[x] as Rows;

/** The node re-fitted, with the mean squares of what it is off by before and after, on samples of its own. */
const refitted = (node: Node<'affine'>, { exact, distorted }: Operands, work?: number) => {
	const [target, current] = [resultsOf(node, valuesAt(exact)), resultsOf(node, valuesAt(distorted))];
	return compensate(node, valuesAt(distorted), target, current, work);
};

const errorOf = (node: Node<'affine'>, original: Node<'affine'>, { exact, distorted }: Operands): number =>
	distance(resultsOf(node, valuesAt(distorted)), resultsOf(original, valuesAt(exact)));

const valuesOf = (node: Node<'affine'>, term = 0): Float64Array =>
	node.terms[term]?.matrix.values ?? new Float64Array();

const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void => {
	assert.is(a.length, b.length);
	for (let k = 0; k < a.length; k++)
		assert.ok(Math.abs((a[k] as number) - (b[k] as number)) < tolerance, `${k}: ${a[k]} is not ${b[k]}`);
};

/** a x + b with a and b of the channel of each element. */
const distortedBy = (rows: Rows, size: number, a: readonly number[], b: readonly number[]): Rows =>
	rows.map((row) => row.map((x, j) => (a[Math.floor(j / size)] as number) * x + (b[Math.floor(j / size)] as number)));

/** Elementwise something like the error of a polynomial, and noise that no map of the operands takes back. */
const curved = (rows: Rows, seed: number, noise = 0.02): Rows =>
	rows.map((row, s) => {
		const wild = numbers(seed * 7919 + s, row.length);
		return row.map((x, j) => 0.1 + 0.9 * x + 0.2 * x * x + noise * (wild[j] as number));
	});

const curvedOperands = (seed: number, count: number, ...widths: readonly number[]): Operands => {
	const exact = widths.map((size, k) => samplesOf(seed + 31 * k, count, size));
	return { exact, distorted: exact.map((rows, k) => curved(rows, seed + k)) };
};

const dense = (rows: number, columns: number, seed: number): Node<'affine'> =>
	layer([{ x: 0, matrix: matrixOf(rows, columns, numbers(seed, rows * columns)) }], numbers(seed + 1, rows));

test('a dense layer after operands off by a x + b gets the weights w / a, and the bias less w b / a', () => {
	fc.assert(
		fc.property(
			fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 6, maxLength: 6 }),
			fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
			fc.nat(1000),
			(a, b, seed) => {
				fc.pre(a.some((v, c) => Math.abs(v - 1) > 0.05 || Math.abs(b[c] as number) > 0.05));
				const node = dense(20, 6, seed);
				const exact = [samplesOf(seed, 120, 6)];
				const operands = { exact, distorted: exact.map((rows) => distortedBy(rows, 1, a, b)) };
				const { node: result, gain } = refitted(node, operands);
				const values = valuesOf(node);
				near(
					valuesOf(result),
					values.map((w, k) => w / (a[k % 6] as number)),
					1e-3,
				);
				const shifts = Array.from({ length: 20 }, (_, i) =>
					b.reduce((sum, shift, c) => sum + ((values[6 * i + c] as number) * shift) / (a[c] as number), 0),
				);
				near(
					result.bias,
					node.bias.map((v, i) => v - (shifts[i] as number)),
					1e-3,
				);
				assert.ok(gain > 0.9999);
			},
		),
		REPEATABLE,
	);
});

test('so does a convolution, and every weight is at its places still', () => {
	const shape = { channels: 3, side: 6, k: 3, padding: 0 };
	const weights = numbers(1, 5 * 27);
	const node = layer([{ x: 0, matrix: convolution(shape, weights) }], numbers(2, 5 * 16).fill(0.5));
	const [a, b] = [
		[1.3, 0.7, 1.1],
		[0.2, -0.1, 0.4],
	];
	const exact = [samplesOf(3, 60, 3 * 36)];
	const result = refitted(node, { exact, distorted: exact.map((rows) => distortedBy(rows, 36, a, b)) }).node;
	const expected = weights.map((w, k) => w / (a[Math.floor(k / 9) % 3] as number));
	near(valuesOf(result), convolution(shape, expected).values, 1e-3);
	for (let kernel = 0; kernel < 5; kernel++) {
		const shift = expected
			.subarray(kernel * 27, kernel * 27 + 27)
			.reduce((sum, w, k) => sum + w * (b[Math.floor(k / 9)] as number), 0);
		near(result.bias.subarray(kernel * 16, kernel * 16 + 16), new Float64Array(16).fill(0.5 - shift), 2e-3);
	}
});

/** Are entries that were equal within the given rows equal still, and the pattern the same? */
const sharesAlike = (before: SparseMatrix, after: SparseMatrix, rows: readonly [number, number]): void => {
	assert.equal(after.columnOf, before.columnOf);
	assert.equal(after.rowStart, before.rowStart);
	const known = new Map<number, number>();
	for (let k = before.rowStart[rows[0]] as number; k < (before.rowStart[rows[1]] as number); k++) {
		const [old, now] = [before.values[k] as number, after.values[k] as number];
		assert.is(known.get(old) ?? now, now);
		known.set(old, now);
	}
};

test('weights that are shared stay shared, biases too, whatever the padding', () => {
	fc.assert(
		fc.property(fc.constantFrom(0, 1, 2), fc.nat(1000), (padding, seed) => {
			const shape = { channels: 2, side: 5, k: 3, padding };
			const matrix = convolution(shape, numbers(seed, 3 * 18));
			const places = matrix.rows / 3;
			const bias = Float64Array.from({ length: matrix.rows }, (_, i) => Math.floor(i / places));
			const node = layer([{ x: 0, matrix }], bias);
			const { node: result, gain } = refitted(node, curvedOperands(seed, 40, 50));
			assert.ok(gain > 0);
			const after = result.terms[0]?.matrix;
			for (const kernel of [0, 1, 2]) {
				if (after !== undefined) sharesAlike(matrix, after, [kernel * places, (kernel + 1) * places]);
				const own = result.bias.subarray(kernel * places, (kernel + 1) * places);
				assert.is(new Set(own).size, 1);
			}
		}),
		REPEATABLE,
	);
});

test('two weights of a dense layer that are equal by chance are re-fitted each for itself', () => {
	const values = numbers(5, 8 * 10);
	values[3] = values[57] as number;
	const node = layer([{ x: 0, matrix: matrixOf(8, 10, values) }], new Float64Array(8));
	const a = Array.from({ length: 10 }, (_, c) => 1 + c / 10);
	const exact = [samplesOf(6, 100, 10)];
	const distorted = exact.map((rows) => distortedBy(rows, 1, a, new Array<number>(10).fill(0)));
	const result = valuesOf(refitted(node, { exact, distorted }).node);
	near([result[3] as number, result[57] as number], [(values[3] as number) / 1.3, (values[57] as number) / 1.7], 1e-3);
});

test('what is added as it is, or has one value in each row, stays; biases and the other terms move', () => {
	const still = [
		identity(6),
		matrixOf(
			6,
			6,
			[...identityValues(6)].map((v) => -v),
		),
		averages(6),
	];
	for (const matrix of still) {
		const terms = [
			{ x: 0, matrix: matrixOf(6, 6, numbers(7, 36)) },
			{ x: 1, matrix },
		];
		const node = layer(terms, numbers(8, 6));
		const operands = curvedOperands(9, 100, 6, 6);
		const { node: result, gain } = refitted(node, operands);
		assert.is(result.terms[1], node.terms[1]);
		assert.not.equal(valuesOf(result), valuesOf(node));
		assert.ok(gain > 0.2);
		const alone = refitted(layer([{ x: 1, matrix }], numbers(8, 6)), operands);
		assert.is(alone.node.terms[0]?.matrix, matrix);
		assert.not.equal(alone.node.bias, node.bias);
		assert.ok(alone.gain > 0);
	}
});

const identityValues = (size: number): Float64Array =>
	Float64Array.from({ length: size * size }, (_, k) => (k % (size + 1) === 0 ? 1 : 0));

/** Means of neighbours. */
const averages = (size: number): SparseMatrix =>
	matrixOf(
		size,
		size,
		Float64Array.from({ length: size * size }, (_, k) =>
			((k % size) - Math.floor(k / size) + size) % size < 2 ? 0.5 : 0,
		),
	);

test('two operands are re-fitted together', () => {
	const terms = [
		{ x: 0, matrix: matrixOf(5, 4, numbers(10, 20)) },
		{ x: 1, matrix: matrixOf(5, 3, numbers(11, 15)) },
	];
	const node = layer(terms, numbers(12, 5));
	const exact = [samplesOf(13, 90, 4), samplesOf(14, 90, 3)];
	const distorted = [distortedBy(exact[0] as Rows, 4, [2], [0]), distortedBy(exact[1] as Rows, 3, [0.5], [0])];
	const result = refitted(node, { exact, distorted }).node;
	near(
		valuesOf(result),
		valuesOf(node).map((w) => w / 2),
		1e-3,
	);
	near(
		valuesOf(result, 1),
		valuesOf(node, 1).map((w) => w * 2),
		1e-3,
	);
});

test('the gain on samples left out is what new samples gain', () => {
	for (const [node, width] of [
		[dense(12, 20, 15), 20],
		[
			layer(
				[{ x: 0, matrix: convolution({ channels: 2, side: 6, k: 3, padding: 1 }, numbers(16, 72)) }],
				new Float64Array(144),
			),
			72,
		],
	] as const) {
		const { node: result, gain } = refitted(node, curvedOperands(17, 300, width));
		const others = curvedOperands(18, 300, width);
		const seen = 1 - errorOf(result, node, others) / errorOf(node, node, others);
		assert.ok(gain > 0.5 && gain < 1);
		assert.ok(Math.abs(seen - gain) < 0.05, `${seen} of new samples, ${gain} of those left out`);
	}
});

test('a gain is never negative, and without one the node is what it was', () => {
	fc.assert(
		fc.property(
			fc.nat(1000),
			fc.integer({ min: 16, max: 40 }),
			fc.integer({ min: 2, max: 30 }),
			fc.constantFrom(0, 0.1, 2),
			(seed, count, width, noise) => {
				const node = dense(3, width, seed);
				const exact = [samplesOf(seed + 1, count, width)];
				const distorted = exact.map((rows) => curved(rows, seed + 2, noise));
				const { node: result, gain } = refitted(node, { exact, distorted });
				assert.ok(gain >= 0 && gain < 1);
				assert.is(result === node, gain === 0);
				assert.ok([...valuesOf(result), ...result.bias].every(Number.isFinite));
				if (gain > 0)
					assert.ok(errorOf(result, node, { exact, distorted }) < errorOf(node, node, { exact, distorted }));
			},
		),
		{ seed: 20240607, numRuns: 60 },
	);
});

test('what is missing by chance is not learnt: new samples are hardly worse off, few as the samples are', () => {
	// 200 weights a row, and residuals that have nothing to do with the operands.
	const losses = Array.from({ length: 10 }, (_, seed) => {
		const node = dense(4, 200, seed);
		const at = [samplesOf(seed + 50, 24, 200)];
		const current = resultsOf(node, valuesAt(at));
		const wild = samplesOf(seed + 90, 24, 4);
		const target = current.map((row, s) => row.map((v, i) => v + (wild[s]?.[i] ?? 0)));
		const result = compensate(node, valuesAt(at), target, current).node;
		// On new samples the best is no change at all, which is off by the mean square of the residuals, 1 / 3.
		const others = valuesAt([samplesOf(seed + 130, 200, 200)]);
		return distance(resultsOf(result, others), resultsOf(node, others)) * 3;
	});
	assert.ok(Math.max(...losses) < 0.5, `${Math.max(...losses)}`);
	assert.ok(losses.reduce((sum, loss) => sum + loss, 0) / 10 < 0.06);
});

test('with fewer than 16 samples, or values that are no numbers, nothing is changed', () => {
	const node = dense(4, 3, 19);
	for (const count of [0, 1, 8, 15]) {
		const { node: result, gain } = refitted(node, curvedOperands(20, count, 3));
		assert.is(result, node);
		assert.is(gain, 0);
	}
	assert.ok(refitted(node, curvedOperands(20, 16, 3)).gain > 0.3);
	const operands = curvedOperands(20, 64, 3);
	for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e200]) {
		const spoilt = operands.distorted.map((rows) => rows.map((row, s) => (s === 5 ? row.map(() => value) : row)));
		assert.is(refitted(node, { ...operands, distorted: spoilt }).node, node);
	}
	// Not even where the rest has nothing to do with it.
	const two = layer([{ x: 0, matrix: matrixOf(2, 3, [1, 2, 0, 0, 3, 4]) }], [0, 0]);
	const current = resultsOf(two, valuesAt(operands.distorted));
	const target = resultsOf(two, valuesAt(operands.exact));
	assert.ok(compensate(two, valuesAt(operands.distorted), target, current).gain > 0.3);
	const broken = target.map((row) => Float64Array.of(Number.NaN, row[1] as number));
	assert.is(compensate(two, valuesAt(operands.distorted), broken, current).node, two);
});

test('dead, constant, tiny and repeated operands: weights stay finite, and of the dead what they were', () => {
	const node = dense(3, 6, 21);
	const spoil = (row: Float64Array): Float64Array => {
		const [a, b] = [row[0] as number, row[1] as number];
		return Float64Array.of(0, 5, 5 + 1e-10 * b, a, a, 1e-9 * b);
	};
	const operands = curvedOperands(22, 80, 6);
	const distorted = operands.distorted.map((rows) => rows.map(spoil));
	const { node: result } = refitted(node, { ...operands, distorted });
	const [before, after] = [valuesOf(node), valuesOf(result)];
	for (const row of [0, 1, 2]) {
		assert.is(after[6 * row], before[6 * row]);
		for (let c = 1; c < 6; c++) {
			const change = (after[6 * row + c] as number) - (before[6 * row + c] as number);
			assert.ok(Math.abs(change) < 3, `${c}: ${change}`);
		}
		const [third, fourth] = [3, 4].map((c) => (after[6 * row + c] as number) - (before[6 * row + c] as number));
		assert.ok(Math.abs((third as number) - (fourth as number)) < 1e-6);
	}
});

test('where pairs of rows and samples are left out, the result is hardly another', () => {
	// 64 x 784 pairs, of which 40,000 are looked at.
	const shape = { channels: 1, side: 28, k: 3, padding: 1 };
	const weights = numbers(23, 18);
	const node = layer([{ x: 0, matrix: convolution(shape, weights) }], new Float64Array(2 * 784));
	const exact = [samplesOf(24, 64, 784)];
	const distorted = exact.map((rows) => distortedBy(rows, 784, [1.25], [0]));
	const { node: result, gain } = refitted(node, { exact, distorted });
	const expected = convolution(
		shape,
		weights.map((w) => w / 1.25),
	);
	near(valuesOf(result), expected.values, 1e-3);
	assert.ok(gain > 0.9999);
	const wild = { exact, distorted: exact.map((rows) => curved(rows, 24, 0.3)) };
	const others = [samplesOf(25, 64, 784)];
	const { node: other, gain: part } = refitted(node, wild);
	const fresh = { exact: others, distorted: others.map((rows) => curved(rows, 26, 0.3)) };
	const seen = 1 - errorOf(other, node, fresh) / errorOf(node, node, fresh);
	assert.ok(part < 0.8 && Math.abs(seen - part) < 0.02, `${seen} of new samples, ${part} of those left out`);
});

test('what the operands have in common is learnt from few samples of many operands', () => {
	const mixed = matrixOf(700, 5, numbers(29, 3500));
	const mix = layer([{ x: 0, matrix: mixed }], new Float64Array(700));
	const exact = [resultsOf(mix, valuesAt([samplesOf(30, 48, 5)]))];
	const node = dense(1, 700, 31);
	const { gain } = refitted(node, { exact, distorted: exact.map((rows) => distortedBy(rows, 700, [1.25], [0])) });
	assert.ok(gain > 0.99);
});

test('a bias takes the mean of what is missing on all samples', () => {
	for (const count of [16, 17, 18, 23]) {
		const node = layer([{ x: 0, matrix: identity(1) }], [3]);
		const missing = numbers(count, count).map((v) => 1 + v / 4);
		const rows = samplesOf(32, count, 1);
		const current = resultsOf(node, valuesAt([rows]));
		const target = current.map((row, s) => row.map((v) => v + (missing[s] as number)));
		const { node: result } = compensate(node, valuesAt([rows]), target, current);
		near(result.bias, [3 + missing.reduce((sum, v) => sum + v, 0) / count], 1e-6);
	}
});

test('a component of very many weights, or one that there is no time for, gets new biases only', () => {
	const wide = dense(2, 1501, 25);
	const operands = curvedOperands(26, 64, 1501);
	for (const { node: result, gain } of [
		refitted(wide, operands),
		refitted(dense(2, 10, 25), curvedOperands(26, 64, 10), 1),
	]) {
		assert.ok(gain > 0 && gain < 1);
		const original = result.terms[0]?.matrix.columns === 1501 ? wide : dense(2, 10, 25);
		assert.equal(valuesOf(result), valuesOf(original));
		assert.not.equal(result.bias, original.bias);
	}
});

test('two runs give the same, and nothing that was given is changed', () => {
	const node = dense(20, 12, 27);
	const operands = curvedOperands(28, 100, 12);
	const copy = structuredClone({ node, operands });
	assert.equal(refitted(node, operands), refitted(node, operands));
	assert.equal({ node, operands }, copy);
	assert.is(freeTerms(node).length, 1);
});

test.run();
