import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clenshaw } from '../../../compiler/numeric/chebyshev.ts';
import { depthOf } from '../../../compiler/tensor/depth.ts';
import { evaluate, evaluateAll } from '../../../compiler/tensor/evaluate.ts';
import {
	affine,
	type ChebyshevSeries,
	type CoreKind,
	type Graph,
	GraphBuilder,
	type PolynomialKind,
} from '../../../compiler/tensor/graph.ts';
import { fuse } from '../../../compiler/tensor/passes/fuse.ts';
import { lowerPolynomials } from '../../../compiler/tensor/passes/lower-polynomials.ts';
import { diagonal } from '../../../compiler/tensor/sparse.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { choices, dense, difference, REPEATABLE, randomGraph, randomInputs } from '../graphs.ts';

const M = dense([
	[0.5, -0.25, 0.25],
	[0.25, 0.5, -0.25],
	[0.25, 0.25, 0.5],
]);
const [CENTER, RADIUS] = [1.5, 2];

/** Dense layer, polynomial, and a second dense layer when `followed`. */
const network = (coefficients: readonly number[], followed: boolean): Graph<PolynomialKind> => {
	const builder = new GraphBuilder<PolynomialKind>();
	const x = builder.add({ kind: 'input', name: 'x', shape: [3], origin: 'x' });
	const bias = Float64Array.of(CENTER, CENTER, CENTER);
	const before = builder.add(affine([{ x, matrix: M }], bias, [3], 'before'));
	const series = { center: CENTER, radius: RADIUS, coefficients };
	const p = builder.add({ kind: 'polynomial', x: before, series: [series], inner: 1, shape: [3], origin: 'p' });
	const y = followed ? builder.add(affine([{ x: p, matrix: M }], new Float64Array(3), [3], 'after')) : p;
	return builder.build([{ name: 'y', id: y, shape: [3] }]);
};
const lowered = (graph: Graph<PolynomialKind>): Graph<CoreKind> => {
	const result = fuse(lowerPolynomials(graph));
	verify(result);
	return result;
};
const products = (graph: Graph): number => graph.nodes.filter(({ kind }) => kind === 'multiply').length;
/** Coefficients that are neither small nor regular. */
const general = (degree: number): number[] =>
	Array.from({ length: degree + 1 }, (_, k) => Math.cos(k * k + 1) + (k === degree ? 1.5 : 0.25));
const points = Array.from({ length: 41 }, (_, i) => i / 20 - 1);

test('a degree d takes ceil(log2(d + 1)) levels after the layer before it, and equals Clenshaw', () => {
	for (let degree = 2; degree <= 40; degree++) {
		const c = general(degree);
		const graph = lowered(network(c, false));
		assert.is(depthOf(graph), 1 + Math.ceil(Math.log2(degree + 1)), `degree ${degree}`);
		for (const t of points) {
			const inputs = new Map([['x', Float64Array.of(t * RADIUS, -t * RADIUS, (t * RADIUS) / 2)]]);
			const [, , ...rest] = evaluateAll(network(c, false), inputs);
			const y = evaluate(graph, inputs).get('y') ?? [];
			const before = (i: number): number => {
				const rows = [
					[0.5, -0.25, 0.25],
					[0.25, 0.5, -0.25],
					[0.25, 0.25, 0.5],
				];
				const x = [t, -t, t / 2];
				return (rows[i] as number[]).reduce((sum, v, j) => sum + v * (x[j] as number), 0);
			};
			for (let i = 0; i < 3; i++) {
				assert.ok(Math.abs((y[i] as number) - clenshaw(c, before(i))) < 1e-9, `degree ${degree} at ${t}`);
				assert.ok(Math.abs((rest[0]?.[i] ?? 9) - (y[i] as number)) < 1e-9);
			}
		}
	}
});

test('a power of two costs its logarithm when a layer follows: the leading factor is absorbed', () => {
	for (const [degree, levels] of [
		[2, 1],
		[4, 2],
		[8, 3],
		[16, 4],
		[32, 5],
		[3, 2],
		[7, 3],
	] as const)
		assert.is(depthOf(lowered(network(general(degree), true))), 1 + levels + 1, `degree ${degree}`);
});

test('products are few: pinned by degree', () => {
	const counts = [2, 3, 4, 5, 7, 8, 15, 16, 31].map((degree) => products(lowered(network(general(degree), true))));
	assert.equal(counts, [1, 2, 2, 4, 5, 5, 8, 8, 13]);
});

test('a square is one product between two layers', () => {
	const graph = lowered(network([1, 2, 3], true));
	assert.equal(
		graph.nodes.map(({ kind }) => kind),
		['input', 'affine', 'multiply', 'affine'],
	);
});

