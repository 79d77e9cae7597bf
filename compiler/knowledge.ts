import type { ImportedModel } from './onnx/import.ts';
import type { CompileOptions, Samples } from './options.ts';
import { fromBounds, type InputValues } from './ranges.ts';
import { checkSamples } from './tensor/calibrate.ts';
import { type Split, throughHeads } from './tensor/passes/split.ts';
import { inputBounds } from './tensor/ranges.ts';

/** Elements are assumed to lie here when nothing is said: pictures and standardised features mostly do. */
const ASSUMED_RANGE = [-1, 1] as const;

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
