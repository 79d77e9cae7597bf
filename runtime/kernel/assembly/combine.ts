/**
 * Weighted sums of many ciphertexts, exact without a reduction for each product. A residue x of b bits is split in `parts` parts of
 * s = ceil(b / parts) bits, x = sum_p part_p 2^(s p), |part_p| <= 2^(s - 1); weights are below 2^W. Each part is summed by itself:
 * a sum begins balanced, below 2^47, and after n more products it is below 2^47 + n 2^(W + s - 1) <= 2^52, so every
 * multiply-add is exact; then it is reduced. Wider weights are taken in digits, w = sum_d digit_d 2^(b d), |digit_d| < 2^b: all terms
 * with the highest digits first, then the sums times 2^b and all terms with the next ones.
 *
 * Blocked like a matrix product. *Lanes* are columns times parts: a block of at most 128 terms and 128 lanes is split once, into
 * *units* of 4 columns of one part whose terms lie one after another, and meets 4 outputs at a time in registers.
 */
import { balance, balancedProduct, balanceNumber, multiplyModulo, roundedProduct } from './arithmetic';
import { endColumn, firstColumn, inverseLanes, modulusLanes, modulusOf, rowBytes, scratch } from './context';
import { barrier, thread } from './threads';

const TERMS: i32 = 128;
const LANES: i32 = 128;
const OUTPUTS: i32 = 128;
/** Fewer terms between two reductions than these are not worth a part less. */
const ENOUGH_TERMS: i32 = 16;
/** Weights of at most so many bits are one digit; of more, digits of at most DIGIT_BITS, which take fewer parts each. */
const WHOLE_BITS: i32 = 44;
const DIGIT_BITS: i32 = 32;

/** A thread's scratch: units of the terms, UNIT bytes each | sums, SUMS bytes for each output | weights of 4 outputs. */
const UNIT: usize = 32 * TERMS + 64;
const SUMS: usize = 8 * LANES;
const SUMS_AT: usize = UNIT * (LANES / 4);
const WEIGHTS_AT: usize = SUMS_AT + SUMS * OUTPUTS;
const THREAD_BYTES: usize = WEIGHTS_AT + 32 * TERMS;

/** Scratch of this thread, and how residues of the row at hand are split. */
let own: usize = 0;
let parts: i32 = 1;
let partBits: i32 = 0;
/** Terms between two reductions. */
let stretch: i32 = TERMS;
/** Digits of a weight, bits of each, and 2^(b d) for the digit d at hand. */
let digits: i32 = 1;
let digitBits: i32 = 0;
let digitUnit: f64 = 1;

/** Bytes at the start of `scratch` that combine needs, of `count` threads together. */
export function combineScratchBytes(count: i32): i32 {
	return count * (THREAD_BYTES as i32);
}

/** Terms that a sum can take after it was reduced: 2^48 of 2^52 are left for what it begins with. */
function exactTerms(bits: i32): i32 {
	return bits > 52 ? 0 : (min(((15 as u64) << 48) >> bits, TERMS as u64) as i32);
}

/** 2^exponent. */
function powerOfTwo(exponent: i32): f64 {
	return reinterpret<f64>(((1023 + exponent) as u64) << 52);
}

function chooseDigits(weightBits: i32): void {
	digits = weightBits <= WHOLE_BITS ? 1 : (weightBits + DIGIT_BITS - 1) / DIGIT_BITS;
	digitBits = (weightBits + digits - 1) / digits;
}

/** The digit at hand, with the sign of the weight. Exact: units are powers of two, and the higher bits cancel. */
function digitOf(weight: f64): f64 {
	const units = trunc(weight / digitUnit);
	const radix = powerOfTwo(digitBits);
	return units - radix * trunc(units / radix);
}

/** Chooses the fewest parts that leave enough terms between two reductions. */
function chooseParts(modulus: i32, count: i32): void {
	const bits = 64 - (clz(modulusOf(modulus) as u64) as i32);
	parts = 0;
	do {
		parts++;
		partBits = (bits + parts - 1) / parts;
		stretch = exactTerms(digitBits + partBits - 1);
	} while (stretch < min(count, ENOUGH_TERMS));
}

/** Splits 4 residues into the parts of one term, UNIT bytes from part to part. */
function splitFour(to: usize, from: usize, unit: v128, inverse: v128): void {
	let x = v128.load(from);
	let y = v128.load(from, 16);
	let at = to;
	for (let part = 1; part < parts; part++, at += UNIT) {
		const highX = roundedProduct(x, inverse);
		const highY = roundedProduct(y, inverse);
		v128.store(at, f64x2.relaxed_nmadd(highX, unit, x));
		v128.store(at, f64x2.relaxed_nmadd(highY, unit, y), 16);
		x = highX;
		y = highY;
	}
	v128.store(at, x);
	v128.store(at, y, 16);
}

