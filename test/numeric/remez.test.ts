import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clenshaw } from '../../compiler/numeric/chebyshev.ts';
import { minimax } from '../../compiler/numeric/fit.ts';
import { remez } from '../../compiler/numeric/remez.ts';
import { signStages } from '../../compiler/numeric/sign.ts';

const errorOf = (f: (t: number) => number, c: readonly number[], unit: (y: number) => number = () => 1): number => {
	let error = 0;
	for (let i = 0; i <= 20_000; i++) {
		const t = Math.cos((Math.PI * i) / 20_000);
		error = Math.max(error, Math.abs(f(t) - clenshaw(c, t)) / unit(f(t)));
	}
	return error;
};

test('roots down to 0 are off by 0.1403 to 0.1408 of their range divided by the degree', () => {
	const root = (t: number): number => Math.sqrt((1 + t) / 2);
	for (const degree of [15, 31, 63, 127, 255, 511]) {
		const part = degree * errorOf(root, remez(root, degree));
		assert.ok(part > 0.1403 && part < 0.1408, `degree ${degree}: ${part}`);
	}
});

test('|t| is off by the constant of Bernstein divided by the degree', () => {
	const part = 255 * errorOf(Math.abs, remez(Math.abs, 255));
	assert.ok(part > 0.28 && part < 0.284, `${part}`);
});

test('it finds what least squares with changing weights find', () => {
	const inverse = (t: number): number => 1 / (1.02 + t);
	for (const [f, unit] of [
		[(t: number) => Math.atan(3 * t), () => 1],
		[inverse, () => 1],
		[inverse, Math.abs],
	] as const)
		for (const degree of [3, 7, 15, 31]) {
			const [a, b] = [remez(f, degree, unit), minimax(f, degree, 0, 1, unit)];
			assert.ok(errorOf(f, a, unit) < 1.02 * errorOf(f, b, unit), `degree ${degree}`);
		}
});

test('a polynomial is its own approximation', () => {
	remez((t) => 2 * t * t, 7).forEach((c, k) => {
		assert.ok(Math.abs(c - (k === 0 || k === 2 ? 1 : 0)) < 1e-12);
	});
});

test('polynomials one after another come as near to the sign as they say, and stay between -1 and 1 nearer to 0', () => {
	for (const [gap, most, asked, levels] of [
		[0.5, 1, 0.01, 3],
		[0.1, 1, 0.01, 6],
		[0.02, 2, 0.01, 10],
		[0.001, 1, 0.01, 14],
	] as const) {
		const found = signStages(gap, most, asked);
		assert.ok(found !== undefined && found.error <= asked);
		assert.is(found.levels, levels);
		const at = (x: number): number =>
			found.stages.reduce((value, c) => c.reduceRight((total, k) => total * value + k, 0), x);
		for (let i = 0; i <= 1000; i++) {
			const x = gap + ((most - gap) * i) / 1000;
			assert.ok(Math.abs(at(x) - 1) <= found.error && Math.abs(at(-x) + 1) <= found.error);
			assert.ok(Math.abs(at((gap * i) / 1000)) <= 1 + found.error);
		}
	}
	assert.is(signStages(1e-6, 1, 1e-6), undefined);
});

test.run();
