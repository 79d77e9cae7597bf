/**
 * Clients that ask one service again and again, each with keys of its own, while the process that evaluates is killed now and then: how
 * long answers take, and whether any is lost or wrong. Prints Markdown.
 *
 * npm run bench -- load [--minutes 5] [--clients 8] [--kill 20: seconds between kills, 0 for none] [--model breast-cancer-logistic]
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect } from '../runtime/remote/index.ts';
import { modelOf } from '../test/remote/model.ts';
import { serve, TOKENS } from '../test/slow/serve.ts';
import { duration, machine, table } from './table.ts';

const { values } = parseArgs({
	options: {
		minutes: { type: 'string', default: '5' },
		clients: { type: 'string', default: '8' },
		kill: { type: 'string', default: '20' },
		model: { type: 'string', default: 'breast-cancer-logistic' },
	},
});
const [minutes, clients, killSeconds] = [values.minutes, values.clients, values.kill].map(Number);
if (!(minutes && minutes > 0 && clients && clients >= 1 && killSeconds !== undefined && killSeconds >= 0))
	throw new Error('--minutes, --clients and --kill are positive numbers');

const { compiled, sampleOf, errorOf } = modelOf(values.model);
const served = await serve(compiled);
const ended = new AbortController();
const times: number[] = [];
const failures: string[] = [];
let kills = 0;

/** Kills the evaluating process of the service, a child of it, again and again. */
const killer = async (): Promise<void> => {
	while (killSeconds > 0 && !ended.signal.aborted) {
		await sleep(1000 * killSeconds, undefined, { signal: ended.signal }).catch(() => undefined);
		if (ended.signal.aborted) return;
		const children = readFileSync(`/proc/${served.pid}/task/${served.pid}/children`, 'utf8').trim().split(' ');
		for (const pid of children.filter((text) => text !== '').map(Number)) {
			process.kill(pid, 'SIGKILL');
			kills++;
		}
	}
};

const client = async (k: number, until: number): Promise<void> => {
	const remote = await connect(served.url, { token: TOKENS[k % TOKENS.length] });
	for (let i = k; performance.now() < until; i += clients) {
		const start = performance.now();
		try {
			const result = await remote.infer(sampleOf(i));
			if (!(errorOf(result, i) <= 1)) failures.push(`a wrong answer to sample ${i}`);
		} catch (error) {
			failures.push(error instanceof Error ? error.message : String(error));
		}
		times.push(performance.now() - start);
	}
	await remote.close();
};

try {
	const start = performance.now();
	const killing = killer();
	await Promise.all(Array.from({ length: clients }, (_, k) => client(k, start + 60_000 * minutes)));
	ended.abort();
	await killing;
	const seconds = (performance.now() - start) / 1000;
	const sorted = times.toSorted((a, b) => a - b);
	const quantile = (share: number): string => duration(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
	const head = ['network', 'clients', 'answers', 'p50', 'p95', 'longest', 'a second', 'killed', 'lost or wrong'];
	const rate = (times.length / seconds).toFixed(1);
	const counts = [quantile(0.5), quantile(0.95), quantile(1), rate, String(kills), String(failures.length)];
	console.log(table(head, [[values.model, String(clients), String(times.length), ...counts]]));
	console.log(
		`\nOver ${Math.round(seconds)} s, set-up included, on ${machine()}; clients in one process, one evaluator.`,
	);
	for (const failure of new Set(failures)) console.log(failure);
	process.exitCode = failures.length > 0 || times.length === 0 ? 1 : 0;
} finally {
	ended.abort();
	await served.stop();
}
