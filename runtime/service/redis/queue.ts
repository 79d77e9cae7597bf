import { once } from 'node:events';
import { Queue, Job as QueueJob } from 'bullmq';
import type { Redis } from 'ioredis';
import { RefusedError } from '../../errors.ts';
import { ServiceError } from '../errors.ts';
import type { Job, JobQueue, JobStatus, Load } from '../jobs.ts';
import type { KeyStore } from '../keyStore.ts';
import { createAlarm } from './alarm.ts';
import { complaintsOf, openListeners, openProducer } from './connection.ts';
import { countWorkers } from './leases.ts';
import { channelsOf, jobName, KEPT_MS, keysOf, PARTITIONS, partitionOf, prefixOf, queueName } from './names.ts';
import { answersOf, KeyPins, unfinishedJobs } from './needs.ts';
import { createNotices } from './notices.ts';
import { readCancelled, type StoredJob, statusOf, storedJob, writeCancelled } from './status.ts';

export type RedisQueueOptions = {
	/** redis://host:port or rediss://..., which may hold a password; it is in no error. */
	readonly url: string;
	/** Of the program that the jobs are for: 64 hexadecimal digits. */
	readonly fingerprint: string;
	/** Told which blobs of keys unfinished jobs need; those that other servers or an earlier process accepted within a minute. */
	readonly keys?: Pick<KeyStore, 'pin' | 'release'> | undefined;
	/** Told the seconds of each evaluation that a worker did. */
	readonly onEvaluated?: ((seconds: number) => void) | undefined;
	/** Told in a sentence when the connection is lost or back, and what of its configuration would lose jobs. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

export type RedisQueue = JobQueue & {
	/** Blobs of the inputs and keys of all unfinished jobs. Outputs are needed for `KEPT_MS` after they were stored. */
	readonly names: () => Promise<readonly string[]>;
};

/** How often a job is evaluated again after a process that computed it was lost, and the pause before. */
const ATTEMPTS = 5;
const BACKOFF_MS = 1000;
/** Ended jobs of a partition whose status is kept, at most. */
const KEPT_JOBS = 5000;
/** While it is being sent, an id belongs to one partition; longer than any sending takes. */
const CLAIM_MS = 60_000;
/** Who waits for a change looks himself now and then: what Redis tells may be lost with a connection. */
const LOOK_MS = 5000;
/** Between two looks at what is unfinished. */
const PIN_MS = 60_000;
/** The longest that a connection takes that is made at all. */
const CONNECT_MS = 5000;
/** Seconds after which to ask again. */
const RETRY_AFTER = 2;

const kept = { age: KEPT_MS / 1000, count: KEPT_JOBS };

/** Jobs are small, and nobody reads the streams of events that BullMQ writes. */
const queueOptions = {
	streams: { events: { maxLen: 100 } },
	defaultJobOptions: {
		attempts: ATTEMPTS,
		backoff: { type: 'fixed', delay: BACKOFF_MS },
		removeOnComplete: kept,
		removeOnFail: kept,
		stackTraceLimit: 0,
	},
} as const;

type JobsOf = Queue<StoredJob, string, 'evaluation'>;

const unreachable = (): ServiceError =>
	new ServiceError('busy', 'the queue cannot be reached', 'Ask again in a moment.', RETRY_AFTER);

const ended = ({ state }: JobStatus): boolean => state !== 'waiting' && state !== 'running';

const same = (a: JobStatus | undefined, b: JobStatus): boolean =>
	a?.state === b.state && a.progress?.stage === b.progress?.stage && a.progress?.done === b.progress?.done;

/** What a worker says of an evaluation that ended well, if that is what it is. */
const tellSeconds = (text: string | undefined, onEvaluated: (seconds: number) => void): void => {
	if (text !== undefined && /^\d{1,9}(?:\.\d{1,9})?$/.test(text)) onEvaluated(Number(text));
};

/**
 * Jobs of one program in Redis, by BullMQ: accepted is what Redis has taken, and how well Redis keeps it is its own configuration
 * (docs/deploy.md). Everything is refused as 'busy' (ServiceError) while Redis cannot be reached, within some seconds; what waits
 * for a change waits on. Two connections; each call is two or three round trips.
 */
export const redisQueue = (options: RedisQueueOptions): RedisQueue => new BullQueue(options);

