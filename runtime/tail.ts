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
const logSoftmax = ({ shape, data }: Tensor, axis: number): Tensor => {
	const y = new Float64Array(data.length);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		let max = Number.NEGATIVE_INFINITY;
		for (let i = 0; i < length; i++) max = Math.max(max, data[offset + i * stride] as number);
		let sum = 0;
		for (let i = 0; i < length; i++) sum += Math.exp((data[offset + i * stride] as number) - max);
		const log = max + Math.log(sum);
		for (let i = 0; i < length; i++) y[offset + i * stride] = (data[offset + i * stride] as number) - log;
	});
	return { shape, data: y };
};

const softmax = (x: Tensor, axis: number): Tensor => {
	const { shape, data } = logSoftmax(x, axis);
	return { shape, data: data.map(Math.exp) };
};

/** y = x / sum |x| along the axis; zeros stay. */
const l1 = ({ shape, data }: Tensor, axis: number): Tensor => {
	const y = Float64Array.from(data);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		let sum = 0;
		for (let i = 0; i < length; i++) sum += Math.abs(data[offset + i * stride] as number);
		if (sum > 0) for (let i = 0; i < length; i++) y[offset + i * stride] = (data[offset + i * stride] as number) / sum;
	});
	return { shape, data: y };
};

/** How many pairs each class wins: of classes i < j, in order of i and then j, the first where x > 0, else the second. */
const votes = ({ shape, data }: Tensor, classes: number): Tensor => {
	const counted = shape.with(-1, classes);
	const y = new Float64Array(sizeOf(counted));
	let pair = 0;
	for (let first = 0; first < y.length; first += classes)
		for (let i = 0; i < classes; i++)
			for (let j = i + 1; j < classes; j++) {
				const winner = first + ((data[pair++] as number) > 0 ? i : j);
				y[winner] = (y[winner] as number) + 1;
			}
	return { shape: counted, data: y };
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
const hardmax = ({ shape, data }: Tensor, axis: number): Tensor => {
	const y = new Float64Array(data.length);
	alongAxis(shape, positive(axis, shape.length), (offset, length, stride) => {
		y[offset + largestOf(data, offset, length, stride, false) * stride] = 1;
	});
	return { shape, data: y };
};

/** Index of the maximum along the axis; of equal ones the first, or the last when `selectLast`. */
const argMax = ({ shape, data }: Tensor, op: Extract<TailOp, { op: 'argMax' }>): Tensor => {
	const axis = positive(op.axis, shape.length);
	const kept = shape.map((d, i) => (i === axis ? 1 : d));
	const y = new Float64Array(sizeOf(kept));
	alongAxis(shape, axis, (offset, length, stride, line) => {
		y[line] = largestOf(data, offset, length, stride, op.selectLast);
	});
	return { shape: op.keepDims ? kept : shape.filter((_, i) => i !== axis), data: y };
};

const applyOp = (x: Tensor, op: TailOp): Tensor => {
	switch (op.op) {
		case 'softmax':
			return softmax(x, op.axis);
		case 'logSoftmax':
			return logSoftmax(x, op.axis);
		case 'sigmoid':
			return { shape: x.shape, data: x.data.map((value) => 1 / (1 + Math.exp(-value))) };
		case 'hardmax':
			return hardmax(x, op.axis);
		case 'l1':
			return l1(x, op.axis);
		case 'argMax':
			return argMax(x, op);
		case 'votes':
			return votes(x, op.classes);
		case 'lookup':
			return { shape: x.shape, data: x.data.map((index) => op.values[index] as number) };
		case 'select':
			return { shape: [op.values.length], data: Float64Array.from(op.values, (from) => x.data[from] as number) };
		case 'reshape':
			return { shape: op.shape, data: x.data };
	}
};

/** The operations of the tail, in order. Negative axes count from the end. */
export const applyTail = (x: Tensor, tail: readonly TailOp[]): Tensor => tail.reduce(applyOp, x);
