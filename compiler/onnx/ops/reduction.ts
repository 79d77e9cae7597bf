import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { range, type Source, selectionMatrix, takeSource, transposeSource } from '../../tensor/maps/selection.ts';
import { runningSums, separable } from '../../tensor/maps/separable.ts';
import { identity } from '../../tensor/sparse.ts';
import { activated, averaged, otherAxes, product, reducedShape, summed, weightedSum } from '../algebra.ts';
import { attributesOf, axesOf, axisOf, type Call, integersAt, operand, type Run } from '../call.ts';
import {
	affineOf,
	constant,
	exact,
	malformed,
	misshapen,
	moved,
	reshaped,
	type Site,
	unsupported,
	type Value,
} from '../value.ts';
import { type Operator, since } from './table.ts';

/** What is made of a value along axes that keep length 1 or are dropped; without axes it treats every element by itself. */
export type Along = (site: Site, x: Value, axes: readonly number[], keepDims: boolean) => Value;

/** How a reduction names its axes: [] means all of them, unless `noop`. */
type Reduction = { readonly axes: readonly number[]; readonly keepdims: number; readonly noop: boolean };

const reduced = (call: Call, { axes, keepdims, noop }: Reduction, along: Along): Value => {
	const x = operand(call, 0);
	const rank = x.shape.length;
	const gone = axes.length > 0 || noop ? axesOf(axes, rank) : range(rank);
	return exact(along(call, exact(x), gone, keepdims !== 0));
};

/** The axes are an attribute. */
const byAttribute =
	(along: Along): Run =>
	(call) => {
		const { axes, keepdims } = attributesOf(call, { axes: [], keepdims: 1 });
		return reduced(call, { axes, keepdims, noop: false }, along);
	};

/** The axes are an input; none of them means all, or with noop_with_empty_axes none. */
const byInput =
	(along: Along): Run =>
	(call) => {
		const { keepdims, noop_with_empty_axes } = attributesOf(call, { keepdims: 1, noop_with_empty_axes: 0 });
		const axes = integersAt(call, 1, 'axes') ?? [];
		return reduced(call, { axes, keepdims, noop: noop_with_empty_axes !== 0 }, along);
	};

/** y = sum of x over the axes. */
const total: Along = (site, x, axes, keepDims) => (axes.length === 0 ? x : summed(site, x, axes, keepDims));

/** y = mean of x over the axes; that of integers is truncated toward zero. */
const mean: Along = (site, x, axes, keepDims) => {
	if (axes.length === 0) return x;
	if (x.shape.includes(0)) return misshapen(`The mean of no elements: [${x.shape}] along [${axes}].`);
	if (x.type === 'float') return averaged(site, x, axes, keepDims);
	if (x.kind === 'encrypted')
		return unsupported('The mean of encrypted integers, which is rounded.', 'Cast them to float first.');
	const count = sizeOf(axes.map((axis) => x.shape[axis] as number));
	const y = summed(site, x, axes, keepDims);
	return y.kind === 'constant' ? { ...y, data: y.data.map((sum) => Math.trunc(sum / count)) } : y;
};

/** y = sum of x ^ 2 over the axes. */
const totalOfSquares: Along = (site, x, axes, keepDims) => total(site, exact(product(site, x, x)), axes, keepDims);

/** y = sum of |x| over the axes. */
const totalOfSizes: Along = (site, x, axes, keepDims) => total(site, activated(site, x, 'abs'), axes, keepDims);

/** The reduction where it gives real numbers. Errors: 'unsupported' for integers, which it would have to round. */
const real =
	(along: Along): Along =>
	(site, x, axes, keepDims) =>
		x.type === 'float'
			? along(site, x, axes, keepDims)
			: unsupported('This reduction of integers is rounded.', 'Cast them to float first.');

/** y = square root of the sum of x ^ 2 over the axes. */
const norm = real((site, x, axes, keepDims) => activated(site, totalOfSquares(site, x, axes, keepDims), 'sqrt'));

/** y = log(sum of x over the axes). */
const logOfTotal = real((site, x, axes, keepDims) => activated(site, total(site, x, axes, keepDims), 'log'));

