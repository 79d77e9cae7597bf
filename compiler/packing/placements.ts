import type { Shape } from '../tensor/graph.ts';
import { nonZeros, type SparseMatrix } from '../tensor/sparse.ts';
import { inPlace } from './families/inPlace.ts';
import { hybrid, splits } from './families/rows.ts';
import { windows } from './families/windows.ts';
import type { Placement } from './kernels/diagonals.ts';
import { type Layout, periodOf, replicated } from './layout.ts';

/**
 * The families of placements for the rows of a linear map whose operands are packed as `layouts` (ARCHITECTURE, Packing). Each is
 * only a proposal: `coverOf` says whether it can be served, the cost decides. `shapes` are those of the operands and of
 * the result, where channels can be made use of. `thorough`: also what is seldom worth looking at.
 */
export const placementsOf = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	slots: number,
	shapes?: { readonly operands: readonly Shape[]; readonly result: Shape },
	thorough = false,
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
	const rowWise: (readonly Placement[])[] = [chunks.map((chunk) => hybrid(chunk, slots, period))];
	const first = chunks[0];
	if (first !== undefined && chunks.length === 1 && period < slots)
		rowWise.push(...splits(first, slots, period).map((p) => [p]));
	// The largest map says how the result lies; a residual connection beside a convolution follows it.
	const main = matrices.reduce((a, b, k) => (nonZeros(b) > nonZeros(matrices[a] as SparseMatrix) ? k : a), 0);
	const [matrix, layout, operand] = [matrices[main], layouts[main], shapes?.operands[main]];
	const windowed =
		shapes === undefined || matrix === undefined || layout === undefined || operand === undefined
			? []
			: windows(matrix, layout, operand, shapes.result, period);
	// Where windows serve, rows one by one take many times their diagonals: no need to count them all.
	const most = windowed.length > 0 && !thorough ? MOST_BESIDE_WINDOWS : undefined;
	const limited = (placement: Placement): Placement => (most === undefined ? placement : { ...placement, most });
	const proposals = [...rowWise.map((placements) => placements.map(limited)), ...windowed];
	if (!matrices.every(isNarrow)) return proposals;
	if (alike !== undefined && matrices[0]?.columns === rows) proposals.push(inPlace(alike, period));
	proposals.push(inPlace(replicated(rows, slots), period));
	return proposals;
};

/** Diagonals of rows one by one that are looked for where there are windows. */
const MOST_BESIDE_WINDOWS = 2048;

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
