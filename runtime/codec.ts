import { RefusedError } from './errors.ts';

/**
 * SEAL's serialised objects, checked before SEAL sees them. Uncompressed, every byte of a record but its residues follows
 * from the parameters, so a record is accepted only when its header *equals* the one expected and every residue lies
 * below its prime. Layout of SEAL 4.1, little-endian:
 *
 *     record header: 5e a1 | 16 | 4 | 1 | compression 0 | 0 0 | u64 bytes in total
 *     ciphertext:    record header | parms_id 32 | NTT u8 | size u64 | N u64 | L u64 | scale f64 | correction u64
 *                    | record header of the words | u64 words | size * L * N residues u64
 *     plaintext:     record header | parms_id 32 | words u64 | scale f64 | record header of the words | u64 words | L * N residues
 *     keys:          record header | parms_id 32 | u64 rows | for each row: u64 0, or u64 L - 1 and as many ciphertexts
 */
export type Level = {
	readonly ringDegree: number;
	/** Primes of this level, the special prime last at the level of keys. */
	readonly primes: readonly number[];
	/** SEAL's hash of the parameters of this level, 32 bytes. */
	readonly parmsId: Uint8Array;
};

type Field = readonly [offset: number, name: string];

const RECORD_HEADER = 16;
const CIPHERTEXT_HEADER = 113;
const PLAINTEXT_HEADER = 88;
const KEYS_HEADER = 56;
/** Polynomials of a ciphertext that crosses the wire. */
const SIZE = 2;

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

const residuesOf = ({ ringDegree, primes }: Level): number => ringDegree * primes.length;

/** Bytes of a ciphertext of size 2. */
export const ciphertextLength = (level: Pick<Level, 'ringDegree' | 'primes'>): number =>
	CIPHERTEXT_HEADER + 8 * SIZE * level.ringDegree * level.primes.length;

/** Bytes of a plaintext, which is also what a secret key is stored as. */
export const plaintextLength = (level: Pick<Level, 'ringDegree' | 'primes'>): number =>
	PLAINTEXT_HEADER + 8 * level.ringDegree * level.primes.length;

/** Bytes of a key switching key at the level of keys: `rows` is 1 for relinearization and N for a rotation. */
export const keyLength = (level: Pick<Level, 'ringDegree' | 'primes'>, rows: number): number =>
	KEYS_HEADER + 8 * rows + (level.primes.length - 1) * ciphertextLength(level);

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

const ciphertextHeader = (level: Level, scale: number): Uint8Array => {
	const view = startRecord(CIPHERTEXT_HEADER, ciphertextLength(level), level.parmsId);
	view.setUint8(48, 1);
	putWord(view, 49, SIZE);
	putWord(view, 57, level.ringDegree);
	putWord(view, 65, level.primes.length);
	view.setFloat64(73, scale, true);
	putWord(view, 81, 1);
	putArray(view, 89, SIZE * residuesOf(level));
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
	checkHeader(bytes, 0, ciphertextHeader(level, scale), CIPHERTEXT_FIELDS, what);
	const [, hidden] = checkResidues(bytes, CIPHERTEXT_HEADER, level, SIZE, what);
	if (hidden !== true) refuse(what, 'it is transparent (encrypts nothing)');
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
	const record = ciphertextHeader(level, 1);
	let at = KEYS_HEADER;
	for (let r = 0; r < rows; r++) {
		const count = view.getBigUint64(at, true);
		at += 8;
		if (count !== BigInt(r === row ? digits : 0)) refuse(what, `row ${r} holds ${count} records`);
		if (r !== row) continue;
		for (let digit = 0; digit < digits; digit++, at += ciphertextLength(level)) {
			checkHeader(bytes, at, record, CIPHERTEXT_FIELDS, what);
			checkResidues(bytes, at + CIPHERTEXT_HEADER, level, SIZE, what);
		}
	}
};

export const checkRelinearizationKey = (bytes: Uint8Array, level: Level, what: string): void =>
	checkKey(bytes, level, 1, 0, what);

/** The key of a rotation by exactly `steps` to the left, 0 < steps < n. */
export const checkRotationKey = (bytes: Uint8Array, level: Level, steps: number, what: string): void =>
	checkKey(bytes, level, level.ringDegree, (galoisElement(steps, level.ringDegree) - 1) / 2, what);