test('a negligible leading coefficient neither costs a level nor blows up values', () => {
	assert.is(depthOf(lowered(network([1, 2, 1e-13], false))), 1);
	for (const tiny of [1e-4, 1e-9])
		for (const degree of [2, 4, 8]) {
			const c = [...general(degree - 1), tiny];
			const graph = lowered(network(c, true));
			const inputs = new Map([['x', Float64Array.of(2, -2, 1)]]);
			for (const values of evaluateAll(graph, inputs)) for (const v of values) assert.ok(Math.abs(v) < 100);
			assert.ok(difference(evaluate(network(c, true), inputs), evaluate(graph, inputs)) < 1e-9);
		}
});

test('even and odd polynomials cost fewer products', () => {
	const parity = (odd: number) => general(15 - 1 + odd).map((c, k) => (k % 2 === odd ? c : 0));
	const all = products(lowered(network(general(15), true)));
	assert.ok(products(lowered(network(parity(0), true))) < all);
	assert.ok(products(lowered(network(parity(1), true))) <= all);
});

test('constants and lines become affine nodes', () => {
	assert.is(depthOf(lowered(network([7], false))), 0);
	const line = lowered(network([7, 3], false));
	assert.is(depthOf(line), 1);
	assert.is(products(line), 0);
});

/** A polynomial for each of five channels: general, with zeros in different places, of a lower degree, and constant. */
const channels = (degree: number): ChebyshevSeries[] => {
	const c = general(degree);
	const rows = [
		c,
		c.map((v, k) => (k < degree && k % 3 === 1 ? 0 : -v)),
		c.map((v, k) => (k < degree && k > degree / 2 ? 0 : v + Math.sin(k))),
		c.map((v, k) => (k === degree ? 0.5 : v / 4)),
		c.map((v, k) => (k === 0 ? v : 0)),
	];
	return rows.map((coefficients, i) => ({ center: i / 4 - 0.5, radius: 1.5 + i / 3, coefficients }));
};
/** Polynomials of channels of `inner` elements, twice over, between a layer and another. */
const channelled = (series: readonly ChebyshevSeries[], inner: number): Graph<PolynomialKind> => {
	const size = 2 * series.length * inner;
	const builder = new GraphBuilder<PolynomialKind>();
	const matrix = diagonal(new Float64Array(size).fill(0.5));
	const x = builder.add({ kind: 'input', name: 'x', shape: [size], origin: 'x' });
	const before = builder.add(affine([{ x, matrix }], new Float64Array(size), [size], 'before'));
	const p = builder.add({ kind: 'polynomial', x: before, series, inner, shape: [size], origin: 'p' });
	const y = builder.add(affine([{ x: p, matrix }], new Float64Array(size), [size], 'after'));
	return builder.build([{ name: 'y', id: y, shape: [size] }]);
};

test('channels with polynomials of their own share the circuit of one', () => {
	for (let degree = 1; degree <= 31; degree++) {
		const series = channels(degree);
		const graph = lowered(channelled(series, 3));
		const single = lowered(channelled(series.slice(0, 1), 3));
		assert.is(depthOf(graph), depthOf(single), `degree ${degree}`);
		assert.is(products(graph), products(single), `degree ${degree}`);
		const x = Float64Array.from({ length: 30 }, (_, e) => 2 * Math.cos(7 * e + degree));
		evaluate(graph, new Map([['x', x]]))
			.get('y')
			?.forEach((y, e) => {
				const { center, radius, coefficients } = series[Math.floor(e / 3) % 5] as ChebyshevSeries;
				const exact = 0.5 * clenshaw(coefficients, ((x[e] as number) / 2 - center) / radius);
				assert.ok(Math.abs(y - exact) < 1e-9, `degree ${degree}, element ${e}: ${y} for ${exact}`);
			});
	}
});

test('a channel whose leading coefficient is too small keeps all of them from growing, at the cost of a level', () => {
	for (const degree of [2, 4, 8, 16]) {
		const series = channels(degree).map((one, i) =>
			i === 1 ? { ...one, coefficients: one.coefficients.with(degree, 1e-6) } : one,
		);
		const graph = channelled(series, 1);
		const inputs = new Map([['x', Float64Array.from({ length: 10 }, (_, e) => Math.cos(e))]]);
		for (const values of evaluateAll(lowered(graph), inputs)) for (const v of values) assert.ok(Math.abs(v) < 200);
		assert.ok(difference(evaluate(graph, inputs), evaluate(lowered(graph), inputs)) < 1e-9);
	}
});

test('random graphs keep their values', () => {
	fc.assert(
		fc.property(choices(), (from) => {
			const graph = randomGraph(from, 5) as Graph<PolynomialKind>;
			const inputs = randomInputs(from);
			const expected = evaluate(graph, inputs);
			const largest = Math.max(...evaluateAll(graph, inputs).flatMap((values) => [...values.map(Math.abs)]));
			fc.pre(largest < 1e4);
			for (const result of [lowerPolynomials(graph), lowered(graph)]) {
				verify(result);
				assert.ok(difference(expected, evaluate(result, inputs)) < 1e-6);
			}
		}),
		REPEATABLE,
	);
});

test.run();
