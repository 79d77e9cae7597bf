import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { coefficientsOf, getRows, integersOf, moduliAt, putRows, type Rows, randomRows, rowOf } from './residues.ts';
import { balanced, type Kernel, makeKernel, primesOf } from './support.ts';

const LOG_N = 10;

/** A key's rows [digit][polynomial][modulus], P behind the primes. */
type Key = readonly (readonly Rows[])[];

type Case = {
	readonly kernel: Kernel;
	readonly primes: number;
	readonly keyPrimes: number;
	readonly extended: boolean;
	readonly a: Rows;
	readonly key: Key;
};

const randomKey = (kernel: Kernel, keyPrimes: number, seed: number): Key =>
	Array.from({ length: keyPrimes }, (_, j) =>
		[0, 1].map((c) => randomRows(kernel, moduliAt(kernel, keyPrimes, true), 1, seed + 100 * j + c)),
	);

const makeCase = (kernel: Kernel, primes: number, keyPrimes: number, extended: boolean, size: number): Case => {
	const seed = 10 * primes + keyPrimes;
	const a = randomRows(kernel, moduliAt(kernel, primes, extended), size, seed);
	return { kernel, primes, keyPrimes, extended, a, key: randomKey(kernel, keyPrimes, seed) };
};

const storeKey = ({ exports, ...kernel }: Kernel, key: Key, table: number): number => {
	const address = kernel.allocate(exports.keyBytes(Math.log2(kernel.ringDegree), key.length));
	const room = kernel.allocate(8 * kernel.ringDegree);
	key.forEach((record, j) => {
		record.forEach((rows, c) => {
			rows.forEach((row, m) => {
				new Float64Array(kernel.memory.buffer, room, row.length).set(row);
				exports.storeKeyRow(address, key.length, j, c, m, room, table);
			});
		});
	});
	return address;
};

/**
 * The digits of a polynomial of a, by definition: its residues modulo each prime, or those of the nearest integer to it over P,
 * as integers with balanced coefficients.
 */
const digitsOf = ({ kernel, primes, extended, a }: Case, polynomial: number): Rows => {
	const moduli = moduliAt(kernel, primes, extended);
	const room = kernel.allocate(8 * kernel.ringDegree);
	const residues = moduli.map((m, i) =>
		coefficientsOf(kernel, a[polynomial * moduli.length + i] as Float64Array, m, room),
	);
	if (!extended) return residues;
	const values = moduli.map((m) => kernel.moduli[m] as number);
	const p = BigInt(values.at(-1) as number);
	const quotients = integersOf(residues, values).map((x) => (x - balanced(x, p)) / p);
	return values.slice(0, -1).map((q) => Float64Array.from(quotients, (y) => Number(balanced(y, BigInt(q)))));
};

/** Rows of [base_c times P if not extended] + sum_j d_j k_jc, c = 0 and 1, by BigInt: bases are the first polynomials of a. */
const switched = (it: Case, digits: Rows, bases: number): Rows => {
	const { kernel, primes, keyPrimes, extended, a, key } = it;
	const room = kernel.allocate(8 * kernel.ringDegree);
	const special = BigInt(kernel.moduli.at(-1) as number);
	const rows = primes + (extended ? 1 : 0);
	return [0, 1].flatMap((c) =>
		moduliAt(kernel, primes, true).map((m, i) => {
			const q = BigInt(kernel.moduli[m] as number);
			const base = c < bases && i < rows ? (a[c * rows + i] as Float64Array) : undefined;
			const transformed = digits.map((digit) => rowOf(kernel, digit, m, room));
			const keyRows = digits.map((_, j) => key[j]?.[c]?.[i < primes ? i : keyPrimes] as Float64Array);
			return Float64Array.from({ length: kernel.ringDegree }, (_, k) => {
				let sum = base === undefined ? 0n : BigInt(base[k] as number) * (extended ? 1n : special);
				for (const [j, row] of transformed.entries())
					sum += BigInt(row[k] as number) * BigInt(keyRows[j]?.[k] as number);
				return Number(balanced(sum, q));
			});
		}),
	);
};

