import { InternalError } from '../errors.ts';

/**
 * A sparse matrix M of `rows` x `columns` by compressed rows: row i holds values[k] at column columnOf[k] for
 * rowStart[i] <= k < rowStart[i + 1], columns ascending, no zeros and no column twice.
 */
export type SparseMatrix = {
	readonly rows: number;
	readonly columns: number;
	readonly rowStart: Int32Array;
	readonly columnOf: Int32Array;
	readonly values: Float64Array;
};

/** Collects entries in any order; entries at the same place are summed. */
export class SparseBuilder {
	readonly #rows: Map<number, number>[];
	readonly #columns: number;

	constructor(rows: number, columns: number) {
		this.#rows = Array.from({ length: rows }, () => new Map());
		this.#columns = columns;
	}

	add(row: number, column: number, value: number): void {
		const entries = this.#rows[row];
		if (entries === undefined || column < 0 || column >= this.#columns)
			throw new InternalError('sparse', `entry (${row}, ${column}) lies outside the matrix`);
		entries.set(column, (entries.get(column) ?? 0) + value);
	}

	build(): SparseMatrix {
		return fromRows(
			this.#columns,
			this.#rows.map((row) => [...row]),
		);
	}
}

/** The matrix whose row i has the given [column, value] entries, in any order; zeros are dropped. */
const fromRows = (columns: number, rows: readonly (readonly (readonly [number, number])[])[]): SparseMatrix => {
	const kept = rows.map((row) => row.filter(([, value]) => value !== 0).sort(([a], [b]) => a - b));
	const rowStart = new Int32Array(rows.length + 1);
	kept.forEach((row, i) => {
		rowStart[i + 1] = (rowStart[i] as number) + row.length;
	});
	const entries = kept.flat();
	return {
		rows: rows.length,
		columns,
		rowStart,
		columnOf: Int32Array.from(entries, ([column]) => column),
		values: Float64Array.from(entries, ([, value]) => value),
	};
};

/** diag(d). */
export const diagonal = (d: ArrayLike<number>): SparseMatrix =>
	fromRows(
		d.length,
		Array.from(d, (value, i) => [[i, value] as const]),
	);

export const identity = (size: number): SparseMatrix => diagonal(new Float64Array(size).fill(1));

/** y[i] = x[source[i]]; a source of -1 gives zero. Permutations, slices, broadcasts and paddings are of this form. */
export const selection = (source: ArrayLike<number>, columns: number): SparseMatrix =>
	fromRows(
		columns,
		Array.from(source, (column) => (column < 0 ? [] : [[column, 1] as const])),
	);

/** y = M x. */
export const apply = (matrix: SparseMatrix, x: ArrayLike<number>): Float64Array => {
	const { rows, rowStart, columnOf, values } = matrix;
	const y = new Float64Array(rows);
	for (let i = 0; i < rows; i++) {
		let sum = 0;
		const end = rowStart[i + 1] as number;
		for (let k = rowStart[i] as number; k < end; k++)
			sum += (values[k] as number) * (x[columnOf[k] as number] as number);
		y[i] = sum;
	}
	return y;
};

/** The product a b: first b, then a. */
export const compose = (a: SparseMatrix, b: SparseMatrix): SparseMatrix => {
	if (a.columns !== b.rows)
		throw new InternalError('sparse', `cannot compose ${a.columns} columns with ${b.rows} rows`);
	const sum = new Float64Array(b.columns);
	const touched = new Uint8Array(b.columns);
	const rows: [number, number][][] = [];
	for (let i = 0; i < a.rows; i++) {
		const columns: number[] = [];
		for (const [j, value] of entriesOf(a, i)) {
			for (const [k, inner] of entriesOf(b, j)) {
				if (touched[k] === 0) {
					touched[k] = 1;
					columns.push(k);
				}
				sum[k] = (sum[k] as number) + value * inner;
			}
		}
		rows.push(columns.map((k) => [k, sum[k] as number]));
		for (const k of columns) {
			sum[k] = 0;
			touched[k] = 0;
		}
	}
	return fromRows(b.columns, rows);
};

/** a + b. */
export const sum = (a: SparseMatrix, b: SparseMatrix): SparseMatrix => {
	const builder = new SparseBuilder(a.rows, a.columns);
	for (const matrix of [a, b])
		for (let i = 0; i < matrix.rows; i++) for (const [j, value] of entriesOf(matrix, i)) builder.add(i, j, value);
	return builder.build();
};

/** The [column, value] entries of row i, columns ascending. */
export function* entriesOf(matrix: SparseMatrix, i: number): Generator<readonly [number, number]> {
	const end = matrix.rowStart[i + 1] as number;
	for (let k = matrix.rowStart[i] as number; k < end; k++)
		yield [matrix.columnOf[k] as number, matrix.values[k] as number];
}

/** Number of entries that are not zero. */
export const nonZeros = (matrix: SparseMatrix): number => matrix.values.length;

/** Is M = I? */
export const isIdentity = (matrix: SparseMatrix): boolean =>
	matrix.rows === matrix.columns &&
	nonZeros(matrix) === matrix.rows &&
	matrix.values.every((value) => value === 1) &&
	matrix.columnOf.every((column, k) => column === k);

/** Does every row and every column hold at most one entry? Such a map scales and moves, and mixes nothing. */
export const isMonomial = (matrix: SparseMatrix): boolean =>
	new Set(matrix.columnOf).size === nonZeros(matrix) &&
	matrix.rowStart.every((start, i) => i === 0 || start - (matrix.rowStart[i - 1] as number) <= 1);
