/**
 * Key switching. A key of K primes has, for each digit j < K, two polynomials k_j0 and k_j1 over its primes and P. The products
 * with digits are sums over j at one column, so a key is stored as they read it: [modulus i <= K][column / 4][digit j][polynomial][4],
 * one stream of memory. At p < K primes the first p digits and the moduli 0..p-1 and P are read.
 *
 * A rotation would switch the automorphism of the digits, sigma(d_j); its key is stored as sigma^-1(k_j), and sigma is applied to
 * the 2 (p + 1) rows of the result, while they are written.
 */
import { accumulateHigh, accumulateLow, balancedProduct, finishSum, SUM_START, SUM_TERMS } from './arithmetic';
import {
	endColumn,
	firstColumn,
	inverseLanes,
	logN,
	modulusLanes,
	modulusOfRow,
	N,
	residueOf,
	reverseBits,
	rowBytes,
	scratch,
	special,
} from './context';
import { decomposePolynomial, digitBytes, digitRow, digitStride } from './digits';
import { barrier } from './threads';

/** Bytes of one digit's part of four columns: two polynomials. */
const BLOCK: i32 = 64;

export function keyBytes(logN: i32, primes: i32): i32 {
	return ((primes + 1) * primes * BLOCK) << (logN - 2);
}

/** Four columns of digit 0 modulo row i of a key. */
function keyBlock(key: usize, keyPrimes: i32, i: i32, column: i32): usize {
	return key + ((i << (logN - 2)) + (column >> 2)) * keyPrimes * BLOCK;
}

/**
 * u32[N]: column k of a row is column table[k] of its automorphism X -> X^element, element odd. Column k belongs to the root
 * psi^e(k), e(k) = 2 bitrev(k) + 1, and the automorphism has at psi^e what the row has at psi^(element e): e(table[k]) = e(k) / element
 * modulo 2N. Columns k and k ^ 1 have exponents that differ by N, and so have those of the result: their places are neighbours too.
 */
export function galoisTable(table: usize, element: i32): void {
	let reciprocal = element;
	// 1 / element modulo 8 is element; each step of Newton's doubles the bits that are right.
	for (let bits = 3; bits < 32; bits <<= 1) reciprocal *= 2 - element * reciprocal;
	for (let column = firstColumn(); column < endColumn(); column++) {
		const exponent = (2 * reverseBits(column, logN) + 1) * reciprocal;
		store<u32>(table + 4 * column, reverseBits((exponent & (2 * N - 1)) >> 1, logN));
	}
	barrier();
}

/** See `../exports.ts`: sigma^-1 has at column k what the row has at column table[k]. */
export function storeKeyRow(
	key: usize,
	keyPrimes: i32,
	digit: i32,
	polynomial: i32,
	modulus: i32,
	row: usize,
	table: usize,
): void {
	const first = keyBlock(key, keyPrimes, modulus, 0) + digit * BLOCK + polynomial * (BLOCK / 2);
	for (let column = 0; column < N; column++) {
		const from = table === 0 ? column : load<u32>(table + 4 * column);
		const to = first + (column >> 2) * keyPrimes * BLOCK + 8 * (column & 3);
		store<f64>(to, load<f64>(row + 8 * from));
	}
}

/** sigma(P c0 + sum_j d_j k_j0, sum_j d_j k_j1); c0 is not multiplied by P where a is extended, as it is already. */
export function rotate(
	to: usize,
	a: usize,
	digits: usize,
	key: usize,
	keyPrimes: i32,
	table: usize,
	primes: i32,
	extended: i32,
): void {
	for (let i = 0; i <= primes; i++) {
		const base = i < primes + extended ? a + i * rowBytes : 0;
		const keyRow = keyBlock(key, keyPrimes, i < primes ? i : keyPrimes, 0);
		switchRow(to, i, base, 0, extended, digits, keyRow, keyPrimes, table, primes);
	}
	barrier();
}

