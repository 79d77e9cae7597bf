import { createClient } from '../../runtime/client.ts';
import { LocalEvaluator } from '../../runtime/local.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer, joinInputs } from '../../runtime/server.ts';
import { cpuMilliseconds } from '../cpu.ts';
import type { EncryptedModel, Inputs } from './cases.ts';

const decisionIn = ({ decide, output }: EncryptedModel, { outputs, warnings }: Result): number => {
	if (warnings.length > 0) throw new Error(warnings.join('; '));
	return decide(outputs.get(output)?.data ?? new Float64Array());
};

/**
 * The two sides in this process. The weights, those of the model or others of their form, are encrypted and sent once: the server keeps
 * them as ciphertexts, and puts those of each sample beside them.
 */
export const openModel = async (model: EncryptedModel, weights = model.weights) => {
	const { program } = model.compiled;
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	const keys = await client.evaluationKeys();
	await server.loadKeys(keys);
	const kept = new Map<string, Uint8Array>();
	for (const [name, values] of weights) kept.set(name, await client.encryptInput(name, values));
	const times: number[] = [];
	let sampleBytes = 0;
	return {
		/** What is named after encryption, evaluation and decryption. */
		decide: async (sample: Inputs): Promise<number> => {
			const request = await client.encryptInput(model.input, sample.get(model.input) ?? []);
			sampleBytes = request.length;
			const start = cpuMilliseconds();
			const messages = new Map([...kept, [model.input, request]]);
			const answer = await server.evaluate(await joinInputs(server.program, messages));
			times.push(cpuMilliseconds() - start);
			return decisionIn(model, await client.decrypt(answer));
		},
		/** Bytes of the last sample. */
		sampleBytes: () => sampleBytes,
		/** CPU time of each evaluation in milliseconds. */
		evaluateMs: (): readonly number[] => times,
		keyBytes: keys.length,
		weightBytes: [...kept.values()].reduce((sum, { length }) => sum + length, 0),
		/** The most bytes that the server took. */
		peakBytes: () => server.peakBytes(),
		close: async () => {
			client.dispose();
			await server.dispose();
		},
	};
};

/** What is named with the noise of encryption. */
const simulatedDecisions = (model: EncryptedModel): ((sample: Inputs) => number) => {
	const local = new LocalEvaluator(model.compiled.program, 'simulate');
	return (sample) => {
		const [result] = local.run([sample]);
		if (result === undefined) throw new Error('there is no result');
		return decisionIn(model, result);
	};
};

/** The difference of the two largest values. */
const marginOf = (values: Float64Array): number => {
	const [first = 0, second = 0] = [...values].sort((a, b) => b - a);
	return first - second;
};

/** So many samples get noise whatever their margins are. */
const ALWAYS = 50;

/**
 * How many samples are decided as by the model in the clear when the program runs with the noise of encryption. Where nothing is
 * approximated and the outputs are the scores themselves, noise of twice its predicted bound decides which run: those whose
 * two best scores it could exchange, and the first fifty. The others are alike.
 */
export const agreement = (
	model: EncryptedModel,
	samples: readonly Inputs[],
): { readonly alike: number; readonly run: number } => {
	const { program, report } = model.compiled;
	const [output] = program.client.outputs;
	const isExact = report.predicted.approximationError === 0 && output?.tail.length === 0;
	const bound = isExact ? 4 * output.predictedError : Number.POSITIVE_INFINITY;
	const decide = simulatedDecisions(model);
	let [alike, run] = [0, 0];
	for (const [i, sample] of samples.entries()) {
		const values = model.compiled.clear(sample).get(model.output)?.data ?? new Float64Array();
		const isRun = i < ALWAYS || !(marginOf(values) >= bound);
		if (isRun) run++;
		if (!isRun || decide(sample) === model.decide(values)) alike++;
	}
	return { alike, run };
};
