import {
	CIPHERTEXT_HEADER,
	PLAINTEXT_HEADER,
	plaintextLength,
	RECORD_HEADER,
	type Ring,
	residuesOf,
	SEED_BYTES,
	SIZE,
	seededRecordLength,
} from './sizes.ts';

/**
 * SEAL's serialised objects: every byte but residues and seeds follows from the parameters. Uncompressed, layout of SEAL
 * 4.1, little-endian:
 *
 *     record header: 5e a1 | 16 | 4 | 1 | compression 0 | 0 0 | u64 bytes in total
 *     ciphertext:    record header | parms_id 32 | NTT u8 | size u64 | N u64 | L u64 | scale f64 | correction u64
 *                    | record header of the words | u64 words | size * L * N residues u64
 *     seeded:        a ciphertext with L * N residues | record header | generator u8 | seed 64
 *     plaintext:     record header | parms_id 32 | words u64 | scale f64 | record header of the words | u64 words | L * N residues
 *     keys:          record header | parms_id 32 | u64 rows | for each row: u64 0, or u64 L - 1 and as many seeded
 */
export type Level = Ring & {
	/** SEAL's hash of the parameters of this level, 32 bytes. The special prime is last at the level of keys. */
	readonly parmsId: Uint8Array;
};

/** SEAL's number of Blake2xb, the generator that this build of it draws from. */
const BLAKE2XB = 1;

/** Galois element of a rotation by `steps` to the left: 3^steps mod 2N. */
export const galoisElement = (steps: number, ringDegree: number): number => {
	let element = 1;
	for (let i = 0; i < steps; i++) element = (element * 3) % (2 * ringDegree);
	return element;
};

/** A record's header of `length` bytes up to its parms_id. */
export const startRecord = (length: number, total: number, parmsId: Uint8Array): DataView => {
	const bytes = new Uint8Array(length);
	bytes.set(parmsId, RECORD_HEADER);
	const view = new DataView(bytes.buffer);
	putHeader(view, 0, total);
	return view;
};

const putHeader = (view: DataView, offset: number, total: number): void => {
	[0x5e, 0xa1, RECORD_HEADER, 4, 1, 0, 0, 0].forEach((byte, i) => {
		view.setUint8(offset + i, byte);
	});
	putWord(view, offset + 8, total);
};

export const putWord = (view: DataView, offset: number, value: number): void =>
	view.setBigUint64(offset, BigInt(value), true);

/** The header of the array of residues and their number. */
const putArray = (view: DataView, offset: number, words: number): void => {
	putHeader(view, offset, RECORD_HEADER + 8 + 8 * words);
	putWord(view, offset + RECORD_HEADER, words);
};

/** The header of a ciphertext of `total` bytes that stores `polynomials` of its two as residues. */
export const ciphertextHeader = (level: Level, scale: number, total: number, polynomials: number): Uint8Array => {
	const view = startRecord(CIPHERTEXT_HEADER, total, level.parmsId);
	view.setUint8(48, 1);
	putWord(view, 49, SIZE);
	putWord(view, 57, level.ringDegree);
	putWord(view, 65, level.primes.length);
	view.setFloat64(73, scale, true);
	putWord(view, 81, 1);
	putArray(view, 89, polynomials * residuesOf(level));
	return new Uint8Array(view.buffer);
};

export const seededHeader = (level: Level, scale: number): Uint8Array =>
	ciphertextHeader(level, scale, seededRecordLength(level), 1);

/** What stands before the 64 bytes of a seed. */
export const seedHeader = (): Uint8Array => {
	const view = new DataView(new ArrayBuffer(RECORD_HEADER + 1));
	putHeader(view, 0, RECORD_HEADER + 1 + SEED_BYTES);
	view.setUint8(RECORD_HEADER, BLAKE2XB);
	return new Uint8Array(view.buffer);
};

/** What stands before the residues of a plaintext: it follows from level and scale. */
export const plaintextHeader = (level: Level, scale: number): Uint8Array => {
	const view = startRecord(PLAINTEXT_HEADER, plaintextLength(level), level.parmsId);
	putWord(view, 48, residuesOf(level));
	view.setFloat64(56, scale, true);
	putArray(view, 64, residuesOf(level));
	return new Uint8Array(view.buffer);
};
