import type { Worker } from 'node:worker_threads';
import { checkAborted, Pacer, type RunOptions } from '../pace.ts';
import { type StartThread, threadModule } from '../threads.ts';
import type { EncryptorData, Job, Made, Order } from './protocol.ts';

/** Ciphertexts in one call for which a thread is worth its start, which takes as long as 100 to 300 of them. */
export const WORTH_THREADS = 200;
/** Ciphertexts that a thread has orders for: it never waits for the caller, who looks up every 50 ms. */
const ORDERED = 12;

const MODULE = threadModule('./worker.ts', import.meta.url);

/** One call of `encryptAll`: what is left, what is done, and what the caller does while threads work. */
class Round {
	/** Made and not delivered. */
	readonly #made = new Map<number, Uint8Array>();
	readonly #jobs: readonly Job[];
	/** Given back by threads that ended. */
	readonly #returned: number[] = [];
	#next = 0;
	#done = 0;
	#delivered = 0;
	#wake: () => void = () => {};

	constructor(jobs: readonly Job[]) {
		this.#jobs = jobs;
	}

	get done(): number {
		return this.#done;
	}

	get complete(): boolean {
		return this.#delivered === this.#jobs.length;
	}

	take(): Order | undefined {
		const index = this.#returned.pop() ?? (this.#next < this.#jobs.length ? this.#next++ : undefined);
		return index === undefined ? undefined : { ...(this.#jobs[index] as Job), index };
	}

	giveBack(indices: Iterable<number>): void {
		this.#returned.push(...indices);
		this.#wake();
	}

	put({ index, bytes }: Made): void {
		this.#made.set(index, bytes);
		this.#done++;
		this.#wake();
	}

	/** The next one in order, if it is there. */
	deliver(): Uint8Array | undefined {
		const bytes = this.#made.get(this.#delivered);
		if (bytes !== undefined) this.#made.delete(this.#delivered++);
		return bytes;
	}

	/** Resolves at the next `put` or `giveBack`. */
	change(): Promise<void> {
		return new Promise((resolve) => {
			this.#wake = resolve;
		});
	}
}

/** A thread and the jobs it has. */
type Hand = { readonly worker: Worker; readonly has: Set<number> };

/**
 * Encrypts in several threads, the calling one among them, each with a SEAL of its own under the same secret key. The calling
 * thread begins at once, the others join when they are set up. What a thread leaves behind that ends, the others do.
 */
export class EncryptionPool {
	readonly #hands: Hand[] = [];
	readonly #own: (job: Job) => Uint8Array;
	#round: Round | undefined;

	/** `threads` - 1 threads beside the calling one, which encrypts by `own`. */
	constructor(threads: number, data: () => EncryptorData, own: (job: Job) => Uint8Array, start: StartThread) {
		this.#own = own;
		for (let k = 1; k < threads; k++) {
			const workerData = data();
			this.#hire(start(MODULE, { workerData }));
			// The thread has a copy of its own by now.
			workerData.secret.fill(0);
		}
	}

	/** Is there a thread that lives? */
	get alive(): boolean {
		return this.#hands.length > 0;
	}

	/** Can it be given work: is it at rest? */
	get ready(): boolean {
		return this.#round === undefined && this.alive;
	}

	/**
	 * Gives `deliver` the seeded bytes of every job, in order. Only when `ready`; a call that fails or is aborted ends all threads.
	 */
	async encryptAll(
		jobs: readonly Job[],
		options: RunOptions,
		deliver: (bytes: Uint8Array) => Promise<void>,
	): Promise<void> {
		const round = new Round(jobs);
		const pacer = new Pacer('encrypt', jobs.length, options);
		this.#round = round;
		for (const { worker } of this.#hands) worker.ref();
		try {
			for (const hand of this.#hands) this.#feed(hand, round);
			while (!round.complete) {
				checkAborted(options.signal);
				const order = round.take();
				if (order !== undefined) round.put({ index: order.index, bytes: this.#own(order) });
				let bytes = round.deliver();
				if (order === undefined && bytes === undefined) await round.change();
				for (; bytes !== undefined; bytes = round.deliver()) await deliver(bytes);
				if (pacer.due()) await pacer.pause(round.done);
			}
			pacer.finish();
			for (const { worker } of this.#hands) worker.unref();
		} catch (error) {
			// They still have orders of this call, whose results the next one must not take for its own.
			this.dispose();
			throw error;
		} finally {
			this.#round = undefined;
		}
	}

	/** Ends the threads; what they leave behind of a call that goes on, the calling thread does. */
	dispose(): void {
		for (const { worker, has } of this.#hands.splice(0)) {
			void worker.terminate();
			this.#round?.giveBack(has);
		}
	}

	#hire(worker: Worker): void {
		const hand: Hand = { worker, has: new Set() };
		this.#hands.push(hand);
		worker.on('message', (made: Made) => {
			if (this.#round === undefined || !hand.has.delete(made.index)) return;
			this.#round.put(made);
			this.#feed(hand, this.#round);
		});
		worker.on('error', () => this.#dismiss(hand));
		worker.on('exit', () => this.#dismiss(hand));
	}

	#feed({ worker, has }: Hand, round: Round): void {
		while (has.size < ORDERED) {
			const order = round.take();
			if (order === undefined) return;
			has.add(order.index);
			worker.postMessage(order);
		}
	}

	#dismiss(hand: Hand): void {
		const at = this.#hands.indexOf(hand);
		if (at < 0) return;
		this.#hands.splice(at, 1);
		this.#round?.giveBack(hand.has);
	}
}
