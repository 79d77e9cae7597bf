import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clenshaw } from '../../../compiler/numeric/chebyshev.ts';
import { depthOf } from '../../../compiler/tensor/depth.ts';
import { type Activation, GraphBuilder, type Node, type PolynomialKind } from '../../../compiler/tensor/graph.ts';
import { fitChannels } from '../../../compiler/tensor/passes/channels.ts';
import { fitData } from '../../../compiler/tensor/passes/fits.ts';
import { fuse } from '../../../compiler/tensor/passes/fuse.ts';
import { lowerPolynomials } from '../../../compiler/tensor/passes/lower-polynomials.ts';
import { diagonal } from '../../../compiler/tensor/sparse.ts';

/** Channels: around 0, mostly negative, never positive, never negative, far wider than the others. */
const PLACES = [
	[0, 1],
	[-2, 1],
	[-9, 0.5],
	[7, 2],
	[3, 8],
] as const;
const INNER = 4;
const node = (fn: Activation, shape = [1, PLACES.length, 2, 2]): Node<'activation'> => ({
	...{ kind: 'activation', x: 0, fn, shape, origin: fn },
});

/** Sums of three numbers in ]-1, 1[ that look random, a bell around the place of each channel. */
const rows = (count: number, from = 0): Float64Array[] =>
	Array.from({ length: count }, (_, s) =>
		Float64Array.from({ length: PLACES.length * INNER }, (__, e) => {
			const [center, width] = PLACES[Math.floor(e / INNER)] as readonly [number, number];
			const bell = [1.1, 2.3, 3.7].reduce((sum, f) => sum + Math.sin(f * (1 + (from + s) * 31 + e * 7) ** 2), 0);
			return center + (width * bell) / 2;
		}),
	);
const whole = { center: 3, radius: 16 };
const relu = (x: number): number => Math.max(0, x);

test('every channel is nearer with a polynomial of its own, on values that it was not fitted to as well', () => {
	for (const degree of [2, 3, 4, 8, 16]) {
		const seen = rows(200);
		const fitted = fitData(node('relu'), { operand: seen, exact: seen }, degree);
		assert.is(fitted.series.length, PLACES.length, `degree ${degree}`);
		assert.is(fitted.inner, INNER);
		assert.is(fitted.fit.channels, PLACES.length);
		const shared = fitData(node('relu', [20]), { operand: seen, exact: seen }, degree);
		assert.is(shared.series.length, 1);
		const errorOf = ({ series }: typeof fitted): number => {
			let sum = 0;
			for (const row of rows(2000, 1000))
				row.forEach((x, e) => {
					const { center, radius, coefficients } = series[Math.floor(e / INNER) % series.length] ?? (whole as never);
					sum += (clenshaw(coefficients, (x - center) / radius) - relu(x)) ** 2;
				});
			return Math.sqrt(sum / (2000 * 20));
		};
		assert.ok(errorOf(fitted) < 0.8 * errorOf(shared), `degree ${degree}: ${errorOf(fitted)} ${errorOf(shared)}`);
		assert.ok(
			Math.abs(errorOf(fitted) / fitted.fit.rmsError - 1) < 0.2,
			`degree ${degree}: reported ${fitted.fit.rmsError}`,
		);
	}
});

test('a channel that a function makes constant gets a constant', () => {
	const seen = rows(200);
	const dead = fitChannels(node('relu'), seen, seen, { center: -3, radius: 12 }, 4)?.series[2];
	assert.equal(dead?.coefficients, [0, 0, 0, 0, 0]);
});

test('degrees 2^k keep their depth: the leading coefficient of every channel allows it', () => {
	const seen = rows(200);
	for (const fn of ['relu', 'silu', 'tanh', 'abs'] as const)
		for (const [degree, levels] of [
			[2, 1],
			[4, 2],
			[8, 3],
			[16, 4],
		] as const) {
			const fitted = fitChannels(node(fn), seen, seen, whole, degree);
			assert.ok(fitted !== undefined);
			if (fitted === undefined) return;
			const builder = new GraphBuilder<PolynomialKind>();
			const x = builder.add({ kind: 'input', name: 'x', shape: [20], origin: 'x' });
			const matrix = diagonal(new Float64Array(20).fill(0.5));
			const layer = (from: number): number =>
				builder.add({
					...{ kind: 'affine', terms: [{ x: from, matrix }], bias: new Float64Array(20), shape: [20], origin: 'layer' },
				});
			const { series, inner } = fitted;
			const p = builder.add({ kind: 'polynomial', x: layer(x), series, inner, shape: [20], origin: 'p' });
			const graph = builder.build([{ name: 'y', id: layer(p), shape: [20] }]);
			assert.is(depthOf(fuse(lowerPolynomials(graph))), levels + 2, `${fn} of degree ${degree}`);
		}
});

test('one polynomial serves all where data are few, for one channel, and for what is not defined everywhere', () => {
	const seen = rows(200);
	assert.is(fitChannels(node('relu'), rows(63), rows(63), whole, 4), undefined);
	assert.is(fitChannels(node('relu', [1, 20]), rows(200), seen, whole, 4), undefined);
	assert.is(fitChannels(node('relu', [1, 1, 20]), seen, seen, whole, 4), undefined);
	assert.is(fitChannels(node('relu', [20]), seen, seen, whole, 4), undefined);
	for (const fn of ['reciprocal', 'sqrt', 'log'] as const)
		assert.is(fitChannels(node(fn), seen, seen, whole, 4), undefined);
});

test('the report counts the values that reach the function', () => {
	const seen = rows(200);
	const { fit } = fitData(node('relu'), { operand: seen, exact: seen }, 4);
	const all = seen.flatMap((row) => [...row]).sort((a, b) => a - b);
	assert.is(fit.histogram.length, 64);
	const [low, high] = fit.interval;
	fit.histogram.forEach((n, i) => {
		const inside = all.filter((v) => Math.floor((64 * (v - low)) / (high - low)) === i).length;
		assert.ok(Math.abs(n - inside) <= 1, `bar ${i}: ${n} for ${inside}`);
	});
	[0.001, 0.01, 0.5, 0.99, 0.999].forEach((part, i) => {
		const exact = all[Math.ceil(part * all.length) - 1] as number;
		assert.ok(Math.abs((fit.quantiles[i] as number) - exact) < (high - low) / 512, `quantile ${part}`);
	});
	assert.is(fit.worst?.channel, 4);
});

test.run();
