import { RefusedError } from './errors.ts';
import type { CkksParameters } from './plan.ts';
import {
	ciphertextHeader,
	galoisElement,
	type Level,
	putWord,
	seededHeader,
	seedHeader,
	startRecord,
} from './records.ts';
import { checkLength, checkResidues, packResidues, refuse, unpackResidues } from './residues.ts';
import {
	CIPHERTEXT_HEADER,
	ciphertextRecordLength,
	KEY_HEADER,
	KEYS_HEADER,
	type KeySlot,
	keyLength,
	primesServed,
	residuesOf,
	SEED_BYTES,
	SIZE,
	seededRecordLength,
} from './sizes.ts';

/**
 * Evaluation keys as they are sent. SEAL's key switching takes a ciphertext of level l apart into digits 0..l, one for each
 * prime left, and multiplies digit j with record j of the key: of each record it reads the residues of primes 0..l and of
 * the special prime. A key is sent without all the rest, and without headers, which follow from the parameters. Little-endian:
 *
 *     steps u32 (0: relinearization) | level l u32
 *     | for each digit 0..l: N residues for each of the primes 0..l and the special prime | seed 64
 *
 * The other half of a record is drawn from the seed. SEAL takes no key
 * with fewer records or residues, so the server loads zeros in their place and needs the memory of a whole key; `Rules` lets
 * no ciphertext above level l come near it.
 */
type Place = { readonly rows: number; readonly row: number };

/** Relinearization keys have one row; rotations one for each odd Galois element, all empty but their own. */
const placeOf = (slot: KeySlot, ringDegree: number): Place =>
	slot.kind === 'relinearization'
		? { rows: 1, row: 0 }
		: { rows: ringDegree, row: (galoisElement(slot.steps, ringDegree) - 1) / 2 };

const stepsOf = (slot: KeySlot): number => (slot.kind === 'rotation' ? slot.steps : 0);

/** Bytes of SEAL's record of a key with one seeded record for each digit up to `level`, and whole ones above. */
const recordLength = (whole: Level, rows: number, level: number): number => {
	const digits = whole.primes.length - 1;
	const seeded = (level + 1) * seededRecordLength(whole);
	return KEYS_HEADER + 8 * rows + seeded + (digits - level - 1) * ciphertextRecordLength(whole);
};

/** The index of each prime that the key has residues of among all primes, special prime last. */
const placesServed = (all: readonly number[], served: readonly number[]): readonly number[] =>
	served.map((_, i) => (i === served.length - 1 ? all.length - 1 : i));

/** What is sent of SEAL's record of a whole key. */
export const packKey = (record: Uint8Array, parameters: CkksParameters, whole: Level, slot: KeySlot): Uint8Array => {
	const { ringDegree } = whole;
	const { rows, row } = placeOf(slot, ringDegree);
	const served = primesServed(parameters, slot.level);
	const first = KEYS_HEADER + 8 * (row + 1);
	const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
	const digits = whole.primes.length - 1;
	if (record.length !== recordLength(whole, rows, digits - 1) || view.getBigUint64(first - 8, true) !== BigInt(digits))
		throw new RefusedError('program', 'SEAL writes keys in another form than expected', 'Use node-seal 7.0.0.');
	const bytes = new Uint8Array(keyLength(parameters, slot.level));
	const head = new DataView(bytes.buffer);
	head.setUint32(0, stepsOf(slot), true);
	head.setUint32(4, slot.level, true);
	let at = KEY_HEADER;
	for (let digit = 0; digit <= slot.level; digit++) {
		const start = first + digit * seededRecordLength(whole);
		placesServed(whole.primes, served).forEach((place, i) => {
			const from = start + CIPHERTEXT_HEADER + 8 * ringDegree * place;
			const words = record.subarray(from, from + 8 * ringDegree);
			at += packResidues(words, served[i] as number, bytes.subarray(at));
		});
		const end = start + seededRecordLength(whole);
		bytes.set(record.subarray(end - SEED_BYTES, end), at);
		at += SEED_BYTES;
	}
	return bytes;
};

