/** Work under one name is done one after another. */
export class Turns {
	readonly #last = new Map<string, Promise<unknown>>();

	/** Does `work` once everything that was asked for under this name before has ended, one way or another. */
	async after<T>(name: string, work: () => Promise<T>): Promise<T> {
		const result = (this.#last.get(name) ?? Promise.resolve()).then(work);
		const settled = result.catch(() => {});
		this.#last.set(name, settled);
		try {
			return await result;
		} finally {
			if (this.#last.get(name) === settled) this.#last.delete(name);
		}
	}
}
