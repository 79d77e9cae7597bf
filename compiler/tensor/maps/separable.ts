import { identity, type SparseMatrix } from '../sparse.ts';
import { boundedWriter } from './rows.ts';

/**
 * Linear maps that treat every axis by itself: y[i_0, i_1, ...] = sum of M_0[i_0, j_0] M_1[i_1, j_1] ... x[j_0, j_1, ...].
 * Sums along axes, running sums and interpolation are of this form.
 */
export const separable = (axes: readonly SparseMatrix[]): SparseMatrix => axes.reduce(kronecker, identity(1));

/** (a x b)[i r + k, j c + m] = a[i, j] b[k, m], where b is r x c. */
const kronecker = (a: SparseMatrix, b: SparseMatrix): SparseMatrix => {
	const writer = boundedWriter(a.rows * b.rows, a.columns * b.columns, a.values.length * b.values.length);
	for (let i = 0; i < a.rows; i++) {
		for (let k = 0; k < b.rows; k++) {
			for (let s = a.rowStart[i] as number; s < (a.rowStart[i + 1] as number); s++) {
				const start = (a.columnOf[s] as number) * b.columns;
				for (let t = b.rowStart[k] as number; t < (b.rowStart[k + 1] as number); t++)
					writer.entry(start + (b.columnOf[t] as number), (a.values[s] as number) * (b.values[t] as number));
			}
			writer.endRow();
		}
	}
	return writer.build();
};

/** y[i] = weight * (x[0] + x[1] + ...) for each of the rows */
export const totals = (rows: number, length: number, weight: number): SparseMatrix => {
	const writer = boundedWriter(rows, length, rows * length);
	for (let i = 0; i < rows; i++) {
		for (let j = 0; j < length; j++) writer.entry(j, weight);
		writer.endRow();
	}
	return writer.build();
};

/** y[0] = weight * (x[0] + x[1] + ...) */
export const total = (length: number, weight: number): SparseMatrix => totals(1, length, weight);

/** y[i] = sum of x[j] over j <= i, without x[i] when exclusive; over j >= i in reverse. */
export const runningSums = (length: number, exclusive: boolean, reverse: boolean): SparseMatrix => {
	const writer = boundedWriter(length, length, (length * (length + 1)) / 2);
	const own = exclusive ? 0 : 1;
	for (let i = 0; i < length; i++) {
		const [start, end] = reverse ? [i + 1 - own, length] : [0, i + own];
		for (let j = start; j < end; j++) writer.entry(j, 1);
		writer.endRow();
	}
	return writer.build();
};

/** y[i] = sum of x[j] over i - before <= j <= i + after */
export const slidingSums = (length: number, before: number, after: number): SparseMatrix => {
	const writer = boundedWriter(length, length, length * Math.min(length, before + after + 1));
	for (let i = 0; i < length; i++) {
		for (let j = Math.max(0, i - before); j <= Math.min(length - 1, i + after); j++) writer.entry(j, 1);
		writer.endRow();
	}
	return writer.build();
};
