import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { aborted } from '../../runtime/pace.ts';
import { openBlobs, s3Source } from '../../runtime/service/blobSource.ts';
import { ServiceError } from '../../runtime/service/errors.ts';
import type { Job, JobQueue, JobStatus } from '../../runtime/service/jobs.ts';
import { countWorkers, leave, renewLeases } from '../../runtime/service/redis/leases.ts';
import { keysOf, PARTITIONS, partitionOf, prefixOf } from '../../runtime/service/redis/names.ts';
import { redisQueue } from '../../runtime/service/redis/queue.ts';
import { runWorker, type WorkerOptions } from '../../runtime/service/redis/runWorker.ts';
import { openS3Blobs } from '../../runtime/service/s3Blobs.ts';
import { credentials, startS3 } from '../service/s3Fake.ts';
import { makeUser, program, scratch, type User } from '../service/tiny.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

/** Jobs over Redis with workers in processes of their own, which are killed, as Redis is. */
const { fingerprint } = program.client;
const { folder, build } = scratch();
const bin = join(import.meta.dirname, '..', '..', 'cli', 'bin.js');
const data = join(folder, 'data');

type Setting = { redis: TestRedis; queue: JobQueue; workers: Set<ChildProcess>; seconds: number[] };
const over = suite<Setting>('redis');

const startWorker = (
	{ redis, workers }: Setting,
	name: string,
	more: readonly string[] = ['--data', data],
	variables: NodeJS.ProcessEnv = {},
): ChildProcess => {
	const args = ['worker', build, '--queue', redis.url, '--name', name, '--lost', '2', '--quiet', ...more];
	const env = { ...process.env, ...variables };
	const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'ignore', 'ignore'], env });
	workers.add(child);
	child.once('exit', () => workers.delete(child));
	return child;
};

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, 'exit');
	child.kill(signal);
	await gone;
};

/** Fails, rather than to wait for ever. */
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
	for (let tries = 0; tries < 600; tries++) {
		if (await holds().catch(() => false)) return;
		await sleep(100);
	}
	throw new Error(`not within a minute: ${what}`);
};

const workersOf = async ({ queue }: Setting): Promise<number> => (await queue.load()).workers;

/** Accepted, or asked for again while Redis cannot be reached, as a client does. */
const submit = async ({ queue }: Setting, job: Job): Promise<JobStatus> => {
	for (let tries = 0; ; tries++)
		try {
			return await queue.submit(job);
		} catch (error) {
			if (!(error instanceof ServiceError && error.code === 'busy') || tries === 60) throw error;
			await sleep(250);
		}
};

const isOver = (status: JobStatus | undefined): boolean =>
	status === undefined || (status.state !== 'waiting' && status.state !== 'running');

const ended = async ({ queue }: Setting, id: string): Promise<JobStatus | undefined> => {
	let status: JobStatus | undefined = { id, owner: '', input: '', state: 'waiting' };
	for (let tries = 0; tries < 30 && status !== undefined && !isOver(status); tries++)
		status = await queue.changed(id, status, 4000);
	return status;
};

/** The name of the worker that computed a job. */
const workerOf = async ({ redis }: Setting, { id, keySet }: Job): Promise<string | null> => {
	const client = new Redis(redis.url);
	const name = await client.hget(keysOf(prefixOf(fingerprint)).job(partitionOf(keySet), id), 'pb');
	client.disconnect();
	return name;
};

over.before(async (setting) => {
	setting.redis = await startRedis();
	setting.seconds = [];
	const onEvaluated = (seconds: number): void => void setting.seconds.push(seconds);
	setting.queue = redisQueue({ url: setting.redis.url, fingerprint, onEvaluated });
	setting.workers = new Set();
	await until('a connection', async () => (await setting.queue.load()).workers === 0);
});

over.after(async ({ redis, queue, workers }) => {
	for (const child of [...workers]) await end(child, 'SIGKILL');
	await queue.close(0);
	await redis.dispose();
});

