import SEAL, { type MainModule } from 'node-seal';
import { type RefusalCode, RefusedError } from '../errors.ts';
import { inNode, locatedFile, readWasm } from '../wasm.ts';
import { release } from './handles.ts';

export type LoadOptions = {
	/**
	 * Addresses of the wasm files `seal_throws.wasm` and `kernel.wasm`, relative to the page or the Worker. For bundles that have them in another place
	 * than beside their JavaScript; where bundlers follow `new URL` (vite), and in Node, they are found without it.
	 */
	readonly locateFile?: ((path: string) => string) | undefined;
};

/** Reads and restores the stack pointer of the wasm instance. */
type Stack = { readonly save: () => number; readonly restore: (pointer: number) => void };

const WASM_FILE = 'seal_throws.wasm';
/** Names of the stack's functions among the exports of node-seal 7.0.0; `stackOf` tests what they do. */
const STACK_SAVE = '$';
const STACK_RESTORE = 'Z';

/**
 * One instance of SEAL. Every call into it goes through `call`, because its errors are no JavaScript errors: they are
 * WebAssembly.Exceptions, each leaves a hole in a stack of 64 KB, and after one that says "out of memory" the allocator's
 * lock is still held, so the next allocation would spin for ever.
 */
export class SealModule {
	readonly seal: MainModule;
	readonly #stack: Stack | undefined;
	readonly #memory: WebAssembly.Memory | undefined;
	#broken: string | undefined;

	constructor(seal: MainModule, exports: WebAssembly.Exports | undefined) {
		this.seal = seal;
		this.#stack = exports === undefined ? undefined : stackOf(seal, exports);
		this.#memory = Object.values(exports ?? {}).find((item) => item instanceof WebAssembly.Memory);
	}

	/** Is the stack pointer restored after an exception? */
	get restoresStack(): boolean {
		return this.#stack !== undefined;
	}

	/**
	 * Bytes of the heap up to the last one that was ever written: what the instance took at most until now, since SEAL keeps
	 * what it once had. (The heap itself is larger: it grows by a fifth, at most 96 MB, beyond what is asked for.) Undefined
	 * where the instance cannot be looked into. Reads the unused end of the heap: some 20 ms.
	 */
	peakBytes(): number | undefined {
		if (this.#memory === undefined) return undefined;
		const words = new BigUint64Array(this.#memory.buffer);
		let last = words.length - 1;
		while (last >= 0 && words[last] === 0n) last--;
		return 8 * (last + 1);
	}

	/**
	 * f(). An exception of SEAL becomes RefusedError `code` (or 'memory' when it ran out), saying that it could not do
	 * `what`; after 'memory' or a crash of the instance, every further call is refused.
	 */
	call<T>(what: string, f: () => T, code: RefusalCode = 'misuse'): T {
		if (this.#broken !== undefined)
			throw new RefusedError('memory', `cannot ${what}: SEAL failed before (${this.#broken})`, 'Start again.');
		const pointer = this.#stack?.save();
		try {
			return f();
		} catch (error) {
			if (error instanceof WebAssembly.RuntimeError) {
				this.#broken = error.message;
				throw new RefusedError('memory', `cannot ${what}: SEAL crashed (${error.message})`, 'Start again.');
			}
			if (!(error instanceof WebAssembly.Exception)) throw error;
			const [type, text] = describe(error);
			free(this.seal, error);
			if (pointer !== undefined) this.#stack?.restore(pointer);
			if (!type.includes('bad_alloc')) throw new RefusedError(code, `cannot ${what}: ${text}`);
			this.#broken = 'out of memory';
			throw new RefusedError('memory', `cannot ${what}: the 4 GB of WebAssembly are used up`, 'Start again.');
		}
	}
}

/** Type and text of a C++ exception; node-seal puts both into an array called message. */
const describe = (exception: WebAssembly.Exception): readonly [type: string, text: string] => {
	const message: unknown = Reflect.get(exception, 'message');
	if (Array.isArray(message)) return [String(message[0]), String(message[1] ?? message[0])];
	return ['', 'SEAL threw an exception'];
};

/** Frees the exception's C++ object, where this build of node-seal can. */
const free = (seal: MainModule, exception: WebAssembly.Exception): void => {
	const decrement: unknown = Reflect.get(seal, 'decrementExceptionRefcount');
	if (typeof decrement === 'function') decrement(exception);
};

/** The stack functions, if the exports under their names are they: tested on one provoked exception. */
const stackOf = (seal: MainModule, exports: WebAssembly.Exports): Stack | undefined => {
	const save: unknown = exports[STACK_SAVE];
	const restore: unknown = exports[STACK_RESTORE];
	if (typeof save !== 'function' || typeof restore !== 'function') return undefined;
	if (save.length !== 0 || restore.length !== 1) return undefined;
	const before: unknown = save();
	if (typeof before !== 'number' || before <= 0 || before % 16 !== 0) return undefined;
	try {
		// A modulus has at most 61 bits.
		release(new seal.Modulus(2n ** 62n));
	} catch (error) {
		if (error instanceof WebAssembly.Exception) free(seal, error);
	}
	const after: unknown = save();
	if (typeof after !== 'number' || after > before || before - after > 1024) return undefined;
	restore(before);
	if (save() !== before) return undefined;
	return { save: () => Number(save()), restore: (pointer) => void restore(pointer) };
};

/** Loads an instance of SEAL: about 50 ms. Throws RefusedError 'program' where its wasm file cannot be loaded. */
export const loadSeal = async ({ locateFile }: LoadOptions = {}): Promise<SealModule> => {
	const compiled = await compileWasm(addressOf(locateFile));
	const hooked = await instantiateHooked(compiled);
	return hooked ?? new SealModule(await SEAL({ locateFile: () => addressOf(locateFile).href }), undefined);
};

/** An instance whose exports are known. Undefined when it cannot be had this way. */
const instantiateHooked = (compiled: WebAssembly.Module): Promise<SealModule | undefined> =>
	new Promise((resolve) => {
		let exports: WebAssembly.Exports | undefined;
		const instantiateWasm = (
			imports: WebAssembly.Imports,
			done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
		): object => {
			// SEAL() never settles when this fails, hence the promise around it.
			WebAssembly.instantiate(compiled, imports).then(
				(instance) => {
					exports = instance.exports;
					done(instance, compiled);
				},
				() => resolve(undefined),
			);
			return {};
		};
		SEAL({ instantiateWasm }).then(
			(seal) => resolve(new SealModule(seal, exports)),
			() => resolve(undefined),
		);
	});

/** Where the wasm file of node-seal is: in Node in its package, in browsers beside our bundle. */
const addressOf = (locateFile: LoadOptions['locateFile']): URL => {
	if (locateFile !== undefined) return locatedFile(locateFile, WASM_FILE);
	if (inNode()) return new URL(WASM_FILE, import.meta.resolve('node-seal'));
	return new URL('./seal_throws.wasm', import.meta.url);
};

const compileWasm = async (url: URL): Promise<WebAssembly.Module> => {
	try {
		return await WebAssembly.compile(await readWasm(url));
	} catch (error) {
		throw new RefusedError(
			'program',
			`SEAL cannot be loaded from ${url.href}: ${error instanceof Error ? error.message : String(error)}`,
			'In a bundle, put seal_throws.wasm beside the JavaScript or say where it is (locateFile).',
		);
	}
};
