import type { Requirements } from './ckks/parameters.ts';
import type { Samples } from './options.ts';
import { packInto } from './packing/layout.ts';
import type { Lowered } from './packing/lower.ts';
import type { SlotCircuit } from './slots/circuit.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import { boundedMagnitudes, observedMagnitudes } from './slots/magnitudes.ts';
import { countOf, sampleAt } from './tensor/calibrate.ts';
import { evaluate } from './tensor/evaluate.ts';
import type { CoreKind, Graph } from './tensor/graph.ts';
import { type Bounds, hull, type Interval, propagate } from './tensor/ranges.ts';

/** What is known of the values that inputs take, after their heads. */
export type InputKnowledge = {
	readonly source: 'calibration' | 'assumed';
	/** Calibration samples; with assumed ranges, a few pseudo-random ones within them. */
	readonly samples: Samples;
	/** What the client accepts, by input. */
	readonly accepted: ReadonlyMap<string, Interval>;
	/** Elementwise bounds by input; sound for accepted inputs only when assumed. */
	readonly bounds: ReadonlyMap<string, Bounds>;
};

/** Accepted inputs may leave what calibration saw by this part of its width on both sides. */
const ACCEPTED_MARGIN = 0.5;
/** Values may be this many times larger than calibration showed before they leave the modulus. */
export const HEADROOM = 8;
/** Samples that magnitudes and noise are taken from: more change the estimates by fractions of a bit. */
const MAGNITUDE_SAMPLES = 16;
const NOISE_SAMPLES = 4;
const OUTPUT_SAMPLES = 256;
const ASSUMED_SAMPLES = 4;

/** From samples of the body's inputs. */
export const fromCalibration = (samples: Samples, bounds: ReadonlyMap<string, Bounds>): InputKnowledge => {
	const accepted = new Map(
		[...samples].map(([name, values]): [string, Interval] => {
			const low = values.reduce((a, x) => Math.min(a, least(x)), Number.POSITIVE_INFINITY);
			const high = values.reduce((a, x) => Math.max(a, greatest(x)), Number.NEGATIVE_INFINITY);
			const margin = ACCEPTED_MARGIN * (high > low ? high - low : Math.max(1, Math.abs(high)));
			return [name, [low - margin, high + margin]];
		}),
	);
	return { source: 'calibration', samples, accepted, bounds };
};

/** From bounds alone: a generator with a fixed seed fills a few samples, so that noise can be predicted. */
export const fromBounds = (bounds: ReadonlyMap<string, Bounds>): InputKnowledge => {
	const next = uniform(1);
	const samples = new Map(
		[...bounds].map(([name, { low, high }]) => [
			name,
			Array.from({ length: ASSUMED_SAMPLES }, () => low.map((l, i) => l + ((high[i] as number) - l) * next())),
		]),
	);
	return { source: 'assumed', samples, accepted: new Map([...bounds].map(([name, b]) => [name, hull(b)])), bounds };
};

/** Slot values of a few samples for the noise analysis, and what the modulus must hold of every slot value. */
export const slotValues = (
	lowered: Lowered,
	{ source, samples, bounds }: InputKnowledge,
): Pick<Requirements, 'samples' | 'magnitudes' | 'read'> => {
	const { circuit } = lowered;
	const packed = (sample: ReadonlyMap<string, ArrayLike<number>>): PackedInputs =>
		new Map([...lowered.inputs].map(([name, layout]) => [name, packInto(layout, sample.get(name) ?? [])]));
	const chosen = spread(countOf(samples), MAGNITUDE_SAMPLES).map((i) => packed(sampleAt(samples, i)));
	return {
		read: new Map([...lowered.outputs].map(([name, layout]) => [name, layout.parts])),
		samples: spread(chosen.length, NOISE_SAMPLES).map((i) => chosen[i] as PackedInputs),
		magnitudes:
			source === 'calibration' ? withHeadroom(circuit, chosen) : boundedMagnitudes(circuit, packed(largest(bounds))),
	};
};

const withHeadroom = (circuit: SlotCircuit, samples: readonly PackedInputs[]): Float64Array =>
	observedMagnitudes(circuit, samples).map((x) => x * HEADROOM);

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
	for (const i of spread(countOf(samples), OUTPUT_SAMPLES))
		for (const [name, values] of evaluate(graph, sampleAt(samples, i)))
			magnitudes.set(
				name,
				values.reduce((a, x) => Math.max(a, Math.abs(x)), magnitudes.get(name) ?? 0),
			);
	return magnitudes;
};

/** Where ranges are assumed, what every accepted input stays below: the modulus holds that much. No limits with calibration. */
export const outputLimits = (
	graph: Graph<CoreKind>,
	{ source, bounds }: InputKnowledge,
): ReadonlyMap<string, number> => {
	if (source === 'calibration') return new Map();
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
