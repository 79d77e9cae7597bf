/** What answers are worth: accuracy, decisions that differ from the model's own, errors beside what was predicted. */
import { decisionOf } from '../../cli/decisions.ts';
import type { OutputPacking } from '../../runtime/plan.ts';
import type { Answers, Flip, Noise } from './measurement.ts';

/** The output of one sample after the tail; undefined where the client refused the sample. */
export type Answer = Float64Array | undefined;

type Decider = Pick<OutputPacking, 'name' | 'shape' | 'tail'>;

/** R^2 = 1 - sum of squared errors / sum of squared deviations from the mean; errors of what is missing are infinite. */
export const explained = (values: readonly (number | undefined)[], expected: Float64Array): number => {
	const mean = expected.reduce((sum, y) => sum + y, 0) / expected.length;
	const total = expected.reduce((sum, y) => sum + (y - mean) ** 2, 0);
	const error = values.reduce<number>((sum, y = Infinity, k) => sum + (y - (expected[k] as number)) ** 2, 0);
	return 1 - error / total;
};

export type Judged = {
	readonly decider: Decider;
	readonly regression: boolean;
	readonly labels: Float64Array;
	/** What the model itself gives after the tail. */
	readonly clear: readonly Float64Array[];
	/** What it gives before the tail, asked for where a decision differs. */
	readonly rawOf: (sample: number) => Float64Array;
};

/** Part of the labels met by these answers; R^2 of a regression. */
export const accuracyOf = (
	{ decider, regression, labels }: Omit<Judged, 'clear' | 'rawOf'>,
	answers: readonly Answer[],
): number => {
	if (regression)
		return explained(
			answers.map((values) => values?.[0]),
			labels,
		);
	const decide = decisionOf(decider);
	return answers.filter((values, k) => values !== undefined && decide(values) === labels[k]).length / answers.length;
};

/** Decisions that differ from those of the model itself. A margin that cannot be told, as between labels that are looked up, is infinite. */
export const flipsOf = ({ decider, regression, clear, rawOf }: Judged, answers: readonly Answer[]): readonly Flip[] => {
	if (regression) return [];
	const decide = decisionOf(decider);
	return answers.flatMap((values, sample) => {
		if (values === undefined) return [];
		const [expected, found] = [decide(clear[sample] as Float64Array), decide(values)];
		return expected === found ? [] : [{ sample, margin: marginOf(rawOf(sample), expected, found) }];
	});
};

/** |z[expected] - z[found]|; of a single value, twice its size: what the pair (z, -z) differs by. */
export const marginOf = (raw: Float64Array, expected: number, found: number): number => {
	if (raw.length === 1) return 2 * Math.abs(raw[0] as number);
	const margin = Math.abs((raw[expected] ?? Number.NaN) - (raw[found] ?? Number.NaN));
	return Number.isNaN(margin) ? Infinity : margin;
};

/** Do decisions follow from the largest value before the tail, or the sign of a single one? */
export const comparesRaw = ({ tail, encryptedShape }: Pick<OutputPacking, 'tail' | 'encryptedShape'>): boolean =>
	tail.every(({ op }) => op !== 'votes' && !(op === 'select' && encryptedShape.some((d) => d > 1)));

/** The least that two values must change by, together, for another decision: the margin to the next. */
export const leastMargin = (raw: Float64Array): number => {
	if (raw.length === 1) return 2 * Math.abs(raw[0] as number);
	const sorted = raw.toSorted();
	return (sorted.at(-1) as number) - (sorted.at(-2) as number);
};

/** What the client refused is neither right nor wrong: it counts as the model's own answer in the accuracy, and by itself. */
export const answersOf = (judged: Judged, answers: readonly Answer[], doubtful: number): Answers => ({
	samples: answers.length,
	accuracy: accuracyOf(
		judged,
		answers.map((values, k) => values ?? judged.clear[k]),
	),
	flips: flipsOf(judged, answers),
	refused: answers.filter((values) => values === undefined).length,
	doubtful,
});

/** Outputs before the tail by name. */
export type Values = ReadonlyMap<string, Float64Array>;

/** Adds up |found - exact| / predicted bound over elements, outputs and samples. */
export class NoiseMeter {
	readonly #outputs: readonly Pick<OutputPacking, 'name' | 'predictedError'>[];
	#largest = 0;
	#squares = 0;
	#count = 0;

	constructor(outputs: readonly Pick<OutputPacking, 'name' | 'predictedError'>[]) {
		this.#outputs = outputs;
	}

	add(found: Values, exact: Values): void {
		for (const { name, predictedError } of this.#outputs) {
			const expected = exact.get(name);
			for (const [i, value] of (found.get(name) ?? new Float64Array()).entries()) {
				const ratio = Math.abs(value - (expected?.[i] ?? Number.NaN)) / predictedError;
				this.#largest = Number.isNaN(ratio) ? Infinity : Math.max(this.#largest, ratio);
				this.#squares += ratio ** 2;
				this.#count++;
			}
		}
	}

	/** Not a number where nothing was added. */
	noise(): Noise {
		return { largest: this.#largest, rms: Math.sqrt(this.#squares / this.#count) };
	}
}