/** 2^s, by which one part is worth more than the one before. */
function partUnit(): f64 {
	return ((1 as u64) << partBits) as f64;
}

/** Splits `width` columns of `n` terms, which lie `offset` bytes behind their addresses. */
function splitTerms(terms: usize, n: i32, offset: usize, width: i32): void {
	const unit = f64x2.splat(partUnit());
	const inverse = f64x2.splat(1 / partUnit());
	for (let k = 0; k < n; k++) {
		const from = (load<u32>(terms + 4 * k) as usize) + offset;
		let to = own + 32 * k;
		for (let column = 0; column < width; column += 4, to += UNIT * parts)
			splitFour(to, from + 8 * column, unit, inverse);
	}
}

/** Puts the digits of the weights of `outputs` outputs side by side: `stride` bytes lie between two of them. */
function gatherWeights(weights: usize, stride: usize, n: i32, outputs: usize): void {
	const to = own + WEIGHTS_AT;
	for (let k = 0; k < n; k++)
		for (let i: usize = 0; i < outputs; i++) {
			const weight = load<f64>(weights + stride * i + 8 * k);
			store<f64>(to + 8 * (outputs * k + i), digits === 1 ? weight : digitOf(weight));
		}
}

/** Adds to the sums of 4 outputs what n terms give in one unit, and reduces. */
function addFour(sums: usize, unit: usize, n: i32, q: v128, inverse: v128): void {
	let a0 = v128.load(sums);
	let a1 = v128.load(sums, 16);
	let b0 = v128.load(sums, SUMS);
	let b1 = v128.load(sums, SUMS + 16);
	let c0 = v128.load(sums, 2 * SUMS);
	let c1 = v128.load(sums, 2 * SUMS + 16);
	let d0 = v128.load(sums, 3 * SUMS);
	let d1 = v128.load(sums, 3 * SUMS + 16);
	const end = unit + 32 * n;
	for (let x = unit, w = own + WEIGHTS_AT; x < end; x += 32, w += 32) {
		const x0 = v128.load(x);
		const x1 = v128.load(x, 16);
		const wa = v128.load64_splat(w);
		a0 = f64x2.relaxed_madd(x0, wa, a0);
		a1 = f64x2.relaxed_madd(x1, wa, a1);
		const wb = v128.load64_splat(w, 8);
		b0 = f64x2.relaxed_madd(x0, wb, b0);
		b1 = f64x2.relaxed_madd(x1, wb, b1);
		const wc = v128.load64_splat(w, 16);
		c0 = f64x2.relaxed_madd(x0, wc, c0);
		c1 = f64x2.relaxed_madd(x1, wc, c1);
		const wd = v128.load64_splat(w, 24);
		d0 = f64x2.relaxed_madd(x0, wd, d0);
		d1 = f64x2.relaxed_madd(x1, wd, d1);
	}
	v128.store(sums, balance(a0, q, inverse));
	v128.store(sums, balance(a1, q, inverse), 16);
	v128.store(sums, balance(b0, q, inverse), SUMS);
	v128.store(sums, balance(b1, q, inverse), SUMS + 16);
	v128.store(sums, balance(c0, q, inverse), 2 * SUMS);
	v128.store(sums, balance(c1, q, inverse), 2 * SUMS + 16);
	v128.store(sums, balance(d0, q, inverse), 3 * SUMS);
	v128.store(sums, balance(d1, q, inverse), 3 * SUMS + 16);
}

/** Adds to the sums of one output what n terms give in 4 units. */
function addOne(sums: usize, unit: usize, n: i32, q: v128, inverse: v128): void {
	let a0 = v128.load(sums);
	let a1 = v128.load(sums, 16);
	let b0 = v128.load(sums, 32);
	let b1 = v128.load(sums, 48);
	let c0 = v128.load(sums, 64);
	let c1 = v128.load(sums, 80);
	let d0 = v128.load(sums, 96);
	let d1 = v128.load(sums, 112);
	const end = unit + 32 * n;
	for (let x = unit, w = own + WEIGHTS_AT; x < end; x += 32, w += 8) {
		const weight = v128.load64_splat(w);
		a0 = f64x2.relaxed_madd(v128.load(x), weight, a0);
		a1 = f64x2.relaxed_madd(v128.load(x, 16), weight, a1);
		b0 = f64x2.relaxed_madd(v128.load(x, UNIT), weight, b0);
		b1 = f64x2.relaxed_madd(v128.load(x, UNIT + 16), weight, b1);
		c0 = f64x2.relaxed_madd(v128.load(x, 2 * UNIT), weight, c0);
		c1 = f64x2.relaxed_madd(v128.load(x, 2 * UNIT + 16), weight, c1);
		d0 = f64x2.relaxed_madd(v128.load(x, 3 * UNIT), weight, d0);
		d1 = f64x2.relaxed_madd(v128.load(x, 3 * UNIT + 16), weight, d1);
	}
	v128.store(sums, balance(a0, q, inverse));
	v128.store(sums, balance(a1, q, inverse), 16);
	v128.store(sums, balance(b0, q, inverse), 32);
	v128.store(sums, balance(b1, q, inverse), 48);
	v128.store(sums, balance(c0, q, inverse), 64);
	v128.store(sums, balance(c1, q, inverse), 80);
	v128.store(sums, balance(d0, q, inverse), 96);
	v128.store(sums, balance(d1, q, inverse), 112);
}

