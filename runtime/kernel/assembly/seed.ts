/**
 * Uniform polynomials as SEAL draws them from a seed of 64 bytes. Its generator makes buffers of 4096 bytes; buffer c is Blake2Xb
 * of the 8 bytes of c, keyed with the seed: a root hash of two blocks (seed; c), then hashes 0..63 of the root, 64 bytes each.
 * Those 64 are computed side by side: a *lane row* holds one 64-bit word of each.
 */
import { balance } from './arithmetic';
import { inverseLanes, moduli, modulusLanes, modulusOf, N, rowBytes, scratch } from './context';
import { thread } from './threads';

const LANE_ROW: usize = 512;
/** Bytes of a buffer, and how many words it has. */
const BUFFER: usize = 4096;
const WORDS: i32 = 512;
const ROUNDS: i32 = 12;

/** A thread's scratch: 16 lane rows of a compression's state, 8 of chained values | block | keyed values | words | spare words. */
const CHAIN: usize = 16 * LANE_ROW;
const BLOCK: usize = CHAIN + 8 * LANE_ROW;
const KEYED: usize = BLOCK + 128;
const DRAWN: usize = KEYED + 64;
const SPARE: usize = DRAWN + BUFFER;
const THREAD_BYTES: usize = SPARE + BUFFER;

/** Parameters of Blake2b, words 0..2: the root's, and those of hash 0 (the number of a hash is added to word 1). */
const ROOT_PARAMETERS: u64 = 0x01014040;
const HASH_PARAMETERS: u64 = 0x4000000040;
const OUTPUT_LENGTH: u64 = 0x100000000000;
const INNER_LENGTH: u64 = 0x4000;

/** Blake2b's initial value i. */
function initialValue(i: i32): u64 {
	switch (i) {
		case 0:
			return 0x6a09e667f3bcc908;
		case 1:
			return 0xbb67ae8584caa73b;
		case 2:
			return 0x3c6ef372fe94f82b;
		case 3:
			return 0xa54ff53a5f1d36f1;
		case 4:
			return 0x510e527fade682d1;
		case 5:
			return 0x9b05688c2b3e6c1f;
		case 6:
			return 0x1f83d9abfb41bd6b;
		default:
			return 0x5be0cd19137e2179;
	}
}

/** The order in which a round takes the 16 words of a block: four bits each, the first lowest. */
function orderOf(round: i32): u64 {
	switch (round % 10) {
		case 0:
			return 0xfedcba9876543210;
		case 1:
			return 0x357b20c16df984ae;
		case 2:
			return 0x491763eadf250c8b;
		case 3:
			return 0x8f04a562ebcd1397;
		case 4:
			return 0xd386cb1efa427509;
		case 5:
			return 0x91ef57d438b0a6c2;
		case 6:
			return 0xb8293670a4def15c;
		case 7:
			return 0xa2684f05931ce7bd;
		case 8:
			return 0x5a417d2c803b9ef6;
		default:
			return 0x0dc3e9bf5167482a;
	}
}

/** The scratch of this thread, the next buffer to replace rejected words from, and how many words of the spare one are used. */
let own: usize = 0;
let nextSpare: u64 = 0;
let spareUsed: i32 = WORDS;

/** Bytes at the start of `scratch` that expandSeed needs, of `count` threads together. */
export function seedScratchBytes(count: i32): i32 {
	return count * (THREAD_BYTES as i32);
}

function laneRow(i: i32): usize {
	return own + LANE_ROW * (i as usize);
}

