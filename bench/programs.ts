/**
 * The programs in examples/programs and examples/search, encrypted for real and evaluated by the kernel on one thread: levels,
 * parameters, times and errors against plain JavaScript. Prints Markdown; with --write, into the document that has the marks.
 *
 * npm run bench -- programs [--write]
 */
import { readFileSync } from 'node:fs';
import { modulusLimit } from '../compiler/ckks/security.ts';
import { type Compiled, compile, type Traced } from '../compiler/index.ts';
import { clenshaw } from '../compiler/numeric/chebyshev.ts';
import { remez } from '../compiler/numeric/remez.ts';
import { type Example, examples, options } from '../examples/programs/index.ts';
import { errorOf, samplesOf } from '../examples/programs/samples.ts';
import {
	distancesTo,
	inEncryptedDatabase,
	inPlainDatabase,
	type Points,
	randomPoints,
} from '../examples/search/search.ts';
import { createClient } from '../runtime/client.ts';
import { createServer } from '../runtime/server.ts';
import { onNotice } from './session.ts';
import { duration, machine, megabytes, publish, table } from './table.ts';
import { steady } from './zoo.ts';

type Sample = ReadonlyMap<string, Float64Array>;

/** Lines with something in them of HEFactory's own benchmark files (github.com/jcabrero/HEFactory, benchmark/hefactory_benchmark): 304. */
const HEFACTORY: Readonly<Record<string, number>> = {
	...{ boxBlur: 26, dotProduct: 28, sobel: 28, hamming: 30, distance: 30 },
	...{ linear: 26, quadratic: 26, roberts: 34, matrixVector: 36, network: 40 },
};

const linesOf = (name: string): number =>
	readFileSync(new URL(`../examples/programs/${name}.ts`, import.meta.url), 'utf8')
		.split('\n')
		.filter((line) => line.trim() !== '').length;

/** The result of each sample, encrypted, and the time of one evaluation. */
const run = async ({ program }: Compiled, samples: readonly Sample[]) => {
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants, { onNotice });
	await server.loadKeys(await client.evaluationKeys());
	const results: Float64Array[] = [];
	for (const sample of samples) {
		const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt(sample)));
		results.push(outputs.values().next().value?.raw.data ?? new Float64Array());
	}
	const request = await client.encrypt(samples[0] ?? new Map());
	const ms = await steady(() => server.evaluate(request), 3);
	client.dispose();
	await server.dispose();
	return { results, ms };
};

const part = (value: number): string => value.toExponential(1);

/** What both tables say of a compiled program. */
const costsOf = ({ report, stages }: Compiled): readonly string[] => {
	const { ringDegree, logQ } = report.parameters;
	const bits = `${Math.ceil(logQ)} of ${modulusLimit(ringDegree, 128)}`;
	return [String(stages.depth), String(ringDegree), bits, megabytes(report.keys.bytes)];
};

const programRow = async (name: string, example: Example): Promise<readonly string[]> => {
	const compiled = compile(example.program, options);
	const samples = samplesOf(example, { bits: name === 'hamming' });
	const { results, ms } = await run(compiled, samples);
	const error = Math.max(...results.map((result, i) => errorOf(example, samples[i] ?? new Map(), result)));
	const lines = [linesOf(name), HEFACTORY[name] ?? Number.NaN].map(String);
	return [`[${name}](programs/${name}.ts)`, ...lines, ...costsOf(compiled), duration(ms), part(error)];
};

const searchRow = async (title: string, traced: Traced, points: Points, given: Sample): Promise<readonly string[]> => {
	const compiled = compile(traced, { precision: 12 });
	const queries = randomPoints(3, points[0]?.length ?? 0, 5);
	const { results, ms } = await run(
		compiled,
		queries.map((query) => new Map([['query', query], ...given])),
	);
	const errors = results.flatMap((result, i) =>
		distancesTo(points, queries[i] ?? new Float64Array()).map((d, k) => Math.abs(d - (result[k] ?? Number.NaN))),
	);
	const { uploadBytes } = compiled.report.traffic;
	const sent = `${(uploadBytes / 1000).toFixed(0)} kB`;
	return [title, ...costsOf(compiled), sent, duration(ms), part(Math.max(...errors))];
};

/** The best polynomial of a degree for the root on [0, 1], and how far off it is. */
const rootRow = (degree: number): readonly string[] => {
	const root = (t: number): number => Math.sqrt((1 + t) / 2);
	const coefficients = remez(root, degree);
	const places = Array.from({ length: 16 * degree + 1 }, (_, i) => Math.cos((Math.PI * i) / (16 * degree)));
	const error = Math.max(...places.map((t) => Math.abs(root(t) - clenshaw(coefficients, t))));
	return [String(degree), String(Math.log2(degree + 1)), error.toFixed(5)];
};
const rootHead = ['degree', 'levels', 'largest error / range'];
publish('roots', table(rootHead, [31, 63, 127, 255, 511].map(rootRow)), process.argv.includes('--write'));

const costs = ['levels', 'N', 'log QP', 'keys'];
const rows: (readonly string[])[] = [];
for (const [name, example] of Object.entries(examples)) rows.push(await programRow(name, example));
rows.push(['[image](programs/image.ts), of four', String(linesOf('image')), '', '', '', '', '', '', '']);
const totals = [1, 2].map((k) => String(rows.reduce((sum, row) => sum + Number(row[k]), 0)));
const head = ['program', 'lines', "HEFactory's", ...costs, 'evaluation', 'largest error / range'];
rows.push(['together', ...totals, '', '', '', '', '', '']);
const foot = `CPU time on one thread, ${machine()}; errors of random inputs and of those with all numbers at one end. log QP beside the most that is 128-bit secure (2024 table).`;
publish('programs', `${table(head, rows)}\n\n${foot}`, process.argv.includes('--write'));

const [large, small] = [randomPoints(1000, 64, 1), randomPoints(100, 16, 2)];
const database = new Map([['points', Float64Array.from(small.flatMap((point) => [...point]))]]);
const searches = [
	await searchRow('1000 points of 64 numbers, in the clear', inPlainDatabase(large), large, new Map()),
	await searchRow('100 points of 16 numbers, encrypted', inEncryptedDatabase(100, 16), small, database),
];
const searchHead = ['database', ...costs, 'sent', 'evaluation', 'largest error'];
publish(
	'search',
	`${table(searchHead, searches)}\n\n${`CPU time on one thread, ${machine()}.`}`,
	process.argv.includes('--write'),
);
