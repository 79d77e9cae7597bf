import { sizeOf } from '../../tensor/graph.ts';
import { crossSource, range, selectionMatrix, stridesOf } from '../../tensor/maps/selection.ts';
import { attributesOf, axisOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { affineOf, malformed, misshapen, moved, type Value } from '../value.ts';
import { type Operator, since } from './table.ts';

/** How each mode finds the element that stands at position i beside an axis of that length; undefined is the constant value. */
type Outside = (i: number, length: number) => number | undefined;
const OUTSIDE: ReadonlyMap<string, Outside> = new Map<string, Outside>([
	['constant', () => undefined],
	['edge', (i, length) => Math.max(0, Math.min(length - 1, i))],
	['reflect', (i, length) => (i < 0 ? -i : 2 * (length - 1) - i)],
	['wrap', (i, length) => (i < 0 ? i + length : i - length)],
]);

/** Distinct axes of x. */
const axesIn = (x: Value, given: readonly number[] | undefined): readonly number[] => {
	const rank = x.shape.length;
	const axes = (given ?? range(rank)).map((axis) => axisOf(axis, rank));
	return new Set(axes).size === axes.length ? axes : malformed(`The axes [${axes}] name one twice.`);
};

/** How much an axis grows at its ends; it shrinks where that is negative. */
type Margin = { readonly before: number; readonly after: number };

/** x with every axis extended or shortened at its ends; what shortens it is cut off before the rest is extended. */
const extended = (call: Call, margins: readonly Margin[], outside: Outside, value: number): Value => {
	const x = operand(call, 0);
	const strides = stridesOf(x.shape);
	const lists = x.shape.map((length, d) => {
		const { before, after } = margins[d] as Margin;
		const [first, end] = [Math.max(0, -before), length - Math.max(0, -after)];
		const inside = end - first;
		const added = Math.max(0, before) + Math.max(0, after);
		if (inside < 0 || (inside === 0 && added > 0)) misshapen(`${call.node.op} cuts away axis ${d} of [${x.shape}].`);
		return range(inside + added, -Math.max(0, before)).map((i) => {
			if (i >= 0 && i < inside) return first + i;
			const at = outside(i, inside);
			if (at === undefined) return -1;
			if (at < 0 || at >= inside) misshapen(`${call.node.op} reaches further than [${x.shape}] goes on in its mode.`);
			return first + at;
		});
	});
	const source = crossSource(lists.map((indices, d) => ({ stride: strides[d] as number, indices })));
	const shape = lists.map(({ length }) => length);
	if (value === 0) return moved(call, x, source, shape);
	const bias = Float64Array.from(source, (from) => (from < 0 ? value : 0));
	const result = affineOf(call, [{ value: x, matrix: selectionMatrix(source, sizeOf(x.shape)) }], bias, shape);
	return { ...result, type: x.type };
};

/** All that comes before the axes, then all that comes after them. */
const padded = (
	call: Call,
	mode: string,
	pads: readonly number[],
	given: readonly number[] | undefined,
	value: number,
): Value => {
	const x = operand(call, 0);
	const axes = axesIn(x, given);
	const outside = OUTSIDE.get(mode) ?? malformed(`Pad has the mode '${mode}'.`);
	if (pads.length !== 2 * axes.length) misshapen(`Pad has ${pads.length} pads for ${axes.length} axes.`);
	const margins = x.shape.map((_, d) => {
		const at = axes.indexOf(d);
		return at < 0 ? { before: 0, after: 0 } : { before: pads[at] ?? 0, after: pads[at + axes.length] ?? 0 };
	});
	return extended(call, margins, outside, mode === 'constant' ? value : 0);
};

/** Opset 11 on: pads, value and (since 18) axes are inputs. */
const Pad: Run = (call) => {
	const { mode } = attributesOf(call, { mode: 'constant' });
	const pads = integersAt(call, 1, 'pads') ?? malformed('Pad has no pads.');
	const value = call.inputs[2] === undefined ? 0 : (constantOperand(call, 2, 'value').data[0] ?? 0);
	return padded(call, mode, pads, integersAt(call, 3, 'axes'), value);
};
const Pad2: Run = (call) => {
	const { mode, pads, value } = attributesOf(call, { mode: 'constant', pads: [], value: 0 });
	return padded(call, mode, pads, undefined, value);
};

/** x in the middle of zeros, or the middle of x, on each axis; an odd one is added at the end, and cut off there. */
const CenterCropPad: Run = (call) => {
	const x = operand(call, 0);
	const { axes: given } = attributesOf(call, { axes: [] });
	const axes = axesIn(x, given.length > 0 ? given : undefined);
	const lengths = integersAt(call, 1, 'shape') ?? malformed('CenterCropPad has no shape.');
	if (lengths.length !== axes.length || lengths.some((length) => length < 0))
		return misshapen(`CenterCropPad makes [${lengths}] of the axes [${axes}].`);
	const margins = x.shape.map((length, d) => {
		const growth = (lengths[axes.indexOf(d)] ?? length) - length;
		const before = Math.trunc(growth / 2);
		return { before, after: growth - before };
	});
	return extended(call, margins, () => undefined, 0);
};

/** What extends axes at their ends. */
export const PADDING: readonly Operator[] = [
	{ op: 'CenterCropPad', how: 'exact', note: 'constant shape', versions: since([18, CenterCropPad]) },
	{ op: 'Pad', how: 'exact', note: 'constant pads', versions: since([6, Pad2], [11, Pad]) },
];
