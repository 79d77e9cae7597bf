import { refuse } from '../../errors.ts';
import { RowWriter } from '../sparse.ts';

/** More entries of a matrix than this are refused: 12 bytes each, and every pass that follows copies them. */
export const MAX_ENTRIES = 2 ** 25;

/** More elements of a tensor than this are refused: what finds the place of each of them takes about 40 bytes. */
export const MAX_ELEMENTS = 2 ** 24;

/** Errors: 'size' when a tensor would have more than MAX_ELEMENTS elements; asked before anything of that size exists. */
export const checkSize = (elements: number): void => {
	if (!(elements <= MAX_ELEMENTS))
		refuse({
			code: 'size',
			message: `This operation makes a tensor or an axis of ${elements} elements; at most ${MAX_ELEMENTS} are compiled.`,
		});
};

/** More axes than this are refused; numpy has as many. */
const MAX_RANK = 64;

/** Errors: 'shape' for a tensor of more than MAX_RANK axes. */
export const checkRank = (rank: number): void => {
	if (rank > MAX_RANK)
		refuse({ code: 'shape', message: `A tensor has ${rank} axes; at most ${MAX_RANK} are compiled.` });
};

/** Errors: 'size' for a matrix of more than MAX_ENTRIES entries, or between tensors of more than MAX_ELEMENTS elements. */
export const checkEntries = (rows: number, columns: number, capacity: number): void => {
	if (capacity > MAX_ENTRIES || rows > MAX_ELEMENTS || columns > MAX_ELEMENTS)
		refuse({
			code: 'size',
			message: `This operation is a linear map of ${rows} x ${columns} with up to ${capacity} entries; at most ${MAX_ENTRIES} are compiled.`,
			hint: 'Use a smaller input, fewer channels or a larger stride before this layer.',
		});
};

/** A writer with room for `capacity` entries. Errors: 'size' when that is too many. */
export const boundedWriter = (rows: number, columns: number, capacity: number): RowWriter => {
	checkEntries(rows, columns, capacity);
	return new RowWriter(rows, columns, capacity);
};
