import { breastCancer, type Labelled } from '../data.ts';
import type { Rows } from './plain.ts';

/** Standardised features further out are taken for this: a few outliers would set the range of everything. */
const FURTHEST = 3;

/** Rows y_i (x_i, 1), y_i = 1 or -1: what the data owner encrypts, and what it tests the weights on. */
export type Data = { readonly train: Rows; readonly test: Rows };

export const limited = (value: number): number => Math.max(-FURTHEST, Math.min(FURTHEST, value));

/** y (x, 1) */
export const signed = (features: Float64Array, label: number): Float64Array => {
	const sign = label === 1 ? 1 : -1;
	return Float64Array.from([...features, 1], (value) => sign * value);
};

/** The breast cancer data, standardised and limited. The data owner does this in the clear, before encryption. */
export const readData = (): Data => {
	const { train, test } = breastCancer();
	const prepared = ({ inputs, labels }: Labelled): Rows =>
		inputs.map((row, i) => signed(row.map(limited), labels[i] ?? 0));
	return { train: prepared(train), test: prepared(test) };
};

/** The rows one after another, with zeros behind each and behind the last. */
export const packed = (rows: Rows, height: number, width: number): Float64Array => {
	const data = new Float64Array(height * width);
	for (const [i, row] of rows.entries()) data.set(row, i * width);
	return data;
};
