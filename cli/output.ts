import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import pico from 'picocolors';
import type { Progress, ProgressListener } from '../runtime/plan.ts';

/** What every command takes. */
export type OutputOptions = { readonly json?: boolean; readonly quiet?: boolean };

type Cell = string | number;

/** Results go to stdout, everything else to stderr; nothing moves and nothing is coloured unless a person is looking. */
export type Output = {
	readonly json: boolean;
	readonly colors: ReturnType<typeof pico.createColors>;
	/** A line about what is going on: stderr, silent with --quiet. */
	readonly note: (line: string) => void;
	/** A line that must be read: stderr, also with --quiet. */
	readonly warn: (line: string) => void;
	/** The result: `value` as one JSON object with --json, else `text()`. */
	readonly result: (value: unknown, text: () => string) => void;
	readonly progress: ProgressListener;
	/** Ends the bar that is shown, if any. */
	readonly settle: () => void;
};

const isColored = (stream: NodeJS.WriteStream): boolean =>
	stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/** What ends the bars that are shown: their timers keep the process alive. */
const shown = new Set<() => void>();

/** Ends every bar; for a command that fails. */
export const settleAll = (): void => {
	for (const settle of shown) settle();
};

/** A bar per stage on a terminal, one line per stage elsewhere. */
const makeProgress = (quiet: boolean): { listener: ProgressListener; settle: () => void } => {
	let bar: SingleBar | undefined;
	let stage = '';
	const settle = (): void => {
		bar?.stop();
		bar = undefined;
		stage = '';
		shown.delete(settle);
	};
	if (quiet) return { listener: () => {}, settle };
	const begin = (progress: Progress): void => {
		settle();
		stage = progress.stage;
		if (process.stderr.isTTY !== true) {
			process.stderr.write(`${stage} ...\n`);
			return;
		}
		const format = '{stage} {bar} {percentage}%  {value}/{total}  {eta_formatted} left';
		const options = { format, stream: process.stderr, barsize: 30, etaBuffer: 20, gracefulExit: false, linewrap: true };
		shown.add(settle);
		bar = new SingleBar({ ...options, barCompleteChar: '█', barIncompleteChar: '░', clearOnComplete: true });
		bar.start(progress.total, progress.done, { stage: stage.padEnd(18) });
	};
	const listener = (progress: Progress): void => {
		if (progress.stage !== stage) begin(progress);
		bar?.setTotal(progress.total);
		bar?.update(progress.done);
	};
	return { listener, settle };
};

/** The text without what a terminal obeys, or writes from right to left: names come from files of others. Lines and tabs stay. */
const printable = (text: string): string =>
	text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => ('\n\t'.includes(character) ? character : '?'));

export const makeOutput = ({ json = false, quiet = false }: OutputOptions): Output => {
	const { listener, settle } = makeProgress(quiet);
	const warn = (line: string): void => {
		settle();
		process.stderr.write(`${printable(line)}\n`);
	};
	return {
		json,
		colors: pico.createColors(isColored(process.stdout)),
		note: (line) => {
			if (!quiet) warn(line);
		},
		warn,
		result: (value, text) => {
			settle();
			process.stdout.write(`${json ? JSON.stringify(value) : printable(text())}\n`);
		},
		progress: listener,
		settle,
	};
};

const bare = {
	top: '',
	'top-mid': '',
	'top-left': '',
	'top-right': '',
	bottom: '',
	'bottom-mid': '',
	'bottom-left': '',
	'bottom-right': '',
	left: '',
	'left-mid': '',
	mid: '',
	'mid-mid': '',
	right: '',
	'right-mid': '',
	middle: '  ',
};

/** Rows in columns; numbers to the right. Without a head it is a list of names and values. */
export const table = (rows: readonly (readonly Cell[])[], head?: readonly string[]): string => {
	const columns = Math.max(head?.length ?? 0, ...rows.map((row) => row.length));
	const colAligns = Array.from({ length: columns }, (_, column) =>
		rows.length > 0 && rows.every((row) => typeof (row[column] ?? 0) === 'number') ? 'right' : 'left',
	);
	const grid = new Table({
		chars: bare,
		colAligns,
		style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
		...(head === undefined ? {} : { head: [...head] }),
	});
	for (const row of rows) grid.push(row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)));
	return grid.toString().replace(/[ \t]+$/gm, '');
};

/** Integers as they are, other numbers to five significant digits. */
export const formatNumber = (value: number): string =>
	!Number.isFinite(value)
		? '-'
		: Number.isInteger(value) && Math.abs(value) < 1e15
			? String(value)
			: String(Number(value.toPrecision(5)));

/** Bytes in the largest unit that gives at least 1. */
export const formatBytes = (bytes: number): string => {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes / 0.9995, 1)) / 3)));
	const value = bytes / 1000 ** power;
	return `${power === 0 ? value : value.toPrecision(3)} ${units[power]}`;
};

export const formatTime = (milliseconds: number): string =>
	milliseconds < 1000
		? `${milliseconds < 10 ? formatNumber(Number(milliseconds.toPrecision(2))) : Math.round(milliseconds)} ms`
		: `${(milliseconds / 1000).toFixed(2)} s`;

/** A bar of `width` characters, `share` of it filled. */
export const barOf = (share: number, width: number): string => {
	const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
	const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
	return '█'.repeat(Math.floor(eighths / 8)) + rest;
};
