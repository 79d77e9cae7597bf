/** Products of polynomials, residue by residue; the threads share the columns. */
import { accumulateHigh, accumulateLow, balancedProduct, finishSum, SUM_START, SUM_TERMS } from './arithmetic';
import { endColumn, firstColumn, inverseLanes, modulusLanes, modulusOfRow, rowBytes, scratch } from './context';
import { barrier, thread } from './threads';

/** Numbers of a tile: a page of each operand, and sums that stay in the first level cache. */
const TILE: i32 = 512;

/** Bytes at the start of `scratch` that sumProducts needs, of `threads` threads together: each has the sums of a tile. */
export function sumScratchBytes(threads: i32): i32 {
	return threads * 16 * TILE;
}

/**
 * to = sum_k plains[k] terms[k]; u32 addresses at `terms` and `plains`. Reduced once in SUM_TERMS terms.
 * Tile by tile, four terms at a time: lines at equal offsets of many rows would compete for the same places of a cache.
 */
export function sumProducts(
	to: usize,
	terms: usize,
	plains: usize,
	count: i32,
	polynomials: i32,
	primes: i32,
	extended: i32,
): void {
	const rows = primes + (extended ? 1 : 0);
	const end = endColumn();
	for (let row = 0; row < rows; row++) {
		const modulus = modulusOfRow(row, primes);
		for (let column = firstColumn(); column < end; column += TILE) {
			const bytes = 8 * min(TILE, end - column);
			const plainOffset = row * rowBytes + 8 * column;
			for (let polynomial = 0; polynomial < polynomials; polynomial++) {
				const offset = polynomial * rows * rowBytes + plainOffset;
				sumTile(to + offset, terms, plains, count, offset, plainOffset, bytes, modulus);
			}
		}
	}
	barrier();
}

/** `bytes` bytes of the sum: `offset` bytes into the terms and `plainOffset` into the plaintexts. */
function sumTile(
	to: usize,
	terms: usize,
	plains: usize,
	count: i32,
	offset: usize,
	plainOffset: usize,
	bytes: i32,
	modulus: i32,
): void {
	const sums = scratch + thread * 16 * TILE;
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	if (count === 1) {
		multiplyTile(to, operand(terms, offset), operand(plains, plainOffset), bytes, q, inverse);
		return;
	}
	beginTile(sums, bytes);
	let k = 0;
	for (; k < count % 4; k++) addOne(sums, operand(terms + 4 * k, offset), operand(plains + 4 * k, plainOffset), bytes);
	for (let held = k; k < count; k += 4, held += 4) {
		if (held + 4 > SUM_TERMS) {
			finishTile(sums, bytes, q, inverse);
			held = 0;
		}
		addFour(sums, terms + 4 * k, plains + 4 * k, offset, plainOffset, bytes);
	}
	finishTile(sums, bytes, q, inverse);
	for (let at = 0; at < bytes; at += 16) v128.store(to + at, v128.load(sums + at + at, 16));
}

/** The address at `list`, and `offset` bytes more. */
function operand(list: usize, offset: usize): usize {
	return (load<u32>(list) as usize) + offset;
}

/** One product needs no sums. */
function multiplyTile(to: usize, x: usize, y: usize, bytes: i32, q: v128, inverse: v128): void {
	for (let at = 0; at < bytes; at += 16) {
		v128.store(to + at, balancedProduct(v128.load(x + at), v128.load(y + at), q, inverse));
	}
}

/** Sums of a tile lie as pairs of vectors, high and low. */
function beginTile(sums: usize, bytes: i32): void {
	const high = f64x2.splat(SUM_START);
	const low = f64x2.splat(0);
	for (let at = sums; at < sums + 2 * bytes; at += 32) {
		v128.store(at, high);
		v128.store(at, low, 16);
	}
}

/** Reduces the sums: they become low parts, and begin anew. */
function finishTile(sums: usize, bytes: i32, q: v128, inverse: v128): void {
	const start = f64x2.splat(SUM_START);
	for (let at = sums; at < sums + 2 * bytes; at += 32) {
		v128.store(at, finishSum(v128.load(at), v128.load(at, 16), q, inverse), 16);
		v128.store(at, start);
	}
}

