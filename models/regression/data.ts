/** The samples that a point is measured on. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { arrayOf } from '../../bench/zoo.ts';
import { type NamedArray, readArrays } from '../../cli/arrays.ts';
import type { ZooModel } from '../index.ts';

/** One row-major array a sample, with its shape, and what each should give: class numbers, or the values of a regression. */
export type TestSet = {
	/** Of one sample, without a batch axis. */
	readonly shape: readonly number[];
	readonly rows: readonly Float64Array[];
	readonly labels: Float64Array;
	/** Is it all that the model's stated accuracy was measured on? */
	readonly whole: boolean;
};

const build = new URL('../../build/', import.meta.url);

/** Scripts that write whole test sets to build/, by the name that the table of the zoo has for them. */
const writers: ReadonlyMap<string, URL> = new Map([
	['mnist', new URL('../mnist-cryptonets/test-set.ts', import.meta.url)],
]);

const fileIn = (testSet: string, file: string): string => fileURLToPath(new URL(`${testSet}/${file}`, build));
const FILES = ['images.npy', 'labels.npy'] as const;

/** Writes the whole test sets that are not in build/ yet. Those that no script here can write are left out: the samples stand for them. */
export const writeTestSets = (models: readonly ZooModel[]): void => {
	for (const name of new Set(models.flatMap(({ testSet }) => testSet ?? []))) {
		const writer = writers.get(name);
		if (writer === undefined || FILES.every((file) => existsSync(fileIn(name, file)))) continue;
		execFileSync(process.execPath, [fileURLToPath(writer)], { stdio: ['ignore', 'ignore', 'inherit'] });
	}
};

const only = (path: string): NamedArray => {
	const [array] = readArrays(path).values();
	if (array === undefined) throw new Error(`${path} holds no array.`);
	return array;
};

/** The whole test set where a script here writes it, else the model's samples; with WHOLE_TEST_SETS=1 whatever is in build/. */
export const testSetOf = ({ testSet, testSize, samples, labels }: ZooModel): TestSet => {
	const kept = testSet !== undefined && (writers.has(testSet) || process.env.WHOLE_TEST_SETS === '1');
	const [x, y] = kept
		? [only(fileIn(testSet, FILES[0])), only(fileIn(testSet, FILES[1]))]
		: [arrayOf(samples), arrayOf(labels)];
	const [count = 0, ...shape] = x.shape;
	const size = x.data.length / count;
	const rows = Array.from({ length: count }, (_, k) => x.data.subarray(k * size, (k + 1) * size));
	if (y.data.length !== count) throw new Error(`There are ${y.data.length} labels for ${count} samples.`);
	return { shape, rows, labels: y.data, whole: count === testSize };
};