over('all evaluations of a key set are computed by one worker, and are right', async (setting) => {
	const blobs = await openBlobs({ kind: 'disk', folder: data });
	const workers = [startWorker(setting, 'first'), startWorker(setting, 'second')];
	await until('two workers', async () => (await workersOf(setting)) === 2);
	const users = await Promise.all(['ann', 'bob', 'cem', 'dia'].map(makeUser));
	// The second one has joined, but the first one may have to give back half of what it holds.
	await sleep(1500);
	for (const user of users) {
		const jobs = await Promise.all([0, 1, 2].map((k) => user.job(blobs, k)));
		for (const job of jobs) await submit(setting, job);
		for (const [k, { id }] of jobs.entries()) await user.check(blobs, (await ended(setting, id))?.output, k);
		const names = new Set(await Promise.all(jobs.map((job) => workerOf(setting, job))));
		assert.is(names.size, 1);
		assert.ok(names.has('first') || names.has('second'));
	}
	for (const child of workers) await end(child, 'SIGTERM');
	assert.is(await workersOf(setting), 0);
});

over('a job is one job, however often it is sent, and is not computed again once it is done', async (setting) => {
	const blobs = await openBlobs({ kind: 'disk', folder: data });
	const user = await makeUser('eve');
	const job = await user.job(blobs, 5);
	const statuses = await Promise.all([1, 2, 3, 4].map(() => submit(setting, job)));
	assert.equal(
		statuses.map(({ state }) => state),
		['waiting', 'waiting', 'waiting', 'waiting'],
	);
	assert.is((await setting.queue.load()).waiting, 1);
	// Other keys under the same id are not another job: what was sent first counts.
	assert.is((await submit(setting, { ...job, keySet: '0'.repeat(32) })).input, job.input);
	assert.is((await setting.queue.load()).waiting, 1);
	// A server that starts again keeps the blobs that the job needs.
	const pinned: string[] = [];
	const keys = { pin: (names: readonly string[]) => void pinned.push(...names), release: async () => {} };
	const other = redisQueue({ url: setting.redis.url, fingerprint, keys });
	await until('pins', async () => pinned.length === job.keys.length);
	assert.equal(pinned, job.keys);
	assert.equal(new Set(await other.names()), new Set([job.input, ...job.keys]));
	await other.close(0);
	const told = setting.seconds.length;
	const child = startWorker(setting, 'third');
	await user.check(blobs, (await ended(setting, job.id))?.output, 5);
	await until('its time', async () => setting.seconds.length === told + 1);
	assert.ok((setting.seconds.at(-1) ?? 0) > 0);
	assert.is((await submit(setting, job)).state, 'done');
	assert.is((await setting.queue.load()).waiting, 0);
	await end(child, 'SIGTERM');
});

over('workers share the partitions evenly, keep what they hold, and leave theirs to others', async ({ redis }) => {
	const client = new Redis(redis.url);
	const prefix = prefixOf('1'.repeat(64));
	const held = new Map<string, readonly number[]>();
	const renew = async (name: string): Promise<readonly number[]> => {
		const now = await renewLeases(client, prefix, name, held.get(name) ?? [], 60_000);
		held.set(name, now);
		return now;
	};
	assert.is((await renew('a')).length, PARTITIONS);
	for (const name of ['b', 'c', 'd', 'e', 'f']) {
		const before = new Map(held);
		assert.equal(await renew(name), []);
		for (const other of held.keys()) await renew(other);
		for (const other of held.keys()) await renew(other);
		const all = [...held.values()].flat();
		assert.is(new Set(all).size, PARTITIONS);
		assert.is(all.length, PARTITIONS);
		const sizes = [...held.values()].map(({ length }) => length);
		assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
		for (const [other, partitions] of before)
			assert.ok(
				(held.get(other) ?? []).every((k) => partitions.includes(k)),
				'nobody takes from who stays',
			);
	}
	assert.is(await countWorkers(client, prefix), 6);
	await leave(client, prefix, 'c');
	held.delete('c');
	for (const name of held.keys()) await renew(name);
	assert.is(new Set([...held.values()].flat()).size, PARTITIONS);
	client.disconnect();
});

