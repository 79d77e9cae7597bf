import { type Shape, sizeOf } from '../../tensor/graph.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import { type Layout, layoutOf, nextPowerOfTwo, ZERO } from '../layout.ts';
import type { MapOutput } from './map.ts';

/** A first layer that the client packs for: the layout of the input, and the products that meet it. */
export type Gather = { readonly layout: Layout; readonly outputs: readonly MapOutput[] };

/** Where the rows lie: the row of each slot, or -1, in 2^k slots that are repeated, or that fill several ciphertexts. */
type Rows = Int32Array;

/**
 * The client repeats input elements so that the products need no rotation but the folds. Row i, in a block of r = 2^k
 * slots, has its e-th entry in ciphertext floor(e / 2^f) and fold group e mod 2^f:
 *
 *     slots of ciphertext c:  | group 0: x of entry 0 of rows 0..r-1, repeated | group 1: entry 1 .. | .. 2^f groups
 *
 * Cost: ceil(entries / 2^f) ciphertexts and products, f folds (v/2, v/4 ..), one level. The result is replicated with period r.
 * One proposal for each f that fits, rows one after another and, for a result with channels, channels at distances of a power
 * of two (a convolution that follows then has few offsets). Rows that need several ciphertexts are packed for each, without folds.
 */
export const gathersOf = (matrix: SparseMatrix, slots: number, result: Shape): readonly Gather[] =>
	[oneAfterAnother(matrix.rows), ...byChannel(matrix.rows, result)].flatMap((rows) => {
		const longest = longestRow(matrix);
		if (rows.length > slots)
			return (longest * rows.length) / slots <= MOST_IN_ALL ? gather(matrix, slots, rows, 0) : [];
		const gathers: Gather[] = [];
		for (let folds = 0; rows.length * 2 ** folds <= slots; folds++) {
			const mostFolds = rows.length * 2 ** (folds + 1) > slots;
			if (longest / 2 ** folds <= MOST_CIPHERTEXTS || mostFolds) gathers.push(...gather(matrix, slots, rows, folds));
		}
		return gathers;
	});

/** An upload of more ciphertexts is proposed only when no more folds fit. */
const MOST_CIPHERTEXTS = 64;
/** No upload of more ciphertexts is proposed for a result of several. */
const MOST_IN_ALL = 2048;

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

/** None when a ciphertext of the result has no entries at all. */
const gather = (matrix: SparseMatrix, slots: number, rows: Rows, folds: number): readonly Gather[] => {
	const parts: Int32Array[] = [];
	const outputs: MapOutput[] = [];
	for (let start = 0; start < rows.length; start += slots) {
		const chunk = rows.subarray(start, start + slots);
		if (chunk.every((row) => row < 0)) continue;
		const gathered = gatherOne(matrix, slots, chunk, folds, parts.length);
		if (gathered.parts.length === 0) return [];
		parts.push(...gathered.parts);
		outputs.push(gathered.output);
	}
	return [{ layout: layoutOf(slots, parts), outputs }];
};

/** One ciphertext of the result; the ciphertexts that the client packs for it are counted from `first` on. */
const gatherOne = (
	matrix: SparseMatrix,
	slots: number,
	rows: Rows,
	folds: number,
	first: number,
): { readonly parts: readonly Int32Array[]; readonly output: MapOutput } => {
	const { rowStart, columnOf, values } = matrix;
	const groups = 2 ** folds;
	const width = slots / groups;
	/** In each slot of ciphertext p, where its entry of the matrix is; -1 for none. */
	const entriesOf = (p: number): Int32Array =>
		Int32Array.from({ length: slots }, (_, t) => {
			const row = rows[t % rows.length] as number;
			if (row < 0) return -1;
			const entry = (rowStart[row] as number) + p * groups + Math.floor(t / width);
			return entry < (rowStart[row + 1] as number) ? entry : -1;
		});
	const count = Math.ceil(longestRow(matrix) / groups);
	const used = [...Array(count).keys()].filter((p) => entriesOf(p).some((entry) => entry >= 0));
	return {
		parts: used.map((p) => entriesOf(p).map((entry) => (entry < 0 ? ZERO : (columnOf[entry] as number)))),
		output: {
			cover: {
				diagonals: used.map((_, k) => ({ source: first + k, offset: 0 })),
				// No offsets, no shifts.
				plains: () =>
					used.map((p) => Float64Array.from(entriesOf(p), (entry) => (entry < 0 ? 0 : (values[entry] as number)))),
				summed: false,
			},
			placement: {
				family: 'packed by the client',
				folds: Array.from({ length: folds }, (_, k) => slots / 2 ** (folds - k)),
				result: Int32Array.from({ length: slots }, (_, t) => rows[t % rows.length] as number),
			},
		},
	};
};

/** Entries of the longest row, at least 1. */
const longestRow = ({ rows, rowStart }: SparseMatrix): number => {
	let longest = 1;
	for (let i = 0; i < rows; i++) longest = Math.max(longest, (rowStart[i + 1] as number) - (rowStart[i] as number));
	return longest;
};