function addOne(sums: usize, x: usize, y: usize, bytes: i32): void {
	for (let at = 0; at < bytes; at += 16, sums += 32) {
		const a = v128.load(x + at);
		const b = v128.load(y + at);
		const high = v128.load(sums);
		const next = accumulateHigh(a, b, high);
		v128.store(sums, accumulateLow(a, b, high, next, v128.load(sums, 16)), 16);
		v128.store(sums, next);
	}
}

function addFour(sums: usize, terms: usize, plains: usize, offset: usize, plainOffset: usize, bytes: i32): void {
	const x0 = operand(terms, offset);
	const x1 = operand(terms + 4, offset);
	const x2 = operand(terms + 8, offset);
	const x3 = operand(terms + 12, offset);
	const y0 = operand(plains, plainOffset);
	const y1 = operand(plains + 4, plainOffset);
	const y2 = operand(plains + 8, plainOffset);
	const y3 = operand(plains + 12, plainOffset);
	for (let at = 0; at < bytes; at += 16, sums += 32) {
		const a0 = v128.load(x0 + at);
		const b0 = v128.load(y0 + at);
		const high0 = v128.load(sums);
		const high1 = accumulateHigh(a0, b0, high0);
		const low1 = accumulateLow(a0, b0, high0, high1, v128.load(sums, 16));
		const a1 = v128.load(x1 + at);
		const b1 = v128.load(y1 + at);
		const high2 = accumulateHigh(a1, b1, high1);
		const low2 = accumulateLow(a1, b1, high1, high2, low1);
		const a2 = v128.load(x2 + at);
		const b2 = v128.load(y2 + at);
		const high3 = accumulateHigh(a2, b2, high2);
		const low3 = accumulateLow(a2, b2, high2, high3, low2);
		const a3 = v128.load(x3 + at);
		const b3 = v128.load(y3 + at);
		const high4 = accumulateHigh(a3, b3, high3);
		v128.store(sums, accumulateLow(a3, b3, high3, high4, low3), 16);
		v128.store(sums, high4);
	}
}

/** to = (a0 b0, a0 b1 + a1 b0, a1 b1). */
export function multiply(to: usize, a: usize, b: usize, primes: i32): void {
	for (let row = 0; row < primes; row++) multiplyRow(to, a, b, row, primes * rowBytes);
	barrier();
}

/** One row of the three; `next` bytes lie between the polynomials. */
function multiplyRow(to: usize, a: usize, b: usize, row: i32, next: i32): void {
	const q = modulusLanes(row);
	const inverse = inverseLanes(row);
	const start = f64x2.splat(SUM_START);
	const zero = f64x2.splat(0);
	const offset = row * rowBytes;
	const end = offset + 8 * endColumn();
	for (let at = offset + 8 * firstColumn(); at < end; at += 16) {
		const a0 = v128.load(a + at);
		const a1 = v128.load(a + next + at);
		const b0 = v128.load(b + at);
		const b1 = v128.load(b + next + at);
		const high = accumulateHigh(a0, b1, start);
		const low = accumulateLow(a0, b1, start, high, zero);
		const both = accumulateHigh(a1, b0, high);
		const cross = finishSum(both, accumulateLow(a1, b0, high, both, low), q, inverse);
		v128.store(to + at, balancedProduct(a0, b0, q, inverse));
		v128.store(to + next + at, cross);
		v128.store(to + next + next + at, balancedProduct(a1, b1, q, inverse));
	}
}

/** to = (a0^2, 2 a0 a1, a1^2). */
export function square(to: usize, a: usize, primes: i32): void {
	for (let row = 0; row < primes; row++) squareRow(to, a, row, primes * rowBytes);
	barrier();
}

function squareRow(to: usize, a: usize, row: i32, next: i32): void {
	const q = modulusLanes(row);
	const inverse = inverseLanes(row);
	const offset = row * rowBytes;
	const end = offset + 8 * endColumn();
	for (let at = offset + 8 * firstColumn(); at < end; at += 16) {
		const a0 = v128.load(a + at);
		const a1 = v128.load(a + next + at);
		v128.store(to + at, balancedProduct(a0, a0, q, inverse));
		v128.store(to + next + at, balancedProduct(f64x2.add(a0, a0), a1, q, inverse));
		v128.store(to + next + next + at, balancedProduct(a1, a1, q, inverse));
	}
}
