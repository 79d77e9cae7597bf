import type { CkksParameters } from '../../plan.ts';
import { checkLength, refuse } from '../../residues.ts';
import { ciphertextLength, inputLength, residueBytes, SEED_BYTES, SIZE } from '../../sizes.ts';
import type { Kernel } from './module.ts';

/**
 * Rows of residues between messages and the kernel's memory, one at a time through `staging`: what is sent is checked by the
 * kernel while it is unpacked. The checks and their words are those of `codec.ts` and `keyCodec.ts`.
 */
export class Wire {
	readonly #kernel: Kernel;
	readonly #parameters: CkksParameters;
	readonly #staging: number;

	constructor(kernel: Kernel, parameters: CkksParameters, staging: number) {
		this.#kernel = kernel;
		this.#parameters = parameters;
		this.#staging = staging;
	}

	/** Bytes of a row as sent; P is modulus `primes.length`. */
	rowLength(modulus: number): number {
		return this.#parameters.ringDegree * residueBytes(this.#prime(modulus));
	}

	/**
	 * A row from the beginning of `bytes`; tells whether a residue of it is not zero. Throws RefusedError 'message' for a residue
	 * that is not below its prime.
	 */
	unpackRow(row: number, bytes: Uint8Array, modulus: number, what: string): boolean {
		this.#stage(bytes.subarray(0, this.rowLength(modulus)));
		const width = residueBytes(this.#prime(modulus));
		const found = this.#kernel.exports.unpackRow(row, this.#staging, width, modulus);
		if (found < 0) refuse(what, 'a residue is not below its prime');
		return found > 0;
	}

	/** Draws rows of the first `primes` primes, and of P behind them where `special`, from a seed. */
	expandSeed(rows: number, seed: Uint8Array, primes: number, special: boolean): void {
		this.#stage(seed);
		this.#kernel.exports.expandSeed(rows, this.#staging, primes, Number(special));
	}

	/** Puts a ciphertext as the key owner sends it at an address. Throws RefusedError 'message'. */
	unpackSeeded(to: number, bytes: Uint8Array, primes: number, what: string): void {
		checkLength(bytes, inputLength(this.#parameters, primes - 1), what);
		let any = false;
		let at = 0;
		for (let i = 0; i < primes; i++) {
			if (this.unpackRow(to + i * this.#rowBytes, bytes.subarray(at), i, what)) any = true;
			at += this.rowLength(i);
		}
		if (!any) refuse(what, 'its residues are all zero');
		this.expandSeed(to + primes * this.#rowBytes, bytes.subarray(at, at + SEED_BYTES), primes, false);
	}

	/**
	 * The bytes of a ciphertext of size 2, for sending. Throws RefusedError 'message' for a transparent one: a second polynomial of
	 * zeros shows the plaintext to everyone.
	 */
	packCiphertext(from: number, primes: number, what: string): Uint8Array {
		const { ringDegree } = this.#parameters;
		const bytes = new Uint8Array(ciphertextLength({ ringDegree, primes: this.#parameters.primes.slice(0, primes) }));
		let at = 0;
		for (let row = 0; row < SIZE * primes; row++) {
			this.#packRow(bytes.subarray(at), from + row * this.#rowBytes, row % primes);
			at += this.rowLength(row % primes);
		}
		if (bytes.subarray(at / SIZE).every((byte) => byte === 0)) refuse(what, 'it is transparent (encrypts nothing)');
		return bytes;
	}

	#packRow(bytes: Uint8Array, row: number, modulus: number): void {
		this.#kernel.exports.packRow(this.#staging, residueBytes(this.#prime(modulus)), row, modulus);
		bytes.set(new Uint8Array(this.#kernel.memory.buffer, this.#staging, this.rowLength(modulus)));
	}

	#stage(bytes: Uint8Array): void {
		new Uint8Array(this.#kernel.memory.buffer).set(bytes, this.#staging);
	}

	#prime(modulus: number): number {
		return this.#parameters.primes[modulus] ?? this.#parameters.specialPrime;
	}

	get #rowBytes(): number {
		return 8 * this.#parameters.ringDegree;
	}
}
