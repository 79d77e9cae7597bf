import { clenshaw, nodes, toMonomials } from './chebyshev.ts';
import { remez } from './remez.ts';

/** An odd polynomial of x, c[0] + c[1] x + ..., and how far off it is. */
type Stage = { readonly coefficients: readonly number[]; readonly error: number };

/** Polynomials one after another that come near to the sign of x, off by `error` where they are meant to. */
export type SignStages = {
	readonly stages: readonly (readonly number[])[];
	readonly levels: number;
	readonly error: number;
};

/** Degrees of stages: 2^k - 1, the most for k levels; beyond 15, powers of x lose precision. */
const LEVELS = [2, 3, 4];
/** More levels than this no parameters hold beside others. */
const MOST_LEVELS = 18;
const LEAST_PART = 1e-5;

/**
 * Odd polynomials p_1, p_2, ... whose composition is within `error` of sign(x) for gap <= |x| <= most, between -1 - error and 1 + error
 * nearer to 0: with the fewest levels, and among those the smallest error. Each is the best of its degree on what the one before
 * leaves: x q(x^2) with q the polynomial nearest to 1 / sqrt(u), by parts of its value. Undefined where no more than 18 levels do, and
 * for a gap below LEAST_PART of `most`, where the first polynomial is lost in rounding errors.
 * Source: composite minimax polynomials, Lee, Lee, No (IEEE Access 2021).
 */
export const signStages = (gap: number, most: number, error: number): SignStages | undefined => {
	if (gap < LEAST_PART * most) return undefined;
	for (let levels = Math.min(...LEVELS); levels <= MOST_LEVELS; levels++) {
		const best = nearest(gap, most, levels);
		if (best !== undefined && best.error <= error) return best;
	}
	return undefined;
};

/** The stages with the smallest error that take so many levels; undefined where none do. */
const nearest = (low: number, high: number, levels: number): SignStages | undefined => {
	if (levels === 0) return { stages: [], levels: 0, error: (high - low) / (high + low) };
	let best: SignStages | undefined;
	for (const own of LEVELS) {
		if (own > levels) continue;
		const { coefficients, error } = stage(low, high, own);
		const rest = own === levels ? { stages: [], error } : nearest(1 - error, 1 + error, levels - own);
		if (rest === undefined || (best !== undefined && rest.error >= best.error)) continue;
		best = { stages: [coefficients, ...rest.stages], levels, error: rest.error };
	}
	return best;
};

/** The odd polynomial of degree 2^levels - 1 nearest to 1 on [low, high], and how far off it is there. */
const stage = (low: number, high: number, levels: number): Stage => {
	const degree = 2 ** (levels - 1) - 1;
	const [from, to] = [(low / high) ** 2, 1];
	const [center, radius] = [(from + to) / 2, (to - from) / 2];
	const q = remez((t) => (center + radius * t) ** -0.5, degree, Math.abs);
	const errors = [-1, ...nodes(ERROR_POINTS), 1].map((t) =>
		Math.abs(1 - Math.sqrt(center + radius * t) * clenshaw(q, t)),
	);
	const monomials = shifted(toMonomials(q), center, radius);
	// x q(x^2), of x / high.
	const coefficients = monomials.flatMap((m, k) => [0, m / high ** (2 * k + 1)]);
	return { coefficients, error: SLACK * Math.max(...errors) };
};

/** Places where errors are looked for, and by how much they may be larger in between. */
const ERROR_POINTS = 512;
const SLACK = 1.001;

/** The coefficients of p((u - center) / radius) in u, by Horner's rule. */
const shifted = (monomials: readonly number[], center: number, radius: number): number[] => {
	let result: number[] = [];
	for (const m of monomials.toReversed()) {
		const next = new Array<number>(result.length + 1).fill(0);
		result.forEach((c, k) => {
			next[k + 1] = (next[k + 1] as number) + c / radius;
			next[k] = (next[k] as number) - (c * center) / radius;
		});
		next[0] = (next[0] as number) + m;
		result = next;
	}
	return result.slice(0, monomials.length);
};
