import type { Shape } from '../tensor/graph.ts';
import { nonZeros, type SparseMatrix } from '../tensor/sparse.ts';
import { anchored } from './anchored.ts';
import type { Placement } from './kernels/diagonals.ts';
import { type Layout, nextPowerOfTwo, periodOf, replicated, UNKNOWN, ZERO } from './layout.ts';

/** Rows that lie irregularly to their operands would take thousands of diagonals in place; another family is cheaper then. */
const MOST_DIAGONALS = 256;

/** Rows rows.start <= i < rows.end of a map go to one output ciphertext. */
type RowRange = { readonly start: number; readonly end: number };

/**
 * The families of placements for the rows of a linear map whose operands are packed as `layouts` (ARCHITECTURE, Packing). Each is
 * only a proposal: `diagonalsOf` says whether it can be served, the cost decides. `shapes` are those of the first operand and of
 * the result, where channels can be made use of.
 */
export const placementsOf = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	slots: number,
	shapes?: { readonly operand: Shape; readonly result: Shape },
): readonly (readonly Placement[])[] => {
	const rows = matrices[0]?.rows ?? 0;
	const chunks = Array.from({ length: Math.ceil(rows / slots) }, (_, k) => ({
		start: k * slots,
		end: Math.min(rows, (k + 1) * slots),
	}));
	const period = Math.max(1, ...layouts.map(periodOf));
	const [alike] = layouts;
	// Elementwise maps of operands that lie alike stay where they are: nothing can be cheaper than no rotation.
	if (alike !== undefined && layouts.every((layout) => layout.key === alike.key) && matrices.every(isDiagonal))
		return [inPlace(alike, period)];
	const proposals: (readonly Placement[])[] = [chunks.map((chunk) => hybrid(chunk, slots, period))];
	const first = chunks[0];
	if (first !== undefined && chunks.length === 1 && period < slots)
		proposals.push(...splits(first, slots, period).map((p) => [p]));
	const [matrix] = matrices;
	if (shapes !== undefined && matrix !== undefined && alike !== undefined && matrices.length === 1) {
		const windows = anchored(matrix, alike, shapes.operand, shapes.result);
		if (windows !== undefined) proposals.push(windows);
	}
	if (!matrices.every(isNarrow)) return proposals;
	if (alike !== undefined && matrices[0]?.columns === rows) proposals.push(inPlace(alike, period));
	proposals.push(inPlace(replicated(rows, slots), period));
	return proposals;
};

/**
 * Hybrid: r = rows padded to a power of two, diagonals 0..r-1, folds r, 2r .. up to the sources' period. Every slot ends with
 * a row, so the result is replicated with period r and nothing is left over. (No folds when r is the period: plain diagonals.)
 */
const hybrid = ({ start, end }: RowRange, slots: number, period: number): Placement => {
	const r = nextPowerOfTwo(end - start);
	const tile = Math.max(r, period);
	const filled = (t: number): boolean => t % r < end - start;
	return {
		family: tile === r ? 'diagonals' : 'hybrid',
		groupOf: Int32Array.from({ length: slots }, (_, t) => (filled(t) ? t % r : -1)),
		rowOf: Int32Array.from({ length: r }, (_, u) => start + u),
		folds: doublings(r, tile),
		result: Int32Array.from({ length: slots }, (_, t) => (filled(t) ? start + (t % r) : ZERO)),
		period: tile,
		window: r,
	};
};

/**
 * Copies share the rows: copy c of a source with period p sums rows c*r .. c*r + r - 1 in its own p slots, with r diagonals and
 * folds r .. p/2. Fewer diagonals by the number of copies; the result is not replicated and has leftovers between.
 */
const splits = ({ start, end }: RowRange, slots: number, period: number): readonly Placement[] => {
	const count = end - start;
	const copies = slots / period;
	const placements: Placement[] = [];
	for (let r = nextPowerOfTwo(count) / 2; r >= 1 && r * copies >= count; r /= 2) {
		if (r > period) continue;
		const rowAt = (t: number): number => Math.floor(t / period) * r + (t % r);
		const leftover = (t: number): boolean => t % period >= r;
		placements.push({
			family: 'split among copies',
			groupOf: Int32Array.from({ length: slots }, (_, t) => (rowAt(t) < count ? rowAt(t) : -1)),
			rowOf: Int32Array.from({ length: count }, (_, row) => start + row),
			folds: doublings(r, period),
			result: Int32Array.from({ length: slots }, (_, t) =>
				leftover(t) ? UNKNOWN : rowAt(t) < count ? start + rowAt(t) : ZERO,
			),
			period: slots,
			window: r,
		});
	}
	return placements;
};

/** Each row in the slots of a given layout, without folds; the offsets are whatever the matrix needs. Sources repeat with `period`. */
const inPlace = (layout: Layout, period: number, most = MOST_DIAGONALS): readonly Placement[] => {
	const tile = Math.max(period, periodOf(layout));
	return layout.parts.map((part) => {
		const held = part.map((element) => (element >= 0 ? element : -1));
		return {
			family: 'in place',
			groupOf: held.map((element, t) => (element >= 0 ? t : -1)),
			rowOf: held,
			folds: [],
			result: held.map((element) => (element >= 0 ? element : ZERO)),
			period: tile,
			window: 'any' as const,
			most,
		};
	});
};

/** Placements that give exactly `layout` of what lies in `source`: for operands that must meet elsewhere. */
export const into = (layout: Layout, source: Layout): readonly Placement[] =>
	inPlace(layout, periodOf(source), Number.POSITIVE_INFINITY);

/** Few enough entries in a row that offsets may be looked for one by one. */
const isNarrow = (matrix: SparseMatrix): boolean => nonZeros(matrix) <= 64 * matrix.rows;

/** y[i] = d[i] x[i]. */
const isDiagonal = (matrix: SparseMatrix): boolean => {
	for (let i = 0; i < matrix.rows; i++) {
		const start = matrix.rowStart[i] as number;
		const count = (matrix.rowStart[i + 1] as number) - start;
		if (count > 1 || (count === 1 && matrix.columnOf[start] !== i)) return false;
	}
	return matrix.rows === matrix.columns;
};

/** r, 2r, 4r .. below `limit`. */
const doublings = (r: number, limit: number): readonly number[] => {
	const folds: number[] = [];
	for (let fold = r; fold < limit; fold *= 2) folds.push(fold);
	return folds;
};
