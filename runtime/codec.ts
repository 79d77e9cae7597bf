import { RefusedError } from './errors.ts';
import { ciphertextHeader, type Level, plaintextHeader, seededHeader, seedHeader } from './records.ts';
import { checkLength, checkResidues, packResidues, refuse, unpackResidues } from './residues.ts';
import {
	CIPHERTEXT_HEADER,
	ciphertextLength,
	ciphertextRecordLength,
	PLAINTEXT_HEADER,
	plaintextLength,
	type Ring,
	residuesOf,
	SEED_BYTES,
	SEED_RECORD,
	SIZE,
	seededLength,
	seededRecordLength,
} from './sizes.ts';

/**
 * Ciphertexts as they are sent, and the stored secret key. Every byte of SEAL's records but residues and seeds follows from
 * the plan, so none of them is sent: the receiver writes them anew, and nothing but residues below their primes and a seed
 * ever reaches SEAL from outside. What the key owner encrypts is seeded: in place of the second polynomial, which is
 * uniform and public, stands the seed it was drawn from, and loading draws it again. For each prime N residues:
 *
 *     ciphertext:    first polynomial | second polynomial
 *     seeded:        first polynomial | seed 64
 *
 * Evaluation keys are in keyCodec.ts. The secret key is never sent; it is stored as SEAL's record.
 */
const broken = (): never => {
	throw new RefusedError('program', 'SEAL writes ciphertexts in another form than expected', 'Use node-seal 7.0.0.');
};

/** SEAL's words of a polynomial, for sending; returns how many bytes they take. */
const packPolynomial = (words: Uint8Array, { ringDegree, primes }: Ring, packed: Uint8Array): number => {
	let at = 0;
	primes.forEach((prime, i) => {
		at += packResidues(words.subarray(8 * ringDegree * i, 8 * ringDegree * (i + 1)), prime, packed.subarray(at));
	});
	return at;
};

/** The reverse. Returns whether a residue is not zero. */
const unpackPolynomial = (
	packed: Uint8Array,
	{ ringDegree, primes }: Ring,
	words: Uint8Array,
	what: string,
): boolean => {
	let at = 0;
	let any = false;
	primes.forEach((prime, i) => {
		const mine = words.subarray(8 * ringDegree * i, 8 * ringDegree * (i + 1));
		const unpacked = unpackResidues(packed.subarray(at), prime, mine, what);
		at += unpacked.bytes;
		if (unpacked.any) any = true;
	});
	return any;
};

/** The words of one polynomial of SEAL's record. */
const wordsOf = (record: Uint8Array, level: Level, polynomial: number): Uint8Array => {
	const start = CIPHERTEXT_HEADER + 8 * residuesOf(level) * polynomial;
	return record.subarray(start, start + 8 * residuesOf(level));
};

/** What is sent of SEAL's record of a ciphertext of size 2. */
export const packCiphertext = (record: Uint8Array, level: Level): Uint8Array => {
	if (record.length !== ciphertextRecordLength(level)) broken();
	const bytes = new Uint8Array(ciphertextLength(level));
	const half = packPolynomial(wordsOf(record, level, 0), level, bytes);
	packPolynomial(wordsOf(record, level, 1), level, bytes.subarray(half));
	return bytes;
};

/** What is sent of SEAL's record of a seeded ciphertext. */
export const packSeeded = (record: Uint8Array, level: Level): Uint8Array => {
	if (record.length !== seededRecordLength(level)) broken();
	const bytes = new Uint8Array(seededLength(level));
	const at = packPolynomial(wordsOf(record, level, 0), level, bytes);
	bytes.set(record.subarray(record.length - SEED_BYTES), at);
	return bytes;
};

/**
 * SEAL's record of a ciphertext of this level and scale. Throws RefusedError 'message', and nothing else, unless its residues
 * are below their primes and the second polynomial is not zero (a transparent ciphertext would show its plaintext).
 */
export const unpackCiphertext = (bytes: Uint8Array, level: Level, scale: number, what: string): Uint8Array => {
	checkLength(bytes, ciphertextLength(level), what);
	const record = new Uint8Array(ciphertextRecordLength(level));
	record.set(ciphertextHeader(level, scale, record.length, SIZE));
	const half = bytes.length / SIZE;
	unpackPolynomial(bytes.subarray(0, half), level, wordsOf(record, level, 0), what);
	const hidden = unpackPolynomial(bytes.subarray(half), level, wordsOf(record, level, 1), what);
	return hidden ? record : refuse(what, 'it is transparent (encrypts nothing)');
};

/**
 * SEAL's record of a seeded ciphertext of this level and scale. Any seed will do. Throws RefusedError 'message', and nothing
 * else, unless its residues are below their primes and not all zero.
 */
export const unpackSeeded = (bytes: Uint8Array, level: Level, scale: number, what: string): Uint8Array => {
	checkLength(bytes, seededLength(level), what);
	const record = new Uint8Array(seededRecordLength(level));
	record.set(seededHeader(level, scale));
	const any = unpackPolynomial(bytes, level, wordsOf(record, level, 0), what);
	record.set(seedHeader(), record.length - SEED_RECORD);
	record.set(bytes.subarray(bytes.length - SEED_BYTES), record.length - SEED_BYTES);
	return any ? record : refuse(what, 'its residues are all zero');
};

/** Throws what `unpackSeeded` would throw, without unpacking. */
export const checkSeeded = (bytes: Uint8Array, ring: Ring, what: string): void => {
	checkLength(bytes, seededLength(ring), what);
	let at = 0;
	let any = false;
	for (const prime of ring.primes) {
		const found = checkResidues(bytes.subarray(at), ring.ringDegree, prime, what);
		at += found.bytes;
		if (found.any) any = true;
	}
	if (!any) refuse(what, 'its residues are all zero');
};

type Field = readonly [offset: number, name: string];
const PLAINTEXT_FIELDS: readonly Field[] = [
	[0, 'magic number'],
	[3, 'version'],
	[5, 'compression'],
	[6, 'reserved bytes'],
	[8, 'length'],
	[16, 'parameters (parms_id)'],
	[48, 'number of coefficients'],
	[56, 'scale'],
	[64, 'header of the residues'],
	[80, 'number of residues'],
];

/**
 * Accepts exactly the bytes of SEAL's record of a plaintext at this level and scale: its header *equals* the one expected and
 * every residue lies below its prime. Throws RefusedError 'message' otherwise.
 */
export const checkPlaintext = (bytes: Uint8Array, level: Level, scale: number, what: string): void => {
	checkLength(bytes, plaintextLength(level), what);
	plaintextHeader(level, scale).forEach((expected, i) => {
		if (bytes[i] === expected) return;
		refuse(what, `its ${PLAINTEXT_FIELDS.findLast(([start]) => start <= i)?.[1]} differs`);
	});
	checkWords(bytes.subarray(PLAINTEXT_HEADER), level, what);
};

/** Words of residues: N for each prime, each below it. */
const checkWords = (bytes: Uint8Array, { ringDegree, primes }: Ring, what: string): void => {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	primes.forEach((prime, i) => {
		for (let at = 8 * ringDegree * i; at < 8 * ringDegree * (i + 1); at += 8)
			if (view.getBigUint64(at, true) >= BigInt(prime)) refuse(what, 'a residue is not below its prime');
	});
};
