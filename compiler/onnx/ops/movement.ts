import { type Shape, sizeOf } from '../../tensor/graph.ts';
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

/** y = x */
export const Identity: Run = (call) => {
	attributesOf(call, {});
	return operand(call, 0);
};

/** [d_0 ... d_(axis-1), d_axis ...] as a matrix. */
export const Flatten: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 1 });
	const x = operand(call, 0);
	const split = axis === x.shape.length ? axis : axisOf(axis, Math.max(1, x.shape.length));
	return reshaped(x, [sizeOf(x.shape.slice(0, split)), sizeOf(x.shape.slice(split))]);
};

/** The shape comes as a constant input; 0 keeps a dimension unless allowzero, -1 is inferred. */
export const Reshape: Run = (call) => {
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
export const Transpose: Run = (call) => {
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
export const Squeeze: Run = (call) => {
	attributesOf(call, {});
	return squeezed(operand(call, 0), integersAt(call, 1, 'axes'));
};
export const Squeeze1: Run = (call) => {
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
export const Unsqueeze: Run = (call) => {
	attributesOf(call, {});
	return unsqueezed(operand(call, 0), integersAt(call, 1, 'axes') ?? malformed('Unsqueeze has no axes.'));
};
export const Unsqueeze1: Run = (call) => {
	const { axes } = attributesOf(call, { axes: [] });
	return unsqueezed(operand(call, 0), axes);
};

/** The dimensions of x as a constant, x encrypted or not; start and end since opset 15. */
export const ShapeOf: Run = (call) => {
	const rank = operand(call, 0).shape.length;
	const { start, end } = attributesOf(call, { start: 0, end: Number.MAX_SAFE_INTEGER });
	const dimensions = operand(call, 0).shape.slice(clamp(start, rank), clamp(end, rank));
	return constant([dimensions.length], Float64Array.from(dimensions), 'int');
};
const clamp = (index: number, length: number): number =>
	Math.max(0, Math.min(length, index < 0 ? index + length : index));

/** y[before, i..., after] = x[before, indices[i...], after] */
export const Gather: Run = (call) => {
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
	let start = 0;
	const terms = values.map((value) => {
		const length = value.shape[at] as number;
		const from = start;
		start += length;
		const indices = range(total).map((i) => (i >= from && i < from + length ? i - from : -1));
		return { value, matrix: selectionMatrix(takeSource(value.shape, at, indices), sizeOf(value.shape)) };
	});
	const joined = affineOf(call, terms, new Float64Array(sizeOf(shape)), shape);
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
	if (shape.includes(0) && x.kind === 'encrypted') misshapen(`Slice leaves nothing of [${x.shape}].`);
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
export const Slice: Run = (call) => {
	attributesOf(call, {});
	const starts = integersAt(call, 1, 'starts') ?? malformed('Slice has no starts.');
	const ends = integersAt(call, 2, 'ends') ?? malformed('Slice has no ends.');
	const axes = integersAt(call, 3, 'axes') ?? range(starts.length);
	return sliced(call, cutsOf(starts, ends, axes, integersAt(call, 4, 'steps') ?? starts.map(() => 1)));
};
export const Slice1: Run = (call) => {
	const { starts, ends, axes } = attributesOf(call, { starts: [], ends: [], axes: [] });
	const steps = starts.map(() => 1);
	return sliced(call, cutsOf(starts, ends, axes.length > 0 ? axes : range(starts.length), steps));
};

/** How each mode finds the element of an axis that stands at position i, which may lie outside; -1 is the constant value. */
type Outside = (i: number, length: number) => number;
const OUTSIDE: ReadonlyMap<string, Outside> = new Map<string, Outside>([
	['constant', () => -1],
	['edge', (i, length) => Math.max(0, Math.min(length - 1, i))],
	['reflect', (i, length) => (i < 0 ? -i : 2 * (length - 1) - i)],
	['wrap', (i, length) => ((i % length) + length) % length],
]);

/** x with every axis extended before and after, or shortened where the padding is negative. */
const padded = (
	call: Call,
	mode: string,
	pads: readonly number[],
	given: readonly number[] | undefined,
	value: number,
) => {
	const x = operand(call, 0);
	const rank = x.shape.length;
	const axes = (given ?? range(rank)).map((axis) => axisOf(axis, rank));
	const outside = OUTSIDE.get(mode) ?? malformed(`Pad has the mode '${mode}'.`);
	if (pads.length !== 2 * axes.length) misshapen(`Pad has ${pads.length} pads for ${axes.length} axes.`);
	const strides = stridesOf(x.shape);
	const lists = x.shape.map((length, d) => {
		const at = axes.indexOf(d);
		const before = pads[at] ?? 0;
		const after = pads[at + axes.length] ?? 0;
		const count = at < 0 ? length : length + before + after;
		if (count < 1) misshapen(`Pad leaves nothing of axis ${d} of [${x.shape}].`);
		const start = at < 0 ? 0 : -before;
		return range(count, start).map((i) => (i >= 0 && i < length ? i : outside(i, length)));
	});
	if (mode !== 'constant' && lists.some((list, d) => list.some((i) => i < 0 || i >= (x.shape[d] as number))))
		misshapen(`Pad by [${pads}] reaches further than [${x.shape}] in mode '${mode}'.`);
	const source = crossSource(lists.map((indices, d) => ({ stride: strides[d] as number, indices })));
	const shape = lists.map(({ length }) => length);
	if (value === 0) return moved(call, x, source, shape);
	const bias = Float64Array.from(source, (from) => (from < 0 ? value : 0));
	const result = affineOf(call, [{ value: x, matrix: selectionMatrix(source, sizeOf(x.shape)) }], bias, shape);
	return { ...result, type: x.type };
};

/** Opset 11 on: pads, value and (since 18) axes are inputs. */
export const Pad: Run = (call) => {
	const { mode } = attributesOf(call, { mode: 'constant' });
	const pads = integersAt(call, 1, 'pads') ?? malformed('Pad has no pads.');
	const value = call.inputs[2] === undefined ? 0 : (constantOperand(call, 2, 'value').data[0] ?? 0);
	return padded(call, mode, pads, integersAt(call, 3, 'axes'), mode === 'constant' ? value : 0);
};
export const Pad2: Run = (call) => {
	const { mode, pads, value } = attributesOf(call, { mode: 'constant', pads: [], value: 0 });
	return padded(call, mode, pads, undefined, mode === 'constant' ? value : 0);
};

/** x broadcast to the given shape; broadcasting is mutual, so a 1 there keeps the operand's dimension. */
export const Expand: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const wanted = integersAt(call, 1, 'shape') ?? malformed('Expand has no shape.');
	const shape = broadcastShape(x.shape, wanted) ?? misshapen(`[${x.shape}] does not expand to [${wanted}].`);
	return moved(call, x, broadcastSource(x.shape, shape), shape);
};
