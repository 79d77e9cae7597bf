import { checkKeyHead, nameOfKey } from '../../keyCodec.ts';
import type { CkksParameters } from '../../plan.ts';
import { refuse } from '../../residues.ts';
import { KEY_HEADER, SEED_BYTES } from '../../sizes.ts';
import type { KeyPlace, Layout } from './layout.ts';
import type { Kernel } from './module.ts';
import { Wire } from './wire.ts';

/**
 * Puts keys as they are sent (`keyCodec.ts`) where key switching reads them. Of a digit, the rows that were sent and those drawn
 * from its seed lie in the arena for a moment: no evaluation may run.
 */
export class KeyLoader {
	readonly #kernel: Kernel;
	readonly #parameters: CkksParameters;
	readonly #layout: Layout;
	readonly #wire: Wire;

	constructor(kernel: Kernel, parameters: CkksParameters, layout: Layout) {
		this.#kernel = kernel;
		this.#parameters = parameters;
		this.#layout = layout;
		this.#wire = new Wire(kernel, parameters, layout.staging[0] as number);
	}

	/**
	 * Loads one key to address `key`, a digit for each turn of the generator. Throws RefusedError 'message' unless it is
	 * a key of exactly this slot whose residues are below their primes and whose digits are not all zero.
	 */
	*load(key: number, place: KeyPlace, bytes: Uint8Array): Generator<undefined> {
		const what = nameOfKey(place.slot);
		checkKeyHead(bytes, this.#parameters, place.slot, what);
		let at = KEY_HEADER;
		for (let digit = 0; digit < place.primes; digit++) {
			at += this.#digit(key, place, digit, bytes.subarray(at), what);
			yield;
		}
	}

	/** Returns the bytes that the digit takes. */
	#digit(key: number, { primes, table }: KeyPlace, digit: number, bytes: Uint8Array, what: string): number {
		const rowBytes = 8 * this.#parameters.ringDegree;
		const special = this.#parameters.primes.length;
		const sent = this.#layout.arena;
		const drawn = sent + (primes + 1) * rowBytes;
		let at = 0;
		let any = false;
		for (let i = 0; i <= primes; i++) {
			const modulus = i === primes ? special : i;
			if (this.#wire.unpackRow(sent + i * rowBytes, bytes.subarray(at), modulus, what)) any = true;
			at += this.#wire.rowLength(modulus);
		}
		if (!any) refuse(what, `the residues of digit ${digit} are all zero`);
		this.#wire.expandSeed(drawn, bytes.subarray(at, at + SEED_BYTES), primes, true);
		for (const [polynomial, rows] of [sent, drawn].entries())
			for (let i = 0; i <= primes; i++)
				this.#kernel.exports.storeKeyRow(key, primes, digit, polynomial, i, rows + i * rowBytes, table);
		return at + SEED_BYTES;
	}
}
