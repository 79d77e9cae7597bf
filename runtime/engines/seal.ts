import { SealBackend } from '../backends/seal.ts';
import { Constants } from '../constants.ts';
import type { Engine, EngineOptions, KeyParts } from '../engine.ts';
import { RefusedError } from '../errors.ts';
import { type EvaluateOptions, Executor } from '../execute.ts';
import { expanded, type SimpleProgram } from '../expand.ts';
import { planMemory } from '../memory.ts';
import { checkAborted, type RunOptions } from '../pace.ts';
import { MOST_MEMORY, type ServerProgram } from '../plan.ts';
import { loadSeeded, type SealCiphertext, saveCiphertext } from '../seal/ciphertext.ts';
import { SealContext, type SealPlaintext } from '../seal/context.ts';
import { release } from '../seal/handles.ts';
import { EvaluationKeys } from '../seal/keys.ts';
import { type LoadOptions, loadSeal } from '../seal/module.ts';

/** Evaluates by node-seal, one simple operation after another. Keeps the constants encoded while they fit. */
export class SealEngine implements Engine {
	readonly name = 'seal';
	readonly threads = 1;
	readonly #program: SimpleProgram;
	readonly #context: SealContext;
	readonly #values: Float64Array;
	readonly #memoryLimit: number;
	readonly #keySets = new Map<string, EvaluationKeys>();
	#constants: Constants<SealPlaintext>;
	#cached: boolean;
	/** Were all constants encoded at once? SEAL keeps the memory that they took. */
	#held = false;

	/** Refuses a program whose predicted memory does not fit (RefusedError 'memory') before anything is loaded. */
	static async create(
		program: ServerProgram,
		constants: Float64Array,
		options: Pick<EngineOptions, 'memoryLimit' | 'signal'> & LoadOptions,
	): Promise<SealEngine> {
		const limit = Math.min(options.memoryLimit, MOST_MEMORY);
		planMemory(program, limit, 1);
		const module = await loadSeal({ locateFile: options.locateFile });
		checkAborted(options.signal);
		const context = new SealContext(module, program.parameters, program.keys);
		try {
			return new SealEngine(program, constants, context, limit);
		} catch (error) {
			context.dispose();
			throw error;
		}
	}

	constructor(program: ServerProgram, constants: Float64Array, context: SealContext, memoryLimit: number) {
		this.#program = expanded(program);
		this.#context = context;
		this.#values = constants;
		this.#memoryLimit = memoryLimit;
		this.#cached = planMemory(program, memoryLimit, 1).cacheConstants;
		this.#constants = this.#makeConstants();
	}

	get cachesConstants(): boolean {
		return this.#cached;
	}

	async loadKeys(name: string, parts: KeyParts, options: RunOptions): Promise<void> {
		const { cacheConstants } = planMemory(this.#program, this.#memoryLimit, this.#keySets.size + 1, this.#held);
		const cachedBefore = this.#cached;
		this.#cacheConstants(cacheConstants);
		try {
			this.#keySets.set(name, await EvaluationKeys.load(this.#context, this.#program.keys, parts, options));
		} catch (error) {
			this.#cacheConstants(cachedBefore);
			throw error;
		}
	}

	dropKeys(name: string): void {
		this.#keySets.get(name)?.dispose();
		this.#keySets.delete(name);
	}

	async evaluate(
		keySet: string,
		inputs: readonly (readonly Uint8Array[])[],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]> {
		const backend = new SealBackend(this.#context, this.#keysOf(keySet));
		this.#held ||= this.#cached;
		const outputs: Uint8Array[][] = this.#program.outputs.map(() => []);
		await new Executor(this.#program, this.#constants, backend).run(
			{
				load: (input, part) => this.#load(inputs, input, part),
				store: (output, part, ciphertext) => {
					const { level, scale } = at(this.#program.outputs, output);
					at(outputs, output)[part] = saveCiphertext(this.#context, ciphertext, level, scale);
				},
			},
			options,
		);
		return outputs;
	}

	peakBytes(): number | undefined {
		return this.#context.module.peakBytes();
	}

	async dispose(): Promise<void> {
		this.#constants.dispose();
		for (const name of [...this.#keySets.keys()]) this.dropKeys(name);
		this.#context.dispose();
	}

	#keysOf(keySet: string): EvaluationKeys {
		const keys = this.#keySets.get(keySet);
		if (keys === undefined) throw new RefusedError('keys', `there is no key set ${keySet}`);
		return keys;
	}

	#load(parts: readonly (readonly Uint8Array[])[], input: number, part: number): SealCiphertext {
		const { name, level, scale } = at(this.#program.inputs, input);
		return loadSeeded(this.#context, at(at(parts, input), part), level, scale, `part ${part} of input '${name}'`);
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
		return new Constants(this.#program, this.#values, encoder, this.#cached);
	}
}

const at = <T>(items: readonly T[], index: number): T => {
	const item = items[index];
	if (item === undefined) throw new RefusedError('program', `the plan names a port ${index} that does not exist`);
	return item;
};
