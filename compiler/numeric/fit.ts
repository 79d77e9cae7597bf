import { basis, clenshaw, nodes } from './chebyshev.ts';

/** A point of a weighted fit: `weight` times the squared error at x counts. */
export type FitPoint = { readonly x: number; readonly y: number; readonly weight: number };

/**
 * The z that minimises |A z - b|, by Householder QR. A: [m, n] row-major, m >= n; A and b are overwritten.
 * A column that depends on those before it (less than 1e-12 of its norm is new) gets coefficient zero. Cost 2 m n^2.
 */
export const leastSquares = (a: Float64Array, b: Float64Array, n: number): number[] => {
	const m = b.length;
	const columnNorm = (j: number, from: number): number => {
		let sum = 0;
		for (let i = from; i < m; i++) sum += (a[i * n + j] as number) ** 2;
		return Math.sqrt(sum);
	};
	const full = Array.from({ length: n }, (_, j) => columnNorm(j, 0));
	const pivots: { readonly column: number; readonly row: number; readonly value: number }[] = [];
	for (let j = 0; j < n && pivots.length < m; j++) {
		const row = pivots.length;
		const norm = columnNorm(j, row);
		if (norm <= 1e-12 * (full[j] as number)) continue;
		const top = a[row * n + j] as number;
		const value = top > 0 ? -norm : norm;
		// I - v v^T / h with v = column - value * e_row and h = |v|^2 / 2 takes the column to value * e_row.
		const v = Float64Array.from({ length: m - row }, (_, i) => a[(row + i) * n + j] as number);
		v[0] = top - value;
		const h = value * (value - top);
		for (let k = j + 1; k < n; k++) reflect(a, row * n + k, n, v, h);
		reflect(b, row, 1, v, h);
		pivots.push({ column: j, row, value });
	}
	const z = new Array<number>(n).fill(0);
	for (const { column, row, value } of pivots.toReversed()) {
		let rest = b[row] as number;
		for (let k = column + 1; k < n; k++) rest -= (a[row * n + k] as number) * (z[k] as number);
		z[column] = rest / value;
	}
	return z;
};

/** y -= v (v . y) / h for the vector y[i] = data[start + i * stride]. */
const reflect = (data: Float64Array, start: number, stride: number, v: Float64Array, h: number): void => {
	let dot = 0;
	for (let i = 0; i < v.length; i++) dot += (v[i] as number) * (data[start + i * stride] as number);
	const factor = dot / h;
	for (let i = 0; i < v.length; i++) {
		const at = start + i * stride;
		data[at] = (data[at] as number) - factor * (v[i] as number);
	}
};

/**
 * The coefficients c of sum_{k <= degree} c[k] T_k((x - center) / radius) that minimise the weighted sum of squared
 * errors over the points. Points need not lie inside the interval, but the basis is only well conditioned there.
 */
export const fit = (points: readonly FitPoint[], degree: number, center: number, radius: number): number[] => {
	const n = degree + 1;
	const a = new Float64Array(points.length * n);
	const b = new Float64Array(points.length);
	points.forEach(({ x, y, weight }, i) => {
		const root = Math.sqrt(weight);
		a.set(
			basis(degree, (x - center) / radius).map((v) => root * v),
			i * n,
		);
		b[i] = root * y;
	});
	return leastSquares(a, b, n);
};

/**
 * The near-minimax polynomial of fn on [center - radius, center + radius]: coefficients c with a small
 * max |fn(x) - sum_k c[k] T_k((x - center) / radius)|. Lawson's iteration: least squares at 32 (degree + 1) + 1
 * Chebyshev nodes, each weight multiplied by its error, the best of 30 rounds. Within a few per cent of the optimum for
 * the usual activations; on the nodes no worse than plain least squares, its first round. With `unit`, errors are
 * counted in units of unit(y) > 0.
 */
export const minimax = (
	fn: (x: number) => number,
	degree: number,
	center: number,
	radius: number,
	unit: (y: number) => number = () => 1,
): number[] => {
	let points: readonly FitPoint[] = nodes(32 * (degree + 1) + 1).map((t) => {
		const x = center + radius * t;
		const y = fn(x);
		return { x, y, weight: unit(y) ** -2 };
	});
	let best: { readonly coefficients: number[]; readonly error: number } | undefined;
	for (let round = 0; round < 30; round++) {
		const coefficients = fit(points, degree, center, radius);
		const errors = points.map(({ x, y }) => Math.abs(y - clenshaw(coefficients, (x - center) / radius)) / unit(y));
		const error = Math.max(...errors);
		if (best === undefined || error < best.error) best = { coefficients, error };
		if (error === 0) break;
		const weights = points.map(({ weight }, i) => weight * ((errors[i] as number) / error));
		const mean = weights.reduce((sum, w) => sum + w, 0) / weights.length;
		points = points.map((point, i) => ({ ...point, weight: (weights[i] as number) / mean }));
	}
	return best?.coefficients ?? [];
};
