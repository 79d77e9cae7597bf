import { cholesky, substitute } from '../../numeric/ridge.ts';

/** Sums over weighted observations of features f and a target y: w f f^T (row-major), w y f and w y^2. */
export type Normal = { readonly gram: Float64Array; readonly cross: Float64Array; readonly energy: number };

/** What keeps a fit regular, in units of what each feature has: far below what a polynomial of a window is off by. */
const RIDGE = 1e-6;
/** Part of the mean of all that a feature counts with at least: what never moves but for rounding is not fitted to. */
const LEAST_SHARE = 1e-6;

/** The sums for one column of observations for each feature. Cost: features^2 / 2 for each observation. */
export const normalOf = (columns: readonly Float64Array[], y: Float64Array, weight: Float64Array): Normal => {
	const n = columns.length;
	const gram = new Float64Array(n * n);
	const cross = new Float64Array(n);
	const weighted = (a: Float64Array): Float64Array => a.map((v, s) => v * (weight[s] as number));
	columns.forEach((a, p) => {
		const own = weighted(a);
		cross[p] = dot(own, y);
		for (let q = 0; q <= p; q++) {
			gram[p * n + q] = dot(own, columns[q] as Float64Array);
			gram[q * n + p] = gram[p * n + q] as number;
		}
	});
	return { gram, cross, energy: dot(weighted(y), y) };
};

/** The z that minimises sum w (y - f . z)^2 + RIDGE sum_p d_p z_p^2, with d_p the sum of w f_p^2 (see LEAST_SHARE). Cost n^3 / 6. */
export const solved = ({ gram, cross }: Normal): Float64Array => {
	const n = cross.length;
	let least = 0;
	for (let p = 0; p < n; p++) least += (LEAST_SHARE / n) * (gram[p * n + p] as number);
	for (let ridge = RIDGE; ridge < 1; ridge *= 100) {
		const l = gram.slice();
		for (let p = 0; p < n; p++) l[p * n + p] = (1 + ridge) * (gram[p * n + p] as number) + ridge * least || 1;
		const z = cross.slice();
		if (!cholesky(l, n)) continue;
		substitute(l, n, z, 0);
		if (z.every(Number.isFinite)) return z;
	}
	return new Float64Array(n);
};

/** sum w (y - f . z)^2 */
export const errorOf = ({ gram, cross, energy }: Normal, z: Float64Array): number => {
	const n = cross.length;
	let error = energy;
	z.forEach((a, p) => {
		error -= 2 * a * (cross[p] as number);
		z.forEach((b, q) => {
			error += a * b * (gram[p * n + q] as number);
		});
	});
	return Math.max(0, error);
};

/** The best z among the combinations of some directions: z = sum_k a[k] directions[k]. */
export const solvedAlong = (normal: Normal, directions: readonly (readonly number[])[]): Float64Array => {
	const n = normal.cross.length;
	const image = directions.map((d) =>
		Float64Array.from({ length: n }, (_, p) => dot(d, normal.gram.subarray(p * n, (p + 1) * n))),
	);
	const a = solved({
		gram: Float64Array.from(directions.flatMap((d) => image.map((g) => dot(d, g)))),
		cross: Float64Array.from(directions, (d) => dot(d, normal.cross)),
		energy: normal.energy,
	});
	return Float64Array.from({ length: n }, (_, p) =>
		directions.reduce((sum, d, k) => sum + (a[k] as number) * (d[p] as number), 0),
	);
};

const dot = (a: ArrayLike<number>, b: Float64Array): number => {
	let sum = 0;
	for (let p = 0; p < b.length; p++) sum += (a[p] as number) * (b[p] as number);
	return sum;
};
