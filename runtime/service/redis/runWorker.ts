import { randomUUID } from 'node:crypto';
import { createRedisBackend, type Job as QueueJob, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { BlobStore } from '../blobs.ts';
import type { EvaluatorProcess } from '../evaluator.ts';
import { createAlarm } from './alarm.ts';
import { complaintsOf, openListeners, openWorker } from './connection.ts';
import { leave, renewLeases } from './leases.ts';
import { channelsOf, prefixOf, queueName } from './names.ts';
import { createNotices } from './notices.ts';
import { Run } from './run.ts';
import type { StoredJob } from './status.ts';

export type WorkerOptions = {
	/** redis://host:port or rediss://..., which may hold a password; it is in no error. */
	readonly url: string;
	/** Of the program that the evaluator has loaded. */
	readonly fingerprint: string;
	/** What evaluates. While it is not `working`, others get what this worker holds. */
	readonly evaluator: Pick<EvaluatorProcess, 'evaluate' | 'state'>;
	/** Where the evaluator puts outputs. */
	readonly blobs: Pick<BlobStore, 'has'>;
	/** A name that no other worker has at the same time; default: a random one. */
	readonly name?: string | undefined;
	/** Milliseconds after which a worker that is not heard of counts as lost, and others get its partitions; default: 10,000. */
	readonly leaseMs?: number | undefined;
	/** Milliseconds after which a job of a worker that is not heard of may be given to another; default: 15,000. */
	readonly lockMs?: number | undefined;
	/** Told in a sentence when the connection is lost or back, and of what else an operator should know. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

/** A worker that runs until it is closed. */
export type RunningWorker = {
	readonly name: string;
	/** Partitions that it holds at present. */
	readonly held: () => readonly number[];
	/** Takes no more jobs, lets the one that runs end for so many milliseconds, and gives it back else. */
	readonly close: (graceMs: number) => Promise<void>;
};

/** An idle worker looks into its queues this often, whether or not it was told of a job. */
const LOOK_MS = 2000;
/** How often a job may be given to another worker because the one that computed it was lost, before it fails for good. */
const MOST_LOSSES = 20;
/** An evaluation has so long to heed an abort: a little more than its process is given before it is killed. */
const ABORT_MS = 8000;
/** For commands that say goodbye. */
const GOODBYE_MS = 2000;

type Queued = Worker<StoredJob, string, 'evaluation'>;

const within = (milliseconds: number, work: Promise<unknown>): Promise<unknown> => {
	const late = Promise.withResolvers<void>();
	const timer = setTimeout(late.resolve, milliseconds);
	return Promise.race([work.catch(() => {}), late.promise]).finally(() => clearTimeout(timer));
};

/**
 * Evaluates the jobs of one program, one at a time, from the partitions that it holds leases of, in turns. A job is locked while it
 * is evaluated, and the lock is renewed; when this process is lost the lock ends, and whoever holds the partition then takes the
 * job again. While Redis cannot be reached an evaluation goes on, and what came of it is told once it can.
 */
export const runWorker = (options: WorkerOptions): RunningWorker => new RedisWorker(options);

class RedisWorker implements RunningWorker {
	readonly name: string;
	readonly #options: WorkerOptions;
	readonly #prefix: string;
	readonly #lockMs: number;
	readonly #leaseMs: number;
	readonly #redis: Redis;
	readonly #listeners: Redis;
	readonly #workers = new Map<number, Queued>();
	readonly #notices;
	readonly #alarm = createAlarm();
	readonly #leasing: Promise<void>;
	readonly #taking: Promise<void>;
	#held: readonly number[] = [];
	#last = -1;
	#run: Run | undefined;
	#closing = false;

	constructor(options: WorkerOptions) {
		this.#options = options;
		this.name = options.name ?? randomUUID();
		this.#prefix = prefixOf(options.fingerprint);
		this.#leaseMs = options.leaseMs ?? 10_000;
		this.#lockMs = options.lockMs ?? 15_000;
		this.#notices = createNotices(options.onNotice);
		this.#redis = openWorker(options.url, this.#notices.lost);
		this.#redis.on('ready', () => void this.#ready());
		const { waiting, members, cancel } = channelsOf(this.#prefix);
		const listeners = new Map([
			[waiting, () => this.#alarm.ring('jobs')],
			[members, () => this.#alarm.ring('leases')],
			[cancel, (id: string | undefined) => this.#cancel(id)],
		]);
		this.#listeners = openListeners(options.url, listeners, () => {});
		this.#leasing = this.#keepLeases();
		this.#taking = this.#takeJobs();
	}

	held(): readonly number[] {
		return this.#held;
	}

	async close(graceMs: number): Promise<void> {
		if (this.#closing) return;
		this.#closing = true;
		this.#alarm.ring();
		await within(
			GOODBYE_MS,
			this.#leasing.then(() => this.#leave()),
		);
		await within(graceMs, this.#taking);
		this.#run?.stop();
		await within(ABORT_MS, this.#taking);
		await within(GOODBYE_MS, Promise.all([...this.#workers.values()].map((worker) => worker.close(true))));
		this.#listeners.disconnect();
		this.#redis.disconnect();
	}

	async #ready(): Promise<void> {
		this.#notices.back();
		for (const text of await complaintsOf(this.#redis).catch(() => [])) this.#notices.once(text);
	}

	/** Looks after the job that runs, when it may have been cancelled. */
	#cancel(id: string | undefined): void {
		if (id === undefined || this.#run?.id === id) void this.#run?.look();
	}

	async #leave(): Promise<void> {
		this.#held = [];
		await leave(this.#redis, this.#prefix, this.name);
		await this.#redis.publish(channelsOf(this.#prefix).members, this.name);
	}

	/** Renews the leases three times in the life of one, and when workers come or go. */
	async #keepLeases(): Promise<void> {
		const ear = this.#alarm.listen('leases');
		let member = false;
		while (!this.#closing) {
			try {
				const able = this.#options.evaluator.state() === 'working';
				if (able) await this.#renew(member);
				else if (member) await this.#leave();
				member = able;
			} catch (error) {
				this.#notices.failed(error);
			}
			await ear.wait(this.#leaseMs / 3);
		}
		ear.stop();
	}

	async #renew(member: boolean): Promise<void> {
		const before = this.#held;
		this.#held = await renewLeases(this.#redis, this.#prefix, this.name, before, this.#leaseMs);
		// What one gives back another is waiting for.
		if (!member || before.some((partition) => !this.#held.includes(partition)))
			await this.#redis.publish(channelsOf(this.#prefix).members, this.name);
		if (this.#held.some((partition) => !before.includes(partition))) this.#alarm.ring('jobs');
		for (const partition of this.#held) await this.#open(partition).getBackend().moveStalledJobsToWait();
	}

	async #takeJobs(): Promise<void> {
		const ear = this.#alarm.listen('jobs');
		while (!this.#closing) {
			try {
				const run = await this.#next();
				if (run === undefined) await ear.wait(LOOK_MS);
				else await this.#evaluate(run);
			} catch (error) {
				this.#notices.failed(error);
				await ear.wait(LOOK_MS);
			}
		}
		ear.stop();
	}

	/** A job of the next partition in turn that has one, locked. */
	async #next(): Promise<Run | undefined> {
		const turns = [...this.#held.filter((k) => k > this.#last), ...this.#held.filter((k) => k <= this.#last)];
		for (const partition of turns) {
			if (this.#closing || this.#options.evaluator.state() !== 'working') return undefined;
			const token = randomUUID();
			const job = await this.#open(partition).getNextJob(token, { block: false });
			if (job === undefined) continue;
			this.#last = partition;
			return this.#makeRun(job, token);
		}
		return undefined;
	}

	#makeRun(job: QueueJob<StoredJob, string, 'evaluation'>, token: string): Run {
		const { evaluator, blobs } = this.#options;
		return new Run({ job, token, evaluator, blobs, redis: this.#redis, prefix: this.#prefix, lockMs: this.#lockMs });
	}

	async #evaluate(run: Run): Promise<void> {
		this.#run = run;
		try {
			if (this.#closing) run.stop();
			await run.finish();
		} finally {
			this.#run = undefined;
		}
	}

	/** The queue of a partition. Jobs are asked for, one at a time, so it needs no connection that blocks. */
	#open(partition: number): Queued {
		const known = this.#workers.get(partition);
		if (known !== undefined) return known;
		const worker: Queued = new Worker(
			queueName(partition),
			null,
			{
				connection: this.#redis,
				prefix: this.#prefix,
				autorun: false,
				name: this.name,
				lockDuration: this.#lockMs,
				stalledInterval: this.#lockMs / 3,
				maxStalledCount: MOST_LOSSES,
			},
			(name, given) => createRedisBackend(name, given),
		);
		worker.on('error', (error) => this.#notices.failed(error));
		this.#workers.set(partition, worker);
		return worker;
	}
}
