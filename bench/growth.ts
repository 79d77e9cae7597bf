/**
 * How compile time and peak memory grow with the model: generated perceptrons and residual networks of growing width, each
 * compiled in a process of its own, stopped after ten minutes. Time is that of all threads. Prints Markdown and writes
 * build/growth.svg.
 *
 * npm run bench -- growth
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CompileError, compile } from '../compiler/index.ts';
import { calibrationOf, type Generated, perceptron, residual } from './generated.ts';
import { logarithmicPlots, type Series } from './plot.ts';

const families: ReadonlyMap<
	string,
	{ readonly make: (width: number) => Generated; readonly widths: readonly number[] }
> = new Map([
	['perceptron', { make: perceptron, widths: [32, 64, 128, 256, 512, 1024] }],
	['residual', { make: residual, widths: [2, 4, 8, 16] }],
]);
const MOST_SECONDS = 600;
const file = fileURLToPath(import.meta.url);

type Measured = {
	readonly name: string;
	readonly weights: number;
	readonly seconds: number;
	readonly megabytes: number;
	/** What was compiled, or why it was not. */
	readonly result: string;
};

const resultOf = (model: Generated): string => {
	try {
		const { parameters, counts } = compile(model.bytes, { calibration: calibrationOf(model) }).report;
		return `N = ${parameters.ringDegree}, ${counts.rotations + counts.relinearizations} key switches`;
	} catch (error) {
		if (error instanceof CompileError) return `refused: ${error.issues[0]?.message}`;
		throw error;
	}
};

/** Compiles one model in this process. Memory: the most the process ever had, and what it had before compiling is little. */
const compileOne = (model: Generated): Measured => {
	const start = process.cpuUsage();
	const result = resultOf(model);
	const { user, system } = process.cpuUsage(start);
	const megabytes = process.resourceUsage().maxRSS / 1000;
	return { name: model.name, weights: model.weights, seconds: (user + system) / 1e6, megabytes, result };
};

const measure = (family: string, width: number): Measured | undefined => {
	const child = spawnSync(process.execPath, [file, '--one', family, String(width)], {
		encoding: 'utf8',
		timeout: MOST_SECONDS * 1000,
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	return child.status === 0 ? JSON.parse(child.stdout) : undefined;
};

const row = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);

const main = (): void => {
	row('model', 'weights', 'compile time', 'peak memory', 'result');
	row('---', '---', '---', '---', '---');
	const times: Series[] = [];
	const memories: Series[] = [];
	for (const [family, { widths }] of families) {
		const measured: Measured[] = [];
		for (const width of widths) {
			const one = measure(family, width);
			if (one === undefined) row(`${family} ${width}`, '', '', '', `none within ${MOST_SECONDS} s`);
			else {
				row(one.name, String(one.weights), `${one.seconds.toFixed(1)} s`, `${one.megabytes.toFixed(0)} MB`, one.result);
				measured.push(one);
			}
		}
		times.push({ name: family, points: measured.map(({ weights, seconds }) => [weights, seconds]) });
		memories.push({ name: family, points: measured.map(({ weights, megabytes }) => [weights, megabytes]) });
	}
	const folder = new URL('../build/', import.meta.url);
	mkdirSync(folder, { recursive: true });
	const svg = logarithmicPlots('weights', [
		{ title: 'compile time in seconds', series: times },
		{ title: 'peak memory in MB', series: memories },
	]);
	writeFileSync(new URL('growth.svg', folder), svg);
	console.log(`\nplotted in ${fileURLToPath(new URL('growth.svg', folder))}`);
};

const [option, family = '', width] = process.argv.slice(2);
const one = option === '--one' ? families.get(family) : undefined;
if (one === undefined) main();
else console.log(JSON.stringify(compileOne(one.make(Number(width)))));
