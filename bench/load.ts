/**
 * Clients that ask one service again and again, each with keys of its own, while what evaluates is killed now and then: how long answers take, and whether
 * any is lost or wrong. With `--queue redis`, two workers behind a Redis that is killed and started again in mid-run as well. Prints Markdown.
 *
 * npm run bench -- load [--minutes 5] [--clients 8] [--kill 20: seconds between kills, 0 for none] [--model breast-cancer-logistic]
 *     [--queue process | redis; default: both] [--write: into the README]
 */
import { parseArgs } from 'node:util';
import { LOST_SECONDS, type LoadOptions, underLoad } from '../test/slow/load.ts';
import { duration, machine, publish, table } from './table.ts';

const { values } = parseArgs({
	options: {
		minutes: { type: 'string', default: '5' },
		clients: { type: 'string', default: '8' },
		kill: { type: 'string', default: '20' },
		model: { type: 'string', default: 'breast-cancer-logistic' },
		queue: { type: 'string' },
		write: { type: 'boolean', default: false },
	},
});
const [minutes = 0, clients = 0, killEvery = -1] = [values.minutes, values.clients, values.kill].map(Number);
if (!(minutes > 0 && clients >= 1 && killEvery >= 0))
	throw new Error('--minutes, --clients and --kill are positive numbers');

const KINDS: Readonly<Record<LoadOptions['queue'], string>> = {
	process: 'one process below the service',
	redis: 'two workers behind Redis',
};
const chosen = (['process', 'redis'] as const).filter((kind) => values.queue === undefined || values.queue === kind);
if (chosen.length === 0) throw new Error('--queue is process or redis');

const rows: string[][] = [];
let failed = false;
for (const queue of chosen) {
	const result = await underLoad({ model: values.model, clients, seconds: 60 * minutes, killEvery, queue });
	const { times, seconds, kills, restarts, lost, failures, statuses } = result;
	const sorted = times.toSorted((a, b) => a - b);
	const quantile = (share: number): string => duration(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
	rows.push([
		...[KINDS[queue], String(times.length), (times.length / seconds).toFixed(1)],
		...[quantile(0.5), quantile(0.95), quantile(1), String(kills), String(restarts)],
		...[String(lost), String(failures.length)],
	]);
	for (const failure of new Set(failures)) console.error(failure);
	console.error([...statuses].map(([status, count]) => `${count} answers with status ${status}`).join(', '));
	failed ||= lost > 0 || failures.length > 0 || times.length === 0;
}
const head = ['evaluated by', 'answers', 'a second', 'p50', 'p95', 'longest', 'killed', 'Redis restarted'];
const caption = `${clients} clients with keys of their own in one process, ${values.model}, for ${minutes} minutes each, set-up included; SIGKILL every ${killEvery} s to one process that evaluates. Redis keeps an append-only file and is killed as well; a worker counts as lost after ${LOST_SECONDS} s of silence. Lost is what was accepted and then forgotten. ${machine()}, which others used as well.`;
publish('load', `${table([...head, 'lost', 'wrong or failed'], rows)}\n\n${caption}`, values.write && !failed);
process.exitCode = failed ? 1 : 0;
