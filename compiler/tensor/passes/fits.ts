import { CompileError } from '../../errors.ts';
import { clenshaw, degreeOf, trim } from '../../numeric/chebyshev.ts';
import { fit, minimax } from '../../numeric/fit.ts';
import { remez } from '../../numeric/remez.ts';
import { domainOf, functionOf, isDivisor } from '../activations.ts';
import type { Activation, ChebyshevSeries, Node } from '../graph.ts';
import type { Interval } from '../ranges.ts';
import { type ChannelError, type ChannelFits, fitChannels, GRID_WEIGHT } from './channels.ts';
import { domainIssue, type Frame, frame, MARGIN, tooWide } from './frame.ts';

/** One activation and the polynomial that replaces it. */
export type ActivationFit = {
	readonly origin: string;
	readonly fn: Activation;
	readonly degree: number;
	readonly interval: Interval;
	readonly source: 'calibration' | 'propagated';
	/** Largest error over the interval. */
	readonly maxError: number;
	/** Root mean square error over the calibration values, or over the interval when there are none. */
	readonly rmsError: number;
	/** Polynomials: one for each channel, or 1 for all. */
	readonly channels: number;
	/** The channel with the largest error, where each has a polynomial. */
	readonly worst?: ChannelError;
	/** How many values of the operand lie in each of 64 equal parts of the interval; none without calibration. */
	readonly histogram: readonly number[];
	/** The operand's values below which 0.001, 0.01, 0.5, 0.99 and 0.999 of them lie, to 1/1024 of the interval; none without calibration. */
	readonly quantiles: readonly number[];
	/** What the operand can be at most by interval arithmetic: the second, safe range. */
	readonly bounds?: Interval;
	/** Points of a plot over the interval: [x, function, polynomial]; where channels differ, of the one fitted to all. */
	readonly curve: readonly (readonly [x: number, exact: number, polynomial: number])[];
};

export type Fitted = {
	/** One polynomial for each channel of `inner` elements in a row, or one for all. */
	readonly series: readonly ChebyshevSeries[];
	readonly inner: number;
	readonly fit: ActivationFit;
	/** Of a divisor: errors in units of its value, root mean square and largest. */
	readonly relative?: { readonly rms: number; readonly max: number };
};

/** Degrees that are tried: 2^k and 2^k - 1, the most for their depth with and without a layer after (see lower-polynomials). */
const DEGREES = [2, 3, 4, 7, 8, 15, 16, 31];
export const LARGEST_DEGREE = 31;
/** The same for divisors, whose values may range over powers of ten, and where an accuracy is asked for. */
const FINE_DEGREES = [...DEGREES, 32, 63];
/** Where an error is asked for: roots, |x| and their like are off by 0.14 to 0.28 of their range divided by the degree where they turn. */
const ASKED_DEGREES = [...FINE_DEGREES, 127, 255, 511];
/** From this degree on, least squares take too long. */
const HIGH_DEGREE = 63;
/** Above as many coefficients, errors are looked for at several places of each swing. */
const MANY_COEFFICIENTS = 64;
const PLACES_OF_A_SWING = 8;
/** A divisor's polynomial that is off by more than this part of its value somewhere on the interval is no divisor. */
export const MOST_DIVISOR_ERROR = 0.5;
/** Without calibration: error relative to the function's range on its interval, or to its value for a divisor. */
const MOST_UNIFORM_ERROR = 0.01;
/** Weight of an even grid beside the data (see channels.ts) for a divisor, whose error is bounded everywhere. */
const DIVISOR_GRID_WEIGHT = 1e-3;
/** Data of so small a part of all importance do not count as seen; beyond what counts, a divisor may be off by more. */
const NEGLIGIBLE = 1e-4;
const BEYOND = 3;
const BINS = 1024;
const QUANTILES = [0.001, 0.01, 0.5, 0.99, 0.999];
const BARS = 64;
const CURVE_POINTS = 81;

