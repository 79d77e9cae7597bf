import type { Residues } from './wireReader.ts';

/**
 * What the seeds of docs/wire.md stand for, by that document, RFC 7693 (BLAKE2) and the paper on BLAKE2X: nothing here is
 * the runtime's. Slow: a block of 4,096 bytes takes 130 compressions in bigints.
 */
const IV = [
	0x6a09e667f3bcc908n,
	0xbb67ae8584caa73bn,
	0x3c6ef372fe94f82bn,
	0xa54ff53a5f1d36f1n,
	0x510e527fade682d1n,
	0x9b05688c2b3e6c1fn,
	0x1f83d9abfb41bd6bn,
	0x5be0cd19137e2179n,
];
const ORDERS = [
	'0123456789abcdef',
	'ea489fd61c02b753',
	'b8c052fdae367194',
	'7931dcbe265a40f8',
	'905724afe1bc683d',
	'2c6a0b834d75fe19',
	'c51fed4a0763928b',
	'db7ec13950f4862a',
	'6fe9b308c2d714a5',
	'a2847615fb9e3cd0',
].map((row) => Array.from(row, (digit) => Number.parseInt(digit, 16)));
const ROUNDS = 12;
const CHUNK = 128;
const HASH = 64;
const BLOCK = 4096;
const MAX = 2n ** 64n - 1n;

const u64 = (x: bigint): bigint => x & MAX;
const turn = (x: bigint, bits: bigint): bigint => u64((x >> bits) | (x << (64n - bits)));

const wordsOf = (bytes: Uint8Array): bigint[] => {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i, true));
};
const bytesOf = (words: readonly bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(words).buffer);

/** The function G of BLAKE2b on four words of the state. */
const mix = (state: readonly bigint[], x: bigint, y: bigint): readonly bigint[] => {
	let [a, b, c, d] = state as [bigint, bigint, bigint, bigint];
	a = u64(a + b + x);
	d = turn(d ^ a, 32n);
	c = u64(c + d);
	b = turn(b ^ c, 24n);
	a = u64(a + b + y);
	d = turn(d ^ a, 16n);
	c = u64(c + d);
	return [a, turn(b ^ c, 63n), c, d];
};

/** The words of each of the 8 mixes of a round: the columns of a square of 4 by 4, then its diagonals. */
const PLACES = Array.from({ length: 8 }, (_, i) => [0, 1, 2, 3].map((row) => 4 * row + ((i + (i < 4 ? 0 : row)) % 4)));

const compress = (hash: readonly bigint[], chunk: Uint8Array, count: number, last: boolean): bigint[] => {
	const message = wordsOf(chunk);
	const state = [...hash, ...IV];
	state[12] = (state[12] as bigint) ^ BigInt(count);
	if (last) state[14] = u64(~(state[14] as bigint));
	for (let round = 0; round < ROUNDS; round++) {
		const order = (ORDERS[round % ORDERS.length] as readonly number[]).map((i) => message[i] as bigint);
		for (const [i, places] of PLACES.entries()) {
			const four = places.map((place) => state[place] as bigint);
			const mixed = mix(four, order[2 * i] as bigint, order[2 * i + 1] as bigint);
			for (const [k, place] of places.entries()) state[place] = mixed[k] as bigint;
		}
	}
	return hash.map((word, i) => word ^ (state[i] as bigint) ^ (state[i + 8] as bigint));
};

/** BLAKE2b of 64 bytes with this block of parameters. */
export const blake2b = (parameters: Uint8Array, data: Uint8Array): Uint8Array => {
	let hash = wordsOf(parameters).map((word, i) => word ^ (IV[i] as bigint));
	const chunks = Math.max(1, Math.ceil(data.length / CHUNK));
	for (let i = 0; i < chunks; i++) {
		const chunk = new Uint8Array(CHUNK);
		chunk.set(data.subarray(CHUNK * i, CHUNK * (i + 1)));
		hash = compress(hash, chunk, Math.min(data.length, CHUNK * (i + 1)), i === chunks - 1);
	}
	return bytesOf(hash);
};

/** Of BLAKE2X: length of the hash, of the key, fanout, depth | leaf u32 | node u32 | length of the output u32 | 0 | inner length. */
const parametersOf = (first: readonly number[], leaf: number, node: number, inner: number): Uint8Array => {
	const bytes = new Uint8Array(HASH);
	bytes.set(first);
	const view = new DataView(bytes.buffer);
	view.setUint32(4, leaf, true);
	view.setUint32(8, node, true);
	view.setUint32(12, BLOCK, true);
	bytes[17] = inner;
	return bytes;
};

/** Block k of the stream of a seed. */
const blockOf = (seed: Uint8Array, k: number): bigint[] => {
	const data = new Uint8Array(CHUNK + 8);
	data.set(seed);
	new DataView(data.buffer).setUint32(CHUNK, k, true);
	const root = blake2b(parametersOf([HASH, seed.length, 1, 1], 0, 0, 0), data);
	return Array.from({ length: BLOCK / HASH }, (_, node) =>
		wordsOf(blake2b(parametersOf([HASH, 0, 0, 0], HASH, node, HASH), root)),
	).flat();
};

/** The polynomial drawn from a seed, and how many numbers were rejected. */
export const draw = (
	seed: Uint8Array,
	ringDegree: number,
	primes: readonly number[],
): { readonly residues: Residues; readonly rejected: number } => {
	const numbers: bigint[] = [];
	const at = (i: number): bigint => {
		while (numbers.length <= i) numbers.push(...blockOf(seed, numbers.length / (BLOCK / 8)));
		return numbers[i] as bigint;
	};
	const planned = ringDegree * primes.length;
	let next = planned;
	const residues = primes.map((prime, i) => {
		const q = BigInt(prime);
		const limit = MAX - (MAX % q) - 1n;
		return Array.from({ length: ringDegree }, (_, k) => {
			let x = at(ringDegree * i + k);
			while (x >= limit) x = at(next++);
			return Number(x % q);
		});
	});
	return { residues, rejected: next - planned };
};