/** Adds n split terms to the sums of `outputs` outputs: `units` units, rounded up to a multiple of 4. */
function addTerms(outputs: i32, weights: usize, stride: usize, n: i32, units: i32, q: v128, inverse: v128): void {
	let sums = own + SUMS_AT;
	let row = weights;
	let output = 0;
	for (; output + 4 <= outputs; output += 4, sums += 4 * SUMS, row += 4 * stride) {
		gatherWeights(row, stride, n, 4);
		for (let unit = 0; unit < units; unit++) addFour(sums + 32 * unit, own + UNIT * unit, n, q, inverse);
	}
	for (; output < outputs; output++, sums += SUMS, row += stride) {
		gatherWeights(row, stride, n, 1);
		for (let unit = 0; unit < units; unit += 4) addOne(sums + 32 * unit, own + UNIT * unit, n, q, inverse);
	}
}

/** Sums of the digits so far, times 2^b. */
function shiftSums(outputs: i32, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const radix = f64x2.splat(balanceNumber(powerOfTwo(digitBits), modulusOf(modulus)));
	const end = own + SUMS_AT + SUMS * outputs;
	for (let at = own + SUMS_AT; at < end; at += 16) v128.store(at, balancedProduct(v128.load(at), radix, q, inverse));
}

/** The sums of two columns of one output, joined over their parts: balanced. */
function joinParts(sums: usize, q: v128, inverse: v128): v128 {
	const unit = f64x2.splat(partUnit());
	const ratio = f64x2.mul(unit, inverse);
	let at = sums + 32 * (parts - 1);
	let joined = v128.load(at);
	while (at > sums) {
		at -= 32;
		joined = balance(f64x2.add(multiplyModulo(joined, unit, ratio, q), v128.load(at)), q, inverse);
	}
	return joined;
}

/** Writes `width` columns of the outputs. */
function joinOutputs(to: usize, outputs: i32, offset: usize, width: i32, q: v128, inverse: v128): void {
	for (let output = 0; output < outputs; output++) {
		const target = (load<u32>(to + 4 * output) as usize) + offset;
		let sums = own + SUMS_AT + SUMS * output;
		for (let column = 0; column < width; column += 4, sums += 32 * parts) {
			v128.store(target + 8 * column, joinParts(sums, q, inverse));
			v128.store(target + 8 * column, joinParts(sums + 16, q, inverse), 16);
		}
	}
}

/** `width` columns of at most OUTPUTS outputs, `offset` bytes behind the addresses; all terms. */
function combineBlock(
	to: usize,
	outputs: i32,
	terms: usize,
	count: i32,
	weights: usize,
	modulus: i32,
	offset: usize,
	width: i32,
): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const units = (width >> 2) * parts;
	memory.fill(own + SUMS_AT, 0, SUMS * outputs);
	for (let digit = digits - 1; digit >= 0; digit--) {
		digitUnit = powerOfTwo(digitBits * digit);
		if (digit < digits - 1) shiftSums(outputs, modulus);
		for (let k = 0; k < count; k += stretch) {
			const n = min(stretch, count - k);
			splitTerms(terms + 4 * k, n, offset, width);
			addTerms(outputs, weights + 8 * k, 8 * count, n, units, q, inverse);
		}
	}
	joinOutputs(to, outputs, offset, width, q, inverse);
}

export function combine(
	to: usize,
	outputs: i32,
	terms: usize,
	count: i32,
	weights: usize,
	weightBits: i32,
	polynomials: i32,
	primes: i32,
): void {
	own = scratch + THREAD_BYTES * thread;
	chooseDigits(weightBits);
	const end = endColumn();
	for (let row = 0; row < polynomials * primes; row++) {
		const modulus = row % primes;
		chooseParts(modulus, count);
		const width = (LANES / parts) & ~7;
		for (let column = firstColumn(); column < end; column += width)
			for (let output = 0; output < outputs; output += OUTPUTS)
				combineBlock(
					to + 4 * output,
					min(OUTPUTS, outputs - output),
					terms,
					count,
					weights + 8 * count * output,
					modulus,
					row * rowBytes + 8 * column,
					min(width, end - column),
				);
	}
	barrier();
}
