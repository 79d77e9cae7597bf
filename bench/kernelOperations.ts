/** The operations of the kernel, one by one: what its cost table is made of. */
import type { KernelCosts } from '../compiler/ckks/kernelCosts.ts';
import { instantiate, type Kernel, loadKernel, MOST_BYTES, makeMemory } from '../runtime/backends/kernel/module.ts';
import type { CkksParameters } from '../runtime/plan.ts';
import { residueBytes, SEED_BYTES } from '../runtime/sizes.ts';
import type { Work } from './rounds.ts';

export type KernelWork = Work<keyof KernelCosts>;

/** Ciphertexts that take turns: they were written a moment ago. */
const CIPHERTEXTS = 8;
/** Bytes of the keys, and of the plaintexts, that take turns: each is read once in an evaluation, from beyond the caches. */
const COLD = 64 * 2 ** 20;
const MOST_COLD = 256;
/** Results of a combination, and how often each ciphertext is one of its terms. */
const RESULTS = 8;
const TERMS = 8 * CIPHERTEXTS;
const WEIGHT_BITS = 16;
const PAGE = 65536;

/** A kernel with room for everything that is measured with `count` primes, and places in it. */
class Bench {
	readonly kernel: Kernel;
	readonly parameters: CkksParameters;
	readonly log: number;
	#end = PAGE;

	constructor(kernel: Kernel, parameters: CkksParameters) {
		this.kernel = kernel;
		this.parameters = parameters;
		this.log = Math.log2(parameters.ringDegree);
	}