class BullQueue implements RedisQueue {
	readonly #prefix: string;
	readonly #redis: Redis;
	readonly #listeners: Redis;
	readonly #queues = new Map<number, Promise<JobsOf>>();
	readonly #alarm = createAlarm();
	readonly #notices;
	readonly #pins: KeyPins | undefined;
	readonly #pinning: NodeJS.Timeout;
	#closed = false;

	constructor({ url, fingerprint, keys, onEvaluated = () => {}, onNotice }: RedisQueueOptions) {
		this.#pins = keys === undefined ? undefined : new KeyPins(keys);
		this.#prefix = prefixOf(fingerprint);
		this.#notices = createNotices(onNotice);
		this.#redis = openProducer(url, this.#notices.lost);
		this.#redis.on('ready', () => void this.#ready());
		const { changed, evaluated } = channelsOf(this.#prefix);
		const listeners = new Map([
			[changed, this.#alarm.ring],
			[evaluated, (text: string | undefined) => tellSeconds(text, onEvaluated)],
		]);
		this.#listeners = openListeners(url, listeners, () => {});
		this.#pinning = setInterval(() => void this.#pin(), PIN_MS);
		this.#pinning.unref();
	}

	submit(job: Job): Promise<JobStatus> {
		return this.#ask(async () => {
			const stored = storedJob(job);
			const known = await this.#status(job.id);
			if (known !== undefined) return known;
			this.#pins?.hold(stored);
			const partition = await this.#claim(job);
			const queue = await this.#queue(partition);
			await queue.add('evaluation', stored, { jobId: jobName(job.id) });
			await this.#redis.publish(channelsOf(this.#prefix).waiting, String(partition));
			const status = await this.#status(job.id);
			if (status === undefined) throw unreachable();
			return status;
		});
	}

	status(id: string): Promise<JobStatus | undefined> {
		return this.#ask(() => this.#status(id));
	}

	async changed(
		id: string,
		seen: JobStatus,
		milliseconds: number,
		signal?: AbortSignal,
	): Promise<JobStatus | undefined> {
		const until = performance.now() + milliseconds;
		const over = (): boolean => this.#closed || signal?.aborted === true || performance.now() >= until;
		const ear = this.#alarm.listen(id);
		try {
			for (;;) {
				const status = await this.status(id).catch((error: unknown) => {
					if (over() || !(error instanceof ServiceError)) throw error;
					return seen;
				});
				if (over() || !same(status, seen)) return status;
				await ear.wait(Math.max(0, Math.min(LOOK_MS, until - performance.now())), signal);
			}
		} finally {
			ear.stop();
		}
	}

