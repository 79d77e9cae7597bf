import type { TailOp } from './plan.ts';
import { applyTail, type Tensor } from './tail.ts';

/**
 * What an output decides: the index of the largest value along an axis, or 1 where a value behind a sigmoid is above one half. `gap` is how far the values that were
 * decrypted are from deciding otherwise: no change of each by less than `gap` changes the decision.
 */
export type Decision = { readonly decided: Tensor; readonly gap: number };

type ArgMax = TailOp & { readonly op: 'argMax' };

const along = (axis: number): ArgMax => ({ op: 'argMax', axis, keepDims: false, selectLast: false });

/** Half the least distance between the largest value of a line along the axis and the next; infinite for lines of one value. */
const gapAlong = ({ shape, data }: Tensor, axis: number): number => {
	const at = axis < 0 ? axis + shape.length : axis;
	const length = shape[at] ?? 1;
	const stride = shape.slice(at + 1).reduce((product, d) => product * d, 1);
	let gap = Number.POSITIVE_INFINITY;
	for (let line = 0; line < data.length / length; line++) {
		const start = Math.floor(line / stride) * length * stride + (line % stride);
		const values = Array.from({ length }, (_, i) => data[start + i * stride] as number).sort((a, b) => b - a);
		if (length > 1) gap = Math.min(gap, ((values[0] as number) - (values[1] as number)) / 2);
	}
	return gap;
};

const gapToZero = ({ data }: Tensor): number => data.reduce((gap, value) => Math.min(gap, Math.abs(value)), Infinity);

const aboveZero = ({ shape, data }: Tensor): Tensor => ({ shape, data: data.map((value) => (value > 0 ? 1 : 0)) });

const rankOf = (axis: number, { shape }: Tensor): number => (axis < 0 ? axis + shape.length : axis);

/** What keeps the order of values: of all, as a sigmoid does (`everywhere`), or of those along one axis. */
type Order = { readonly everywhere: boolean; readonly axis: number | undefined };

/** Where no operation of the tail decides: by the sigmoid, by the axis of a softmax, or by the last axis. */
const byDefault = (x: Tensor, { everywhere, axis = -1 }: Order, sigmoid: boolean): Decision | undefined => {
	if (sigmoid && everywhere) return { decided: aboveZero(x), gap: gapToZero(x) };
	if ((x.shape.at(axis) ?? 1) < 2) return undefined;
	return { decided: applyTail(x, [along(axis)]), gap: gapAlong(x, axis) };
};

/**
 * The decision of an output and how sure it is; undefined where there is none that follows from the order of the values alone (a
 * single value without a sigmoid, a selection from a softmax). Operations of the tail that keep that order are passed over, so
 * that the gap is one of what was decrypted.
 */
export const decisionOf = (raw: Tensor, tail: readonly TailOp[]): Decision | undefined => {
	let x = raw;
	let order: Order = { everywhere: true, axis: undefined };
	let sigmoid = false;
	for (const [k, op] of tail.entries()) {
		switch (op.op) {
			case 'sigmoid':
				sigmoid = true;
				break;
			case 'softmax':
			case 'logSoftmax':
			case 'l1': {
				const axis = rankOf(op.axis, x);
				if (!order.everywhere && order.axis !== axis) return undefined;
				order = { everywhere: false, axis };
				break;
			}
			case 'reshape':
			case 'select':
				if (!order.everywhere) return undefined;
				x = applyTail(x, [op]);
				break;
			case 'argMax':
			case 'hardmax':
				if (!order.everywhere && order.axis !== rankOf(op.axis, x)) return undefined;
				return { decided: applyTail(x, tail.slice(k)), gap: gapAlong(x, op.axis) };
			case 'votes':
				return order.everywhere && !sigmoid ? { decided: applyTail(x, tail.slice(k)), gap: gapToZero(x) } : undefined;
			case 'lookup':
				return undefined;
		}
	}
	return byDefault(x, order, sigmoid);
};
