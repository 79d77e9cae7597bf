import { join } from 'node:path';
import type { Command } from 'commander';
import { RefusedError } from '../../runtime/errors.ts';
import { readArrays } from '../arrays.ts';
import { compileModel, readModel, readSamples } from '../model.ts';
import { addEngineOptions, addOutputOptions, type EngineArguments, wholeNumber } from '../options.ts';
import { formatBytes, formatTime, makeOutput, type OutputOptions, table } from '../output.ts';
import { packageRoot } from '../package.ts';
import { drawImage, scoreTable } from '../picture.ts';
import { openSession } from '../session.ts';
import { reportJson, summaryRows } from '../summary.ts';
import { oneByOne } from '../target.ts';

type Arguments = OutputOptions & EngineArguments & { readonly sample: number };
type Digit = { readonly index: number; readonly pixels: Float64Array; readonly label: number };

const folder = (): string => join(packageRoot(), 'models', 'mnist-cryptonets');

/** A test image that the network has not seen in training, and the digit that a person says it is. */
const readDigit = (index: number): Digit => {
	const images = readSamples([join(folder(), 'samples', 'images.npy')], [{ name: 'image', shape: [1, 1, 28, 28] }]).get(
		'image',
	);
	const labels = readArrays(join(folder(), 'samples', 'labels.npy')).get('')?.data;
	const [pixels, label] = [images?.[index], labels?.[index]];
	if (pixels === undefined || label === undefined)
		throw new RefusedError(
			'input',
			`there is no sample ${index}: they are numbered from 0 to ${(images?.length ?? 0) - 1}`,
		);
	return { index, pixels, label };
};

const largest = (values: Float64Array): number => values.indexOf(Math.max(...values));

const demo = async (given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	const digit = readDigit(given.sample);
	if (!given.json) output.result(undefined, () => `${drawImage(digit.pixels, 28)}\n`);
	const quiet = { ...output, note: () => {} };
	const { compiled, compileMs } = compileModel(
		readModel(join(folder(), 'model.onnx')),
		{ backend: given.backend },
		quiet,
	);
	const { program, report } = compiled;
	const sample = new Map(program.client.inputs.map(({ name }) => [name, digit.pixels] as const));
	const session = await openSession(program, given, output);
	const [result] = await session.run(oneByOne(new Map([...sample].map(([name, data]) => [name, [data]] as const))));
	await session.close();
	const name = program.client.outputs[0]?.name ?? '';
	const scores = result?.outputs.get(name)?.data ?? new Float64Array();
	const clear = compiled.clear(sample).get(name)?.data ?? new Float64Array();
	for (const warning of result?.warnings ?? []) output.warn(`Warning: ${warning}`);
	const timings = { compileMs, ...session.timings() };
	const { uploadBytes, downloadBytes } = session.traffic();
	output.result(
		{
			...{ sample: digit.index, label: digit.label, digit: largest(scores), clearDigit: largest(clear) },
			...{ scores: [...scores], clearScores: [...clear] },
			backend: session.backend,
			threads: session.threads,
			...reportJson(report),
			keys: session.keys,
			timings,
			uploadBytes,
			downloadBytes,
		},
		() =>
			[
				`The server computed on ciphertexts; the key owner reads: ${largest(scores)}. In the clear the network says ${largest(clear)}, a person ${digit.label}.`,
				scoreTable(scores, clear),
				table([
					...summaryRows(report).filter(([row]) => !['evaluation keys', 'input and output'].includes(row)),
					['evaluation keys, sent once', `${session.keys.count}, ${formatBytes(session.keys.bytes)}`],
					['encrypted input, sent', formatBytes(uploadBytes)],
					['encrypted output, received', formatBytes(downloadBytes)],
				]),
				table(
					(
						[
							['compile', timings.compileMs, 'once for a model'],
							['set up both sides', timings.setupMs, 'once'],
							['make the keys', timings.keygenMs, 'once for a client'],
							['check and load the keys', timings.loadKeysMs, 'once for a client'],
							['encrypt', timings.encryptMs, ''],
							[
								'evaluate',
								timings.evaluateMs,
								`${report.counts.rotations} rotations, ${report.counts.plainProducts} products with constants`,
							],
							['decrypt', timings.decryptMs, ''],
						] as const
					).map(([step, milliseconds, remark]) => [step, formatTime(milliseconds).padStart(8), remark]),
				),
			].join('\n\n'),
	);
};

export const addDemo = (program: Command): void => {
	const command = program
		.command('demo')
		.description('classify a handwritten digit without decrypting it')
		.option('--sample <i>', 'which of the 300 test digits', wholeNumber(0), 0)
		.action(demo);
	addOutputOptions(addEngineOptions(command));
};
