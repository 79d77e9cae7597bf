import type { SparseMatrix } from '../../tensor/sparse.ts';
import { type Layout, layoutOf, nextPowerOfTwo, ZERO } from '../layout.ts';
import type { Diagonal, Placement } from './diagonals.ts';

/** A first layer that the client packs for: the layout of the input, and the products that meet it. */
export type Gather = {
	readonly layout: Layout;
	readonly placement: Placement;
	readonly diagonals: readonly Diagonal[];
};

/**
 * The client repeats input elements so that the products need no rotation at all (DESIGN 4.3). Row i, padded to a block of
 * r = 2^k rows, has its e-th entry in ciphertext floor(e / 2^f) and fold group e mod 2^f:
 *
 *     slots of ciphertext c:  | group 0: x of entry 0 of rows 0..r-1, repeated | group 1: entry 1 .. | .. 2^f groups
 *
 * Cost: ceil(entries / 2^f) ciphertexts and products, f folds (v/2, v/4 ..), one level. The result is replicated with period r.
 * One proposal for each f that fits; none when the rows do not fit one ciphertext.
 */
export const gathersOf = (matrix: SparseMatrix, slots: number): readonly Gather[] => {
	const r = nextPowerOfTwo(matrix.rows);
	if (r > slots) return [];
	const gathers: Gather[] = [];
	for (let folds = 0; r * 2 ** folds <= slots; folds++) gathers.push(gather(matrix, slots, r, folds));
	return gathers;
};

const gather = (matrix: SparseMatrix, slots: number, r: number, folds: number): Gather => {
	const { rows, rowStart, columnOf, values } = matrix;
	const groups = 2 ** folds;
	const width = slots / groups;
	const longest = Math.max(
		1,
		...Array.from({ length: rows }, (_, i) => (rowStart[i + 1] as number) - (rowStart[i] as number)),
	);
	const parts = Array.from({ length: Math.ceil(longest / groups) }, () => new Int32Array(slots).fill(ZERO));
	const plains = parts.map(() => new Float64Array(slots));
	for (let t = 0; t < slots; t++) {
		const row = t % r;
		if (row >= rows) continue;
		const group = Math.floor(t / width);
		parts.forEach((part, p) => {
			const entry = (rowStart[row] as number) + p * groups + group;
			if (entry >= (rowStart[row + 1] as number)) return;
			part[t] = columnOf[entry] as number;
			(plains[p] as Float64Array)[t] = values[entry] as number;
		});
	}
	return {
		layout: layoutOf(slots, parts),
		placement: {
			family: 'packed by the client',
			groupOf: Int32Array.from({ length: slots }, (_, t) => (t % r < rows ? t % width : -1)),
			rowOf: Int32Array.from({ length: width }, (_, u) => u % r),
			folds: Array.from({ length: folds }, (_, k) => slots / 2 ** (folds - k)),
			result: Int32Array.from({ length: slots }, (_, t) => (t % r < rows ? t % r : ZERO)),
			period: slots,
			window: 1,
		},
		diagonals: plains
			.map((plain, source) => ({ source, offset: 0, plain }))
			.filter(({ plain }) => plain.some((value) => value !== 0)),
	};
};
