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

/** One class number for each of `count` samples. */
export const readLabels = (array: NamedArray, count: number, path: string): readonly number[] => {
	const refuse = (why: string, hint: string): never => {
		throw new RefusedError('input', `${path} ${why}`, hint);
	};
	if (array.data.length !== count || (array.shape[0] ?? 1) !== count)
		refuse(
			`holds labels of shape [${array.shape.join(', ')}] for ${count} samples`,
			'One class number for each sample is needed',
		);
	if (!array.data.every(Number.isInteger))
		refuse('holds labels that are not whole numbers', 'Labels are class numbers');
	return [...array.data];
};

export type Comparison = {
	readonly samples: number;
	readonly accuracy: number;
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
	const errors = Float64Array.from(found, (values, i) => maxAbsDifference(values, reference[i] as Float64Array));
	return {
		samples,
		accuracy,
		clearAccuracy: share(hits(expected)),
		flips,
		agreement: share(samples - flips),
		maxAbsError: errors.some(Number.isNaN) ? Number.NaN : Math.max(...errors),
	};
};
