import { RefusedError } from '../errors.ts';
import type { BlobStore } from './blobs.ts';
import { BlobUses } from './blobUses.ts';
import { ServiceError } from './errors.ts';
import { type JobEnd, type JobFiles, type JobRecord, noJobFiles, openJobFiles } from './jobFiles.ts';
import type { Job, JobError, JobQueue, JobStatus, Load } from './jobs.ts';
import type { KeyStore } from './keyStore.ts';
import { type Lane, type LaneEvaluator, nextOf } from './lanes.ts';

export type LocalQueueOptions = {
	/** Who evaluates; the queue closes them. */
	readonly evaluators: readonly LaneEvaluator[];
	/** Where inputs and outputs are; they are removed here when nobody needs them any more. */
	readonly blobs: BlobStore;
	/** Told which blobs of keys accepted jobs need. */
	readonly keys?: Pick<KeyStore, 'pin' | 'release'> | undefined;
	/** Folder in which accepted jobs and their ends outlive this process; without it they do not. */
	readonly folder?: string | undefined;
	/** How often a job is tried again whose process was lost; default: 2. */
	readonly retries?: number | undefined;
	/** Jobs that may wait; default: 1000. */
	readonly mostWaiting?: number | undefined;
	/** How long statuses and outputs of jobs that ended are kept, and of how many; default: an hour, 1000. */
	readonly keepMs?: number | undefined;
	readonly keepCount?: number | undefined;
	/** Milliseconds since 1970. */
	readonly now?: (() => number) | undefined;
	/** Told in a sentence of what does not concern a caller: defects, damaged files. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

export type LocalQueue = JobQueue & {
	/** Forgets jobs that ended too long ago, with their outputs; happens by itself once a minute. */
	readonly sweep: () => Promise<void>;
	/** Blobs of inputs and outputs that the queue needs. */
	readonly names: () => readonly string[];
};

const SWEEP_MS = 60_000;

type Entry = JobRecord & {
	status: JobStatus;
	end?: JobEnd;
	/** Processes that were lost with it. */
	losses: number;
	/** Resolves when it is on the disk and in the row. */
	accepted: Promise<void>;
	abort: AbortController | undefined;
	readonly listeners: Set<() => void>;
};

/**
 * Jobs for evaluators in processes of this one, in the order in which they come but for key sets that are loaded already (`nextOf`). A job whose process is lost is
 * tried again before those that came later. With a folder, accepted jobs are evaluated after a restart, and ends are remembered.
 */
export const openLocalQueue = async (options: LocalQueueOptions): Promise<LocalQueue> => {
	const files = options.folder === undefined ? noJobFiles : await openJobFiles(options.folder);
	const queue = new Queue(options, files);
	await queue.restore();
	return queue;
};

