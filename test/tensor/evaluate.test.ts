import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InternalError } from '../../compiler/errors.ts';
import { argMax, evaluate, evaluateAll } from '../../compiler/tensor/evaluate.ts';
import type { Activation, Node } from '../../compiler/tensor/graph.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { dense, Sketch } from './graphs.ts';

const M = [
	[1, -2, 0],
	[0, 3, 4],
];
const N = [
	[5, 0],
	[0.5, -1],
];
const timesDense = (rows: readonly (readonly number[])[], x: readonly number[]): number[] =>
	rows.map((row) => row.reduce((sum, v, j) => sum + v * (x[j] as number), 0));

test('an affine node is the sum of dense products and the bias, a multiply node the elementwise product', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [3]);
	const y = sketch.input('y', [2]);
	const z = sketch.affine(
		[
			{ x, matrix: dense(M) },
			{ x: y, matrix: dense(N) },
		],
		[2],
		[10, 20],
	);
	const product = sketch.multiply(z, y, [2]);
	const graph = sketch.graph({ z: [z, [2]], product: [product, [2]] });
	const result = evaluate(
		graph,
		new Map([
			['x', Float64Array.of(1, 2, 3)],
			['y', Float64Array.of(4, 5)],
		]),
	);
	const [a, b] = [timesDense(M, [1, 2, 3]), timesDense(N, [4, 5])];
	const expected = a.map((v, i) => v + (b[i] as number) + 10 * (i + 1));
	assert.equal([...(result.get('z') ?? [])], expected);
	assert.equal([...(result.get('product') ?? [])], [4 * (expected[0] as number), 5 * (expected[1] as number)]);
});

test('activations are the functions of their names', () => {
	const functions: Record<Activation, (x: number, a: number, b: number) => number> = {
		relu: (x) => (x + Math.abs(x)) / 2,
		sigmoid: (x) => 1 / (1 + Math.exp(-x)),
		tanh: (x) => Math.sinh(x) / Math.cosh(x),
		silu: (x) => x / (1 + Math.exp(-x)),
		gelu: (x) => geluByIntegral(x),
		geluTanh: (x) => 0.5 * x * (1 + Math.tanh(0.7978845608028654 * (x + 0.044715 * x ** 3))),
		leakyRelu: (x, a) => Math.max(x, 0) - a * Math.max(-x, 0),
		elu: (x, a) => Math.max(x, 0) + a * (Math.exp(Math.min(x, 0)) - 1),
		softplus: (x) => Math.log(1 + Math.exp(x)),
		softsign: (x) => (x > 0 ? 1 - 1 / (1 + x) : 1 / (1 - x) - 1),
		mish: (x) => (x * ((1 + Math.exp(x)) ** 2 - 1)) / ((1 + Math.exp(x)) ** 2 + 1),
		hardSwish: (x) => (Math.abs(x) < 3 ? (x * (x + 3)) / 6 : Math.max(x, 0)),
		clip: (x, a, b) => (Math.abs(x - a) - Math.abs(x - b) + a + b) / 2,
		thresholdedRelu: (x, a) => x * Number(x > a),
		abs: (x) => Math.sqrt(x * x),
		erf: (x) => 2 * geluByIntegral(x * Math.SQRT2) * (x === 0 ? 0 : 1 / (x * Math.SQRT2)) - Number(x !== 0),
		exp: (x) => Math.E ** x,
		log: (x) => Math.log2(x) * Math.LN2,
		sqrt: (x) => x ** 0.5,
		reciprocal: (x) => x ** -1,
		power: (x, a) => Math.exp(a * Math.log(x)),
		sin: (x) => 2 * Math.sin(x / 2) * Math.cos(x / 2),
		cos: (x) => 1 - 2 * Math.sin(x / 2) ** 2,
		atan: (x) => Math.asin(x / Math.sqrt(1 + x * x)),
		asinh: (x) => Math.sign(x) * Math.log(Math.abs(x) + Math.sqrt(1 + x * x)),
		sinh: (x) => (Math.exp(x) - Math.exp(-x)) / 2,
		cosh: (x) => (Math.exp(x) + Math.exp(-x)) / 2,
	};
	const parameters = [-0.75, 1.5];
	for (const [fn, expected] of Object.entries(functions) as [
		Activation,
		(x: number, a: number, b: number) => number,
	][]) {
		const values = ['log', 'sqrt', 'reciprocal', 'power'].includes(fn) ? [0.01, 0.5, 1, 2, 9] : [-3, -0.5, 0, 1, 2.25];
		const sketch = new Sketch();
		const x = sketch.input('x', [5]);
		const y = sketch.builder.add({ kind: 'activation', x, fn, parameters, shape: [5], origin: fn });
		const [, result = []] = evaluateAll(sketch.graph({ y: [y, [5]] }), new Map([['x', Float64Array.from(values)]]));
		values.forEach((x, i) => {
			assert.ok(Math.abs((result[i] as number) - expected(x, -0.75, 1.5)) < 1e-10, `${fn}(${x})`);
		});
	}
});

/** x times the normal distribution function, by Simpson's rule on its density. */
const geluByIntegral = (x: number): number => {
	const steps = 2000;
	const width = x / steps;
	let sum = 0;
	for (let i = 0; i <= steps; i++)
		sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((i * width) ** 2) / 2);
	return x * (0.5 + ((width / 3) * sum) / Math.sqrt(2 * Math.PI));
};

