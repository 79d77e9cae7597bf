import { nodes } from './chebyshev.ts';

/** Where the error of a polynomial alternates in sign, with what f and the unit of errors are there. */
type Reference = readonly { readonly t: number; readonly y: number; readonly unit: number }[];

/** Points of the grid for each point of the reference: errors between them are larger by half a per cent at most. */
const GRID = 16;
const ROUNDS = 30;
/** Errors that alternate within this part of each other are taken for equal. */
const LEVELLED = 1e-3;
/** Values that differ by this part of the largest one differ by rounding. */
const SAME = 1e-12;

/**
 * The polynomial of degree d with the smallest max |f(t) - p(t)| / unit(f(t)) over [-1, 1], as Chebyshev coefficients: within a per cent of
 * the smallest for continuous f, near rounding errors the best that was met. For high degrees, at which least squares
 * takes too long: Remez' exchange of all points at once, p by its values at the reference (barycentric interpolation).
 * Cost: some ten rounds of 16 d^2 operations. Source: Pachon and Trefethen, BIT 49 (2009).
 */
export const remez = (f: (t: number) => number, degree: number, unit: (y: number) => number = () => 1): number[] => {
	const at = (t: number): Reference[number] => {
		const y = f(t);
		return { t, y, unit: unit(y) };
	};
	const size = GRID * (degree + 1);
	const grid = Array.from({ length: size + 1 }, (_, i) => at(Math.cos((Math.PI * i) / size)));
	// Not symmetric: an odd or even f could be interpolated there, and its error would not alternate often enough.
	let reference: Reference = Array.from({ length: degree + 2 }, (_, j) => {
		const moved = j === 0 || j === degree + 1 ? 0 : GRID / 4;
		return grid[GRID * j + moved] as Reference[number];
	});
	let best: { readonly error: number; readonly p: (t: number) => number } | undefined;
	for (let round = 0; round < ROUNDS; round++) {
		const { p, level } = levelled(reference);
		const errors = grid.map(({ t, y, unit }) => (y - p(t)) / unit);
		const error = errors.reduce((most, e) => Math.max(most, Math.abs(e)), 0);
		if (best === undefined || error < best.error) best = { error, p };
		const next = alternating(errors, degree + 2);
		if (error <= (1 + LEVELLED) * Math.abs(level) || next === undefined) break;
		reference = next.map((i) => grid[i] as Reference[number]);
	}
	if (best === undefined) return [];
	const left = absent(grid);
	// The even part of an approximation of an even function is no farther off.
	return coefficientsOf(best.p, degree).map((c, k) => (k % 2 === left ? 0 : c));
};

/** The parity of degrees that f does without: 1 where it is even, 0 where it is odd, to rounding; else undefined. */
const absent = (grid: Reference): 0 | 1 | undefined => {
	const size = grid.reduce((most, { y }) => Math.max(most, Math.abs(y)), 0);
	const mirrored = (sign: 1 | -1): boolean =>
		grid.every(({ y }, i) => Math.abs(y - sign * (grid.at(-1 - i)?.y ?? 0)) <= SAME * size);
	return mirrored(1) ? 1 : mirrored(-1) ? 0 : undefined;
};

/** The polynomial p with f - p = +level unit, -level unit, ... at the d + 2 points, descending. */
const levelled = (reference: Reference): { readonly p: (t: number) => number; readonly level: number } => {
	const weights = weightsOf(reference.map(({ t }) => t));
	const signed = weights.map((w, j) => (j % 2 === 0 ? w : -w));
	// The divided difference of p at d + 2 points is 0.
	const level =
		total(reference, ({ y }, j) => (weights[j] as number) * y) /
		total(reference, ({ unit }, j) => (signed[j] as number) * unit);
	const values = reference.map(({ y, unit }, j) => y - (j % 2 === 0 ? level : -level) * unit);
	const p = (t: number): number => {
		let [above, below] = [0, 0];
		for (const [j, point] of reference.entries()) {
			if (point.t === t) return values[j] as number;
			const w = (weights[j] as number) / (t - point.t);
			above += w * (values[j] as number);
			below += w;
		}
		return above / below;
	};
	return { p, level };
};

const total = (reference: Reference, term: (point: Reference[number], j: number) => number): number =>
	reference.reduce((sum, point, j) => sum + term(point, j), 0);

/** 1 / prod_(i != j) (t_j - t_i), all multiplied by one factor, so that none overflows. Alternating in sign for t in order. */
const weightsOf = (points: readonly number[]): number[] => {
	const logs = points.map((t, j) => {
		let sum = 0;
		for (const [i, other] of points.entries()) if (i !== j) sum -= Math.log(2 * Math.abs(t - other));
		return sum;
	});
	const most = Math.max(...logs);
	return logs.map((log, j) => (j % 2 === 0 ? 1 : -1) * Math.exp(log - most));
};

/** The places of the largest errors of alternating sign, `count` in a row; undefined where the sign changes less often. */
const alternating = (errors: readonly number[], count: number): readonly number[] | undefined => {
	const places: number[] = [];
	const size = (place: number): number => Math.abs(errors[place] as number);
	errors.forEach((error, i) => {
		const last = places.at(-1);
		if (last === undefined || error * (errors[last] as number) < 0) places.push(i);
		else if (Math.abs(error) > size(last)) places[places.length - 1] = i;
	});
	let [first, end] = [0, places.length];
	while (end - first > count) {
		if (size(places[first] as number) < size(places[end - 1] as number)) first++;
		else end--;
	}
	return end - first < count ? undefined : places.slice(first, end);
};

/** The coefficients of a polynomial of this degree, from its values at the zeros of T_(degree + 1). */
const coefficientsOf = (p: (t: number) => number, degree: number): number[] => {
	const n = degree + 1;
	const values = nodes(n).map(p);
	return Array.from({ length: n }, (_, k) => {
		const sum = values.reduce((sum, value, i) => sum + value * Math.cos((Math.PI * k * (i + 0.5)) / n), 0);
		return ((k === 0 ? 1 : 2) * sum) / n;
	});
};
