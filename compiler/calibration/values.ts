import type { ImportedModel } from '../onnx/import.ts';
import type { CompileOptions, Samples } from '../options.ts';
import { checkSamples } from '../tensor/calibrate.ts';
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
	checkSamples(imported.graph, options.calibration);
	return throughHeads(parts.heads, options.calibration);
};

/** What the compiler goes by for the values of the inputs: the samples, or else the assumed range. */
export const inputValues = (
	imported: ImportedModel,
	parts: Split,
	samples: Samples | undefined,
	options: CompileOptions,
): InputValues => {
	const range = options.inputRange ?? ASSUMED_RANGE;
	const bounds = new Map(
		imported.inputs.map(({ name, shape }) => [name, inputBounds(shape, range, parts.heads.get(name))]),
	);
	return samples === undefined ? fromBounds(bounds) : { source: 'calibration', samples, bounds };
};

/** From bounds alone: a generator with a fixed seed fills a few samples, so that noise can be predicted. */
const fromBounds = (bounds: ReadonlyMap<string, Bounds>): InputValues => {
	const next = uniform(1);
	const samples = new Map(
		[...bounds].map(([name, { low, high }]) => [
			name,
			Array.from({ length: ASSUMED_SAMPLES }, () => low.map((l, i) => l + ((high[i] as number) - l) * next())),
		]),
	);
	return { source: 'assumed', samples, bounds };
};

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
