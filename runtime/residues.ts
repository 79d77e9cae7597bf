import { RefusedError } from './errors.ts';
import { residueBytes } from './sizes.ts';

/**
 * Residues as they are sent: the fewest bytes that hold their prime, little-endian. In SEAL's records each is a word of 8.
 * Throws RefusedError 'message'.
 */
export const refuse = (what: string, why: string): never => {
	throw new RefusedError(
		'message',
		`${what} is not what the program expects: ${why}`,
		'Both sides must run the same compiled program and the same version; send the message again if it was cut off.',
	);
};

/** Throws RefusedError 'message' unless there are so many bytes. */
export const checkLength = (bytes: Uint8Array, expected: number, what: string): void => {
	if (bytes.length !== expected) refuse(what, `it has ${bytes.length} bytes instead of ${expected}`);
};

/** SEAL's words of residues of one prime, for sending; returns how many bytes they take at the start of `packed`. */
export const packResidues = (words: Uint8Array, prime: number, packed: Uint8Array): number => {
	const width = residueBytes(prime);
	const [from, to] = [viewOf(words), viewOf(packed)];
	let at = 0;
	for (let word = 0; word < words.length; word += 8, at += width) {
		if (width >= 4) to.setUint32(at, from.getUint32(word, true), true);
		for (let b = width >= 4 ? 4 : 0; b < width; b++) packed[at + b] = words[word + b] as number;
	}
	return at;
};

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What is to be known of residues that were sent: the bytes they took, and whether one is not zero. */
type Unpacked = { readonly bytes: number; readonly any: boolean };

/** Fills SEAL's words with the residues at the start of `packed`. Throws RefusedError 'message' for one not below the prime. */
export const unpackResidues = (packed: Uint8Array, prime: number, words: Uint8Array, what: string): Unpacked => {
	const width = residueBytes(prime);
	let from = 0;
	let any = false;
	for (let word = 0; word < words.length; word += 8) {
		let residue = 0;
		let unit = 1;
		for (let b = 0; b < width; b++, unit *= 256) {
			const byte = packed[from++] as number;
			words[word + b] = byte;
			residue += byte * unit;
		}
		if (residue >= prime) refuse(what, 'a residue is not below its prime');
		if (residue !== 0) any = true;
	}
	return { bytes: from, any };
};

/** What `unpackResidues` would find in the `count` residues at the start of `packed`, and throw, without unpacking them. */
export const checkResidues = (packed: Uint8Array, count: number, prime: number, what: string): Unpacked => {
	const width = residueBytes(prime);
	const view = viewOf(packed);
	let any = false;
	for (let at = 0; at < count * width; at += width) {
		const residue = residueAt(view, at, width);
		if (residue >= prime) refuse(what, 'a residue is not below its prime');
		if (residue !== 0) any = true;
	}
	return { bytes: count * width, any };
};

/** The little-endian number of `width` bytes, at most 7. */
const residueAt = (view: DataView, at: number, width: number): number => {
	let residue = 0;
	let unit = 1;
	let b = 0;
	if (width >= 4) {
		residue = view.getUint32(at, true);
		unit = 2 ** 32;
		b = 4;
	}
	for (; b < width; b++, unit *= 256) residue += view.getUint8(at + b) * unit;
	return residue;
};
