import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clenshaw, nodes } from '../../compiler/numeric/chebyshev.ts';
import { fit, leastSquares, minimax } from '../../compiler/numeric/fit.ts';
import { gelu, relu, sigmoid } from '../../compiler/numeric/functions.ts';

const grid = Array.from({ length: 4001 }, (_, i) => i / 2000 - 1);
const errorOf = (fn: (x: number) => number, c: readonly number[], center: number, radius: number): number =>
	Math.max(...grid.map((t) => Math.abs(fn(center + radius * t) - clenshaw(c, t))));

test('a polynomial is recovered from its values, whatever the weights', () => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 32 }),
			fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 100, maxLength: 100 }),
			(c, weights) => {
				const [center, radius] = [3, 7];
				const points = nodes(100).map((t, i) => ({
					x: center + radius * t,
					y: clenshaw(c, t),
					weight: weights[i] as number,
				}));
				fit(points, c.length - 1, center, radius).forEach((v, k) => {
					assert.ok(Math.abs(v - (c[k] as number)) < 1e-9);
				});
			},
		),
		{ seed: 11, numRuns: 60 },
	);
});

test('least squares solves the normal equations: the residual is orthogonal to every column', () => {
	const [m, n] = [40, 5];
	const a = Float64Array.from({ length: m * n }, (_, i) => Math.sin(i * i + 1));
	const b = Float64Array.from({ length: m }, (_, i) => Math.cos(3 * i));
	const z = leastSquares(a.slice(), b.slice(), n);
	for (let j = 0; j < n; j++) {
		let dot = 0;
		for (let i = 0; i < m; i++) {
			const predicted = z.reduce((sum, v, k) => sum + v * (a[i * n + k] as number), 0);
			dot += (a[i * n + j] as number) * ((b[i] as number) - predicted);
		}
		assert.ok(Math.abs(dot) < 1e-12);
	}
});

test('a column that repeats another gets the coefficient zero and the rest is still fitted', () => {
	const z = leastSquares(Float64Array.of(1, 1, 0, 1, 1, 1, 1, 1, 2, 1, 1, 3), Float64Array.of(5, 7, 9, 11), 3);
	assert.ok(Math.abs((z[0] as number) - 5) < 1e-12);
	assert.is(z[1], 0);
	assert.ok(Math.abs((z[2] as number) - 2) < 1e-12);
});

test('a weighted fit is nearer where the weight is', () => {
	const points = (heavy: (x: number) => boolean) =>
		grid.map((x) => ({ x, y: Math.exp(3 * x), weight: heavy(x) ? 1 : 1e-4 }));
	const errorLeft = (c: readonly number[]): number =>
		Math.max(...grid.filter((t) => t < 0).map((t) => Math.abs(Math.exp(3 * t) - clenshaw(c, t))));
	const left = fit(
		points((x) => x < 0),
		3,
		0,
		1,
	);
	const even = fit(
		points(() => true),
		3,
		0,
		1,
	);
	assert.ok(errorLeft(left) < errorLeft(even) / 3);
});

test('known degrees reach known accuracies', () => {
	// Bernstein: the best error of |x| on [-1, 1] tends to 0.2802 / degree, and relu(x) = (x + |x|) / 2.
	for (const degree of [4, 8, 16]) {
		const error = errorOf(relu, minimax(relu, degree, 0, 1), 0, 1);
		assert.ok(error > 0.9 * (0.2802 / 2 / degree) && error < 1.15 * (0.2802 / 2 / degree), `relu ${degree}: ${error}`);
	}
	// About 1e-2 on the ranges that networks use.
	for (const [fn, degree, radius] of [
		[sigmoid, 5, 5],
		[gelu, 7, 3],
		[Math.tanh, 11, 4],
	] as const) {
		const error = errorOf(fn, minimax(fn, degree, 0, radius), 0, radius);
		assert.ok(error > 5e-3 && error < 1.2e-2, `${fn.name} ${degree}: ${error}`);
	}
	// tanh(x) = 2 sigmoid(2 x) - 1, so the best errors are tied.
	const tied = 2 * errorOf(sigmoid, minimax(sigmoid, 7, 0, 6), 0, 6);
	assert.ok(Math.abs(errorOf(Math.tanh, minimax(Math.tanh, 7, 0, 3), 0, 3) / tied - 1) < 0.02);
});

test('the minimax fit of exp has the equioscillation error 2^-n / (n + 1)! within a factor', () => {
	// Leading term of the best error of exp on [-1, 1]: 1 / (2^n (n + 1)!) (Cheney, Introduction to Approximation Theory).
	for (const n of [2, 3, 4, 5]) {
		const factorial = Array.from({ length: n + 1 }, (_, i) => i + 1).reduce((a, b) => a * b, 1);
		const best = 1 / (2 ** n * factorial);
		const error = errorOf(Math.exp, minimax(Math.exp, n, 0, 1), 0, 1);
		assert.ok(error > 0.95 * best && error < 1.2 * best, `degree ${n}: ${error} against ${best}`);
	}
});

test('minimax in units of the value: the relative error is even over powers of ten', () => {
	const inverse = (x: number): number => 1 / x;
	const largest = (coefficients: readonly number[]): number =>
		Math.max(
			...Array.from({ length: 1001 }, (_, i) => {
				const x = 0.02 * 50 ** (i / 1000);
				return Math.abs(x * clenshaw(coefficients, (x - 0.51) / 0.49) - 1);
			}),
		);
	const even = largest(minimax(inverse, 15, 0.51, 0.49, Math.abs));
	assert.ok(even < 0.05);
	assert.ok(largest(minimax(inverse, 15, 0.51, 0.49)) > 3 * even);
});

test.run();
