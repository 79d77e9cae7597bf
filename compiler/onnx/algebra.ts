import { functionOf } from '../tensor/activations.ts';
import { type Activation, type Node, nodeAt, type Shape, sizeOf } from '../tensor/graph.ts';
import { checkSize } from '../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, range, selectionMatrix } from '../tensor/maps/selection.ts';
import { separable, total } from '../tensor/maps/separable.ts';
import { identity, type SparseMatrix } from '../tensor/sparse.ts';
import {
	affineOf,
	type Constant,
	constant,
	type Encrypted,
	exact,
	malformed,
	misshapen,
	moved,
	multiplied,
	reshaped,
	type Site,
	type Value,
} from './value.ts';

/**
 * What operators are made of: arithmetic with broadcasting, sums along axes and functions of one variable, on values of
 * either kind. Constants are computed at once; the rest become nodes of the tensor graph.
 */

/** The shape that both operands broadcast to. Errors: 'shape' when they do not, 'size'. */
export const commonShape = (a: Pick<Value, 'shape'>, b: Pick<Value, 'shape'>): Shape => {
	const shape = broadcastShape(a.shape, b.shape);
	if (shape === undefined)
		return misshapen(`Operands of shapes [${a.shape}] and [${b.shape}] do not broadcast together.`);
	checkSize(sizeOf(shape));
	return shape;
};

/** The value repeated to `shape`, which it broadcasts to. */
export const broadcast = <V extends Value>(site: Site, value: V, shape: Shape): V =>
	moved(site, value, broadcastSource(value.shape, shape), shape) as V;

/** The term factors * broadcast(value). */
const broadcastTerm = (value: Value, shape: Shape, factors: ArrayLike<number>) => ({
	value,
	matrix: selectionMatrix(broadcastSource(value.shape, shape), sizeOf(value.shape), factors),
});

/** y = weightA * a + weightB * b with broadcasting. */
export const weightedSum = (site: Site, a: Value, b: Value, weightA: number, weightB: number): Value => {
	const shape = commonShape(a, b);
	const size = sizeOf(shape);
	const terms = [
		broadcastTerm(a, shape, new Float64Array(size).fill(weightA)),
		broadcastTerm(b, shape, new Float64Array(size).fill(weightB)),
	];
	return exact(affineOf(site, terms, new Float64Array(size), shape));
};

/** y = scale * x + shift, one pair for all elements. */
export const scaled = (site: Site, x: Value, scale: number, shift = 0): Value => {
	if (scale === 1 && shift === 0) return x;
	const size = sizeOf(x.shape);
	const term = broadcastTerm(x, x.shape, new Float64Array(size).fill(scale));
	return affineOf(site, [term], new Float64Array(size).fill(shift), x.shape);
};

/** y = x * factors with broadcasting. */
const weighted = (site: Site, x: Encrypted, factors: Constant): Value => {
	const shape = commonShape(x, factors);
	const { data } = broadcast(site, factors, shape);
	return affineOf(site, [broadcastTerm(x, shape, data)], new Float64Array(sizeOf(shape)), shape);
};

/** y = fn(a, b) on constants with broadcasting. */
export const computed = (a: Constant, b: Constant, fn: (x: number, y: number) => number): Constant => {
	const shape = commonShape(a, b);
	const left = broadcastSource(a.shape, shape);
	const right = broadcastSource(b.shape, shape);
	const data = Float64Array.from(left, (from, i) => fn(a.data[from] as number, b.data[right[i] as number] as number));
	return exact(constant(shape, data, a.type));
};

/** y = a * b with broadcasting; a product of two encrypted values is one level deep. */
export const product = (site: Site, a: Value, b: Value): Value => {
	if (a.kind === 'constant') return b.kind === 'constant' ? computed(a, b, (x, y) => x * y) : weighted(site, b, a);
	if (b.kind === 'constant') return weighted(site, a, b);
	const shape = commonShape(a, b);
	return multiplied(site, broadcast(site, a, shape), broadcast(site, b, shape));
};

