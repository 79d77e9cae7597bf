import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leastDepthOf } from '../../compiler/tensor/depth.ts';
import { evaluate, evaluateNode } from '../../compiler/tensor/evaluate.ts';
import {
	type Activation,
	type Graph,
	GraphBuilder,
	type Node,
	type PolynomialKind,
	type Shape,
	sizeOf,
} from '../../compiler/tensor/graph.ts';
import { windowOf, windowsIn } from '../../compiler/tensor/maps/window.ts';
import { absorbFactors } from '../../compiler/tensor/passes/absorb-factors.ts';
import { fuse } from '../../compiler/tensor/passes/fuse.ts';
import { lowerPolynomials } from '../../compiler/tensor/passes/lower-polynomials.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { emitWindow, fitWindow, type WindowForm } from '../../compiler/tensor/windows.ts';
import { randomNumbers } from '../support/onnx.ts';

type Pool = { readonly node: Node<'pooled'>; readonly shapeOfX: Shape };

/** A pooling of [1, channels, ...input]. */
const poolOf = (
	channels: number,
	input: Shape,
	{ kernel, strides, pads = [] }: Readonly<Record<'kernel' | 'strides', Shape>> & { readonly pads?: readonly number[] },
	fn?: Activation,
): Pool => {
	const window = windowOf({ input, kernel, strides, dilations: [], autoPad: 'NOTSET', pads, ceilMode: false });
	const node: Node<'pooled'> = {
		...{ kind: 'pooled', x: 0, windows: windowsIn(channels, window), shape: [1, channels, ...window.output] },
		...{ origin: 'pool', ...(fn && { fn }) },
	};
	return { node, shapeOfX: [1, channels, ...input] };
};

const square = (kernel: number, stride: number) => ({ kernel: [kernel, kernel], strides: [stride, stride] });

/** Samples in which neighbours are alike: random numbers smoothed along the last axes, another size and middle for each channel. */
const samplesOf = (shape: Shape, count: number): readonly Float64Array[] => {
	const inner = sizeOf(shape.slice(2));
	const width = shape.at(-1) as number;
	return Array.from({ length: count }, (_, k) => {
		const raw = randomNumbers(k + 1, sizeOf(shape), -1, 1);
		return raw.map((v, i) => {
			const c = Math.floor(i / inner);
			const near = [1, width, width + 1].map((d) => raw[(i + d) % raw.length] as number);
			return (c + 1) * (v + near.reduce((sum, v) => sum + v, 0)) - c / 2;
		});
	});
};

const targetOf = (node: Node<'pooled'>, rows: readonly Float64Array[]) =>
	rows.map((row) => evaluateNode(node, { value: () => row, input: () => undefined }));

const fitted = ({ node, shapeOfX }: Pool, level: number, count = 60): WindowForm => {
	const operand = samplesOf(shapeOfX, count);
	return fitWindow(node, { operand, target: targetOf(node, operand) }, level);
};

/** x -> the form, as a graph that verifies. */
const emitted = (form: WindowForm, shape: Shape): Graph<PolynomialKind> => {
	const builder = new GraphBuilder<PolynomialKind>();
	const x = builder.add({ kind: 'input', name: 'x', shape, origin: 'x' });
	const graph = builder.build([{ name: 'y', id: emitWindow(form, builder, x), shape: form.shape }]);
	verify(graph);
	return graph;
};

const outputOf = (graph: Graph, x: Float64Array): Float64Array =>
	evaluate(graph, new Map([['x', x]])).get('y') as Float64Array;

const chebyshev = (k: number, t: number): number =>
	k < 2 ? t ** k : 2 * t * chebyshev(k - 1, t) - chebyshev(k - 2, t);
const meanOf = (list: readonly number[]): number => list.reduce((sum, v) => sum + v, 0) / list.length;

/** The formulas in the comments of quadratic.ts and refinement.ts, on one window. */
const formOn = (form: WindowForm, x: Float64Array, i: number): number => {
	const { windows, layout, frames, quadratics, refinements } = form;
	const c = Math.floor(i / layout.inner) % layout.channels;
	const [frame, q] = [frames[c], quadratics[c]];
	assert.ok(frame && q);
	const members = [...windows.members.subarray(windows.start[i], windows.start[i + 1])];
	const t = members.map((j) => ((x[j] as number) - frame.center) / frame.radius);
	const p = meanOf(t);
	let value = q.constant + q.meanFactor * (p + q.meanShift) ** 2;
	value += q.factor * meanOf(t.map((v) => (v + q.spread * p + q.shift) ** 2));
	for (const stage of refinements) {
		const one = stage[c];
		assert.ok(one);
		value = one.factor * ((value - one.middle) / one.unit + one.shift) ** 2;
		one.means.forEach((v, k) => {
			value += v * chebyshev(k, p);
		});
		one.powers.forEach((v, k) => {
			value += v * meanOf(t.map((t) => chebyshev(k, t)));
		});
	}
	return value;
};

