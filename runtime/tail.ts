import type { TailOp } from './plan.ts';

/** A row-major array. */
export type Tensor = { readonly shape: readonly number[]; readonly data: Float64Array };

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Calls `each` with the offset of every line along the axis; its elements are `stride` apart. */
const alongAxis = (
	shape: readonly number[],
	axis: number,
	each: (offset: number, length: number, stride: number, line: number) => void,
): void => {
	const length = shape[axis] ?? 1;
	const stride = sizeOf(shape.slice(axis + 1));
	const outer = sizeOf(shape.slice(0, axis));
	for (let o = 0; o < outer; o++)
		for (let i = 0; i < stride; i++) each(o * length * stride + i, length, stride, o * stride + i);
};

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** y = x - m - log(sum exp(x - m)) along the axis, m the maximum: no overflow. */
const logSoftmax = ({ shape, data }: Tensor, axis: number): Float64Array => {
	const y = new Float64Array(data.length);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		let max = Number.NEGATIVE_INFINITY;
		for (let i = 0; i < length; i++) max = Math.max(max, data[offset + i * stride] as number);
		let sum = 0;
		for (let i = 0; i < length; i++) sum += Math.exp((data[offset + i * stride] as number) - max);
		const log = max + Math.log(sum);
		for (let i = 0; i < length; i++) y[offset + i * stride] = (data[offset + i * stride] as number) - log;
	});
	return y;
};

/** y = x / sum |x| along the axis; zeros stay. */
const l1 = ({ shape, data }: Tensor, axis: number): Float64Array => {
	const y = Float64Array.from(data);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		let sum = 0;
		for (let i = 0; i < length; i++) sum += Math.abs(data[offset + i * stride] as number);
		if (sum > 0) for (let i = 0; i < length; i++) y[offset + i * stride] = (data[offset + i * stride] as number) / sum;
	});
	return y;
};

const pairsOf = (classes: number): number => (classes * (classes - 1)) / 2;

/** How many pairs each class wins: of classes i < j, in order of i and then j, the first where x > 0, else the second. */
const votes = (data: Float64Array, classes: number): Float64Array => {
	const y = new Float64Array((data.length / pairsOf(classes)) * classes);
	let pair = 0;
	for (let first = 0; first < y.length; first += classes)
		for (let i = 0; i < classes; i++)
			for (let j = i + 1; j < classes; j++) {
				const winner = first + ((data[pair++] as number) > 0 ? i : j);
				y[winner] = (y[winner] as number) + 1;
			}
	return y;
};

/** Index of the maximum of a line; of equal ones the first, or the last when `selectLast`. */
const largestOf = (data: Float64Array, offset: number, length: number, stride: number, selectLast: boolean): number => {
	let best = 0;
	for (let i = 1; i < length; i++) {
		const [value, champion] = [data[offset + i * stride] as number, data[offset + best * stride] as number];
		if (value > champion || (selectLast && value === champion)) best = i;
	}
	return best;
};

/** 1 at the first maximum along the axis, 0 elsewhere. */
const hardmax = ({ shape, data }: Tensor, axis: number): Float64Array => {
	const y = new Float64Array(data.length);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		y[offset + largestOf(data, offset, length, stride, false) * stride] = 1;
	});
	return y;
};

/** Index of the maximum along the axis; of equal ones the first, or the last when `selectLast`. */
const argMax = ({ shape, data }: Tensor, axis: number, selectLast: boolean): Float64Array => {
	const at = positive(axis, shape.length);
	const y = new Float64Array(sizeOf(shape.with(at, 1)));
	alongAxis(shape, at, (offset, length, stride, line) => {
		y[line] = largestOf(data, offset, length, stride, selectLast);
	});
	return y;
};

const dataAfter = (x: Tensor, op: TailOp): Float64Array => {
	const { data } = x;
	switch (op.op) {
		case 'softmax':
			return logSoftmax(x, op.axis).map(Math.exp);
		case 'logSoftmax':
			return logSoftmax(x, op.axis);
		case 'sigmoid':
			return data.map((value) => 1 / (1 + Math.exp(-value)));
		case 'hardmax':
			return hardmax(x, op.axis);
		case 'l1':
			return l1(x, op.axis);
		case 'argMax':
			return argMax(x, op.axis, op.selectLast);
		case 'votes':
			return votes(data, op.classes);
		case 'lookup':
			return data.map((index) => op.values[index] as number);
		case 'select':
			return Float64Array.from(op.values, (from) => data[from] as number);
		case 'reshape':
			return data;
	}
};

/** The shape of an operation's result; undefined where the operation does not fit a tensor of `shape`. */
const shapeAfter = (shape: readonly number[], op: TailOp): readonly number[] | undefined => {
	if ('axis' in op && shape.at(op.axis) === undefined) return undefined;
	switch (op.op) {
		case 'argMax':
			return shape.toSpliced(positive(op.axis, shape.length), 1, ...(op.keepDims ? [1] : []));
		case 'votes':
			return op.classes > 1 && shape.at(-1) === pairsOf(op.classes) ? shape.with(-1, op.classes) : undefined;
		case 'select': {
			const size = sizeOf(shape);
			return op.values.every((from) => from < size) ? [op.values.length] : undefined;
		}
		case 'reshape':
			return sizeOf(op.shape) === sizeOf(shape) ? op.shape : undefined;
		default:
			return shape;
	}
};

/** The shape of what a tail makes of a tensor of `shape`; undefined where one of its operations does not fit what is before it. */
export const tailShape = (shape: readonly number[], tail: readonly TailOp[]): readonly number[] | undefined =>
	tail.reduce<readonly number[] | undefined>((before, op) => before && shapeAfter(before, op), shape);

/** The operations of the tail, in order, which fit (`tailShape`). Negative axes count from the end. */
export const applyTail = (x: Tensor, tail: readonly TailOp[]): Tensor =>
	tail.reduce((before, op) => ({ shape: shapeAfter(before.shape, op) ?? [], data: dataAfter(before, op) }), x);