/** X -> X^element on coefficients: X^N = -1. */
const automorphism = (coefficients: Float64Array, element: number): Float64Array => {
	const length = coefficients.length;
	const result = new Float64Array(length);
	coefficients.forEach((x, k) => {
		const exponent = (k * element) % (2 * length);
		result[exponent % length] = exponent < length ? x : -x;
	});
	return result;
};

const automorphismOfRows = (it: Case, rows: Rows, element: number): Rows => {
	const { kernel, primes, extended } = it;
	const moduli = moduliAt(kernel, primes, extended);
	const room = kernel.allocate(8 * kernel.ringDegree);
	return rows.map((row, i) => {
		const modulus = moduli[i % moduli.length] as number;
		return rowOf(kernel, automorphism(coefficientsOf(kernel, row, modulus, room), element), modulus, room);
	});
};

const tableOf = ({ exports, allocate, ringDegree }: Kernel, element: number): number => {
	const table = allocate(4 * ringDegree);
	exports.galoisTable(table, element);
	return table;
};

const rotated = ({ kernel, primes, keyPrimes, extended, a, key }: Case, element: number): Rows => {
	const { exports, allocate, ringDegree } = kernel;
	const table = tableOf(kernel, element);
	const digits = allocate(exports.digitBytes(Math.log2(ringDegree), primes));
	const to = allocate(16 * ringDegree * (primes + 1));
	const address = putRows(kernel, a);
	const flag = extended ? 1 : 0;
	exports.decompose(digits, address, primes, flag);
	exports.rotate(to, address, digits, storeKey(kernel, key, table), keyPrimes, table, primes, flag);
	return getRows(kernel, to, 2 * (primes + 1));
};

/** By definition: sigma is applied to a before it is switched, with the key as it is. */
const expectedRotation = (it: Case, element: number): Rows => {
	const moved = { ...it, a: automorphismOfRows(it, it.a, element) };
	return switched(moved, digitsOf(moved, 1), 1);
};

const relinearized = ({ kernel, primes, keyPrimes, a, key }: Case): Rows => {
	const { exports, allocate, ringDegree } = kernel;
	const to = allocate(16 * ringDegree * (primes + 1));
	exports.relinearize(to, putRows(kernel, a), storeKey(kernel, key, 0), keyPrimes, primes);
	return getRows(kernel, to, 2 * (primes + 1));
};

const same = (actual: Rows, expected: Rows, message: string): void => {
	assert.is(actual.length, expected.length);
	actual.forEach((row, i) => {
		const wrong = row.findIndex((x, k) => x !== expected[i]?.[k]);
		assert.is(wrong, -1, `${message}, row ${i}: column ${wrong}`);
	});
};

/** The largest first and the smallest first: digits are larger than the modulus, and smaller. */
const chains: readonly (readonly number[])[] = [
	primesOf(48, 1 << LOG_N, 5),
	[44, 24, 36, 20, 48].flatMap((bits) => primesOf(bits, 1 << LOG_N)),
	[22, 30, 48, 40].flatMap((bits) => primesOf(bits, 1 << LOG_N)),
];

/** Every number of primes under a key of every number of primes. */
const forEveryLevel = (
	check: (kernel: () => Kernel, primes: number, keyPrimes: number, round: number) => void,
): void => {
	let round = 0;
	for (const chain of chains)
		for (let keyPrimes = 1; keyPrimes < chain.length; keyPrimes++)
			for (let primes = 1; primes <= keyPrimes; primes++)
				check(() => makeKernel(LOG_N, chain), primes, keyPrimes, round++);
};

const elements = [3, 9, 2047, 2045, 1025, 27, 5, 683];

for (const extended of [false, true])
	test(`a rotation of ${extended ? 'an extended' : 'a'} ciphertext is the exact sum of digits times keys, moved, at every level`, () => {
		forEveryLevel((kernel, primes, keyPrimes, round) => {
			const it = makeCase(kernel(), primes, keyPrimes, extended, 2);
			const element = elements[round % elements.length] as number;
			same(rotated(it, element), expectedRotation(it, element), `${primes} primes, key of ${keyPrimes}, X^${element}`);
		});
	});

