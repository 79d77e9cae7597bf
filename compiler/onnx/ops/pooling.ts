import { sizeOf } from '../../tensor/graph.ts';
import { range } from '../../tensor/maps/selection.ts';
import { averagePool, sumPool } from '../../tensor/maps/spatial.ts';
import { type Window, windowOf } from '../../tensor/maps/window.ts';
import { activated, averaged, power, summed } from '../algebra.ts';
import { attributesOf, type Call, operand, type Run } from '../call.ts';
import { affineOf, misshapen, type Site, unsupported, type Value } from '../value.ts';
import { always, type Operator } from './table.ts';

/** The attributes of what slides a window over the spatial axes. */
export const WINDOW = {
	auto_pad: 'NOTSET',
	ceil_mode: 0,
	dilations: [],
	kernel_shape: [],
	pads: [],
	strides: [],
} as const;
type Sliding = Readonly<Record<'dilations' | 'kernel_shape' | 'pads' | 'strides', readonly number[]>> & {
	readonly auto_pad: string;
	readonly ceil_mode: number;
};

/** The axes behind batch and channels. Errors: 'shape' when there are none. */
export const spatialAxes = (call: Call, { shape }: Value): readonly number[] =>
	shape.length > 2
		? range(shape.length - 2, 2)
		: misshapen(`${call.node.op} needs spatial axes; the input is [${shape}].`);

/** The window that the attributes of a pooling describe. Errors: those of windowOf, 'shape' without spatial axes. */
export const slidingWindow = (
	call: Call,
	x: Value,
	{ auto_pad, ceil_mode, dilations, kernel_shape, pads, strides }: Sliding,
): Window =>
	windowOf({
		input: spatialAxes(call, x).map((axis) => x.shape[axis] as number),
		kernel: kernel_shape,
		strides,
		dilations,
		autoPad: auto_pad,
		pads,
		ceilMode: ceil_mode !== 0,
	});

/** y[n, c, p] = mean of x[n, c] over the window at p; padding counts only with count_include_pad. */
const AveragePool: Run = (call) => {
	const { count_include_pad, ...sliding } = attributesOf(call, { ...WINDOW, count_include_pad: 0 });
	const x = operand(call, 0);
	const lead = x.shape.slice(0, 2);
	const window = slidingWindow(call, x, sliding);
	const shape = [...lead, ...window.output];
	const matrix = averagePool(lead, window, count_include_pad !== 0);
	return affineOf(call, [{ value: x, matrix }], new Float64Array(sizeOf(shape)), shape);
};

/** y[n, c] = mean of x[n, c] over all spatial axes, which keep length 1. */
const GlobalAveragePool: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	return averaged(call, x, spatialAxes(call, x), true);
};

/** y = (sum of |x| ^ p) ^ (1 / p), where `total` makes the sum: |x| ^ p is a product for an even p. */
const norm = (site: Site, x: Value, p: number, total: (powers: Value) => Value): Value => {
	if (!Number.isInteger(p) || p < 1 || p > MAX_NORM)
		return unsupported(`The norm with p = ${p} is not compiled.`, `Use p = 2, or another integer up to ${MAX_NORM}.`);
	const sum = total(power(site, p % 2 === 0 ? x : activated(site, x, 'abs'), p));
	if (p === 1) return sum;
	return p === 2 ? activated(site, sum, 'sqrt') : activated(site, sum, 'power', [1 / p]);
};
const MAX_NORM = 16;

/** y[n, c, p] = the norm of x[n, c] over the window at p. */
const LpPool: Run = (call) => {
	const { p, ...sliding } = attributesOf(call, { ...WINDOW, p: 2 });
	const x = operand(call, 0);
	const lead = x.shape.slice(0, 2);
	const window = slidingWindow(call, x, sliding);
	const shape = [...lead, ...window.output];
	return norm(call, x, p, (powers) =>
		affineOf(call, [{ value: powers, matrix: sumPool(lead, window) }], new Float64Array(sizeOf(shape)), shape),
	);
};

/** y[n, c] = the norm of x[n, c] over all spatial axes, which keep length 1. */
const GlobalLpPool: Run = (call) => {
	const { p } = attributesOf(call, { p: 2 });
	const x = operand(call, 0);
	return norm(call, x, p, (powers) => summed(call, powers, spatialAxes(call, x), true));
};

/** Pooling by sums. */
export const POOLING: readonly Operator[] = [
	{ op: 'AveragePool', how: 'exact', note: '', versions: always(AveragePool) },
	{ op: 'GlobalAveragePool', how: 'exact', note: '', versions: always(GlobalAveragePool) },
	{ op: 'GlobalLpPool', how: 'approximate', note: 'integer p', versions: always(GlobalLpPool) },
	{ op: 'LpPool', how: 'approximate', note: 'integer p', versions: always(LpPool) },
];
