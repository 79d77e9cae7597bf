import { RefusedError } from './errors.ts';
import type { ProgressListener } from './plan.ts';

/** What anything that takes over a second accepts. */
export type RunOptions = {
	readonly onProgress?: ProgressListener | undefined;
	readonly signal?: AbortSignal | undefined;
};

/** Longest time without giving way to the event loop, unless one operation takes longer. */
const PAUSE_MILLISECONDS = 50;

/** What a call ends with once its signal has fired; the signal's reason is the cause. */
export const aborted = (signal?: AbortSignal): RefusedError =>
	new RefusedError(
		'aborted',
		'stopped because the caller asked for it',
		undefined,
		signal?.aborted === true ? { cause: signal.reason } : undefined,
	);

/** Throws RefusedError 'aborted' once the signal has fired. */
export const checkAborted = (signal: AbortSignal | undefined): void => {
	if (signal?.aborted === true) throw aborted(signal);
};

/**
 * One turn of the event loop. Where there is setImmediate (Node), it comes after other timers and input have had their
 * turn; timers of Node can follow one another without that, when each has run out before the last one has ended.
 */
const turn = (): Promise<void> =>
	new Promise((resolve) => void (typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve, 0)));

/** Reports the progress of one stage and gives way to the event loop now and then. */
export class Pacer {
	readonly #stage: string;
	readonly #total: number;
	readonly #options: RunOptions;
	#last = performance.now();

	constructor(stage: string, total: number, options: RunOptions) {
		this.#stage = stage;
		this.#total = total;
		this.#options = options;
	}

	/** Is it time for a pause? */
	due(): boolean {
		return performance.now() - this.#last >= PAUSE_MILLISECONDS;
	}

	/** Reports that `done` steps are done and lets the event loop run. Throws RefusedError 'aborted'. */
	async pause(done: number): Promise<void> {
		this.#options.onProgress?.({ stage: this.#stage, done, total: this.#total });
		await turn();
		checkAborted(this.#options.signal);
		this.#last = performance.now();
	}

	/** Reports that all is done. */
	finish(): void {
		this.#options.onProgress?.({ stage: this.#stage, done: this.#total, total: this.#total });
	}
}
