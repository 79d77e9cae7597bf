import type { Engine, EngineOptions, KeyParts } from '../../engine.ts';
import type { EvaluateOptions } from '../../execute.ts';
import { WASM_BYTES } from '../../kernel/residency.ts';
import { checkAborted, type RunOptions } from '../../pace.ts';
import type { ServerProgram } from '../../plan.ts';
import { type StartThread, threadStarter } from '../../threads.ts';
import { Alone } from './alone.ts';
import { checkBounds } from './bounds.ts';
import { KernelConstants } from './constants.ts';
import { layoutOf } from './layout.ts';
import { linkProgram } from './link.ts';
import { instantiate, type Kernel, loadKernel, makeMemory } from './module.ts';
import { Pool } from './pool.ts';
import { probe } from './probe.ts';
import { makeTables, type Runner, writeLists } from './run.ts';
import { budgetOf, KeyStore } from './store.ts';

/** Threads that share memory. */
export type Threading = {
	/** Undefined where there are none. */
	readonly start: StartThread | undefined;
	/** Milliseconds that they have to leave an evaluation that was aborted, before they are ended. */
	readonly patience: number;
};

/** Those of this platform; no instruction takes as long as their patience. */
const threadsHere = (): Threading => ({
	start: typeof globalThis.SharedArrayBuffer === 'undefined' ? undefined : threadStarter(),
	patience: 10_000,
});

/**
 * Throws RefusedError 'program' where the kernel cannot compute this program here (no module, no fused multiply-add, a failing
 * self-test, bounds of exact arithmetic), and 'memory', with the numbers, where it would not fit. Nothing but the module is
 * loaded before all that is known. Takes one thread, with a notice, where nothing starts others.
 */
export const createKernelEngine = async (
	program: ServerProgram,
	values: Float64Array,
	options: EngineOptions,
	{ start, patience }: Threading = threadsHere(),
): Promise<Engine> => {
	checkBounds(program);
	if (options.threads > 1 && start === undefined)
		options.onNotice('There are no threads that could share memory here, so one thread evaluates.');
	const threads = start === undefined ? 1 : options.threads;
	const shared = threads > 1;
	const words = shared ? sharedCopy(values) : values;
	const constants = new KernelConstants(program, words);
	const module = await loadKernel(shared);
	const sizes = await probe(module);
	const { memoryLimit: limit, memoryCap: cap = WASM_BYTES } = options;
	const budget = budgetOf(program, sizes, { limit, threads, cap });
	const layout = layoutOf(program, sizes, { threads, keepConstants: budget.keepConstants, cap });
	const linked = linkProgram(program, constants, layout);
	checkAborted(options.signal);
	const kernel = await instantiate(module, makeMemory(shared, layout.keySets, cap));
	// The calling thread's own instance computes alone: tables, and the keys while no evaluation runs.
	const own = { kernel, program, layout: { ...layout, threads: 1 }, constants, thread: 0 };
	makeTables(own);
	writeLists(kernel, linked);
	const keys = new KeyStore(kernel, program, layout, budget, shared);
	const runner =
		shared && start !== undefined
			? new Pool({ module, memory: kernel.memory, program, layout, linked, values: words }, start, patience)
			: new Alone(own, linked);
	return new KernelEngine(kernel, keys, runner, budget.keepConstants);
};

/** The same numbers where all threads see them. */
const sharedCopy = (values: Float64Array): Float64Array => {
	const copy = new Float64Array(new SharedArrayBuffer(values.byteLength));
	copy.set(values);
	return copy;
};

class KernelEngine implements Engine {
	readonly name = 'kernel';
	readonly threads: number;
	readonly cachesConstants: boolean;
	readonly #kernel: Kernel;
	readonly #keys: KeyStore;
	readonly #runner: Runner;

	constructor(kernel: Kernel, keys: KeyStore, runner: Runner, cachesConstants: boolean) {
		this.threads = runner.threads;
		this.cachesConstants = cachesConstants;
		this.#kernel = kernel;
		this.#keys = keys;
		this.#runner = runner;
	}

	loadKeys(name: string, parts: KeyParts, options: RunOptions): Promise<void> {
		return this.#keys.load(name, parts, options);
	}

	dropKeys(name: string): void {
		this.#keys.drop(name);
	}

	async evaluate(
		keySet: string,
		inputs: readonly (readonly Uint8Array[])[],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]> {
		return this.#runner.evaluate(this.#keys.at(keySet), inputs, options);
	}

	peakBytes(): number {
		return this.#kernel.memory.buffer.byteLength + this.#keys.outsideBytes + this.#runner.bytes;
	}

	dispose(): Promise<void> {
		return this.#runner.dispose();
	}
}
