/** One who listens to a name: a ring between two waits is not missed. */
export type Ear = {
	/** Ends once the name has rung since the last wait, the signal fires, or after so many milliseconds. */
	readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
	readonly stop: () => void;
};

/** Lets some wait for what others tell, by name. */
export type Alarm = {
	readonly listen: (name: string) => Ear;
	/** Wakes who listens to this name; without one, everybody. */
	readonly ring: (name?: string) => void;
};

/** Sleeps until it is woken, the signal fires or the time is over. */
const sleep = (
	milliseconds: number,
	signal: AbortSignal | undefined,
	onWake: (wake: () => void) => void,
): Promise<void> =>
	new Promise((resolve) => {
		const wake = (): void => {
			clearTimeout(timer);
			signal?.removeEventListener('abort', wake);
			resolve();
		};
		const timer = setTimeout(wake, milliseconds);
		signal?.addEventListener('abort', wake, { once: true });
		onWake(wake);
		if (signal?.aborted === true) wake();
	});

class Listener implements Ear {
	readonly #onStop: (listener: Listener) => void;
	#rung = false;
	#wake = (): void => {};

	constructor(onStop: (listener: Listener) => void) {
		this.#onStop = onStop;
	}

	ring(): void {
		this.#rung = true;
		this.#wake();
	}

	async wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
		if (!this.#rung)
			await sleep(milliseconds, signal, (wake) => {
				this.#wake = wake;
			});
		this.#rung = false;
	}

	stop(): void {
		this.#onStop(this);
		this.#wake();
	}
}

export const createAlarm = (): Alarm => {
	const listeners = new Map<string, Set<Listener>>();
	return {
		listen: (name) => {
			const others = listeners.get(name) ?? new Set();
			const listener = new Listener((stopped) => {
				others.delete(stopped);
				if (others.size === 0 && listeners.get(name) === others) listeners.delete(name);
			});
			listeners.set(name, others.add(listener));
			return listener;
		},
		ring: (name) => {
			const woken = name === undefined ? [...listeners.values()] : [listeners.get(name) ?? []];
			for (const found of woken) for (const listener of [...found]) listener.ring();
		},
	};
};
