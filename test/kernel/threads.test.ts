import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, type Kernel, makeKernel, onThreads, primesOf, randomRow } from './support.ts';

const LOG_N = 10;
const N = 1 << LOG_N;
const PRIMES = 3;
const TERMS = 30;
/** Bytes of an extended polynomial. */
const POLYNOMIAL = 8 * N * (PRIMES + 1);

/** Random residues in all rows of `polynomials` extended polynomials. */
const putPolynomials = ({ moduli, allocate, memory }: Kernel, polynomials: number, seed: number): number => {
	const address = allocate(POLYNOMIAL * polynomials);
	for (let row = 0; row < polynomials * moduli.length; row++) {
		const q = moduli[row % moduli.length] ?? 0;
		new Float64Array(memory.buffer, address + 8 * N * row, N).set(randomRow(N, q, seed + row));
	}
	return address;
};

test('three threads compute the same bits as one', async () => {
	const kernel = makeKernel(LOG_N, primesOf(48, N, PRIMES + 1), {
		megabytes: 8,
		scratch: 1,
		shared: true,
	});
	const [a, b] = [putPolynomials(kernel, 2, 1), putPolynomials(kernel, 2, 2)];
	const plain = putPolynomials(kernel, 1, 3);
	const terms = kernel.putAddresses(Array.from({ length: TERMS }, (_, k) => (k % 2 === 0 ? a : b)));
	const plains = kernel.putAddresses(Array.from({ length: TERMS }, () => plain));
	const results = 8;
	const callsTo = (to: number): Call[] => {
		const at = (index: number): number => to + 3 * POLYNOMIAL * index;
		return [
			['add', at(0), a, b, 2, PRIMES, 1],
			['subtract', at(1), at(0), b, 2, PRIMES, 1],
			['multiply', at(2), at(0), at(1), PRIMES],
			['square', at(3), at(1), PRIMES],
			['sumProducts', at(4), terms, plains, TERMS, 2, PRIMES, 1],
			['addMixed', at(5), at(4), at(3), -1, 1, PRIMES],
			['addPlain', at(6), at(5), plain, 2, PRIMES, 1],
			['modSwitch', at(7), at(6), 2, PRIMES, 1, 1],
			['modSwitch', at(6), at(6), 2, PRIMES, 2, 1],
			['negate', at(5), at(5), 2, PRIMES, 1],
		];
	};
	const [alone, together] = [kernel.allocate(3 * POLYNOMIAL * results), kernel.allocate(3 * POLYNOMIAL * results)];
	await onThreads(kernel, 1, callsTo(alone));
	await onThreads(kernel, 3, callsTo(together));
	const expected = kernel.bytes(alone, 3 * POLYNOMIAL * results);
	assert.ok(expected.some((byte) => byte !== 0));
	assert.ok(Buffer.from(expected).equals(Buffer.from(kernel.bytes(together, expected.length))));
});

test('a call begins when all threads have ended the one before', async () => {
	const kernel = makeKernel(LOG_N, primesOf(48, N), { megabytes: 4, scratch: 1, shared: true });
	const [q = 0] = kernel.moduli;
	const other = kernel.put(randomRow(N, q, 1));
	// The row is turned by half its length in every round, so that each thread reads what another wrote in the call before.
	const run = async (threads: number): Promise<Float64Array> => {
		const [row, turned] = [kernel.put(randomRow(N, q, 2)), kernel.put(new Float64Array(3 * N))];
		const round: readonly Call[] = [
			['add', turned + 4 * N, row, other, 1, 1, 0],
			['add', turned + 12 * N, row, other, 1, 1, 0],
			['add', row, turned + 8 * N, other, 1, 1, 0],
		];
		await onThreads(kernel, threads, Array.from({ length: 500 }, () => round).flat());
		return kernel.get(row);
	};
	assert.equal(await run(3), await run(1));
	assert.equal(await run(2), await run(1));
});

test('three threads make the tables that one makes', async () => {
	const moduli = [...primesOf(48, N, 3), ...primesOf(40, N, 2)];
	const kernel = makeKernel(LOG_N, moduli, { megabytes: 8, scratch: 1, shared: true });
	const size = kernel.exports.contextBytes(LOG_N, moduli.length);
	const context = kernel.allocate(size);
	await onThreads(kernel, 3, [['makeContext', context, LOG_N, kernel.put(moduli), moduli.length]]);
	assert.ok(Buffer.from(kernel.bytes(kernel.context, size)).equals(Buffer.from(kernel.bytes(context, size))));
});

test.run();
