import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Kernel, makeKernel, primesOf, randomRow } from './support.ts';

/** Sums of residues below 2^48 are exact in float64, and so is their remainder: the reference needs no BigInt but for P b. */
const LOG_N = 12;
const N = 1 << LOG_N;
const PRIMES = 4;
const MODULI = [48, 47, 36, 20, 48].flatMap((width, i) => primesOf(width, N, 2).slice(i % 2, (i % 2) + 1));
const P = MODULI[PRIMES] ?? 0;

type Polynomials = readonly (readonly Float64Array[])[];

/** `count` polynomials of the first `primes` primes, and of P. */
const randomPolynomials = (count: number, primes: number, extended: boolean, seed: number): Polynomials =>
	Array.from({ length: count }, (_, polynomial) =>
		[...MODULI.slice(0, primes), ...(extended ? [P] : [])].map((q, row) =>
			randomRow(N, q, 100 * seed + 10 * polynomial + row, 4),
		),
	);

const put = (kernel: Kernel, polynomials: Polynomials): number => {
	const rows = polynomials.flat();
	const address = kernel.allocate(8 * N * rows.length);
	for (const [i, row] of rows.entries()) new Float64Array(kernel.memory.buffer, address + 8 * N * i, N).set(row);
	return address;
};

const get = (kernel: Kernel, address: number, count: number, rows: number): Polynomials =>
	Array.from({ length: count }, (_, polynomial) =>
		Array.from({ length: rows }, (__, row) => kernel.get(address + 8 * N * (polynomial * rows + row))),
	);

const balancedNumber = (x: number, q: number): number => {
	const rest = x % q;
	return rest > q / 2 ? rest - q : rest < -q / 2 ? rest + q : rest;
};

/** P x modulo q. */
const timesP = (x: number, q: number): number => Number((BigInt(P) * BigInt(x)) % BigInt(q));

type Rule = (polynomial: number, row: number, column: number, q: number) => number;

/** Every residue of the result is what the rule says; returns how many there were. */
const check = (result: Polynomials, primes: number, rule: Rule): number => {
	let count = 0;
	for (const [polynomial, rows] of result.entries())
		for (const [row, values] of rows.entries()) {
			const q = row < primes ? (MODULI[row] ?? 0) : P;
			for (const [column, value] of values.entries()) {
				const expected = balancedNumber(rule(polynomial, row, column, q), q);
				if (value !== expected) assert.is(value, expected, `polynomial ${polynomial}, row ${row}, column ${column}`);
				count++;
			}
		}
	return count;
};

const at = (operand: Polynomials, polynomial: number, row: number, column: number): number =>
	operand[polynomial]?.[row]?.[column] ?? Number.NaN;

const kernelOf = (): Kernel => makeKernel(LOG_N, MODULI, { megabytes: 4, scratch: 1 });

/** All sizes that a ciphertext can have. */
const shapes: readonly (readonly [polynomials: number, primes: number, extended: boolean])[] = [
	[2, 4, false],
	[3, 4, false],
	[2, 4, true],
	[2, 3, true],
	[3, 2, false],
	[2, 1, false],
	[2, 1, true],
];

for (const [name, sign] of [
	['add', 1],
	['subtract', -1],
] as const) {
	test(`${name}: every residue of a million, in place and apart`, () => {
		let count = 0;
		for (let seed = 0; count < 1_000_000; seed++)
			for (const [polynomials, primes, extended] of shapes) {
				const kernel = kernelOf();
				const [x, y] = [seed, seed + 50].map((s) => randomPolynomials(polynomials, primes, extended, s)) as [
					Polynomials,
					Polynomials,
				];
				const [a, b] = [put(kernel, x), put(kernel, y)];
				const rows = primes + Number(extended);
				const to = seed % 3 === 0 ? kernel.allocate(8 * N * polynomials * rows) : seed % 3 === 1 ? a : b;
				kernel.exports[name](to, a, b, polynomials, primes, Number(extended));
				const rule: Rule = (...place) =>
					at(x, place[0], place[1], place[2]) + sign * at(y, place[0], place[1], place[2]);
				count += check(get(kernel, to, polynomials, rows), primes, rule);
			}
	});
}

test('negate: every residue of a million, in place and apart', () => {
	let count = 0;
	for (let seed = 0; count < 1_000_000; seed++)
		for (const [polynomials, primes, extended] of shapes) {
			const kernel = kernelOf();
			const x = randomPolynomials(polynomials, primes, extended, seed);
			const a = put(kernel, x);
			const rows = primes + Number(extended);
			const to = seed % 2 === 0 ? a : kernel.allocate(8 * N * polynomials * rows);
			kernel.exports.negate(to, a, polynomials, primes, Number(extended));
			const rule: Rule = (...place) => -at(x, place[0], place[1], place[2]);
			count += check(get(kernel, to, polynomials, rows), primes, rule);
		}
});

test('addMixed: signA a + signB P b for all signs, a million residues, in place and apart', () => {
	let count = 0;
	for (let seed = 0; count < 1_000_000; seed++)
		for (const primes of [1, 3, 4])
			for (const [signA, signB] of [
				[1, 1],
				[1, -1],
				[-1, 1],
				[-1, -1],
			] as const) {
				const kernel = kernelOf();
				const x = randomPolynomials(2, primes, true, seed);
				const y = randomPolynomials(2, primes, false, seed + 50);
				const a = put(kernel, x);
				const to = seed % 2 === 0 ? a : kernel.allocate(16 * N * (primes + 1));
				kernel.exports.addMixed(to, a, put(kernel, y), signA, signB, primes);
				count += check(get(kernel, to, 2, primes + 1), primes, (polynomial, row, column, q) => {
					const other = row < primes ? signB * timesP(at(y, polynomial, row, column), q) : 0;
					return signA * at(x, polynomial, row, column) + other;
				});
			}
});

test('addPlain adds to the first polynomial, P times the plaintext where the ciphertext is extended', () => {
	let count = 0;
	for (let seed = 0; count < 1_000_000; seed++)
		for (const [polynomials, primes, extended] of shapes) {
			const kernel = kernelOf();
			const x = randomPolynomials(polynomials, primes, extended, seed);
			const plain = randomPolynomials(1, primes, false, seed + 50);
			const a = put(kernel, x);
			const rows = primes + Number(extended);
			const to = seed % 2 === 0 ? a : kernel.allocate(8 * N * polynomials * rows);
			kernel.exports.addPlain(to, a, put(kernel, plain), polynomials, primes, Number(extended));
			count += check(get(kernel, to, polynomials, rows), primes, (polynomial, row, column, q) => {
				const value = at(x, polynomial, row, column);
				if (polynomial > 0 || row >= primes) return value;
				const added = at(plain, 0, row, column);
				return value + (extended ? timesP(added, q) : added);
			});
		}
});

test('modSwitch keeps the first primes and the row of P, in place too', () => {
	for (const [polynomials, fromPrimes, extended] of shapes)
		for (let primes = 1; primes <= fromPrimes; primes++)
			for (const inPlace of [true, false]) {
				const kernel = kernelOf();
				const x = randomPolynomials(polynomials, fromPrimes, extended, primes);
				const a = put(kernel, x);
				const rows = primes + Number(extended);
				const to = inPlace ? a : kernel.allocate(8 * N * polynomials * rows);
				kernel.exports.modSwitch(to, a, polynomials, fromPrimes, primes, Number(extended));
				check(get(kernel, to, polynomials, rows), primes, (polynomial, row, column) =>
					at(x, polynomial, row < primes ? row : fromPrimes, column),
				);
			}
});

test.run();
