import type { SparseMatrix } from '../sparse.ts';
import { boundedWriter } from './rows.ts';

/** What an interpolated value at coordinate x of an axis is made of: [position, weight], which may lie outside of the axis. */
export type Filter = (x: number, length: number) => readonly (readonly [number, number])[];

/** The element at the rounded coordinate. */
export const nearestFilter =
	(round: (x: number) => number): Filter =>
	(x) => [[round(x), 1]];

/** (1 - t) x[k] + t x[k + 1], where k + t is the coordinate. */
export const linearFilter: Filter = (x) => {
	const k = Math.floor(x);
	return [
		[k, 1 - (x - k)],
		[k + 1, x - k],
	];
};

/** The weight of an element at a distance of d >= 0 from the coordinate, 0 from `reach` on. */
type Kernel = { readonly reach: number; readonly weight: (d: number) => number };

const hat: Kernel = { reach: 1, weight: (d) => 1 - d };

/** Cubic convolution (Keys, 1981) with coefficient a. */
const cubic = (a: number): Kernel => ({
	reach: 2,
	weight: (d) => (d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a),
});

/** Without the elements beyond the ends, the weights divided by what is left of them. */
const inside =
	(filter: Filter): Filter =>
	(x, length) => {
		const taps = filter(x, length).filter(([at]) => at >= 0 && at < length);
		const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
		return taps.map(([at, weight]) => [at, weight / total]);
	};

/** Cubic convolution on four elements; `excludeOutside` leaves out those beyond the ends. */
export const cubicFilter = (a: number, excludeOutside: boolean): Filter => {
	const { weight } = cubic(a);
	const filter: Filter = (x) => {
		const k = Math.floor(x);
		return [k - 1, k, k + 1, k + 2].map((at) => [at, weight(Math.abs(x - at))]);
	};
	return excludeOutside ? inside(filter) : filter;
};

/** A kernel stretched by 1 / scale, so that every element counts when an axis gets smaller; weights of sum 1. */
const stretched =
	({ reach, weight }: Kernel, scale: number): Filter =>
	(x) => {
		const first = Math.floor(x - reach / scale) + 1;
		const taps: (readonly [number, number])[] = [];
		for (let at = first; at < x + reach / scale; at++) taps.push([at, weight(Math.abs(at - x) * scale)]);
		const total = taps.reduce((sum, [, value]) => sum + value, 0);
		return taps.map(([at, value]) => [at, value / total]);
	};

/** The linear or cubic filter for a scale below 1 with antialiasing. */
export const smoothFilter = (a: number | undefined, scale: number, excludeOutside: boolean): Filter => {
	const filter = stretched(a === undefined ? hat : cubic(a), scale);
	return excludeOutside ? inside(filter) : filter;
};

/** y[i] = x at coordinates[i], positions outside standing for the nearest end; zero where the coordinate is undefined. */
export const interpolation = (
	coordinates: readonly (number | undefined)[],
	length: number,
	filter: Filter,
): SparseMatrix => {
	const writer = boundedWriter(coordinates.length, length, 4 * coordinates.length);
	for (const x of coordinates) {
		const row = new Map<number, number>();
		for (const [position, weight] of x === undefined ? [] : filter(x, length)) {
			const column = Math.max(0, Math.min(length - 1, position));
			row.set(column, (row.get(column) ?? 0) + weight);
		}
		for (const [column, weight] of [...row].sort(([a], [b]) => a - b)) writer.entry(column, weight);
		writer.endRow();
	}
	return writer.build();
};