	cancel(id: string): Promise<JobStatus | undefined> {
		return this.#ask(async () => {
			const status = await this.#status(id);
			if (status === undefined || ended(status)) return status;
			const { cancel, changed } = channelsOf(this.#prefix);
			await this.#redis.set(keysOf(this.#prefix).cancelled(id), writeCancelled(status), 'PX', KEPT_MS);
			if (status.state === 'waiting') await this.#withdraw(id);
			await this.#redis.publish(cancel, id);
			await this.#redis.publish(changed, id);
			return this.#status(id);
		});
	}

	load(): Promise<Load> {
		return this.#ask(async () => {
			const keys = keysOf(this.#prefix);
			const pipeline = this.#redis.pipeline();
			for (let k = 0; k < PARTITIONS; k++)
				pipeline.llen(keys.list(k, 'wait')).zcard(keys.list(k, 'delayed')).llen(keys.list(k, 'active'));
			const lengths = (await answersOf(pipeline)).map(Number);
			const sum = (wanted: (i: number) => boolean): number =>
				lengths.filter((_, i) => wanted(i % 3)).reduce((a, b) => a + b, 0);
			const workers = await countWorkers(this.#redis, this.#prefix);
			return { waiting: sum((i) => i < 2), running: sum((i) => i === 2), workers };
		});
	}

	async names(): Promise<readonly string[]> {
		await this.#connected();
		return this.#ask(async () => {
			const jobs = await unfinishedJobs(this.#redis, this.#prefix);
			return [...new Set(jobs.flatMap(({ input, keys }) => [input, ...keys]))];
		});
	}

	/** Jobs stay in Redis; nothing of this process runs any. */
	async close(): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		clearInterval(this.#pinning);
		this.#alarm.ring();
		for (const queue of this.#queues.values()) await queue.then((open) => open.close()).catch(() => {});
		this.#listeners.disconnect();
		this.#redis.disconnect();
	}

	async #ready(): Promise<void> {
		this.#notices.back();
		for (const text of await complaintsOf(this.#redis).catch(() => [])) this.#notices.once(text);
		await this.#pin();
	}

	/** Looks again in a minute if Redis cannot be reached. */
	async #pin(): Promise<void> {
		if (this.#pins === undefined || this.#redis.status !== 'ready') return;
		try {
			await this.#pins.update(await unfinishedJobs(this.#redis, this.#prefix));
		} catch (error) {
			this.#notices.failed(error);
		}
	}

	/** Waits for a connection that is being made: what asks for this at the start is no client, who would rather be refused. */
	async #connected(): Promise<void> {
		if (this.#closed || this.#redis.status === 'ready') return;
		await once(this.#redis, 'ready', { signal: AbortSignal.timeout(CONNECT_MS) }).catch(() => {});
	}

	/** Refuses what cannot reach Redis, as something that passes. */
	async #ask<T>(work: () => Promise<T>): Promise<T> {
		if (this.#closed)
			throw new ServiceError('busy', 'the service is shutting down', 'Ask again in a moment.', RETRY_AFTER);
		if (this.#redis.status !== 'ready') throw unreachable();
		try {
			return await work();
		} catch (error) {
			if (error instanceof RefusedError || error instanceof ServiceError) throw error;
			this.#notices.failed(error);
			throw unreachable();
		}
	}

	/** The queue of a partition, opened when it is first used: while there is no connection BullMQ opens none that works later. */
	#queue(partition: number): Promise<JobsOf> {
		const known = this.#queues.get(partition);
		if (known !== undefined) return known;
		const opened = this.#open(partition);
		this.#queues.set(partition, opened);
		opened.catch(() => this.#queues.delete(partition));
		return opened;
	}

	async #open(partition: number): Promise<JobsOf> {
		const queue: JobsOf = new Queue(queueName(partition), {
			...queueOptions,
			connection: this.#redis,
			prefix: this.#prefix,
			skipWaitingForReady: true,
		});
		// What fails is told to whoever asked.
		queue.on('error', () => {});
		await queue.waitUntilReady();
		return queue;
	}

	/** Where an id goes: two requests of one id that meet go to the same partition, and BullMQ takes one of them. */
	async #claim({ id, keySet }: Job): Promise<number> {
		const key = keysOf(this.#prefix).claim(id);
		const partition = partitionOf(keySet);
		if ((await this.#redis.set(key, partition, 'PX', CLAIM_MS, 'NX')) === 'OK') return partition;
		const first = Number(await this.#redis.get(key));
		return Number.isInteger(first) && first >= 0 && first < PARTITIONS ? first : partition;
	}

	/** Takes a job that waits out of its queue; a worker that takes it at this moment finds that it was cancelled. */
	async #withdraw(id: string): Promise<void> {
		const [, partition] = await this.#find(id);
		if (partition === undefined) return;
		const queue = await this.#queue(partition);
		await queue.remove(jobName(id));
	}

	/** What is known of a cancelled job, and the partition that has it. */
	async #find(id: string): Promise<readonly [JobStatus | undefined, number | undefined]> {
		const keys = keysOf(this.#prefix);
		const pipeline = this.#redis.pipeline().get(keys.cancelled(id));
		for (let k = 0; k < PARTITIONS; k++) pipeline.exists(keys.job(k, id));
		const [cancelled, ...exist] = await answersOf(pipeline);
		const at = exist.indexOf(1);
		return [typeof cancelled === 'string' ? readCancelled(cancelled) : undefined, at < 0 ? undefined : at];
	}

	async #status(id: string): Promise<JobStatus | undefined> {
		const [cancelled, partition] = await this.#find(id);
		if (cancelled !== undefined || partition === undefined) return cancelled;
		const keys = keysOf(this.#prefix);
		// Places first: what ended since then says so itself.
		const [active, place, waiting, running] = await answersOf(
			this.#redis
				.pipeline()
				.lpos(keys.list(partition, 'active'), jobName(id))
				.lpos(keys.list(partition, 'wait'), jobName(id))
				.llen(keys.list(partition, 'wait'))
				.llen(keys.list(partition, 'active')),
		);
		const queued = await QueueJob.fromId(await this.#queue(partition), jobName(id));
		if (queued === undefined) return undefined;
		// Jobs are taken from the end of the list.
		const before = typeof place === 'number' ? Number(waiting) - 1 - place + Number(running) : 0;
		return statusOf(queued, typeof active === 'number', before);
	}
}