/** The cells of [-1, 1] that values are counted in. */
type Cells = { readonly middle: (i: number) => number; readonly of: (t: number) => number };
const EVEN: Cells = { middle: (i) => (2 * i + 1) / BINS - 1, of: (t) => ((t + 1) / 2) * BINS };
/** Narrow toward both ends, as functions with a singularity just outside need them, and as keeps high degrees calm. */
const CROWDED: Cells = {
	middle: (i) => -Math.cos((Math.PI * (i + 0.5)) / BINS),
	of: (t) => (Math.acos(-Math.min(1, Math.max(-1, t))) / Math.PI) * BINS,
};
const cellsOf = ({ fn }: Node<'activation'>): Cells => (domainOf(fn) === undefined ? EVEN : CROWDED);

/** What reaches an activation, through polynomials (`operand`) and in the model itself (`exact`). */
type Data = {
	readonly operand: readonly Float64Array[];
	readonly exact: readonly Float64Array[];
	/** Of a divisor: the sum of squares of what each of its values is multiplied with. */
	readonly squares?: readonly Float64Array[] | undefined;
};

/** Smallest and largest of all values, and of an interval known before. */
export const intervalOf = (rows: readonly Float64Array[], before?: Interval): Interval => {
	let [low, high] = before ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const row of rows)
		for (const v of row) {
			low = Math.min(low, v);
			high = Math.max(high, v);
		}
	return [low, high];
};

/**
 * The weighted least-squares fit of one activation to the distribution of its operand. A divisor counts the errors of the
 * products that it goes into, relative to them, or errors relative to its own value where it goes elsewhere; with
 * `accuracy`, it gets the smallest degree from `degree` on whose error is at most that (rms) on the data and
 * MOST_DIVISOR_ERROR where they lie, for beyond that it would not divide, whatever the rest of the model makes of it.
 *
 * Higher degrees, and no steps of Newton's: each takes two levels and squares the error, while two levels
 * of degree take it to the fourth power.
 */
export const fitData = (
	node: Node<'activation'>,
	{ operand, exact, squares }: Data,
	degree: number,
	accuracy?: number,
): Fitted => {
	const own = intervalOf(exact);
	const { center, radius } = frame(node.fn, own, intervalOf(operand, own), MARGIN);
	const cells = cellsOf(node);
	const fn = functionOf(node);
	const counts = new Float64Array(BINS);
	const products = new Float64Array(BINS);
	operand.forEach((row, s) => {
		row.forEach((v, i) => {
			const bin = Math.min(BINS - 1, Math.max(0, Math.floor(cells.of((v - center) / radius))));
			counts[bin] = (counts[bin] as number) + 1;
			const square = squares?.[s]?.[i];
			if (square !== undefined) products[bin] = (products[bin] as number) + square * fn(v) ** 2;
		});
	});
	const importance = products.some((n) => n > 0) ? products : counts;
	const total = importance.reduce((sum, n) => sum + n, 0);
	const unit = unitOf(node);
	const grid = isDivisor(node) ? DIVISOR_GRID_WEIGHT : GRID_WEIGHT;
	const points = Array.from(importance, (n, i) => {
		const x = center + radius * cells.middle(i);
		const y = fn(x);
		const weight = ((1 - grid) * n) / total + grid / BINS;
		return { x, y, weight: weight / unit(y) ** 2 };
	});
	const histogram = histogramOf(operand, { center, radius });
	const attempt = (d: number): Fitted =>
		describe(
			node,
			{ center, radius, coefficients: trim(fit(points, d, center, radius)) },
			{ counts, importance, histogram },
		);
	if (!isDivisor(node))
		return byChannel(attempt(degree), fitChannels(node, operand, exact, { center, radius }, degree));
	if (accuracy === undefined) return attempt(degree);
	const degrees = [degree, ...FINE_DEGREES.filter((d) => d > degree)];
	return firstWithin(degrees, attempt, ({ relative }) =>
		relative === undefined ? 0 : Math.max(relative.rms / accuracy, relative.max / MOST_DIVISOR_ERROR),
	);
};

/** The fit of all channels, with those of each in its place where there are any and they are nearer. */
const byChannel = (shared: Fitted, channels: ChannelFits | undefined): Fitted => {
	if (channels === undefined || !(channels.rmsError < shared.fit.rmsError)) return shared;
	const { series, inner, maxError, rmsError, worst } = channels;
	const degree = Math.max(...series.map(({ coefficients }) => degreeOf(coefficients)));
	return { series, inner, fit: { ...shared.fit, degree, maxError, rmsError, channels: series.length, worst } };
};

