import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Runs every `*.test.ts` below a folder in a process of its own and ends with the line `N passed, N failed`.
 *
 *     node test/run.ts [--bless] [--dir folder] [--jobs n] [--seconds limit] [filter ...]
 *
 * uvu exits with 0 when a test throws something that is not an Error, when a `before` hook throws and when `run()` was
 * forgotten. So a file passes only when it exits with 0, prints its summary, ran at least one test, and passed all it ran.
 * Folders named `slow` are left out unless `--dir` names them; a filter is part of a path.
 */
type Outcome = {
	readonly file: string;
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
	/** Why the file failed; empty when it passed. */
	readonly reasons: readonly string[];
	readonly output: string;
	readonly seconds: number;
};

type Exit = { readonly code: number | null; readonly timedOut: boolean; readonly output: string };

const findTests = (folder: string): string[] =>
	readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return entry.name === 'slow' || entry.name === 'node_modules' ? [] : findTests(path);
		return entry.name.endsWith('.test.ts') ? [path] : [];
	});

const execute = (file: string, seconds: number, bless: boolean): Promise<Exit> =>
	new Promise((done) => {
		const { FORCE_COLOR: _, UPDATE_GOLDEN: __, ...rest } = process.env;
		const env = { ...rest, NO_COLOR: '1', ...(bless ? { UPDATE_GOLDEN: '1' } : {}) };
		const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
		let output = '';
		let timedOut = false;
		const collect = (chunk: string): void => {
			output += chunk;
		};
		child.stdout.setEncoding('utf8').on('data', collect);
		child.stderr.setEncoding('utf8').on('data', collect);
		const timer = setTimeout(() => {
			timedOut = true;
			child.kill('SIGKILL');
			child.stdout.destroy();
			child.stderr.destroy();
		}, seconds * 1000);
		child.on('error', (error) => collect(String(error)));
		child.on('close', (code) => {
			clearTimeout(timer);
			done({ code, timedOut, output });
		});
	});

/** Sums of the summaries in the output; undefined when there is none. */
const summary = (output: string): { total: number; passed: number; skipped: number } | undefined => {
	const sums = [...output.matchAll(/^ {2}Total:\s+(\d+)\n {2}Passed:\s+(\d+)\n {2}Skipped:\s+(\d+)$/gm)];
	if (sums.length === 0) return undefined;
	const column = (index: number): number => sums.reduce((sum, match) => sum + Number(match[index]), 0);
	return { total: column(1), passed: column(2), skipped: column(3) };
};

const judge = (file: string, { code, timedOut, output }: Exit, seconds: number): Outcome => {
	const counts = summary(output);
	const reasons: string[] = [];
	if (timedOut) reasons.push('ran out of time');
	else if (code !== 0) reasons.push(`exit status ${code}`);
	if (counts === undefined) reasons.push('printed no summary (is test.run() missing?)');
	else if (counts.total === 0) reasons.push('has no test');
	else if (counts.passed !== counts.total) reasons.push(`${counts.passed} of ${counts.total} tests passed`);
	const passed = counts?.passed ?? 0;
	const failed = Math.max((counts?.total ?? 0) - passed, reasons.length > 0 ? 1 : 0);
	return { file, passed, failed, skipped: counts?.skipped ?? 0, reasons, output, seconds };
};

const report = ({ file, passed, skipped, reasons, output, seconds }: Outcome): void => {
	const time = `${seconds.toFixed(1)} s`;
	const left = skipped > 0 ? `, ${skipped} skipped` : '';
	if (reasons.length === 0) console.log(`ok    ${file}  ${passed} passed${left}  ${time}`);
	else console.log(`FAIL  ${file}  ${reasons.join('; ')}${left}  ${time}\n${output.replace(/^/gm, '      ')}`);
};

const main = async (): Promise<boolean> => {
	const { values, positionals: filters } = parseArgs({
		allowPositionals: true,
		options: {
			bless: { type: 'boolean', default: false },
			dir: { type: 'string', default: import.meta.dirname },
			jobs: { type: 'string', default: '2' },
			seconds: { type: 'string', default: '180' },
		},
	});
	const root = resolve(values.dir);
	const files = (existsSync(root) ? findTests(root) : [])
		.filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
		.sort();
	const outcomes: Outcome[] = [];
	const queue = files.values();
	const worker = async (): Promise<void> => {
		for (const file of queue) {
			const start = performance.now();
			const exit = await execute(file, Number(values.seconds), values.bless);
			const outcome = judge(relative(process.cwd(), file), exit, (performance.now() - start) / 1000);
			outcomes.push(outcome);
			report(outcome);
		}
	};
	await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker));
	if (files.length === 0) console.log(`FAIL  no test file below ${root} matches`);
	const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
	const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, files.length === 0 ? 1 : 0);
	console.log(`${passed} passed, ${failed} failed`);
	return failed === 0;
};

process.exitCode = (await main()) ? 0 : 1;