test('relinearization is the exact sum of digits times keys at every level', () => {
	forEveryLevel((kernel, primes, keyPrimes) => {
		const it = makeCase(kernel(), primes, keyPrimes, false, 3);
		same(relinearized(it), switched(it, digitsOf(it, 2), 2), `${primes} primes, key of ${keyPrimes}`);
	});
});

test('a million residues of key switching with random keys are exact', () => {
	const primes = 4;
	const kernel = makeKernel(12, primesOf(48, 4096, primes + 1), { megabytes: 128 });
	const it = makeCase(kernel, primes, primes, false, 3);
	const key = storeKey(kernel, it.key, 0);
	const to = kernel.allocate(16 * kernel.ringDegree * (primes + 1));
	for (let round = 0, checked = 0; checked < 1_000_000; round++, checked += 2 * (primes + 1) * kernel.ringDegree) {
		const another = { ...it, a: randomRows(kernel, moduliAt(kernel, primes, false), 3, round) };
		kernel.exports.relinearize(to, putRows(kernel, another.a), key, primes, primes);
		const expected = switched(another, digitsOf(another, 2), 2);
		same(getRows(kernel, to, 2 * (primes + 1)), expected, `round ${round}`);
	}
});

for (const extended of [false, true])
	test(`a million residues of rotations of ${extended ? 'extended ciphertexts' : 'ciphertexts'} with random keys are exact`, () => {
		const primes = 4;
		const kernel = makeKernel(12, primesOf(48, 4096, primes + 1), { megabytes: 256 });
		const it = makeCase(kernel, primes, primes, extended, 2);
		for (let round = 0, checked = 0; checked < 1_000_000; round++, checked += 2 * (primes + 1) * kernel.ringDegree) {
			const another = { ...it, a: randomRows(kernel, moduliAt(kernel, primes, extended), 2, round) };
			const element = elements[round % elements.length] as number;
			same(rotated(another, element), expectedRotation(another, element), `round ${round}`);
		}
	});

/** Digits and keys at the ends of their ranges: each product is as large as it can be, all with one sign or in turn. */
const extremeCase = (kernel: Kernel, primes: number, alternate: boolean, size: number): Case => {
	const half = (m: number): number => ((kernel.moduli[m] as number) - 1) / 2;
	const row = (m: number): Float64Array => new Float64Array(kernel.ringDegree).fill(half(m));
	const moduli = moduliAt(kernel, primes, false);
	const key = Array.from({ length: primes }, (_, j) =>
		[0, 1].map((c) =>
			moduliAt(kernel, primes, true).map((m) => row(m).map((x, k) => (alternate && (j + c + k) % 2 === 1 ? -x : x))),
		),
	);
	const a = Array.from({ length: size }, () => moduli.map(row)).flat();
	return { kernel, primes, keyPrimes: primes, extended: false, a, key };
};

test('sums of 1 to 50 of the largest products are exact', () => {
	// Ascending, so that the largest digits are not reduced: a constant polynomial has that constant everywhere.
	const all = primesOf(48, 64, 51).toReversed();
	for (const primes of [1, 12, 13, 14, 23, 24, 25, 26, 47, 48, 49, 50])
		for (const alternate of [false, true]) {
			const kernel = makeKernel(6, [...all.slice(50 - primes, 50), all.at(-1) as number]);
			const it = extremeCase(kernel, primes, alternate, 3);
			same(relinearized(it), switched(it, digitsOf(it, 2), 2), `${primes} digits`);
			const turned = { ...it, a: it.a.slice(0, 2 * primes) };
			same(rotated(turned, 3), expectedRotation(turned, 3), `${primes} digits`);
		}
});

test('a rotation by no step leaves the automorphism out', () => {
	const kernel = makeKernel(LOG_N, chains[0] as readonly number[]);
	const it = makeCase(kernel, 2, 3, false, 2);
	same(rotated(it, 1), switched(it, digitsOf(it, 1), 1), 'X^1');
});

test.run();
