import { fileURLToPath } from 'node:url';
import { readArrays } from '../../cli/arrays.ts';
import type { Rows } from './plain.ts';

/** Standardised features further out are taken for this: a few outliers would set the range of everything. */
const FURTHEST = 3;

/** Rows y_i (x_i, 1), y_i = 1 or -1: what the data owner encrypts, and what it tests the weights on. */
export type Data = { readonly train: Rows; readonly test: Rows };

const folder = fileURLToPath(new URL('../../models/breast-cancer/', import.meta.url));

const arrayIn = (file: string): { readonly shape: readonly number[]; readonly data: Float64Array } => {
	const array = readArrays(folder + file).get('');
	if (array === undefined) throw new Error(`${file} holds no array`);
	return array;
};

const rowsIn = (file: string): Rows => {
	const { shape, data } = arrayIn(file);
	const [count = 0, width = 0] = shape;
	return Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width));
};

/** Mean and standard deviation of each column. */
const momentsOf = (rows: Rows): readonly (readonly [mean: number, deviation: number])[] =>
	Array.from(rows[0] ?? [], (_, j) => {
		const mean = rows.reduce((total, row) => total + (row[j] ?? 0), 0) / rows.length;
		const variance = rows.reduce((total, row) => total + ((row[j] ?? 0) - mean) ** 2, 0) / rows.length;
		return [mean, Math.sqrt(variance)];
	});

export const limited = (value: number): number => Math.max(-FURTHEST, Math.min(FURTHEST, value));

/** y (x, 1) */
export const signed = (features: Float64Array, label: number): Float64Array => {
	const sign = label === 1 ? 1 : -1;
	return Float64Array.from([...features, 1], (value) => sign * value);
};

/**
 * The breast cancer data of Wisconsin: 426 rows to train on and 143 to test, 30 features, standardised by the training rows. The
 * data owner does this in the clear, before encryption.
 */
export const readData = (): Data => {
	const [train, test] = [rowsIn('model.calibration.npy'), rowsIn('samples/features.npy')];
	const moments = momentsOf(train);
	const prepared = (rows: Rows, labels: Float64Array): Rows =>
		rows.map((row, i) => {
			const features = row.map((value, j) => {
				const [mean, deviation] = moments[j] ?? [0, 1];
				return limited((value - mean) / deviation);
			});
			return signed(features, labels[i] ?? 0);
		});
	return {
		train: prepared(train, arrayIn('train/labels.npy').data),
		test: prepared(test, arrayIn('samples/labels.npy').data),
	};
};

/** The rows one after another, with zeros behind each and behind the last. */
export const packed = (rows: Rows, height: number, width: number): Float64Array => {
	const data = new Float64Array(height * width);
	for (const [i, row] of rows.entries()) data.set(row, i * width);
	return data;
};
