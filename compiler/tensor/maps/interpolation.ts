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

/**
 * Cubic convolution (Keys, 1981) with coefficient a on four elements; `excludeOutside` leaves out those beyond the ends and
 * divides by what weight is left.
 */
export const cubicFilter =
	(a: number, excludeOutside: boolean): Filter =>
	(x, length) => {
		const k = Math.floor(x);
		const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
		const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
		const t = x - k;
		const taps = [
			[k - 1, far(1 + t)],
			[k, near(t)],
			[k + 1, near(1 - t)],
			[k + 2, far(2 - t)],
		] as const;
		if (!excludeOutside) return taps;
		const inside = taps.filter(([at]) => at >= 0 && at < length);
		const weight = inside.reduce((sum, [, value]) => sum + value, 0);
		return inside.map(([at, value]) => [at, value / weight]);
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
