import { RefusedError } from './errors.ts';
import {
	CIPHERTEXT_HEADER,
	ciphertextLength,
	KEYS_HEADER,
	keyLength,
	PLAINTEXT_HEADER,
	plaintextLength,
	RECORD_HEADER,
	type Ring,
	residuesOf,
	SEED_RECORD,
	SIZE,
	seededLength,
} from './sizes.ts';

/**
 * SEAL's serialised objects, checked before SEAL sees them. Uncompressed, every byte of a record but its residues follows
 * from the parameters, so a record is accepted only when its header *equals* the one expected and every residue lies
 * below its prime. What the key owner makes (inputs and evaluation keys) is seeded: in place of the second polynomial,
 * which is uniform and public, stands the seed it was drawn from, and loading draws it again. Layout of SEAL 4.1,
 * little-endian:
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

type Field = readonly [offset: number, name: string];

/** SEAL's number of Blake2xb, the generator that this build of it draws from. */
const BLAKE2XB = 1;

const RECORD_FIELDS: readonly Field[] = [
	[0, 'magic number'],
	[3, 'version'],
	[5, 'compression'],
	[6, 'reserved bytes'],
	[8, 'length'],
	[16, 'parameters (parms_id)'],
];
const CIPHERTEXT_FIELDS: readonly Field[] = [
	...RECORD_FIELDS,
	[48, 'NTT form'],
	[49, 'number of polynomials'],
	[57, 'ring degree'],
	[65, 'number of primes'],
	[73, 'scale'],
	[81, 'correction factor'],
	[89, 'header of the residues'],
	[105, 'number of residues'],
];
const PLAINTEXT_FIELDS: readonly Field[] = [
	...RECORD_FIELDS,
	[48, 'number of coefficients'],
	[56, 'scale'],
	[64, 'header of the residues'],
	[80, 'number of residues'],
];
const KEYS_FIELDS: readonly Field[] = [...RECORD_FIELDS, [48, 'number of rows']];
const SEED_FIELDS: readonly Field[] = [
	[0, 'header of the seed'],
	[RECORD_HEADER, 'generator of the seed'],
];

/** Galois element of a rotation by `steps` to the left: 3^steps mod 2N. */
export const galoisElement = (steps: number, ringDegree: number): number => {
	let element = 1;
	for (let i = 0; i < steps; i++) element = (element * 3) % (2 * ringDegree);
	return element;
};

const refuse = (what: string, why: string): never => {
	throw new RefusedError(
		'message',
		`${what} is not what the program expects: ${why}`,
		'Both sides must run the same compiled program and the same version; send the message again if it was cut off.',
	);
};

