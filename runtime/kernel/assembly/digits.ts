/**
 * Digits: digit j < p of a polynomial is its residue modulo q_j, an integer polynomial with coefficients in [-q_j/2, q_j/2],
 * transformed modulo every prime and P. The rows of all digits for one modulus stand together, as key switching reads them:
 * [modulus i <= p][digit j][N], each row with a cache line behind it, so that the rows of one column fall into different sets.
 */
import { endColumn, firstColumn, modulusOfRow, rowBytes, scratch } from './context';
import { divideByP } from './divide';
import { barrier, thread, threads } from './threads';
import { forwardFrom, inverse } from './transform';

const LINE: i32 = 64;

export function digitBytes(logN: i32, primes: i32): i32 {
	return primes * (primes + 1) * ((8 << logN) + LINE);
}

/** Bytes from one digit to the next, for one modulus. */
export function digitStride(): i32 {
	return rowBytes + LINE;
}

/** Row of digit j modulo the modulus of row i of an extended polynomial. */
export function digitRow(digits: usize, j: i32, i: i32, primes: i32): usize {
	return digits + (i * primes + j) * digitStride();
}

/** The digits of polynomial 1 of a; of that polynomial divided by P where a is extended. Needs primes + 1 rows of scratch. */
export function decompose(digits: usize, a: usize, primes: i32, extended: i32): void {
	decomposePolynomial(digits, a + (primes + extended) * rowBytes, primes, extended, scratch);
}

/**
 * The same of one polynomial, with room for its coefficients. Digit j modulo its own prime is the row that it came from, unless
 * that had to be divided: p^2 or p (p + 1) transforms, in which all threads have an equal share.
 */
export function decomposePolynomial(
	digits: usize,
	polynomial: usize,
	primes: i32,
	extended: i32,
	coefficients: usize,
): void {
	for (let i = thread; i < primes + extended; i += threads) {
		const row = coefficients + i * rowBytes;
		memory.copy(row, polynomial + i * rowBytes, rowBytes);
		inverse(row, modulusOfRow(i, primes));
	}
	barrier();
	if (extended) {
		for (let j = 0; j < primes; j++) divideByP(coefficients + j * rowBytes, coefficients + primes * rowBytes, j);
		barrier();
	} else copyOwnRows(digits, polynomial, primes);
	const others = primes + extended;
	for (let task = thread; task < primes * others; task += threads) {
		const j = task / others;
		const rest = task % others;
		const i = extended || rest < j ? rest : rest + 1;
		const row = digitRow(digits, j, i, primes);
		forwardFrom(row, coefficients + j * rowBytes, modulusOfRow(i, primes));
	}
	barrier();
}

function copyOwnRows(digits: usize, polynomial: usize, primes: i32): void {
	const first = 8 * firstColumn();
	const bytes = 8 * endColumn() - first;
	for (let j = 0; j < primes; j++)
		memory.copy(digitRow(digits, j, j, primes) + first, polynomial + j * rowBytes + first, bytes);
}
