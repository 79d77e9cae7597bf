/** Of the runs of bytes that are looked for: long enough that none is anywhere by chance. */
const WINDOW = 16;
const FILTER_BITS = 22;
/** Text that may be bytes: so many characters hold a window. */
const HEX = new RegExp(`[0-9a-f]{${2 * WINDOW},}`, 'gi');
const BASE64 = new RegExp(`[a-z0-9+/_-]{${Math.ceil((4 * WINDOW) / 3)},}`, 'gi');

/** One of 2^22 places for four bytes. */
const placeOf = (bytes: Uint8Array, at: number): number => {
	const word =
		((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
	return Math.imul(word, 0x9e3779b1) >>> (32 - FILTER_BITS);
};

const windowAt = (bytes: Uint8Array, at: number): string =>
	Buffer.from(bytes.buffer, bytes.byteOffset + at, WINDOW).toString('latin1');

/** What the texts among these bytes stand for, read as hexadecimal digits and as base64, wherever these begin. */
const decoded = (bytes: Uint8Array): Buffer[] => {
	const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
	const read = (run: string, encoding: 'hex' | 'base64', shifts: number): Buffer[] =>
		Array.from({ length: shifts }, (_, shift) => Buffer.from(run.slice(shift), encoding));
	return [
		...[...text.matchAll(HEX)].flatMap(([run]) => read(run, 'hex', 2)),
		...[...text.matchAll(BASE64)].flatMap(([run]) => read(run, 'base64', 4)),
	];
};

/**
 * Secrets that are looked for in bytes, wherever they lie there: as they are, in hexadecimal or in base64. Of a secret that was added
 * with a `step`, any WINDOW + step - 1 bytes in a row are found. A megabyte takes some milliseconds.
 */
export class Needles {
	readonly #names = new Map<string, string>();
	readonly #filter = new Uint8Array(2 ** FILTER_BITS);

	/** `step`: bytes between two windows. */
	add(name: string, secret: Uint8Array, step: number): void {
		for (let at = 0; at + WINDOW <= secret.length; at += step) {
			this.#names.set(windowAt(secret, at), name);
			this.#filter[placeOf(secret, at)] = 1;
		}
	}

	/** How many windows are looked for. */
	get size(): number {
		return this.#names.size;
	}

	/** The name of a secret of which a part is in these bytes. */
	find(bytes: Uint8Array): string | undefined {
		for (const form of [bytes, ...decoded(bytes)]) {
			const found = this.#search(form);
			if (found !== undefined) return found;
		}
		return undefined;
	}

	#search(bytes: Uint8Array): string | undefined {
		for (let at = 0; at + WINDOW <= bytes.length; at++) {
			if (this.#filter[placeOf(bytes, at)] !== 1) continue;
			const name = this.#names.get(windowAt(bytes, at));
			if (name !== undefined) return name;
		}
		return undefined;
	}
}
