import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leastSquares } from '../../compiler/numeric/fit.ts';
import {
	BATCH,
	cholesky,
	emptyMoments,
	type Moments,
	observe,
	ridge,
	substitute,
	validated,
} from '../../compiler/numeric/ridge.ts';

const REPEATABLE = { seed: 20240607, numRuns: 60 } as const;

/** Numbers in (-1, 1), the same for the same seed. */
const numbers = (seed: number, count: number): Float64Array => {
	let state = seed | 0;
	return Float64Array.from({ length: count }, () => {
		state = (Math.imul(state, 1664525) + 1013904223) | 0;
		return state / 2 ** 31;
	});
};

/** Observations row by row: f: [count, features], e: [count, targets]. */
type Observations = { readonly f: Float64Array; readonly e: Float64Array; readonly features: number };

const momentsOf = ({ f, e, features }: Observations): Moments => {
	const targets = (e.length * features) / f.length;
	const sums = emptyMoments(features, targets);
	for (let k = 0; k * features < f.length; k += BATCH) {
		const [some, left] = [new Float64Array(BATCH * features), new Float64Array(BATCH * targets)];
		some.set(f.subarray(k * features, (k + BATCH) * features));
		left.set(e.subarray(k * targets, (k + BATCH) * targets));
		observe(sums, some, left);
	}
	return sums;
};

/** The same minimum by Householder QR: each penalty is one more observation, of its root times a feature and of 0. */
const byOrthogonal = ({ f, e, features }: Observations, target: number, held: number, penalty: number): number[] => {
	const [count, targets] = [f.length / features, (e.length * features) / f.length];
	const squares = Array.from({ length: features }, (_, p) => {
		let sum = 0;
		for (let k = 0; k < count; k++) sum += (f[k * features + p] as number) ** 2;
		return sum;
	});
	const mean = (from: number, to: number): number =>
		squares.slice(from, to).reduce((sum, square) => sum + square, 0) / (to - from);
	const a = new Float64Array((count + features) * features);
	a.set(f);
	squares.forEach((square, p) => {
		const own = p < held ? penalty * (square + 0.01 * mean(0, held)) : 1e-7 * (square + 0.01 * mean(held, features));
		a[(count + p) * features + p] = Math.sqrt(own);
	});
	const b = new Float64Array(count + features);
	for (let k = 0; k < count; k++) b[k] = e[k * targets + target] as number;
	return leastSquares(a, b, features);
};

