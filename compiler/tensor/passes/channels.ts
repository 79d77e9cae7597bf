import { clenshaw } from '../../numeric/chebyshev.ts';
import { type FitPoint, fit } from '../../numeric/fit.ts';
import { domainOf, functionOf, isDivisor } from '../activations.ts';
import { type ChebyshevSeries, type Node, sizeOf } from '../graph.ts';
import type { Interval } from '../ranges.ts';
import type { Frame } from './frame.ts';
import { MOST_GROWTH, MOST_SHIFT } from './lower-polynomials.ts';

/** Samples, and values of each channel, below which all channels share one polynomial. */
const LEAST_SAMPLES = 64;
const LEAST_VALUES = 256;
/** The values of all channels count in each like this many of its own. */
const SHARED_WEIGHT = 16;
/** Weight of an even grid beside the data, so that a polynomial stays near the function where few data are. */
export const GRID_WEIGHT = 0.02;
/** A channel's interval has this part of what was seen as a margin on both sides, and is at least LEAST_PART of the layer's wide. */
const OWN_MARGIN = 0.1;
const LEAST_PART = 0.25;
/** Leading coefficients within rounding of what `lower-polynomials` refuses are raised, to SAFETY times that. */
const EXCESS = 1 + 1e-9;
const SAFETY = 1.05;
const ROUNDS = 5;
/** Coefficients below this part of the interval of all channels are rounding errors: those of a dead channel are 0. */
const ROUNDING = 1e-12;
const BINS = 256;

/** One polynomial for each channel, and how far they are off on the data. */
export type ChannelFits = {
	readonly series: readonly ChebyshevSeries[];
	readonly inner: number;
	readonly maxError: number;
	readonly rmsError: number;
	/** The channel that is off by most (rms). */
	readonly worst: ChannelError;
};
export type ChannelError = { readonly channel: number; readonly interval: Interval; readonly rmsError: number };

/** Axis 1 counts channels: `count` of `inner` elements in a row. */
const channelsOf = ({ shape }: Node<'activation'>): { readonly count: number; readonly inner: number } => ({
	count: shape.length < 2 ? 1 : (shape[1] as number),
	inner: sizeOf(shape.slice(2)),
});

type Rows = readonly Float64Array[];

/**
 * A least-squares fit of degree `degree` to what reaches each channel, on an interval of its own; undefined where one
 * polynomial serves all: of what divides or is not defined everywhere, for single channels, and where data are few.
 * Degrees 2 and 2^k get a leading coefficient that `lower-polynomials` can divide by in every channel.
 */
export const fitChannels = (
	node: Node<'activation'>,
	operand: Rows,
	exact: Rows,
	whole: Frame,
	degree: number,
): ChannelFits | undefined => {
	const { count, inner } = channelsOf(node);
	const values = (operand.length * sizeOf(node.shape)) / count;
	if (count < 2 || isDivisor(node) || domainOf(node.fn) !== undefined) return undefined;
	if (operand.length < LEAST_SAMPLES || values < LEAST_VALUES) return undefined;
	const ranges = rangesOf([operand, exact], count, inner);
	const frames = ranges.map((range) => frameOf(range, whole, degree, operand.length));
	const counts = countsOf(operand, frames, inner);
	const layer = countsOf(operand, [whole], inner)[0] as Float64Array;
	const fn = functionOf(node);
	const series = frames.map((frame, c): ChebyshevSeries => {
		const own = withLayer(counts[c] as Float64Array, frame, layer, whole);
		const coefficients = fitTo(pointsOf(fn, own, frame), degree, frame);
		return { ...frame, coefficients: coefficients.map((v) => (Math.abs(v) < ROUNDING * whole.radius ? 0 : v)) };
	});
	if (!series.every(({ coefficients }) => coefficients.every(Number.isFinite))) return undefined;
	return { series, inner, ...errorsOf(fn, series, counts) };
};

/** Smallest and largest value of each channel. */
const rangesOf = (all: readonly Rows[], count: number, inner: number): readonly Interval[] => {
	const low = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
	const high = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
	for (const rows of all)
		for (const row of rows)
			row.forEach((v, e) => {
				const c = Math.floor(e / inner) % count;
				if (v < (low[c] as number)) low[c] = v;
				if (v > (high[c] as number)) high[c] = v;
			});
	return Array.from(low, (from, c) => [from, high[c] as number]);
};

/**
 * Where a channel is fitted: what was seen of it with a margin, and both ends moved by the part 2 (k - 1) / log2(samples)
 * of the way to those of the layer's interval, for a degree of k levels. Of thousands of inputs, some leave what hundreds
 * have shown of a channel, by much where it is mostly quiet, and there a polynomial of degree d grows like (2 t)^d: squares
 * may be fitted closely, and the highest degrees must hold wherever any channel goes.
 */
