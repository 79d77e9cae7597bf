import { type Job as QueueJob, UnrecoverableError } from 'bullmq';
import type { Redis } from 'ioredis';
import { RefusedError } from '../../errors.ts';
import type { Progress } from '../../plan.ts';
import type { BlobStore } from '../blobs.ts';
import type { Evaluator } from '../jobs.ts';
import { channelsOf, keysOf } from './names.ts';
import { jobError, readJob, type StoredJob, writeError } from './status.ts';

export type RunOptions = {
	/** Locked with the token. */
	readonly job: QueueJob<StoredJob, string, 'evaluation'>;
	readonly token: string;
	readonly evaluator: Pick<Evaluator, 'evaluate'>;
	readonly blobs: Pick<BlobStore, 'has'>;
	readonly redis: Redis;
	readonly prefix: string;
	readonly lockMs: number;
};

/** Progress is told at most this often. */
const PROGRESS_MS = 500;

/** Did BullMQ answer that the job is not this worker's any more? Its codes are negative numbers. */
const isNotOurs = (error: unknown): boolean =>
	error instanceof Error && 'code' in error && typeof error.code === 'number' && error.code < 0;

/** What is said of a job that took many workers with it. */
const tooManyLosses = (): RefusedError =>
	new RefusedError('stopped', 'the evaluation was lost with its worker too many times', 'Send the inputs again.');

/** One job from when it was taken until it is done, failed, or given back. */
export class Run {
	readonly #options: RunOptions;
	readonly #abort = new AbortController();
	#why: 'cancelled' | 'stopping' | undefined;
	#progress: Progress | undefined;
	#telling: NodeJS.Timeout | undefined;
	#renewing = false;
	/** How long it took, once it is computed here. */
	#seconds: number | undefined;

	constructor(options: RunOptions) {
		this.#options = options;
	}

	get id(): string {
		return this.#options.job.data.id;
	}

	/** Gives the job back to the queue. */
	stop(): void {
		this.#end('stopping');
	}

	/** Ends the evaluation if the job was cancelled. */
	async look(): Promise<void> {
		const { redis, prefix } = this.#options;
		if ((await redis.exists(keysOf(prefix).cancelled(this.id)).catch(() => 0)) === 1) this.#end('cancelled');
	}

	/** Evaluates, and says what came of it. Throws only what Redis throws. */
	async finish(): Promise<void> {
		const renewal = setInterval(() => void this.#renew(), this.#options.lockMs / 3);
		try {
			const outcome = await this.#evaluate();
			clearTimeout(this.#telling);
			await this.#settle(outcome);
		} catch (error) {
			// Taken for lost while it was computed: whoever has it now finds the output, or evaluates it again.
			if (!isNotOurs(error)) throw error;
		} finally {
			clearInterval(renewal);
			clearTimeout(this.#telling);
		}
		await this.#tellChange();
	}

	#end(why: 'cancelled' | 'stopping'): void {
		this.#why ??= why;
		this.#abort.abort();
	}

	/** The output's blob, or why there is none. */
	async #evaluate(): Promise<string | Error> {
		const { job, evaluator } = this.#options;
		try {
			const data = readJob(job.data);
			if (data === undefined) return new Error('not a job');
			if (data.output !== undefined && (await this.#options.blobs.has(data.output))) return data.output;
			if (job.deferredFailure) return tooManyLosses();
			await this.look();
			if (this.#abort.signal.aborted) return new RefusedError('aborted', 'the evaluation was ended');
			await this.#tellChange();
			const start = performance.now();
			const output = await evaluator.evaluate(data, {
				signal: this.#abort.signal,
				onProgress: (progress) => this.#heard(progress),
			});
			this.#seconds = (performance.now() - start) / 1000;
			return output;
		} catch (error) {
			return error instanceof Error ? error : new Error(String(error));
		}
	}

	async #settle(outcome: string | Error): Promise<void> {
		const { job, token } = this.#options;
		if (typeof outcome === 'string') {
			await job.updateData({ ...job.data, output: outcome });
			await job.moveToCompleted(outcome, token, false);
			await this.#tellSeconds();
		} else if (this.#why === 'stopping') {
			await job.moveToWait(token);
		} else {
			const text = writeError(jobError(outcome));
			const final = outcome instanceof RefusedError && (outcome.code !== 'stopped' || Boolean(job.deferredFailure));
			await job.moveToFailed(final ? new UnrecoverableError(text) : new Error(text), token, false);
		}
	}

	/** Keeps the lock, and looks whether the job is still wanted, in case that was not heard. */
	async #renew(): Promise<void> {
		if (this.#renewing) return;
		this.#renewing = true;
		const { job, token, lockMs } = this.#options;
		await job.extendLock(token, lockMs).catch(() => 0);
		await this.look();
		this.#renewing = false;
	}

	#heard(progress: Progress): void {
		this.#progress = progress;
		this.#telling ??= setTimeout(() => void this.#tellProgress(), PROGRESS_MS);
	}

	async #tellProgress(): Promise<void> {
		const { job, redis } = this.#options;
		this.#telling = undefined;
		if (this.#progress === undefined || redis.status !== 'ready') return;
		await job.updateProgress(this.#progress).catch(() => {});
		await this.#tellChange();
	}

	async #tellSeconds(): Promise<void> {
		const { redis, prefix } = this.#options;
		if (this.#seconds === undefined) return;
		await redis.publish(channelsOf(prefix).evaluated, this.#seconds.toFixed(6)).catch(() => 0);
	}

	async #tellChange(): Promise<void> {
		const { redis, prefix } = this.#options;
		await redis.publish(channelsOf(prefix).changed, this.id).catch(() => 0);
	}
}
