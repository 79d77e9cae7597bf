import { refuse } from '../../errors.ts';
import { RowWriter } from '../sparse.ts';

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

/** A writer with room for `capacity` entries. Errors: 'size' when that is beyond MAX_ENTRIES. */
export const boundedWriter = (rows: number, columns: number, capacity: number): RowWriter => {
	if (capacity > MAX_ENTRIES || rows > MAX_ENTRIES || columns > MAX_ENTRIES)
		refuse({
			code: 'size',
			message: `This operation is a linear map of ${rows} x ${columns} with up to ${capacity} entries; at most ${MAX_ENTRIES} are compiled.`,
			hint: 'Use a smaller input, fewer channels or a larger stride before this layer.',
		});
	return new RowWriter(rows, columns, capacity);
};