	place(bytes: number): number {
		const at = this.#end;
		this.#end += Math.ceil(bytes / 64) * 64;
		const missing = Math.ceil((this.#end - this.kernel.memory.buffer.byteLength) / PAGE);
		if (missing > 0) this.kernel.memory.grow(missing);
		return at;
	}

	/** Places for so many polynomials over `rows` primes, full of small numbers: times do not depend on them. */
	polynomials(count: number, rows: number): number {
		const words = count * rows * this.parameters.ringDegree;
		const at = this.place(8 * words);
		new Float64Array(this.kernel.memory.buffer, at, words).forEach((_, k, row) => {
			row[k] = ((k * 40503) % 65537) - 32768;
		});
		return at;
	}

	addresses(list: readonly number[]): number {
		const at = this.place(4 * list.length);
		new Uint32Array(this.kernel.memory.buffer, at, list.length).set(list);
		return at;
	}

	numbers(list: readonly number[]): number {
		const at = this.place(8 * list.length);
		new Float64Array(this.kernel.memory.buffer, at, list.length).set(list);
		return at;
	}
}

/** One kernel and what can be timed in it. */
export const openKernel = async (parameters: CkksParameters): Promise<Bench> => {
	const loaded = await loadKernel();
	const bench = new Bench(await instantiate(loaded, makeMemory(false, PAGE, MOST_BYTES)), parameters);
	const { exports } = bench.kernel;
	const { primes, specialPrime } = parameters;
	exports.setThreads(0, 1, bench.place(16));
	const context = bench.place(exports.contextBytes(bench.log, primes.length + 1));
	exports.makeContext(context, bench.log, bench.numbers([...primes, specialPrime]), primes.length + 1);
	exports.useContext(context, bench.place(exports.scratchBytes(bench.log, primes.length, 1)));
	return bench;
};

/** Everything that the kernel computes from the parameters, of the first p primes of the context and the special one. */
export const kernelSetUp = (bench: Bench, p: number): KernelWork => {
	const { exports } = bench.kernel;
	const { primes, specialPrime } = bench.parameters;
	const moduli = bench.numbers([...primes.slice(0, p), specialPrime]);
	const context = bench.place(exports.contextBytes(bench.log, p + 1));
	const tables = bench.place(exports.encoderBytes(bench.log));
	const run = (): void => {
		exports.makeContext(context, bench.log, moduli, p + 1);
		exports.makeEncoder(tables, bench.log);
	};
	return { operation: 'setUp', p, run };
};

/** What depends on the primes of the operand. */
export const kernelWork = (bench: Bench, p: number): readonly KernelWork[] => [
	...arithmetic(bench, p),
	...keySwitching(bench, p),
	...crossing(bench, p),
];

/** How many of so many bytes are none in the cache when each has its turn. */
const coldCount = (bytes: number): number => Math.min(MOST_COLD, Math.max(2, Math.ceil(COLD / bytes)));

/** One after the other of the places that lie `bytes` apart. */
const inTurn = (at: number, count: number, bytes: number): (() => number) => {
	let turn = 0;
	return () => at + bytes * (turn++ % count);
};

const arithmetic = (bench: Bench, p: number): readonly KernelWork[] => {
	const { exports } = bench.kernel;
	const polynomial = 8 * p * bench.parameters.ringDegree;
	const first = bench.polynomials(2 * CIPHERTEXTS, p);
	const next = inTurn(first, CIPHERTEXTS, 2 * polynomial);
	const to = bench.polynomials(3, p);
	const terms = Array.from({ length: CIPHERTEXTS }, (_, k) => first + 2 * k * polynomial);
	const plainCount = CIPHERTEXTS * Math.ceil(coldCount(polynomial) / CIPHERTEXTS);
	const plains = bench.polynomials(plainCount, p);
	const plain = inTurn(plains, plainCount, polynomial);
	// All plaintexts in turn, as many at a time as there are terms.
	const plainLists = bench.addresses(Array.from({ length: plainCount }, (_, k) => plains + k * polynomial));
	const factors = inTurn(plainLists, plainCount / CIPHERTEXTS, 4 * CIPHERTEXTS);
	const lists = [
		bench.addresses(terms),
		bench.addresses(Array.from({ length: TERMS }, (_, k) => terms[k % CIPHERTEXTS] as number)),
		bench.addresses(Array.from({ length: RESULTS }, () => bench.place(2 * polynomial))),
		bench.numbers(
			Array.from({ length: TERMS * RESULTS }, (_, k) => ((k * 40503) % 2 ** WEIGHT_BITS) - 2 ** (WEIGHT_BITS - 1)),
		),
	] as const;
	const work = (operation: keyof KernelCosts, run: () => void, times = 1): KernelWork => ({ operation, p, run, times });
	return [
		work('add', () => exports.add(to, next(), next(), 2, p, 0)),
		work('addPlain', () => exports.addPlain(to, next(), plain(), 2, p, 0)),
		work('multiply', () => exports.multiply(to, next(), next(), p)),
		work('square', () => exports.square(to, next(), p)),
		work('plainTerm', () => exports.sumProducts(to, lists[0], factors(), CIPHERTEXTS, 2, p, 0), CIPHERTEXTS),
		work(
			'combineTerm',
			() => exports.combine(lists[2], RESULTS, lists[1], TERMS, lists[3], WEIGHT_BITS, 2, p),
			RESULTS * TERMS,
		),
		...(p < 2
			? []
			: [
					work('rescale', () => exports.rescale(to, next(), 2, p, 0)),
					{ operation: 'modSwitch', p: p - 1, run: () => exports.modSwitch(to, next(), 2, p, p - 1, 0) } as const,
				]),
	];
};

const keySwitching = (bench: Bench, p: number): readonly KernelWork[] => {
	const { exports } = bench.kernel;
	const { ringDegree, primes } = bench.parameters;
	const rowBytes = 8 * ringDegree;
	const extended = inTurn(bench.polynomials(2 * CIPHERTEXTS, p + 1), CIPHERTEXTS, 2 * (p + 1) * rowBytes);
	const square = bench.polynomials(3, p);
	const to = bench.polynomials(2, p + 1);
	const digits = bench.place(exports.digitBytes(bench.log, p));
	const keyLength = exports.keyBytes(bench.log, p);
	const keyCount = coldCount(keyLength);
	const keys = inTurn(bench.place(keyCount * keyLength), keyCount, keyLength);
	const table = bench.place(4 * ringDegree);
	exports.galoisTable(table, 3);
	const rows = bench.polynomials(2, p + 1);
	const [seed, packed] = [bench.place(SEED_BYTES), bench.place(rowBytes)];
	const rowsOf = Array.from({ length: p + 1 }, (_, i) => (i === p ? primes.length : i));
	const widths = [...primes, bench.parameters.specialPrime].map(residueBytes);
	const loadKey = (): void => {
		const key = keys();
		for (let digit = 0; digit < p; digit++) {
			for (const i of rowsOf) exports.unpackRow(rows, packed, widths[i] as number, i);
			exports.expandSeed(rows + (p + 1) * rowBytes, seed, p, 1);
			for (let polynomial = 0; polynomial < 2; polynomial++)
				for (let i = 0; i <= p; i++)
					exports.storeKeyRow(key, p, digit, polynomial, i, rows + (polynomial * (p + 1) + i) * rowBytes, table);
		}
	};
	for (let key = 0; key < keyCount; key++) loadKey();
	const work = (operation: keyof KernelCosts, run: () => void): KernelWork => ({ operation, p, run });
	return [
		work('decompose', () => exports.decompose(digits, extended(), p, 0)),
		work('rotate', () => exports.rotate(to, extended(), digits, keys(), p, table, p, 1)),
		work('relinearize', () => exports.relinearize(to, square, keys(), p, p)),
		work('modDown', () => exports.modDown(to, extended(), p)),
		...(p < 2 ? [] : [work('rescaleExtended', () => exports.rescale(to, extended(), 2, p, 1))]),
		work('loadKey', loadKey),
	];
};

/** What is received, sent and encoded. */
const crossing = (bench: Bench, p: number): readonly KernelWork[] => {
	const { exports } = bench.kernel;
	const { ringDegree, primes } = bench.parameters;
	const rowBytes = 8 * ringDegree;
	const ciphertext = bench.polynomials(2, p);
	const [seed, packed] = [bench.place(SEED_BYTES), bench.place(rowBytes)];
	const tables = bench.place(exports.encoderBytes(bench.log));
	exports.makeEncoder(tables, bench.log);
	const values = bench.numbers(Array.from({ length: ringDegree / 2 }, (_, t) => Math.sin(t)));
	const widths = primes.map(residueBytes);
	const load = (): void => {
		for (let i = 0; i < p; i++) exports.unpackRow(ciphertext + i * rowBytes, packed, widths[i] as number, i);
		exports.expandSeed(ciphertext + p * rowBytes, seed, p, 0);
	};
	const save = (): void => {
		for (let row = 0; row < 2 * p; row++)
			exports.packRow(packed, widths[row % p] as number, ciphertext + row * rowBytes, row % p);
	};
	return [
		{ operation: 'load', p, run: load },
		{ operation: 'save', p, run: save },
		{ operation: 'encode', p, run: () => exports.encode(ciphertext, tables, values, 2 ** 30, p, 0) },
		{ operation: 'encodeNumber', p, run: () => exports.encodeNumber(ciphertext, 12345, p, 0) },
	];
};
