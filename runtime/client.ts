import { SealKeyOwner } from './backends/sealKeys.ts';
import { PlaintextEncoder } from './encryption/encoder.ts';
import { EncryptionPool, WORTH_THREADS } from './encryption/pool.ts';
import type { Job } from './encryption/protocol.ts';
import { RefusedError } from './errors.ts';
import { packSamples, type Sample } from './inputs.ts';
import { KEY_SET_BYTES, type MessageHead, MessageWriter, readMessage, toHex, writeMessage } from './message.ts';
import { checkAborted, Pacer, type RunOptions } from './pace.ts';
import type { ClientProgram, OutputPacking } from './plan.ts';
import { checkShape, clientComplaint } from './programShape.ts';
import {
	type Publications,
	type Published,
	Publisher,
	type PublishingOptions,
	type PublishOptions,
} from './publish.ts';
import { type Result, readResults } from './results.ts';
import type { InputName, InputValue } from './samples.ts';
import { loadCiphertext } from './seal/ciphertext.ts';
import { SealContext } from './seal/context.ts';
import { release } from './seal/handles.ts';
import { type LoadOptions, loadSeal } from './seal/module.ts';
import { inputLength, type KeySlot, keyLengths, keySlots, outputLength, secretKeyLength } from './sizes.ts';
import { checkThreads, type StartThread, threadStarter } from './threads.ts';

export { RefusedError } from './errors.ts';
export type { RunOptions } from './pace.ts';
export type { Picture } from './pictures.ts';
export type { ClientProgram, Progress } from './plan.ts';
export type { Publications, Published, PublishingOptions, PublishOptions } from './publish.ts';
export { type OutputTensor, type Result, toNested } from './results.ts';
export type { InputName, InputValue, Numbers, Sample } from './samples.ts';
export { evaluationKeyBytes, keySlots } from './sizes.ts';

export type ClientOptions = RunOptions &
	LoadOptions & {
		/** What `exportSecretKey` returned; without it a new key set is made. */
		readonly secretKey?: Uint8Array | undefined;
		/**
		 * Threads that encrypt hundreds of ciphertexts at once, as with a sample in every slot; default: 1. In Node only; each has
		 * the secret key and a SEAL of its own.
		 */
		readonly threads?: number | undefined;
		/** How often results of this key were published before, and how often they may be. */
		readonly publishing?: PublishingOptions | undefined;
	};

export type KeyPartsOptions = RunOptions & {
	/** Indices of the keys in `keySlots`; default: all of them. */
	readonly parts?: readonly number[] | undefined;
};

/** One evaluation key as it is sent, and its index in `keySlots`. */
export type KeyPart = { readonly part: number; readonly bytes: Uint8Array };

/** Steps of set-up: loading SEAL, its parameters, the encoder, the secret key. */
const SET_UP = 4;

/**
 * The key owner's side of a program. Loads SEAL and makes a secret key, or takes the given one. Set-up takes 0.5 s at
 * N = 8192, 2 s at 16384 and 11 s at 32768 in Node, in browsers some times that; nearly all of it is one step, which nothing interrupts: run it in a
 * Worker where a page must stay alive. `onProgress` hears of each of the steps of the stage 'set up', and `signal` is obeyed between them. Throws
 * RefusedError 'program' for parameters that SEAL finds insecure and for a program that lacks fields, 'message' for a secret key that is
 * none of this program, and 'aborted'.
 */
export const createClient = async <Inputs extends Sample = Sample, Output extends string = string>(
	program: ClientProgram,
	options: ClientOptions = {},
): Promise<Client<Inputs, Output>> => {
	const { secretKey, signal, locateFile, threads = 1 } = options;
	checkShape(clientComplaint(program));
	checkThreads(threads);
	const publisher = new Publisher(program, options.publishing);
	checkAborted(signal);
	const lengths = [secretKeyLength(program.parameters)];
	const given =
		secretKey === undefined
			? undefined
			: await readMessage(secretKey, { kind: 'private', fingerprint: program.fingerprint }, lengths);
	const pacer = new Pacer('set up', SET_UP, options);
	await pacer.pause(0);
	const module = await loadSeal({ locateFile });
	await pacer.pause(1);
	const context = new SealContext(module, program.parameters, program.keys);
	try {
		await pacer.pause(2);
		const encoder = await PlaintextEncoder.create(program.parameters, { locateFile });
		await pacer.pause(3);
		const owner = new SealKeyOwner(context, given?.parts[0], encoder);
		const keySet = given?.keySet ?? globalThis.crypto.getRandomValues(new Uint8Array(KEY_SET_BYTES));
		const client = new Client<Inputs, Output>(
			program,
			context,
			owner,
			keySet,
			locateFile === undefined ? threads : 1,
			publisher,
		);
		await pacer.pause(SET_UP).catch((error: unknown) => {
			owner.dispose();
			throw error;
		});
		return client;
	} catch (error) {
		context.dispose();
		throw error;
	}
};