const histogramOf = (operand: readonly Float64Array[], { center, radius }: Frame): number[] => {
	const bars = new Array<number>(BARS).fill(0);
	for (const row of operand)
		for (const v of row) {
			const bar = Math.min(BARS - 1, Math.max(0, Math.floor(((v - center) / radius + 1) * (BARS / 2))));
			bars[bar] = (bars[bar] as number) + 1;
		}
	return bars;
};

/** The middles of the cells up to which the parts QUANTILES of all values lie. */
const quantilesOf = (counts: Float64Array, cells: Cells, { center, radius }: Frame): number[] => {
	const total = counts.reduce((sum, n) => sum + n, 0);
	let [sum, cell] = [counts[0] as number, 0];
	return QUANTILES.map((part) => {
		while (sum < part * total && cell < BINS - 1) sum += counts[++cell] as number;
		return center + radius * cells.middle(cell);
	});
};

/** What errors of an activation's value y are counted in. */
const unitOf = (node: Node<'activation'>): ((y: number) => number) => (isDivisor(node) ? Math.abs : () => 1);

/** The first degree whose error is at most 1, or the one with the least. */
const firstWithin = (
	degrees: readonly number[],
	attempt: (degree: number) => Fitted,
	errorOf: (fitted: Fitted) => number,
): Fitted => {
	const [first = LARGEST_DEGREE, ...others] = degrees;
	let best = attempt(first);
	for (const degree of others) {
		if (errorOf(best) <= 1) break;
		const fitted = attempt(degree);
		if (errorOf(fitted) < errorOf(best)) best = fitted;
	}
	return best;
};

/** How often values lie in each cell, and what their errors count there. */
type Cell = {
	readonly counts: Float64Array;
	readonly importance: Float64Array;
	readonly histogram: readonly number[];
};

/** The first and last cell between which all but NEGLIGIBLE of the importance lies. */
const spanOf = (importance: Float64Array): readonly [first: number, last: number] => {
	const least = NEGLIGIBLE * importance.reduce((sum, n) => sum + n, 0);
	let sum = 0;
	const reach = (n: number): boolean => {
		sum += n;
		return sum > least;
	};
	const first = importance.findIndex(reach);
	sum = 0;
	return [first, importance.findLastIndex(reach)];
};

/** The fit with its errors, those on the data weighed by them. */
const describe = (node: Node<'activation'>, series: ChebyshevSeries, data?: Cell): Fitted => {
	const { center, radius, coefficients } = series;
	const fn = functionOf(node);
	const cells = cellsOf(node);
	const errorAt = (t: number): number => Math.abs(fn(center + radius * t) - clenshaw(coefficients, t));
	const [first, last] = data === undefined ? [0, BINS - 1] : spanOf(data.importance);
	let [maxError, squares, total] = [0, 0, 0];
	const relative = { squares: 0, total: 0, max: 0 };
	for (let i = 0; i < BINS; i++) {
		const weight = data?.counts[i] ?? 1;
		const importance = data?.importance[i] ?? 1;
		const t = cells.middle(i);
		const error = errorAt(t);
		const part = error / Math.abs(fn(center + radius * t));
		squares += weight * error ** 2;
		total += weight;
		maxError = Math.max(maxError, error);
		relative.squares += importance * part ** 2;
		relative.total += importance;
		relative.max = Math.max(relative.max, first <= i && i <= last ? part : part / BEYOND);
	}
	for (let i = 0; i <= BINS; i++) maxError = Math.max(maxError, errorAt((2 * i) / BINS - 1));
	const places = coefficients.length > MANY_COEFFICIENTS ? PLACES_OF_A_SWING * coefficients.length : 0;
	for (let i = 0; i < places; i++) maxError = Math.max(maxError, errorAt(Math.cos((Math.PI * i) / places)));
	const activationFit: ActivationFit = {
		origin: node.origin,
		fn: node.fn,
		degree: degreeOf(coefficients),
		interval: [center - radius, center + radius],
		source: data === undefined ? 'propagated' : 'calibration',
		maxError,
		rmsError: Math.sqrt(squares / total),
		channels: 1,
		histogram: data?.histogram ?? [],
		quantiles: data === undefined ? [] : quantilesOf(data.counts, cells, series),
		curve: Array.from({ length: CURVE_POINTS }, (_, i) => {
			const t = (2 * i) / (CURVE_POINTS - 1) - 1;
			const x = center + radius * t;
			return [x, fn(x), clenshaw(coefficients, t)];
		}),
	};
	if (!isDivisor(node)) return { series: [series], inner: 1, fit: activationFit };
	return {
		series: [series],
		inner: 1,
		fit: activationFit,
		relative: { rms: Math.sqrt(relative.squares / relative.total), max: relative.max },
	};
};