test('a polynomial is evaluated in the Chebyshev basis of its interval', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const series = { center: 1, radius: 2, coefficients: [0.5, 0, 0, 2] };
	const y = sketch.builder.add({ kind: 'polynomial', x, series: [series], inner: 1, shape: [2], origin: 'p' });
	const result = evaluate(sketch.graph({ y: [y, [2]] }), new Map([['x', Float64Array.of(2, -1)]])).get('y');
	// T_3(t) = 4 t^3 - 3 t at t = 1/2 and t = -1
	assert.equal([...(result ?? [])], [0.5 + 2 * (4 / 8 - 3 / 2), 0.5 + 2 * -1]);
});

test('channels of a polynomial have series of their own, over and over', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2, 2, 2]);
	const series = [1, 10].map((c) => ({ center: c - 1, radius: c, coefficients: [0, c] }));
	const y = sketch.builder.add({ kind: 'polynomial', x, series, inner: 2, shape: [2, 2, 2], origin: 'p' });
	const input = new Map([['x', Float64Array.of(0, 1, 2, 3, 4, 5, 6, 7)]]);
	// 1 (x - 0) / 1 and 10 (x - 9) / 10
	assert.equal([...(evaluate(sketch.graph({ y: [y, [8]] }), input).get('y') ?? [])], [0, 1, -7, -6, 4, 5, -3, -2]);
});

test('softmax and its logarithm run along their axis and do not overflow', () => {
	const data = [1000, 1, 1001, 3, 999, 2];
	for (const [axis, groups] of [
		[
			1,
			[
				[0, 2, 4],
				[1, 3, 5],
			],
		],
		[
			2,
			[
				[0, 1],
				[2, 3],
				[4, 5],
			],
		],
	] as const) {
		const sketch = new Sketch();
		const x = sketch.input('x', [1, 3, 2]);
		const p = sketch.tail(x, 'softmax', [1, 3, 2], axis);
		const log = sketch.tail(x, 'logSoftmax', [1, 3, 2], axis);
		const result = evaluate(
			sketch.graph({ p: [p, [1, 3, 2]], log: [log, [1, 3, 2]] }),
			new Map([['x', Float64Array.from(data)]]),
		);
		for (const group of groups) {
			const values = group.map((i) => data[i] as number);
			const largest = Math.max(...values);
			const logTotal = largest + Math.log(values.reduce((sum, v) => sum + Math.exp(v - largest), 0));
			group.forEach((i, k) => {
				const logarithm = (values[k] as number) - logTotal;
				assert.ok(Math.abs((result.get('p')?.[i] ?? 9) - Math.exp(logarithm)) < 1e-12);
				assert.ok(Math.abs((result.get('log')?.[i] ?? 9) - logarithm) < 1e-10);
			});
		}
	}
});

test('argMax gives indices along its axis, with the axis kept or not, the first or the last of equals', () => {
	const x = Float64Array.of(1, 5, 5, 2, 7, 0);
	const sketch = new Sketch();
	const input = sketch.input('x', [2, 3]);
	const rows = sketch.tail(input, 'argMax', [2], 1);
	const columns = sketch.tail(input, 'argMax', [1, 3], 0, true);
	const result = evaluate(sketch.graph({ rows: [rows, [2]], columns: [columns, [1, 3]] }), new Map([['x', x]]));
	assert.equal([...(result.get('rows') ?? [])], [1, 1]);
	assert.equal([...(result.get('columns') ?? [])], [1, 1, 0]);
	assert.is(argMax([3, 4, 4]), 1);
	assert.is(argMax([3, 4, 4], true), 2);
});

test('shares along an axis, votes of pairs, looked-up and picked elements', () => {
	const sketch = new Sketch();
	const input = sketch.input('x', [2, 3]);
	const tail = { kind: 'tail', x: input, axis: 1, keepDims: true, selectLast: false, origin: 'tail' } as const;
	const add = (rest: Partial<Node<'tail'>> & Pick<Node<'tail'>, 'fn' | 'shape'>) =>
		sketch.builder.add({ ...tail, ...rest });
	const shares = add({ fn: 'l1', shape: [2, 3] });
	const votes = add({ fn: 'votes', shape: [2, 3] });
	const found = add({ fn: 'lookup', shape: [2, 3], values: [5, 7] });
	const picked = add({ fn: 'select', shape: [1, 2], values: [5, 0], axis: 0 });
	const graph = sketch.graph({
		shares: [shares, [2, 3]],
		votes: [votes, [2, 3]],
		found: [found, [2, 3]],
		picked: [picked, [2]],
	});
	verify(graph);
	const of = (name: string, x: readonly number[]) =>
		Array.from(evaluate(graph, new Map([['x', Float64Array.from(x)]])).get(name) ?? []);
	assert.equal(of('shares', [1, -2, 1, 0, 0, 0]), [0.25, -0.5, 0.25, 0, 0, 0]);
	assert.equal(of('votes', [1, -1, 0, 1, 1, 1]), [1, 0, 2, 2, 1, 0]);
	assert.equal(of('found', [0, 1, 1, 0, 0, 1]), [5, 7, 7, 5, 5, 7]);
	assert.equal(of('picked', [1, 2, 3, 4, 5, 6]), [6, 1]);
});

test('a missing input and one of another size are refused', () => {
	const sketch = new Sketch();
	const graph = sketch.graph({ x: [sketch.input('x', [2]), [2]] });
	assert.throws(
		() => evaluate(graph, new Map()),
		(e: unknown) => e instanceof InternalError && /input x has no/.test(e.message),
	);
	assert.throws(() => evaluate(graph, new Map([['x', Float64Array.of(1)]])), /input x has 1 values, not 2/);
});

test.run();
