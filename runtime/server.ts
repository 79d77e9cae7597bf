import { SealBackend } from './backends/seal.ts';
import { Constants } from './constants.ts';
import { RefusedError } from './errors.ts';
import { type EvaluateOptions, Executor } from './execute.ts';
import { defaultMemoryLimit, planMemory } from './memory.ts';
import { type Message, readMessage, toHex, writeMessage } from './message.ts';
import { checkAborted, type RunOptions } from './pace.ts';
import { PLAN_FORMAT, type Port, type ServerProgram } from './plan.ts';
import { loadSeeded, type SealCiphertext, saveCiphertext } from './seal/ciphertext.ts';
import { SealContext, type SealPlaintext } from './seal/context.ts';
import { release } from './seal/handles.ts';
import { EvaluationKeys } from './seal/keys.ts';
import { type LoadOptions, loadSeal } from './seal/module.ts';
import { inputLength, keyLengths } from './sizes.ts';

export { readConstants } from './constants.ts';
export { RefusedError } from './errors.ts';
export type { RunOptions } from './pace.ts';
export type { Progress, ServerProgram } from './plan.ts';

export type ServerOptions = RunOptions &
	LoadOptions & {
		/** Bytes that ciphertexts, keys and constants may take; default: what wasm holds, and 80 % of the free memory. */
		readonly memoryLimit?: number;
	};

/** Memory that is free for this process, where the platform tells. */
const freeMemory = (): number | undefined => {
	const available: unknown = globalThis.process?.availableMemory?.();
	return typeof available === 'number' && available > 0 ? available : undefined;
};

/**
 * The computing side of a program; holds nothing that can decrypt. Refuses a program whose predicted memory does not fit
 * (RefusedError 'memory', with the numbers) before anything is loaded; keeps the constants encoded when they fit.
 */
export const createServer = async (
	program: ServerProgram,
	constants: Float64Array,
	options: ServerOptions = {},
): Promise<Server> => {
	if (program.format !== PLAN_FORMAT)
		throw new RefusedError(
			'program',
			`this is no '${PLAN_FORMAT}' but '${program.format}'`,
			'Compile the model again.',
		);
	checkAborted(options.signal);
	const memoryLimit = options.memoryLimit ?? defaultMemoryLimit(freeMemory());
	planMemory(program, memoryLimit, 1);
	const module = await loadSeal({ locateFile: options.locateFile });
	checkAborted(options.signal);
	const context = new SealContext(module, program.parameters, program.keys);
	try {
		return new Server(program, constants, context, memoryLimit);
	} catch (error) {
		context.dispose();
		throw error;
	}
};

/** Made by `createServer`. Calls wait for each other: one evaluation at a time has the memory that was predicted. */
export class Server {
	readonly program: ServerProgram;
	readonly #context: SealContext;
	readonly #values: Float64Array;
	readonly #memoryLimit: number;
	readonly #keySets = new Map<string, EvaluationKeys>();
	#constants: Constants<SealPlaintext>;
	#cached: boolean;
	/** Were all constants encoded at once? SEAL keeps the memory that they took. */
	#held = false;
	#last: Promise<unknown> = Promise.resolve();

	constructor(program: ServerProgram, constants: Float64Array, context: SealContext, memoryLimit: number) {
		this.program = program;
		this.#context = context;
		this.#values = constants;
		this.#memoryLimit = memoryLimit;
		this.#cached = planMemory(program, memoryLimit, 1).cacheConstants;
		this.#constants = this.#makeConstants();
	}