const near = (a: number, b: number, within: number, about: string): void =>
	assert.ok(Math.abs(a - b) <= within, `${about}: ${a} is not ${b}`);

const relu = 'relu';
const POOLS: Readonly<Record<string, Pool>> = {
	'2x2': poolOf(3, [8, 8], square(2, 2), relu),
	'3x3 that overlap, with padding': poolOf(2, [7, 7], { ...square(3, 2), pads: [1, 1, 1, 1] }, relu),
	'2 of a line': poolOf(2, [16], { kernel: [2], strides: [2] }, relu),
	'3 of a line, the largest itself': poolOf(2, [18], { kernel: [3], strides: [3] }),
	'all 16': poolOf(4, [4, 4], square(4, 4), relu),
	'2x2 that leave an edge out, of a function that flattens': poolOf(2, [7, 7], square(2, 2), 'tanh'),
};

for (const [name, pool] of Object.entries(POOLS))
	test(`${name}: what is emitted is the form, before and after polynomials are products`, () => {
		const unseen = samplesOf(pool.shapeOfX, 64).slice(60);
		for (const level of [1, 2, 3]) {
			const form = fitted(pool, level);
			const graph = emitted(form, pool.shapeOfX);
			const products = absorbFactors(fuse(lowerPolynomials(graph)));
			for (const x of unseen) {
				const [y, lowered] = [outputOf(graph, x), outputOf(products, x)];
				y.forEach((v, i) => {
					const expected = formOn(form, x, i);
					near(v, expected, 1e-9 * (1 + Math.abs(expected)), `level ${level}, window ${i}`);
					near(lowered[i] as number, expected, 1e-8 * (1 + Math.abs(expected)), `lowered, level ${level}, window ${i}`);
				});
			}
		}
	});

for (const [name, pool] of Object.entries(POOLS))
	test(`${name}: every level is nearer to the largest, on other samples as well, and says by how much`, () => {
		const unseen = samplesOf(pool.shapeOfX, 100).slice(60);
		const target = targetOf(pool.node, unseen).flatMap((row) => [...row]);
		const middle = meanOf(target);
		const deviation = Math.sqrt(meanOf(target.map((v) => (v - middle) ** 2)));
		let before = Number.POSITIVE_INFINITY;
		for (const level of [1, 2, 3]) {
			const form = fitted(pool, level);
			const graph = emitted(form, pool.shapeOfX);
			const y = unseen.flatMap((x) => [...outputOf(graph, x)]);
			const error = Math.sqrt(meanOf(y.map((v, i) => (v - (target[i] as number)) ** 2))) / deviation;
			assert.ok(form.relativeError < before, `level ${level} is off by ${form.relativeError}, not less than ${before}`);
			assert.ok(
				error < 2 * form.relativeError + 0.01,
				`level ${level}: ${error} on others, ${form.relativeError} on the data`,
			);
			before = form.relativeError;
		}
		assert.ok(before < 0.25, `level 3 is off by ${before}`);
	});

test('level 1 is an affine map, one square and a sum: three nodes', () => {
	const pool = POOLS['2x2'] as Pool;
	const graph = emitted(fitted(pool, 1), pool.shapeOfX);
	assert.equal(
		graph.nodes.map(({ kind }) => kind),
		['input', 'affine', 'multiply', 'affine'],
	);
	const sums = graph.nodes.at(-1);
	assert.ok(sums?.kind === 'affine' && sums.terms.every(({ matrix }) => matrix.values.every((v) => Math.abs(v) === 1)));
});

test('a level is one product deeper than the one below, and all that is at its end are sums', () => {
	const pool = POOLS['2x2'] as Pool;
	for (const level of [1, 2, 3, 4]) {
		const graph = emitted(fitted(pool, level), pool.shapeOfX);
		assert.is(leastDepthOf(lowerPolynomials(graph)), level);
		const last = graph.nodes.at(-1);
		assert.ok(last?.kind === 'affine');
		for (const { matrix } of last.terms) assert.ok(matrix.values.every((v) => Math.abs(v) === 1));
	}
});

test('the members of a window may change places', () => {
	const pool = POOLS['2x2'] as Pool;
	const x = samplesOf(pool.shapeOfX, 1)[0] as Float64Array;
	const { start, members } = pool.node.windows;
	const turned = Float64Array.from(x);
	for (let i = 0; i < start.length - 1; i++) {
		const [from, to] = [start[i] as number, start[i + 1] as number];
		for (let k = from; k < to; k++)
			turned[members[k] as number] = x[members[k + 1 < to ? k + 1 : from] as number] as number;
	}
	for (const level of [1, 2, 3]) {
		const graph = emitted(fitted(pool, level), pool.shapeOfX);
		const [a, b] = [outputOf(graph, x), outputOf(graph, turned)];
		a.forEach((v, i) => {
			near(b[i] as number, v, 1e-9 * (1 + Math.abs(v)), `level ${level}, window ${i}`);
		});
	}
});

