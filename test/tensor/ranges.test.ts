import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { functionOf } from '../../compiler/tensor/activations.ts';
import { evaluateAll } from '../../compiler/tensor/evaluate.ts';
import type { Activation, BodyKind, Graph } from '../../compiler/tensor/graph.ts';
import { hull, inputBounds, propagate } from '../../compiler/tensor/ranges.ts';
import { choices, dense, REPEATABLE, randomGraph, randomInputs, Sketch } from './graphs.ts';

test('no value leaves its propagated range', () => {
	const inputs = new Map([
		['x', inputBounds([3], [-1, 1])],
		['y', inputBounds([4], [-1, 1])],
	]);
	fc.assert(
		fc.property(choices(), (from) => {
			const graph = randomGraph(from, 6, ['relu', 'sigmoid', 'tanh', 'silu', 'gelu', 'geluTanh']);
			const bounds = propagate(graph, inputs);
			for (let round = 0; round < 5; round++)
				evaluateAll(graph, randomInputs(from)).forEach((values, id) => {
					const { low, high } = bounds[id] ?? inputBounds([0], [0, 0]);
					values.forEach((v, i) => {
						const slack = 1e-9 * (1 + Math.abs(v));
						assert.ok(v >= (low[i] as number) - slack && v <= (high[i] as number) + slack, `node ${id}: ${v}`);
					});
				});
		}),
		REPEATABLE,
	);
});

test('bounds are tight where elements are independent', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const y = sketch.affine([{ x, matrix: dense([[1, -2]]) }], [1], [10]);
	const square = sketch.multiply(y, y, [1]);
	const centered = sketch.affine([{ x, matrix: dense([[1, -2]]) }], [1]);
	const across = sketch.multiply(centered, centered, [1]);
	const silu = sketch.activation(centered, 'silu', [1]);
	const bowls = [1, 2].map((c) => ({ center: 0, radius: 3, coefficients: [0, 0, c] }));
	const both = sketch.affine(
		[
			{
				x,
				matrix: dense([
					[1, -2],
					[1, -1],
				]),
			},
		],
		[2],
	);
	const bowl = sketch.builder.add({
		kind: 'polynomial',
		x: centered,
		series: bowls.slice(0, 1),
		inner: 1,
		shape: [1],
		origin: 'T2',
	});
	const pair = sketch.builder.add({ kind: 'polynomial', x: both, series: bowls, inner: 1, shape: [2], origin: 'T2' });
	const graph = sketch.graph({ y: [y, [1]] }) as Graph<BodyKind>;
	const bounds = propagate(graph, new Map([['x', inputBounds([2], [-1, 1])]]));
	const rangeOf = (id: number) => hull(bounds[id] ?? inputBounds([0], [0, 0]));
	assert.equal(rangeOf(y), [7, 13]);
	assert.equal(rangeOf(square), [49, 169]);
	assert.equal(rangeOf(across), [0, 9]);
	assert.equal(rangeOf(bowl), [-1, 1]);
	assert.equal([...(bounds[pair]?.low ?? [])], [-1, -2]);
	assert.equal(
		[...(bounds[pair]?.high ?? [])],
		[1, 2 * (2 * (2 / 3) ** 2 - 1)].map((v) => Math.max(v, v)),
	);
	assert.ok(Math.abs(rangeOf(silu)[0] + 0.27846454276107) < 1e-9);
	assert.ok(Math.abs(rangeOf(silu)[1] - 3 / (1 + Math.exp(-3))) < 1e-12);
});

test('the bounds of every activation hold its values on an interval and are reached', () => {
	const parameters = [-0.75, 1.5];
	const everywhere: readonly Activation[] = [
		...(['relu', 'leakyRelu', 'thresholdedRelu', 'clip', 'abs', 'hardSwish', 'sigmoid', 'tanh', 'silu'] as const),
		...(['gelu', 'geluTanh', 'elu', 'softplus', 'softsign', 'mish', 'erf', 'exp', 'sin', 'cos'] as const),
	];
	const intervals = [
		[-7, 9],
		[-3, -2.5],
		[-1, 0.5],
		[0.25, 4],
		[2, 2],
	] as const;
	for (const fn of [...everywhere, 'log', 'sqrt', 'reciprocal'] as const)
		for (const [low, high] of everywhere.includes(fn) ? intervals : intervals.slice(3)) {
			const sketch = new Sketch();
			const x = sketch.input('x', [1]);
			const y = sketch.builder.add({ kind: 'activation', x, fn, parameters, shape: [1], origin: fn });
			const graph = sketch.graph({ y: [y, [1]] }) as Graph<BodyKind>;
			const bounds = propagate(graph, new Map([['x', inputBounds([1], [low, high])]]));
			const [least, most] = hull(bounds[y] ?? inputBounds([0], [0, 0]));
			const f = functionOf({ fn, parameters });
			const values = Array.from({ length: 20_001 }, (_, i) => f(low + ((high - low) * i) / 20_000));
			const [smallest, largest] = [Math.min(...values), Math.max(...values)];
			const text = `${fn} on [${low}, ${high}]: [${least}, ${most}] for [${smallest}, ${largest}]`;
			assert.ok(least <= smallest + 1e-8 && least > smallest - 2e-3, text);
			assert.ok(most >= largest - 1e-8 && most < largest + 2e-3, text);
		}
});

test('a head scales the range of an input, elementwise and in either direction', () => {
	const head = { scale: Float64Array.of(2, -1), shift: Float64Array.of(1, 0) };
	const { low, high } = inputBounds([2], [-1, 3], head);
	assert.equal([...low], [-1, -3]);
	assert.equal([...high], [7, 1]);
});

test.run();