/**
 * Made by `createClient`. Keys and messages that it returns may be sent to the server; what `exportSecretKey` and `decrypt` return
 * may not, nor be shown to others: `publish` says what may.
 */
export class Client<Inputs extends Sample = Sample, Output extends string = string> {
	readonly program: ClientProgram;
	/** Names the key set to the server, in hexadecimal. */
	readonly keySet: string;
	readonly #context: SealContext;
	readonly #owner: SealKeyOwner;
	readonly #keySetBytes: Uint8Array;
	readonly #threads: number;
	readonly #publisher: Publisher;
	#pool: EncryptionPool | undefined;

	constructor(
		program: ClientProgram,
		context: SealContext,
		owner: SealKeyOwner,
		keySet: Uint8Array,
		threads: number,
		publisher: Publisher,
	) {
		this.program = program;
		this.#publisher = publisher;
		this.#threads = threads;
		this.keySet = toHex(keySet);
		this.#context = context;
		this.#owner = owner;
		this.#keySetBytes = keySet;
	}

	/** The message with the evaluation keys, made one at a time: `evaluationKeyBytes(program)` bytes. Sent once. */
	async evaluationKeys(options: RunOptions = {}): Promise<Uint8Array> {
		const { parameters, keys } = this.program;
		const writer = new MessageWriter(this.#head('keys', 0), keyLengths(parameters, keys));
		for await (const { bytes } of this.evaluationKeyParts(options)) await writer.add(bytes);
		return writer.finish();
	}

	/**
	 * The same keys one at a time, each made when it is asked for: part i is that of slot i of `keySlots`, as it is in the
	 * message. With `parts`, only these, in this order. No two keys of a slot are alike: a part that is made anew has other
	 * bytes and does as well. Throws RefusedError 'misuse' for a part that is none.
	 */
	async *evaluationKeyParts(options: KeyPartsOptions = {}): AsyncGenerator<KeyPart, void, undefined> {
		const slots = keySlots(this.program.keys);
		const parts = options.parts ?? slots.map((_, i) => i);
		for (const part of parts)
			if (slots[part] === undefined)
				throw new RefusedError('misuse', `there is no evaluation key ${part}: the program has ${slots.length}`);
		const pacer = new Pacer('make keys', parts.length, options);
		for (const [i, part] of parts.entries()) {
			checkAborted(options.signal);
			const bytes = this.#owner.evaluationKey(slots[part] as KeySlot);
			await pacer.pause(i + 1);
			yield { part, bytes };
		}
	}

	/**
	 * The message with the encrypted inputs of one sample: an object or a Map with an array of numbers for each input (flat, typed, or
	 * nested in its shape) or a picture for those that have its size (`Picture`); the array or picture alone where there is one input.
	 * Throws RefusedError 'input' for what the program does not take.
	 */
	encrypt(sample: Inputs, options: RunOptions = {}): Promise<Uint8Array> {
		return this.encryptBatch([sample], options);
	}

	/** The same for 1 to `program.batch` samples that share the ciphertexts. */
	async encryptBatch(samples: readonly Inputs[], options: RunOptions = {}): Promise<Uint8Array> {
		return this.#encryptInputs(this.program.inputs, samples, this.#head('inputs', samples.length), options);
	}

	/**
	 * The message with one input alone, where the inputs of a program come from several clients that share a secret key: `joinInputs` of
	 * the server makes one message of them. Throws RefusedError 'input' for what the program does not take.
	 */
	async encryptInput(name: InputName<Inputs>, value: InputValue, options: RunOptions = {}): Promise<Uint8Array> {
		const index = this.program.inputs.findIndex((input) => input.name === name);
		const inputs = this.program.inputs.slice(index, index + 1);
		if (index < 0) throw new RefusedError('input', `there is no input '${name}'`);
		return this.#encryptInputs(inputs, [new Map([[name, value]])], { ...this.#head('input', 1), index }, options);
	}

	async #encryptInputs(
		inputs: ClientProgram['inputs'],
		samples: readonly Sample[],
		head: MessageHead,
		options: RunOptions,
	): Promise<Uint8Array> {
		const packed = packSamples({ ...this.program, inputs }, samples);
		const jobs = inputs.flatMap(({ level, scale }, i) =>
			(packed[i] ?? []).map((values): Job => ({ values, level, scale })),
		);
		const writer = new MessageWriter(
			head,
			jobs.map(({ level }) => inputLength(this.program.parameters, level)),
		);
		const pool = this.#poolFor(jobs.length);
		if (pool === undefined) await this.#encryptAlone(jobs, options, writer);
		else await pool.encryptAll(jobs, options, (part) => writer.add(part));
		return writer.finish();
	}

