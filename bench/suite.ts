/**
 * The node tests of the ONNX project's backend suite, through the whole compiler and evaluated without encryption: how many of each
 * family of operators come out right, are refused, are wrong, or crash (any other exception, no answer within 120 s of processor time).
 * bench/suite/generate.py makes them and says which inputs are encrypted; the others are constants. Calibration is made of the values
 * of the case (bench/suite/calibration.ts). Right is within 1e-4 of the largest expected value; where functions are approximated, within
 * 1e-2 of the range of the expected values; or within what the suite itself allows. Every 20th case is run with simulated noise too.
 * Every case counts, also those of strings or sequences, which can only be refused. Cast to integers and to narrower floats than 16 bits, and
 * Div of integers, round: they are not linear, and counted as other. No ciphertext holds NaN or an infinity: where Cast reads some, 0 is
 * encrypted instead, and these elements are not compared. Prints Markdown and keeps every judgement in
 * build/suite/results.json.
 *
 * npm run bench -- suite [--only part of a name, or operator, or family] [--verbose] [--jobs n] [--write]
 * npm run bench -- suite --versions: definitions that changed with an operator set at which our table has no version of its own
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { caseNames, SUITE } from './suite/cases.ts';
import { countTable, type Judged, problemList } from './suite/counts.ts';
import { FAMILIES, familyOf } from './suite/families.ts';
import { judgeAll } from './suite/pool.ts';
import { versionGaps } from './suite/versions.ts';
import { publish } from './table.ts';

const SECONDS = 120;
const SIMULATED_EVERY = 20;
/** Judgements are written every so many cases, for runs that are ended. */
const WRITTEN_EVERY = 50;
const RESULTS = new URL('results.json', SUITE);

/** Writes the judgements; those of other cases stay as earlier runs left them. */
const keep = (judged: ReadonlyMap<string, Judged>): void => {
	const before: readonly Judged[] = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : [];
	const all = new Map([...before.map((one) => [one.name, one] as const), ...judged]);
	writeFileSync(RESULTS, JSON.stringify([...all.values()], null, '\t'));
};

const { values } = parseArgs({
	options: {
		only: { type: 'string', default: '' },
		verbose: { type: 'boolean', default: false },
		jobs: { type: 'string', default: '1' },
		write: { type: 'boolean', default: false },
		versions: { type: 'boolean', default: false },
	},
});

const count = async (): Promise<void> => {
	const all = caseNames();
	const { only } = values;
	const families = FAMILIES.filter((family) => family === only);
	const chosen = (families.length > 0 ? families : FAMILIES).flatMap((family) =>
		all.filter(
			(one) => familyOf(one) === family && (families.length > 0 || one.name.includes(only) || one.op === only),
		),
	);
	const judged = new Map<string, Judged>();
	const limits = { jobs: Number(values.jobs), seconds: SECONDS };
	await judgeAll(
		chosen,
		limits,
		(k) => k % SIMULATED_EVERY === 0,
		({ name, op, domain, outputs }, judgement) => {
			judged.set(name, { name, op, domain, outputs, ...judgement });
			if (judged.size % WRITTEN_EVERY === 0) keep(judged);
			if (process.stderr.isTTY) process.stderr.write(`\r${judged.size} of ${chosen.length} `);
		},
	);
	keep(judged);
	const counted = chosen.flatMap(({ name }) => judged.get(name) ?? []);
	if (values.verbose) console.log(`${problemList(counted)}\n`);
	publish('suite', countTable(counted), values.write && values.only === '');
};

if (values.versions) console.log(versionGaps());
else await count();
