import { ServiceError } from './errors.ts';
import type { Load } from './jobs.ts';

/** How much a service takes at once, and how long it waits for what is sent. */
export type ServiceLimits = {
	/** The predicted milliseconds of what waits, beyond which evaluations are refused as 'busy'. */
	readonly maxWaitMs: number;
	/** The most evaluations that wait. */
	readonly maxWaiting: number;
	/** Requests in a minute with one token, and from one address. */
	readonly requestsPerMinute: number;
	readonly addressRequestsPerMinute: number;
	/** Bodies that are received at once, of everyone and of one token. */
	readonly uploads: number;
	readonly uploadsPerToken: number;
	/** A body is given up after so long without a byte, and when it is slower than this on the whole. */
	readonly idleMs: number;
	readonly bytesPerSecond: number;
};

export const DEFAULT_LIMITS: ServiceLimits = {
	maxWaitMs: 60_000,
	maxWaiting: 1000,
	requestsPerMinute: 1200,
	addressRequestsPerMinute: 2400,
	uploads: 64,
	uploadsPerToken: 16,
	idleMs: 15_000,
	bytesPerSecond: 16_384,
};

/** Predicted milliseconds until a new evaluation begins. */
export const waitingMs = ({ waiting, running, workers }: Load, evaluateMs: number): number => {
	const atOnce = Math.max(workers, 1);
	return (Math.max(0, waiting + running + 1 - atOnce) * evaluateMs) / atOnce;
};

/** Is there room for one more evaluation? */
export const hasRoom = (load: Load, evaluateMs: number, { maxWaitMs, maxWaiting }: ServiceLimits): boolean =>
	load.waiting < maxWaiting && waitingMs(load, evaluateMs) <= maxWaitMs;

/** Throws ServiceError 'busy', with the seconds after which there should be room, where there is none. */
export const checkRoom = (load: Load, evaluateMs: number, limits: ServiceLimits): void => {
	if (hasRoom(load, evaluateMs, limits)) return;
	const excess = waitingMs(load, evaluateMs) - limits.maxWaitMs;
	throw new ServiceError(
		'busy',
		`${load.waiting} evaluations wait already`,
		'Send the same request again later.',
		Math.max(1, Math.ceil(excess / 1000)),
	);
};

/** Takes places, and gives them back. Throws ServiceError 'busy' where all are taken. */
export class Places {
	readonly #most: number;
	readonly #mostOfOne: number;
	readonly #taken = new Map<string, number>();
	#all = 0;

	constructor(most: number, mostOfOne: number) {
		this.#most = most;
		this.#mostOfOne = mostOfOne;
	}

	/** While `work` runs, its owner has one more place. */
	async during<T>(owner: string, work: () => Promise<T>): Promise<T> {
		this.#take(owner);
		try {
			return await work();
		} finally {
			this.#giveBack(owner);
		}
	}

	#take(owner: string): void {
		const own = this.#taken.get(owner) ?? 0;
		if (this.#all >= this.#most || own >= this.#mostOfOne)
			throw new ServiceError('busy', 'too many bodies are being sent at once', 'Send fewer at a time.', 1);
		this.#all++;
		this.#taken.set(owner, own + 1);
	}

	#giveBack(owner: string): void {
		this.#all--;
		const own = (this.#taken.get(owner) ?? 1) - 1;
		if (own === 0) this.#taken.delete(owner);
		else this.#taken.set(owner, own);
	}
}
