import { CUT_OFF, checkDigest, checkLengths, type Expected, readHead, refuse, sha256, toHex } from './message.ts';
import { DIGEST, MESSAGE_HEADER } from './sizes.ts';

/** First the head of a message, then each of its parts in their order. */
export type MessagePiece =
	| { readonly type: 'head' /** As `Client.keySet` names it. */; readonly keySet: string; readonly samples: number }
	| { readonly type: 'part'; readonly part: number; readonly bytes: Uint8Array };

/**
 * The pieces of a message while it streams in; one part is held at a time, and belongs to the reader once it is given out.
 * Accepts exactly what `readMessage` accepts and throws RefusedError 'message' otherwise, at the first byte from which that is
 * sure: bytes that are not due are neither waited for nor kept. The digest is at the end of a message, so nothing that was read may count before the
 * generator has ended. Passes on what `chunks` throws, and closes it, whatever ends the reading.
 */
export async function* readMessageParts(
	chunks: AsyncIterable<Uint8Array>,
	expected: Expected,
	lengths: readonly number[],
): AsyncGenerator<MessagePiece, void, undefined> {
	const reader = new ChunkReader(chunks);
	try {
		const start = new Uint8Array(MESSAGE_HEADER + 8 * lengths.length);
		await reader.fill(start.subarray(0, MESSAGE_HEADER));
		const { keySet, samples } = readHead(start.subarray(0, MESSAGE_HEADER), expected, lengths.length);
		await reader.fill(start.subarray(MESSAGE_HEADER));
		checkLengths(start.subarray(MESSAGE_HEADER), lengths);
		yield { type: 'head', keySet: toHex(keySet), samples };
		const digests: Uint8Array[] = [];
		for (const [part, length] of lengths.entries()) {
			const bytes = await reader.fill(new Uint8Array(length));
			digests.push(await sha256(bytes));
			yield { type: 'part', part, bytes };
		}
		await checkDigest(start, digests, await reader.fill(new Uint8Array(DIGEST)));
		if (await reader.more()) refuse('it goes on behind its end');
	} finally {
		await reader.close();
	}
}

/** Bytes in the order in which they come, however they are cut. */
class ChunkReader {
	readonly #chunks: AsyncIterator<Uint8Array>;
	#chunk = new Uint8Array(0);
	#taken = 0;
	#ended = false;

	constructor(chunks: AsyncIterable<Uint8Array>) {
		this.#chunks = chunks[Symbol.asyncIterator]();
	}

	/** The next bytes, as many as `to` has. Throws RefusedError 'message' where there are fewer. */
	async fill(to: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
		let at = 0;
		while (at < to.length) {
			if (!(await this.more())) refuse(`it ends after ${this.#taken} bytes`, CUT_OFF);
			const bytes = this.#chunk.subarray(0, to.length - at);
			to.set(bytes, at);
			at += bytes.length;
			this.#taken += bytes.length;
			this.#chunk = this.#chunk.subarray(bytes.length);
		}
		return to;
	}

	/** Is there another byte? */
	async more(): Promise<boolean> {
		while (this.#chunk.length === 0 && !this.#ended) {
			const { done, value } = await this.#chunks.next();
			if (done === true) this.#ended = true;
			else this.#chunk = new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
		}
		return this.#chunk.length > 0;
	}

	async close(): Promise<void> {
		this.#chunk = new Uint8Array(0);
		if (!this.#ended) await this.#chunks.return?.();
	}
}
