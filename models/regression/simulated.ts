/**
 * The answers of a whole test set with simulated noise. All samples are computed by the compiled polynomials; the noise of the
 * backend `simulate` is added to as many of the first as a fixed amount of work allows, and to every one that it can change: those
 * whose two best values are no further apart than noise of twice the predicted bound can bring together. That bound is checked on those simulated.
 */
import { LocalEvaluator } from '../../runtime/local.ts';
import type { Result } from '../../runtime/results.ts';
import { type Answer, comparesRaw, leastMargin, NoiseMeter, type Values } from './answers.ts';
import { NOISE_ALLOWANCE, type Noise } from './measurement.ts';
import type { CompiledPoint } from './model.ts';

export type Simulated = {
	readonly answers: readonly Answer[];
	/** How many of them have had noise added. */
	readonly evaluated: number;
	readonly doubtful: number;
	readonly noise: Noise;
};

/** Slots times operations that are simulated for one point; some 15 seconds. */
const WORK = 1.5e9;
/** However large the program, so many samples. */
const LEAST = 100;

/** How many samples are simulated in any case. */
export const simulatedCount = (samples: number, slots: number, operations: number): number =>
	Math.min(samples, Math.max(LEAST, Math.floor(WORK / (slots * operations))));

/** Outputs before the tail, by name. */
export const rawOf = ({ outputs }: Result): Values => new Map([...outputs].map(([name, { raw }]) => [name, raw.data]));

export const simulate = (point: CompiledPoint, rows: readonly Float64Array[]): Simulated => {
	const { compiled, decider, sampleOf } = point;
	const { parameters, counts } = compiled.report;
	const operations = counts.rotations + counts.plainProducts + counts.relinearizations + counts.rescales;
	const first = simulatedCount(rows.length, parameters.slots, operations);
	const meter = new NoiseMeter(compiled.program.client.outputs);
	const local = new LocalEvaluator(compiled.program, 'simulate');
	const settled = comparesRaw(decider);
	let [evaluated, doubtful] = [0, 0];
	const answers = rows.map((row, k) => {
		if (!point.accepts(row)) return undefined;
		const values = point.polynomials(row);
		const margin = leastMargin(values.get(decider.name) ?? new Float64Array(2));
		if (k >= first && settled && margin > 2 * NOISE_ALLOWANCE * decider.predictedError) return point.answer(values);
		const [result] = local.run([sampleOf(row)]);
		if (result === undefined) throw new Error('a sample has no result');
		evaluated++;
		doubtful += result.warnings.length > 0 ? 1 : 0;
		meter.add(rawOf(result), values);
		return result.outputs.get(decider.name)?.data;
	});
	return { answers, evaluated, doubtful, noise: meter.noise() };
};

/** Noise of these samples under several simulated key sets. */
export const simulatedNoise = (
	{ compiled, ...point }: CompiledPoint,
	rows: readonly Float64Array[],
	keySets: number,
): Noise => {
	const meter = new NoiseMeter(compiled.program.client.outputs);
	const exact = rows.map(point.polynomials);
	for (let seed = 1; seed <= keySets; seed++) {
		const local = new LocalEvaluator(compiled.program, 'simulate', { seed });
		rows.forEach((row, k) => {
			for (const result of local.run([point.sampleOf(row)])) meter.add(rawOf(result), exact[k] as Values);
		});
	}
	return meter.noise();
};
