import { type Command, Option } from 'commander';
import { RefusedError } from '../../runtime/errors.ts';
import type { Sample } from '../../runtime/inputs.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { readArrays } from '../arrays.ts';
import { type Comparison, compare, decisionOf, labelWarnings, readLabels } from '../decisions.ts';
import { GIVEN_INPUT, readSamples } from '../model.ts';
import {
	addCompileOptions,
	addEvaluationOptions,
	addOutputOptions,
	type CompileArguments,
	type EvaluationArguments,
	repeated,
	wholeNumber,
} from '../options.ts';
import { formatNumber, makeOutput, type Output, table } from '../output.ts';
import { openSession } from '../session.ts';
import { reportJson, summaryRows, timingRows } from '../summary.ts';
import { forProgram, oneByOne, openTarget, type Target } from '../target.ts';

type Arguments = CompileArguments &
	EvaluationArguments & {
		readonly data: readonly string[];
		readonly labels: string;
		readonly limit?: number;
		readonly against?: 'clear';
	};

type Reference = { readonly of: 'model' | 'program'; readonly values: readonly Float64Array[] };

/** What to compare with: the model itself, or with --against clear on a build directory its program without noise. */
const referenceOf = async (
	{ clear, program }: Target,
	samples: readonly ReadonlyMap<string, Float64Array>[],
	name: string,
	given: Arguments,
	output: Output,
): Promise<Reference | undefined> => {
	const onProgress = output.progress;
	if (clear !== undefined) {
		const values = samples.map((sample, i) => {
			if (i % 64 === 0) onProgress({ stage: 'model in the clear', done: i, total: samples.length });
			return clear(sample).get(name)?.data ?? new Float64Array();
		});
		output.settle();
		return { of: 'model', values };
	}
	if (given.against === undefined) return undefined;
	output.note('A build directory holds no model: the reference is its program, computed in the clear.');
	const results = await evaluateLocally(program, 'clear', samples as readonly Sample[], { onProgress });
	return { of: 'program', values: results.map(({ outputs }) => outputs.get(name)?.data ?? new Float64Array()) };
};

const labelsOf = (path: string, count: number): readonly number[] => {
	const [array, ...others] = readArrays(path).values();
	if (array === undefined || others.length > 0) throw new RefusedError('input', `${path} holds more than one array`);
	return readLabels(array, count, path);
};

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const comparisonRows = (result: Comparison): readonly (readonly [string, string | number])[] => [
	['samples', result.samples],
	['accuracy', percent(result.accuracy)],
	...(result.clearAccuracy === null ? [] : [['accuracy in the clear', percent(result.clearAccuracy)] as const]),
	...(result.flips === null ? [] : [['decisions that differ', result.flips] as const]),
	...(result.maxAbsError === null ? [] : [['largest error', formatNumber(result.maxAbsError)] as const]),
];

/** Said in the result itself: it is about how far the accuracy can be trusted. */
const warningsOf = ({ range, warnings }: Target['report']): readonly string[] =>
	range.source === GIVEN_INPUT
		? [
				...warnings,
				'There is no calibration: ranges and polynomials were fitted to the samples that are evaluated here, so other samples may do worse (see --calibrate).',
			]
		: warnings;

const evaluate = async (path: string, given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	let labels: readonly number[] = [];
	const target = openTarget(path, given, output, (ports, plain) => {
		const samples = readSamples(given.data, ports, plain);
		labels = labelsOf(given.labels, [...samples.values()][0]?.length ?? 0);
		return samples;
	});
	const { report, program, compileMs } = target;
	const [decider] = program.client.outputs;
	if (decider === undefined) throw new RefusedError('program', 'the program has no outputs');
	const samples = oneByOne(target.samples).slice(0, given.limit);
	const session = await openSession(program, given, output);
	const results = await session.run(forProgram(program, samples));
	await session.close();
	const doubtful = results.filter(({ warnings }) => warnings.length > 0);
	if (doubtful.length > 0)
		output.warn(`Warning: ${doubtful.length} samples are doubtful; the first: ${doubtful[0]?.warnings.join('; ')}.`);
	const reference = await referenceOf(target, samples, decider.name, given, output);
	const found = results.map(({ outputs }) => outputs.get(decider.name)?.data ?? new Float64Array());
	const expected = labels.slice(0, samples.length);
	const comparison = compare(decisionOf(decider), expected, found, reference?.values);
	const warnings = [...warningsOf(report), ...labelWarnings(decider, expected)];
	const timings = { compileMs, ...session.timings() };
	output.result(
		{
			...comparison,
			output: decider.name,
			reference: reference?.of ?? null,
			doubtful: doubtful.length,
			backend: session.backend,
			threads: session.threads,
			...reportJson(report),
			warnings,
			keys: session.keys,
			timings,
			...session.traffic(),
		},
		() =>
			[
				table(comparisonRows(comparison)),
				table(summaryRows(report)),
				table(timingRows(timings, samples.length)),
				...warnings.filter((warning) => !report.warnings.includes(warning)).map((warning) => `Warning: ${warning}`),
			].join('\n\n'),
	);
};

export const addEvaluate = (program: Command): void => {
	const command = program
		.command('evaluate')
		.description('measure the accuracy of a model on encrypted samples')
		.argument('<model.onnx | build dir>')
		.requiredOption('--data <file>', 'samples, [name=]x.npy or x.npz; repeatable', repeated)
		.requiredOption('--labels <y.npy>', 'one class number for each sample')
		.option('--limit <k>', 'only the first k samples', wholeNumber(1))
		.addOption(new Option('--against <what>', 'what to compare with').choices(['clear']))
		.action(evaluate);
	addOutputOptions(addCompileOptions(addEvaluationOptions(command)));
};
