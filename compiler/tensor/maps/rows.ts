import { refuse } from '../../errors.ts';
import type { SparseMatrix } from '../sparse.ts';

/** More entries than this are refused: 12 bytes each, and every pass that follows copies them. */
export const MAX_ENTRIES = 2 ** 26;

/** Errors: 'size' when a tensor would have more than MAX_ENTRIES elements; asked before anything of that size exists. */
export const checkSize = (elements: number): void => {
	if (!(elements <= MAX_ENTRIES))
		refuse({
			code: 'size',
			message: `This operation makes a tensor or an axis of ${elements} elements; at most ${MAX_ENTRIES} are compiled.`,
		});
};

/**
 * Writes a sparse matrix row by row into arrays allocated once; columns of a row must come in ascending order. Zeros are
 * dropped. `capacity` bounds the number of entries. Errors: 'size' when it is beyond MAX_ENTRIES.
 */
export class RowWriter {
	readonly #columns: number;
	readonly #rowStart: Int32Array;
	readonly #columnOf: Int32Array;
	readonly #values: Float64Array;
	#rows = 0;
	#count = 0;

	constructor(rows: number, columns: number, capacity: number) {
		if (capacity > MAX_ENTRIES || rows > MAX_ENTRIES || columns > MAX_ENTRIES)
			refuse({
				code: 'size',
				message: `This operation is a linear map of ${rows} x ${columns} with up to ${capacity} entries; at most ${MAX_ENTRIES} are compiled.`,
				hint: 'Use a smaller input, fewer channels or a larger stride before this layer.',
			});
		this.#columns = columns;
		this.#rowStart = new Int32Array(rows + 1);
		this.#columnOf = new Int32Array(capacity);
		this.#values = new Float64Array(capacity);
	}

	entry(column: number, value: number): void {
		if (value === 0) return;
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
