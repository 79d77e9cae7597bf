import type { Observed } from './data.ts';
import { errorOf, type Normal, normalOf, solved, solvedAlong } from './normal.ts';
import { MOST_SHIFT } from './quadratic.ts';

/** factor ((v - middle) / unit + shift)^2 + sum_k means[k] T_k(p) + sum_k powers[k] mean_i T_k(t_i), where v is the value of the level before. */
export type Refinement = {
	readonly middle: number;
	readonly unit: number;
	readonly shift: number;
	readonly factor: number;
	readonly means: readonly number[];
	readonly powers: readonly number[];
};

/** Polynomials of higher degree were off by more on windows that they were not fitted to. */
const LARGEST_DEGREE = 15;

/** Windows of a channel for each degree of the polynomials: fewer would be fitted one by one. */
const WINDOWS_PER_DEGREE = 16;

/** The degree of a level's polynomials: the most that need no factor behind them, so that what the level adds are sums; less on few windows. */
export const degreeOf = (level: number, windows: number): number =>
	Math.min(LARGEST_DEGREE, 2 ** level - 1, Math.max(1, Math.floor(windows / WINDOWS_PER_DEGREE)));

/** The columns by which a level adds to `value`: the polynomials', without the mean of t, which is the mean's T_1. */
const polynomialsOf = ({ means, powers }: Observed, degree: number): readonly Float64Array[] => [
	...means.slice(0, degree + 1),
	...powers.slice(2, degree + 1),
];

/** The least squares fit of one level to what is seen, by the value of the level before. */
export const fitRefinement = (seen: Observed, value: Float64Array, level: number): Refinement => {
	const { middle, unit } = spreadOf(value, seen.real);
	const u = value.map((v) => (v - middle) / unit);
	const degree = degreeOf(level, seen.windows);
	const others = polynomialsOf(seen, degree);
	const normal = normalOf([...others, u, u.map((v) => v * v)], seen.target, seen.weight);
	const fits = shiftsOf(normal, level).map((shift) => {
		const z = solvedAlong(normal, directionsOf(others.length, shift));
		return { shift, z, error: errorOf(normal, z) };
	});
	const { shift, z } = fits.reduce((a, b) => (b.error < a.error ? b : a));
	const factor = z[others.length + 1] as number;
	const [constant = 0, ...means] = z.subarray(0, degree + 1);
	return {
		...{ middle, unit, shift, factor },
		means: [constant - factor * shift * shift, ...means],
		powers: [0, 0, ...z.subarray(degree + 1, 2 * degree)],
	};
};

/** The polynomials' columns, the first of which is 1, and (u + shift)^2, as combinations of these and of u and u^2. */
const directionsOf = (others: number, shift: number): readonly (readonly number[])[] => {
	const unit = (p: number): number[] => Array.from({ length: others + 2 }, (_, q) => Number(p === q));
	const square = unit(others + 1)
		.with(others, 2 * shift)
		.with(0, shift * shift);
	return [...Array.from({ length: others }, (_, p) => unit(p)), square];
};

/** The shift that completes the square of u, or the ends of what is allowed; at level 2 what is linear in u is among the other columns. */
const shiftsOf = (normal: Normal, level: number): readonly number[] => {
	if (level === 2) return [0];
	const [linear = 0, square = 0] = solved(normal).slice(-2);
	const shift = linear / (2 * square);
	return Math.abs(shift) <= MOST_SHIFT ? [shift] : [-MOST_SHIFT, 0, MOST_SHIFT];
};

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

/** Mean and standard deviation of the first `count`; 1 for a constant. */
const spreadOf = (values: Float64Array, count: number): { readonly middle: number; readonly unit: number } => {
	const real = values.subarray(0, count);
	const middle = real.reduce((sum, v) => sum + v, 0) / count;
	const unit = Math.sqrt(real.reduce((sum, v) => sum + (v - middle) ** 2, 0) / count);
	return unit > 1e-9 * Math.abs(middle) && Number.isFinite(unit)
		? { middle, unit }
		: { middle: finite(middle), unit: 1 };
};

/** What the level makes of every observation. */
export const refinementOn = (seen: Observed, value: Float64Array, refinement: Refinement): Float64Array => {
	const { middle, unit, shift, factor, means, powers } = refinement;
	const result = value.map((v) => factor * ((v - middle) / unit + shift) ** 2);
	const add = (column: Float64Array | undefined, c: number): void =>
		column?.forEach((v, s) => {
			result[s] = (result[s] as number) + c * v;
		});
	for (const [k, c] of means.entries()) add(seen.means[k], c);
	for (const [k, c] of powers.entries()) add(seen.powers[k], c);
	return result;
};
