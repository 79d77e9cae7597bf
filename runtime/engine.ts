import type { EvaluateOptions } from './execute.ts';
import type { RunOptions } from './pace.ts';
import type { EngineName } from './plan.ts';

export type EngineOptions = RunOptions & {
	/** Bytes that everything may take. */
	readonly memoryLimit: number;
	/** Bytes at which the kernel's wasm memory ends, 4 GB unless said: with fewer, more keys lie outside. */
	readonly memoryCap?: number | undefined;
	/** Threads of an evaluation; an engine that cannot use them takes one and says so. */
	readonly threads: number;
	/** Told in a sentence when something is done in another way than was asked for. */
	readonly onNotice: (text: string) => void;
};

/** Evaluation keys in the order of `keySlots`, all at once or one after another. */
export type KeyParts = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/**
 * Holds one program, its constants and any number of key sets, and evaluates. It sees the parts of messages whose lengths have
 * been checked; residues it checks itself. Calls never overlap: a `Server` waits for one before it makes the next.
 */
export type Engine = {
	readonly name: EngineName;
	/** How many threads evaluate. */
	readonly threads: number;
	/** Are constants kept encoded between evaluations? */
	readonly cachesConstants: boolean;
	/**
	 * Checks and loads one key set under a name that is not taken, its keys in the order of `keySlots`, each while the next is
	 * not there yet. Throws RefusedError 'message' for bytes that are not these keys, and 'memory' where they do not fit, and what
	 * `parts` throws; a load that fails leaves everything as it was.
	 */
	loadKeys(name: string, parts: KeyParts, options: RunOptions): Promise<void>;
	dropKeys(name: string): void;
	/** outputs[output][part] for inputs[input][part], as sent, under a loaded key set. */
	evaluate(
		keySet: string,
		inputs: readonly (readonly Uint8Array[])[],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]>;
	/** The most bytes that were taken until now, where that can be seen. */
	peakBytes(): number | undefined;
	/** Gives everything back; the engine is unusable afterwards. */
	dispose(): Promise<void>;
};
