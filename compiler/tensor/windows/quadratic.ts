import type { Observed } from './data.ts';
import { errorOf, type Normal, normalOf, solved, solvedAlong } from './normal.ts';

/** constant + factor mean_i (t_i + spread p + shift)^2 + meanFactor (p + meanShift)^2, where p is the mean of the t_i. */
export type Quadratic = {
	readonly constant: number;
	readonly factor: number;
	readonly spread: number;
	readonly shift: number;
	readonly meanFactor: number;
	readonly meanShift: number;
};

/** Shifts of squares beyond this would make them much larger than what they stand for. */
export const MOST_SHIFT = 8;
/** (1 + spread)^2 that are tried where the best one does not exist. */
const LEAST_RATIO = 2 ** -8;
const MOST_RATIO = 2 ** 6;
const RATIOS = Array.from({ length: 29 }, (_, k) => LEAST_RATIO * 2 ** (k / 2));
/** How much larger the error with one square may be than with two. */
const TOLERATED = 1.05;

/** The columns 1, p, p^2 and the mean of t^2: what a symmetric polynomial of degree 2 is made of. */
const columnsOf = ({ means, powers }: Observed): readonly Float64Array[] => {
	const square = (column: Float64Array | undefined) => (column ?? new Float64Array()).map((v) => (v + 1) / 2);
	return [means[0] as Float64Array, means[1] as Float64Array, square(means[2]), square(powers[2])];
};

/**
 * c0 + c1 p + c2 p^2 + c3 mean t^2 of every channel by least squares, as squares. One for all elements does where
 * c3 (mean (t + g p + d)^2), (1 + g)^2 = 1 + c2 / c3 and d = c1 / (2 c3 (1 + g)), exists, or one near to it; else there
 * is a second one of the mean, in all channels, for they share one circuit.
 */
export const fitQuadratics = (channels: readonly Observed[]): readonly Quadratic[] => {
	const normals = channels.map((seen) => normalOf(columnsOf(seen), seen.target, seen.weight));
	const [single, double] = [normals.map(singleOf), normals.map(doubleOf)];
	const total = (fits: readonly Fit[]): number => fits.reduce((sum, { error }) => sum + error, 0);
	return (total(single) <= TOLERATED ** 2 * total(double) ? single : double).map(({ quadratic }) => quadratic);
};

/** What the quadratic makes of every observation. */
export const quadraticOn = (
	seen: Observed,
	{ constant, factor, spread, shift, meanFactor, meanShift }: Quadratic,
): Float64Array => {
	const [, p, pp, tt] = columnsOf(seen) as [Float64Array, Float64Array, Float64Array, Float64Array];
	return p.map((mean, s) => {
		const linear = 2 * shift * (1 + spread) * mean + shift * shift;
		const square = (tt[s] as number) + (2 * spread + spread * spread) * (pp[s] as number) + linear;
		return constant + factor * square + meanFactor * (mean + meanShift) ** 2;
	});
};

type Fit = { readonly quadratic: Quadratic; readonly error: number };

const ONE = [1, 0, 0, 0];
const MEAN = [0, 1, 0, 0];
const MEAN_SQUARED = [0, 0, 1, 0];

const nearest = (fits: readonly Fit[]): Fit => fits.reduce((a, b) => (b.error < a.error ? b : a));

/** One square: that of the best coefficients where it exists, else the nearest of a list. */
const singleOf = (normal: Normal): Fit => {
	const [, , c2 = 0, c3 = 0] = solved(normal);
	const ratio = c3 === 0 ? 1 : 1 + c2 / c3;
	const inside = ratio >= LEAST_RATIO && ratio <= MOST_RATIO;
	const best = inside ? squareOf(normal, ratio) : undefined;
	if (best !== undefined && Math.abs(best.quadratic.shift) < MOST_SHIFT) return best;
	return nearest(RATIOS.map((one) => squareOf(normal, one)));
};

/** The best with (1 + spread)^2 = ratio, and a shift of at most MOST_SHIFT. */
const squareOf = (normal: Normal, ratio: number): Fit => {
	const root = Math.sqrt(ratio);
	const [, c1 = 0, , c3 = 0] = solvedAlong(normal, [ONE, MEAN, [0, 0, ratio - 1, 1]]);
	const ideal = c3 === 0 ? 0 : c1 / (2 * c3 * root);
	const shift = Math.min(MOST_SHIFT, Math.max(-MOST_SHIFT, ideal));
	const z = solvedAlong(normal, [ONE, [0, 2 * shift * root, ratio - 1, 1]]);
	const [c0 = 0, , , factor = 0] = z;
	const constant = c0 - factor * shift * shift;
	const quadratic = { constant, factor, spread: root - 1, shift, meanFactor: 0, meanShift: 0 };
	return { quadratic, error: errorOf(normal, z) };
};

/** Two squares, of the elements and of the mean, with the shifts shared between them in proportion to their factors. */
const doubleOf = (normal: Normal): Fit => {
	const z = solved(normal);
	const [, c1 = 0, c2 = 0, c3 = 0] = z;
	const size = c2 * c2 + c3 * c3;
	const shifts = [(c1 * c3) / (2 * size), (c1 * c2) / (2 * size)];
	if (size > 0 && shifts.every((shift) => Math.abs(shift) <= MOST_SHIFT))
		return { quadratic: twoSquares(z, shifts[0] as number, shifts[1] as number), error: errorOf(normal, z) };
	return nearest(
		[MOST_SHIFT, 0, -MOST_SHIFT].map((shift) => {
			const z = solvedAlong(normal, [ONE, MEAN_SQUARED, [0, 2 * shift, 0, 1]]);
			return { quadratic: twoSquares(z, shift, 0), error: errorOf(normal, z) };
		}),
	);
};

const twoSquares = ([c0 = 0, , c2 = 0, c3 = 0]: Float64Array, shift: number, meanShift: number): Quadratic => ({
	constant: c0 - c3 * shift * shift - c2 * meanShift * meanShift,
	factor: c3,
	spread: 0,
	shift,
	meanFactor: c2,
	meanShift,
});
