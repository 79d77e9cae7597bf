import type { BlobStore } from './blobs.ts';

/** Counts who needs a blob; it is removed when nobody does any more. */
export class BlobUses {
	readonly #blobs: Pick<BlobStore, 'remove'>;
	readonly #uses = new Map<string, number>();

	constructor(blobs: Pick<BlobStore, 'remove'>) {
		this.#blobs = blobs;
	}

	/** Every blob that someone needs. */
	get names(): readonly string[] {
		return [...this.#uses.keys()];
	}

	use(name: string): void {
		this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
	}

	/** One use less. */
	async drop(name: string): Promise<void> {
		this.forget(name);
		await this.clean(name);
	}

	/** One use less, and the blob stays for now. */
	forget(name: string): void {
		const left = (this.#uses.get(name) ?? 0) - 1;
		if (left > 0) this.#uses.set(name, left);
		else this.#uses.delete(name);
	}

	/** Removes it unless someone needs it. What the store cannot remove now stays until its sweep finds that nobody names it. */
	async clean(name: string): Promise<void> {
		if (!this.#uses.has(name)) await this.#blobs.remove(name).catch(() => undefined);
	}
}
