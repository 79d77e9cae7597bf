import * as assert from 'uvu/assert';
import { type Compiled, compile } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { Result } from '../../runtime/results.ts';
import type { EngineName } from '../../runtime/server.ts';
import { rawOf, runEncrypted } from './encrypted.ts';
import { sampleOf } from './models.ts';
import { type Network, networkOf } from './networks.ts';
import { beforeHeads, checkModel, checkNoise, checkPredicted, needed, type Sample } from './support.ts';

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

/** Two of those whose error the program predicts: of the calibration, or made up by the compiler in the assumed range. */
const predictedSamples = (compiled: Compiled): readonly Sample[] =>
	[0, 1].map((k) => {
		const { samples } = compiled.stages.knowledge;
		return beforeHeads(compiled, new Map([...samples].map(([name, values]) => [name, values[k] as Float64Array])));
	});

/** What `backend` computes is, decrypted, what the clear backend computes, within the error that the program predicts. */
export const checkEncrypted = (seeds: readonly number[], backend: EngineName): Promise<void> =>
	checkAll(seeds, async (network) => {
		const compiled = compile(network.bytes, network.options);
		const { program } = compiled;
		const predicted = predictedSamples(compiled);
		// Without calibration others come as well, for each of which there is another prediction.
		const samples = network.options.calibration === undefined ? [...predicted, ...samplesOf(network, 1)] : predicted;
		const sent = samples.map((sample) => needed(program, sample));
		const clear = await evaluateLocally(program, 'clear', sent);
		const results = await runEncrypted(program, sent, { backend });
		assert.is(results.length, samples.length);
		results.forEach((result, k) => {
			const [raw, expected] = [rawOf(result), rawOf(clear[k] as Result)];
			assert.equal(result.warnings, []);
			checkNoise(compiled, samples[k] as Sample, raw, expected);
			if (k < predicted.length) checkPredicted(program, raw, expected, 1);
		});
	});
