import { largest } from '../numeric/vectors.ts';
import type { Samples } from '../options.ts';
import { countOf, sampleAt, spread } from '../tensor/calibrate.ts';
import { evaluateAll } from '../tensor/evaluate.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';
import { hull, type Interval } from '../tensor/ranges.ts';
import type { InputValues } from './values.ts';

/** What is known of the inputs, and what the program will accept. */
export type InputKnowledge = InputValues & {
	readonly accepted: ReadonlyMap<string, Interval>;
	/** The samples with their outermost elements moved to the ends of what is accepted. */
	readonly stretched: Samples;
};

/**
 * Accepted inputs may leave what calibration saw by this part of its width on both sides: the most for which no value in the
 * graph grows by more than MOST_GROWTH (a polynomial of high degree explodes soon beyond the interval it was fitted on).
 */
const ACCEPTED_MARGINS = [0.25, 0.1, 0.05];
const MOST_GROWTH = 16;
const GROWTH_SAMPLES = 32;

/** Decides what is accepted: with assumed ranges, these; else a margin around the calibration samples. */
export const withAccepted = (core: Graph<CoreKind>, values: InputValues): InputKnowledge => {
	const { source, samples, bounds } = values;
	if (source === 'assumed')
		return { ...values, stretched: samples, accepted: new Map([...bounds].map(([name, b]) => [name, hull(b)])) };
	const candidates = ACCEPTED_MARGINS.map((margin) => ({ ...values, ...stretchedBy(samples, margin) }));
	const usual = sizesOf(core, samples);
	const grows = ({ stretched }: InputKnowledge): boolean =>
		sizesOf(core, stretched).some(
			// What overflows on the way is no number at all.
			(size, id) => !(size <= MOST_GROWTH * Math.max(usual[id] as number, Number.MIN_VALUE)),
		);
	return candidates.find((candidate) => !grows(candidate)) ?? (candidates.at(-1) as InputKnowledge);
};

const stretchedBy = (samples: Samples, margin: number): Pick<InputKnowledge, 'accepted' | 'stretched'> => {
	const accepted = new Map<string, Interval>();
	const stretched = new Map<string, readonly Float64Array[]>();
	for (const [name, values] of samples) {
		const low = values.reduce((a, x) => Math.min(a, least(x)), Number.POSITIVE_INFINITY);
		const high = values.reduce((a, x) => Math.max(a, greatest(x)), Number.NEGATIVE_INFINITY);
		const width = high > low ? high - low : Math.max(1, Math.abs(high));
		const middle = (low + high) / 2;
		accepted.set(name, [low - margin * width, high + margin * width]);
		stretched.set(
			name,
			values.map((x) => x.map((v) => stretch(v, middle, width / 2, margin))),
		);
	}
	return { accepted, stretched };
};

/**
 * v moved away from the middle: by nothing there, by 2 margin of its distance at the ends of what was seen, t = 1, and by t^3 of that between.
 * Inputs beyond what calibration saw have few elements out there, and the others as usual.
 */
const stretch = (v: number, middle: number, half: number, margin: number): number =>
	middle + (v - middle) * (1 + 2 * margin * Math.abs((v - middle) / half) ** 3);

/** The largest value of each node over some of the samples. */
const sizesOf = (core: Graph<CoreKind>, samples: Samples): readonly number[] => {
	const most = core.nodes.map(() => 0);
	for (const i of spread(countOf(samples), GROWTH_SAMPLES))
		evaluateAll(core, sampleAt(samples, i)).forEach((values, id) => {
			most[id] = Math.max(most[id] as number, largest(values));
		});
	return most;
};

const least = (x: Float64Array): number => x.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const greatest = (x: Float64Array): number => x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