over('what the queue needs can be asked for before it is connected', async ({ redis }) => {
	const notices: string[] = [];
	const onNotice = (text: string): void => void notices.push(text);
	const queue = redisQueue({ url: redis.url, fingerprint, onNotice });
	assert.equal(await queue.names(), []);
	assert.equal(notices, []);
	await queue.close(0);
});

over('a worker that shares a bucket and no folder evaluates, and its process has the credentials', async (setting) => {
	// More often than a client would wait for.
	let failures = 5;
	const store = await startS3({ next: ({ method }) => (method === 'GET' && failures-- > 0 ? 'error' : undefined) });
	const { endpoint, bucket, prefix, region } = store.place;
	const machine = (name: string) => join(folder, name);
	const source = s3Source({ ...store.place, cacheBytes: 1e9 }, fingerprint, machine('one'));
	assert.ok(source.kind === 's3');
	const blobs = await openS3Blobs(source, credentials);
	const user = await makeUser('ned');
	const job = await user.job(blobs, 3);
	const child = startWorker(
		setting,
		'afar',
		['--data', machine('two'), '--blobs', `s3://${bucket}/${prefix}`, '--s3-endpoint', endpoint, '--s3-region', region],
		{ AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
	);
	await submit(setting, job);
	await user.check(blobs, (await ended(setting, job.id))?.output, 3);
	await end(child, 'SIGTERM');
	await store.close();
});

/** A worker in this process that evaluates nothing: it waits for its signal. */
const startIdle = ({ redis }: Setting, evaluate: WorkerOptions['evaluator']['evaluate']) =>
	runWorker({
		url: redis.url,
		fingerprint,
		evaluator: { evaluate, state: () => 'working' },
		blobs: { has: async () => true },
		leaseMs: 2000,
		lockMs: 3000,
	});

over('what waits and what runs can be cancelled', async (setting) => {
	const { queue } = setting;
	const job = (id: string): Job => ({ id, owner: '', keySet: 'a'.repeat(32), input: 'b'.repeat(64), keys: [] });
	await queue.submit(job('waits'));
	assert.is((await queue.cancel('waits'))?.state, 'cancelled');
	assert.is((await queue.submit(job('waits'))).state, 'cancelled');
	assert.is((await queue.load()).waiting, 0);
	assert.is(await queue.cancel('unknown'), undefined);
	let stopped = 0;
	const worker = startIdle(
		setting,
		(_, { signal }) =>
			new Promise((_resolve, reject) => {
				signal?.addEventListener('abort', () => {
					stopped++;
					reject(aborted());
				});
			}),
	);
	const waiting = await queue.submit(job('runs'));
	const running = waiting.state === 'running' ? waiting : await queue.changed('runs', waiting, 20_000);
	assert.is(running?.state, 'running');
	assert.is((await queue.cancel('runs'))?.state, 'cancelled');
	await until('the end of the evaluation', async () => stopped === 1 && (await queue.load()).running === 0);
	assert.is((await queue.status('runs'))?.state, 'cancelled');
	await worker.close(0);
});

over(
	'what was lost is tried again, what is refused is not, and a worker that ends gives its job back',
	async (setting) => {
		const { queue } = setting;
		const job = (id: string): Job => ({ id, owner: '', keySet: 'c'.repeat(32), input: 'd'.repeat(64), keys: [] });
		const tried: string[] = [];
		const worker = startIdle(setting, async ({ id }, { signal }) => {
			tried.push(id);
			if (id === 'bad') throw new RefusedError('message', 'no inputs');
			if (id === 'lost' && tried.filter((other) => other === id).length < 3)
				throw new RefusedError('stopped', 'the process was lost');
			if (id === 'long') {
				await new Promise((resolve) => signal?.addEventListener('abort', resolve));
				throw aborted();
			}
			return 'e'.repeat(64);
		});
		for (const id of ['bad', 'lost']) await queue.submit(job(id));
		assert.equal((await ended(setting, 'bad'))?.error, { code: 'message', message: 'no inputs' });
		assert.is((await ended(setting, 'lost'))?.output, 'e'.repeat(64));
		assert.equal(tried.toSorted(), ['bad', 'lost', 'lost', 'lost']);
		await queue.submit(job('long'));
		await until('the evaluation', async () => tried.includes('long'));
		await worker.close(0);
		assert.is((await queue.status('long'))?.state, 'waiting');
		assert.is((await queue.cancel('long'))?.state, 'cancelled');
	},
);

over('while Redis cannot be reached, everything is refused as busy and nothing hangs', async (setting) => {
	await setting.redis.kill();
	const refused = await setting.queue.status('any').catch((error: unknown) => error);
	assert.ok(refused instanceof ServiceError && refused.code === 'busy');
	await setting.redis.start();
	await until('a connection', async () => (await setting.queue.load()).workers === 0);
});

/** A worker in a process of its own that takes a job and never ends it. */
const startStuck = ({ redis, workers }: Setting): ChildProcess => {
	const module = pathToFileURL(join(import.meta.dirname, '..', '..', 'runtime', 'service', 'redis', 'runWorker.ts'));
	const options = JSON.stringify({ url: redis.url, fingerprint, name: 'stuck', leaseMs: 2000, lockMs: 3000 });
	const script = `import { runWorker } from '${module.href}';
		const evaluator = { state: () => 'working', evaluate: () => new Promise(() => {}) };
		runWorker({ ...${options}, evaluator, blobs: { has: async () => true } });`;
	const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
	workers.add(child);
	child.once('exit', () => workers.delete(child));
	return child;
};

over('a job whose worker is killed while it computes is computed by another one', async (setting) => {
	const blobs = await openBlobs({ kind: 'disk', folder: data });
	const user = await makeUser('fox');
	const job = await user.job(blobs, 7);
	const stuck = startStuck(setting);
	await submit(setting, job);
	await until('the evaluation', async () => (await setting.queue.status(job.id))?.state === 'running');
	await end(stuck, 'SIGKILL');
	const child = startWorker(setting, 'heir');
	await user.check(blobs, (await ended(setting, job.id))?.output, 7);
	assert.is(await workerOf(setting, job), 'heir');
	await end(child, 'SIGTERM');
});

over(
	'no accepted job is lost when workers and Redis are killed in mid-run, and every answer is right',
	async (setting) => {
		const blobs = await openBlobs({ kind: 'disk', folder: data });
		const users = await Promise.all(['fay', 'gus', 'hal', 'ida', 'joe', 'kay'].map(makeUser));
		startWorker(setting, 'one');
		startWorker(setting, 'two');
		await until('two workers', async () => (await workersOf(setting)) === 2);
		const sent: { readonly user: User; readonly job: Job; readonly index: number }[] = [];
		for (let round = 0; round < 4; round++) {
			for (const [k, user] of [...users, ...users, ...users].entries()) {
				const index = 18 * round + k;
				const job = await user.job(blobs, index);
				await submit(setting, job);
				sent.push({ user, job, index });
			}
			const [oldest] = setting.workers;
			if (oldest !== undefined) await end(oldest, 'SIGKILL');
			startWorker(setting, `next-${round}`);
			if (round === 1) {
				await setting.redis.kill();
				await sleep(500);
				await setting.redis.start();
			}
			await sleep(1500);
		}
		for (const { user, job, index } of sent) {
			const status = await ended(setting, job.id);
			assert.is(status?.state, 'done', JSON.stringify(status?.error));
			await user.check(blobs, status?.output, index);
		}
	},
);

over.run();
