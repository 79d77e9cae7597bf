import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Fetch } from '../../runtime/remote/index.ts';
import { modelOf } from '../remote/model.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { evaluatorsOf, type Served, type Started, serve, startCommand, TOKENS } from './serve.ts';

export type LoadOptions = {
	readonly model: string;
	readonly clients: number;
	readonly seconds: number;
	/** Seconds between two kills, 0: none; and as long until there was an answer, and all that evaluate are there. */
	readonly killEvery: number;
	/** It goes on, for five minutes at most, until there were so many kills and answers. */
	readonly least?: { readonly kills: number; readonly answers: number };
	/** `process`: the service evaluates in a process of its own, which is killed. `redis`: two workers do, and Redis is restarted in mid-run as well. */
	readonly queue: 'process' | 'redis';
};

export type LoadResult = {
	/** Milliseconds from the numbers to the answer, of every one. */
	readonly times: readonly number[];
	readonly seconds: number;
	readonly kills: number;
	readonly restarts: number;
	/** Evaluations that were accepted and then forgotten, though their clients may have sent them again. */
	readonly lost: number;
	/** Answers that were wrong, and why there was none. */
	readonly failures: readonly string[];
	/** Answers of the service by HTTP status. */
	readonly statuses: ReadonlyMap<number, number>;
};

const WORKERS = 2;
/** Silence after which a worker counts as lost. */
export const LOST_SECONDS = 2;
const DOWN_MS = 1000;
const LONGEST_SECONDS = 300;

/** What may be killed: SIGKILL to one of those that evaluate, which is there again soon, if all are there; how many were killed. */
type Evaluation = { readonly kill: () => number; readonly stop: () => Promise<void> };

/** The process below the service, which starts another one by itself. */
const inProcess = (served: Served): Evaluation => ({
	kill: () => {
		const all = evaluatorsOf(served);
		for (const pid of all) process.kill(pid, 'SIGKILL');
		return all.length;
	},
	stop: async () => {},
});

/** Workers behind Redis; whoever kills one starts another. */
const behindRedis = (served: Served, { url }: TestRedis): Evaluation => {
	const start = (): Started =>
		startCommand(
			...['worker', served.build, '--queue', url, '--data', served.data],
			...['--lost', String(LOST_SECONDS)],
		);
	const workers = Array.from({ length: WORKERS }, start);
	return {
		kill: () => {
			if (!workers.every((worker) => worker.log().includes(' evaluates '))) return 0;
			const oldest = workers.shift();
			const killed = oldest?.child.kill('SIGKILL') === true ? 1 : 0;
			workers.push(start());
			return killed;
		},
		stop: async () => {
			for (const worker of workers) await worker.stop();
		},
	};
};

/** Ends after a time, or as soon as it is told to. */
const pause = (seconds: number, signal: AbortSignal): Promise<void> =>
	sleep(1000 * seconds, undefined, { signal }).catch(() => undefined);

/** Kills now and then, each time once there was an answer since the last one. */
const disturb = async ({ kill }: Evaluation, seconds: number, signal: AbortSignal, course: Course): Promise<void> => {
	while (seconds > 0 && !signal.aborted) {
		const before = course.times.length;
		await pause(seconds, signal);
		while (!signal.aborted && course.times.length === before) await pause(0.1, signal);
		for (let count = 0; !signal.aborted && count === 0; await pause(0.1, signal)) {
			count = kill();
			course.kills += count;
		}
	}
};

/** Counts what the service answers; 404 to a question about an evaluation that it had accepted is a loss. */
const watch = (statuses: Map<number, number>) => {
	let lost = 0;
	const fetch: Fetch = async (url, init) => {
		const response = await globalThis.fetch(url, init);
		statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
		if (response.status === 404 && url.pathname.startsWith('/v1/evaluations/')) lost++;
		return response;
	};
	return { fetch, lost: () => lost };
};

const untilReady = async (url: string): Promise<void> => {
	for (let tries = 0; tries < 1200; tries++) {
		if ((await fetch(`${url}/readyz`)).status === 200) return;
		await sleep(100);
	}
	throw new Error('the service is not ready within two minutes');
};

type Model = ReturnType<typeof modelOf>;

/** What happened so far. */
type Course = { times: number[]; failures: string[]; kills: number; restarts: number };

/** Asks again and again; number k of them asks for samples k, k + clients and so on. */
const ask = async (
	{ url }: Served,
	{ sampleOf, errorOf }: Model,
	{ times, failures }: Course,
	{ k, clients, fetch, isOver }: { k: number; clients: number; fetch: Fetch; isOver: () => boolean },
): Promise<void> => {
	const remote = await connect(url, { token: TOKENS[k % TOKENS.length], fetch });
	for (let i = k; !isOver(); i += clients) {
		const start = performance.now();
		try {
			const error = errorOf(await remote.infer(sampleOf(i)), i);
			if (!(error <= 1)) failures.push(`a wrong answer to sample ${i}: ${error} of the predicted error`);
		} catch (error) {
			failures.push(error instanceof Error ? error.message : String(error));
		}
		times.push(performance.now() - start);
	}
	await remote.close();
};

/** Kills Redis in mid-run, and starts it again. */
const restart = async (redis: TestRedis, seconds: number, signal: AbortSignal, course: Course): Promise<void> => {
	await pause(seconds / 2, signal);
	if (signal.aborted) return;
	await redis.kill();
	await sleep(DOWN_MS);
	await redis.start();
	course.restarts++;
};

const run = async (
	options: LoadOptions,
	model: Model,
	served: Served,
	evaluation: Evaluation,
	redis: TestRedis | undefined,
): Promise<LoadResult> => {
	const { clients, seconds, least = { kills: 0, answers: 0 } } = options;
	const course: Course = { times: [], failures: [], kills: 0, restarts: 0 };
	const [ended, statuses] = [new AbortController(), new Map<number, number>()];
	const { fetch, lost } = watch(statuses);
	const start = performance.now();
	const since = (): number => (performance.now() - start) / 1000;
	const isEnough = (): boolean => course.kills >= least.kills && course.times.length >= least.answers;
	const isOver = (): boolean => since() >= seconds && (isEnough() || since() >= LONGEST_SECONDS);
	const disturbing = [
		disturb(evaluation, options.killEvery, ended.signal, course),
		...(redis === undefined ? [] : [restart(redis, seconds, ended.signal, course)]),
	];
	const asking = Array.from({ length: clients }, (_, k) => ask(served, model, course, { k, clients, fetch, isOver }));
	try {
		await Promise.all(asking);
	} finally {
		ended.abort();
		await Promise.all(disturbing);
	}
	return { ...course, seconds: since(), lost: lost(), statuses };
};

const withService = async (options: LoadOptions, redis: TestRedis | undefined): Promise<LoadResult> => {
	const model = modelOf(options.model);
	const served = await serve(model.compiled, ...(redis === undefined ? [] : ['--queue', redis.url]));
	const evaluation = redis === undefined ? inProcess(served) : behindRedis(served, redis);
	try {
		await untilReady(served.url);
		return await run(options, model, served, evaluation, redis);
	} finally {
		await evaluation.stop();
		await served.stop();
	}
};

/** Clients with keys of their own, in this process, that ask again and again while what evaluates, and Redis, are killed. */
export const underLoad = async (options: LoadOptions): Promise<LoadResult> => {
	const redis = options.queue === 'redis' ? await startRedis() : undefined;
	try {
		return await withService(options, redis);
	} finally {
		await redis?.dispose();
	}
};
