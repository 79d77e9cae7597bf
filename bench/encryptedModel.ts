/**
 * Networks whose weights are encrypted like their inputs (examples/encrypted-model), beside the same with weights in the clear. Prints
 * Markdown.
 *
 * npm run bench -- encryptedModel [model ...: all of them by default] [--write: into the section of a document]
 */
import { parseArgs } from 'node:util';
import {
	type Case,
	cases,
	clearDecision,
	compileCase,
	type EncryptedModel,
} from '../examples/encrypted-model/cases.ts';
import { agreement, openModel } from '../examples/encrypted-model/run.ts';
import { zoo } from '../models/index.ts';
import { testSetOf, writeTestSets } from '../models/regression/data.ts';
import { refusalOf } from '../runtime/inputs.ts';
import { median } from './alternate.ts';
import { duration, machine, megabytes, publish, table } from './table.ts';

const { values, positionals } = parseArgs({
	options: { write: { type: 'boolean', default: false } },
	allowPositionals: true,
});

/** Samples that are encrypted for real. */
const ENCRYPTED = 20;

/** The whole test set, without what the client refuses. */
const testSamples = ({ model }: Case, { compiled, withWeights }: EncryptedModel) => {
	const zooModel = zoo.find(({ name }) => name === model);
	if (zooModel === undefined) throw new Error(`there is no model ${model}`);
	writeTestSets([zooModel]);
	return testSetOf(zooModel)
		.rows.map((row) => withWeights(row))
		.filter((sample) => refusalOf(compiled.program.client, sample) === undefined);
};

const bytes = (count: number): string => (count < 1e5 ? `${(count / 1000).toFixed(0)} kB` : megabytes(count));

const measure = async (one: Case): Promise<readonly string[]> => {
	const model = compileCase(one);
	const { parameters, counts, keys } = model.compiled.report;
	const samples = testSamples(one, model);
	const { alike } = agreement(model, samples);
	const session = await openModel(model);
	let right = 0;
	for (const sample of samples.slice(0, ENCRYPTED))
		if ((await session.decide(sample)) === clearDecision(model, sample)) right++;
	const peak = session.peakBytes();
	const ms = median(session.evaluateMs());
	await session.close();
	const inTheClear = compileCase({ ...one, encrypt: [] }).compiled.report;
	console.error(`${one.model} is done`);
	return [
		one.model,
		one.what,
		`${alike} of ${samples.length}`,
		`${right} of ${ENCRYPTED}`,
		String(parameters.ringDegree),
		String(counts.depth),
		`${keys.count} / ${megabytes(keys.bytes)}`,
		bytes(session.weightBytes),
		bytes(session.sampleBytes()),
		duration(ms),
		megabytes(peak ?? Number.NaN),
		`N = ${inTheClear.parameters.ringDegree}, ${inTheClear.keys.count} / ${megabytes(inTheClear.keys.bytes)}`,
	];
};

const head = [
	...[
		'model',
		'network',
		'as in the clear, simulated',
		'as in the clear, encrypted',
		'N',
		'levels',
		'keys',
		'weights, once',
	],
	...['a sample', 'evaluation', 'memory', 'weights in the clear: N, keys'],
];
const rows: (readonly string[])[] = [];
for (const one of cases.filter(({ model }) => positionals.length === 0 || positionals.includes(model)))
	rows.push(await measure(one));
publish(
	'encrypted models',
	`${table(head, rows)}

Simulated: whole test sets (without what the client refuses) with the noise of encryption; digits run with it where twice its predicted bound could change the decision. Those that differ do so by the fitted polynomials.
Evaluation: median CPU time of ${ENCRYPTED}, on one thread. ${machine()}.`,
	values.write,
);