	/** The loaded key sets, as `Client.keySet` names them. */
	get keySets(): readonly string[] {
		return [...this.#keySets.keys()];
	}

	/** Are constants kept encoded between evaluations? */
	get cachesConstants(): boolean {
		return this.#cached;
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
			if (this.#keySets.has(name))
				throw new RefusedError(
					'keys',
					`the evaluation keys of the key set ${name} are loaded already`,
					'Drop them with dropKeys first, if whoever sends these may do so.',
				);
			const { cacheConstants } = planMemory(this.program, this.#memoryLimit, this.#keySets.size + 1, this.#held);
			const cachedBefore = this.#cached;
			this.#cacheConstants(cacheConstants);
			try {
				this.#keySets.set(name, await EvaluationKeys.load(this.#context, keys, parts, options));
			} catch (error) {
				this.#cacheConstants(cachedBefore);
				throw error;
			}
			return name;
		});
	}

	/** Bytes of the wasm heap that the server took at most until now, where that can be seen. */
	peakBytes(): number | undefined {
		return this.#context.module.peakBytes();
	}

	/** Forgets a key set. */
	dropKeys(keySet: string): Promise<void> {
		return this.#exclusive({}, async () => this.#drop(keySet));
	}

	/**
	 * The message with the encrypted outputs for a message with encrypted inputs. Throws RefusedError 'message' for bytes
	 * that are no inputs of this program, 'keys' when the keys of their key set are not loaded.
	 */
	evaluate(message: Uint8Array, options: EvaluateOptions = {}): Promise<Uint8Array> {
		return this.#exclusive(options, async () => {
			const inputs = await this.#readInputs(message);
			const { program } = this;
			const backend = new SealBackend(this.#context, this.#keysOf(inputs.keySet));
			this.#held ||= this.#cached;
			const parts = partsOf(inputs, program.inputs);
			const outputs: Uint8Array[][] = program.outputs.map(() => []);
			await new Executor(program, this.#constants, backend).run(
				{
					load: (input, part) => this.#load(parts, input, part),
					store: (output, part, ciphertext) => {
						const { level, scale } = at(program.outputs, output);
						at(outputs, output)[part] = saveCiphertext(this.#context, ciphertext, level, scale);
					},
				},
				options,
			);
			const { keySet, samples } = inputs;
			checkComplete(program.outputs, outputs);
			return writeMessage({ kind: 'outputs', fingerprint: program.fingerprint, keySet, samples }, outputs.flat());
		});
	}

	/** Releases SEAL's memory once the calls that run have ended; the server is unusable afterwards. */
	dispose(): Promise<void> {
		return this.#exclusive({}, async () => {
			this.#constants.dispose();
			for (const keySet of this.keySets) this.#drop(keySet);
			this.#context.dispose();
		});
	}

	async #exclusive<T>({ signal }: RunOptions, work: () => Promise<T>): Promise<T> {
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

	#keysOf(keySet: Uint8Array): EvaluationKeys {
		const keys = this.#keySets.get(toHex(keySet));
		if (keys === undefined)
			throw new RefusedError(
				'keys',
				`the inputs are encrypted under the key set ${toHex(keySet)}, whose evaluation keys are not loaded`,
				'Send the evaluation keys of the same client first.',
			);
		return keys;
	}

	#load(parts: readonly (readonly Uint8Array[])[], input: number, part: number): SealCiphertext {
		const { name, level, scale } = at(this.program.inputs, input);
		return loadSeeded(this.#context, at(at(parts, input), part), level, scale, `part ${part} of input '${name}'`);
	}

	#drop(keySet: string): void {
		this.#keySets.get(keySet)?.dispose();
		this.#keySets.delete(keySet);
	}

	#cacheConstants(cache: boolean): void {
		if (cache === this.#cached) return;
		this.#constants.dispose();
		this.#cached = cache;
		this.#constants = this.#makeConstants();
	}

	#makeConstants(): Constants<SealPlaintext> {
		const encoder = {
			encode: (values: Float64Array, level: number, scale: number) => this.#context.encode(values, level, scale),
			encodeNumber: (value: number, level: number, scale: number) => this.#context.encodeNumber(value, level, scale),
			disposePlain: ({ object }: SealPlaintext) => release(object),
		};
		return new Constants(this.program, this.#values, encoder, this.#cached);
	}
}

const at = <T>(items: readonly T[], index: number): T => {
	const item = items[index];
	if (item === undefined) throw new RefusedError('program', `the plan names a port ${index} that does not exist`);
	return item;
};

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
