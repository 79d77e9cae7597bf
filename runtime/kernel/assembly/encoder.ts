/**
 * The inverse of the canonical embedding for real slots. Slot t is the value at zeta^(3^t), zeta = exp(i pi / N), and at its
 * conjugate. One of each pair of exponents is 4u + 1 modulo 2N; with Z_u the value there and M = N / 2,
 *
 *     c_k = 2 / N Re(w^k V_k),   V_k = sum_(u < M) Z_u exp(-2 pi i u k / M),   w = exp(-i pi / N),   c_(N - k) = -c_k,
 *
 * where V is the transform of M real numbers: of L = N / 4 complex ones, Z_(2n) + i Z_(2n + 1). It runs in place in
 * the scratch, real parts before imaginary ones, and leaves c_0 ... c_(M - 1) there.
 */
import { balance } from './arithmetic';
import {
	endColumn,
	firstColumn,
	inverseLanes,
	modulusLanes,
	modulusOfRow,
	N,
	reverseBits,
	rowBytes,
	scratch,
} from './context';
import { barrier, thread, threads } from './threads';
import { forward } from './transform';

const PI: f64 = Math.PI;
const HALF_ROOT: f64 = Math.SQRT1_2;
/** The greatest number below 1/2. */
const BELOW_HALF: f64 = 0.49999999999999994;

/**
 * Tables: u32[M], which value goes where (offsets in bytes) | twiddles of each pass, 48 bytes for each k: exp(-2 pi i m k / 4h) for
 * m = 2, 1, 3, two k side by side | for k = 1 ... L / 2, two side by side: w^k and w^(5k).
 */
export function encoderBytes(logDegree: i32): i32 {
	return (10 << logDegree) + 128;
}

/** Bytes at the start of `scratch` that encode needs. */
export function encoderScratchBytes(logDegree: i32): i32 {
	return 4 << logDegree;
}

/** cos(x) and sin(x) by their series, for 0 <= x <= pi / 4. */
function cosineSeries(x: f64): f64 {
	let sum: f64 = 1;
	for (let i: f64 = 18; i > 0; i -= 2) sum = 1 - (x * x * sum) / (i * (i - 1));
	return sum;
}

function sineSeries(x: f64): f64 {
	let sum: f64 = 1;
	for (let i: f64 = 19; i > 1; i -= 2) sum = 1 - (x * x * sum) / (i * (i - 1));
	return x * sum;
}

/** cos(2 pi k / n), n a multiple of 8: the angle is brought below pi / 4 as an integer. */
function cosine(k: i32, n: i32): f64 {
	let turn = k & (n - 1);
	if (turn > n >> 1) turn = n - turn;
	if (turn > n >> 2) return -cosine((n >> 1) - turn, n);
	const eighth = n >> 3;
	if (turn > eighth) return sineSeries((2 * PI * (((n >> 2) - turn) as f64)) / (n as f64));
	return cosineSeries((2 * PI * (turn as f64)) / (n as f64));
}

/** exp(-2 pi i k / n) at k and k + step to both lanes of 32 bytes: real parts, imaginary parts. */
function storeTwiddles(to: usize, k: i32, step: i32, n: i32): void {
	const quarter = n >> 2;
	store<f64>(to, cosine(k, n));
	store<f64>(to, cosine(k + step, n), 8);
	store<f64>(to, -cosine(k - quarter, n), 16);
	store<f64>(to, -cosine(k + step - quarter, n), 24);
}

/** Where the passes over all but groups of 4 start: 4, or 8 after a pass that joins two groups. */
function firstHalf(logLength: i32): i32 {
	return logLength & 1 ? 8 : 4;
}

/** Slot t goes to Z_u, which is one part of complex number u / 2 in the order of reversed bits. */
function makePlaces(tables: usize, logDegree: i32): void {
	const order = 2 << logDegree;
	let exponent = 1;
	for (let t = 0; t < order >> 2; t++) {
		const u = ((exponent & 3) === 1 ? exponent : order - exponent) >> 2;
		const place = 2 * reverseBits(u >> 1, logDegree - 2) + (u & 1);
		store<u32>(tables + 4 * place, 8 * t);
		exponent = (3 * exponent) & (order - 1);
	}
}

