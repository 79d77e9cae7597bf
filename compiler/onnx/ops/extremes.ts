import { largestOf } from '../../tensor/evaluate.ts';
import { type Shape, sizeOf, type Windows } from '../../tensor/graph.ts';
import { range } from '../../tensor/maps/selection.ts';
import { averagePool } from '../../tensor/maps/spatial.ts';
import { tapCount, type Window, windowsIn } from '../../tensor/maps/window.ts';
import type { Groups } from '../../tensor/tournament.ts';
import { averaged, broadcast, commonShape, computed, MOST_FLOAT } from '../algebra.ts';
import { attributesOf, type Call, operand, type Run } from '../call.ts';
import { checkedRounds, type Extreme, extremeAlong, extremeOf } from '../tournament.ts';
import { affineOf, type Constant, malformed, misshapen, moved, reshaped, unsupported, type Value } from '../value.ts';
import { slidingWindow, spatialAxes, WINDOW } from './pooling.ts';
import { type Along, asLines, linesAlong, reduction } from './reduction.ts';
import { always, type Operator } from './table.ts';

/** y = the largest of x_0, x_1, ... with broadcasting, or the smallest; constants meet first. */
const extreme =
	(which: Extreme): Run =>
	(call) => {
		attributesOf(call, {});
		const values = call.inputs.map((_, i) => operand(call, i));
		const shape = values.reduce<Shape>((shape, value) => commonShape({ shape }, value), []);
		const encrypted = values.filter((value) => value.kind === 'encrypted');
		const [first, ...others] = values.filter((value) => value.kind === 'constant');
		const better = which === 'largest' ? Math.max : Math.min;
		const bound = first && others.reduce<Constant>((best, value) => computed(best, value, better), first);
		const isLimit = bound !== undefined && (encrypted.length === 0 || limits(call, bound, which));
		const met = extremeOf(call, isLimit ? [...encrypted, bound] : encrypted, which);
		return broadcast(call, met ?? operand(call, 0), shape);
	};

/**
 * Whether a bound says anything: exporters write minus infinity or the lowest float32 where the largest has none.
 * Errors: 'unsupported' when it does for some elements only.
 */
const limits = ({ node }: Call, { data }: Constant, which: Extreme): boolean => {
	const none = data.filter((value) => (which === 'largest' ? -value : value) > MOST_FLOAT).length;
	return none === 0 || none === data.length
		? none === 0
		: unsupported(
				`${node.op} compares some elements with no bound at all.`,
				'Give every element a bound of the size of the values.',
			);
};

const Max = extreme('largest');
const Min = extreme('smallest');

/** y = the largest element of x along the axes, or the smallest. */
const reduced =
	(which: Extreme): Along =>
	(site, x, axes, keepDims) => {
		if (axes.length === 0) return x;
		const { length, shape } = linesAlong(x, axes, keepDims);
		if (length === 0) return misshapen(`There is no element to choose in [${x.shape}] along [${axes}].`);
		return reshaped(extremeAlong(site, asLines(site, x, axes), 1, [range(length)], which), shape);
	};

/** The cells of an axis of the input that each place of a window along it covers; padding is left out. */
const tapsAlong = (window: Window, axis: number): Groups => {
	const at = (list: readonly number[]): number => list[axis] as number;
	const { input, output, kernel, strides, dilations, before } = window;
	return range(at(output)).map((place) =>
		range(at(kernel), place * at(strides) - at(before), at(dilations)).filter((cell) => cell >= 0 && cell < at(input)),
	);
};

/** Cells in all windows together up to which a pooling is one node. */
const MOST_AT_ONCE = 2 ** 20;

/** y[n, c, p] = the largest x[n, c] in the window at p, without the padding; windows of very many cells by one axis after another. */
const largestIn = (call: Call, x: Value, window: Window): Value => {
	const { input, output } = window;
	const taps = input.map((_, d) => tapsAlong(window, d));
	if (taps.some((places) => places.some((cells) => cells.length === 0)))
		return misshapen(`${call.node.op} has a window that lies in the padding as a whole.`);
	const lead = x.shape.slice(0, 2);
	if (sizeOf(lead) * tapCount(window) > MOST_AT_ONCE)
		return taps.reduceRight((y, places, d) => extremeAlong(call, y, lead.length + d, places, 'largest'), x);
	return largestOver(call, x, windowsIn(sizeOf(lead), window), [...lead, ...output]);
};

