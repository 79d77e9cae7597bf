import type { Shape } from '../graph.ts';
import type { SparseMatrix } from '../sparse.ts';
import { checkEntries, checkSize } from './rows.ts';

/**
 * Movements of data: y[i] = x[source[i]], zero where the source is -1. Transpositions, slices, broadcasts, paddings and
 * gathers are all products of one index list per axis.
 */
export type Source = Int32Array;

/** One axis of the result: its index list into an axis of the operand that advances by `stride` elements. */
export type Axis = { readonly stride: number; readonly indices: ArrayLike<number> };

/** Elements that one step along each axis of a row-major tensor skips. */
export const stridesOf = (shape: Shape): readonly number[] => {
	const strides: number[] = new Array(shape.length);
	let stride = 1;
	for (let d = shape.length - 1; d >= 0; d--) {
		strides[d] = stride;
		stride *= shape[d] as number;
	}
	return strides;
};

/** `count` indices from `start` in steps of `step`. */
export const range = (count: number, start = 0, step = 1): readonly number[] => {
	checkSize(count);
	const indices = new Array<number>(Math.max(0, count));
	for (let i = 0; i < count; i++) indices[i] = start + i * step;
	return indices;
};

/** 0, 1, ... as a typed array, for axes that are long. */
const counting = (count: number): Int32Array => {
	checkSize(count);
	const indices = new Int32Array(count);
	for (let i = 0; i < count; i++) indices[i] = i;
	return indices;
};

/** source[i_0, i_1, ...] = sum_d stride_d * indices_d[i_d], row-major; -1 as soon as one index is -1. */
export const crossSource = (axes: readonly Axis[]): Source => {
	checkSize(axes.reduce((product, { indices }) => product * indices.length, 1));
	let source = Int32Array.of(0);
	for (const { stride, indices } of axes) {
		const next = new Int32Array(source.length * indices.length);
		let at = 0;
		for (const base of source) {
			for (let i = 0; i < indices.length; i++) {
				const index = indices[i] as number;
				next[at++] = base < 0 || index < 0 ? -1 : base + stride * index;
			}
		}
		source = next;
	}
	return source;
};

/** The shape that numpy broadcasts `a` and `b` to; undefined when they do not fit. */
export const broadcastShape = (a: Shape, b: Shape): Shape | undefined => {
	const rank = Math.max(a.length, b.length);
	const shape: number[] = [];
	for (let d = 0; d < rank; d++) {
		const x = a[a.length - rank + d] ?? 1;
		const y = b[b.length - rank + d] ?? 1;
		if (x !== y && x !== 1 && y !== 1) return undefined;
		shape.push(x === 1 ? y : x);
	}
	return shape;
};

/** Source of a tensor of shape `from` broadcast to `to`, which it must fit. */
export const broadcastSource = (from: Shape, to: Shape): Source => {
	const strides = stridesOf(from);
	return crossSource(
		to.map((length, d) => {
			const own = d - to.length + from.length;
			return from[own] === length
				? { stride: strides[own] as number, indices: counting(length) }
				: { stride: 0, indices: counting(length) };
		}),
	);
};

/** Source of the transposition y[i_perm] = x[i]: axis d of the result is axis perm[d] of the operand. */
export const transposeSource = (shape: Shape, perm: readonly number[]): Source => {
	const strides = stridesOf(shape);
	return crossSource(
		perm.map((axis) => ({ stride: strides[axis] as number, indices: counting(shape[axis] as number) })),
	);
};

/** Source of replacing one axis of a tensor by the elements at `indices` of it (-1 for zero). */
export const takeSource = (shape: Shape, axis: number, indices: ArrayLike<number>): Source => {
	const strides = stridesOf(shape);
	return crossSource(
		shape.map((length, d) => ({ stride: strides[d] as number, indices: d === axis ? indices : counting(length) })),
	);
};

/** Does the source leave everything where it is? */
export const isInPlace = (source: Source, columns: number): boolean =>
	source.length === columns && source.every((column, i) => column === i);

/** y[i] = factors[i] * x[source[i]], or one factor for all; without any a pure movement. */
export const selectionMatrix = (
	source: Source,
	columns: number,
	factors: ArrayLike<number> | number = 1,
): SparseMatrix => {
	const rows = source.length;
	checkEntries(rows, columns, rows);
	const rowStart = new Int32Array(rows + 1);
	const columnOf = new Int32Array(rows);
	const values = new Float64Array(rows);
	let count = 0;
	for (let i = 0; i < rows; i++) {
		const column = source[i] as number;
		const factor = typeof factors === 'number' ? factors : (factors[i] as number);
		if (column >= 0 && factor !== 0) {
			columnOf[count] = column;
			values[count++] = factor;
		}
		rowStart[i + 1] = count;
	}
	return count === rows
		? { rows, columns, rowStart, columnOf, values }
		: { rows, columns, rowStart, columnOf: columnOf.slice(0, count), values: values.slice(0, count) };
};

/** y = x[source] on data. */
export const takeData = (data: Float64Array, source: Source): Float64Array => {
	const y = new Float64Array(source.length);
	for (let i = 0; i < y.length; i++) {
		const column = source[i] as number;
		if (column >= 0) y[i] = data[column] as number;
	}
	return y;
};