const errorOf = (error: unknown): JobError =>
	error instanceof RefusedError
		? { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
		: { code: 'defect', message: 'the evaluation failed inside the service' };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isOver = ({ state }: JobStatus): boolean => state !== 'waiting' && state !== 'running';

const differs = (a: JobStatus, b: JobStatus): boolean =>
	a.state !== b.state || a.progress?.stage !== b.progress?.stage || a.progress?.done !== b.progress?.done;

const allBroken = (): ServiceError =>
	new ServiceError('busy', 'nothing is evaluated at present', 'The processes that evaluate were lost. Try later.', 30);

class Queue implements LocalQueue {
	readonly #options: LocalQueueOptions;
	readonly #files: JobFiles;
	readonly #uses: BlobUses;
	readonly #now: () => number;
	readonly #notice: (text: string) => void;
	readonly #entries = new Map<string, Entry>();
	/** Those that wait, first come first. */
	readonly #row: Entry[] = [];
	/** Those that ended, in that order. */
	readonly #ended: Entry[] = [];
	/** The one that has been idle for longest comes first. */
	readonly #lanes: Lane<Entry>[];
	readonly #runs = new Set<Promise<void>>();
	readonly #sweeping: NodeJS.Timeout;
	#numbers = 0;
	#closing = false;
	/** Resolves everyone who waits for the end of the work. */
	#idle = Promise.withResolvers<void>();

	constructor(options: LocalQueueOptions, files: JobFiles) {
		this.#options = options;
		this.#files = files;
		this.#uses = new BlobUses(options.blobs);
		this.#now = options.now ?? Date.now;
		this.#notice = options.onNotice ?? (() => {});
		this.#lanes = options.evaluators.map((evaluator) => ({ evaluator, running: undefined }));
		for (const { evaluator } of this.#lanes)
			evaluator.started.then(
				() => this.#assign(),
				() => this.#assign(),
			);
		const sweepQuietly = (): Promise<void> =>
			this.sweep().catch(() => this.#notice('the files of old jobs could not be removed'));
		this.#sweeping = setInterval(sweepQuietly, SWEEP_MS);
		this.#sweeping.unref();
	}

	/** Takes up what the folder holds. */
	async restore(): Promise<void> {
		const { records, damaged } = await this.#files.load();
		if (damaged > 0) this.#notice(`${damaged} damaged files of jobs were removed`);
		for (const { job, number, end } of records) {
			const entry = this.#enter(job, number);
			if (end === undefined) this.#row.push(entry);
			else {
				this.#conclude(entry, end);
				await this.#release(job);
			}
		}
		this.#ended.sort((a, b) => (a.end?.at ?? 0) - (b.end?.at ?? 0));
		await this.sweep();
		this.#assign();
	}

	async submit(job: Job): Promise<JobStatus> {
		const known = this.#entries.get(job.id);
		if (known === undefined) this.#checkRoom();
		const entry = known ?? this.#enter(job, this.#numbers);
		if (known === undefined) entry.accepted = this.#accept(entry);
		await entry.accepted;
		// The same inputs may have been stored again for a job that is over.
		if (known !== undefined) await this.#uses.clean(job.input);
		return this.#statusOf(entry);
	}

	async status(id: string): Promise<JobStatus | undefined> {
		const entry = this.#entries.get(id);
		return entry === undefined ? undefined : this.#statusOf(entry);
	}

	async changed(
		id: string,
		seen: JobStatus,
		milliseconds: number,
		signal?: AbortSignal,
	): Promise<JobStatus | undefined> {
		const entry = this.#entries.get(id);
		if (entry !== undefined && !differs(entry.status, seen) && signal?.aborted !== true && !this.#closing) {
			const { promise, resolve } = Promise.withResolvers<void>();
			const wake = (): void => resolve();
			const timer = setTimeout(wake, milliseconds);
			entry.listeners.add(wake);
			signal?.addEventListener('abort', wake);
			await promise;
			clearTimeout(timer);
			entry.listeners.delete(wake);
			signal?.removeEventListener('abort', wake);
		}
		return this.status(id);
	}

	async cancel(id: string): Promise<JobStatus | undefined> {
		const entry = this.#entries.get(id);
		if (entry === undefined) return undefined;
		await entry.accepted;
		if (!isOver(entry.status)) {
			this.#leave(entry);
			entry.abort?.abort();
			await this.#finish(entry, { state: 'cancelled', at: this.#now() });
		}
		return this.#statusOf(entry);
	}

	async load(): Promise<Load> {
		return {
			waiting: this.#row.length,
			running: this.#lanes.filter(({ running }) => running !== undefined).length,
			workers: this.#lanes.filter(({ evaluator }) => evaluator.state() === 'working').length,
		};
	}

	names(): readonly string[] {
		return this.#uses.names;
	}

	async sweep(): Promise<void> {
		const { keepMs = 3_600_000, keepCount = 1000 } = this.#options;
		for (let [oldest] = this.#ended; oldest !== undefined; [oldest] = this.#ended) {
			if (this.#ended.length <= keepCount && (oldest.end?.at ?? 0) >= this.#now() - keepMs) return;
			this.#ended.shift();
			this.#entries.delete(oldest.job.id);
			await this.#files.remove(oldest.job.id);
			if (oldest.end?.output !== undefined) await this.#uses.drop(oldest.end.output);
		}
	}

	async close(graceMs: number): Promise<void> {
		this.#closing = true;
		clearInterval(this.#sweeping);
		const grace = setTimeout(() => this.#idle.resolve(), graceMs);
		this.#assign();
		await this.#idle.promise;
		clearTimeout(grace);
		await Promise.all(this.#lanes.map(({ evaluator }) => evaluator.close()));
		await Promise.all(this.#runs);
		if (!this.#files.durable) await this.#failWaiting(new RefusedError('stopped', 'the service was shut down'));
		for (const entry of this.#entries.values()) this.#notify(entry);
	}

	#checkRoom(): void {
		if (this.#closing) throw new ServiceError('busy', 'the service is shutting down', 'Try again soon.', 10);
		if (this.#lanes.every(({ evaluator }) => evaluator.state() === 'broken')) throw allBroken();
		if (this.#row.length >= (this.#options.mostWaiting ?? 1000))
			throw new ServiceError('busy', `${this.#row.length} evaluations wait already`, 'Try again later.', 30);
	}

	/** A new job that waits, though not in the row yet. What it needs is kept from now on. */
	#enter(job: Job, number: number): Entry {
		const { id, owner, input } = job;
		const status: JobStatus = { id, owner, input, state: 'waiting' };
		const accepted = Promise.resolve();
		const entry: Entry = { job, number, status, losses: 0, accepted, abort: undefined, listeners: new Set() };
		this.#numbers = Math.max(this.#numbers, number + 1);
		this.#entries.set(id, entry);
		this.#uses.use(input);
		this.#options.keys?.pin(job.keys);
		return entry;
	}

	async #accept(entry: Entry): Promise<void> {
		const { job, number } = entry;
		try {
			if (!(await this.#options.blobs.has(job.input)))
				throw new ServiceError('busy', 'the inputs were removed meanwhile', 'Send the inputs again.', 1);
			await this.#files.save({ job, number });
		} catch (error) {
			this.#entries.delete(job.id);
			await this.#release(job);
			throw error;
		}
		this.#row.push(entry);
		this.#assign();
	}

	/** Gives idle evaluators work, and whoever waits for the end of the work its notice. */
	#assign(): void {
		const draining = !this.#closing || !this.#files.durable;
		for (let next = draining ? nextOf(this.#lanes, this.#row) : undefined; next !== undefined; ) {
			const run = this.#run(next.lane, next.entry).finally(() => this.#runs.delete(run));
			this.#runs.add(run);
			next = nextOf(this.#lanes, this.#row);
		}
		const broken = this.#lanes.every(({ evaluator }) => evaluator.state() === 'broken');
		if (broken && !this.#closing) void this.#failWaiting(allBroken());
		const working = this.#lanes.some(({ running }) => running !== undefined);
		if (this.#closing && !working && (broken || !draining || this.#row.length === 0)) this.#idle.resolve();
	}

	async #run(lane: Lane<Entry>, entry: Entry): Promise<void> {
		this.#leave(entry);
		lane.running = entry;
		const abort = new AbortController();
		entry.abort = abort;
		this.#tell(entry, { state: 'running' });
		try {
			const output = await lane.evaluator.evaluate(entry.job, {
				signal: abort.signal,
				onProgress: (progress) => void (isOver(entry.status) || this.#tell(entry, { progress })),
			});
			if (isOver(entry.status)) await this.#uses.clean(output);
			else await this.#finish(entry, { state: 'done', at: this.#now(), output });
		} catch (error) {
			if (!isOver(entry.status)) await this.#failed(lane, entry, error);
		}
		entry.abort = undefined;
		lane.running = undefined;
		this.#lanes.push(...this.#lanes.splice(this.#lanes.indexOf(lane), 1));
		this.#assign();
	}

	/** Puts a job whose process was lost back into the row, where it came from, or ends it. */
	async #failed({ evaluator }: Lane<Entry>, entry: Entry, error: unknown): Promise<void> {
		const stopped = error instanceof RefusedError && error.code === 'stopped';
		if (stopped && this.#closing && this.#files.durable) return;
		if (stopped && evaluator.state() !== 'broken') entry.losses++;
		if (!stopped || this.#closing || entry.losses > (this.#options.retries ?? 2)) {
			if (!(error instanceof RefusedError)) this.#notice(`an evaluation failed by a defect: ${messageOf(error)}`);
			return this.#finish(entry, { state: 'failed', at: this.#now(), error: errorOf(error) });
		}
		const place = this.#row.findIndex(({ number }) => number > entry.number);
		this.#row.splice(place < 0 ? this.#row.length : place, 0, entry);
		const { id, owner, input } = entry.job;
		entry.status = { id, owner, input, state: 'waiting' };
		this.#notify(entry);
	}

	async #failWaiting(error: ServiceError | RefusedError): Promise<void> {
		const { message, hint } = error;
		for (const entry of this.#row.splice(0))
			await this.#finish(entry, {
				state: 'failed',
				at: this.#now(),
				error: { code: 'stopped', message, ...(hint === undefined ? {} : { hint }) },
			});
	}

	/** A job ended. What it needed is given up once the disk knows, so that it can be evaluated again until then. */
	async #finish(entry: Entry, end: JobEnd): Promise<void> {
		this.#conclude(entry, end);
		try {
			await this.#files.save({ job: entry.job, number: entry.number, end });
		} catch (error) {
			this.#notice(`the end of an evaluation could not be written: ${messageOf(error)}`);
		}
		try {
			await this.#release(entry.job);
			await this.sweep();
		} catch (error) {
			this.#notice(`what an evaluation needed could not be removed: ${messageOf(error)}`);
		}
	}

	#conclude(entry: Entry, end: JobEnd): void {
		const { state, output, error } = end;
		if (output !== undefined) this.#uses.use(output);
		entry.end = end;
		this.#ended.push(entry);
		const { id, owner, input } = entry.job;
		entry.status = {
			...{ id, owner, input, state },
			...(output === undefined ? {} : { output }),
			...(error === undefined ? {} : { error }),
		};
		this.#notify(entry);
	}

	/** Gives up what a job needed. */
	async #release(job: Job): Promise<void> {
		await this.#uses.drop(job.input);
		await this.#options.keys?.release(job.keys);
	}

	/** Takes it out of the row, if it is there. */
	#leave(entry: Entry): void {
		const place = this.#row.indexOf(entry);
		if (place >= 0) this.#row.splice(place, 1);
	}

	#tell(entry: Entry, news: Pick<JobStatus, 'progress'> | Pick<JobStatus, 'state'>): void {
		entry.status = { ...entry.status, ...news };
		this.#notify(entry);
	}

	#notify({ listeners }: Entry): void {
		for (const listener of listeners) listener();
	}

	#statusOf(entry: Entry): JobStatus {
		const position = this.#row.indexOf(entry);
		return position < 0 ? entry.status : { ...entry.status, position };
	}
}
