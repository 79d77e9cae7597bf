import type { Engine, EngineOptions, KeyParts } from './engine.ts';
import { chooseEngine, type EngineMakers } from './engines/choose.ts';
import { RefusedError } from './errors.ts';
import type { EvaluateOptions } from './execute.ts';
import { checkKey, nameOfKey } from './keyCodec.ts';
import { defaultMemoryLimit, freeMemory } from './memory.ts';
import { type Message, readMessage, toHex, writeMessage } from './message.ts';
import { checkAborted, type RunOptions } from './pace.ts';
import type { EngineName, Port, ServerProgram } from './plan.ts';
import { checkShape, serverComplaint } from './programShape.ts';
import type { LoadOptions } from './seal/module.ts';
import { inputLength, keyLengths, keySlots } from './sizes.ts';
import { checkThreads } from './threads.ts';
import { valuesOf } from './values.ts';

export { readConstants } from './constants.ts';
export type { KeyParts } from './engine.ts';
export { RefusedError } from './errors.ts';
export { checkInput, joinInputs } from './joined.ts';
export type { RunOptions } from './pace.ts';
export type { EngineName, Progress, ServerProgram } from './plan.ts';
export { evaluationKeyBytes, keyLengths, keySlots } from './sizes.ts';

export type ServerOptions = RunOptions &
	LoadOptions & {
		/** What computes; default: `kernel`. Where that cannot work, `seal` takes its place, and `onNotice` is told. */
		readonly backend?: EngineName | undefined;
		/** Threads of an evaluation with `kernel`; default: 1, in the calling thread. */
		readonly threads?: number | undefined;
		/** Bytes that ciphertexts, keys and constants may take; default: 80 % of the free memory. With `seal` never more than a wasm memory holds. */
		readonly memoryLimit?: number | undefined;
		/** Told in a sentence when something is done in another way than was asked for. */
		readonly onNotice?: ((text: string) => void) | undefined;
	};

const makersOf = (program: ServerProgram, constants: Float64Array, { locateFile }: LoadOptions): EngineMakers => ({
	kernel: async (options) => {
		const { createKernelEngine } = await import('./backends/kernel/engine.ts');
		return createKernelEngine(program, constants, options);
	},
	seal: async (options) => {
		const { SealEngine } = await import('./engines/seal.ts');
		return SealEngine.create(program, constants, { ...options, locateFile });
	},
});

const engineOptions = ({ signal, onProgress, threads = 1, memoryLimit, onNotice }: ServerOptions): EngineOptions => {
	checkThreads(threads);
	return {
		signal,
		onProgress,
		threads,
		memoryLimit: memoryLimit ?? defaultMemoryLimit(freeMemory()),
		onNotice: onNotice ?? (() => {}),
	};
};

/**
 * The computing side of a program; holds nothing that can decrypt. Refuses a program that lacks fields (RefusedError 'program'), and one whose predicted memory does not fit
 * ('memory', with the numbers), before anything is loaded; keeps the constants encoded when they fit. Takes the kernel,
 * and node-seal where the kernel cannot work.
 */
export const createServer = async (
	program: ServerProgram,
	constants: Float64Array,
	options: ServerOptions = {},
): Promise<Server> => {
	checkShape(serverComplaint(program));
	// No engine takes an illegal plan: without this, one would be tried in another's place.
	valuesOf(program);
	checkAborted(options.signal);
	const makers = makersOf(program, constants, options);
	return new Server(program, await chooseEngine(options.backend ?? 'kernel', makers, engineOptions(options)));
};

/**
 * Throws RefusedError 'message' unless the bytes are those of key `part` of `keySlots` as they are sent: their length, rotation and level,
 * residues below their primes, and no digit of zeros. Needs no engine, and nothing but the bytes: what is loaded is checked again.
 */
export const checkKeyPart = ({ parameters, keys }: ServerProgram, part: number, bytes: Uint8Array): void => {
	const slot = keySlots(keys)[part];
	if (slot === undefined) throw new RefusedError('message', `the program has no evaluation key ${part}`);
	checkKey(bytes, parameters, slot, nameOfKey(slot));
};

/** Made by `createServer`. Calls wait for each other: one evaluation at a time has the memory that was predicted. */
export class Server {
	readonly program: ServerProgram;
	readonly #engine: Engine;
	readonly #keySets = new Set<string>();
	#last: Promise<unknown> = Promise.resolve();
	#disposed: Promise<void> | undefined;

	constructor(program: ServerProgram, engine: Engine) {
		this.program = program;
		this.#engine = engine;
	}

	/** What computes. */
	get backend(): EngineName {
		return this.#engine.name;
	}

	/** Threads of an evaluation. */
	get threads(): number {
		return this.#engine.threads;
	}