/** Computes the tables: the first thread does, the others wait. */
export function makeEncoder(tables: usize, logDegree: i32): void {
	if (thread === 0) {
		const length = (1 << logDegree) >> 2;
		makePlaces(tables, logDegree);
		let at = tables + (2 << logDegree);
		for (let k = 0; k < 4; k += 2, at += 32) storeTwiddles(at, k, 1, 8);
		for (let half = firstHalf(logDegree - 2); half < length; half *= 4)
			for (let k = 0; k < half; k += 2, at += 96) {
				storeTwiddles(at, 2 * k, 2, 4 * half);
				storeTwiddles(at + 32, k, 1, 4 * half);
				storeTwiddles(at + 64, 3 * k, 3, 4 * half);
			}
		for (let k = 1; k <= length / 2; k += 2, at += 64) {
			storeTwiddles(at, k, 1, 8 * length);
			storeTwiddles(at + 32, 5 * k, 5, 8 * length);
		}
	}
	barrier();
}

/** Two values, of the places that two table entries name. */
function gather(values: usize, a: usize, b: usize): v128 {
	return f64x2.replace_lane(v128.load64_splat(values + load<u32>(a)), 1, load<f64>(values + load<u32>(b)));
}

/** The real or the imaginary parts that a butterfly gives: `turned` is that part of -i times its second difference. */
function storeFour(to: usize, step: usize, first: v128, second: v128, difference: v128, turned: v128): void {
	v128.store(to, f64x2.add(first, second));
	v128.store(to + step, f64x2.add(difference, turned));
	v128.store(to + 2 * step, f64x2.sub(first, second));
	v128.store(to + 3 * step, f64x2.sub(difference, turned));
}

/** Puts four pairs of one part, number i of both groups in pair i, where they belong: 4 numbers of each group in a row. */
function storeGroups(to: usize, y0: v128, y1: v128, y2: v128, y3: v128): void {
	v128.store(to, v128.shuffle<f64>(y0, y1, 0, 2));
	v128.store(to + 16, v128.shuffle<f64>(y2, y3, 0, 2));
	v128.store(to + 32, v128.shuffle<f64>(y0, y1, 1, 3));
	v128.store(to + 48, v128.shuffle<f64>(y2, y3, 1, 3));
}

/** Takes the values to their places and transforms each group of 4, two groups at once. */
function firstPass(re: usize, im: usize, values: usize, places: usize, length: i32): void {
	for (let i = 0; i < length; i += 8) {
		const a = places + 8 * i;
		const r0 = gather(values, a, a + 32);
		const i0 = gather(values, a + 4, a + 36);
		const r1 = gather(values, a + 8, a + 40);
		const i1 = gather(values, a + 12, a + 44);
		const r2 = gather(values, a + 16, a + 48);
		const i2 = gather(values, a + 20, a + 52);
		const r3 = gather(values, a + 24, a + 56);
		const i3 = gather(values, a + 28, a + 60);
		const sr = f64x2.add(r0, r1);
		const si = f64x2.add(i0, i1);
		const dr = f64x2.sub(r0, r1);
		const di = f64x2.sub(i0, i1);
		const tr = f64x2.add(r2, r3);
		const ti = f64x2.add(i2, i3);
		const er = f64x2.sub(r2, r3);
		const ei = f64x2.sub(i2, i3);
		storeGroups(re + 8 * i, f64x2.add(sr, tr), f64x2.add(dr, ei), f64x2.sub(sr, tr), f64x2.sub(dr, ei));
		storeGroups(im + 8 * i, f64x2.add(si, ti), f64x2.sub(di, er), f64x2.sub(si, ti), f64x2.add(di, er));
	}
}

/** Joins groups of 4 in pairs. */
function joinPairs(re: usize, im: usize, twiddles: usize, length: i32): void {
	for (let start = 0; start < length; start += 8)
		for (let k = 0; k < 4; k += 2) {
			const r = re + 8 * (start + k);
			const i = im + 8 * (start + k);
			const wr = v128.load(twiddles + 16 * k);
			const wi = v128.load(twiddles + 16 * k, 16);
			const br = productReal(wr, wi, v128.load(r, 32), v128.load(i, 32));
			const bi = productImaginary(wr, wi, v128.load(r, 32), v128.load(i, 32));
			const ar = v128.load(r);
			const ai = v128.load(i);
			v128.store(r, f64x2.add(ar, br));
			v128.store(i, f64x2.add(ai, bi));
			v128.store(r, f64x2.sub(ar, br), 32);
			v128.store(i, f64x2.sub(ai, bi), 32);
		}
}