/** Reductions of more elements go by way of the sum, which fewer functions in a row make. */
const MOST_PAIRED = 4;

/**
 * y = log(sum of exp(x) over the axes). Few encrypted elements are taken two at a time, so that it never matters how far they are
 * apart. Of more it is m + log(sum of exp(x - m)), where m is the mean, or the largest element of constants: about the mean the
 * sum is never below the number of elements, so that its logarithm stays off 0.
 */
const logOfTotalOfExponentials = real((site, x, axes, keepDims) => {
	if (axes.length === 0) return x;
	const { count, length, shape } = linesAlong(x, axes, keepDims);
	if (x.kind === 'encrypted' && length <= MOST_PAIRED)
		return reshaped(logOfSum(site, asLines(site, x, axes), count, length), shape);
	const middle = x.kind === 'encrypted' ? averaged(site, x, axes, true) : largest(x.data);
	const exponentials = activated(site, weightedSum(site, x, middle, 1, -1), 'exp');
	const logarithm = activated(site, summed(site, exponentials, axes, true), 'log');
	return reshaped(weightedSum(site, logarithm, middle, 1, 1), shape);
});

/** y[i] = log(sum of exp(x[i, j])) of lines of n elements, by log(exp(a) + exp(b)) = b + softplus(a - b). */
const logOfSum = (site: Site, x: Value, count: number, n: number): Value => {
	if (n === 1) return x;
	const half = Math.floor(n / 2);
	const added = (a: Value, b: Value) =>
		weightedSum(site, b, activated(site, weightedSum(site, a, b, 1, -1), 'softplus'), 1, 1);
	const part = (first: number, length: number) => moved(site, x, partOf(count, n, first, length), [count, length]);
	const paired = logOfSum(site, added(part(0, half), part(half, half)), count, half);
	return n % 2 === 0 ? paired : added(paired, part(n - 1, 1));
};

/** How many lines lie along the axes of x, of which length, and the shape that one element of each makes. */
export const linesAlong = ({ shape }: Value, axes: readonly number[], keepDims: boolean) => ({
	count: sizeOf(otherAxes(shape.length, axes).map((axis) => shape[axis] as number)),
	length: sizeOf(axes.map((axis) => shape[axis] as number)),
	shape: reducedShape(shape, axes, keepDims),
});

/** x with the elements along the axes next to each other. */
export const asLines = (site: Site, x: Value, axes: readonly number[]): Value => {
	const { count, length } = linesAlong(x, axes, false);
	const order = [...otherAxes(x.shape.length, axes), ...axes];
	return moved(site, x, transposeSource(x.shape, order), [count, length]);
};

/** Where the `length` elements from `first` on of each of the lines of n elements are; -1 behind their ends. */
const partOf = (count: number, n: number, first: number, length: number): Source =>
	Int32Array.from({ length: count * length }, (_, at) => {
		const j = first + (at % length);
		return j < n ? Math.floor(at / length) * n + j : -1;
	});

/** The largest finite element as a scalar; 0 where there is none. */
const largest = (data: Float64Array): Value => {
	const high = data.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, b) : a), Number.NEGATIVE_INFINITY);
	return constant([], Float64Array.of(Number.isFinite(high) ? high : 0));
};

/** y = product of x over the axes: halves of every line are multiplied until one element is left, ceil(log2 n) products deep. */
const totalProduct: Along = (site, x, axes, keepDims) => {
	const { count, length, shape } = linesAlong(x, axes, keepDims);
	if (length === 0) return constant(shape, new Float64Array(count).fill(1), x.type);
	let lines = asLines(site, x, axes);
	for (let n = length; n > 1; n = Math.ceil(n / 2)) lines = exact(halved(site, lines, count, n));
	return reshaped(lines, shape);
};

/** y[i, j] = x[i, j] x[i, j + ceil(n / 2)] of lines of n elements; one without a partner is multiplied by 1. */
const halved = (site: Site, x: Value, count: number, n: number): Value => {
	const half = Math.ceil(n / 2);
	const left = moved(site, x, partOf(count, n, 0, half), [count, half]);
	return product(site, left, amongOnes(site, x, partOf(count, n, half, half), [count, half]));
};

