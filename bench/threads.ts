/**
 * One thread against two and more, of one program in one run: by the clock, since that is what threads are for, and as the ratio of
 * the CPU time, which says what they waste. A machine that does other things shows less. Prints Markdown; with --write also into
 * docs/benchmarks.md.
 *
 * npm run bench -- threads [--rounds n] [--quick] [--write] [model ...]
 */
import { availableParallelism } from 'node:os';
import { models } from '../models/index.ts';
import { alternating, benchArguments, median, ratioOf, sideOf } from './alternate.ts';
import { openSession } from './session.ts';
import { duration, machine, publish, table } from './table.ts';
import { compileZoo, rowsOf } from './zoo.ts';

const { effort, names, write } = benchArguments();
const DEFAULT = ['mnist-cryptonets', 'lenet5-mnist'];
/** Two, and as many as there are processors. */
const COUNTS = [...new Set([1, 2, Math.max(2, availableParallelism())])];

const rows: string[][] = [];
for (const model of models) {
	if (!(names.length > 0 ? names : DEFAULT).includes(model.name)) continue;
	const compiled = compileZoo(model);
	const samples = [new Map([[model.input, rowsOf(model.samples)[0] ?? new Float64Array()]])];
	const sessions = [];
	for (const threads of COUNTS) sessions.push(await openSession(compiled, samples, 'kernel', threads));
	const times = await alternating(
		sessions.map(({ evaluate }) => sideOf(evaluate, effort)),
		effort,
	);
	for (const { close } of sessions) await close();
	const [one = [], ...more] = times;
	const clock = (side: typeof one) => side.map(({ wall }) => wall);
	const cpu = (side: typeof one) => side.map((time) => time.cpu);
	rows.push([
		model.name,
		String(compiled.report.parameters.ringDegree),
		duration(median(clock(one))),
		...more.flatMap((side) => [
			duration(median(clock(side))),
			`${ratioOf(clock(one), clock(side)).toFixed(2)}x`,
			ratioOf(cpu(side), cpu(one)).toFixed(2),
		]),
	]);
}

const head = COUNTS.slice(1).flatMap((count) => [`${count} threads`, 'faster', 'CPU time']);
const caption = `By the clock, ${machine()}: medians of ${effort.rounds} rounds; CPU time as a multiple of that of one thread.`;
publish('threads', [table(['network', 'N', '1 thread', ...head], rows), caption].join('\n\n'), write);