function productReal(ar: v128, ai: v128, br: v128, bi: v128): v128 {
	return f64x2.relaxed_nmadd(ai, bi, f64x2.mul(ar, br));
}

function productImaginary(ar: v128, ai: v128, br: v128, bi: v128): v128 {
	return f64x2.relaxed_madd(ai, br, f64x2.mul(ar, bi));
}

/** One butterfly of four, two at once: numbers at steps of `step` bytes, twiddles as in the table. */
function butterfly(r: usize, i: usize, step: usize, twiddles: usize): void {
	const w1r = v128.load(twiddles);
	const w1i = v128.load(twiddles, 16);
	const w2r = v128.load(twiddles, 32);
	const w2i = v128.load(twiddles, 48);
	const w3r = v128.load(twiddles, 64);
	const w3i = v128.load(twiddles, 80);
	const a1r = productReal(w1r, w1i, v128.load(r + step), v128.load(i + step));
	const a1i = productImaginary(w1r, w1i, v128.load(r + step), v128.load(i + step));
	const a2r = productReal(w2r, w2i, v128.load(r + 2 * step), v128.load(i + 2 * step));
	const a2i = productImaginary(w2r, w2i, v128.load(r + 2 * step), v128.load(i + 2 * step));
	const a3r = productReal(w3r, w3i, v128.load(r + 3 * step), v128.load(i + 3 * step));
	const a3i = productImaginary(w3r, w3i, v128.load(r + 3 * step), v128.load(i + 3 * step));
	const a0r = v128.load(r);
	const a0i = v128.load(i);
	storeFour(r, step, f64x2.add(a0r, a1r), f64x2.add(a2r, a3r), f64x2.sub(a0r, a1r), f64x2.sub(a2i, a3i));
	storeFour(i, step, f64x2.add(a0i, a1i), f64x2.add(a2i, a3i), f64x2.sub(a0i, a1i), f64x2.sub(a3r, a2r));
}

/**
 * From the transform F of the L complex numbers to the c_k, times `factor` = scale / N. With A = F_k and B = conj(F_(L - k)), p = w^k (A + B)
 * and r = -i w^(5k) (A - B): 2 w^k V_k = p + r and 2 w^(L - k) V_(L - k) = exp(-i pi / 4) conj(p - r); and w^(M - k) V_(M - k) is
 * -i conj(w^k V_k). So each k gives c_k, c_(M - k), c_(L - k) and c_(L + k), which take the places of F_k and F_(L - k).
 */
function unravel(re: usize, im: usize, twiddles: usize, length: i32, factor: f64): void {
	const f = f64x2.splat(factor);
	const g = f64x2.splat(factor * HALF_ROOT);
	const r0 = load<f64>(re);
	const i0 = load<f64>(im);
	for (let k = 1, w = twiddles; k <= length >> 1; k += 2, w += 64) {
		const at = 8 * k;
		const mirrored = 8 * (length - k - 1);
		const ar = v128.load(re + at);
		const ai = v128.load(im + at);
		const br = swap(v128.load(re + mirrored));
		const bi = swap(v128.load(im + mirrored));
		const pr = productReal(v128.load(w), v128.load(w, 16), f64x2.add(ar, br), f64x2.sub(ai, bi));
		const pi = productImaginary(v128.load(w), v128.load(w, 16), f64x2.add(ar, br), f64x2.sub(ai, bi));
		const rr = productReal(v128.load(w, 32), v128.load(w, 48), f64x2.add(ai, bi), f64x2.sub(br, ar));
		const ri = productImaginary(v128.load(w, 32), v128.load(w, 48), f64x2.add(ai, bi), f64x2.sub(br, ar));
		const sr = f64x2.sub(pr, rr);
		const si = f64x2.sub(pi, ri);
		v128.store(re + at, f64x2.mul(f, f64x2.add(pr, rr)));
		v128.store(im + at, f64x2.mul(g, f64x2.add(sr, si)));
		v128.store(re + mirrored, swap(f64x2.mul(g, f64x2.sub(sr, si))));
		v128.store(im + mirrored, swap(f64x2.neg(f64x2.mul(f, f64x2.add(pi, ri)))));
	}
	store<f64>(re, 2 * factor * (r0 + i0));
	store<f64>(im, 2 * factor * HALF_ROOT * (r0 - i0));
}

