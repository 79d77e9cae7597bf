import { encodedNumber } from '../noise.ts';
import type { Level } from '../records.ts';
import { plaintextHeader } from '../records.ts';
import { PLAINTEXT_HEADER, residuesOf } from '../sizes.ts';

const SCALE_OFFSET = 56;
const FIRST_WORD = PLAINTEXT_HEADER / 8;

/**
 * Plaintexts of one number in every slot. They are constant polynomials, whose residues in SEAL's form are one value for each
 * prime: written as the bytes of a plaintext and loaded, in a seventh of the time that encoding a vector takes. (SEAL
 * has an encoder of numbers; this binding of it does not.) One buffer for each level.
 */
export class NumberEncoder {
	readonly #buffers = new Map<Level, { readonly words: BigUint64Array; readonly bytes: Uint8Array }>();

	/** The bytes of round(value * scale), or of the nearest integer other than zero; valid until the next call. */
	bytesOf(value: number, level: Level, scale: number): Uint8Array {
		const { words, bytes } = this.#buffer(level);
		new DataView(bytes.buffer).setFloat64(SCALE_OFFSET, scale, true);
		const integer = BigInt(Math.round(encodedNumber(value, scale) * scale));
		level.primes.forEach((prime, i) => {
			const residue = ((integer % BigInt(prime)) + BigInt(prime)) % BigInt(prime);
			words.fill(residue, FIRST_WORD + i * level.ringDegree, FIRST_WORD + (i + 1) * level.ringDegree);
		});
		return bytes;
	}

	#buffer(level: Level): { readonly words: BigUint64Array; readonly bytes: Uint8Array } {
		const known = this.#buffers.get(level);
		if (known !== undefined) return known;
		const words = new BigUint64Array(FIRST_WORD + residuesOf(level));
		const made = { words, bytes: new Uint8Array(words.buffer) };
		made.bytes.set(plaintextHeader(level, 1));
		this.#buffers.set(level, made);
		return made;
	}
}
