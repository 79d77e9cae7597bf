import { functionOf } from '../activations.ts';
import { type Node, sizeOf } from '../graph.ts';
import type { Frame } from '../passes/frame.ts';

/** One row-major array for each sample. */
export type Rows = readonly Float64Array[];

/** Windows and elements by channels: that of window i is floor(i / inner) % channels, of element j floor(j / innerOfX) % channels. */
export type Layout = { readonly channels: number; readonly inner: number; readonly innerOfX: number };

/** The windows of one channel as a fit sees them, all arrays by observation. */
export type Observed = {
	/** T_k of the mean of t, and the mean of T_k(t), by k from 0. */
	readonly means: readonly Float64Array[];
	readonly powers: readonly Float64Array[];
	readonly target: Float64Array;
	readonly weight: Float64Array;
	/** How many windows of the channel there are in all samples. */
	readonly windows: number;
	/** How many of the observations, the first ones, are of the data; the others are made of them. */
	readonly real: number;
};

/** Windows that are seen stretched by this about the middle of the values as well: what comes later may reach farther. */
const STRETCH = 1.3;
/** One of so many windows, those that reach farthest, is stretched, for this part of all weight. */
const STRETCHED = 16;
const STRETCHED_WEIGHT = 0.005;
/** A channel's frame is no narrower than this part of the widest: what hardly moves on the data may do so elsewhere. */
const NARROWEST = 0.25;
const LEAST_RADIUS = 1e-6;

/** Channels are axis 1 of what has spatial axes behind it, where windows stay inside of them; else there is one. */
export const layoutOf = ({ shape, windows: { start, members } }: Node<'pooled'>, size: number): Layout => {
	const [batch = 1, channels = 1] = shape;
	const inner = sizeOf(shape.slice(2));
	const innerOfX = size / (batch * channels);
	const isInside = (i: number): boolean =>
		members
			.subarray(start[i], start[i + 1])
			.every((j) => Math.floor(j / innerOfX) % channels === Math.floor(i / inner) % channels);
	let i = 0;
	while (i < start.length - 1 && isInside(i)) i++;
	return shape.length > 2 && Number.isInteger(innerOfX) && i === start.length - 1
		? { channels, inner, innerOfX }
		: { channels: 1, inner: sizeOf(shape), innerOfX: size };
};

/** The windows of every channel. */
export const windowsOf = (node: Node<'pooled'>, { channels, inner }: Layout): readonly (readonly number[])[] => {
	const lists = Array.from({ length: channels }, (): number[] => []);
	for (let i = 0; i < node.windows.start.length - 1; i++) lists[Math.floor(i / inner) % channels]?.push(i);
	return lists;
};

/** Frames that hold the values in the windows of every channel, stretched ones as well. */
export const framesOf = (node: Node<'pooled'>, operand: Rows, layout: Layout): readonly Frame[] => {
	const intervals = windowsOf(node, layout).map((list) => intervalOf(node, operand, list));
	const widest = intervals.reduce((most, [low, high]) => Math.max(most, high - low), 0);
	return intervals.map(([low, high]) => {
		// Of values that overflow there is no polynomial, but the search for others goes on.
		if (!Number.isFinite(high - low)) return { center: 0, radius: 1 };
		const center = (low + high) / 2;
		const width = Math.max(high - low, NARROWEST * widest, LEAST_RADIUS * Math.max(1, Math.abs(center)));
		return { center, radius: (STRETCH * width) / 2 };
	});
};

const intervalOf = ({ windows }: Node<'pooled'>, operand: Rows, list: readonly number[]): readonly [number, number] => {
	let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	const { start, members } = windows;
	for (const row of operand)
		for (const i of list)
			for (let k = start[i] as number; k < (start[i + 1] as number); k++) {
				const value = row[members[k] as number] as number;
				if (value < low) low = value;
				if (value > high) high = value;
			}
	return [low, high];
};

/** Part of a turn that leaves the most room between any number of steps: no period of an image falls in with it. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** At most `most` of the channel's windows over all samples, and some of them stretched. T_k up to `degree`. Cost: most * window * degree. */
export const observe = (
	node: Node<'pooled'>,
	data: { readonly operand: Rows; readonly target: Rows },
	list: readonly number[],
	frame: Frame,
	{ most, degree }: { readonly most: number; readonly degree: number },
): Observed => {
	const total = data.operand.length * list.length;
	const real = Math.min(most, total);
	const stretched = Math.ceil(real / STRETCHED);
	const columns = () => Array.from({ length: degree + 1 }, () => new Float64Array(real + stretched));
	const [means, powers] = [columns(), columns()];
	const target = new Float64Array(real + stretched);
	const weight = new Float64Array(real + stretched).fill(1);
	const fn = node.fn === undefined ? (x: number) => x : functionOf({ ...node, fn: node.fn });
	const places = Array.from({ length: real }, (_, s) => (total <= most ? s : Math.floor(((s * GOLDEN) % 1) * total)));
	const add = (place: number, s: number, factor: number): Extent => {
		const row = data.operand[Math.floor(place / list.length)] as Float64Array;
		return addWindow(node, row, list[place % list.length] as number, { frame, factor, means, powers, s });
	};
	const extents = places.map((place, s) => add(place, s, 1));
	places.forEach((place, s) => {
		target[s] = data.target[Math.floor(place / list.length)]?.[list[place % list.length] as number] as number;
	});
	const farthest = [...extents.keys()].sort((a, b) => reachOf(extents[b]) - reachOf(extents[a]));
	farthest.slice(0, stretched).forEach((from, k) => {
		const { largest } = add(places[from] as number, real + k, STRETCH);
		target[real + k] = fn(frame.center + frame.radius * STRETCH * largest);
		weight[real + k] = (STRETCHED_WEIGHT * real) / stretched;
	});
	return { means, powers, target, weight, windows: total, real };
};

/** The largest t of a window, and the smallest. */
type Extent = { readonly largest: number; readonly smallest: number };
const reachOf = (extent: Extent | undefined): number =>
	extent === undefined ? 0 : Math.max(extent.largest, -extent.smallest);

type Columns = {
	readonly frame: Frame;
	readonly means: readonly Float64Array[];
	readonly powers: readonly Float64Array[];
	/** The observation, and what the values are multiplied by. */
	readonly s: number;
	readonly factor: number;
};

/** Writes what is known of one window, its values times `factor`; gives its extent before that. */
const addWindow = (
	{ windows: { start, members } }: Node<'pooled'>,
	row: Float64Array,
	window: number,
	{ frame: { center, radius }, factor, means, powers, s }: Columns,
): Extent => {
	const [from, to] = [start[window] as number, start[window + 1] as number];
	let [mean, largest, smallest] = [0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
	for (let k = from; k < to; k++) {
		const t = ((row[members[k] as number] as number) - center) / radius;
		largest = Math.max(largest, t);
		smallest = Math.min(smallest, t);
		mean += (factor * t) / (to - from);
		addBasis(powers, s, factor * t, 1 / (to - from));
	}
	addBasis(means, s, mean, 1);
	return { largest, smallest };
};

/** columns[k][s] += weight T_k(t). */
const addBasis = (columns: readonly Float64Array[], s: number, t: number, weight: number): void => {
	let [before, value] = [t, 1];
	for (const column of columns) {
		column[s] = (column[s] as number) + weight * value;
		[before, value] = [value, 2 * t * value - before];
	}
};
