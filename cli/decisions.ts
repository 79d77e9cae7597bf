import { RefusedError } from '../runtime/errors.ts';
import type { OutputPacking } from '../runtime/plan.ts';
import type { NamedArray } from './arrays.ts';

/** The class that an output names for one sample, as a number to compare with a label. */
export type Decide = (values: Float64Array) => number;

/** The class of greatest value; the first of equals. */
const largest = (values: Float64Array): number =>
	values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);

/**
 * How an output decides: what an ArgMax at the end says, else the class of the largest of several values, else whether the
 * only value is above one half after a sigmoid or above zero without.
 */
export const decisionOf = ({ shape, tail }: Pick<OutputPacking, 'shape' | 'tail'>): Decide => {
	const size = shape.reduce((product, d) => product * d, 1);
	if (tail.some(({ op }) => op === 'argMax')) return (values) => values[0] as number;
	if (size > 1) return largest;
	const threshold = tail.some(({ op }) => op === 'sigmoid') ? 0.5 : 0;
	return (values) => ((values[0] as number) > threshold ? 1 : 0);
};

/** Says how many labels are no class that an output decides for, as those of a regression are: these samples count as wrong. */
export const labelWarnings = (
	{ name, shape, tail }: Pick<OutputPacking, 'name' | 'shape' | 'tail'>,
	labels: readonly number[],
): readonly string[] => {
	if (tail.some(({ op }) => op === 'argMax')) return [];
	const classes = Math.max(2, shape.reduce((product, d) => product * d, 1)); // biome-ignore format: one thought
	const count = labels.filter((label) => label < 0 || label >= classes).length;
	return count === 0
		? []
		: [
				`${count} of ${labels.length} labels are none of the classes 0 to ${classes - 1} that the output '${name}' decides between: these samples count as wrong`,
			];
};

/** What is right for each sample: the number of its class, or the values that an output should have. */
export type Goal =
	| { readonly kind: 'classes'; readonly labels: readonly number[] }
	| { readonly kind: 'values'; readonly targets: readonly Float64Array[] };

/** One row of labels for each of `count` samples; whether they fit the output is seen by `goalOf`. */
export const readLabels = ({ data, shape }: NamedArray, count: number, path: string): readonly Float64Array[] => {
	const width = data.length / count;
	const columns = shape.slice(1).reduce((product, d) => product * d, 1);
	if ((shape[0] ?? 1) !== count || columns !== width || width < 1)
		refuse(
			`${path} holds labels of shape [${shape.join(', ')}] for ${count} samples`,
			'One class number for each sample is needed, or the values that the output should have',
		);
	if (!data.every(Number.isFinite)) refuse(`${path} holds labels that are no finite numbers`);
	return Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width));
};

const refuse = (why: string, hint?: string): never => {
	throw new RefusedError('input', why, hint);
};

/**
 * What labels mean for an output. Whole numbers, one for each sample, are classes, but for a single value without a sigmoid, where
 * only 0 and 1 are; anything else is what the output should be, element by element. Throws RefusedError 'input' for labels that
 * are neither.
 */
export const goalOf = (
	{ name, shape, tail }: Pick<OutputPacking, 'name' | 'shape' | 'tail'>,
	rows: readonly Float64Array[],
): Goal => {
	const size = shape.reduce((product, d) => product * d, 1);
	const width = rows[0]?.length ?? 1;
	const whole = rows.every((row) => row.every(Number.isInteger));
	const labels = rows.map((row) => row[0] as number);
	const compares = size > 1 || tail.length > 0 || labels.every((label) => label === 0 || label === 1);
	if (width === 1 && whole && compares) return { kind: 'classes', labels };
	if (width !== size)
		refuse(
			width === 1
				? `The labels are not whole numbers, and the output '${name}' has ${size} elements, not one`
				: `There are ${width} labels for each sample, and the output '${name}' has ${size === 1 ? 'one element' : `${size} elements`}`,
			'One class number for each sample is needed, or the values that the output should have',
		);
	if (tail.some(({ op }) => op === 'argMax'))
		refuse(`The output '${name}' is a class, and the labels are not whole numbers`, 'Labels are class numbers here');
	if (width > 1 && rows.every(isOneHot))
		refuse(
			`The labels for the output '${name}' are rows with a single 1 each`,
			'Give the number of the class for each sample: the place of the 1',
		);
	return { kind: 'values', targets: rows };
};

const isOneHot = (row: Float64Array): boolean =>
	row.every((value) => value === 0 || value === 1) && row.filter((value) => value === 1).length === 1;

export type Comparison = {
	readonly samples: number;
	/** Of a classifier; null of a regression. */
	readonly accuracy: number | null;
	/** The rest compares with a reference, and is null without one. */
	readonly clearAccuracy: number | null;
	readonly flips: number | null;
	readonly agreement: number | null;
	readonly maxAbsError: number | null;
};

/** Largest |a[i] - b[i]|; not a number when any element is not one. */
export const maxAbsDifference = (a: Float64Array, b: Float64Array): number =>
	a.reduce((most, value, i) => {
		const difference = Math.abs(value - (b[i] as number));
		return difference > most || Number.isNaN(difference) ? difference : most;
	}, 0);

/** Largest error over samples; not a number when any element is not one. */
const largestError = (found: readonly Float64Array[], reference: readonly Float64Array[]): number => {
	const errors = found.map((values, i) => maxAbsDifference(values, reference[i] as Float64Array));
	return errors.some(Number.isNaN) ? Number.NaN : errors.reduce((most, error) => Math.max(most, error), 0);
};

/** Counts over samples: `found` are the outputs under test, `reference` those of the clear model. */
export const compare = (
	decide: Decide,
	labels: readonly number[],
	found: readonly Float64Array[],
	reference: readonly Float64Array[] | undefined,
): Comparison => {
	const samples = found.length;
	const decisions = found.map(decide);
	const share = (hits: number): number => hits / samples;
	const hits = (list: readonly number[]): number => list.filter((value, i) => value === labels[i]).length;
	const accuracy = share(hits(decisions));
	if (reference === undefined)
		return { samples, accuracy, clearAccuracy: null, flips: null, agreement: null, maxAbsError: null };
	const expected = reference.map(decide);
	const flips = decisions.filter((value, i) => value !== expected[i]).length;
	return {
		samples,
		accuracy,
		clearAccuracy: share(hits(expected)),
		flips,
		agreement: share(samples - flips),
		maxAbsError: largestError(found, reference),
	};
};

/** The same of a regression, which decides nothing. */
export const compareValues = (
	found: readonly Float64Array[],
	reference: readonly Float64Array[] | undefined,
): Comparison => ({
	samples: found.length,
	accuracy: null,
	clearAccuracy: null,
	flips: null,
	agreement: null,
	maxAbsError: reference === undefined ? null : largestError(found, reference),
});