/**
 * SEAL's record of the key that was sent as `bytes`, zeros where nothing was. Throws RefusedError 'message', and nothing
 * else, unless it is a key of exactly this slot whose residues are below their primes and whose digits are not all zero.
 */
export const unpackKey = (
	bytes: Uint8Array,
	parameters: CkksParameters,
	whole: Level,
	slot: KeySlot,
	what: string,
): Uint8Array => {
	checkKeyHead(bytes, parameters, slot, what);
	const { ringDegree } = whole;
	const { rows, row } = placeOf(slot, ringDegree);
	const served = primesServed(parameters, slot.level);
	const record = emptyRecord(whole, rows, row, slot.level);
	const first = KEYS_HEADER + 8 * (row + 1);
	let at = KEY_HEADER;
	for (let digit = 0; digit <= slot.level; digit++) {
		const start = first + digit * seededRecordLength(whole);
		let any = false;
		placesServed(whole.primes, served).forEach((place, i) => {
			const to = start + CIPHERTEXT_HEADER + 8 * ringDegree * place;
			const words = record.subarray(to, to + 8 * ringDegree);
			const unpacked = unpackResidues(bytes.subarray(at), served[i] as number, words, what);
			at += unpacked.bytes;
			if (unpacked.any) any = true;
		});
		if (!any) refuse(what, `the residues of digit ${digit} are all zero`);
		record.set(bytes.subarray(at, at + SEED_BYTES), start + seededRecordLength(whole) - SEED_BYTES);
		at += SEED_BYTES;
	}
	return record;
};

/** What a key is called in refusals. */
export const nameOfKey = (slot: KeySlot): string =>
	slot.kind === 'rotation' ? `the key of rotation ${slot.steps}` : 'the relinearization key';

/** Throws RefusedError 'message' unless the bytes are as long as a key of this slot and say that they are one. */
export const checkKeyHead = (bytes: Uint8Array, parameters: CkksParameters, slot: KeySlot, what: string): void => {
	checkLength(bytes, keyLength(parameters, slot.level), what);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const [steps, level] = [view.getUint32(0, true), view.getUint32(4, true)];
	if (steps !== stepsOf(slot)) refuse(what, steps === 0 ? 'it is for relinearization' : `it rotates by ${steps}`);
	if (level !== slot.level) refuse(what, `it serves levels up to ${level} instead of ${slot.level}`);
};

/** Throws RefusedError 'message' unless `unpackKey` accepts the bytes; makes nothing of them. */
export const checkKey = (bytes: Uint8Array, parameters: CkksParameters, slot: KeySlot, what: string): void => {
	checkKeyHead(bytes, parameters, slot, what);
	const served = primesServed(parameters, slot.level);
	let at = KEY_HEADER;
	for (let digit = 0; digit <= slot.level; digit++, at += SEED_BYTES) {
		let any = false;
		for (const prime of served) {
			const checked = checkResidues(bytes.subarray(at), parameters.ringDegree, prime, what);
			at += checked.bytes;
			if (checked.any) any = true;
		}
		if (!any) refuse(what, `the residues of digit ${digit} are all zero`);
	}
};

/** A key whose residues and seeds are all zero: seeded records up to `level`, whole ones above, which need no drawing. */
const emptyRecord = (whole: Level, rows: number, row: number, level: number): Uint8Array => {
	const digits = whole.primes.length - 1;
	const bytes = new Uint8Array(recordLength(whole, rows, level));
	const view = new DataView(bytes.buffer);
	bytes.set(new Uint8Array(startRecord(KEYS_HEADER, bytes.length, whole.parmsId).buffer));
	putWord(view, KEYS_HEADER - 8, rows);
	let at = KEYS_HEADER + 8 * (row + 1);
	putWord(view, at - 8, digits);
	for (let digit = 0; digit <= level; digit++, at += seededRecordLength(whole)) {
		bytes.set(seededHeader(whole, 1), at);
		bytes.set(seedHeader(), at + CIPHERTEXT_HEADER + 8 * residuesOf(whole));
	}
	for (let digit = level + 1; digit < digits; digit++, at += ciphertextRecordLength(whole))
		bytes.set(ciphertextHeader(whole, 1, ciphertextRecordLength(whole), SIZE), at);
	return bytes;
};
