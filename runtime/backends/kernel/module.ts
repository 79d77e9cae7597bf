import { RefusedError } from '../../errors.ts';
import type { KernelExports } from '../../kernel/exports.ts';
import type { LoadOptions } from '../../seal/module.ts';
import { inNode, locatedFile, readWasm } from '../../wasm.ts';

/** One instance of the module and the memory that it computes in. */
export type Kernel = { readonly exports: KernelExports; readonly memory: WebAssembly.Memory };

export type KernelModule = {
	readonly module: WebAssembly.Module;
	/** Does it compute in shared memory? */
	readonly shared: boolean;
};

/** Bytes of a page of wasm memory. */
const PAGE = 65536;
/** Pages of 32-bit addresses. */
const MOST_PAGES = 65536;
export const MOST_BYTES = PAGE * MOST_PAGES;

/** In a name of its own, so that bundlers do not look for files that browsers have no use for. */
const HERE = import.meta.url;

/** Where the module is: in Node beside its sources, in browsers beside our bundle, where nothing shares memory. */
const addressOf = (shared: boolean, locateFile: LoadOptions['locateFile']): URL => {
	if (locateFile !== undefined) return locatedFile(locateFile, shared ? 'kernel-shared.wasm' : 'kernel.wasm');
	if (!inNode()) return new URL('./kernel.wasm', import.meta.url);
	return new URL(`../../kernel/${shared ? 'kernel-shared' : 'kernel'}.wasm`, HERE);
};

/**
 * Compiles the kernel, for shared memory or not. Throws RefusedError 'program' where the file is missing or where this
 * engine does not know an instruction of it (relaxed SIMD).
 */
export const loadKernel = async (shared = false, { locateFile }: LoadOptions = {}): Promise<KernelModule> => {
	const url = addressOf(shared, locateFile);
	try {
		return { module: await WebAssembly.compile(await readWasm(url)), shared };
	} catch (error) {
		throw new RefusedError(
			'program',
			`the kernel cannot be loaded from ${url.pathname}: ${error instanceof Error ? error.message : String(error)}`,
			"Build it with 'npm run build:kernel' and use Node 22.18 or newer; or compute with the seal backend.",
		);
	}
};

/** A memory of at least `bytes` bytes that can grow to `most`. Throws RefusedError 'memory' when the machine has not so many. */
export const makeMemory = (shared: boolean, bytes: number, most: number): WebAssembly.Memory => {
	const initial = pagesOf(bytes);
	const maximum = Math.max(initial, pagesOf(most));
	return spending(bytes, () => new WebAssembly.Memory({ initial, maximum, shared }));
};

/** Makes the memory at least `bytes` bytes long. Views of it made before are void. Throws RefusedError 'memory'. */
export const growMemory = (memory: WebAssembly.Memory, bytes: number): void => {
	const missing = pagesOf(bytes) - memory.buffer.byteLength / PAGE;
	if (missing > 0) spending(bytes, () => memory.grow(missing));
};

const pagesOf = (bytes: number): number => Math.min(Math.ceil(bytes / PAGE), MOST_PAGES);

/** Throws RefusedError 'memory' where f finds no memory for `bytes` bytes. */
export const spending = <T>(bytes: number, f: () => T): T => {
	try {
		return f();
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new RefusedError(
			'memory',
			`the machine gives no memory of ${Math.ceil(bytes / 2 ** 20)} MB to the kernel`,
			'Run where more memory is free, or compile with --optimize memory.',
		);
	}
};

/** An instance on this memory. Several instances of a shared module work on one memory. */
export const instantiate = async ({ module }: KernelModule, memory: WebAssembly.Memory): Promise<Kernel> => {
	const instance = await WebAssembly.instantiate(module, { env: { memory } });
	return { exports: instance.exports as KernelExports, memory };
};
