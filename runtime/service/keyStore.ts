/** Which parts of a key set are there, in ascending order, and the bytes of all of them. */
export type PresentParts = { readonly present: readonly number[]; readonly bytes: number };

/** The evaluation keys of one program's users. An owner sees its own key sets only, whatever their names. */
export type KeyStore = {
	/** undefined where nothing of the key set is there. */
	readonly present: (owner: string, keySet: string) => Promise<PresentParts | undefined>;
	/**
	 * Takes one part, by its place among `keySlots`; it counts once it was checked. The same bytes again are 'there'; other bytes replace the
	 * part while the key set is incomplete. Throws RefusedError 'message' for what is not this key, ServiceError 'conflict' for other bytes once
	 * the key set is complete, 'too-many' beyond a quota, 'not-found' for names and parts that there cannot be; passes on what `content` throws.
	 * At most the bytes of the part in memory.
	 */
	readonly add: (
		owner: string,
		keySet: string,
		part: number,
		content: AsyncIterable<Uint8Array> | Uint8Array,
	) => Promise<'stored' | 'there'>;
	/** The blobs of all parts in order, and the key set counts as used now; undefined unless it is complete. */
	readonly complete: (owner: string, keySet: string) => Promise<readonly string[] | undefined>;
	/** Was it there? Blobs that a job needs stay until they are released. */
	readonly remove: (owner: string, keySet: string) => Promise<boolean>;
	/** Keeps these blobs, and the key sets that name them, until they are released as often as they were pinned. */
	readonly pin: (names: readonly string[]) => void;
	readonly release: (names: readonly string[]) => Promise<void>;
	/** Removes what has not been used for longer than it may be. */
	readonly sweep: () => Promise<void>;
	/** Every blob that a key set names. */
	readonly names: () => readonly string[];
};
