/** A client whose secret key lives in a Web Worker: the page stays responsive while keys are made, and never holds the key. */
import type { KeyPart, KeyPartsOptions } from '../client.ts';
import { RefusedError } from '../errors.ts';
import type { Sample } from '../inputs.ts';
import type { RunOptions } from '../pace.ts';
import type { ClientProgram } from '../plan.ts';
import {
	type Publications,
	type Published,
	Publisher,
	type PublishingOptions,
	type PublishOptions,
} from '../publish.ts';
import type { Result } from '../results.ts';
import { keySlots } from '../sizes.ts';
import { WorkerCalls, type WorkerLike } from './calls.ts';

export type { KeyPart, KeyPartsOptions } from '../client.ts';
export { RefusedError } from '../errors.ts';
export type { Sample } from '../inputs.ts';
export type { RunOptions } from '../pace.ts';
export type { ClientProgram, Progress } from '../plan.ts';
export type { Publications, Published, PublishingOptions, PublishOptions } from '../publish.ts';
export type { OutputTensor, Result } from '../results.ts';
export type { WorkerLike } from './calls.ts';

/** Wasm files that a client loads: SEAL, and what encodes. */
const WASM_FILES = ['seal_throws.wasm', 'kernel.wasm'] as const;

export type WorkerClientOptions = RunOptions & {
	/**
	 * Starts the worker, whose module is `onnx-seal/runtime/browser/worker`; default: that module beside this one, in the form
	 * that vite and webpack find. Bundlers that do not look into `new URL` (esbuild) take the worker as an entry of its own, and
	 * `() => new Worker('/assets/worker.js', { type: 'module' })` here.
	 */
	readonly worker?: (() => WorkerLike) | undefined;
	/** Where `seal_throws.wasm` and `kernel.wasm` are, relative to the page; default: where the bundler puts them. */
	readonly locateFile?: ((path: string) => string) | undefined;
	/** What `exportSecretKey` returned; without it a new key set is made. */
	readonly secretKey?: Uint8Array | undefined;
	/** How often results of this key were published before, and how often they may be. */
	readonly publishing?: PublishingOptions | undefined;
};

const startWorker = (): WorkerLike => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

const filesOf = (locateFile: WorkerClientOptions['locateFile']): Readonly<Record<string, string>> =>
	locateFile === undefined
		? {}
		: Object.fromEntries(
				WASM_FILES.map((file) => [file, new URL(locateFile(file), globalThis.location?.href ?? import.meta.url).href]),
			);

/**
 * The key owner's side of a program in a Web Worker, with the methods of `createClient`'s client that talking to a service
 * needs; for the types of its inputs and outputs, `createWorkerClient<Sample, OutputName>(program)` with what a generated module exports.
 * Set-up takes a second at N = 8192, a few at 16384. A page that is served with the policy
 * `script-src 'self' 'wasm-unsafe-eval'` may run it. Throws what `createClient` does, and RefusedError 'stopped' where the
 * worker cannot be started.
 */
export const createWorkerClient = async <Inputs extends Sample = Sample, Output extends string = string>(
	program: ClientProgram,
	options: WorkerClientOptions = {},
): Promise<WorkerClient<Inputs, Output>> => {
	const { worker = startWorker, locateFile, secretKey, signal, onProgress } = options;
	const files = filesOf(locateFile);
	const publisher = new Publisher(program, options.publishing);
	const calls = new WorkerCalls(worker());
	try {
		const keySet = await calls.call('create', { program, secretKey, files }, { signal, onProgress });
		return new WorkerClient<Inputs, Output>(program, keySet, calls, publisher);
	} catch (error) {
		calls.end(new RefusedError('stopped', 'the client could not be made'));
		throw error;
	}
};

/**
 * Made by `createWorkerClient`. Keys and messages that it returns may be sent to the server; what `exportSecretKey` and `decrypt` return
 * may not, nor be shown to others: `publish` says what may.
 */
export class WorkerClient<Inputs extends Sample = Sample, Output extends string = string> {
	readonly program: ClientProgram;
	/** Names the key set to the server, in hexadecimal. */
	readonly keySet: string;
	readonly #calls: WorkerCalls;
	readonly #publisher: Publisher;

	constructor(program: ClientProgram, keySet: string, calls: WorkerCalls, publisher: Publisher) {
		this.program = program;
		this.keySet = keySet;
		this.#calls = calls;
		this.#publisher = publisher;
	}

	/**
	 * The evaluation keys as parts of the keys message, only those in `parts` (default: all), in that order. The next one is made
	 * while the caller sends the last.
	 */
	async *evaluationKeyParts({
		parts = keySlots(this.program.keys).map((_, part) => part),
		signal,
		onProgress,
	}: KeyPartsOptions = {}): AsyncGenerator<KeyPart, void, undefined> {
		const make = (part: number | undefined): Promise<Uint8Array> | undefined => {
			const made = part === undefined ? undefined : this.#calls.call('keyPart', { part }, { signal });
			// It may fail while nobody waits for it yet; whoever does then is told.
			made?.catch(() => {});
			return made;
		};
		let next = make(parts[0]);
		for (const [i, part] of parts.entries()) {
			const bytes = (await next) as Uint8Array;
			next = make(parts[i + 1]);
			onProgress?.({ stage: 'make keys', done: i + 1, total: parts.length });
			yield { part, bytes };
		}
	}

	/** The message with the encrypted inputs of one sample. Throws RefusedError 'input' for what the program does not take. */
	encrypt(sample: Inputs, options: RunOptions = {}): Promise<Uint8Array> {
		return this.encryptBatch([sample], options);
	}

	/** The same for 1 to `program.batch` samples that share the ciphertexts. */
	encryptBatch(samples: readonly Inputs[], options: RunOptions = {}): Promise<Uint8Array> {
		return this.#calls.call('encrypt', { samples }, options);
	}

	/** The result of one sample. Throws RefusedError 'message' or 'keys' for a message that is no answer to this client. */
	async decrypt(message: Uint8Array): Promise<Result<Output>> {
		const [first] = await this.decryptBatch(message);
		return first as Result<Output>;
	}

	/** The results of all samples that were encrypted together, in their order. */
	async decryptBatch(message: Uint8Array): Promise<readonly Result<Output>[]> {
		return (await this.#calls.call('decrypt', { message })) as readonly Result<Output>[];
	}

	/** What of a result may be shared with others, the server among them: see `Publisher.publish`. It needs no key. */
	publish(result: Result<Output>, options: PublishOptions<Output>): Published<Output> {
		return this.#publisher.publish(result, options) as Published<Output>;
	}

	/** How often results were published under this key: to be kept beside an exported secret key. */
	get publications(): Publications {
		return this.#publisher.publications;
	}

	/**
	 * The secret key, out of the worker, for `createWorkerClient({ secretKey })` later. Whoever has these bytes can decrypt
	 * everything: a page that need not survive a reload has no reason to ask for them.
	 */
	exportSecretKey(): Promise<Uint8Array> {
		return this.#calls.call('exportSecretKey', {});
	}

	/** Ends the worker and with it the secret key; the client is unusable afterwards. */
	dispose(): void {
		this.#calls.end(new RefusedError('misuse', 'the client was disposed of', 'Make a client anew.'));
	}
}
