import { sizeOf } from '../../tensor/graph.ts';
import { range } from '../../tensor/maps/selection.ts';
import { runningSums, separable } from '../../tensor/maps/separable.ts';
import { identity } from '../../tensor/sparse.ts';
import { averaged, summed } from '../algebra.ts';
import { attributesOf, axesOf, axisOf, type Call, integersAt, operand, type Run } from '../call.ts';
import { affineOf, malformed, unsupported, type Value } from '../value.ts';

/** How a reduction names its axes: [] means all of them, unless `noop`. */
type Reduction = { readonly axes: readonly number[]; readonly keepdims: number; readonly noop: boolean };

/** y[kept axes] = sum of x over the other axes, or their mean; what is reduced keeps length 1 when `keepdims` is set. */
const reduced = (call: Call, { axes, keepdims, noop }: Reduction, mean: boolean): Value => {
	const x = operand(call, 0);
	const rank = x.shape.length;
	const gone = axes.length > 0 || noop ? axesOf(axes, rank) : range(rank);
	if (gone.length === 0) return x;
	const isInteger = mean && x.type !== 'float';
	if (isInteger && x.kind === 'encrypted')
		return unsupported('The mean of encrypted integers, which is rounded.', 'Cast them to float first.');
	const keep = keepdims !== 0;
	if (mean && !isInteger) return averaged(call, x, gone, keep);
	const count = sizeOf(gone.map((axis) => x.shape[axis] as number));
	const y = summed(call, x, gone, keep);
	return isInteger && y.kind === 'constant' ? { ...y, data: y.data.map((sum) => Math.trunc(sum / count)) } : y;
};

/** The axes are an attribute. */
const byAttribute =
	(mean: boolean): Run =>
	(call) => {
		const { axes, keepdims } = attributesOf(call, { axes: [], keepdims: 1 });
		return reduced(call, { axes, keepdims, noop: false }, mean);
	};

/** The axes are an input; none of them means all, or with noop_with_empty_axes none. */
const byInput =
	(mean: boolean): Run =>
	(call) => {
		const { keepdims, noop_with_empty_axes } = attributesOf(call, { keepdims: 1, noop_with_empty_axes: 0 });
		return reduced(call, { axes: integersAt(call, 1, 'axes') ?? [], keepdims, noop: noop_with_empty_axes !== 0 }, mean);
	};

/** y = sum of x over the axes; they are an input since opset 13. */
export const ReduceSum = byInput(false);
export const ReduceSum1 = byAttribute(false);

/** y = mean of x over the axes; they are an input since opset 18. */
export const ReduceMean = byInput(true);
export const ReduceMean1 = byAttribute(true);

/** y[i] = x[0] + ... + x[i] along an axis; without x[i] when exclusive, from the other end in reverse. */
export const CumSum: Run = (call) => {
	const { exclusive, reverse } = attributesOf(call, { exclusive: 0, reverse: 0 });
	const x = operand(call, 0);
	const [axis, ...others] = integersAt(call, 1, 'axis') ?? malformed('CumSum has no axis.');
	if (axis === undefined || others.length > 0) return malformed('CumSum needs exactly one axis.');
	const at = axisOf(axis, x.shape.length);
	const factors = x.shape.map((length, d) =>
		d === at ? runningSums(length, exclusive !== 0, reverse !== 0) : identity(length),
	);
	return affineOf(call, [{ value: x, matrix: separable(factors) }], new Float64Array(sizeOf(x.shape)), x.shape);
};
