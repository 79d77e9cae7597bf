import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readBuildJson, readHalves } from '../buildFolder.ts';
import { RefusedError } from '../errors.ts';
import type { ModelCard, Prediction } from '../modelCard.ts';
import { type ClientProgram, everyOutput } from '../plan.ts';
import { isNumber, isRecord } from '../programShape.ts';
import { evaluationKeyBytes, inputLength, keyLengths, messageLength, outputLength } from '../sizes.ts';

/** What a service is for. Nothing of it says anything of the weights that the client's half does not say. */
export type ServedProgram = { readonly client: ClientProgram; readonly predicted: Prediction };

/** Bytes of each part of an inputs message. */
export const inputLengths = ({ inputs, parameters }: ClientProgram): readonly number[] =>
	inputs.flatMap(({ level, parts }) => parts.map(() => inputLength(parameters, level)));

const outputLengths = ({ outputs, parameters }: ClientProgram): readonly number[] =>
	outputs.flatMap(({ level, parts }) => parts.map(() => outputLength(parameters, level)));

const rounded = (bits: number): number => Number(bits.toFixed(2));

export const modelCard = ({ client, predicted }: ServedProgram): ModelCard => {
	const { ringDegree, primes, specialPrime, security } = client.parameters;
	const bits = [...primes, specialPrime].map(Math.log2);
	return {
		name: client.name,
		fingerprint: client.fingerprint,
		inputs: client.inputs.map(({ name, shape }) => ({ name, shape })),
		outputs: everyOutput(client).map(({ name, shape }) => ({ name, shape })),
		batch: client.batch,
		parameters: {
			ringDegree,
			logQ: rounded(bits.reduce((sum, more) => sum + more, 0)),
			primes: bits.map(rounded),
			securityBits: security,
		},
		keys: { count: keyLengths(client.parameters, client.keys).length, bytes: evaluationKeyBytes(client) },
		traffic: {
			inputBytes: messageLength(inputLengths(client)),
			outputBytes: messageLength(outputLengths(client)),
		},
		predicted,
	};
};

const isReport = isRecord({ predicted: isRecord({ evaluateMs: isNumber, bits: isNumber }) });

/** What was predicted for the program of a build directory; undefined where it has no report, as on workers that have the server's half only. */
export const readPrediction = (folder: string): Prediction | undefined => {
	const path = join(folder, 'report.json');
	if (!existsSync(path)) return undefined;
	const report = readBuildJson(path);
	if (!isReport(report))
		throw new RefusedError('program', `${path} lacks the predicted time and precision`, 'Compile the model again.');
	const { evaluateMs, bits } = (report as { readonly predicted: Prediction }).predicted;
	return { evaluateMs, bits };
};

/** What a service needs of a build directory. Throws RefusedError 'program' for what is missing, broken or of another version. */
export const readServed = (folder: string): ServedProgram => {
	const { client } = readHalves(folder);
	const predicted = readPrediction(folder);
	if (predicted === undefined)
		throw new RefusedError('program', `${folder} has no report.json`, 'Compile the model again.');
	return { client, predicted };
};