/** (P c0 + sum_j d_j k_j0, P c1 + sum_j d_j k_j1) with the digits d_j of c2. */
export function relinearize(to: usize, a: usize, key: usize, keyPrimes: i32, primes: i32): void {
	const bytes = primes * rowBytes;
	decomposePolynomial(scratch, a + 2 * bytes, primes, 0, scratch + digitBytes(logN, primes));
	for (let i = 0; i < primes; i++) {
		const base = a + i * rowBytes;
		switchRow(to, i, base, base + bytes, 0, scratch, keyBlock(key, keyPrimes, i, 0), keyPrimes, 0, primes);
	}
	switchRow(to, primes, 0, 0, 0, scratch, keyBlock(key, keyPrimes, keyPrimes, 0), keyPrimes, 0, primes);
	barrier();
}

/**
 * Row i of both polynomials of the extended result: base_c, times P unless it is `lifted`, plus sum_j d_j k_jc, moved to where the
 * table says. A base of address 0 is zero. One late reduction for up to SUM_TERMS digits; each further one begins with the last.
 */
function switchRow(
	to: usize,
	i: i32,
	base0: usize,
	base1: usize,
	lifted: i32,
	digits: usize,
	keyRow: usize,
	keyPrimes: i32,
	table: usize,
	primes: i32,
): void {
	const modulus = modulusOfRow(i, primes);
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const factor = f64x2.splat(lifted ? 1 : residueOf(special(), modulus));
	const zeroSum = f64x2.splat(SUM_START);
	const stride = digitStride();
	const digitRows = digitRow(digits, 0, i, primes);
	const to0 = to + i * rowBytes;
	const to1 = to0 + (primes + 1) * rowBytes;
	for (let column = firstColumn(); column < endColumn(); column += 4) {
		let digit = digitRows + 8 * column;
		let block = keyRow + (column >> 2) * keyPrimes * BLOCK;
		let lowA = baseAt(base0, column, factor, q, inverse);
		let lowB = baseAt(base0, column + 2, factor, q, inverse);
		let lowC = baseAt(base1, column, factor, q, inverse);
		let lowD = baseAt(base1, column + 2, factor, q, inverse);
		for (let from = 0; from < primes; from += SUM_TERMS) {
			let highA = zeroSum;
			let highB = zeroSum;
			let highC = zeroSum;
			let highD = zeroSum;
			const terms = min(primes - from, SUM_TERMS);
			for (let j = 0; j < terms; j++, digit += stride, block += BLOCK) {
				const x = v128.load(digit);
				const y = v128.load(digit, 16);
				let k = v128.load(block);
				let next = accumulateHigh(x, k, highA);
				lowA = accumulateLow(x, k, highA, next, lowA);
				highA = next;
				k = v128.load(block, 16);
				next = accumulateHigh(y, k, highB);
				lowB = accumulateLow(y, k, highB, next, lowB);
				highB = next;
				k = v128.load(block, 32);
				next = accumulateHigh(x, k, highC);
				lowC = accumulateLow(x, k, highC, next, lowC);
				highC = next;
				k = v128.load(block, 48);
				next = accumulateHigh(y, k, highD);
				lowD = accumulateLow(y, k, highD, next, lowD);
				highD = next;
			}
			lowA = finishSum(highA, lowA, q, inverse);
			lowB = finishSum(highB, lowB, q, inverse);
			lowC = finishSum(highC, lowC, q, inverse);
			lowD = finishSum(highD, lowD, q, inverse);
		}
		put(to0, column, lowA, table);
		put(to0, column + 2, lowB, table);
		put(to1, column, lowC, table);
		put(to1, column + 2, lowD, table);
	}
}

/** Two columns of factor * base, balanced. */
function baseAt(base: usize, column: i32, factor: v128, q: v128, inverse: v128): v128 {
	if (base === 0) return f64x2.splat(0);
	return balancedProduct(v128.load(base + 8 * column), factor, q, inverse);
}

/** Columns `column` (even) and the next to where the table says, or there itself without one. */
function put(row: usize, column: i32, pair: v128, table: usize): void {
	if (table === 0) {
		v128.store(row + 8 * column, pair);
		return;
	}
	const place = load<u32>(table + 4 * column);
	v128.store64_lane(row + 8 * place, pair, 0);
	v128.store64_lane(row + 8 * (place ^ 1), pair, 1);
}
