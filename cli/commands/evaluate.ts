import { basename, dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { isFolder } from '../../runtime/buildFolder.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { refusalOf, type Sample } from '../../runtime/inputs.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { OutputPacking, Program } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';
import { readArrays } from '../arrays.ts';
import { writeFiles } from '../buildDir.ts';
import {
	type Comparison,
	compare,
	compareValues,
	decisionOf,
	type Goal,
	goalOf,
	labelWarnings,
	readLabels,
} from '../decisions.ts';
import { UsageError } from '../errors.ts';
import { encryptionError } from '../evidence/encryption.ts';
import { type Evidence, type Gathered, gather } from '../evidence/evidence.ts';
import { type ExactRun, exactRun } from '../evidence/exact.ts';
import type { Outcome, Prediction } from '../evidence/outputs.ts';
import { closeness, type Regression } from '../evidence/regression.ts';
import { scoresOf } from '../evidence/scores.ts';
import { evidenceHtml } from '../evidenceHtml.ts';
import { GIVEN_INPUT, readSamples } from '../model.ts';
import {
	addCompileOptions,
	addEvaluationOptions,
	addOutputOptions,
	addWeightsOption,
	type CompileArguments,
	type EvaluationArguments,
	repeated,
	wholeNumber,
} from '../options.ts';
import { makeOutput, type Output, table } from '../output.ts';
import {
	comparisonRows,
	evidenceRows,
	excursionHead,
	excursionRows,
	flipHead,
	flipRows,
	stepHead,
	stepRows,
} from '../report/evidenceTables.ts';
import { openSession } from '../session.ts';
import { reportJson, summaryRows, timingRows } from '../summary.ts';
import { forProgram, oneByOne, openTarget, type Target } from '../target.ts';

type Arguments = CompileArguments &
	EvaluationArguments & {
		readonly data: readonly string[];
		readonly labels: string;
		readonly limit?: number;
		readonly against?: 'clear';
		readonly html?: string;
		readonly weights?: string;
	};

type Inputs = ReadonlyMap<string, Float64Array>;

/** What was found is compared with: outputs as the model has them, and before what the client does. */
type Reference = {
	readonly of: 'model' | 'program';
	readonly values: readonly Float64Array[];
	readonly raw: readonly Float64Array[];
	/** Of a model. */
	readonly exact?: ExactRun;
};

/** The model itself, or with --against clear on a build directory its program without noise. */
const referenceOf = async (
	{ clear, stages, program }: Target,
	samples: readonly Inputs[],
	{ name, tail }: OutputPacking,
	given: Arguments,
	output: Output,
): Promise<Reference | undefined> => {
	const onProgress = output.progress;
	if (clear !== undefined && stages !== undefined) {
		const values = samples.map((sample, i) => {
			if (i % 64 === 0) onProgress({ stage: 'model in the clear', done: i, total: samples.length });
			return clear(sample).get(name)?.data ?? new Float64Array();
		});
		const exact = exactRun(stages, samples, name, onProgress, tail.length === 0 ? values : undefined);
		output.settle();
		return { of: 'model', values, raw: exact.raw, exact };
	}
	if (given.against === undefined) return undefined;
	output.note('A build directory holds no model: the reference is its program, computed in the clear.');
	const results = await evaluateLocally(program, 'clear', samples as readonly Sample[], { onProgress });
	return { of: 'program', values: valuesOf(results, name), raw: rawOf(results, name) };
};

const valuesOf = (results: readonly Result[], name: string): readonly Float64Array[] =>
	results.map(({ outputs }) => outputs.get(name)?.data ?? new Float64Array());

const rawOf = (results: readonly Result[], name: string): readonly Float64Array[] =>
	results.map(({ outputs }) => outputs.get(name)?.raw.data ?? new Float64Array());

const labelsOf = (path: string, count: number): readonly Float64Array[] => {
	const [array, ...others] = readArrays(path).values();
	if (array === undefined || others.length > 0) throw new RefusedError('input', `${path} holds more than one array`);
	return readLabels(array, count, path);
};

/** Said in the result itself: it is about how far the accuracy can be trusted. */
const warningsOf = ({ range, warnings }: Target['report']): readonly string[] =>
	range.source === GIVEN_INPUT
		? [
				...warnings,
				'There is no calibration: ranges and polynomials were fitted to the samples that are evaluated here, so other samples may do worse (see --calibrate).',
			]
		: warnings;

const compared = (
	decider: OutputPacking,
	goal: Goal,
	results: readonly Result[],
	reference: Reference | undefined,
): { readonly comparison: Comparison; readonly regression: Regression | null } => {
	const found = valuesOf(results, decider.name);
	if (goal.kind === 'classes')
		return { comparison: compare(decisionOf(decider), goal.labels, found, reference?.values), regression: null };
	const clear = reference === undefined ? null : closeness(reference.values, goal.targets);
	return {
		comparison: compareValues(found, reference?.values),
		regression: { found: closeness(found, goal.targets), clear },
	};
};

/** Before what the client does: there errors are predicted, and decisions are compared. */
const outcomeOf = (
	decider: OutputPacking,
	goal: Goal,
	results: readonly Result[],
	{ values, raw }: Reference,
): Outcome => {
	const outcome = { exact: raw, found: rawOf(results, decider.name) };
	if (goal.kind === 'values') return outcome;
	const decide = decisionOf(decider);
	const found = valuesOf(results, decider.name).map(decide);
	const decisions = { exact: values.map(decide), found, labels: goal.labels, scores: scoresOf(decider) };
	return { ...outcome, decisions };
};

/** Against the model polynomials count as well, against its program only what encryption adds. */
const predictionOf = (
	{ predictedError, magnitude }: OutputPacking,
	{ of }: Reference,
	{ predicted }: Target['report'],
): Prediction => ({ error: of === 'model' ? predicted.error : predictedError, magnitude });

const gathered = async (
	{ report, program, stages }: Target,
	decider: OutputPacking,
	outcome: Outcome,
	reference: Reference,
	run: readonly Sample[],
	backend: EvaluationArguments['backend'],
): Promise<Gathered> => {
	const { exact } = reference;
	const material = stages === undefined || exact === undefined ? undefined : { stages, exact, run };
	const encrypted = backend === 'kernel' || backend === 'seal';
	const encryption = encrypted ? await encryptionError(program, decider, run, outcome.found) : null;
	return gather(outcome, predictionOf(decider, reference, report), material, encryption);
};

const goalAmong = (decider: OutputPacking, rows: readonly Float64Array[], which: readonly number[]): Goal => {
	const goal = goalOf(decider, rows);
	const of = <T>(list: readonly T[]): readonly T[] => which.map((i) => list[i] as T);
	return goal.kind === 'classes' ? { ...goal, labels: of(goal.labels) } : { ...goal, targets: of(goal.targets) };
};

/** The indices of samples that a client would encrypt, and what it would say of the others. Throws that where there are no others. */
const sorted = ({ client }: Program, samples: readonly Inputs[]) => {
	const refusals = samples.map((sample) => refusalOf(client, sample));
	const accepted = refusals.flatMap((refusal, i) => (refusal === undefined ? [i] : []));
	const [first, ...others] = refusals.filter((refusal) => refusal !== undefined);
	if (first !== undefined && accepted.length === 0) throw first;
	const reason = first && `${others.length + 1} samples are refused, and left out here; the first: ${first.message}`;
	return { accepted, refused: samples.length - accepted.length, refusals: reason === undefined ? [] : [reason] };
};

/** What was found, as tables; those with nothing in them are left out. */
const evidenceTexts = (
	comparison: Comparison,
	regression: Regression | null,
	evidence: Evidence | null,
): readonly string[] => {
	const first = comparisonRows(comparison, regression);
	if (evidence === null) return [table(first)];
	const tables = [
		{ head: flipHead, rows: flipRows(evidence) },
		{ head: stepHead, rows: stepRows(evidence) },
		{ head: excursionHead, rows: excursionRows(evidence) },
	];
	return [
		table([...first, ...evidenceRows(evidence)]),
		...tables.filter(({ rows }) => rows.length > 0).map(({ head, rows }) => table(rows, head)),
	];
};

const evaluate = async (path: string, given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	if (given.html !== undefined && isFolder(given.html)) throw new UsageError(`${given.html} is a folder`);
	let labels: readonly Float64Array[] = [];
	const target = openTarget(path, given, output, (ports, plain) => {
		const samples = readSamples(given.data, ports, plain);
		labels = labelsOf(given.labels, [...samples.values()][0]?.length ?? 0);
		return samples;
	});
	const { report, program, compileMs } = target;
	const [decider] = program.client.outputs;
	if (decider === undefined) throw new RefusedError('program', 'the program has no outputs');
	const all = oneByOne(target.samples).slice(0, given.limit);
	const sent = forProgram(program, all);
	const { accepted, refused, refusals } = sorted(program, sent);
	const goal = goalAmong(decider, labels, accepted);
	const samples = accepted.map((i) => all[i] as Inputs);
	const run = accepted.map((i) => sent[i] as Inputs);
	const session = await openSession(program, given, output);
	const results = await session.run(run);
	await session.close();
	const doubtful = results.filter(({ warnings }) => warnings.length > 0);
	if (doubtful.length > 0)
		output.warn(`Warning: ${doubtful.length} samples are doubtful; the first: ${doubtful[0]?.warnings.join('; ')}.`);
	const reference = await referenceOf(target, samples, decider, given, output);
	const { comparison, regression } = compared(decider, goal, results, reference);
	const outcome = reference && outcomeOf(decider, goal, results, reference);
	const known = reference && outcome && (await gathered(target, decider, outcome, reference, run, session.backend));
	const evidence = known?.evidence ?? null;
	const warnings = [
		...warningsOf(report),
		...refusals,
		...(goal.kind === 'classes' ? labelWarnings(decider, goal.labels) : []),
	];
	const timings = { compileMs, ...session.timings() };
	const page = {
		report,
		fresh: target.stages !== undefined,
		backend: session.backend,
		warnings,
		comparison,
		regression,
	};
	if (given.html !== undefined) {
		const found = valuesOf(results, decider.name);
		const html = evidenceHtml({ ...page, goal, found, samples: run, ports: program.client.inputs, known });
		writeFiles(dirname(given.html), new Map([[basename(given.html), html]]));
	}
	output.result(
		{
			...comparison,
			regression,
			output: decider.name,
			reference: reference?.of ?? null,
			refused,
			doubtful: doubtful.length,
			backend: session.backend,
			threads: session.threads,
			...reportJson(report),
			warnings,
			keys: session.keys,
			timings,
			...session.traffic(),
			evidence,
			...(given.html === undefined ? {} : { html: given.html }),
		},
		() =>
			[
				...evidenceTexts(comparison, regression, evidence),
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
		.requiredOption('--labels <y.npy>', 'one class number for each sample, or the values that the output should have')
		.option('--limit <k>', 'only the first k samples', wholeNumber(1))
		.option('--html <file>', 'also write what was found as one page, with plots')
		.addOption(new Option('--against <what>', 'what to compare with').choices(['clear']))
		.action(evaluate);
	addWeightsOption(addOutputOptions(addCompileOptions(addEvaluationOptions(command))));
};
