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
	withoutZeros({
		rows: d.length,
		columns: d.length,
		rowStart: Int32Array.from({ length: d.length + 1 }, (_, i) => i),
		columnOf: Int32Array.from(d, (_, i) => i),
		values: Float64Array.from(d),
	});

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

/** The matrix with rows and columns exchanged, by counting the entries of each column. */
export const transposed = ({ rows, columns, rowStart, columnOf, values }: SparseMatrix): SparseMatrix => {
	const starts = new Int32Array(columns + 1);
	for (const column of columnOf) starts[column + 1] = (starts[column + 1] as number) + 1;
	for (let j = 0; j < columns; j++) starts[j + 1] = (starts[j + 1] as number) + (starts[j] as number);
	const next = starts.slice();
	const result = { columnOf: new Int32Array(values.length), values: new Float64Array(values.length) };
	for (let i = 0; i < rows; i++) {
		for (let k = rowStart[i] as number; k < (rowStart[i + 1] as number); k++) {
			const column = columnOf[k] as number;
			const at = next[column] as number;
			result.columnOf[at] = i;
			result.values[at] = values[k] as number;
			next[column] = at + 1;
		}
	}
	return { rows: columns, columns: rows, rowStart: starts, ...result };
};

/**
 * The product a b: first b, then a. Row by row into one dense row (Gustavson, 1978): one multiplication for each pair of
 * entries, and a sort of each row's columns.
 */
export const compose = (a: SparseMatrix, b: SparseMatrix): SparseMatrix => {
	if (a.columns !== b.rows)
		throw new InternalError('sparse', `cannot compose ${a.columns} columns with ${b.rows} rows`);
	const row = new Float64Array(b.columns);
	const touchedBy = new Int32Array(b.columns).fill(-1);
	const columns = new Int32Array(b.columns);
	const result = new RowWriter(a.rows, b.columns);
	for (let i = 0; i < a.rows; i++) {
		let count = 0;
		for (let k = a.rowStart[i] as number; k < (a.rowStart[i + 1] as number); k++) {
			const [j, factor] = [a.columnOf[k] as number, a.values[k] as number];
			for (let m = b.rowStart[j] as number; m < (b.rowStart[j + 1] as number); m++) {
				const column = b.columnOf[m] as number;
				if (touchedBy[column] !== i) {
					touchedBy[column] = i;
					columns[count++] = column;
					row[column] = 0;
				}
				row[column] = (row[column] as number) + factor * (b.values[m] as number);
			}
		}
		for (const column of columns.subarray(0, count).sort()) result.entry(column, row[column] as number);
		result.endRow();
	}
	return result.build();
};

/** a + b. */
export const sum = (a: SparseMatrix, b: SparseMatrix): SparseMatrix => {
	const result = new RowWriter(a.rows, a.columns);
	for (let i = 0; i < a.rows; i++) {
		let [k, m] = [a.rowStart[i] as number, b.rowStart[i] as number];
		const [endA, endB] = [a.rowStart[i + 1] as number, b.rowStart[i + 1] as number];
		while (k < endA || m < endB) {
			const inA = k < endA ? (a.columnOf[k] as number) : Number.POSITIVE_INFINITY;
			const inB = m < endB ? (b.columnOf[m] as number) : Number.POSITIVE_INFINITY;
			const value = (inA <= inB ? (a.values[k++] as number) : 0) + (inB <= inA ? (b.values[m++] as number) : 0);
			result.entry(Math.min(inA, inB), value);
		}
		result.endRow();
	}
	return result.build();
};

/**
 * Writes a matrix row by row; columns of a row must come in ascending order. Zeros are dropped. `capacity` is the number of
 * entries that room is made for at first; it grows.
 */
export class RowWriter {
	readonly #columns: number;
	readonly #rowStart: Int32Array;
	#columnOf: Int32Array;
	#values: Float64Array;
	#rows = 0;
	#count = 0;

	constructor(rows: number, columns: number, capacity = 1024) {
		this.#columns = columns;
		this.#rowStart = new Int32Array(rows + 1);
		this.#columnOf = new Int32Array(capacity);
		this.#values = new Float64Array(capacity);
	}

	entry(column: number, value: number): void {
		if (value === 0) return;
		if (this.#count === this.#values.length) {
			const capacity = Math.max(1024, 2 * this.#count);
			const [columnOf, values] = [new Int32Array(capacity), new Float64Array(capacity)];
			columnOf.set(this.#columnOf);
			values.set(this.#values);
			[this.#columnOf, this.#values] = [columnOf, values];
		}
		this.#columnOf[this.#count] = column;
		this.#values[this.#count++] = value;
	}

	endRow(): void {
		this.#rowStart[++this.#rows] = this.#count;
	}

	build(): SparseMatrix {
		return {
			rows: this.#rows,
			columns: this.#columns,
			rowStart: this.#rowStart,
			columnOf: this.#count === this.#columnOf.length ? this.#columnOf : this.#columnOf.slice(0, this.#count),
			values: this.#count === this.#values.length ? this.#values : this.#values.slice(0, this.#count),
		};
	}
}

/** The same matrix without stored zeros. */
const withoutZeros = (matrix: SparseMatrix): SparseMatrix => {
	if (matrix.values.every((value) => value !== 0)) return matrix;
	const result = new RowWriter(matrix.rows, matrix.columns);
	for (let i = 0; i < matrix.rows; i++) {
		for (const [column, value] of entriesOf(matrix, i)) result.entry(column, value);
		result.endRow();
	}
	return result.build();
};

/** The [column, value] entries of row i, columns ascending. */
function* entriesOf(matrix: SparseMatrix, i: number): Generator<readonly [number, number]> {
	const end = matrix.rowStart[i + 1] as number;
	for (let k = matrix.rowStart[i] as number; k < end; k++)
		yield [matrix.columnOf[k] as number, matrix.values[k] as number];
}

/** Multiplications that the product a b takes: never fewer than it has entries. Cost: one step for each entry of a. */
export const productsIn = (a: SparseMatrix, b: SparseMatrix): number => {
	let count = 0;
	for (const j of a.columnOf) count += (b.rowStart[j + 1] as number) - (b.rowStart[j] as number);
	return count;
};

/** Number of entries that are not zero. */
export const nonZeros = (matrix: SparseMatrix): number => matrix.values.length;

/** Is M = I? */
export const isIdentity = (matrix: SparseMatrix): boolean =>
	matrix.rows === matrix.columns &&
	nonZeros(matrix) === matrix.rows &&
	matrix.values.every((value) => value === 1) &&
	matrix.columnOf.every((column, k) => column === k);
