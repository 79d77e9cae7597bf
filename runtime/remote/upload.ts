import { RefusedError } from '../errors.ts';
import { checkAborted, type RunOptions } from '../pace.ts';
import type { ClientProgram } from '../plan.ts';
import { keyLengths } from '../sizes.ts';
import { keyStateOf, SMALL_ANSWER } from './card.ts';
import { RemoteError } from './errors.ts';
import { contentDigest, type Transport } from './http.ts';
import { ask, askFor, type Retry } from './retry.ts';

/** What makes evaluation keys, one at a time: a client. */
export type KeyMaker = {
	/** 32 hexadecimal digits. */
	readonly keySet: string;
	readonly evaluationKeyParts: (
		options: RunOptions & { readonly parts?: readonly number[] },
	) => AsyncIterable<{ readonly part: number; readonly bytes: Uint8Array }>;
};

/** Key sets are dropped by the service when they are not used: how often one is completed before that is an error. */
const ROUNDS = 3;

const isConflict = (error: unknown): boolean => error instanceof RemoteError && error.code === 'conflict';
const isAborted = (error: unknown): boolean => error instanceof RefusedError && error.code === 'aborted';

/**
 * Sends the evaluation keys of one client, those that the service lacks: each is sent while the next one is made, so two are in memory
 * at most. Progress has the stages 'make keys', in keys, and 'send keys', in bytes.
 */
export class KeyUpload {
	readonly #transport: Transport;
	readonly #retry: Retry;
	readonly #client: KeyMaker;
	readonly #lengths: readonly number[];
	#running: Promise<void> | undefined;

	constructor(transport: Transport, retry: Retry, client: KeyMaker, program: ClientProgram) {
		this.#transport = transport;
		this.#retry = retry;
		this.#client = client;
		this.#lengths = keyLengths(program.parameters, program.keys);
	}

	/** Ends once the service has all keys. Calls at the same time share one upload. Throws RefusedError and RemoteError. */
	async send(options: RunOptions): Promise<void> {
		while (this.#running !== undefined) {
			try {
				return await this.#running;
			} catch (error) {
				checkAborted(options.signal);
				// Whoever began it gave up; this caller did not.
				if (!isAborted(error)) throw error;
			}
		}
		this.#running = this.#complete(options);
		try {
			await this.#running;
		} finally {
			this.#running = undefined;
		}
	}

	async #complete(options: RunOptions): Promise<void> {
		for (let round = 0; ; round++) {
			const missing = await this.#missing(options.signal);
			this.#report(missing, options);
			if (missing.length === 0) return;
			if (round === ROUNDS)
				throw new RemoteError('too-many', 'the service drops evaluation keys as fast as they are sent', {
					hint: 'It may have too little room for the key sets of its users.',
				});
			await this.#sendParts(missing, options);
		}
	}

	/** The parts that the service lacks, in their order. */
	async #missing(signal: AbortSignal | undefined): Promise<number[]> {
		const all = this.#lengths.map((_, part) => part);
		if (all.length === 0) return [];
		const request = { method: 'GET', path: this.#path(), limit: SMALL_ANSWER, signal } as const;
		const outcome = await ask(this.#transport, request, this.#retry, [404]);
		if ('error' in outcome) return all;
		const { parts, present, complete } = keyStateOf(outcome);
		if (parts !== all.length)
			throw new RemoteError('protocol', `the service takes ${parts} evaluation keys, the program has ${all.length}`);
		return complete ? [] : all.filter((part) => !present.includes(part));
	}

	async #sendParts(missing: readonly number[], options: RunOptions): Promise<void> {
		const { signal } = options;
		const left = new Set(missing);
		let sending = Promise.resolve();
		try {
			for await (const { part, bytes } of this.#client.evaluationKeyParts({ ...options, parts: missing })) {
				await sending;
				sending = this.#put(part, bytes, signal).then(() => {
					left.delete(part);
					this.#report([...left], options);
				});
				// Its error is thrown where it is awaited; making the next key takes a while.
				sending.catch(() => undefined);
			}
			await sending;
		} catch (error) {
			// Another client with the same secret key was faster: what is there is complete, which is asked next.
			if (!isConflict(error)) throw error;
		}
	}

	async #put(part: number, body: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
		const headers = { 'content-type': 'application/octet-stream', 'content-digest': await contentDigest(body) };
		const path = `${this.#path()}/parts/${part}`;
		await askFor(this.#transport, { method: 'PUT', path, headers, body, limit: SMALL_ANSWER, signal }, this.#retry);
	}

	#report(missing: readonly number[], { onProgress }: RunOptions): void {
		const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0);
		const total = sum(this.#lengths);
		onProgress?.({ stage: 'send keys', done: total - sum(missing.map((part) => this.#lengths[part] ?? 0)), total });
	}

	#path(): string {
		return `v1/keys/${this.#client.keySet}`;
	}
}