test('channels that are dead, constant or straight stay what they are', () => {
	const { node, shapeOfX } = poolOf(4, [6, 6], square(2, 2), 'relu');
	const operand = samplesOf(shapeOfX, 60).map((row) =>
		row.map((v, j) => {
			const c = Math.floor(j / 36);
			return c === 0 ? -1 - v ** 2 : c === 1 ? 3 : c === 2 ? 100 + v : v;
		}),
	);
	const target = targetOf(node, operand);
	for (const level of [1, 2, 3]) {
		const form = fitWindow(node, { operand, target }, level);
		const graph = emitted(form, shapeOfX);
		const y = outputOf(graph, operand[0] as Float64Array);
		y.forEach((v, i) => {
			const within = i < 9 ? 0.5 : i < 18 ? 0.05 : 3;
			near(v, target[0]?.[i] as number, within, `level ${level}, window ${i}`);
		});
		for (const node of graph.nodes)
			if (node.kind === 'affine')
				assert.ok(
					node.terms.every(({ matrix }) => matrix.values.every((v) => Math.abs(v) < 1e3)),
					'a factor explodes',
				);
	}
});

/** combine(mean, mean of squares) of every window. */
const momentsOf =
	({ windows: { start, members } }: Node<'pooled'>, combine: (p: number, q: number) => number) =>
	(row: Float64Array) =>
		Float64Array.from({ length: start.length - 1 }, (_, i) => {
			const x = [...members.subarray(start[i], start[i + 1])].map((j) => row[j] as number);
			return combine(meanOf(x), meanOf(x.map((v) => v * v)));
		});

test('where one square is not enough there are two, and factors may be negative', () => {
	const { node, shapeOfX } = POOLS['2x2'] as Pool;
	const operand = samplesOf(shapeOfX, 60);
	const targets: readonly (readonly [squares: number, combine: (p: number, q: number) => number])[] = [
		[2, (p, q) => q - 3 * p * p + 2 * p],
		[1, (p, q) => 4 - q - p * p + p],
	];
	for (const [squares, combine] of targets)
		for (const level of [1, 2, 3]) {
			const form = fitWindow(node, { operand, target: operand.map(momentsOf(node, combine)) }, level);
			assert.is(form.quadratics.some(({ meanFactor }) => meanFactor !== 0) ? 2 : 1, squares);
			assert.ok(form.quadratics.some(({ factor, meanFactor }) => Math.min(factor, meanFactor) < 0));
			const x = operand[1] as Float64Array;
			outputOf(emitted(form, shapeOfX), x).forEach((v, i) => {
				const expected = formOn(form, x, i);
				near(v, expected, 1e-9 * (1 + Math.abs(expected)), `level ${level}, window ${i}`);
			});
		}
});

test('values that overflow leave a form of finite numbers', () => {
	const { node, shapeOfX } = POOLS['2x2'] as Pool;
	const operand = samplesOf(shapeOfX, 20).map((row) => row.with(3, Number.POSITIVE_INFINITY).with(70, Number.NaN));
	for (const level of [1, 2, 3])
		emitted(fitWindow(node, { operand, target: targetOf(node, operand) }, level), shapeOfX);
});

test('of few windows no more is fitted than they tell', () => {
	const pool = poolOf(2, [4, 4], square(4, 4), 'relu');
	const form = fitted(pool, 4, 32);
	assert.equal(form.refinements.flat().map(({ means }) => means.length - 1), [2, 2, 2, 2, 2, 2]); // biome-ignore format: one thought
	const unseen = samplesOf(pool.shapeOfX, 200).slice(100);
	const target = targetOf(pool.node, unseen);
	const graph = emitted(form, pool.shapeOfX);
	const most = Math.max(...target.flatMap((row) => [...row]));
	for (const [k, x] of unseen.entries())
		outputOf(graph, x).forEach((v, i) => {
			near(v, target[k]?.[i] as number, most / 2, `sample ${k}, window ${i}`);
		});
});

test('windows that reach into other channels share one form', () => {
	const windows = { start: Int32Array.of(0, 2, 4), members: Int32Array.of(0, 3, 2, 1) };
	const node: Node<'pooled'> = { kind: 'pooled', x: 0, windows, shape: [1, 2, 1], origin: 'pool', fn: 'relu' };
	const operand = samplesOf([1, 2, 2], 200);
	const form = fitWindow(node, { operand, target: targetOf(node, operand) }, 2);
	assert.is(form.channels, 1);
	const x = operand[0] as Float64Array;
	outputOf(emitted(form, [1, 2, 2]), x).forEach((v, i) => {
		near(v, formOn(form, x, i), 1e-9, `window ${i}`);
	});
});

test.run();
