/**
 * Vectors of one length that are used again once nobody holds them: an analysis of thousands of values then allocates as many
 * as live at a time. Vectors from elsewhere may be held and released too; they are left alone.
 */
export class VectorPool {
	readonly #length: number;
	readonly #free: Float64Array[] = [];
	readonly #holders = new Map<Float64Array, number>();

	constructor(length: number) {
		this.#length = length;
	}

	/** A vector of any contents, held by nobody yet. */
	make(): Float64Array {
		const vector = this.#free.pop() ?? new Float64Array(this.#length);
		this.#holders.set(vector, 0);
		return vector;
	}

	hold(vector: Float64Array): Float64Array {
		const holders = this.#holders.get(vector);
		if (holders !== undefined) this.#holders.set(vector, holders + 1);
		return vector;
	}

	/** Ends one holding; after the last the vector is free. */
	release(vector: Float64Array): void {
		const holders = this.#holders.get(vector);
		if (holders === undefined) return;
		if (holders > 1) this.#holders.set(vector, holders - 1);
		else {
			this.#holders.delete(vector);
			this.#free.push(vector);
		}
	}

	/** May the vector be written by its only holder? */
	isOwned(vector: Float64Array): boolean {
		return this.#holders.get(vector) === 1;
	}
}
