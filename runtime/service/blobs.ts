/** Bytes by what they are: a blob's name is its SHA-256 in hexadecimal. */
export type BlobStore = {
	/**
	 * Stores at most `limit` bytes and ends with their name; the blob is there as a whole or not at all. Throws RefusedError 'message'
	 * beyond the limit, and passes on what `content` throws.
	 */
	readonly put: (
		content: AsyncIterable<Uint8Array> | Uint8Array,
		limit: number,
	) => Promise<{ readonly name: string; readonly bytes: number }>;
	/** The bytes, checked against the name; undefined where there is none. */
	readonly get: (name: string) => Promise<Uint8Array | undefined>;
	readonly has: (name: string) => Promise<boolean>;
	readonly remove: (name: string) => Promise<void>;
};
