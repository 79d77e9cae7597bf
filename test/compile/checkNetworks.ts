import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { runEncrypted } from './encrypted.ts';
import { sampleOf } from './models.ts';
import { type Network, networkOf } from './networks.ts';
import { afterHeads, checkModel, checkNoise, checkPredicted, needed, type Sample } from './support.ts';

/** The first of the calibration, of which the program predicts the error; without one, any in the assumed range. */
const samplesOf = ({ sizes, options: { calibration } }: Network, count: number): readonly Sample[] =>
	Array.from({ length: count }, (_, k) =>
		calibration === undefined
			? sampleOf(sizes, k + 2)
			: new Map([...calibration].map(([name, values]) => [name, values[k] as Float64Array])),
	);

/** All networks are checked, and those that failed named with the reason. */
const checkAll = async (seeds: readonly number[], check: (network: Network) => Promise<unknown>): Promise<void> => {
	const failures: string[] = [];
	for (const seed of seeds) {
		const network = networkOf(seed);
		await check(network).catch((error: unknown) => failures.push(`${network.text}\n  ${String(error)}`));
	}
	assert.is(failures.length, 0, failures.join('\n\n'));
};

/** Every stage gives what the stage before does and onnxruntime gives; simulated noise is within what is predicted. */
export const checkStages = (seeds: readonly number[]): Promise<void> =>
	checkAll(seeds, (network) =>
		// Three: with two in each ciphertext one is alone.
		checkModel(network.bytes, samplesOf(network, 3), {
			options: network.options,
			predicted: network.options.calibration !== undefined,
		}),
	);

/** Decrypted results are the polynomial model's, within what is predicted. */
export const checkEncrypted = (seeds: readonly number[]): Promise<void> =>
	checkAll(seeds, async (network) => {
		const compiled = compile(network.bytes, network.options);
		const { program, stages } = compiled;
		const samples = samplesOf(network, 2);
		const results = await runEncrypted(
			program,
			samples.map((sample) => needed(program, sample)),
		);
		assert.is(results.length, samples.length);
		results.forEach(({ outputs, warnings }, k) => {
			assert.equal(warnings, []);
			const raw = new Map([...outputs].map(([name, output]) => [name, output.raw.data]));
			const expected = evaluate(stages.core, afterHeads(compiled, samples[k] as Sample));
			checkNoise(compiled, samples[k] as Sample, raw, expected);
			if (network.options.calibration !== undefined) checkPredicted(program, raw, expected);
		});
	});
