import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import {
	broadcastShape,
	broadcastSource,
	crossSource,
	range,
	selectionMatrix,
	stridesOf,
	takeSource,
	transposeSource,
} from '../../tensor/maps/selection.ts';
import { attributesOf, axesOf, axisOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { affineOf, constant, malformed, misshapen, moved, reshaped, type Value } from '../value.ts';
import { always, NO_COST, type Operator, since } from './table.ts';

/** y = x */
const Identity: Run = (call) => {
	attributesOf(call, {});
	return operand(call, 0);
};

/** [d_0 ... d_(axis-1), d_axis ...] as a matrix. */
const Flatten: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 1 });
	const x = operand(call, 0);
	const split = axis === x.shape.length ? axis : axisOf(axis, Math.max(1, x.shape.length));
	return reshaped(x, [sizeOf(x.shape.slice(0, split)), sizeOf(x.shape.slice(split))]);
};

/** The shape comes as a constant input; 0 keeps a dimension unless allowzero, -1 is inferred. */
const Reshape: Run = (call) => {
	const { allowzero } = attributesOf(call, { allowzero: 0 });
	const x = operand(call, 0);
	const wanted = integersAt(call, 1, 'shape') ?? malformed('Reshape has no shape.');
	return reshaped(x, resolvedShape(x.shape, wanted, allowzero !== 0));
};

const resolvedShape = (from: Shape, wanted: readonly number[], allowZero: boolean): Shape => {
	const shape = wanted.map((d, i) => (d === 0 && !allowZero ? (from[i] ?? 0) : d));
	const known = sizeOf(shape.filter((d) => d !== -1));
	const inferred = shape.map((d) => (d === -1 ? sizeOf(from) / known : d));
	const valid = inferred.every((d) => Number.isInteger(d) && d >= 0) && sizeOf(inferred) === sizeOf(from);
	return valid && shape.filter((d) => d === -1).length <= 1
		? inferred
		: misshapen(`A tensor of shape [${from}] cannot be reshaped to [${wanted}].`);
};

/** y[i_perm] = x[i]; by default all axes reversed. */
const Transpose: Run = (call) => {
	const { perm } = attributesOf(call, { perm: [] });
	const x = operand(call, 0);
	const order = perm.length > 0 ? perm : range(x.shape.length).toReversed();
	if (String([...order].sort((a, b) => a - b)) !== String(range(x.shape.length)))
		misshapen(`perm is [${perm}], which is no order of the axes of [${x.shape}].`);
	return moved(
		call,
		x,
		transposeSource(x.shape, order),
		order.map((axis) => x.shape[axis] as number),
	);
};

const squeezed = (x: Value, given: readonly number[] | undefined): Value => {
	const axes = axesOf(given ?? range(x.shape.length).filter((d) => x.shape[d] === 1), x.shape.length);
	if (axes.some((axis) => x.shape[axis] !== 1)) misshapen(`Axes [${axes}] of [${x.shape}] are not all 1.`);
	return reshaped(
		x,
		x.shape.filter((_, d) => !axes.includes(d)),
	);
};

/** Removes axes of length 1; the axes are an input since opset 13. */
const Squeeze: Run = (call) => {
	attributesOf(call, {});
	return squeezed(operand(call, 0), integersAt(call, 1, 'axes'));
};
const Squeeze1: Run = (call) => {
	const { axes } = attributesOf(call, { axes: [] });
	return squeezed(operand(call, 0), axes.length > 0 ? axes : undefined);
};

const unsqueezed = (x: Value, given: readonly number[]): Value => {
	const rank = x.shape.length + given.length;
	const axes = axesOf(given, rank);
	const rest = [...x.shape];
	return reshaped(
		x,
		range(rank).map((d) => (axes.includes(d) ? 1 : (rest.shift() as number))),
	);
};

