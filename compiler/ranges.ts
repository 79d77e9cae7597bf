import type { Requirements } from './ckks/parameters.ts';
import { largest as largestOf, scaled, subtract } from './numeric/vectors.ts';
import type { Samples } from './options.ts';
import { packInto } from './packing/layout.ts';
import type { Lowered } from './packing/lower.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import { boundedMagnitudes, observedMagnitudes } from './slots/magnitudes.ts';
import { countOf, sampleAt } from './tensor/calibrate.ts';
import { evaluate, evaluateAll } from './tensor/evaluate.ts';
import type { CoreKind, Graph } from './tensor/graph.ts';
import { type Bounds, hull, type Interval, propagate } from './tensor/ranges.ts';

/** What is known of the values that inputs take, after their heads. */
export type InputValues = {
	readonly source: 'calibration' | 'assumed';
	/** Calibration samples; with assumed ranges, a few pseudo-random ones within them. */
	readonly samples: Samples;
	/** Elementwise bounds by input; sound for accepted inputs only when assumed. */
	readonly bounds: ReadonlyMap<string, Bounds>;
};

/** And what the program will accept. */
export type InputKnowledge = InputValues & {
	readonly accepted: ReadonlyMap<string, Interval>;
	/** The samples moved away from the middle of what calibration saw, to the ends of what is accepted. */
	readonly stretched: Samples;
};

/**
 * Accepted inputs may leave what calibration saw by this part of its width on both sides: the most for which no value in the
 * graph grows by more than MOST_GROWTH (a polynomial of high degree explodes soon beyond the interval it was fitted on).
 */
const ACCEPTED_MARGINS = [0.25, 0.1, 0.05];
const MOST_GROWTH = 16;
/** The modulus holds values this many times larger than those of the stretched samples. */
const HEADROOM = 2;
/** Outputs this many times larger than those of the stretched samples are reported as implausible: before they leave the modulus. */
const IMPLAUSIBLE = 1.5;
/** Samples that are looked at on float64, and those of them, the most extreme ones, that magnitudes and noise are taken from. */
const SEEN_SAMPLES = 256;
const EXTREME_SAMPLES = 12;
const ASSUMED_SAMPLES = 4;
const GROWTH_SAMPLES = 32;

/** From bounds alone: a generator with a fixed seed fills a few samples, so that noise can be predicted. */
export const fromBounds = (bounds: ReadonlyMap<string, Bounds>): InputValues => {
	const next = uniform(1);
	const samples = new Map(
		[...bounds].map(([name, { low, high }]) => [
			name,
			Array.from({ length: ASSUMED_SAMPLES }, () => low.map((l, i) => l + ((high[i] as number) - l) * next())),
		]),
	);
	return { source: 'assumed', samples, bounds };
};

/** Decides what is accepted: with assumed ranges, these; else a margin around the calibration samples. */
export const withAccepted = (core: Graph<CoreKind>, values: InputValues): InputKnowledge => {
	const { source, samples, bounds } = values;
	if (source === 'assumed')
		return { ...values, stretched: samples, accepted: new Map([...bounds].map(([name, b]) => [name, hull(b)])) };
	const candidates = ACCEPTED_MARGINS.map((margin) => ({ ...values, ...stretchedBy(samples, margin) }));
	const grows = ({ stretched }: InputKnowledge): boolean => growth(core, samples, stretched) > MOST_GROWTH;
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
			values.map((x) => scaled(x, 1 + 2 * margin, -2 * margin * middle)),
		);
	}
	return { accepted, stretched };
};

/** By how much the largest value of any node grows from the samples to the stretched ones. */
const growth = (core: Graph<CoreKind>, samples: Samples, stretched: Samples): number => {
	const sizes = (of: Samples): readonly number[] => {
		const most = core.nodes.map(() => 0);
		for (const i of spread(countOf(of), GROWTH_SAMPLES))
			evaluateAll(core, sampleAt(of, i)).forEach((values, id) => {
				most[id] = Math.max(most[id] as number, largestOf(values));
			});
		return most;
	};
	const [before, after] = [sizes(samples), sizes(stretched)];
	return after.reduce((most, size, id) => Math.max(most, size / Math.max(before[id] as number, Number.MIN_VALUE)), 0);
};

