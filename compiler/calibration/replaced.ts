import type { Samples } from '../options.ts';
import { compare, decisionsOf, type OutputSamples } from '../tensor/agreement.ts';
import { countOf, SEEN_SAMPLES, sampleAt, spread } from '../tensor/calibrate.ts';
import { evaluate } from '../tensor/evaluate.ts';
import { percent } from '../tensor/passes/fits.ts';
import { type Split, throughHeads } from '../tensor/passes/split.ts';

/**
 * How far a model is from the one that it was made of by replacing operators, as a warning. Both are exact here, so this
 * is what the replacement does, before any polynomial. The first may be refused, and undefined.
 */
export const replacementWarning = (
	original: Split | undefined,
	replaced: Split,
	calibration: Samples | undefined,
): string => {
	if (original === undefined)
		return 'how far the outputs are from those of the model as it was is not known: that cannot be compiled';
	if (calibration === undefined)
		return 'how far the outputs are from those of the model as it was is not known without calibration data';
	const before = outputsOf(original, calibration);
	const { outputs } = original.body;
	const { decisions, relativeErrors } = compare(
		original.body,
		original.tails,
		before,
		outputsOf(replaced, calibration),
	);
	const decides = outputs.some((output) => {
		const first = before.get(output.name)?.[0] ?? new Float64Array();
		return decisionsOf(original.body, output, original.tails.get(output.name) ?? [], first).length > 0;
	});
	const error = `outputs differ by ${percent(Math.max(0, ...relativeErrors.values()))} (rms)`;
	return `against the model as it was, on calibration: ${decides ? `${percent(decisions)} of the decisions are the same, ` : ''}${error}`;
};

/** Outputs before their tails, on some of the samples. */
const outputsOf = ({ body, heads }: Split, calibration: Samples): OutputSamples => {
	const samples = throughHeads(heads, calibration);
	const rows = spread(countOf(samples), SEEN_SAMPLES).map((i) => evaluate(body, sampleAt(samples, i)));
	return new Map(body.outputs.map(({ name }) => [name, rows.map((row) => row.get(name) as Float64Array)]));
};