/** A record's header up to its parms_id. */
const startRecord = (length: number, total: number, parmsId: Uint8Array): DataView => {
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

const putWord = (view: DataView, offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);

/** The header of the array of residues and their number. */
const putArray = (view: DataView, offset: number, words: number): void => {
	putHeader(view, offset, RECORD_HEADER + 8 + 8 * words);
	putWord(view, offset + RECORD_HEADER, words);
};

/** The header of a ciphertext of `total` bytes that stores `polynomials` of its two as residues. */
const ciphertextHeader = (level: Level, scale: number, total: number, polynomials: number): Uint8Array => {
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

const seededHeader = (level: Level, scale: number): Uint8Array =>
	ciphertextHeader(level, scale, seededLength(level), 1);

/** What stands before the 64 bytes of a seed. */
const seedHeader = (): Uint8Array => {
	const view = new DataView(new ArrayBuffer(RECORD_HEADER + 1));
	putHeader(view, 0, SEED_RECORD);
	view.setUint8(RECORD_HEADER, BLAKE2XB);
	return new Uint8Array(view.buffer);
};

const plaintextHeader = (level: Level, scale: number): Uint8Array => {
	const view = startRecord(PLAINTEXT_HEADER, plaintextLength(level), level.parmsId);
	putWord(view, 48, residuesOf(level));
	view.setFloat64(56, scale, true);
	putArray(view, 64, residuesOf(level));
	return new Uint8Array(view.buffer);
};

const checkLength = (bytes: Uint8Array, expected: number, what: string): void => {
	if (bytes.length !== expected) refuse(what, `it has ${bytes.length} bytes instead of ${expected}`);
};

const checkHeader = (
	bytes: Uint8Array,
	offset: number,
	expected: Uint8Array,
	fields: readonly Field[],
	what: string,
): void => {
	for (let i = 0; i < expected.length; i++) {
		if (bytes[offset + i] === expected[i]) continue;
		const field = fields.findLast(([start]) => start <= i);
		refuse(what, `its ${field?.[1]} differs`);
	}
};

/** Residues at `offset`: N for each prime, `polynomials` times. Returns whether each polynomial has one that is not zero. */
const checkResidues = (
	bytes: Uint8Array,
	offset: number,
	{ ringDegree, primes }: Level,
	polynomials: number,
	what: string,
): readonly boolean[] => {
	// Offsets of residues are odd: a copy is what makes them words. (`slice` would not copy the bytes of a Buffer.)
	const end = offset + 8 * ringDegree * primes.length * polynomials;
	const halves = new Uint32Array(Uint8Array.from(bytes.subarray(offset, end)).buffer);
	let at = 0;
	return Array.from({ length: polynomials }, () => {
		let any = 0;
		for (const prime of primes) {
			const [low, high] = [prime % 2 ** 32, Math.floor(prime / 2 ** 32)];
			for (const end = at + 2 * ringDegree; at < end; at += 2) {
				const [l, h] = [halves[at] as number, halves[at + 1] as number];
				if (h > high || (h === high && l >= low)) refuse(what, 'a residue is not below its prime');
				any |= l | h;
			}
		}
		return any !== 0;
	});
};

/**
 * Accepts exactly the bytes of a ciphertext of size 2 at this level and scale whose second polynomial is not zero (a
 * transparent ciphertext would show its plaintext). Throws RefusedError 'message' otherwise, and nothing else.
 */
export const checkCiphertext = (bytes: Uint8Array, level: Level, scale: number, what: string): void => {
	checkLength(bytes, ciphertextLength(level), what);
	checkHeader(bytes, 0, ciphertextHeader(level, scale, ciphertextLength(level), SIZE), CIPHERTEXT_FIELDS, what);
	const [, hidden] = checkResidues(bytes, CIPHERTEXT_HEADER, level, SIZE, what);
	if (hidden !== true) refuse(what, 'it is transparent (encrypts nothing)');
};

/** One seeded record at `offset`, its length checked already; `header` is that of its level and scale. Any seed will do. */
const checkSeeded = (bytes: Uint8Array, offset: number, header: Uint8Array, level: Level, what: string): void => {
	checkHeader(bytes, offset, header, CIPHERTEXT_FIELDS, what);
	checkHeader(bytes, offset + CIPHERTEXT_HEADER + 8 * residuesOf(level), seedHeader(), SEED_FIELDS, what);
	const [any] = checkResidues(bytes, offset + CIPHERTEXT_HEADER, level, 1, what);
	if (any !== true) refuse(what, 'its residues are all zero');
};

/**
 * Accepts exactly the bytes of a seeded ciphertext of size 2 at this level and scale whose first polynomial is not zero.
 * Throws RefusedError 'message' otherwise, and nothing else.
 */
export const checkSeededCiphertext = (bytes: Uint8Array, level: Level, scale: number, what: string): void => {
	checkLength(bytes, seededLength(level), what);
	checkSeeded(bytes, 0, seededHeader(level, scale), level, what);
};

/** Accepts exactly the bytes of a plaintext at this level and scale. Throws RefusedError 'message' otherwise. */
export const checkPlaintext = (bytes: Uint8Array, level: Level, scale: number, what: string): void => {
	checkLength(bytes, plaintextLength(level), what);
	checkHeader(bytes, 0, plaintextHeader(level, scale), PLAINTEXT_FIELDS, what);
	checkResidues(bytes, PLAINTEXT_HEADER, level, 1, what);
};

/**
 * Accepts exactly the bytes of one key switching key in row `row` of `rows`; `level` is the level of keys, its special
 * prime last. Throws RefusedError 'message' otherwise.
 */
const checkKey = (bytes: Uint8Array, level: Level, rows: number, row: number, what: string): void => {
	const total = keyLength(level, rows);
	const digits = level.primes.length - 1;
	checkLength(bytes, total, what);
	const start = startRecord(KEYS_HEADER, total, level.parmsId);
	putWord(start, 48, rows);
	checkHeader(bytes, 0, new Uint8Array(start.buffer), KEYS_FIELDS, what);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const record = seededHeader(level, 1);
	let at = KEYS_HEADER;
	for (let r = 0; r < rows; r++) {
		const count = view.getBigUint64(at, true);
		at += 8;
		if (count !== BigInt(r === row ? digits : 0)) refuse(what, `row ${r} holds ${count} records`);
		if (r !== row) continue;
		for (let digit = 0; digit < digits; digit++, at += seededLength(level)) checkSeeded(bytes, at, record, level, what);
	}
};

export const checkRelinearizationKey = (bytes: Uint8Array, level: Level, what: string): void =>
	checkKey(bytes, level, 1, 0, what);

/** The key of a rotation by exactly `steps` to the left, 0 < steps < n. */
export const checkRotationKey = (bytes: Uint8Array, level: Level, steps: number, what: string): void =>
	checkKey(bytes, level, level.ringDegree, (galoisElement(steps, level.ringDegree) - 1) / 2, what);
