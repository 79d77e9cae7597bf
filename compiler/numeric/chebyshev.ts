/**
 * Polynomials in the Chebyshev basis: sum_k c[k] T_k(t) with T_0 = 1, T_1 = t, T_{k+1} = 2 t T_k - T_{k-1}, |t| <= 1.
 * The condition number of a fit in this basis stays near 1 where that of monomials grows like 5^degree.
 */

/** sum_k c[k] T_k(t) by Clenshaw's recurrence b[k] = c[k] + 2 t b[k+1] - b[k+2]; any t, stable on [-1, 1]. */
export const clenshaw = (coefficients: readonly number[], t: number): number => {
	let next = 0;
	let afterNext = 0;
	for (let k = coefficients.length - 1; k > 0; k--) {
		const current = (coefficients[k] ?? 0) + 2 * t * next - afterNext;
		afterNext = next;
		next = current;
	}
	return (coefficients[0] ?? 0) + t * next - afterNext;
};

/** T_0(t) .. T_degree(t). */
export const basis = (degree: number, t: number): number[] => {
	const values = [1, t];
	for (let k = 2; k <= degree; k++) values.push(2 * t * (values[k - 1] as number) - (values[k - 2] as number));
	return values.slice(0, degree + 1);
};

/** The m zeros of T_m, descending: cos(pi (i + 1/2) / m). */
export const nodes = (m: number): number[] => Array.from({ length: m }, (_, i) => Math.cos((Math.PI * (i + 0.5)) / m));

/** Index of the last coefficient that is not zero; 0 for constants. */
export const degreeOf = (coefficients: readonly number[]): number =>
	Math.max(
		0,
		coefficients.findLastIndex((c) => c !== 0),
	);

/** Coefficients below `relative` times the largest become zero, and zeros at the end are cut; at least c[0] stays. */
export const trim = (coefficients: readonly number[], relative = 1e-12): number[] => {
	const limit = relative * Math.max(...coefficients.map(Math.abs));
	const kept = coefficients.map((c) => (Math.abs(c) <= limit ? 0 : c));
	return kept.slice(0, degreeOf(kept) + 1);
};

/**
 * p = quotient * T_m + remainder with degree(remainder) < m, for m <= degree(p) < 2m + 1.
 * From T_m T_j = (T_{m+j} + T_{|m-j|}) / 2: quotient[j] = 2 c[m+j] for j > 0, and c[m] for j = 0.
 */
export const divide = (
	coefficients: readonly number[],
	m: number,
): { readonly quotient: number[]; readonly remainder: number[] } => {
	const remainder = coefficients.slice(0, m);
	const quotient = coefficients.slice(m).map((c, j) => (j === 0 ? c : 2 * c));
	for (let j = 1; j < quotient.length; j++)
		remainder[m - j] = (remainder[m - j] ?? 0) - (coefficients[m + j] as number);
	return { quotient, remainder };
};

/** The monomial coefficients of sum_k c[k] T_k(t); meant for low degrees, where it is harmless. */
export const toMonomials = (coefficients: readonly number[]): number[] => {
	const result = coefficients.map(() => 0);
	let previous: number[] = [];
	let current: number[] = [1];
	coefficients.forEach((c, k) => {
		current.forEach((m, i) => {
			result[i] = (result[i] as number) + c * m;
		});
		const factor = k === 0 ? 1 : 2;
		const shifted = [0, ...current.map((m) => factor * m)];
		const next = shifted.map((m, i) => m - (previous[i] ?? 0));
		previous = current;
		current = next;
	});
	return result;
};

/** The Chebyshev coefficients of sum_k m[k] t^k, by Horner's rule with t T_k = (T_{k+1} + T_{|k-1|}) / 2. */
export const fromMonomials = (monomials: readonly number[]): number[] => {
	let result: number[] = [];
	for (const m of monomials.toReversed()) {
		const next = new Array<number>(result.length + 1).fill(0);
		result.forEach((c, k) => {
			next[k + 1] = (next[k + 1] as number) + (k === 0 ? c : c / 2);
			if (k > 0) next[k - 1] = (next[k - 1] as number) + c / 2;
		});
		next[0] = (next[0] as number) + m;
		result = next;
	}
	return result.slice(0, Math.max(1, monomials.length));
};
