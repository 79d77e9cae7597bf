import { maxAbsDifference } from '../decisions.ts';
import { bitsOf, Differences, type ErrorSizes } from './errors.ts';
import { type Scores, winnerOf } from './scores.ts';

/** What was evaluated, sample by sample; outputs are those before what the client does, as they are decrypted. */
export type Outcome = {
	readonly exact: readonly Float64Array[];
	readonly found: readonly Float64Array[];
	/** Of a classifier: what the model decides in the clear, what was decided here, and what is right. */
	readonly decisions?: {
		readonly exact: readonly number[];
		readonly found: readonly number[];
		readonly labels: readonly number[];
		readonly scores: Scores;
	};
};

/** What is predicted of an output: a bound of its error, and the magnitude that bits are counted from. */
export type Prediction = { readonly error: number; readonly magnitude: number };

/** A sample by its index, from 0. */
export type SampleError = {
	readonly sample: number;
	/** Largest error of an element. */
	readonly error: number;
	readonly label: number | null;
	/** What the model decides in the clear, and what was found; null of a regression. */
	readonly clear: number | null;
	readonly found: number | null;
	/** By how much the decision in the clear is ahead of the next; null where nothing is compared. */
	readonly margin: number | null;
};

/** A decision that differs; here `margin` is that between the two classes, in the clear. */
export type Flip = SampleError & {
	/** Is the margin larger than the predicted error? Then the prediction does not explain it. */
	readonly beyond: boolean;
};

export type OutputEvidence = {
	readonly errors: { readonly absolute: ErrorSizes; readonly relative: ErrorSizes | null; readonly spread: number };
	/** log2(magnitude / error) of the largest error, predicted and measured; null without error. */
	readonly precision: {
		readonly magnitude: number;
		readonly predictedError: number;
		readonly predictedBits: number | null;
		readonly measuredBits: number | null;
		/** Does the predicted error bound the measured one? */
		readonly bounded: boolean;
	};
	readonly flipped: readonly Flip[];
	/** Flips whose margin is larger than the predicted error. */
	readonly flipsBeyond: number;
	/** The samples of the largest errors, worst first. */
	readonly worst: readonly SampleError[];
	/** Of every sample, for plots. */
	readonly samples: readonly SampleError[];
};

/** How many of the worst samples are listed. */
const WORST = 10;

export const outputEvidence = (outcome: Outcome, predicted: Prediction): OutputEvidence => {
	const differences = new Differences();
	outcome.exact.forEach((values, i) => {
		differences.add(values, outcome.found[i] as Float64Array);
	});
	const samples = outcome.exact.map((_, i) => sampleError(outcome, i));
	const flipped = samples
		.filter(({ clear, found }) => clear !== found)
		.map((sample) => flipOf(outcome, sample, predicted.error));
	const { absolute, relative, spread } = differences;
	const magnitude = Math.max(predicted.magnitude, predicted.error);
	return {
		errors: { absolute, relative, spread },
		precision: {
			magnitude: predicted.magnitude,
			predictedError: predicted.error,
			predictedBits: bitsOf(magnitude, predicted.error),
			measuredBits: bitsOf(Math.max(predicted.magnitude, absolute.max), absolute.max),
			bounded: absolute.max <= predicted.error,
		},
		flipped,
		flipsBeyond: flipped.filter(({ beyond }) => beyond).length,
		worst: samples.toSorted((a, b) => worseness(b) - worseness(a)).slice(0, WORST),
		samples,
	};
};

/** What is no number is worse than anything. */
const worseness = ({ error }: SampleError): number => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);

const sampleError = ({ exact, found, decisions }: Outcome, sample: number): SampleError => {
	const values = exact[sample] as Float64Array;
	const scores = decisions?.scores(values);
	return {
		sample,
		error: maxAbsDifference(found[sample] as Float64Array, values),
		label: decisions?.labels[sample] ?? null,
		clear: decisions?.exact[sample] ?? null,
		found: decisions?.found[sample] ?? null,
		margin: scores === undefined ? null : winnerOf(scores).margin,
	};
};

/** margin = score of the class in the clear - score of the class that was found, both in the clear. */
const flipOf = ({ exact, found, decisions }: Outcome, sample: SampleError, predictedError: number): Flip => {
	const scores = decisions?.scores(exact[sample.sample] as Float64Array);
	const foundScores = decisions?.scores(found[sample.sample] as Float64Array);
	const { index } = winnerOf(foundScores ?? new Float64Array(1));
	const margin =
		scores === undefined || foundScores === undefined
			? null
			: (scores[winnerOf(scores).index] as number) - (scores[index] as number);
	return { ...sample, margin, beyond: margin !== null && margin > predictedError };
};
