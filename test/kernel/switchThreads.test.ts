import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { moduliAt, putRows, randomRows } from './residues.ts';
import { type Call, type Kernel, makeKernel, onThreads, primesOf } from './support.ts';

const PRIMES = 3;
const KEY_PRIMES = 4;
const LOG_N = 12;
const N = 1 << LOG_N;
const MODULI = [47, 30, 44, 36, 48].flatMap((bits) => primesOf(bits, N));

/** What calls write to. */
type Place = { readonly at: number; readonly bytes: number };

type Script = { readonly calls: readonly Call[]; readonly places: readonly Place[] };

const operand = (kernel: Kernel, polynomials: number, extended: boolean): number =>
	putRows(kernel, randomRows(kernel, moduliAt(kernel, PRIMES, extended), polynomials, polynomials));

const putKey = (kernel: Kernel): number => {
	const { exports } = kernel;
	const key = kernel.allocate(exports.keyBytes(LOG_N, KEY_PRIMES));
	for (let digit = 0; digit < KEY_PRIMES; digit++)
		for (const polynomial of [0, 1]) {
			const moduli = moduliAt(kernel, KEY_PRIMES, true);
			const from = putRows(kernel, randomRows(kernel, moduli, 1, digit + polynomial));
			for (const [i] of moduli.entries())
				exports.storeKeyRow(key, KEY_PRIMES, digit, polynomial, i, from + 8 * N * i, 0);
		}
	return key;
};

/** Every function of key switching and division once, with room for what its size function says and not a byte more. */
const makeScript = (kernel: Kernel): Script => {
	const { exports } = kernel;
	const places: Place[] = [];
	const place = (bytes: number): number => {
		const at = kernel.allocate(bytes);
		places.push({ at, bytes });
		return at;
	};
	const rows = (count: number): number => place(8 * N * count);
	const key = putKey(kernel);
	const table = place(4 * N);
	const [two, three, extended] = [operand(kernel, 2, false), operand(kernel, 3, false), operand(kernel, 2, true)];
	const [digits, extendedDigits] = [place(exports.digitBytes(LOG_N, PRIMES)), place(exports.digitBytes(LOG_N, PRIMES))];
	const overwritten = operand(kernel, 3, false);
	places.push({ at: overwritten, bytes: 24 * N * PRIMES });
	const calls: Call[] = [
		['galoisTable', table, 9],
		['decompose', digits, two, PRIMES, 0],
		['decompose', extendedDigits, extended, PRIMES, 1],
		['rotate', rows(8), two, digits, key, KEY_PRIMES, table, PRIMES, 0],
		['rotate', rows(8), extended, extendedDigits, key, KEY_PRIMES, table, PRIMES, 1],
		['relinearize', rows(8), three, key, KEY_PRIMES, PRIMES],
		['modDown', rows(6), extended, PRIMES],
		['rescale', rows(4), two, 2, PRIMES, 0],
		['rescale', rows(6), three, 3, PRIMES, 0],
		['rescale', rows(4), extended, 2, PRIMES, 1],
		['rescale', overwritten, overwritten, 3, PRIMES, 0],
	];
	return { calls, places };
};

for (const threads of [2, 3])
	test(`${threads} threads give the bits that one gives`, async () => {
		const kernel = makeKernel(LOG_N, MODULI, { megabytes: 64, shared: true });
		const [alone, together] = [makeScript(kernel), makeScript(kernel)];
		await onThreads(kernel, 1, alone.calls);
		await onThreads(kernel, threads, together.calls);
		alone.places.forEach(({ at, bytes }, i) => {
			const one = kernel.bytes(at, bytes);
			assert.ok(one.some((byte) => byte !== 0));
			const other = kernel.bytes(together.places[i]?.at ?? 0, bytes);
			assert.ok(Buffer.from(one).equals(Buffer.from(other)), `place ${i}`);
		});
	});

test('nothing is written but results, and scratch within its size', () => {
	const kernel = makeKernel(LOG_N, MODULI, { megabytes: 64, scratch: 1 });
	const { calls, places } = makeScript(kernel);
	const scratchBytes = kernel.exports.scratchBytes(LOG_N, PRIMES, 1);
	const scratch = { at: kernel.allocate(scratchBytes), bytes: scratchBytes };
	kernel.exports.useContext(kernel.context, scratch.at);
	const memory = new Uint8Array(kernel.memory.buffer);
	const before = memory.slice();
	for (const [name, ...parameters] of calls) {
		const call = kernel.exports[name] as (...parameters: number[]) => void;
		call(...parameters);
	}
	for (const { at, bytes } of [...places, scratch]) {
		assert.not(Buffer.from(before.subarray(at, at + bytes)).equals(memory.subarray(at, at + bytes)), `place at ${at}`);
		before.set(memory.subarray(at, at + bytes), at);
	}
	assert.ok(Buffer.from(before).equals(memory));
});

test.run();
