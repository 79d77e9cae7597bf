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

/** A store that can be cleared out by whoever knows what is needed. */
export type SweptBlobs = BlobStore & {
	/** Removes blobs that were stored before a time (ms since 1970) and that nobody names, and what crashes left behind. */
	readonly sweep: (keep: ReadonlySet<string>, before: number) => Promise<void>;
};

/** Is it the name of a blob? Nothing else becomes part of a path or an address. */
export const isBlobName = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
