import { type ChildProcess, fork } from 'node:child_process';
import { RefusedError } from '../errors.ts';
import { aborted } from '../pace.ts';
import type { EngineName, Progress } from '../plan.ts';
import { threadModule } from '../threads.ts';
import type { Order, Refusal, Report, Setup } from './evaluatorProtocol.ts';
import type { Job } from './jobs.ts';
import { S3_VARIABLES } from './s3Credentials.ts';
import { Watch } from './watch.ts';

const MODULE = threadModule('./evaluationWorker.ts', import.meta.url);

/** What the process sees of the environment: no secrets of the service, but for those of the store that it reads. */
const VARIABLES = ['PATH', 'TMPDIR', 'TEMP', 'SystemRoot', 'TZ', 'LANG'];

const environment = ({ blobs }: Setup): NodeJS.ProcessEnv => {
	const names = [...VARIABLES, ...(blobs.kind === 's3' ? S3_VARIABLES : [])];
	return Object.fromEntries(
		names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
	);
};

/** Loading the program may take this many times as long as silence, and an evaluation that does not get on. */
const START_SILENCES = 4;
const STUCK_SILENCES = 10;

export type EvaluateOptions = {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
};

export type LifeOptions = {
	readonly setup: Setup;
	/** Milliseconds that it has to heed an abort. */
	readonly patience: number;
	/** Milliseconds that it may be silent while it evaluates. */
	readonly silence: number;
	/** What it runs; default: what evaluates. Tests have their own. */
	readonly module?: URL | undefined;
	readonly onNotice: (text: string) => void;
};

/** A defect has no refusal's code: it is passed on as what it is. */
const errorOf = ({ code, message, hint }: Refusal): Error =>
	code === 'defect' ? new Error(message) : new RefusedError(code, message, hint);

const lost = (why: string): RefusedError =>
	new RefusedError('stopped', `the process that evaluates was lost: ${why}`, 'Ask again: there will be a new one.');

const whyEnded = (code: number | null, signal: NodeJS.Signals | null): string =>
	signal === 'SIGKILL' ? 'killed, perhaps for want of memory' : signal === null ? `exit status ${code}` : signal;

type Call = {
	readonly number: number;
	readonly onProgress: ((progress: Progress) => void) | undefined;
	readonly resolve: (output: string) => void;
	readonly reject: (error: Error) => void;
};

/** One process from its start to its end. */
export class EvaluatorLife {
	readonly #child: ChildProcess;
	readonly #options: LifeOptions;
	readonly #ready = Promise.withResolvers<EngineName>();
	readonly #ended = Promise.withResolvers<RefusedError>();
	#call: Call | undefined;
	#calls = 0;
	#loaded: readonly string[] = [];
	#refused = false;
	#abandoned = false;
	#over = false;
	/** Why it was ended from here. */
	#why: string | undefined;
	/** Ends it when it is silent, and when it does not get on. */
	#silence: Watch;
	#progress: Watch | undefined;
	#done = '';