/** x ^ n as (x ^ ceil(n/2)) (x ^ floor(n/2)), for an integer n from 1 on: ceil(log2 n) products deep; equal powers are interned. */
export const power = (site: Site, x: Value, n: number): Value =>
	n === 1 ? x : product(site, power(site, x, Math.ceil(n / 2)), power(site, x, Math.floor(n / 2)));

/** y = sum of x over the axes, each of which keeps length 1 or is dropped; times `weight`. */
export const summed = (site: Site, x: Value, axes: readonly number[], keepDims: boolean, weight = 1): Value => {
	if (axes.length === 0) return scaled(site, x, weight);
	const factors = x.shape.map((length, d) => (axes.includes(d) ? total(length, 1) : identity(length)));
	const matrix = times(separable(factors), weight);
	const shape: Shape = x.shape.flatMap((length, d) => (!axes.includes(d) ? [length] : keepDims ? [1] : []));
	return affineOf(site, [{ value: x, matrix }], new Float64Array(sizeOf(shape)), shape);
};

const times = (matrix: SparseMatrix, factor: number): SparseMatrix =>
	factor === 1 ? matrix : { ...matrix, values: matrix.values.map((value) => value * factor) };

/** y = mean of x over the axes, each of which keeps length 1 or is dropped. */
export const averaged = (site: Site, x: Value, axes: readonly number[], keepDims: boolean): Value =>
	summed(site, x, axes, keepDims, 1 / sizeOf(axes.map((axis) => x.shape[axis] as number)));

/** y = fn(x), elementwise: a polynomial is fitted to it later. */
export const activated = (site: Site, x: Value, fn: Activation, parameters?: readonly number[]): Value => {
	const applied = parameters === undefined ? { fn } : { fn, parameters };
	if (x.kind === 'constant') return { ...x, data: x.data.map(functionOf(applied)) };
	if (parameters?.some((value) => !Number.isFinite(value)))
		return malformed(`The parameters [${parameters}] of ${fn} are not finite.`);
	const id = site.builder.add({ kind: 'activation', x: x.id, ...applied, shape: x.shape, origin: site.origin });
	return { ...x, id };
};

/** y = 1 / x on values of one sign; of a square root it is one function, x ^ (-1/2), and not two polynomials after each other. */
export const inverse = (site: Site, x: Value): Value => {
	const root = x.kind === 'encrypted' ? rootOf(nodeAt(site.builder.nodes, x.id)) : undefined;
	if (root === undefined || x.kind === 'constant') return activated(site, x, 'reciprocal');
	return activated(site, { ...x, id: root }, 'power', [-0.5]);
};

/** The operand of a square root. */
const rootOf = (node: Node): number | undefined =>
	node.kind === 'activation' && node.fn === 'sqrt' ? node.x : undefined;

/** y = a / b with broadcasting, where b is encrypted: a product with a fitted reciprocal. */
export const quotient = (site: Site, a: Value, b: Encrypted): Value => product(site, a, inverse(site, b));

/** y = max(a, b) = b + max(a - b, 0) with broadcasting: one fitted polynomial. */
export const larger = (site: Site, a: Value, b: Value): Value => {
	if (a.kind === 'constant' && b.kind === 'constant') return computed(a, b, Math.max);
	const excess = activated(site, weightedSum(site, a, b, 1, -1), 'relu');
	return weightedSum(site, b, excess, 1, 1);
};

/** y = min(a, b) = a - max(a - b, 0) with broadcasting. */
export const smaller = (site: Site, a: Value, b: Value): Value => {
	if (a.kind === 'constant' && b.kind === 'constant') return computed(a, b, Math.min);
	const excess = activated(site, weightedSum(site, a, b, 1, -1), 'relu');
	return weightedSum(site, a, excess, 1, -1);
};

/** All axes but those named. */
export const otherAxes = (rank: number, axes: readonly number[]): readonly number[] =>
	range(rank).filter((axis) => !axes.includes(axis));

/** A constant of one number for each element of an axis, shaped to broadcast along it in a tensor of that rank. */
export const alongAxis = (values: Constant, axis: number, rank: number): Value =>
	reshaped(
		values,
		range(rank).map((d) => (d === axis ? values.data.length : 1)),
	);