/** A few packed samples for the noise analysis, and what the modulus must hold of every slot value. */
export const slotValues = (
	core: Graph<CoreKind>,
	lowered: Lowered,
	{ source, samples, stretched, bounds }: InputKnowledge,
): Pick<Requirements, 'samples' | 'magnitudes' | 'read'> => {
	const { circuit } = lowered;
	const packed = (sample: ReadonlyMap<string, ArrayLike<number>>): PackedInputs =>
		new Map([...lowered.inputs].map(([name, layout]) => [name, packInto(layout, sample.get(name) ?? [])]));
	const chosen = extremes(core, samples);
	const usual = chosen.map((i) => packed(sampleAt(samples, i)));
	const beyond = chosen.map((i) => packed(sampleAt(stretched, i)));
	return {
		read: new Map([...lowered.outputs].map(([name, layout]) => [name, layout.parts])),
		samples: usual,
		magnitudes:
			source === 'calibration'
				? scaled(observedMagnitudes(circuit, [...usual, ...beyond]), HEADROOM)
				: boundedMagnitudes(circuit, packed(largest(bounds))),
	};
};

/** The samples in which some node of the graph is largest: noise is amplified most there, and they fill the modulus. */
const extremes = (core: Graph<CoreKind>, samples: Samples): readonly number[] => {
	const most = core.nodes.map(() => ({ size: -1, sample: 0 }));
	for (const sample of spread(countOf(samples), SEEN_SAMPLES))
		evaluateAll(core, sampleAt(samples, sample)).forEach((values, id) => {
			const size = largestOf(values);
			if (size > (most[id]?.size ?? 0)) most[id] = { size, sample };
		});
	// Later nodes first: their samples have amplified the errors of all layers before.
	const chosen = new Set(most.toReversed().map(({ sample }) => sample));
	return [...new Set([...chosen, ...spread(countOf(samples), EXTREME_SAMPLES)])].slice(0, EXTREME_SAMPLES);
};

const largest = (bounds: ReadonlyMap<string, Bounds>): ReadonlyMap<string, Float64Array> =>
	new Map(
		[...bounds].map(([name, { low, high }]) => [
			name,
			low.map((l, i) => Math.max(Math.abs(l), Math.abs(high[i] as number))),
		]),
	);

/** The largest |element| of every output over the samples. */
export const outputMagnitudes = (graph: Graph<CoreKind>, samples: Samples): ReadonlyMap<string, number> => {
	const magnitudes = new Map(graph.outputs.map(({ name }) => [name, 0]));
	for (const i of spread(countOf(samples), SEEN_SAMPLES))
		for (const [name, values] of evaluate(graph, sampleAt(samples, i)))
			magnitudes.set(name, Math.max(magnitudes.get(name) ?? 0, largestOf(values)));
	return magnitudes;
};

/** The largest difference of every output between two graphs of the same inputs and outputs, over the samples. */
export const outputDifferences = (a: Graph, b: Graph, samples: Samples): ReadonlyMap<string, number> => {
	const differences = new Map(a.outputs.map(({ name }) => [name, 0]));
	for (const i of spread(countOf(samples), SEEN_SAMPLES)) {
		const sample = sampleAt(samples, i);
		const theirs = evaluate(b, sample);
		for (const [name, values] of evaluate(a, sample)) {
			const difference = largestOf(subtract(values, theirs.get(name) ?? new Float64Array(values.length)));
			differences.set(name, Math.max(differences.get(name) ?? 0, difference));
		}
	}
	return differences;
};

/** Outputs beyond these come from values that left what the program was compiled for; the modulus holds a little more. */
export const outputLimits = (graph: Graph<CoreKind>, knowledge: InputKnowledge): ReadonlyMap<string, number> => {
	const { source, bounds, stretched } = knowledge;
	if (source === 'calibration')
		return new Map([...outputMagnitudes(graph, stretched)].map(([name, size]) => [name, IMPLAUSIBLE * size]));
	const all = propagate(graph, bounds);
	return new Map(
		graph.outputs.map(({ name, id }) => {
			const [low, high] = hull(all[id] as Bounds);
			return [name, Math.max(Math.abs(low), Math.abs(high))];
		}),
	);
};

const least = (x: Float64Array): number => x.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const greatest = (x: Float64Array): number => x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

/** At most `most` indices spread evenly over 0..count - 1. */
const spread = (count: number, most: number): readonly number[] =>
	Array.from({ length: Math.min(count, most) }, (_, k) => Math.floor((k * count) / Math.min(count, most)));

/** Uniform numbers in [0, 1) from a fixed seed (mulberry32): the compiler is deterministic. */
const uniform = (seed: number): (() => number) => {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
};