function swap(x: v128): v128 {
	return v128.shuffle<f64>(x, x, 1, 0);
}

/** Rounds numbers to the nearest integers, halves away from zero; returns whether one is not zero. */
function roundAll(numbers: usize, count: i32): bool {
	const sign = f64x2.splat(-0.0);
	const half = f64x2.splat(BELOW_HALF);
	let any = i64x2.splat(0);
	for (let at = numbers; at < numbers + 8 * count; at += 16) {
		const x = v128.load(at);
		const rounded = f64x2.trunc(f64x2.add(x, v128.or(v128.and(x, sign), half)));
		any = v128.or(any, f64x2.ne(rounded, f64x2.splat(0)));
		v128.store(at, rounded);
	}
	return v128.any_true(any);
}

function allZero(values: usize, count: i32): bool {
	for (let i = 0; i < count; i++) if (load<f64>(values + 8 * i) !== 0) return false;
	return true;
}

/** The rounded coefficients c_0 ... c_(M - 1) of the values to M numbers at `work`. One thread's work. */
function embed(work: usize, tables: usize, values: usize, scale: f64): void {
	const length = N >> 2;
	const logLength = ctz(length);
	const im = work + 8 * length;
	let twiddles = tables + 2 * N;
	firstPass(work, im, values, tables, length);
	if (logLength & 1) joinPairs(work, im, twiddles, length);
	twiddles += 64;
	for (let half = firstHalf(logLength); half < length; half *= 4) {
		for (let start = 0; start < length; start += 4 * half)
			for (let k = 0; k < half; k += 2) {
				const at = 8 * (start + k);
				butterfly(work + at, im + at, 8 * half, twiddles + 48 * k);
			}
		twiddles += 48 * half;
	}
	unravel(work, im, twiddles, length, scale / (N as f64));
	if (!roundAll(work, 2 * length) && !allZero(values, 2 * length)) store<f64>(work, 1);
}

/**
 * x modulo q, balanced, for integers |x| < 2^150. One step takes k q away, k = round(x / q) as far as a double holds it: k is off
 * by |x / q| 2^-52 + 1/2 at most. Where |k| >= 2^53, k and x are multiples of k's last place u, and so is x - k q, which is below
 * (2 q + 1) u and exact. Two steps leave less than 2^46 + q.
 */
function reduceWide(x: v128, q: v128, inverse: v128): v128 {
	const once = f64x2.relaxed_nmadd(f64x2.nearest(f64x2.mul(x, inverse)), q, x);
	return balance(f64x2.relaxed_nmadd(f64x2.nearest(f64x2.mul(once, inverse)), q, once), q, inverse);
}

/** The row of a modulus, transformed, from the first half of the coefficients: c_(N - k) = -c_k and c_(N / 2) = 0. */
function makeRow(row: usize, coefficients: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const middle: usize = 4 * N;
	const end: usize = 8 * N;
	for (let at: usize = 0; at < middle; at += 16)
		v128.store(row + at, reduceWide(v128.load(coefficients + at), q, inverse));
	store<f64>(row + middle, 0);
	for (let at = middle; at < end; at += 16) v128.store(row + at, f64x2.neg(swap(v128.load(row + end - at - 8))));
	forward(row, modulus);
}

/** The first thread finds the coefficients; all share the rows. */
export function encode(to: usize, tables: usize, values: usize, scale: f64, primes: i32, extended: i32): void {
	if (thread === 0) embed(scratch, tables, values, scale);
	barrier();
	const rows = primes + (extended ? 1 : 0);
	for (let row = thread; row < rows; row += threads) makeRow(to + row * rowBytes, scratch, modulusOfRow(row, primes));
	barrier();
}

/** A constant polynomial has the same value at every root. */
export function encodeNumber(to: usize, integer: f64, primes: i32, extended: i32): void {
	const rows = primes + (extended ? 1 : 0);
	for (let row = 0; row < rows; row++) {
		const modulus = modulusOfRow(row, primes);
		const value = reduceWide(f64x2.splat(integer), modulusLanes(modulus), inverseLanes(modulus));
		const start = to + row * rowBytes;
		for (let i = firstColumn(); i < endColumn(); i += 2) v128.store(start + 8 * i, value);
	}
	barrier();
}
