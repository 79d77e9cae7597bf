/**
 * Tables of the moduli, in memory that the caller gives: f64 ringDegree | count | 2 free | q | 1/q | [q_j]_i | [1/q_j]_i | roots.
 */
import { balanceNumber, multiplyNumbers, power, prepareArithmetic, reciprocal } from './arithmetic';
import { barrier, shareEnd, shareStart, thread, threads } from './threads';

const HEADER: i32 = 32;

/** The ring degree, and its logarithm, of the tables in use. */
export let N: i32 = 0;
export let logN: i32 = 0;
/** How many moduli there are; P is number moduli - 1. */
export let moduli: i32 = 0;
/** Bytes of a row. */
export let rowBytes: i32 = 0;
/** Memory that any call may use while it runs, shared by all threads. */
export let scratch: usize = 0;
let numbers: usize = 0;
let roots: usize = 0;

function numberBytes(count: i32): i32 {
	return (HEADER + 8 * (2 * count + 2 * count * count) + 15) & ~15;
}

export function contextBytes(logDegree: i32, count: i32): i32 {
	return numberBytes(count) + count * (8 << logDegree);
}

/** Index of the special prime. */
export function special(): i32 {
	return moduli - 1;
}

/** The modulus of a row of a polynomial at `primes` primes: the row behind those is P's. */
export function modulusOfRow(row: i32, primes: i32): i32 {
	return row < primes ? row : moduli - 1;
}

/** q_i. */
export function modulusOf(i: i32): f64 {
	return load<f64>(numbers + HEADER + 8 * i);
}

/** q_i and fl(1 / q_i) in both lanes. */
export function modulusLanes(i: i32): v128 {
	return v128.load64_splat(numbers + HEADER + 8 * i);
}

export function inverseLanes(i: i32): v128 {
	return v128.load64_splat(numbers + HEADER + 8 * (moduli + i));
}

/** q_j mod q_i, balanced. */
export function residueOf(j: i32, i: i32): f64 {
	return load<f64>(numbers + HEADER + 8 * (2 * moduli + moduli * i + j));
}

/** 1 / q_j mod q_i, balanced; 0 where i is j. */
export function reciprocalOf(j: i32, i: i32): f64 {
	return load<f64>(numbers + HEADER + 8 * (2 * moduli + moduli * moduli + moduli * i + j));
}

/** Roots of modulus i: f64[N], psi^bitrev(k) at index k, balanced. */
export function rootsOf(i: i32): usize {
	return roots + i * rowBytes;
}

/** The first column of a row that is this thread's in pointwise work, and the end: multiples of 8. */
export function firstColumn(): i32 {
	return shareStart(N, 8);
}

export function endColumn(): i32 {
	return shareEnd(N, 8);
}

/** The bits of `value`, `bits` of them, reversed. */
export function reverseBits(value: i32, bits: i32): i32 {
	let result = 0;
	for (let bit = 0; bit < bits; bit++) result |= ((value >> bit) & 1) << (bits - 1 - bit);
	return result;
}

/** Residues in [0, q) are what roots are compared by. */
function canonical(x: f64, q: f64): f64 {
	return x < 0 ? x + q : x;
}

/** The least primitive root of order `order` (a power of 2 that divides q - 1) modulo the prime q. */
function leastRoot(order: i32, q: f64): f64 {
	const exponent = ((q as u64) - 1) / order;
	let root: f64 = 0;
	for (let base: f64 = 2; root === 0; base += 1) {
		const candidate = power(base, exponent, q);
		if (power(candidate, order / 2, q) === -1) root = candidate;
	}
	const square = multiplyNumbers(root, root, q);
	let least = canonical(root, q);
	for (let odd = 3; odd < order; odd += 2) {
		root = multiplyNumbers(root, square, q);
		least = min(least, canonical(root, q));
	}
	return balanceNumber(least, q);
}

function makeRoots(table: usize, logDegree: i32, q: f64): void {
	const degree = 1 << logDegree;
	const psi = leastRoot(2 * degree, q);
	let root: f64 = 1;
	for (let k = 0; k < degree; k++) {
		store<f64>(table + 8 * reverseBits(k, logDegree), root);
		root = multiplyNumbers(root, psi, q);
	}
}

/** Computes the tables of a context; the threads share the moduli. */
export function makeContext(context: usize, logDegree: i32, values: usize, count: i32): void {
	prepareArithmetic();
	const table = context + HEADER;
	const residues = table + 16 * count;
	const reciprocals = residues + 8 * count * count;
	if (thread === 0) {
		store<f64>(context, (1 << logDegree) as f64);
		store<f64>(context, count as f64, 8);
	}
	for (let i = thread; i < count; i += threads) {
		const q = load<f64>(values + 8 * i);
		store<f64>(table + 8 * i, q);
		store<f64>(table + 8 * (count + i), 1 / q);
		for (let j = 0; j < count; j++) {
			const other = load<f64>(values + 8 * j);
			store<f64>(residues + 8 * (count * i + j), balanceNumber(other, q));
			store<f64>(reciprocals + 8 * (count * i + j), reciprocal(other, q));
		}
		makeRoots(context + numberBytes(count) + i * (8 << logDegree), logDegree, q);
	}
	barrier();
}

export function useContext(context: usize, scratchAddress: usize): void {
	prepareArithmetic();
	N = load<f64>(context) as i32;
	logN = ctz(N);
	moduli = load<f64>(context, 8) as i32;
	rowBytes = 8 * N;
	numbers = context;
	roots = context + numberBytes(moduli);
	scratch = scratchAddress;
}
