/** The regression as text: what was measured, and what accepting it would change. */
import { megabytes, table } from '../../bench/table.ts';
import { type Baseline, beyondMargin } from './judge.ts';
import { agreementOf, type Flip, type Measurement } from './measurement.ts';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

export type Row = {
	readonly name: string;
	/** Of its model, below models/. */
	readonly folder: string;
	readonly regression: boolean;
	readonly found: Measurement;
};

type Column = readonly [head: string, cell: (row: Row) => string];

const accuracyIn = ({ regression }: Row, value: number): string =>
	regression ? `R^2 ${value.toFixed(4)}` : percent(value);

const flipsIn = ({ regression, found }: Row, flips: readonly Flip[]): string => {
	const beyond = beyondMargin(flips, found.predicted.error).length;
	return regression ? '' : `${flips.length}${beyond > 0 ? ` (${beyond} beyond margin)` : ''}`;
};

const COST: readonly Column[] = [
	['N', ({ found }) => String(found.ringDegree)],
	['levels', ({ found }) => String(found.levels)],
	['depth', ({ found }) => String(found.depth)],
	['log QP', ({ found }) => found.logQ.toFixed(0)],
	['keys', ({ found }) => String(found.keys)],
	['sent', ({ found }) => megabytes(found.keyBytes)],
	['bits', ({ found }) => found.predicted.bits.toFixed(1)],
];

const ACCURACY: readonly Column[] = [
	['samples', ({ found }) => String(found.simulated.samples)],
	['in the clear', (row) => accuracyIn(row, row.found.clear.accuracy)],
	['simulated', (row) => accuracyIn(row, row.found.simulated.accuracy)],
	['agreement', ({ found, regression }) => (regression ? '' : percent(agreementOf(found.simulated)))],
];

const EVIDENCE: readonly Column[] = [
	['flips', (row) => flipsIn(row, row.found.simulated.flips)],
	['with noise', ({ found }) => String(found.simulated.evaluated)],
	['encrypted', ({ found: { encrypted } }) => `${encrypted.samples}, ${encrypted.keySets} key sets`],
	['flips', (row) => flipsIn(row, row.found.encrypted.flips)],
	['bound above largest', ({ found }) => `${(-Math.log2(found.encrypted.noise.largest)).toFixed(1)} bits`],
	['simulated / measured', ({ found }) => found.encrypted.ratio.toFixed(2)],
];

const tableOf = (columns: readonly Column[], rows: readonly Row[]): string =>
	table(
		columns.map(([head]) => head),
		rows.map((row) => columns.map(([, cell]) => cell(row))),
	);

/** One line for each point, with all that is judged. */
export const measurementTable = (rows: readonly Row[]): string =>
	tableOf([['point', ({ name }) => name], ...COST, ...ACCURACY, ...EVIDENCE], rows);

/** The same for docs/benchmarks.md, without what only a maintainer asks. */
export const summaryTable = (rows: readonly Row[]): string =>
	tableOf([['model', ({ name, folder }) => `[${name}](../models/${folder})`], ...ACCURACY, ...COST], rows);

const SHOWN = [
	...(['options', 'samples', 'tolerance', 'clear', 'accuracy', 'agreement', 'unanswered', 'predictedBits'] as const),
	...(['ringDegree', 'levels', 'depth', 'logQ', 'keys', 'keyBytes'] as const),
] satisfies readonly (keyof Baseline)[];

const textOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

export type Change = {
	readonly name: string;
	readonly before: Baseline | undefined;
	readonly now: Baseline | undefined;
};

/** What accepting changes, one line for each number that does; a sentence where none does. */
export const changeTable = (changes: readonly Change[]): string => {
	const rows = changes.flatMap(({ name, before, now }) =>
		SHOWN.map(
			(key) => [name, key, before ? textOf(before[key]) : 'none', now ? textOf(now[key]) : 'none'] as const,
		).filter(([, , was, is]) => was !== is),
	);
	return rows.length === 0 ? 'Nothing changes.' : table(['point', 'number', 'before', 'now'], rows);
};
