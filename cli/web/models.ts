import { join } from 'node:path';
import { type Compiled, compile } from '../../compiler/index.ts';
import { readArrays } from '../arrays.ts';
import { readModel, readSamples } from '../model.ts';
import { packageRoot } from '../package.ts';
import type { DemoSamples, Example, Range } from './samples.ts';

const folderOf = (name: string): string => join(packageRoot(), 'models', name);

type Rows = readonly Float64Array[];

const rowsOf = (file: string, name: string, shape: readonly number[]): Rows =>
	readSamples([file], [{ name, shape }]).get(name) ?? [];

const labelsOf = (folder: string): ArrayLike<number> =>
	readArrays(join(folder, 'samples', 'labels.npy')).get('')?.data ?? [];

const compileIn = (folder: string, name: string, shape: readonly number[]): Compiled => {
	const calibration = new Map([[name, rowsOf(join(folder, 'model.calibration.npy'), name, shape)]]);
	return compile(readModel(join(folder, 'model.onnx')).bytes, { calibration });
};

const round = (value: number): number => Number(value.toPrecision(4));

type Labelled = { readonly row: Float64Array; readonly label: number };

const labelled = (rows: Rows, labels: ArrayLike<number>): Labelled[] =>
	rows.map((row, i) => ({ row, label: Number(labels[i]) }));

/** The first of each label, at most `each` of one, in the order of labels. */
const chosen = (all: readonly Labelled[], each: number): Example[] => {
	const kinds = [...new Set(all.map(({ label }) => label))].sort((a, b) => a - b);
	return kinds.flatMap((kind) =>
		all
			.filter(({ label }) => label === kind)
			.slice(0, each)
			.map(({ row, label }) => ({ label, values: [...row].map(round) })),
	);
};

const SHAPES = { digits: [1, 1, 28, 28], cells: [1, 30] } as const;

/** The two programs of the demo. Takes some seconds. */
export const compileModels = () => ({
	digits: compileIn(folderOf('mnist-cryptonets'), 'image', SHAPES.digits),
	cells: compileIn(folderOf('breast-cancer'), 'features', SHAPES.cells),
});

/** What the page offers as examples: a test digit of each kind, patients of both, and the range of every feature. */
export const demoSamples = (): DemoSamples => {
	const [digits, cells] = [folderOf('mnist-cryptonets'), folderOf('breast-cancer')];
	const images = rowsOf(join(digits, 'samples', 'images.npy'), 'image', SHAPES.digits);
	const tested = rowsOf(join(cells, 'samples', 'features.npy'), 'features', SHAPES.cells);
	const known = rowsOf(join(cells, 'model.calibration.npy'), 'features', SHAPES.cells);
	const ranges: Range[] = Array.from({ length: 30 }, (_, i) => {
		const values = known.map((row) => row[i] ?? 0);
		return [Math.min(...values), Math.max(...values)] as const;
	});
	const inside = ({ row }: Labelled): boolean =>
		ranges.every(([low, high], i) => {
			const value = round(row[i] ?? Number.NaN);
			return value >= low && value <= high;
		});
	return {
		digits: chosen(labelled(images, labelsOf(digits)), 1),
		patients: chosen(labelled(tested, labelsOf(cells)).filter(inside), 3),
		ranges,
	};
};
