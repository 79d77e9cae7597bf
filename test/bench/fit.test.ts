import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fit } from '../../bench/fit.ts';

const sampled = (f: (p: number) => number, ps = [1, 2, 3, 4, 6, 8, 12]) => ps.map((p) => ({ p, milliseconds: f(p) }));

test('a polynomial that was measured exactly is found, with the terms that it has', () => {
	for (const [c0, c1, c2] of [
		[0.25, 1.5, 0.125],
		[0, 2, 0],
		[3, 0, 0.5],
		[1, 0, 0],
	] as const) {
		const { coefficients, residual } = fit(sampled((p) => c0 + c1 * p + c2 * p * p));
		assert.equal(coefficients, [c0, c1, c2]);
		assert.ok(residual < 1e-12);
	}
});

test('no fit decreases, whatever was measured', () => {
	const { coefficients, residual } = fit(sampled((p) => 10 / p));
	assert.ok(coefficients.every((c) => c >= 0));
	assert.ok(residual > 0.3);
});

test('the residual is the largest relative error', () => {
	const { coefficients, residual } = fit([
		{ p: 1, milliseconds: 1 },
		{ p: 1, milliseconds: 1.5 },
	]);
	const value = coefficients[0] + coefficients[1] + coefficients[2];
	assert.ok(value > 1 && value < 1.5);
	assert.ok(Math.abs(residual - Math.max(value - 1, 1 - value / 1.5)) < 1e-12);
});

test('few points take few terms', () => {
	const { coefficients } = fit(sampled((p) => 0.5 * p + 0.25 * p * p, [2, 3]));
	assert.ok(coefficients.filter((c) => c > 0).length <= 2);
	assert.ok(Math.abs(coefficients[0] + 2 * coefficients[1] + 4 * coefficients[2] - 2) < 0.02);
});

test.run();
