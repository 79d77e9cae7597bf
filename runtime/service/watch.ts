/** Looks at the time are this many for each limit. */
const LOOKS = 8;
/** What a timer takes. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/**
 * Calls `onLate` once, when nothing is heard for so many milliseconds or up to an eighth more. What counts are looks at the time and not the
 * time: a process that was stopped for a while has not missed what it could not hear.
 */
export class Watch {
	readonly #timer: NodeJS.Timeout;
	#looks = 0;

	constructor(milliseconds: number, onLate: () => void) {
		this.#timer = setInterval(
			() => {
				if (++this.#looks <= LOOKS) return;
				this.stop();
				onLate();
			},
			Math.min(MOST_MILLISECONDS, milliseconds / LOOKS),
		);
		this.#timer.unref();
	}

	heard(): void {
		this.#looks = 0;
	}

	stop(): void {
		clearInterval(this.#timer);
	}
}
