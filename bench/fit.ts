/** A measurement at p primes. */
export type Point = { readonly p: number; readonly milliseconds: number };

/** c in c0 + c1 p + c2 p^2. */
type Coefficients = readonly [number, number, number];

/**
 * c0 + c1 p + c2 p^2 with c >= 0 and the least sum of squared relative errors, so that the fit is positive and grows; to three
 * digits. `residual` is the largest relative error. A term is left out where it makes little difference.
 */
export const fit = (points: readonly Point[]): { readonly coefficients: Coefficients; readonly residual: number } => {
	const counts = new Set(points.map(({ p }) => p)).size;
	const candidates = SUPPORTS.filter((powers) => powers.length <= counts).flatMap((powers) => {
		const solved = leastSquares(points, powers);
		return solved === undefined || solved.some((c) => c < 0) ? [] : [coefficientsOf(powers, solved)];
	});
	const rated = candidates.map((coefficients) => ({ coefficients, error: squaredError(points, coefficients) }));
	const best = rated.reduce((a, b) => (b.error < 0.7 * a.error ? b : a));
	const residual = Math.max(...points.map((point) => Math.abs(relativeError(point, best.coefficients))));
	return { coefficients: best.coefficients, residual };
};

/** Powers of p that may occur together, simplest first. */
const SUPPORTS: readonly (readonly number[])[] = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

const coefficientsOf = (powers: readonly number[], solved: readonly number[]): Coefficients => {
	const at = (power: number): number => Number((solved[powers.indexOf(power)] ?? 0).toPrecision(3));
	return [at(0), at(1), at(2)];
};

const relativeError = ({ p, milliseconds }: Point, [c0, c1, c2]: Coefficients): number =>
	(c0 + c1 * p + c2 * p * p) / milliseconds - 1;

const squaredError = (points: readonly Point[], coefficients: Coefficients): number =>
	points.reduce((sum, point) => sum + relativeError(point, coefficients) ** 2, 0);

/** The c that minimise sum (sum_k c_k p^k / ms - 1)^2, by the normal equations; undefined where they have no solution. */
const leastSquares = (points: readonly Point[], powers: readonly number[]): readonly number[] | undefined => {
	const rows = points.map(({ p, milliseconds }) => powers.map((power) => p ** power / milliseconds));
	const matrix = powers.map((_, i) => [
		...powers.map((_, j) => rows.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0)),
		rows.reduce((sum, row) => sum + (row[i] as number), 0),
	]);
	return solve(matrix);
};

/** The solution of a small linear system given with its right side, by elimination; undefined when it is singular. */
const solve = (system: readonly (readonly number[])[]): readonly number[] | undefined => {
	const rows = system.map((row) => [...row]);
	for (let k = 0; k < rows.length; k++) {
		const pivot = rows[k] as number[];
		const lead = pivot[k] as number;
		if (Math.abs(lead) < 1e-12) return undefined;
		for (const row of rows) {
			if (row === pivot) continue;
			const factor = (row[k] as number) / lead;
			for (let j = k; j < row.length; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
		}
	}
	return rows.map((row, k) => (row.at(-1) as number) / (row[k] as number));
};
