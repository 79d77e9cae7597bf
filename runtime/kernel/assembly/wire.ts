/** Residues as they are sent: `width` bytes each, little-endian, in [0, q); width is 1 to 6. Two at a time. */
import { modulusLanes, N } from './context';

/** 2^52, whose bits with an integer below 2^52 in their low end are those of 2^52 + the integer. */
const UNIT: f64 = 4503599627370496;

/** A pair of packed residues lies in 2 * width bytes: which byte goes to each byte of two words of 8 (128: zero). */
function spreading(width: i32): v128 {
	let mask = i8x16.splat(-128);
	for (let b = 0; b < width; b++) {
		const lane = i64x2.replace_lane(i64x2.splat(b), 1, width + b);
		const place = i64x2.splat((0xff as u64) << (8 * b));
		mask = v128.bitselect(i64x2.shl(lane, 8 * b), mask, place);
	}
	return mask;
}

/** The reverse: the low bytes of two words to the first 2 * width bytes, zeros behind them. */
function gathering(width: i32): v128 {
	let low: u64 = 0;
	let high: u64 = 0;
	for (let b = 0; b < 8; b++) {
		const from = b < width ? b : 8 + b - width;
		low |= ((b < 2 * width ? from : 128) as u64) << (8 * b);
		high |= ((8 + b < 2 * width ? 16 + b - width : 128) as u64) << (8 * b);
	}
	return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/**
 * Residues to a row, balanced. Returns -1 when one is not below its modulus, else 1, or 0 when all are zero. Loads 16 bytes for two of
 * them; the last loads end where the residues end, so that no byte behind them is read.
 */
export function unpackRow(row: usize, packed: usize, width: i32, modulus: i32): i32 {
	const q = modulusLanes(modulus);
	const half = f64x2.mul(q, f64x2.splat(0.5));
	const unit = f64x2.splat(UNIT);
	const mask = spreading(width);
	const last = packed + width * N - 16;
	let large = i64x2.splat(0);
	let any = i64x2.splat(0);
	for (let i = 0, at = packed; i < N; i += 2, at += 2 * width) {
		const from = min(at, last);
		const word = v128.swizzle(v128.load(from), i8x16.add(mask, i8x16.splat((at - from) as i8)));
		const x = f64x2.sub(v128.or(word, unit), unit);
		large = v128.or(large, f64x2.ge(x, q));
		any = v128.or(any, word);
		v128.store(row + 8 * i, f64x2.sub(x, v128.and(f64x2.gt(x, half), q)));
	}
	if (v128.any_true(large)) return -1;
	return v128.any_true(any) ? 1 : 0;
}

/** A balanced row to residues. Two are written with the 16 - 2 * width bytes behind them, which the next ones overwrite. */
export function packRow(packed: usize, width: i32, row: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const zero = f64x2.splat(0);
	const unit = f64x2.splat(UNIT);
	const mask = gathering(width);
	const last = packed + width * N - 16;
	let at = packed;
	for (let i = 0; i < N; i += 2, at += 2 * width) {
		const x = v128.load(row + 8 * i);
		const canonical = f64x2.add(x, v128.and(f64x2.lt(x, zero), q));
		const pair = v128.swizzle(f64x2.add(canonical, unit), mask);
		if (at <= last) v128.store(at, pair);
		else storePair(at, pair, width);
	}
}

/** The first 2 * width bytes of a pair, and no more. */
function storePair(at: usize, pair: v128, width: i32): void {
	let rest = pair;
	for (let b = 0; b < 2 * width; b++) {
		store<u8>(at + b, i8x16.extract_lane_u(rest, 0));
		rest = v128.shuffle<i8>(rest, rest, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
	}
}
