import { functionOf } from '../tensor/activations.ts';
import { type Activation, type Id, type Node, nodeAt, type Shape, sizeOf } from '../tensor/graph.ts';
import { checkSize } from '../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, range, selectionMatrix, takeData } from '../tensor/maps/selection.ts';
import { separable, total, totals } from '../tensor/maps/separable.ts';
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
const broadcastTerm = (value: Value, shape: Shape, factors: ArrayLike<number> | number) => ({
	value,
	matrix: selectionMatrix(broadcastSource(value.shape, shape), sizeOf(value.shape), factors),
});

/** y = weightA * a + weightB * b with broadcasting. */
export const weightedSum = (site: Site, a: Value, b: Value, weightA: number, weightB: number): Value => {
	if (a.kind === 'constant' && b.kind === 'constant') return computed(a, b, (x, y) => weightA * x + weightB * y);
	const shape = commonShape(a, b);
	const size = sizeOf(shape);
	const terms = [broadcastTerm(a, shape, weightA), broadcastTerm(b, shape, weightB)];
	return exact(affineOf(site, terms, new Float64Array(size), shape));
};

/** y = scale * x + shift, one pair for all elements. */
export const scaled = (site: Site, x: Value, scale: number, shift = 0): Value => {
	if (scale === 1 && shift === 0) return x;
	const size = sizeOf(x.shape);
	const term = broadcastTerm(x, x.shape, scale);
	return affineOf(site, [term], new Float64Array(size).fill(shift), x.shape);
};

/** y = x * factors with broadcasting. */
const weighted = (site: Site, x: Encrypted, factors: Constant): Value => {
	const shape = commonShape(x, factors);
	const { data } = broadcast(site, factors, shape);
	return affineOf(site, [broadcastTerm(x, shape, data)], new Float64Array(sizeOf(shape)), shape);
};

/** The elements of the constant broadcast to `shape`. */
const repeated = ({ data, shape: from }: Constant, shape: Shape): Float64Array =>
	String(from) === String(shape) ? data : takeData(data, broadcastSource(from, shape));

