import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isPrime, nearestPrime, primeBelow } from '../../compiler/ckks/primes.ts';
import { modulusLimit, RING_DEGREES } from '../../compiler/ckks/security.ts';
import { REPEATABLE } from '../tensor/graphs.ts';

const sieve = (limit: number): Uint8Array => {
	const composite = new Uint8Array(limit);
	for (let p = 2; p * p < limit; p++)
		if (composite[p] === 0) for (let multiple = p * p; multiple < limit; multiple += p) composite[multiple] = 1;
	return composite;
};

test('small numbers are prime exactly when a sieve says so', () => {
	const limit = 30000;
	const composite = sieve(limit);
	for (let n = 0; n < limit; n++) assert.is(isPrime(n), n >= 2 && composite[n] === 0, String(n));
});

test('pseudoprimes, squares of primes and what is no safe integer are no primes', () => {
	// 3215031751 is a strong pseudoprime to the bases 2, 3, 5 and 7; 4759123141 to 2, 7 and 61; 341550071728321 to 2 .. 17.
	for (const n of [561, 3215031751, 4759123141, 341550071728321, 94906249 ** 2, 2 ** 53, 7.5, -7, Number.NaN])
		assert.not(isPrime(n), String(n));
	for (const n of [2147483647, 2 ** 48 - 59, 9007199254740881]) assert.ok(isPrime(n), String(n));
});

const ringDegrees = fc.constantFrom(...RING_DEGREES);

test('the nearest prime is 1 modulo 2N, not taken, and none is nearer by a whole step', () => {
	fc.assert(
		fc.property(ringDegrees, fc.integer({ min: 20, max: 47 }), fc.nat(10 ** 6), (ringDegree, bits, offset) => {
			const target = 2 ** bits + offset;
			const step = 2 * ringDegree;
			const taken = new Set<number>();
			for (let round = 0; round < 3; round++) {
				const prime = nearestPrime(target, ringDegree, taken);
				assert.is(prime % step, 1);
				assert.ok(isPrime(prime));
				assert.not(taken.has(prime));
				const distance = Math.abs(prime - target);
				const first = Math.ceil((target - distance - 1) / step) * step + 1;
				for (let p = first; p < target + distance; p += step)
					if (p > 1 && Math.abs(p - target) < distance - step) assert.not(isPrime(p) && !taken.has(p), String(p));
				taken.add(prime);
			}
		}),
		{ ...REPEATABLE, numRuns: 40 },
	);
});

test('the largest prime below a power of two is below it, and nothing above it is another', () => {
	fc.assert(
		fc.property(ringDegrees, fc.integer({ min: 20, max: 50 }), (ringDegree, bits) => {
			const prime = primeBelow(bits, ringDegree, new Set());
			if (prime === undefined) return;
			assert.ok(isPrime(prime) && prime < 2 ** bits && prime % (2 * ringDegree) === 1);
			for (let p = prime + 2 * ringDegree; p < 2 ** bits; p += 2 * ringDegree) assert.not(isPrime(p));
			const next = primeBelow(bits, ringDegree, new Set([prime]));
			assert.ok(next === undefined || next < prime);
		}),
		{ ...REPEATABLE, numRuns: 60 },
	);
	assert.is(primeBelow(12, 4096, new Set()), undefined);
});

/** Table of ia.cr/2024/463, and the limits that SEAL itself enforces at 128 bits. */
test('the limits of the modulus are those of the guidelines and below what SEAL allows', () => {
	const table: readonly (readonly [number, number, number, number, number])[] = [
		[4096, 106, 73, 56, 109],
		[8192, 214, 147, 114, 218],
		[16384, 430, 297, 230, 438],
		[32768, 868, 597, 462, 881],
	];
	assert.equal(
		RING_DEGREES,
		table.map(([ringDegree]) => ringDegree),
	);
	for (const [ringDegree, classical, high, highest, seal] of table) {
		assert.is(modulusLimit(ringDegree, 128), classical);
		assert.is(modulusLimit(ringDegree, 192), high);
		assert.is(modulusLimit(ringDegree, 256), highest);
		assert.ok(classical <= seal);
	}
	assert.is(modulusLimit(2048, 128), 0);
	assert.is(modulusLimit(65536, 128), 0);
});

test.run();
