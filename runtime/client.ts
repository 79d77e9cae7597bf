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
import { type Result, readResults } from './results.ts';
import { loadCiphertext } from './seal/ciphertext.ts';
import { SealContext } from './seal/context.ts';
import { release } from './seal/handles.ts';
import { type LoadOptions, loadSeal } from './seal/module.ts';
import { inputLength, keyLengths, keySlots, outputLength, secretKeyLength } from './sizes.ts';
import { checkThreads, type StartThread, threadStarter } from './threads.ts';

export { RefusedError } from './errors.ts';
export type { Sample } from './inputs.ts';
export type { RunOptions } from './pace.ts';
export type { ClientProgram, Progress } from './plan.ts';
export type { OutputTensor, Result } from './results.ts';
export { evaluationKeyBytes, keySlots } from './sizes.ts';

export type ClientOptions = RunOptions &
	LoadOptions & {
		/** What `exportSecretKey` returned; without it a new key set is made. */
		readonly secretKey?: Uint8Array;
		/**
		 * Threads that encrypt hundreds of ciphertexts at once, as with a sample in every slot; default: 1. In Node only; each has
		 * the secret key and a SEAL of its own.
		 */
		readonly threads?: number;
	};

/**
 * The key owner's side of a program. Loads SEAL and makes a secret key, or takes the given one. Set-up takes 0.5 s at
 * N = 8192, 2 s at 16384 and 11 s at 32768. Throws RefusedError 'program' for parameters that SEAL finds insecure and for a
 * program that lacks fields.
 */
export const createClient = async (program: ClientProgram, options: ClientOptions = {}): Promise<Client> => {
	const { secretKey, signal, locateFile, threads = 1 } = options;
	checkShape(clientComplaint(program));
	checkThreads(threads);
	checkAborted(signal);
	const lengths = [secretKeyLength(program.parameters)];
	const given =
		secretKey === undefined
			? undefined
			: await readMessage(secretKey, { kind: 'private', fingerprint: program.fingerprint }, lengths);
	const module = await loadSeal({ locateFile });
	checkAborted(signal);
	const context = new SealContext(module, program.parameters, program.keys);
	try {
		const owner = new SealKeyOwner(context, given?.parts[0], await PlaintextEncoder.create(program.parameters));
		const keySet = given?.keySet ?? globalThis.crypto.getRandomValues(new Uint8Array(KEY_SET_BYTES));
		return new Client(program, context, owner, keySet, locateFile === undefined ? threads : 1);
	} catch (error) {
		context.dispose();
		throw error;
	}
};

/** Made by `createClient`. Everything it returns may be sent to the server, but for `exportSecretKey`. */
export class Client {
	readonly program: ClientProgram;
	/** Names the key set to the server, in hexadecimal. */
	readonly keySet: string;
	readonly #context: SealContext;
	readonly #owner: SealKeyOwner;
	readonly #keySetBytes: Uint8Array;
	readonly #threads: number;
	#pool: EncryptionPool | undefined;

	constructor(program: ClientProgram, context: SealContext, owner: SealKeyOwner, keySet: Uint8Array, threads: number) {
		this.program = program;
		this.#threads = threads;
		this.keySet = toHex(keySet);
		this.#context = context;
		this.#owner = owner;
		this.#keySetBytes = keySet;
	}

	/** The message with the evaluation keys, made one at a time: `evaluationKeyBytes(program)` bytes. Sent once. */
	async evaluationKeys(options: RunOptions = {}): Promise<Uint8Array> {
		const { parameters, keys } = this.program;
		const slots = keySlots(keys);
		const writer = new MessageWriter(this.#head('keys', 0), keyLengths(parameters, keys));
		const pacer = new Pacer('make keys', slots.length, options);
		for (const [i, slot] of slots.entries()) {
			checkAborted(options.signal);
			await writer.add(this.#owner.evaluationKey(slot));
			await pacer.pause(i + 1);
		}
		return writer.finish();
	}

	/** The message with the encrypted inputs of one sample. Throws RefusedError 'input' for what the program does not take. */
	encrypt(sample: Sample, options: RunOptions = {}): Promise<Uint8Array> {
		return this.encryptBatch([sample], options);
	}

	/** The same for 1 to `program.batch` samples that share the ciphertexts. */
	async encryptBatch(samples: readonly Sample[], options: RunOptions = {}): Promise<Uint8Array> {
		const packed = packSamples(this.program, samples);
		const jobs = this.program.inputs.flatMap(({ level, scale }, i) =>
			(packed[i] ?? []).map((values): Job => ({ values, level, scale })),
		);
		const writer = new MessageWriter(
			this.#head('inputs', samples.length),
			jobs.map(({ level }) => inputLength(this.program.parameters, level)),
		);
		const pool = this.#poolFor(jobs.length);
		if (pool === undefined) await this.#encryptAlone(jobs, options, writer);
		else await pool.encryptAll(jobs, options, (part) => writer.add(part));
		return writer.finish();
	}

	/** The result of one sample. Throws RefusedError 'message' or 'keys' for a message that is no answer to this client. */
	async decrypt(message: Uint8Array): Promise<Result> {
		const [first] = await this.decryptBatch(message);
		return first as Result;
	}

	/** The results of all samples that were encrypted together, in their order. */
	async decryptBatch(message: Uint8Array): Promise<Result[]> {
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
		return readResults(this.program, decrypted, samples);
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
