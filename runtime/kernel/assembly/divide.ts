/**
 * Division by primes of the modulus, rounded: what an extended ciphertext and a product become. Over moduli q_0..q_{k-1} and a
 * divisor d, with r = x mod d balanced:
 *
 *     y = (x - r) / d,   |y - x / d| = |r| / d < 1/2.
 *
 * r is brought to coefficients, which are small integers, and transformed modulo each q_i; the rest happens at each column. It is the
 * same y that SEAL has, which computes ((x + (d - 1) / 2) mod d) - (d - 1) / 2 for r: every class has one balanced residue only.
 */
import { balancedProduct, multiplyModulo, multiplyNumbers } from './arithmetic';
import {
	endColumn,
	firstColumn,
	inverseLanes,
	modulusLanes,
	modulusOf,
	modulusOfRow,
	reciprocalOf,
	residueOf,
	rowBytes,
	scratch,
	special,
} from './context';
import { barrier, thread, threads } from './threads';
import { forward, forwardFrom, inverse } from './transform';

export function modDown(to: usize, a: usize, primes: i32): void {
	divideByLast(to, a, 2, primes, special());
}

export function rescale(to: usize, a: usize, polynomials: i32, primes: i32, extended: i32): void {
	if (extended) divideByTwo(to, a, primes - 1);
	else divideByLast(to, a, polynomials, primes - 1, primes - 1);
}

/**
 * Polynomials of kept + 1 rows, the last one modulo the modulus number `divisor`, divided by that. `to` may be a: a thread goes
 * through its columns row by row, and a row of the result lies nowhere behind the row that it comes from.
 */
function divideByLast(to: usize, a: usize, polynomials: i32, kept: i32, divisor: i32): void {
	const corrections = scratch + polynomials * rowBytes;
	for (let c = thread; c < polynomials; c += threads)
		coefficientsOf(scratch + c * rowBytes, a + (c * (kept + 1) + kept) * rowBytes, divisor);
	barrier();
	for (let task = thread; task < polynomials * kept; task += threads) {
		const coefficients = scratch + (task / kept) * rowBytes;
		forwardFrom(corrections + task * rowBytes, coefficients, task % kept);
	}
	barrier();
	for (let c = 0; c < polynomials; c++)
		for (let i = 0; i < kept; i++) {
			const from = a + (c * (kept + 1) + i) * rowBytes;
			const row = c * kept + i;
			subtractDivide(to + row * rowBytes, from, corrections + row * rowBytes, reciprocalOf(divisor, i), i);
		}
	barrier();
}

/**
 * Two extended polynomials of kept + 1 rows and P's, divided by d = P q, q the modulus number `kept`, with one rounding:
 *
 *     r = u + P z,   u = x mod P,   z = (x - u) / P mod q,   both balanced,
 *
 * is x modulo P and modulo q, and |r| <= (P - 1) / 2 + P (q - 1) / 2 = (d - 1) / 2: r is x mod d, balanced. (So it is also what division
 * by P and then by q gives: of (x - u) / P the residue modulo q is z.) Only its 2 kept residues modulo q_i are transformed.
 */
function divideByTwo(to: usize, a: usize, kept: i32): void {
	const corrections = scratch + 4 * rowBytes;
	for (let task = thread; task < 4; task += threads) {
		const row = kept + (task & 1);
		const from = a + ((task >> 1) * (kept + 2) + row) * rowBytes;
		coefficientsOf(scratch + task * rowBytes, from, modulusOfRow(row, kept + 1));
	}
	barrier();
	for (let c = 0; c < 2; c++) divideByP(scratch + 2 * c * rowBytes, scratch + (2 * c + 1) * rowBytes, kept);
	barrier();
	for (let task = thread; task < 2 * kept; task += threads) {
		const z = scratch + 2 * (task / kept) * rowBytes;
		const row = corrections + task * rowBytes;
		joinRest(row, z + rowBytes, z, task % kept);
		forward(row, task % kept);
	}
	barrier();
	for (let c = 0; c < 2; c++)
		for (let i = 0; i < kept; i++) {
			const from = a + (c * (kept + 2) + i) * rowBytes;
			const row = c * kept + i;
			const factor = multiplyNumbers(reciprocalOf(special(), i), reciprocalOf(kept, i), modulusOf(i));
			subtractDivide(to + row * rowBytes, from, corrections + row * rowBytes, factor, i);
		}
	barrier();
}

function coefficientsOf(to: usize, row: usize, modulus: i32): void {
	memory.copy(to, row, rowBytes);
	inverse(to, modulus);
}

/** x = (x - u) / P modulo modulus i, balanced: this thread's columns of two rows of balanced coefficients. */
export function divideByP(x: usize, u: usize, i: i32): void {
	subtractDivide(x, x, u, reciprocalOf(special(), i), i);
}

/** to = (x - r) * factor modulo modulus i, balanced: this thread's columns. x and r are balanced residues, of whatever modulus: below 2^47. */
function subtractDivide(to: usize, x: usize, r: usize, factor: f64, i: i32): void {
	const q = modulusLanes(i);
	const inverse = inverseLanes(i);
	const w = f64x2.splat(factor);
	const end = 8 * endColumn();
	for (let at = 8 * firstColumn(); at < end; at += 16) {
		const difference = f64x2.sub(v128.load(x + at), v128.load(r + at));
		v128.store(to + at, balancedProduct(difference, w, q, inverse));
	}
}

/** to = u + P z modulo q_i for a whole row of coefficients, not balanced: below 2^49 in magnitude, as u and z are below 2^47. */
function joinRest(to: usize, u: usize, z: usize, i: i32): void {
	const q = modulusLanes(i);
	const w = f64x2.splat(residueOf(special(), i));
	const ratio = f64x2.mul(w, inverseLanes(i));
	for (let at = 0; at < rowBytes; at += 16) {
		const product = multiplyModulo(v128.load(z + at), w, ratio, q);
		v128.store(to + at, f64x2.add(v128.load(u + at), product));
	}
}
