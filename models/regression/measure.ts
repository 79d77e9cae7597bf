/** One point, measured: compiled, simulated on its whole test set, and encrypted on a few samples. */
import { maskingOf } from '../../cli/audit/masking.ts';
import type { Compiled } from '../../compiler/index.ts';
import { type Answer, accuracyOf, answersOf, type Judged } from './answers.ts';
import { testSetOf } from './data.ts';
import { type Encrypted, encrypt } from './encrypted.ts';
import type { Measurement } from './measurement.ts';
import { type CompiledPoint, compilePoint } from './model.ts';
import type { Point } from './points.ts';
import { referenceAnswers } from './reference.ts';
import { simulate } from './simulated.ts';

/** Samples on which the imported model is compared with onnxruntime. */
const COMPARED = 300;

/** Of the random inputs that show what is in every slot of the outputs. */
const MASKING_SEED = 1;

/** `encrypted`: at least so many samples are encrypted for real; `progress` hears what is done next. */
export const measure = async (
	point: Point,
	encrypted: number,
	progress: (step: string) => void,
): Promise<Measurement> => {
	const { model } = point;
	const { shape, rows, labels, whole } = testSetOf(model);
	progress('compiles');
	const compiled = compilePoint(point);
	progress(`asks onnxruntime about ${rows.length} samples`);
	const clear = await referenceAnswers(model, shape, rows);
	const { decider } = compiled;
	const judged: Judged = {
		decider,
		regression: model.regression === true,
		labels,
		clear,
		rawOf: (sample) => compiled.exact(rows[sample] as Float64Array).get(decider.name) ?? new Float64Array(),
	};
	progress(`simulates ${rows.length} samples`);
	const { answers, doubtful, ...simulated } = simulate(compiled, rows);
	progress('encrypts');
	const decrypted = await encrypt(compiled, rows, encrypted);
	return {
		...programOf(compiled.compiled),
		clear: {
			accuracy: accuracyOf(judged, clear),
			stated: whole ? model.clearAccuracy : null,
			difference: differenceOf(compiled, rows, clear),
		},
		simulated: { ...answersOf(judged, answers, doubtful), ...simulated },
		encrypted: encryptedAnswers(judged, decrypted),
	};
};

const programOf = ({ program, report }: Compiled) => ({
	ringDegree: report.parameters.ringDegree,
	levels: report.parameters.level,
	depth: report.counts.depth,
	logQ: report.parameters.logQ,
	keys: report.keys.count,
	keyBytes: report.keys.bytes,
	predicted: {
		error: report.predicted.error,
		bits: report.predicted.bits,
		encryptionBits: report.predicted.encryptionBits,
	},
	leftovers: maskingOf(program, MASKING_SEED).outputs.reduce((sum, { leftovers }) => sum + leftovers, 0),
});

/** Largest difference between what was imported and what onnxruntime computes, relative to the largest output. */
const differenceOf = (
	{ exact, answer }: CompiledPoint,
	rows: readonly Float64Array[],
	clear: readonly Float64Array[],
): number => {
	let [largest, difference] = [1, 0];
	rows.slice(0, COMPARED).forEach((row, k) => {
		const found = answer(exact(row));
		for (const [i, expected] of (clear[k] as Float64Array).entries()) {
			largest = Math.max(largest, Math.abs(expected));
			difference = Math.max(difference, Math.abs((found?.[i] ?? Infinity) - expected));
		}
	});
	return difference / largest;
};

/** Answers of the samples that were encrypted, indexed as in the whole set. What flips under several keys is one flip. */
const encryptedAnswers = (judged: Judged, { results, ...rest }: Encrypted): Measurement['encrypted'] => {
	const at = (k: number): number => results[k]?.sample ?? 0;
	const answers = results.map(({ result }): Answer => result.outputs.get(judged.decider.name)?.data);
	const among: Judged = {
		...judged,
		labels: Float64Array.from(results, ({ sample }) => judged.labels[sample] as number),
		clear: results.map(({ sample }) => judged.clear[sample] as Float64Array),
		rawOf: (k) => judged.rawOf(at(k)),
	};
	const doubtful = results.filter(({ result }) => result.warnings.length > 0).length;
	const found = answersOf(among, answers, doubtful);
	const flips = new Map(
		found.flips.map(({ sample, margin }) => [`${at(sample)} ${margin}`, { sample: at(sample), margin }]),
	);
	return { ...found, flips: [...flips.values()], ...rest };
};