	constructor(options: LifeOptions) {
		this.#options = options;
		this.#ready.promise.catch(() => {});
		this.#child = fork(options.module ?? MODULE, {
			serialization: 'advanced',
			execArgv: [],
			env: environment(options.setup),
			stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
		});
		this.#child.on('message', (report: Report) => this.#heard(report));
		this.#child.on('error', ({ message }) => this.#end(message));
		this.#child.on('exit', (code, signal) => this.#end(this.#why ?? whyEnded(code, signal)));
		this.#silence = this.#watch(START_SILENCES, 'it did not start');
		this.#send({ kind: 'start', setup: options.setup });
	}

	/** What computes, once the program is loaded. Rejects with why it cannot be, or with 'stopped'. */
	get ready(): Promise<EngineName> {
		return this.#ready.promise;
	}

	/** Resolves with the reason, once it is over. */
	get ended(): Promise<RefusedError> {
		return this.#ended.promise;
	}

	/** Did it say that the program cannot be loaded? */
	get refused(): boolean {
		return this.#refused;
	}

	/** Was it ended because an evaluation did not heed its abort? */
	get abandoned(): boolean {
		return this.#abandoned;
	}

	/** Has it ended? */
	get over(): boolean {
		return this.#over;
	}

	get pid(): number | undefined {
		return this.#child.pid;
	}

	/** Identities of the key sets that are in its memory. */
	get loaded(): readonly string[] {
		return this.#loaded;
	}

	/** One at a time, once it is ready. */
	evaluate(job: Job, { signal, onProgress }: EvaluateOptions): Promise<string> {
		if (signal?.aborted === true) return Promise.reject(aborted());
		if (this.#over) return Promise.reject(lost('it ended before'));
		const number = ++this.#calls;
		let patience: NodeJS.Timeout | undefined;
		const abort = (): void => {
			this.#send({ kind: 'abort', call: number });
			patience ??= setTimeout(() => this.#abandon(number), this.#options.patience);
		};
		signal?.addEventListener('abort', abort, { once: true });
		const { promise, resolve, reject } = Promise.withResolvers<string>();
		this.#call = { number, onProgress, resolve, reject };
		this.#silence = this.#watch(1, 'it gave no sign of life');
		this.#progress = this.#watch(STUCK_SILENCES, 'it got no further');
		this.#send({ kind: 'evaluate', call: number, job });
		return promise.finally(() => {
			clearTimeout(patience);
			this.#silence.stop();
			this.#progress?.stop();
			signal?.removeEventListener('abort', abort);
		});
	}

	/** Ends it; resolves when it is gone. */
	async kill(): Promise<void> {
		if (this.#over) return;
		this.#child.kill('SIGKILL');
		await this.ended;
	}

	/** It did not heed an abort: that is no loss, but its end. */
	#abandon(number: number): void {
		const call = this.#take(number);
		if (call === undefined) return;
		this.#abandoned = true;
		void this.kill().then(() => call.reject(aborted()));
	}

	/** Ends it when nothing is heard for so many times as long as it may be silent. */
	#watch(silences: number, what: string): Watch {
		const milliseconds = silences * this.#options.silence;
		return new Watch(milliseconds, () => {
			this.#why = `${what} for ${Math.round(milliseconds / 1000)} s`;
			void this.kill();
		});
	}

	#send(order: Order): void {
		// What cannot be sent is to a process that is over, and its end is heard by itself.
		this.#child.send(order, () => {});
	}

	#heard(report: Report): void {
		this.#silence.heard();
		if (report.kind === 'alive') return;
		if (report.kind === 'ready') {
			this.#silence.stop();
			this.#ready.resolve(report.backend);
		} else if (report.kind === 'notice') this.#options.onNotice(report.text);
		else if (report.kind === 'progress') this.#heardProgress(report);
		else if (report.kind === 'refused') {
			this.#refused = true;
			this.#ready.reject(errorOf(report.refusal));
			void this.kill();
		} else {
			this.#loaded = report.loaded;
			const call = this.#take(report.call);
			if (report.kind === 'done') call?.resolve(report.output);
			else call?.reject(errorOf(report.refusal));
		}
	}

	#heardProgress({ call, progress }: Extract<Report, { kind: 'progress' }>): void {
		if (this.#call?.number !== call) return;
		const done = `${progress.stage} ${progress.done}`;
		if (done !== this.#done) this.#progress?.heard();
		this.#done = done;
		this.#call.onProgress?.(progress);
	}

	#take(number: number): Call | undefined {
		const call = this.#call?.number === number ? this.#call : undefined;
		if (call !== undefined) this.#call = undefined;
		return call;
	}

	#end(why: string): void {
		if (this.#over) return;
		this.#over = true;
		this.#silence.stop();
		const reason = lost(why);
		this.#ready.reject(reason);
		this.#ended.resolve(reason);
		this.#call?.reject(reason);
		this.#call = undefined;
	}
}
