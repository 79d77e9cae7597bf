import { existsSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { readClient, readServer } from '../../runtime/buildFolder.ts';
import { createClient } from '../../runtime/client.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { createServer } from '../../runtime/server.ts';
import { writeArrays } from '../arrays.ts';
import { readSamples } from '../model.ts';
import {
	addEngineOptions,
	addOutputOptions,
	addThreads,
	addWeightsOption,
	type EngineArguments,
	repeated,
	wholeNumber,
} from '../options.ts';
import { formatBytes, makeOutput, type Output, type OutputOptions, table } from '../output.ts';
import { newPassphrase, type PassphraseSource } from '../passphrase.ts';
import { readFile } from '../readFile.ts';
import { outputsJson, stackResults, valuesText } from '../results.ts';
import { readSecret, wrap, writeSecret } from '../secretFile.ts';
import { noteConstants, noticesOf } from '../session.ts';
import { oneByOne, readWithWeights } from '../target.ts';

/** The run between two machines: each step reads and writes files, and only `--secret` files must stay where they are. */
type KeygenArguments = OutputOptions &
	PassphraseSource & { readonly secret: string; readonly public: string; readonly passphrase?: true };
type EncryptArguments = OutputOptions &
	PassphraseSource & {
		readonly secret: string;
		readonly input: readonly string[];
		readonly output: string;
		readonly threads: number;
		readonly sample?: number;
		readonly weights?: string;
	};
type InferArguments = OutputOptions &
	EngineArguments & { readonly public: string; readonly input: string; readonly output: string };
type DecryptArguments = OutputOptions &
	PassphraseSource & {
		readonly secret: string;
		readonly input: string;
		readonly output?: readonly string[];
	};

const PLAIN = 'the secret key: keep it here, and keep it safe';
const WRAPPED = 'the secret key, behind its passphrase: without both, nothing decrypts';

const refuseExisting = (path: string): void => {
	if (existsSync(path))
		throw new RefusedError(
			'keys',
			`${path} exists already, and what was encrypted with that key could not be read any more`,
			'Choose another file, or move the old key away.',
		);
};

const written = (output: Output, files: readonly (readonly [file: string, bytes: number, what: string])[]): void =>
	output.result({ files: files.map(([file, bytes]) => ({ file, bytes })) }, () =>
		table(files.map(([file, bytes, what]) => [file, formatBytes(bytes), what])),
	);

const keygen = async (build: string, given: KeygenArguments): Promise<void> => {
	const output = makeOutput(given);
	refuseExisting(given.secret);
	const wrapped = given.passphrase === true || given.passphraseFile !== undefined;
	const passphrase = wrapped ? await newPassphrase(given.secret, given, output) : undefined;
	const client = await createClient(readClient(build));
	const keys = await client.evaluationKeys({ onProgress: output.progress });
	const exported = await client.exportSecretKey();
	const secret = passphrase === undefined ? exported : await wrap(exported, passphrase);
	writeSecret(given.secret, secret);
	writeFileSync(given.public, keys);
	client.dispose();
	written(output, [
		[given.secret, secret.length, wrapped ? WRAPPED : PLAIN],
		[given.public, keys.length, 'the evaluation keys: for the server'],
	]);
};

/** All samples, or the one of that number. */
const chosen = <S>(samples: readonly S[], index: number | undefined): readonly S[] => {
	if (index === undefined) return samples;
	const sample = samples[index];
	if (sample === undefined)
		throw new RefusedError('input', `there is no sample ${index}: they are numbered from 0 to ${samples.length - 1}`);
	return [sample];
};

const encrypt = async (build: string, given: EncryptArguments): Promise<void> => {
	const output = makeOutput(given);
	const program = readClient(build);
	const samples = chosen(
		oneByOne(readWithWeights(program.inputs, given.weights, (ports, known) => readSamples(given.input, ports, known))),
		given.sample,
	);
	if (samples.length > program.batch)
		throw new RefusedError(
			'input',
			`there are ${samples.length} samples for ${program.batch} in one ciphertext`,
			'Encrypt them one after another with --sample, or compile with --batch',
		);
	const secretKey = await readSecret(given.secret, given, output);
	const client = await createClient(program, { secretKey, threads: given.threads });
	const message = await client.encryptBatch(samples, { onProgress: output.progress });
	writeFileSync(given.output, message);
	client.dispose();
	written(output, [[given.output, message.length, 'the encrypted input: for the server']]);
};

const infer = async (build: string, given: InferArguments): Promise<void> => {
	const output = makeOutput(given);
	const { server: program, constants } = readServer(build);
	const [keys, input] = [readFile(given.public), readFile(given.input)];
	const { backend, threads } = given;
	const server = await createServer(program, constants, { backend, threads, onNotice: noticesOf(output) });
	await server.loadKeys(keys, { onProgress: output.progress });
	noteConstants(server, output);
	const answer = await server.evaluate(input, { onProgress: output.progress });
	writeFileSync(given.output, answer);
	await server.dispose();
	written(output, [[given.output, answer.length, 'the encrypted output: for the client']]);
};

const decrypt = async (build: string, given: DecryptArguments): Promise<void> => {
	const output = makeOutput(given);
	const program = readClient(build);
	const message = readFile(given.input);
	const client = await createClient(program, { secretKey: await readSecret(given.secret, given, output) });
	const results = await client.decryptBatch(message);
	client.dispose();
	for (const warning of new Set(results.flatMap(({ warnings }) => warnings))) output.warn(`Warning: ${warning}`);
	const arrays = stackResults(program, results);
	const files = writeArrays(given.output ?? [], arrays);
	output.result({ outputs: outputsJson(arrays, files) }, () =>
		table([...arrays].map(([name, array]) => [name, `[${array.shape.join(', ')}]`, valuesText(array)])),
	);
};

export const addFiles = (program: Command): void => {
	const secret = ['--secret <key.bin>', 'the secret key'] as const;
	const passphrase = [
		'--passphrase-file <file>',
		'the passphrase of the secret key: the first line of this file',
	] as const;
	const keys = ['--public <keys.bin>', 'the evaluation keys'] as const;
	const command = (name: string, what: string): Command =>
		addOutputOptions(program.command(name).description(what).argument('<build dir>'));
	command('keygen', 'client: make a key set')
		.requiredOption(...secret)
		.requiredOption(...keys)
		.option('--passphrase', 'ask for a passphrase, which the secret key is then encrypted with')
		.option(...passphrase)
		.action(keygen);
	const encryption = addThreads(
		command('encrypt', 'client: encrypt an input'),
		'threads that encrypt hundreds of ciphertexts',
	);
	addWeightsOption(encryption)
		.requiredOption(...secret)
		.option(...passphrase)
		.requiredOption('--input <file>', 'input, [name=]x.npy or x.npz; repeatable', repeated)
		.option('--sample <i>', 'only this sample of the input, counted from 0', wholeNumber(0))
		.requiredOption('--output <x.bin>', 'where to write the encrypted input')
		.action(encrypt);
	addEngineOptions(command('infer', 'server: evaluate the model on an encrypted input'))
		.requiredOption(...keys)
		.requiredOption('--input <x.bin>', 'the encrypted input')
		.requiredOption('--output <y.bin>', 'where to write the encrypted output')
		.action(infer);
	command('decrypt', 'client: decrypt an output')
		.requiredOption(...secret)
		.option(...passphrase)
		.requiredOption('--input <y.bin>', 'the encrypted output')
		.option('--output <file>', 'where to write an output, [name=]y.npy or y.npz; repeatable', repeated)
		.action(decrypt);
};