export type IntervalOptions = {
	readonly degree?: number | undefined;
	readonly maxError?: number | undefined;
	/** No higher degree is tried, 31 at least; default: none. */
	readonly mostDegree?: number | undefined;
};

/**
 * The near-minimax polynomial of the smallest sufficient degree, or of the given one: up to 31, up to 63 for a divisor and up to
 * 511 where an error is asked for.
 * Errors: 'range' where the function is not defined on the interval, or is a divisor that no degree follows there.
 */
export const fitInterval = (
	node: Node<'activation'>,
	interval: Interval,
	{ degree, maxError: asked, mostDegree = Number.POSITIVE_INFINITY }: IntervalOptions,
	warnings: string[],
): Fitted => {
	const maxError = asked ?? MOST_UNIFORM_ERROR;
	const issues = domainIssue(node, interval, 'propagated');
	if (issues.length > 0) throw new CompileError(issues);
	const [low, high] = interval;
	const { center, radius } = frame(node.fn, interval, interval, 0);
	const fn = functionOf(node);
	const samples = Array.from({ length: BINS + 1 }, (_, i) => fn(center + radius * ((2 * i) / BINS - 1)));
	const [least, most] = [Math.min(...samples), Math.max(...samples)];
	const range = most - least;
	const accepted = Math.max(maxError * range, 1e-12 * Math.max(Math.abs(least), Math.abs(most)));
	const unit = unitOf(node);
	const attempt = (d: number): Fitted =>
		describe(node, { center, radius, coefficients: trim(nearest(fn, d, { center, radius }, unit)) });
	const all = asked !== undefined ? ASKED_DEGREES : isDivisor(node) ? FINE_DEGREES : DEGREES;
	const searched = all.filter((d) => d <= Math.max(mostDegree, LARGEST_DEGREE));
	const errorOf = ({ fit: { maxError: largest }, relative }: Fitted): number =>
		relative === undefined ? largest / accepted : relative.max / maxError;
	const fitted = firstWithin(degree === undefined ? searched : [degree], attempt, errorOf);
	if ((fitted.relative?.max ?? 0) > MOST_DIVISOR_ERROR) throw new CompileError([tooWide(node, interval)]);
	if (degree === undefined && errorOf(fitted) > 1) {
		const error = `${percent(fitted.relative?.max ?? fitted.fit.maxError / range)} of its ${isDivisor(node) ? 'value' : 'range'}`;
		const reached = searched.length < all.length ? 'at the highest degree whose levels fit,' : 'even at degree';
		warnings.push(
			`${node.origin}: ${node.fn} on [${Number(low.toPrecision(4))}, ${Number(high.toPrecision(4))}] is off by up to ` +
				`${error} ${reached} ${searched.at(-1)}: give calibration data`,
		);
	}
	return fitted;
};

/** The near-minimax polynomial of fn on the interval. */
const nearest = (
	fn: (x: number) => number,
	degree: number,
	{ center, radius }: Frame,
	unit: (y: number) => number,
): number[] =>
	degree >= HIGH_DEGREE
		? remez((t) => fn(center + radius * t), degree, unit)
		: minimax(fn, degree, center, radius, unit);

export const percent = (part: number): string => `${Number((100 * part).toPrecision(3))} %`;