/** Inserts axes of length 1 where the result has them; the axes are an input since opset 13. */
const Unsqueeze: Run = (call) => {
	attributesOf(call, {});
	return unsqueezed(operand(call, 0), integersAt(call, 1, 'axes') ?? malformed('Unsqueeze has no axes.'));
};
const Unsqueeze1: Run = (call) => {
	const { axes } = attributesOf(call, { axes: [] });
	return unsqueezed(operand(call, 0), axes);
};

/** The dimensions of x as a constant, x encrypted or not; start and end since opset 15. */
const ShapeOf: Run = (call) => {
	const rank = operand(call, 0).shape.length;
	const { start, end } = attributesOf(call, { start: 0, end: Number.MAX_SAFE_INTEGER });
	const dimensions = operand(call, 0).shape.slice(clamp(start, rank), clamp(end, rank));
	return constant([dimensions.length], Float64Array.from(dimensions), 'int');
};
const clamp = (index: number, length: number): number =>
	Math.max(0, Math.min(length, index < 0 ? index + length : index));

/** y[before, i..., after] = x[before, indices[i...], after] */
const Gather: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 0 });
	const x = operand(call, 0);
	const indices = constantOperand(call, 1, 'indices');
	const at = axisOf(axis, x.shape.length);
	const length = x.shape[at] as number;
	const wanted = indices.data.map((index) => (index < 0 ? index + length : index));
	if (wanted.some((index) => !Number.isInteger(index) || index < 0 || index >= length))
		return misshapen(`Gather takes elements that axis ${axis} of [${x.shape}] does not have.`);
	const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
	return moved(call, x, takeSource(x.shape, at, wanted), shape);
};

/** y = x_0, x_1, ... one after another along an axis. */
export const Concat: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 1 });
	const values = call.inputs.map((_, i) => operand(call, i));
	const first = operand(call, 0).shape;
	const at = axisOf(axis, first.length);
	const outline = (shape: Shape) => String(shape.with(at, -1));
	if (values.some(({ shape }) => shape.length !== first.length || outline(shape) !== outline(first)))
		return misshapen(`Shapes ${values.map(({ shape }) => `[${shape}]`).join(', ')} differ beside axis ${axis}.`);
	const total = values.reduce((sum, { shape }) => sum + (shape[at] as number), 0);
	const shape = first.with(at, total);
	const size = sizeOf(shape);
	checkSize(size * Math.max(1, values.filter(({ kind }) => kind === 'encrypted').length));
	const bias = new Float64Array(size);
	const inner = sizeOf(shape.slice(at + 1));
	let start = 0;
	const terms = values.flatMap((value) => {
		const block = (value.shape[at] as number) * inner;
		const source = value.kind === 'encrypted' ? new Int32Array(size).fill(-1) : undefined;
		for (let from = 0, to = start; to < size && block > 0; from += block, to += total * inner) {
			if (value.kind === 'constant') bias.set(value.data.subarray(from, from + block), to);
			else for (let i = 0; i < block; i++) (source as Int32Array)[to + i] = from + i;
		}
		start += block;
		return source === undefined ? [] : [{ value, matrix: selectionMatrix(source, sizeOf(value.shape)) }];
	});
	const joined = affineOf(call, terms, bias, shape);
	return { ...joined, type: operand(call, 0).type };
};

type Cut = { readonly axis: number; readonly start: number; readonly end: number; readonly step: number };

/** y[i] = x[start + i * step] on the axes that are cut. */
const sliced = (call: Call, cuts: readonly Cut[]): Value => {
	const x = operand(call, 0);
	const byAxis = new Map(cuts.map((cut) => [axisOf(cut.axis, x.shape.length), cut]));
	if (byAxis.size !== cuts.length) malformed('Slice cuts one axis twice.');
	const strides = stridesOf(x.shape);
	const axes = x.shape.map((length, d) => {
		const cut = byAxis.get(d);
		return { stride: strides[d] as number, indices: cut === undefined ? range(length) : indicesOf(cut, length) };
	});
	const shape = axes.map(({ indices }) => indices.length);
	return moved(call, x, crossSource(axes), shape);
};

