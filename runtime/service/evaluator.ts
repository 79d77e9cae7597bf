import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError } from '../errors.ts';
import { aborted, checkAborted } from '../pace.ts';
import type { EngineName } from '../plan.ts';
import type { BlobSource } from './blobSource.ts';
import { type EvaluateOptions, EvaluatorLife, type LifeOptions } from './evaluatorLife.ts';
import type { Evaluator, Job } from './jobs.ts';
import { keyIdentity } from './loadedKeys.ts';

export type EvaluatorOptions = {
	/** Build directory with the program. */
	readonly build: string;
	/** Where inputs and keys are, and where outputs go. */
	readonly blobs: BlobSource;
	/** What computes; default: `kernel`. */
	readonly backend?: EngineName | undefined;
	/** Threads of an evaluation; default: 1. */
	readonly threads?: number | undefined;
	/** Bytes that ciphertexts, keys and constants of this process may take; default: 80 % of the memory that is free when it starts. */
	readonly memoryLimit?: number | undefined;
	/** Predicted milliseconds of an evaluation; default: a minute. */
	readonly predictedMs?: number | undefined;
	/** Milliseconds without a sign of life after which an evaluation counts as hung and its process is ended; default: four times what is predicted, 30 s at least. */
	readonly silence?: number | undefined;
	/** Milliseconds that an evaluation has to heed an abort before its process is ended; default: 5000. */
	readonly patience?: number | undefined;
	/** Processes that may be lost in a row, without an evaluation that ended, before nothing is evaluated any more; default: 5. */
	readonly maxRestarts?: number | undefined;
	/** Milliseconds before the second restart in a row, twice as many before the next, 30 s at most; default: 500. The first one comes at once. */
	readonly backOff?: number | undefined;
	/** What the process runs; default: what evaluates. Tests have their own. */
	readonly module?: URL | undefined;
	/** Told in a sentence of what was lost or is done in another way than was asked for. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

const MOST_BACK_OFF = 30_000;
const MINUTE = 60_000;

/** One operation may block for a while, on a machine with too much to do. */
const silenceOf = (predictedMs: number): number => Math.max(MINUTE / 2, 4 * predictedMs);

export type EvaluatorState = 'starting' | 'working' | 'broken';

/** An `Evaluator` that a queue can look at. */
export type EvaluatorProcess = Evaluator & {
	/** Resolves when the program is loaded for the first time; rejects with why it cannot be. */
	readonly started: Promise<void>;
	/**
	 * `starting`: until the program is loaded for the first time; `working`: it is, or is about to be again after a loss; `broken`: too many
	 * processes in a row were lost, the program was refused, or it is closed.
	 */
	readonly state: () => EvaluatorState;
	/** Are the keys of this job in its memory? */
	readonly holds: (job: Pick<Job, 'keySet' | 'keys'>) => boolean;
	/** The process that runs now. */
	readonly pid: () => number | undefined;
};

/**
 * Starts a process that loads the program, and another one whenever it is lost. Calls of `evaluate` wait for each other, and for a process
 * that is being started; one whose process is lost throws RefusedError 'stopped' and is not tried again here. When too many were
 * lost in a row all calls throw 'stopped' at once, until one of those that are still started now and then is up.
 */
export const startEvaluator = (options: EvaluatorOptions): EvaluatorProcess => new Supervisor(options);

class Supervisor implements EvaluatorProcess {
	readonly started: Promise<void>;
	readonly #options: LifeOptions;
	readonly #maxRestarts: number;
	readonly #backOff: number;
	readonly #closing = new AbortController();
	readonly #first = Promise.withResolvers<void>();
	#life: EvaluatorLife | undefined;
	/** The life that can evaluate, now or soon. */
	#up = waiting<EvaluatorLife>();
	/** Why there will never be one. */
	#refusal: unknown;
	#everReady = false;
	#losses = 0;
	#last: Promise<unknown> = Promise.resolve();

	constructor(options: EvaluatorOptions) {
		const { build, blobs, backend = 'kernel', threads = 1, memoryLimit, patience = 5000, silence } = options;
		this.#options = {
			setup: { build, blobs, backend, threads, memoryLimit },
			patience,
			silence: silence ?? silenceOf(options.predictedMs ?? MINUTE),
			module: options.module,
			onNotice: options.onNotice ?? (() => {}),
		};
		this.#maxRestarts = options.maxRestarts ?? 5;
		this.#backOff = options.backOff ?? 500;
		this.started = this.#first.promise;
		this.started.catch(() => {});
		void this.#keepAlive();
	}

	state(): EvaluatorState {
		if (this.#broken || this.#refusal !== undefined) return 'broken';
		return this.#everReady ? 'working' : 'starting';
	}

	holds(job: Pick<Job, 'keySet' | 'keys'>): boolean {
		return this.#life?.loaded.includes(keyIdentity(job)) === true;
	}

	pid(): number | undefined {
		return this.#life?.pid;
	}

	evaluate(job: Job, options: EvaluateOptions): Promise<string> {
		const result = this.#last.then(async () => {
			const life = await this.#alive(options.signal);
			// An answer, good or bad, is one of a process that works.
			return life.evaluate(job, options).finally(() => {
				if (!life.over) this.#losses = 0;
			});
		});
		this.#last = result.catch(() => {});
		return result;
	}

	async close(): Promise<void> {
		this.#closing.abort();
		const closed = new RefusedError('stopped', 'the process that evaluates was ended', 'Start the service again.');
		this.#refusal ??= closed;
		this.#first.reject(closed);
		this.#up.reject(closed);
		await this.#life?.kill();
	}

	/** Were too many lost in a row? */
	get #broken(): boolean {
		return this.#losses > this.#maxRestarts;
	}

	/** One process after another, until the evaluator is closed or the program is refused. */
	async #keepAlive(): Promise<void> {
		while (this.#refusal === undefined) {
			const life = new EvaluatorLife(this.#options);
			this.#life = life;
			const refusal = await this.#outlive(life);
			if (this.#closing.signal.aborted) return;
			if (refusal !== undefined && !this.#everReady) return this.#giveUp(refusal);
			if (!life.abandoned) await this.#mourn(refusal ?? (await life.ended));
		}
	}

	/** Returns once a process has ended; why it refused the program, if it did. */
	async #outlive(life: EvaluatorLife): Promise<Error | undefined> {
		try {
			await life.ready;
		} catch (error) {
			await life.ended;
			return life.refused && error instanceof Error ? error : undefined;
		}
		this.#everReady = true;
		// One that starts after too many losses gets a chance, but no more than one.
		this.#losses = Math.min(this.#losses, this.#maxRestarts);
		this.#first.resolve();
		this.#up.resolve(life);
		await life.ended;
		this.#up = waiting();
		return undefined;
	}

	/** Counts a loss, and waits for as long as that asks for. */
	async #mourn(reason: Error): Promise<void> {
		this.#losses++;
		this.#options.onNotice(reason.message);
		if (this.#broken) this.#up.reject(this.#tooMany());
		const factor = this.#losses < 2 ? 0 : 2 ** (this.#losses - 2);
		const pause = this.#broken ? MOST_BACK_OFF : Math.min(MOST_BACK_OFF, this.#backOff * factor);
		await sleep(pause, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
		if (this.#broken) this.#up = waiting();
	}

	#giveUp(refusal: Error): void {
		this.#refusal = refusal;
		this.#first.reject(refusal);
		this.#up.reject(refusal);
	}

	#tooMany(): RefusedError {
		return new RefusedError(
			'stopped',
			`the process that evaluates was lost ${this.#losses} times in a row: nothing is evaluated at present`,
			'The service may need more memory, or fewer workers on this machine.',
		);
	}

	/** A life that can evaluate, as soon as there is one. */
	async #alive(signal: AbortSignal | undefined): Promise<EvaluatorLife> {
		checkAborted(signal);
		if (this.#refusal !== undefined) throw this.#refusal;
		if (this.#broken) throw this.#tooMany();
		const stop = waiting<never>();
		const fire = (): void => stop.reject(aborted());
		signal?.addEventListener('abort', fire);
		try {
			return await Promise.race([this.#up.promise, stop.promise]);
		} finally {
			signal?.removeEventListener('abort', fire);
		}
	}
}

/** A promise to be settled later, whether or not anyone waits for it. */
const waiting = <T>(): PromiseWithResolvers<T> => {
	const made = Promise.withResolvers<T>();
	made.promise.catch(() => {});
	return made;
};