	/** The loaded key sets, as `Client.keySet` names them. */
	get keySets(): readonly string[] {
		return [...this.#keySets];
	}

	/** Are constants kept encoded between evaluations? */
	get cachesConstants(): boolean {
		return this.#engine.cachesConstants;
	}

	/**
	 * Checks and loads the evaluation keys of a client; returns the name of their key set. Throws RefusedError 'message' for
	 * other bytes, 'keys' when a key set of this name is loaded, and 'memory' when one more does not fit; a load that fails
	 * leaves everything as it was. Whose keys these are, nothing here can tell: authenticate who may load and drop them.
	 */
	loadKeys(message: Uint8Array, options: RunOptions = {}): Promise<string> {
		return this.#exclusive(options, async () => {
			const { parameters, keys } = this.program;
			const { keySet, parts } = await this.#read(message, 'keys', keyLengths(parameters, keys));
			const name = toHex(keySet);
			await this.#load(name, parts, options);
			return name;
		});
	}

	/**
	 * The same for the keys of a key set in the order of `keySlots`, without the message around them: each is loaded when it comes, so
	 * that no more than one is held beside those that are loaded. The server does nothing else meanwhile: `parts` should be at hand, on a
	 * disk for example. Throws what `parts` throws.
	 */
	loadKeyParts(keySet: string, parts: KeyParts, options: RunOptions = {}): Promise<void> {
		return this.#exclusive(options, async () => {
			if (!/^[0-9a-f]{32}$/.test(keySet))
				throw new RefusedError('keys', 'the name of a key set is 32 hexadecimal digits in lower case');
			await this.#load(keySet, parts, options);
		});
	}

	/** The most bytes of memory that the engine took until now, where that can be seen. */
	peakBytes(): number | undefined {
		return this.#engine.peakBytes();
	}

	/** Forgets a key set. */
	dropKeys(keySet: string): Promise<void> {
		return this.#exclusive({}, async () => {
			if (this.#keySets.delete(keySet)) this.#engine.dropKeys(keySet);
		});
	}

	/**
	 * The message with the encrypted outputs for a message with encrypted inputs. Throws RefusedError 'message' for bytes
	 * that are no inputs of this program, 'keys' when the keys of their key set are not loaded, 'stopped' when a thread that
	 * computes was lost (the next evaluation has new ones).
	 */
	evaluate(message: Uint8Array, options: EvaluateOptions = {}): Promise<Uint8Array> {
		return this.#exclusive(options, async () => {
			const { fingerprint, inputs, outputs } = this.program;
			const request = await this.#readInputs(message);
			const name = this.#known(request.keySet);
			const parts = await this.#engine.evaluate(name, partsOf(request, inputs), options);
			checkComplete(outputs, parts);
			const { keySet, samples } = request;
			return writeMessage({ kind: 'outputs', fingerprint, keySet, samples }, parts.flat());
		});
	}

	/** Gives all memory and threads back once the calls that run have ended; calls after it are refused ('misuse'). */
	dispose(): Promise<void> {
		this.#disposed ??= this.#exclusive({}, async () => {
			this.#keySets.clear();
			await this.#engine.dispose();
		});
		return this.#disposed;
	}

	async #load(name: string, parts: KeyParts, options: RunOptions): Promise<void> {
		if (this.#keySets.has(name))
			throw new RefusedError(
				'keys',
				`the evaluation keys of the key set ${name} are loaded already`,
				'Drop them with dropKeys first, if whoever sends these may do so.',
			);
		await this.#engine.loadKeys(name, parts, options);
		this.#keySets.add(name);
	}

	async #exclusive<T>({ signal }: RunOptions, work: () => Promise<T>): Promise<T> {
		if (this.#disposed !== undefined)
			throw new RefusedError('misuse', 'the server was disposed of', 'Create a server anew.');
		const before = this.#last;
		const result = before.then(() => {
			checkAborted(signal);
			return work();
		});
		this.#last = result.catch(() => undefined);
		return result;
	}

	#read(message: Uint8Array, kind: 'keys' | 'inputs', lengths: readonly number[]): Promise<Message> {
		return readMessage(message, { kind, fingerprint: this.program.fingerprint }, lengths);
	}

	async #readInputs(message: Uint8Array): Promise<Message> {
		const { batch, inputs, parameters } = this.program;
		const lengths = inputs.flatMap(({ parts, level }) => new Array<number>(parts).fill(inputLength(parameters, level)));
		const read = await this.#read(message, 'inputs', lengths);
		if (read.samples < 1 || read.samples > batch)
			throw new RefusedError('message', `the inputs claim to hold ${read.samples} samples of at most ${batch}`);
		return read;
	}

	/** The name of a key set that is loaded. */
	#known(keySet: Uint8Array): string {
		const name = toHex(keySet);
		if (!this.#keySets.has(name))
			throw new RefusedError(
				'keys',
				`the inputs are encrypted under the key set ${name}, whose evaluation keys are not loaded`,
				'Send the evaluation keys of the same client first.',
			);
		return name;
	}
}

/** parts[input][part] of a message's flat list. */
const partsOf = (message: Message, inputs: readonly Port[]): readonly (readonly Uint8Array[])[] => {
	let next = 0;
	return inputs.map(({ parts }) => {
		next += parts;
		return message.parts.slice(next - parts, next);
	});
};

const checkComplete = (ports: readonly Port[], outputs: readonly (readonly unknown[])[]): void => {
	for (const [i, { name, parts }] of ports.entries())
		if (Object.keys(outputs[i] ?? []).length !== parts)
			throw new RefusedError(
				'program',
				`the plan computes not all parts of output '${name}'`,
				'Compile the model again.',
			);
};
