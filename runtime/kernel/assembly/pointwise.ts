/** Sums and copies, residue by residue. The threads share the columns, so that a result may be an operand in any order of rows. */
import { balance, multiplyModulo } from './arithmetic';
import {
	endColumn,
	firstColumn,
	inverseLanes,
	modulusLanes,
	modulusOfRow,
	residueOf,
	rowBytes,
	special,
} from './context';
import { barrier } from './threads';

/** Rows of one polynomial. */
function rowsOf(primes: i32, extended: i32): i32 {
	return primes + (extended ? 1 : 0);
}

/** to = a + b. */
export function add(to: usize, a: usize, b: usize, polynomials: i32, primes: i32, extended: i32): void {
	const rows = rowsOf(primes, extended);
	for (let row = 0; row < polynomials * rows; row++) {
		const modulus = modulusOfRow(row % rows, primes);
		addRow(to + row * rowBytes, a + row * rowBytes, b + row * rowBytes, modulus);
	}
	barrier();
}

function addRow(to: usize, a: usize, b: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const end = 8 * endColumn();
	for (let at = 8 * firstColumn(); at < end; at += 16) {
		v128.store(to + at, balance(f64x2.add(v128.load(a + at), v128.load(b + at)), q, inverse));
	}
}

/** to = a - b. */
export function subtract(to: usize, a: usize, b: usize, polynomials: i32, primes: i32, extended: i32): void {
	const rows = rowsOf(primes, extended);
	for (let row = 0; row < polynomials * rows; row++) {
		const modulus = modulusOfRow(row % rows, primes);
		subtractRow(to + row * rowBytes, a + row * rowBytes, b + row * rowBytes, modulus);
	}
	barrier();
}

function subtractRow(to: usize, a: usize, b: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const end = 8 * endColumn();
	for (let at = 8 * firstColumn(); at < end; at += 16) {
		v128.store(to + at, balance(f64x2.sub(v128.load(a + at), v128.load(b + at)), q, inverse));
	}
}

/** to = -a. */
export function negate(to: usize, a: usize, polynomials: i32, primes: i32, extended: i32): void {
	const zero = f64x2.splat(0);
	const end = 8 * endColumn();
	for (let row = 0; row < polynomials * rowsOf(primes, extended); row++) {
		const offset = row * rowBytes;
		for (let at = offset + 8 * firstColumn(); at < offset + end; at += 16) {
			v128.store(to + at, f64x2.sub(zero, v128.load(a + at)));
		}
	}
	barrier();
}

/** to = signA a + signB P b modulo one prime, of which `factor` is signB P. */
function addProduct(to: usize, a: usize, signA: f64, b: usize, factor: f64, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const sign = f64x2.splat(signA);
	const w = f64x2.splat(factor);
	const ratio = f64x2.mul(w, inverse);
	const end = 8 * endColumn();
	for (let at = 8 * firstColumn(); at < end; at += 16) {
		const product = multiplyModulo(v128.load(b + at), w, ratio, q);
		v128.store(to + at, balance(f64x2.relaxed_madd(v128.load(a + at), sign, product), q, inverse));
	}
}

/** to = sign a: P's row of a mixed sum. */
function copySigned(to: usize, a: usize, sign: f64): void {
	const factor = f64x2.splat(sign);
	const end = 8 * endColumn();
	for (let at = 8 * firstColumn(); at < end; at += 16) {
		v128.store(to + at, f64x2.mul(v128.load(a + at), factor));
	}
}

/** to = signA a + signB P b for an extended a and a b that is not; P b is 0 modulo P. Signs are 1 or -1. */
export function addMixed(to: usize, a: usize, b: usize, signA: i32, signB: i32, primes: i32): void {
	for (let polynomial = 0; polynomial < 2; polynomial++) {
		for (let row = 0; row < primes; row++) {
			const offset = (polynomial * (primes + 1) + row) * rowBytes;
			const other = b + (polynomial * primes + row) * rowBytes;
			addProduct(to + offset, a + offset, signA, other, signB * residueOf(special(), row), row);
		}
		const last = (polynomial * (primes + 1) + primes) * rowBytes;
		copySigned(to + last, a + last, signA);
	}
	barrier();
}

/** This thread's columns of a row. */
function copyRow(to: usize, from: usize): void {
	const first = 8 * firstColumn();
	if (to !== from) memory.copy(to + first, from + first, 8 * endColumn() - first);
}

/** The first `primes` rows of each polynomial of fromPrimes rows, and P's. */
export function modSwitch(to: usize, a: usize, polynomials: i32, fromPrimes: i32, primes: i32, extended: i32): void {
	const fromRows = rowsOf(fromPrimes, extended);
	const rows = rowsOf(primes, extended);
	for (let row = 0; row < polynomials * rows; row++) {
		const polynomial = row / rows;
		const index = row % rows;
		const from = index < primes ? index : fromPrimes;
		copyRow(to + row * rowBytes, a + (polynomial * fromRows + from) * rowBytes);
	}
	barrier();
}

/** a + plain in the first polynomial, a + P plain where a is extended; the other rows are copied. */
export function addPlain(to: usize, a: usize, plain: usize, polynomials: i32, primes: i32, extended: i32): void {
	for (let row = 0; row < polynomials * rowsOf(primes, extended); row++) {
		const offset = row * rowBytes;
		if (row >= primes) copyRow(to + offset, a + offset);
		else if (extended) addProduct(to + offset, a + offset, 1, plain + offset, residueOf(special(), row), row);
		else addRow(to + offset, a + offset, plain + offset, row);
	}
	barrier();
}
