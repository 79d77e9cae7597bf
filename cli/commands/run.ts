import type { Command } from 'commander';
import type { Result } from '../../runtime/results.ts';
import { checkFolders, writeArrays } from '../arrays.ts';
import { maxAbsDifference } from '../decisions.ts';
import { readSamples } from '../model.ts';
import {
	addCompileOptions,
	addEvaluationOptions,
	addOutputOptions,
	addWeightsOption,
	type CompileArguments,
	type EvaluationArguments,
	repeated,
} from '../options.ts';
import { formatBytes, formatNumber, makeOutput, table } from '../output.ts';
import { outputsJson, stackResults, valuesText } from '../results.ts';
import { openSession } from '../session.ts';
import { reportJson, summaryRows, timingRows } from '../summary.ts';
import { forProgram, oneByOne, openTarget, type Target } from '../target.ts';

type Arguments = CompileArguments &
	EvaluationArguments & {
		readonly input: readonly string[];
		readonly output?: readonly string[];
		readonly weights?: string;
	};

/** Largest difference from the model in the clear over all samples and outputs; null without a model. */
const errorAgainstModel = ({ clear, samples }: Target, results: readonly Result[]): number | null => {
	if (clear === undefined) return null;
	const errors = oneByOne(samples).flatMap((sample, i) =>
		[...clear(sample)].map(([name, expected]) => {
			const found = results[i]?.outputs.get(name);
			return found === undefined ? 0 : maxAbsDifference(found.data, expected.data);
		}),
	);
	return Math.max(0, ...errors);
};

const run = async (path: string, given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	checkFolders(given.output ?? []);
	const target = openTarget(path, given, output, (ports, plain) => readSamples(given.input, ports, plain));
	const { report, program, compileMs } = target;
	const session = await openSession(program, given, output);
	const results = await session.run(forProgram(program, oneByOne(target.samples)));
	const peakBytes = session.peakBytes() ?? null;
	await session.close();
	output.settle();
	for (const warning of new Set(results.flatMap(({ warnings }) => warnings))) output.warn(`Warning: ${warning}`);
	const arrays = stackResults(program.client, results);
	const files = writeArrays(given.output ?? [], arrays);
	const timings = { compileMs, ...session.timings() };
	const maxAbsError = errorAgainstModel(target, results);
	output.result(
		{
			outputs: outputsJson(arrays, files),
			backend: session.backend,
			threads: session.threads,
			...reportJson(report),
			keys: session.keys,
			timings,
			...session.traffic(),
			peakBytes,
			maxAbsError,
		},
		() =>
			[
				table([...arrays].map(([name, array]) => [name, `[${array.shape.join(', ')}]`, valuesText(array)])),
				table([
					...summaryRows(report),
					...(peakBytes === null ? [] : [['measured memory', formatBytes(peakBytes)]]),
					...(maxAbsError === null ? [] : [['error against the model', formatNumber(maxAbsError)]]),
				]),
				table(timingRows(timings, results.length)),
			].join('\n\n'),
	);
};

export const addRun = (program: Command): void => {
	const command = program
		.command('run')
		.description('run a model on encrypted input')
		.argument('<model.onnx | build dir>')
		.requiredOption('--input <file>', 'input, [name=]x.npy or x.npz; repeatable', repeated)
		.option('--output <file>', 'where to write an output, [name=]y.npy or y.npz; repeatable', repeated)
		.action(run);
	addWeightsOption(addOutputOptions(addCompileOptions(addEvaluationOptions(command))));
};
