/**
 * The regression of accuracy: every point of the zoo compiled, simulated on its whole test set, encrypted for real on a few samples,
 * and compared with models/baselines.json. Prints a table, what has become better, what failed, and as the last line `N passed, N failed`.
 *
 * npm run models:check [-- name ...] [--jobs 2] [--seconds limit of one point] [--encrypted samples of each at least] [--write: all of them, into docs/benchmarks.md]
 * npm run models:accept [-- name ...]: writes what was measured into models/baselines.json and prints what that changes
 */
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { publish } from '../../bench/table.ts';
import { dearestFirst, readBaselines, writeBaselines } from './baselines.ts';
import { writeTestSets } from './data.ts';
import type { Baseline, Check } from './judge.ts';
import { accepted, strayChecks, type Verdict, verdictOf } from './outcome.ts';
import { type Point, points } from './points.ts';
import { measureAll, type Outcome } from './pool.ts';
import { changeTable, measurementTable, type Row, summaryTable } from './tables.ts';

const NAMES: readonly string[] = points.map(({ name }) => name);

type Judged = { readonly point: Point; readonly outcome: Outcome; readonly verdict: Verdict };

const accept = (judged: readonly Judged[], before: ReadonlyMap<string, Baseline>): void => {
	const measured = new Map(
		judged.flatMap(({ point, verdict: { baseline } }) =>
			baseline === undefined ? [] : [[point.name, baseline] as const],
		),
	);
	const after = accepted(NAMES, before, measured);
	const names = new Set([...before.keys(), ...after.keys()]);
	writeBaselines(after);
	const changes = Array.from(names, (name) => ({ name, before: before.get(name), now: after.get(name) }));
	console.log(`${changeTable(changes)}\n`);
};

/** All points, or those whose names are given: their own, or of their model. */
const chosenBy = (names: readonly string[]): readonly Point[] => {
	const unknown = names.filter((given) => !points.some(({ name, model }) => [name, model.name].includes(given)));
	if (unknown.length > 0) throw new Error(`There is no point "${unknown[0]}"; there are ${NAMES.join(', ')}.`);
	return points.filter(({ name, model }) => names.length === 0 || names.includes(name) || names.includes(model.name));
};

const rowOf = ({ point: { name, model }, outcome }: Judged): readonly Row[] =>
	typeof outcome === 'string'
		? []
		: [{ name, folder: dirname(model.path), regression: model.regression === true, found: outcome }];

type Given = Readonly<Record<'jobs' | 'seconds' | 'encrypted', string>> & { readonly accept: boolean };

const judgeAll = async (
	chosen: readonly Point[],
	before: ReadonlyMap<string, Baseline>,
	{ jobs, seconds, encrypted, accept }: Given,
): Promise<readonly Judged[]> => {
	writeTestSets(chosen.map(({ model }) => model));
	const names = chosen.map(({ name }) => name);
	const ended = new AbortController();
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
	const limits = { jobs: Number(jobs), seconds: Number(seconds), signal: ended.signal };
	const outcomes = await measureAll(dearestFirst(names, before), Number(encrypted), limits);
	return chosen.map((point) => {
		const outcome = outcomes.get(point.name) ?? 'not measured';
		return { point, outcome, verdict: verdictOf(point, outcome, before.get(point.name), accept) };
	});
};

/** Prints what is better and what failed, and how many checks there were. */
const report = (judged: readonly Judged[], stray: readonly Check[]): boolean => {
	for (const { point, verdict } of judged) {
		for (const what of verdict.better) console.log(`better  ${point.name}: ${what}`);
		for (const { what, passed } of verdict.checks) if (!passed) console.log(`FAIL    ${point.name}: ${what}`);
	}
	for (const { what } of stray) console.log(`FAIL    ${what}`);
	const checks = [...judged.flatMap(({ verdict }) => verdict.checks), ...stray];
	const failed = checks.filter(({ passed }) => !passed).length;
	console.log(`${checks.length - failed} passed, ${failed} failed`);
	return failed === 0 && checks.length > 0;
};

const main = async (): Promise<boolean> => {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			accept: { type: 'boolean', default: false },
			encrypted: { type: 'string', default: '0' },
			jobs: { type: 'string', default: '2' },
			seconds: { type: 'string', default: '900' },
			write: { type: 'boolean', default: false },
		},
	});
	const chosen = chosenBy(positionals);
	const before = readBaselines();
	const judged = await judgeAll(chosen, before, values);
	const rows = judged.flatMap(rowOf);
	console.log(`${measurementTable(rows)}\n`);
	const all = positionals.length === 0;
	if (values.write && all) publish('zoo', summaryTable(rows), true);
	if (values.accept) accept(judged, before);
	return report(judged, all && !values.accept ? strayChecks(NAMES, before) : []);
};

if (!(await main())) process.exitCode = 1;
