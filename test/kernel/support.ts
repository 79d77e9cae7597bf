import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { KernelExports } from '../../runtime/kernel/exports.ts';
import type { Share } from './thread.ts';

/**
 * A kernel in a memory of its own, for tests: what is allocated lies one after another behind the tables. The references
 * here are BigInt arithmetic by definition and share nothing with the kernel.
 */
type Module = 'kernel' | 'kernel-shared';

/** An instance of the module on a memory. */
export const instantiate = (name: Module, memory: WebAssembly.Memory): KernelExports => {
	const file = join(import.meta.dirname, `../../runtime/kernel/${name}.wasm`);
	const module = new WebAssembly.Module(readFileSync(file));
	const { exports } = new WebAssembly.Instance(module, { env: { memory } });
	return exports as KernelExports & WebAssembly.Exports;
};

const PAGE = 65536;

/** x modulo q, balanced. */
export const balanced = (x: bigint, q: bigint): bigint => {
	const rest = ((x % q) + q) % q;
	return 2n * rest > q ? rest - q : rest;
};

export const powerModulo = (base: bigint, exponent: bigint, q: bigint): bigint => {
	let result = 1n;
	let square = ((base % q) + q) % q;
	for (let rest = exponent; rest > 0n; rest >>= 1n) {
		if (rest & 1n) result = (result * square) % q;
		square = (square * square) % q;
	}
	return result;
};

/** Deterministic for the first 12 prime bases below 3.3e24 (Miller and Rabin). */
const isPrime = (n: bigint): boolean => {
	const bases = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n];
	if (n < 2n || bases.some((p) => n % p === 0n)) return bases.includes(n);
	let odd = n - 1n;
	while (odd % 2n === 0n) odd >>= 1n;
	return bases.every((base) => {
		let x = powerModulo(base, odd, n);
		if (x === 1n || x === n - 1n) return true;
		for (let d = odd * 2n; d < n - 1n; d *= 2n) {
			x = (x * x) % n;
			if (x === n - 1n) return true;
		}
		return false;
	});
};

/** The `count` greatest primes of `bits` bits that are 1 modulo 2N: just below a power of two. */
export const primesOf = (bits: number, ringDegree: number, count = 1): number[] => {
	const step = 2n * BigInt(ringDegree);
	const found: number[] = [];
	for (let q = (1n << BigInt(bits)) - step + 1n; found.length < count; q -= step) {
		if (q < 1n << BigInt(bits - 1)) throw new Error(`no ${count} primes of ${bits} bits for N = ${ringDegree}`);
		if (isPrime(q)) found.push(Number(q));
	}
	return found;
};

/** Marsaglia's xorshift of 128 bits, as integers below 2^48: the same in every run. */
export const randomWords = (seed: number): (() => number) => {
	let [x, y, z, w] = [seed | 0, 0x9e3779b9 | 0, 0x243f6a88, 0xb7e15162 | 0];
	const next = (): number => {
		const t = x ^ (x << 11);
		[x, y, z] = [y, z, w];
		w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
		return w >>> 8;
	};
	for (let i = 0; i < 20; i++) next();
	return () => next() * 2 ** 24 + next();
};

/** Balanced residues; every `extreme`-th is one of the worst cases: both ends, 0, 1, -1. */
export const randomRow = (length: number, q: number, seed: number, extreme = 16): Float64Array => {
	const word = randomWords(seed);
	const half = (q - 1) / 2;
	const worst = [half, -half, 0, 1, -1];
	return Float64Array.from({ length }, () =>
		word() % extreme === 0 ? (worst[word() % worst.length] ?? 0) : (word() % q) - half,
	);
};

export type Kernel = {
	readonly exports: KernelExports;
	readonly memory: WebAssembly.Memory;
	readonly ringDegree: number;
	readonly moduli: readonly number[];
	/** Where the context and the scratch lie; `useContext` has been called. */
	readonly context: number;
	readonly scratch: number;
	/** Reserves bytes at a multiple of 64. */
	readonly allocate: (bytes: number) => number;
	/** Reserves memory for numbers and puts them there. */
	readonly put: (values: ArrayLike<number>) => number;
	/** Reserves memory for addresses and puts them there. */
	readonly putAddresses: (addresses: readonly number[]) => number;
	/** A copy of `length` numbers, N if not given. */
	readonly get: (address: number, length?: number) => Float64Array;
	readonly bytes: (address: number, length: number) => Uint8Array;
};

/**
 * The kernel (of `megabytes` MiB, `scratch` of them scratch) with the tables of `moduli` (the last one is the special prime) for ring degree 2^logN.
 */
export const makeKernel = (
	logN: number,
	moduli: readonly number[],
	{
		megabytes = 64,
		scratch = 16,
		shared = false,
	}: { readonly megabytes?: number; readonly scratch?: number; readonly shared?: boolean } = {},
): Kernel => {
	const pages = (megabytes * 1048576) / PAGE;
	const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
	const exports = instantiate(shared ? 'kernel-shared' : 'kernel', memory);
	let end = 64;
	const allocate = (bytes: number): number => {
		const address = end;
		end += Math.ceil(bytes / 64) * 64;
		if (end > memory.buffer.byteLength) throw new Error('the memory of this test is too small: give more megabytes');
		return address;
	};
	const put = (values: ArrayLike<number>): number => {
		const address = allocate(8 * values.length);
		new Float64Array(memory.buffer, address, values.length).set(values);
		return address;
	};
	const putAddresses = (addresses: readonly number[]): number => {
		const address = allocate(4 * addresses.length);
		new Uint32Array(memory.buffer, address, addresses.length).set(addresses);
		return address;
	};
	const values = put(moduli);
	const context = allocate(exports.contextBytes(logN, moduli.length));
	exports.makeContext(context, logN, values, moduli.length);
	const scratchAddress = allocate(scratch * 1048576);
	exports.useContext(context, scratchAddress);
	return {
		exports,
		memory,
		ringDegree: 1 << logN,
		moduli,
		context,
		scratch: scratchAddress,
		allocate,
		put,
		putAddresses,
		get: (address, length = 1 << logN) => new Float64Array(memory.buffer, address, length).slice(),
		bytes: (address, length) => new Uint8Array(memory.buffer, address, length),
	};
};

/** An export and its arguments. */
export type Call = readonly [name: keyof KernelExports, ...parameters: number[]];

/** Runs the calls on `threads` worker threads of a kernel with shared memory, as an evaluation does. */
export const onThreads = async (kernel: Kernel, threads: number, calls: readonly Call[]): Promise<void> => {
	const { memory, context, scratch } = kernel;
	const shared = { memory, context, scratch, barrier: kernel.allocate(16), threads, calls };
	const run = async (thread: number): Promise<void> => {
		const workerData: Share = { ...shared, thread };
		const [code] = await once(new Worker(new URL('./thread.ts', import.meta.url), { workerData }), 'exit');
		if (code !== 0) throw new Error(`thread ${thread} ended with status ${code}`);
	};
	await Promise.all(Array.from({ length: threads }, (_, thread) => run(thread)));
};