/** Words x and y of the block into state rows a, b, c and d (Blake2b's G), for the first `bytes` bytes of the rows. */
function mix(a: usize, b: usize, c: usize, d: usize, x: v128, y: v128, bytes: usize): void {
	for (let at: usize = 0; at < bytes; at += 16) {
		let va = v128.load(a + at);
		let vb = v128.load(b + at);
		let vc = v128.load(c + at);
		let vd = v128.load(d + at);
		va = i64x2.add(i64x2.add(va, vb), x);
		vd = v128.xor(vd, va);
		vd = v128.shuffle<i32>(vd, vd, 1, 0, 3, 2);
		vc = i64x2.add(vc, vd);
		vb = v128.xor(vb, vc);
		vb = v128.shuffle<i8>(vb, vb, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
		va = i64x2.add(i64x2.add(va, vb), y);
		vd = v128.xor(vd, va);
		vd = v128.shuffle<i16>(vd, vd, 1, 2, 3, 0, 5, 6, 7, 4);
		vc = i64x2.add(vc, vd);
		vb = v128.xor(vb, vc);
		vb = v128.or(i64x2.shr_u(vb, 63), i64x2.add(vb, vb));
		v128.store(a + at, va);
		v128.store(b + at, vb);
		v128.store(c + at, vc);
		v128.store(d + at, vd);
	}
}

function blockWord(order: u64, place: i32): usize {
	return own + BLOCK + 8 * (((order >> (4 * place)) & 15) as usize);
}

/** Mixes the words that places `place` and `place` + 1 of an order name. */
function mixOrdered(order: u64, place: i32, a: i32, b: i32, c: i32, d: i32, bytes: usize): void {
	const x = v128.load64_splat(blockWord(order, place));
	const y = v128.load64_splat(blockWord(order, place + 1));
	mix(laneRow(a), laneRow(b), laneRow(c), laneRow(d), x, y, bytes);
}

function splatRow(row: usize, value: v128, bytes: usize): void {
	for (let at: usize = 0; at < bytes; at += 16) v128.store(row + at, value);
}

/** Blake2b's compression of the block into the chained values, after `hashed` bytes in all. */
function compress(hashed: u64, last: bool, bytes: usize): void {
	for (let i: usize = 0; i < 8; i++) {
		let value = initialValue(i as i32);
		if (i === 4) value ^= hashed;
		if (i === 6 && last) value = ~value;
		memory.copy(own + LANE_ROW * i, own + CHAIN + LANE_ROW * i, bytes);
		splatRow(own + LANE_ROW * (8 + i), i64x2.splat(value), bytes);
	}
	for (let round = 0; round < ROUNDS; round++) {
		const order = orderOf(round);
		for (let i = 0; i < 4; i++) mixOrdered(order, 2 * i, i, 4 + i, 8 + i, 12 + i, bytes);
		for (let i = 0; i < 4; i++)
			mixOrdered(order, 8 + 2 * i, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3), bytes);
	}
	for (let i: usize = 0; i < 8; i++)
		for (let at: usize = LANE_ROW * i; at < LANE_ROW * i + bytes; at += 16) {
			const changed = v128.xor(v128.load(own + at), v128.load(own + 8 * LANE_ROW + at));
			v128.store(own + CHAIN + at, v128.xor(v128.load(own + CHAIN + at), changed));
		}
}

/** Chained values at the start of a hash whose words 0..2 of parameters are these. */
function start(first: u64, second: u64, third: u64, bytes: usize): void {
	for (let i: usize = 0; i < 8; i++) {
		let value = initialValue(i as i32);
		if (i === 0) value ^= first;
		if (i === 1) value ^= second;
		if (i === 2) value ^= third;
		splatRow(own + CHAIN + LANE_ROW * i, i64x2.splat(value), bytes);
	}
}

/** Puts `bytes` bytes into the block and zeros behind them. */
function setBlock(from: usize, bytes: usize): void {
	memory.fill(own + BLOCK, 0, 128);
	memory.copy(own + BLOCK, from, bytes);
}

/** Hashes the seed: what every root begins with. One hash, in both lanes of the first 16 bytes of each row. */
function useSeed(seed: usize): void {
	start(ROOT_PARAMETERS, OUTPUT_LENGTH, 0, 16);
	setBlock(seed, 64);
	compress(128, false, 16);
	for (let i: usize = 0; i < 8; i++) store<u64>(own + KEYED + 8 * i, load<u64>(own + CHAIN + LANE_ROW * i));
}

/** The root of buffer `counter`, put into the block. */
function setRoot(counter: u64): void {
	for (let i: usize = 0; i < 8; i++) splatRow(own + CHAIN + LANE_ROW * i, v128.load64_splat(own + KEYED + 8 * i), 16);
	memory.fill(own + BLOCK, 0, 128);
	store<u64>(own + BLOCK, counter);
	compress(136, true, 16);
	for (let i: usize = 0; i < 8; i++) store<u64>(own + BLOCK + 8 * i, load<u64>(own + CHAIN + LANE_ROW * i));
	memory.fill(own + BLOCK + 64, 0, 64);
}