/** Positions of start:end:step on an axis, out-of-range ends clamped as numpy does. */
const indicesOf = ({ start, end, step }: Cut, length: number): readonly number[] => {
	if (step === 0) return malformed('Slice has a step of 0.');
	const bound = (index: number) => {
		const positive = index < 0 ? index + length : index;
		return step > 0 ? Math.max(0, Math.min(length, positive)) : Math.max(-1, Math.min(length - 1, positive));
	};
	const first = bound(start);
	return range(Math.max(0, Math.ceil((bound(end) - first) / step)), first, step);
};

const cutsOf = (
	starts: readonly number[],
	ends: readonly number[],
	axes: readonly number[],
	steps: readonly number[],
) =>
	starts.length === ends.length && starts.length === axes.length && starts.length === steps.length
		? starts.map((start, i) => ({
				start,
				end: ends[i] as number,
				axis: axes[i] as number,
				step: steps[i] as number,
			}))
		: malformed('Slice has lists of different lengths.');

/** Opset 10 on: starts, ends, axes and steps are inputs. */
const Slice: Run = (call) => {
	attributesOf(call, {});
	const starts = integersAt(call, 1, 'starts') ?? malformed('Slice has no starts.');
	const ends = integersAt(call, 2, 'ends') ?? malformed('Slice has no ends.');
	const axes = integersAt(call, 3, 'axes') ?? range(starts.length);
	return sliced(call, cutsOf(starts, ends, axes, integersAt(call, 4, 'steps') ?? starts.map(() => 1)));
};
const Slice1: Run = (call) => {
	const { starts, ends, axes } = attributesOf(call, { starts: [], ends: [], axes: [] });
	const steps = starts.map(() => 1);
	return sliced(call, cutsOf(starts, ends, axes.length > 0 ? axes : range(starts.length), steps));
};

/** x broadcast to the given shape; broadcasting is mutual, so a 1 there keeps the operand's dimension. */
const Expand: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const wanted = integersAt(call, 1, 'shape') ?? malformed('Expand has no shape.');
	const shape = broadcastShape(x.shape, wanted) ?? misshapen(`[${x.shape}] does not expand to [${wanted}].`);
	if (wanted.some((d) => d < 0) || (x.kind === 'encrypted' && shape.includes(0)))
		return misshapen(`[${x.shape}] does not expand to [${wanted}].`);
	return moved(call, x, broadcastSource(x.shape, shape), shape);
};

/** What moves elements. */
export const MOVEMENTS: readonly Operator[] = [
	{ op: 'Concat', how: 'exact', note: '', versions: always(Concat) },
	{ op: 'Expand', how: 'exact', note: 'constant shape', versions: since([8, Expand]) },
	{ op: 'Flatten', how: 'exact', cost: NO_COST, note: '', versions: always(Flatten) },
	{ op: 'Gather', how: 'exact', note: 'constant indices', versions: always(Gather) },
	{ op: 'Identity', how: 'exact', cost: NO_COST, note: '', versions: always(Identity) },
	{ op: 'Reshape', how: 'exact', cost: NO_COST, note: 'constant shape', versions: always(Reshape) },
	{ op: 'Shape', how: 'constant', note: '', versions: always(ShapeOf) },
	{ op: 'Slice', how: 'exact', note: 'constant bounds', versions: since([6, Slice1], [10, Slice]) },
	{ op: 'Squeeze', how: 'exact', cost: NO_COST, note: '', versions: since([6, Squeeze1], [13, Squeeze]) },
	{ op: 'Transpose', how: 'exact', note: '', versions: always(Transpose) },
	{ op: 'Unsqueeze', how: 'exact', cost: NO_COST, note: '', versions: since([6, Unsqueeze1], [13, Unsqueeze]) },
];