const near = (a: number, b: number, tolerance: number): void =>
	assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} is not ${b}`);

test('L L^T is the matrix again, and substitution solves the system', () => {
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 23 }), fc.integer(), (n, seed) => {
			const root = numbers(seed, n * n);
			const entry = (i: number, j: number): number => {
				let sum = i === j ? 0.1 : 0;
				for (let k = 0; k < n; k++) sum += (root[i * n + k] as number) * (root[j * n + k] as number);
				return sum;
			};
			const l = Float64Array.from({ length: n * n }, (_, k) => entry(Math.floor(k / n), k % n));
			assert.ok(cholesky(l, n));
			const x = numbers(seed + 1, n + 2);
			const z = x.slice();
			substitute(l, n, z, 1);
			for (let i = 0; i < n; i++) {
				let row = 0;
				for (let j = 0; j < n; j++) {
					let product = 0;
					for (let k = 0; k <= Math.min(i, j); k++) product += (l[i * n + k] as number) * (l[j * n + k] as number);
					near(product, entry(i, j), 1e-13);
					row += entry(i, j) * (z[j + 1] as number);
				}
				near(row, x[i + 1] as number, 1e-9);
			}
			assert.is(z[0], x[0]);
			assert.is(z[n + 1], x[n + 1]);
		}),
		REPEATABLE,
	);
});

test('a matrix that is not positive definite, or no numbers, has no factor', () => {
	assert.not(cholesky(Float64Array.of(1, 0, 1, 1), 2));
	assert.not(cholesky(Float64Array.of(1, 0, 2, 1), 2));
	assert.not(cholesky(Float64Array.of(0), 1));
	assert.not(cholesky(Float64Array.of(Number.NaN), 1));
	assert.not(cholesky(Float64Array.of(Number.POSITIVE_INFINITY), 1));
});

test('the sums are those of the observations, whatever their number is', () => {
	for (const count of [1, 4, 7]) {
		const [f, e] = [numbers(1, count * 3), numbers(2, count * 2)];
		const { gram, cross, energy } = momentsOf({ f, e, features: 3 });
		const sum = (term: (k: number) => number): number =>
			Array.from({ length: count }, (_, k) => term(k)).reduce((a, b) => a + b, 0);
		for (let p = 0; p < 3; p++) {
			for (let q = 0; q <= p; q++)
				near(
					gram[p * 3 + q] as number,
					sum((k) => (f[k * 3 + p] as number) * (f[k * 3 + q] as number)),
					1e-14,
				);
			for (let t = 0; t < 2; t++)
				near(
					cross[t * 3 + p] as number,
					sum((k) => (e[k * 2 + t] as number) * (f[k * 3 + p] as number)),
					1e-14,
				);
		}
		near(
			energy[1] as number,
			sum((k) => (e[k * 2 + 1] as number) ** 2),
			1e-14,
		);
	}
});

test('ridge regression is least squares with one more observation for each penalty', () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 2, max: 12 }),
			fc.integer({ min: 1, max: 30 }),
			fc.integer(),
			fc.constantFrom(10, 0.1, 1e-3),
			(features, count, seed, penalty) => {
				const f = numbers(seed, count * features).map((v, k) => (k % features === features - 1 ? 1 : v));
				const data = { f, e: numbers(seed + 1, count * 2), features };
				const z = ridge(momentsOf(data), features - 1, penalty);
				for (const target of [0, 1])
					byOrthogonal(data, target, features - 1, penalty).forEach((value, p) => {
						near(z?.[target * features + p] ?? Number.NaN, value, 1e-6);
					});
			},
		),
		REPEATABLE,
	);
});

test('features that are zero, that repeat others or hardly vary give finite changes, and zero where there is nothing to see', () => {
	const count = 40;
	const noise = numbers(5, count);
	const f = Float64Array.from({ length: count * 5 }, (_, k) => {
		const v = noise[Math.floor(k / 5)] as number;
		return [v, v, 0, 3 + 1e-9 * v, 1][k % 5] as number;
	});
	const e = noise.map((v) => 2 * v + 1);
	const z = ridge(momentsOf({ f, e, features: 5 }), 4, 1e-6) ?? new Float64Array();
	assert.is(z.length, 5);
	assert.is(z[2], 0);
	near(z[0] as number, z[1] as number, 1e-9);
	near((z[0] as number) + (z[1] as number), 2, 1e-4);
	assert.ok(Math.abs(z[3] as number) < 1);
	const dead = ridge(momentsOf({ f: new Float64Array(8), e: new Float64Array(8).fill(1), features: 1 }), 1, 1e-6);
	assert.equal([...(dead ?? [])], [0]);
	assert.is(ridge(momentsOf({ f: Float64Array.of(1e200), e: Float64Array.of(1), features: 1 }), 1, 1), undefined);
});

test('the penalty is the one with the least error on what is left out, and that is what an orthogonal fit leaves', () => {
	for (const [seed, noise] of [
		[3, 0.1],
		[4, 1],
		[5, 3],
	] as const) {
		const [features, count] = [8, 12];
		const folds = [0, 1, 2, 3].map((k): Observations => {
			const f = numbers(100 * seed + k, count * features).map((v, i) => (i % features === features - 1 ? 1 : v));
			const wild = numbers(100 * seed + 10 + k, count);
			const e = wild.map((v, i) => noise * v + 2 * (f[i * features] as number) - (f[i * features + 1] as number) + 0.5);
			return { f, e, features };
		});
		const errorsOf = (penalty: number): number =>
			folds.reduce((sum, fold) => {
				const rest = folds.filter((other) => other !== fold);
				const join = (part: 'f' | 'e'): Float64Array => Float64Array.from(rest.flatMap((other) => [...other[part]]));
				const z = byOrthogonal({ f: join('f'), e: join('e'), features }, 0, features - 1, penalty);
				return fold.e.reduce((total, e, i) => {
					const predicted = z.reduce((dot, v, p) => dot + v * (fold.f[i * features + p] as number), 0);
					return total + (e - predicted) ** 2;
				}, sum);
			}, 0);
		const errors = [100, 10, 1, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6].map(errorsOf);
		const result = validated(folds.map(momentsOf), features - 1);
		near(result?.after[0] ?? Number.NaN, Math.min(...errors), 1e-6);
		near(
			result?.before[0] ?? Number.NaN,
			folds.reduce((sum, { e }) => e.reduce((total, v) => total + v * v, sum), 0),
			1e-12,
		);
	}
});

test('what a fit makes no better is left alone', () => {
	// Opposite residuals for the same features: what is learnt from two folds is wrong on the others.
	const one = { f: Float64Array.of(1, 1), e: Float64Array.of(1, 1), features: 1 };
	const other = { ...one, e: Float64Array.of(-1, -1) };
	assert.is(validated([one, other, one, other].map(momentsOf), 1), undefined);
	assert.is(
		validated(
			[one, one, one, one].map((each) => momentsOf({ ...each, e: each.e.map(() => 0) })),
			1,
		),
		undefined,
	);
	assert.is(validated([], 1), undefined);
	const broken = { ...one, e: Float64Array.of(Number.NaN, 1) };
	assert.is(validated([one, broken, one, one].map(momentsOf), 1), undefined);
});

test.run();
