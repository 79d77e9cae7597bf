import { uniform } from '../numeric/uniform.ts';
import type { ImportedModel } from '../onnx/import.ts';
import type { ImportedInput } from '../onnx/input.ts';
import type { CompileOptions, Samples } from '../options.ts';
import { checkSamples, countOf } from '../tensor/calibrate.ts';
import { type Split, throughHeads } from '../tensor/passes/split.ts';
import { type Bounds, inputBounds } from '../tensor/ranges.ts';

/** What is known of the values that inputs take, after their heads. */
export type InputValues = {
	readonly source: 'calibration' | 'assumed';
	/** Calibration samples; with assumed ranges, a few pseudo-random ones within them. */
	readonly samples: Samples;
	/** Elementwise bounds by input; sound for accepted inputs only when assumed. */
	readonly bounds: ReadonlyMap<string, Bounds>;
};

/** Elements are assumed to lie here when nothing is said: pictures and standardised features mostly do. */
const ASSUMED_RANGE = [-1, 1] as const;
const ASSUMED_SAMPLES = 4;

/** The calibration samples after the heads; undefined without calibration. Throws CompileError 'calibration' when they do not fit. */
export const samplesOf = (imported: ImportedModel, parts: Split, options: CompileOptions): Samples | undefined => {
	if (options.calibration === undefined) return undefined;
	const samples = withWeights(imported, options.calibration);
	checkSamples(imported.graph, samples);
	return throughHeads(parts.heads, samples);
};

/** The samples with the values of encrypted initializers in each, unless they have values for these. */
const withWeights = ({ inputs }: ImportedModel, samples: Samples): Samples =>
	new Map([
		...inputs.flatMap(({ name, weights }) =>
			weights === undefined ? [] : [[name, new Array<Float64Array>(countOf(samples)).fill(weights)] as const],
		),
		...samples,
	]);

/** Weights are assumed to lie where they do, and a quarter of that further, so that others of their kind are accepted. */
const rangeOfWeights = (weights: Float64Array): readonly [number, number] => {
	const low = weights.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
	const high = weights.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
	const margin = high > low ? WEIGHT_MARGIN * (high - low) : Math.max(1, Math.abs(high)) / 2;
	return [low - margin, high + margin];
};
const WEIGHT_MARGIN = 0.25;

/** What the compiler goes by for the values of the inputs: the samples, or else the assumed range. */
export const inputValues = (
	imported: ImportedModel,
	parts: Split,
	samples: Samples | undefined,
	options: CompileOptions,
): InputValues => {
	const rangeOf = ({ range, weights }: ImportedInput) =>
		range ?? (weights === undefined ? (options.inputRange ?? ASSUMED_RANGE) : rangeOfWeights(weights));
	const bounds = new Map(
		imported.inputs.map((input) => [input.name, inputBounds(input.shape, rangeOf(input), parts.heads.get(input.name))]),
	);
	return samples === undefined ? fromBounds(bounds) : { source: 'calibration', samples, bounds };
};

/**
 * From bounds alone: a generator with a fixed seed fills a few samples, so that noise can be predicted. Two more have all elements at
 * one end: there differences vanish and sums are largest, and functions that turn or end at 0 are steepest.
 */
const fromBounds = (bounds: ReadonlyMap<string, Bounds>): InputValues => {
	const next = uniform(1);
	const samples = new Map(
		[...bounds].map(([name, { low, high }]) => [
			name,
			[
				...Array.from({ length: ASSUMED_SAMPLES }, () => low.map((l, i) => l + ((high[i] as number) - l) * next())),
				low,
				high,
			],
		]),
	);
	return { source: 'assumed', samples, bounds };
};
