/** Data of the zoo that examples are about. */
import { join } from 'node:path';
import { readArrays } from '../cli/arrays.ts';

const MODELS = join(import.meta.dirname, '..', 'models');

const only = (path: string) => {
	const [array] = readArrays(join(MODELS, path)).values();
	if (array === undefined) throw new Error(`${path} holds no array`);
	return array;
};

/** All numbers of the only array in a file below models/. */
const valuesOf = (path: string): Float64Array => only(path).data;

/** Its rows, by the first axis. */
export const rowsOf = (path: string): Float64Array[] => {
	const { shape, data } = only(path);
	const [count = 0] = shape;
	const size = data.length / count;
	return Array.from({ length: count }, (_, i) => data.slice(i * size, (i + 1) * size));
};

/** Rows of features and their labels, 0 or 1. */
export type Labelled = { readonly inputs: readonly Float64Array[]; readonly labels: Float64Array };

/**
 * The breast cancer data of Wisconsin: 426 rows to train on and 143 to test, 30 features, each brought to mean 0 and deviation 1 by the
 * rows to train on.
 */
export const breastCancer = (): { readonly train: Labelled; readonly test: Labelled } => {
	const [train, test] = [rowsOf('breast-cancer/model.calibration.npy'), rowsOf('breast-cancer/samples/features.npy')];
	const moments = Array.from(train[0] ?? [], (_, k) => momentsOf(train.map((row) => row[k] ?? 0)));
	const scaled = (row: Float64Array): Float64Array =>
		row.map((value, k) => {
			const { mean, deviation } = moments[k] ?? { mean: 0, deviation: 1 };
			return (value - mean) / deviation;
		});
	return {
		train: { inputs: train.map(scaled), labels: valuesOf('breast-cancer/train/labels.npy') },
		test: { inputs: test.map(scaled), labels: valuesOf('breast-cancer/samples/labels.npy') },
	};
};

const momentsOf = (values: readonly number[]): { readonly mean: number; readonly deviation: number } => {
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
};