/** y[i] = the largest x[j] of the members j of window i: one node, or a movement where every window has one. */
const largestOver = (call: Call, x: Value, windows: Windows, shape: Shape): Value => {
	if (x.kind === 'constant') return { ...x, data: largestOf(windows, x.data), shape };
	const { start, members } = windows;
	if (members.length === sizeOf(shape)) return moved(call, x, members, shape);
	let most = 0;
	for (let i = 1; i < start.length; i++) most = Math.max(most, (start[i] as number) - (start[i - 1] as number));
	checkedRounds(Math.ceil(Math.log2(most)));
	const id = call.builder.add({ kind: 'pooled', x: x.id, windows, shape, origin: call.origin });
	return { kind: 'encrypted', id, shape, type: x.type };
};

/** y[n, c, p] = the largest x[n, c] in the window at p, or the mean when that is asked for; storage_order is about indices, which are not computed. */
const MaxPool: Run = (call) => {
	const { storage_order, ...sliding } = attributesOf(call, { ...WINDOW, storage_order: 0 });
	const x = operand(call, 0);
	if (storage_order !== 0 && storage_order !== 1) return malformed(`MaxPool has storage_order = ${storage_order}.`);
	const window = slidingWindow(call, x, sliding);
	if (call.maxpool !== 'average' || x.kind === 'constant') return largestIn(call, x, window);
	warnReplaced(call);
	const lead = x.shape.slice(0, 2);
	const shape = [...lead, ...window.output];
	const matrix = averagePool(lead, window, false);
	return affineOf(call, [{ value: x, matrix }], new Float64Array(sizeOf(shape)), shape);
};

/** y[n, c] = the largest element of x[n, c] over all spatial axes, which keep length 1, or the mean when that is asked for. */
const GlobalMaxPool: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const axes = spatialAxes(call, x);
	if (call.maxpool !== 'average' || x.kind === 'constant') return largestOfAll(call, x, axes);
	warnReplaced(call);
	return averaged(call, x, axes, true);
};

/** One window for each image, of the axes behind batch and channels. */
const largestOfAll = (call: Call, x: Value, axes: readonly number[]): Value => {
	const { length, shape } = linesAlong(x, axes, true);
	if (length === 0 || sizeOf(x.shape) > MOST_AT_ONCE) return reduced('largest')(call, x, axes, true);
	const start = Int32Array.from({ length: sizeOf(shape) + 1 }, (_, i) => i * length);
	return largestOver(call, x, { start, members: Int32Array.from({ length: sizeOf(x.shape) }, (_, j) => j) }, shape);
};

const warnReplaced = ({ node, warn }: Call): void =>
	warn(`${node.op} is replaced by the mean over the same elements, as asked for: this is another model`);

/** What a comparison is made of, for the table. */
const ROUNDS = 'a fitted polynomial, ceil(log2 k) times in a row for k values';

const REPLACED = 'or a mean, with --maxpool average';

/** The largest or smallest of several values. */
export const EXTREMES: readonly Operator[] = [
	{ op: 'GlobalMaxPool', how: 'approximate', cost: ROUNDS, note: REPLACED, versions: always(GlobalMaxPool) },
	{ op: 'Max', how: 'approximate', cost: ROUNDS, note: '', versions: always(Max) },
	{ op: 'MaxPool', how: 'approximate', cost: ROUNDS, note: REPLACED, versions: always(MaxPool) },
	{ op: 'Min', how: 'approximate', cost: ROUNDS, note: '', versions: always(Min) },
	{
		op: 'ReduceMax',
		how: 'approximate',
		cost: ROUNDS,
		note: 'constant axes',
		versions: reduction(18, reduced('largest')),
	},
	{
		op: 'ReduceMin',
		how: 'approximate',
		cost: ROUNDS,
		note: 'constant axes',
		versions: reduction(18, reduced('smallest')),
	},
];
