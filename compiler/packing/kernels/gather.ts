import { type Shape, sizeOf } from '../../tensor/graph.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import { type Layout, layoutOf, nextPowerOfTwo, ZERO } from '../layout.ts';
import type { Diagonal, Placement } from './diagonals.ts';

/** A first layer that the client packs for: the layout of the input, and the products that meet it. */
export type Gather = {
	readonly layout: Layout;
	readonly placement: Placement;
	readonly diagonals: readonly Diagonal[];
};

/** Where the rows lie within a block of `width` = 2^k slots that is repeated: the row of each slot, or -1. */
type Rows = Int32Array;

/**
 * The client repeats input elements so that the products need no rotation but the folds. Row i, in a block of r = 2^k
 * slots, has its e-th entry in ciphertext floor(e / 2^f) and fold group e mod 2^f:
 *
 *     slots of ciphertext c:  | group 0: x of entry 0 of rows 0..r-1, repeated | group 1: entry 1 .. | .. 2^f groups
 *
 * Cost: ceil(entries / 2^f) ciphertexts and products, f folds (v/2, v/4 ..), one level. The result is replicated with period r.
 * One proposal for each f that fits, rows one after another and, for a result with channels, channels at distances of a power
 * of two (a convolution that follows then has few offsets). None when the rows do not fit one ciphertext.
 */
export const gathersOf = (matrix: SparseMatrix, slots: number, result: Shape): readonly Gather[] =>
	[oneAfterAnother(matrix.rows), ...byChannel(matrix.rows, result)].flatMap((rows) => {
		const gathers: Gather[] = [];
		for (let folds = 0; rows.length * 2 ** folds <= slots; folds++) gathers.push(gather(matrix, slots, rows, folds));
		return gathers;
	});

const oneAfterAnother = (count: number): Rows =>
	Int32Array.from({ length: nextPowerOfTwo(count) }, (_, u) => (u < count ? u : -1));

const byChannel = (count: number, result: Shape): readonly Rows[] => {
	const inner = sizeOf(result.slice(2));
	const channels = count / inner;
	const distance = nextPowerOfTwo(inner);
	if (result.length < 3 || channels === 1 || !Number.isInteger(channels) || distance === inner) return [];
	const rows = new Int32Array(nextPowerOfTwo(channels) * distance).fill(-1);
	for (let i = 0; i < count; i++) rows[Math.floor(i / inner) * distance + (i % inner)] = i;
	return [rows];
};

const gather = (matrix: SparseMatrix, slots: number, rows: Rows, folds: number): Gather => {
	const { rowStart, columnOf, values } = matrix;
	const groups = 2 ** folds;
	const width = slots / groups;
	const longest = longestRow(matrix);
	const parts = Array.from({ length: Math.ceil(longest / groups) }, () => new Int32Array(slots).fill(ZERO));
	const plains = parts.map(() => new Float64Array(slots));
	for (let t = 0; t < slots; t++) {
		const row = rows[t % rows.length] as number;
		if (row < 0) continue;
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
			groupOf: Int32Array.from({ length: slots }, (_, t) => ((rows[t % rows.length] as number) >= 0 ? t % width : -1)),
			rowOf: Int32Array.from({ length: width }, (_, u) => Math.max(0, rows[u % rows.length] as number)),
			folds: Array.from({ length: folds }, (_, k) => slots / 2 ** (folds - k)),
			result: Int32Array.from({ length: slots }, (_, t) => rows[t % rows.length] as number),
			period: slots,
			window: 1,
		},
		diagonals: plains
			.map((plain, source) => ({ source, offset: 0, plain }))
			.filter(({ plain }) => plain.some((value) => value !== 0)),
	};
};

/** Entries of the longest row, at least 1. */
const longestRow = ({ rows, rowStart }: SparseMatrix): number => {
	let longest = 1;
	for (let i = 0; i < rows; i++) longest = Math.max(longest, (rowStart[i + 1] as number) - (rowStart[i] as number));
	return longest;
};