/** Buffer `counter` of the generator to 4096 bytes at `to`. */
function draw(to: usize, counter: u64): void {
	setRoot(counter);
	start(HASH_PARAMETERS, OUTPUT_LENGTH, INNER_LENGTH, LANE_ROW);
	for (let hash: usize = 0; hash < 64; hash++) {
		const word = own + CHAIN + LANE_ROW + 8 * hash;
		store<u64>(word, load<u64>(word) ^ hash);
	}
	compress(64, true, LANE_ROW);
	for (let pair: usize = 0; pair < 32; pair++)
		for (let i: usize = 0; i < 8; i += 2) {
			const a = v128.load(own + CHAIN + LANE_ROW * i + 16 * pair);
			const b = v128.load(own + CHAIN + LANE_ROW * (i + 1) + 16 * pair);
			v128.store(to + 128 * pair + 8 * i, v128.shuffle<i64>(a, b, 0, 2));
			v128.store(to + 128 * pair + 64 + 8 * i, v128.shuffle<i64>(a, b, 1, 3));
		}
}

/** The next word of the generator behind those of the polynomial. */
function spareWord(): u64 {
	if (spareUsed === WORDS) {
		draw(own + SPARE, nextSpare);
		nextSpare++;
		spareUsed = 0;
	}
	return load<u64>(own + SPARE + 8 * (spareUsed++ as usize));
}

/** Draws again for each of the drawn words that is not below `limit`, in their order, until it is. */
function replaceRejected(limit: u64): void {
	const sign = i64x2.splat(i64.MIN_VALUE);
	const bound = v128.xor(i64x2.splat(limit - 1), sign);
	for (let at = own + DRAWN; at < own + DRAWN + BUFFER; at += 16) {
		if (!v128.any_true(i64x2.gt_s(v128.xor(v128.load(at), sign), bound))) continue;
		for (let word = at; word < at + 16; word += 8) while (load<u64>(word) >= limit) store<u64>(word, spareWord());
	}
}

/**
 * The drawn words modulo q, balanced, to 512 places of a row. A word is 2^32 high + low: 2^84 + 2^32 high and 2^52 + low are
 * made by setting exponents. 2^32 high has 32 bits; for q > 2^13, k = round(2^32 high / q) is below 2^51 and off by less than 1, hence k q is subtracted exactly
 * (the difference is an integer below q), and what is left with low is below 2^49.
 */
function reduceWords(row: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const highUnit = i64x2.splat(0x4530000000000000);
	const lowUnit = i64x2.splat(0x4330000000000000);
	const lowBits = i64x2.splat(0xffffffff);
	for (let at: usize = 0; at < BUFFER; at += 16) {
		const word = v128.load(own + DRAWN + at);
		const high = f64x2.sub(v128.or(i64x2.shr_u(word, 32), highUnit), highUnit);
		const low = f64x2.sub(v128.or(v128.and(word, lowBits), lowUnit), lowUnit);
		v128.store(row + at, balance(f64x2.add(balance(high, q, inverse), low), q, inverse));
	}
}

/** The words of one modulus, buffers `counter` and on, to a row; 0 for one that is dropped. */
function drawRow(row: usize, modulus: i32, counter: u64): void {
	const q = modulusOf(modulus) as u64;
	const limit = u64.MAX_VALUE - (u64.MAX_VALUE % q) - 1;
	for (let column = 0; column < N; column += WORDS, counter++) {
		draw(own + DRAWN, counter);
		replaceRejected(limit);
		if (row !== 0) reduceWords(row + 8 * column, modulus);
	}
}

/**
 * The rows that SEAL draws for the first `primes` primes; with P's it draws for every prime between as well. It draws all words at
 * once, N for each modulus in order, then in the same order replaces those not below the limit: 2^64 - 2 less the residue of 2^64 - 1.
 */
export function expandSeed(rows: usize, seed: usize, primes: i32, withSpecial: i32): void {
	own = scratch + THREAD_BYTES * (thread as usize);
	const count = withSpecial ? moduli : primes;
	const buffers = N / WORDS;
	nextSpare = (count * buffers) as u64;
	spareUsed = WORDS;
	useSeed(seed);
	for (let i = 0; i < count; i++) {
		const place = i < primes ? i : primes;
		const kept = i < primes || i === moduli - 1;
		drawRow(kept ? rows + place * rowBytes : 0, i, (i * buffers) as u64);
	}
}
