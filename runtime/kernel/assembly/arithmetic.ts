/**
 * Arithmetic modulo q on two lanes of float64 with fused multiply-add: x y + z or z - x y, rounded once. Residues are
 * integers; q is odd and 16 < q < 2^48. A residue is *balanced* when |r| <= (q - 1) / 2: every class has one such.
 */

/** 1.5 * 2^52: adding it to |x| < 2^51 rounds x to an integer, subtracting it again gives that integer. */
const ROUNDER: f64 = 6755399441055744;

/**
 * 1.5 * 2^100, where a sum of products begins: multiples of 2^48 are kept while |sum| < 2^99.
 * See `accumulateHigh`.
 */
export const SUM_START: f64 = 1.901475900342344102245054808064e30;

/** Products of balanced residues that one sum may hold, whatever the modulus. See `finishSum`. */
export const SUM_TERMS: i32 = 24;

/**
 * ROUNDER in both lanes. A variable, not a constant: V8 builds a constant anew at every use, in three instructions, and a
 * variable costs a load.
 */
let rounder: v128 = f64x2.splat(0);

/** To be called once in every instance, before any other function here. */
export function prepareArithmetic(): void {
	rounder = f64x2.splat(ROUNDER);
}

/** The integer nearest to x y (of the exact product), for |x y| < 2^51. */
export function roundedProduct(x: v128, y: v128): v128 {
	return f64x2.sub(f64x2.relaxed_madd(x, y, rounder), rounder);
}

/**
 * x mod q, balanced; `inverse` = fl(1 / q). For integers |x| < 2^52.
 * k = round(x inverse) differs from x / q by at most 1/2 + |x| / q 2^-53, so |x - k q| < q / 2 + 1 / 2; x - k q is an integer and
 * (q + 1) / 2 is the next after the balanced ones: the result is balanced.
 */
export function balance(x: v128, q: v128, inverse: v128): v128 {
	return f64x2.relaxed_nmadd(roundedProduct(x, inverse), q, x);
}

/**
 * x w mod q, not balanced: |r| <= q / 2 + 3 q |x| 2^-55 < q. For integers |x| < 2^52 and |w| <= q / 2; `ratio` = w / q, as
 * fl(w / q) or fl(w fl(1 / q)).
 * h = fl(x w); k = round(x ratio); r = (h - k q) - (h - x w). The ratio, at most 1/2, is off by 2^-54 + 2^-55 or less, so |x w - k q|
 * is as above. h - x w is exact: an integer of at most half a unit in the last place of h < 2^99, that is 2^45. Hence h - k q is
 * an integer below 2^49 and exact, and so is the difference of both.
 */
export function multiplyModulo(x: v128, w: v128, ratio: v128, q: v128): v128 {
	const k = roundedProduct(x, ratio);
	const h = f64x2.mul(x, w);
	return f64x2.sub(f64x2.relaxed_nmadd(k, q, h), f64x2.relaxed_nmadd(x, w, h));
}

/** x y mod q, balanced; for integers |x| < 2^51 and |y| <= q / 2. */
export function balancedProduct(x: v128, y: v128, q: v128, inverse: v128): v128 {
	return balance(multiplyModulo(x, y, f64x2.mul(y, inverse), q), q, inverse);
}

/**
 * One step of a sum of products. `high` begins with SUM_START, `low` with 0 or a balanced residue to add; then
 *
 *     next = accumulateHigh(x, y, high);  low = accumulateLow(x, y, high, next, low);  high = next;
 *
 * next - high is x y rounded to a multiple of 2^48 and exact; x y - (next - high) is an integer of at most 2^47, and so exact.
 */
export function accumulateHigh(x: v128, y: v128, high: v128): v128 {
	return f64x2.relaxed_madd(x, y, high);
}

export function accumulateLow(x: v128, y: v128, high: v128, next: v128, low: v128): v128 {
	return f64x2.sub(low, f64x2.relaxed_nmadd(x, y, f64x2.sub(next, high)));
}

/**
 * The sum modulo q, balanced, after at most SUM_TERMS = 24 products of balanced residues.
 * The products add up to at most 24 (q / 2)^2 < 2^98.6, so high keeps its exponent, and to fewer than 2^50.6 multiples of q (where
 * q is small, 24 * 2^47 / q more): k = round((high - SUM_START) / q) is off by less than 1/2 + 1/4 and leaves |r| < 3/4 q. low is at most
 * 24 * 2^47 + q / 2; r + low < 27 * 2^47 < 2^52 is reduced exactly.
 */
export function finishSum(high: v128, low: v128, q: v128, inverse: v128): v128 {
	const sum = f64x2.sub(high, f64x2.splat(SUM_START));
	return balance(f64x2.add(f64x2.relaxed_nmadd(roundedProduct(sum, inverse), q, sum), low), q, inverse);
}

/** x y mod q of one number, balanced; |x| < 2^51, |y| <= q / 2. */
export function multiplyNumbers(x: f64, y: f64, q: f64): f64 {
	return f64x2.extract_lane(balancedProduct(f64x2.splat(x), f64x2.splat(y), f64x2.splat(q), f64x2.splat(1 / q)), 0);
}

/** x mod q of one number, balanced; |x| < 2^52. */
export function balanceNumber(x: f64, q: f64): f64 {
	return f64x2.extract_lane(balance(f64x2.splat(x), f64x2.splat(q), f64x2.splat(1 / q)), 0);
}

/** x^exponent mod q, balanced; |x| < 2^51. */
export function power(x: f64, exponent: u64, q: f64): f64 {
	let square = balanceNumber(x, q);
	let result: f64 = 1;
	for (let rest = exponent; rest > 0; rest >>= 1) {
		if (rest & 1) result = multiplyNumbers(result, square, q);
		square = multiplyNumbers(square, square, q);
	}
	return result;
}

/** 1 / x mod q, balanced, for a prime q that does not divide x; |x| < 2^51. */
export function reciprocal(x: f64, q: f64): f64 {
	return power(x, (q as u64) - 2, q);
}

/** Is multiply-add fused, in both lanes and at every magnitude that the kernel uses? */
export function isFused(): i32 {
	for (let bits = 28; bits <= 52; bits++) {
		const unit = ((1 as u64) << bits) as f64;
		// (unit + 1) (unit - 1) = unit^2 - 1, which rounds to unit^2 when it has more than 53 bits.
		const x = f64x2.replace_lane(f64x2.splat(unit + 1), 1, unit - 1);
		const y = f64x2.replace_lane(f64x2.splat(unit - 1), 1, unit + 1);
		const product = f64x2.mul(x, y);
		const low = f64x2.relaxed_madd(x, y, f64x2.neg(product));
		const minusLow = f64x2.relaxed_nmadd(x, y, product);
		if (f64x2.extract_lane(low, 0) !== -1 || f64x2.extract_lane(low, 1) !== -1) return 0;
		if (f64x2.extract_lane(minusLow, 0) !== 1 || f64x2.extract_lane(minusLow, 1) !== 1) return 0;
	}
	return 1;
}
