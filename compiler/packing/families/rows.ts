import type { Placement } from '../kernels/diagonals.ts';
import { nextPowerOfTwo, UNKNOWN, ZERO } from '../layout.ts';

/** Rows start <= i < end of a map go to one output ciphertext. */
export type RowRange = { readonly start: number; readonly end: number };

/**
 * Hybrid: r = rows padded to a power of two, diagonals 0..r-1, folds r, 2r .. up to the sources' period. Every slot ends with
 * a row, so the result is replicated with period r and nothing is left over. (No folds when r is the period: plain diagonals.)
 */
export const hybrid = ({ start, end }: RowRange, slots: number, period: number): Placement => {
	const count = end - start;
	const r = nextPowerOfTwo(count);
	const tile = Math.max(r, period);
	return {
		family: tile === r ? 'diagonals' : 'hybrid',
		rowOf: Int32Array.from({ length: count }, (_, u) => start + u),
		meet: r <= period ? (u, s) => (s - ((s - u) & (r - 1))) & (period - 1) : (u) => u,
		folds: doublings(r, tile),
		result: Int32Array.from({ length: slots }, (_, t) => (t % r < count ? start + (t % r) : ZERO)),
		period: tile,
		lowest: 0,
	};
};

/**
 * Copies share the rows: copy c of a source with period p sums rows c*r .. c*r + r - 1 in its own p slots, with r diagonals and
 * folds r .. p/2. Fewer diagonals by the number of copies; the result is not replicated and has leftovers between.
 */
export const splits = ({ start, end }: RowRange, slots: number, period: number): readonly Placement[] => {
	const count = end - start;
	const copies = slots / period;
	const placements: Placement[] = [];
	for (let r = nextPowerOfTwo(count) / 2; r >= 1 && r * copies >= count; r /= 2) {
		if (r > period) continue;
		const rowAt = (t: number): number => Math.floor(t / period) * r + (t % r);
		const leftover = (t: number): boolean => t % period >= r;
		placements.push({
			family: 'split among copies',
			rowOf: Int32Array.from({ length: count }, (_, row) => start + row),
			meet: (row, s) => Math.floor(row / r) * period + ((s - ((s - (row % r)) & (r - 1))) & (period - 1)),
			folds: doublings(r, period),
			result: Int32Array.from({ length: slots }, (_, t) =>
				leftover(t) ? UNKNOWN : rowAt(t) < count ? start + rowAt(t) : ZERO,
			),
			period: slots,
			lowest: 0,
		});
	}
	return placements;
};

/** r, 2r, 4r .. below `limit`. */
export const doublings = (r: number, limit: number): readonly number[] => {
	const folds: number[] = [];
	for (let fold = r; fold < limit; fold *= 2) folds.push(fold);
	return folds;
};