/** y = fn(a, b) on constants with broadcasting. */
export const computed = (a: Constant, b: Constant, fn: (x: number, y: number) => number): Constant => {
	const shape = commonShape(a, b);
	const [left, right] = [repeated(a, shape), repeated(b, shape)];
	const data = new Float64Array(left.length);
	for (let i = 0; i < data.length; i++) data[i] = fn(left[i] as number, right[i] as number);
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

/** The shape without the axes, or with length 1 in their places. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): Shape =>
	shape.flatMap((length, d) => (!axes.includes(d) ? [length] : keepDims ? [1] : []));

/** y = sum of x over the axes, each of which keeps length 1 or is dropped; times `weight`. */
export const summed = (site: Site, x: Value, axes: readonly number[], keepDims: boolean, weight = 1): Value => {
	if (axes.length === 0) return scaled(site, x, weight);
	const factors = x.shape.map((length, d) => (axes.includes(d) ? total(length, 1) : identity(length)));
	const matrix = times(separable(factors), weight);
	const shape = reducedShape(x.shape, axes, keepDims);
	return affineOf(site, [{ value: x, matrix }], new Float64Array(sizeOf(shape)), shape);
};

const times = (matrix: SparseMatrix, factor: number): SparseMatrix =>
	factor === 1 ? matrix : { ...matrix, values: matrix.values.map((value) => value * factor) };

/** y = mean of x over the axes, each of which keeps length 1 or is dropped. */
export const averaged = (site: Site, x: Value, axes: readonly number[], keepDims: boolean): Value =>
	summed(site, x, axes, keepDims, 1 / sizeOf(axes.map((axis) => x.shape[axis] as number)));

/** Up to so many elements, a mean is subtracted in one map: a level less, for more entries than the mean and a difference have. */
const CENTRED_AT_ONCE = 64;

/** y = x - mean of x over the axes */
export const centred = (site: Site, x: Value, axes: readonly number[]): Value => {
	const count = sizeOf(axes.map((axis) => x.shape[axis] as number));
	if (count > CENTRED_AT_ONCE) return weightedSum(site, x, averaged(site, x, axes, true), 1, -1);
	const means = x.shape.map((length, d) => (axes.includes(d) ? totals(length, length, 1 / length) : identity(length)));
	const size = sizeOf(x.shape);
	const terms = [
		{ value: x, matrix: identity(size) },
		{ value: x, matrix: times(separable(means), -1) },
	];
	return affineOf(site, terms, new Float64Array(size), x.shape);
};

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
export const inverse = (site: Site, x: Value): Value =>
	(x.kind === 'encrypted' ? inverseOfRoot(site, x) : undefined) ?? activated(site, x, 'reciprocal');

/** How many maps after each other are looked through for the power below them. */
const MOST_MAPS = 16;

/** 1 / x where x is a power, or one moved, repeated or multiplied by constants: 1 / (w v ^ p) = v ^ (-p) / w; a root is one. */
const inverseOfRoot = (site: Site, x: Encrypted, maps = MOST_MAPS): Value | undefined => {
	const node = nodeAt(site.builder.nodes, x.id);
	if (node.kind === 'activation') {
		const exponent = node.fn === 'sqrt' ? 0.5 : node.fn === 'power' ? node.parameters?.[0] : undefined;
		return exponent === undefined ? undefined : activated(site, { ...x, id: node.x }, 'power', [-exponent]);
	}
	const term = node.kind === 'affine' && node.bias.every((b) => b === 0) ? node.terms[0] : undefined;
	if (maps === 0 || term === undefined || node.kind !== 'affine' || node.terms.length > 1) return undefined;
	const { matrix } = term;
	if (matrix.values.length !== matrix.rows || matrix.rowStart.some((start, i) => start !== i)) return undefined;
	const inner = inverseOfRoot(site, { ...x, id: term.x, shape: nodeAt(site.builder.nodes, term.x).shape }, maps - 1);
	const inverted = { ...matrix, values: matrix.values.map((w) => 1 / w) };
	return inner && affineOf(site, [{ value: inner, matrix: inverted }], new Float64Array(matrix.rows), x.shape);
};

/** y = a / b with broadcasting, where b is encrypted: a product with a fitted reciprocal. */
export const quotient = (site: Site, a: Value, b: Encrypted): Value => product(site, a, inverse(site, b));

/** A little less than the largest float32: bounds beyond are none. */
export const MOST_FLOAT = 3.4e38;

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

/** Functions that are above 0 everywhere. */
const POSITIVE: ReadonlySet<string> = new Set<Activation>(['sigmoid', 'exp', 'softplus', 'cosh']);

/** How many nodes are looked at before a value counts as one that may be 0. */
const MOST_SUMMANDS = 64;

/** Is every element above 0 whatever the inputs are: a sum of what is above 0, with weights above 0? */
export const isPositive = (site: Site, { id }: Pick<Encrypted, 'id'>): boolean => {
	const found = new Set([id]);
	// What is added to a set while it is gone through is gone through as well.
	for (const at of found) {
		const summands = positiveIf(nodeAt(site.builder.nodes, at));
		if (summands === undefined || found.size > MOST_SUMMANDS) return false;
		for (const summand of summands) found.add(summand);
	}
	return true;
};

/** The operands that make every element of the node positive if theirs are; undefined where it may be 0 or less all the same. */
const positiveIf = (node: Node): readonly Id[] | undefined => {
	if (node.kind === 'activation') return POSITIVE.has(node.fn) ? [] : undefined;
	if (node.kind === 'tail') return node.fn === 'softmax' ? [] : undefined;
	if (node.kind !== 'affine' || node.bias.some((value) => value < 0)) return undefined;
	const filled = (row: number): boolean =>
		(node.bias[row] as number) > 0 ||
		node.terms.some(({ matrix: { rowStart } }) => (rowStart[row + 1] as number) > (rowStart[row] as number));
	const isSum = node.terms.every(({ matrix }) => matrix.values.every((value) => value > 0));
	return isSum && node.bias.every((_, row) => filled(row)) ? node.terms.map(({ x }) => x) : undefined;
};