/** y[i] = x[source[i]], 1 where the source is -1. */
const amongOnes = (site: Site, x: Value, source: Source, shape: Shape): Value => {
	const ones = Float64Array.from(source, (from) => (from < 0 ? 1 : 0));
	const terms = [{ value: x, matrix: selectionMatrix(source, sizeOf(x.shape)) }];
	return { ...affineOf(site, terms, ones, shape), type: x.type };
};

/** The axis of a running sum or product. */
const runningAxis = (call: Call, x: Value): number => {
	const [axis, ...others] = integersAt(call, 1, 'axis') ?? malformed(`${call.node.op} has no axis.`);
	if (axis === undefined || others.length > 0) return malformed(`${call.node.op} needs exactly one axis.`);
	return axisOf(axis, x.shape.length);
};

/** y[i] = x[0] + ... + x[i] along an axis; without x[i] when exclusive, from the other end in reverse. */
const CumSum: Run = (call) => {
	const { exclusive, reverse } = attributesOf(call, { exclusive: 0, reverse: 0 });
	const x = operand(call, 0);
	const at = runningAxis(call, x);
	const factors = x.shape.map((length, d) =>
		d === at ? runningSums(length, exclusive !== 0, reverse !== 0) : identity(length),
	);
	const terms = [{ value: exact(x), matrix: separable(factors) }];
	return exact(affineOf(call, terms, new Float64Array(sizeOf(x.shape)), x.shape));
};

/**
 * y[i] = x[0] ... x[i] along an axis; without x[i] when exclusive, from the other end in reverse. What is already a product
 * of r elements is multiplied by that of the r before it, for r = 1, 2, 4 ...: ceil(log2 n) products deep.
 */
const CumProd: Run = (call) => {
	const { exclusive, reverse } = attributesOf(call, { exclusive: 0, reverse: 0 });
	const x = operand(call, 0);
	const at = runningAxis(call, x);
	const length = x.shape[at] as number;
	const shifted = (value: Value, distance: number): Value => {
		const from = range(length, reverse === 0 ? -distance : distance);
		const source = takeSource(
			x.shape,
			at,
			from.map((i) => (i < length ? i : -1)),
		);
		return amongOnes(call, value, source, x.shape);
	};
	let y = exclusive === 0 ? x : shifted(x, 1);
	for (let r = 1; r < length; r *= 2) y = exact(product(call, y, shifted(y, r)));
	return y;
};

/** The axes are an input since the given operator set, an attribute before. */
export const reduction = (first: number, along: Along) => since([6, byAttribute(along)], [first, byInput(along)]);

/** Sums and products along axes, and what is made of them. */
export const REDUCTIONS: readonly Operator[] = [
	{
		op: 'CumProd',
		how: 'exact',
		cost: 'ceil(log2 n) levels for n elements',
		note: 'constant axis',
		versions: since([26, CumProd]),
	},
	{ op: 'CumSum', how: 'exact', note: 'constant axis', versions: since([11, CumSum]) },
	{ op: 'ReduceL1', how: 'approximate', note: 'constant axes', versions: reduction(18, totalOfSizes) },
	{
		op: 'ReduceL2',
		how: 'approximate',
		cost: 'a square and a fitted root',
		note: 'constant axes',
		versions: reduction(18, norm),
	},
	{ op: 'ReduceLogSum', how: 'approximate', note: 'constant axes', versions: reduction(18, logOfTotal) },
	{
		op: 'ReduceLogSumExp',
		how: 'approximate',
		cost: 'at most two activations in a row',
		note: 'constant axes',
		versions: reduction(18, logOfTotalOfExponentials),
	},
	{ op: 'ReduceMean', how: 'exact', note: 'constant axes', versions: reduction(18, mean) },
	{
		op: 'ReduceProd',
		how: 'exact',
		cost: 'ceil(log2 n) levels for n elements',
		note: 'constant axes',
		versions: reduction(18, totalProduct),
	},
	{ op: 'ReduceSum', how: 'exact', note: 'constant axes', versions: reduction(13, total) },
	{
		op: 'ReduceSumSquare',
		how: 'exact',
		cost: '1 level',
		note: 'constant axes',
		versions: reduction(18, totalOfSquares),
	},
];