	/** The result of one sample. Throws RefusedError 'message' or 'keys' for a message that is no answer to this client. */
	async decrypt(message: Uint8Array): Promise<Result<Output>> {
		const [first] = await this.decryptBatch(message);
		return first as Result<Output>;
	}

	/** The results of all samples that were encrypted together, in their order. */
	async decryptBatch(message: Uint8Array): Promise<Result<Output>[]> {
		const { batch, fingerprint, outputs, parameters } = this.program;
		const lengths = outputs.flatMap(({ parts, level }) => parts.map(() => outputLength(parameters, level)));
		const { keySet, samples, parts } = await readMessage(message, { kind: 'outputs', fingerprint }, lengths);
		if (toHex(keySet) !== this.keySet)
			throw new RefusedError(
				'keys',
				`the outputs are encrypted under the key set ${toHex(keySet)}, not under ${this.keySet}`,
				'Decrypt with the secret key that encrypted the inputs.',
			);
		if (samples < 1 || samples > batch)
			throw new RefusedError('message', `the outputs claim to hold ${samples} samples of at most ${batch}`);
		let next = 0;
		const decrypted = outputs.map((output) =>
			output.parts.map((_, part) =>
				this.#decryptPart(output, parts[next++] as Uint8Array, `part ${part} of output '${output.name}'`),
			),
		);
		return readResults(this.program, decrypted, samples) as Result<Output>[];
	}

	/** What of a result may be shared with others, the server among them: see `Publisher.publish`. */
	publish(result: Result<Output>, options: PublishOptions<Output>): Published<Output> {
		return this.#publisher.publish(result, options) as Published<Output>;
	}

	/** How often results were published under this key: to be kept beside an exported secret key. */
	get publications(): Publications {
		return this.#publisher.publications;
	}

	/**
	 * The secret key and the name of its key set, for `createClient({ secretKey })` in another process. Whoever has these
	 * bytes can decrypt everything: keep them in a file that only its owner can read.
	 */
	exportSecretKey(): Promise<Uint8Array> {
		return writeMessage(this.#head('private', 0), [this.#owner.exportSecretKey()]);
	}

	/** Releases SEAL's memory and ends threads; the client is unusable afterwards. */
	dispose(): void {
		this.#pool?.dispose();
		this.#owner.dispose();
		this.#context.dispose();
	}

	async #encryptAlone(jobs: readonly Job[], options: RunOptions, writer: MessageWriter): Promise<void> {
		const pacer = new Pacer('encrypt', jobs.length, options);
		for (const [i, job] of jobs.entries()) {
			checkAborted(options.signal);
			await writer.add(this.#encryptJob(job));
			if (pacer.due()) await pacer.pause(i + 1);
		}
		pacer.finish();
	}

	#encryptJob({ values, level, scale }: Job): Uint8Array {
		return this.#owner.encrypt(values, level, scale);
	}

	/** Threads for so many ciphertexts; undefined where there are none, where they would gain nothing, and while they work. */
	#poolFor(count: number): EncryptionPool | undefined {
		if (this.#threads === 1 || count < WORTH_THREADS) return undefined;
		const start = threadStarter();
		if (start === undefined) return undefined;
		if (this.#pool?.alive !== true) this.#pool = this.#makePool(start);
		return this.#pool.ready ? this.#pool : undefined;
	}

	#makePool(start: StartThread): EncryptionPool {
		const { parameters } = this.program;
		const data = () => ({ parameters, secret: this.#owner.exportSecretKey() });
		return new EncryptionPool(this.#threads, data, (job) => this.#encryptJob(job), start);
	}

	#head(kind: MessageHead['kind'], samples: number): MessageHead {
		return { kind, fingerprint: this.program.fingerprint, keySet: this.#keySetBytes, samples };
	}

	#decryptPart({ level, scale }: OutputPacking, bytes: Uint8Array, what: string): Float64Array {
		const ciphertext = loadCiphertext(this.#context, bytes, level, scale, what);
		try {
			return this.#owner.decrypt(ciphertext);
		} finally {
			release(ciphertext.object);
		}
	}
}