const frameOf = ([low, high]: Interval, whole: Frame, degree: number, samples: number): Frame => {
	const levels = Math.ceil(Math.log2(Math.max(2, degree)));
	const part = Math.min(1, (2 * (levels - 1)) / Math.log2(samples));
	const toward = (from: number, to: number): number => from + part * (to - from);
	const room = OWN_MARGIN * (high - low);
	const from = toward(low - room, Math.min(low - room, whole.center - whole.radius));
	const to = toward(high + room, Math.max(high + room, whole.center + whole.radius));
	return { center: (from + to) / 2, radius: Math.max((to - from) / 2, LEAST_PART * whole.radius) };
};

/** The middle of cell i of BINS, and the cell of t in [-1, 1]. */
const middle = (i: number): number => (2 * i + 1) / BINS - 1;
const cellOf = (t: number): number => Math.min(BINS - 1, Math.max(0, Math.floor(((t + 1) / 2) * BINS)));

/** How many values lie in each cell of the interval of their channel. */
const countsOf = (operand: Rows, frames: readonly Frame[], inner: number): readonly Float64Array[] => {
	const counts = frames.map(() => new Float64Array(BINS));
	for (const row of operand)
		row.forEach((v, e) => {
			const c = Math.floor(e / inner) % frames.length;
			const { center, radius } = frames[c] as Frame;
			const own = counts[c] as Float64Array;
			const cell = cellOf((v - center) / radius);
			own[cell] = (own[cell] as number) + 1;
		});
	return counts;
};

/** The counts of a channel, and those of the whole layer inside its interval, scaled to SHARED_WEIGHT in all. */
const withLayer = (own: Float64Array, frame: Frame, layer: Float64Array, whole: Frame): Float64Array => {
	const result = Float64Array.from(own);
	const inside = Array.from(layer, (n, i) => ({
		n,
		t: (whole.center + whole.radius * middle(i) - frame.center) / frame.radius,
	})).filter(({ t }) => Math.abs(t) <= 1);
	const total = inside.reduce((sum, { n }) => sum + n, 0);
	for (const { n, t } of inside)
		if (n > 0) result[cellOf(t)] = (result[cellOf(t)] as number) + (SHARED_WEIGHT * n) / total;
	return result;
};

const pointsOf = (fn: (x: number) => number, counts: Float64Array, { center, radius }: Frame): readonly FitPoint[] => {
	const total = counts.reduce((sum, n) => sum + n, 0);
	return Array.from(counts, (n, i) => {
		const x = center + radius * middle(i);
		return { x, y: fn(x), weight: ((1 - GRID_WEIGHT) * n) / total + GRID_WEIGHT / BINS };
	});
};

/**
 * The fit; of degree 2 and 2^k with a leading coefficient of at least what divides the others, and these fitted around it,
 * again while they grow by that. Cost: at most ROUNDS + 1 fits.
 */
const fitTo = (points: readonly FitPoint[], degree: number, { center, radius }: Frame): readonly number[] => {
	let c = fit(points, degree, center, radius);
	if (degree < 2 || !Number.isInteger(Math.log2(degree))) return c;
	for (let round = 0; round < ROUNDS && Math.abs(c[degree] as number) < EXCESS * leastLead(c, degree); round++) {
		const raised = SAFETY * leastLead(c, degree) * ((c[degree] as number) < 0 ? -1 : 1);
		const term = [...new Array<number>(degree).fill(0), raised];
		const rest = points.map(({ x, y, weight }) => ({ x, y: y - clenshaw(term, (x - center) / radius), weight }));
		c = [...fit(rest, degree - 1, center, radius), raised];
	}
	return c;
};

/** The leading coefficient below which `lower-polynomials` takes a level more. */
const leastLead = (c: readonly number[], degree: number): number =>
	degree === 2 ? Math.abs(c[1] ?? 0) / (4 * MOST_SHIFT) : Math.max(...c.slice(1).map(Math.abs)) / MOST_GROWTH;

/** Errors over the intervals (largest) and on the data (root mean square). */
const errorsOf = (
	fn: (x: number) => number,
	series: readonly ChebyshevSeries[],
	counts: readonly Float64Array[],
): Pick<ChannelFits, 'maxError' | 'rmsError' | 'worst'> => {
	let [maxError, squares, total] = [0, 0, 0];
	let worst: ChannelError = { channel: 0, interval: [0, 0], rmsError: -1 };
	series.forEach(({ center, radius, coefficients }, channel) => {
		let [own, count] = [0, 0];
		(counts[channel] as Float64Array).forEach((n, i) => {
			const error = Math.abs(fn(center + radius * middle(i)) - clenshaw(coefficients, middle(i)));
			maxError = Math.max(maxError, error);
			own += n * error ** 2;
			count += n;
		});
		const rmsError = Math.sqrt(own / count);
		if (rmsError > worst.rmsError) worst = { channel, interval: [center - radius, center + radius], rmsError };
		squares += own;
		total += count;
	});
	return { maxError, rmsError: Math.sqrt(squares / total), worst };
};
