/** Differences between what was found and what is right: they are counted as they come, so no array of them is kept. */
export class Differences {
	#count = 0;
	#sum = 0;
	#squares = 0;
	#absolute = 0;
	#errors = 0;
	#most = 0;
	#largest = 0;

	/** One sample more: `found` beside `exact`, element by element. */
	add(exact: Float64Array, found: Float64Array): void {
		for (let i = 0; i < exact.length; i++) {
			const value = exact[i] as number;
			const error = Math.abs((found[i] ?? Number.NaN) - value);
			this.#count++;
			this.#sum += value;
			this.#squares += value * value;
			this.#absolute += error;
			this.#errors += error * error;
			if (error > this.#most || Number.isNaN(error)) this.#most = error;
			if (Math.abs(value) > this.#largest) this.#largest = Math.abs(value);
		}
	}

	/** The largest |exact|. */
	get largest(): number {
		return this.#largest;
	}

	/** Largest, mean and root mean square of |found - exact|; not a number when any element is not one. */
	get absolute(): ErrorSizes {
		return { max: this.#most, mean: this.#absolute / this.#count, rms: Math.sqrt(this.#errors / this.#count) };
	}

	/** rms(exact - mean(exact)), over all elements; rms(exact) when they are all the same. */
	get spread(): number {
		const variance = this.#squares - this.#sum ** 2 / this.#count;
		return Math.sqrt((variance > ROUNDING * this.#squares ? variance : this.#squares) / this.#count);
	}

	/** The same errors as parts of the spread; null where that is 0 and errors are not. */
	get relative(): ErrorSizes | null {
		const { max, mean, rms } = this.absolute;
		if (max === 0) return { max, mean, rms };
		const { spread } = this;
		return spread > 0 ? { max: max / spread, mean: mean / spread, rms: rms / spread } : null;
	}
}

export type ErrorSizes = { readonly max: number; readonly mean: number; readonly rms: number };

/** Variances below this part of the squares are what rounding leaves of none. */
const ROUNDING = 1e-12;

/** log2(magnitude / error), at least 0; null without any error, which has no bits. */
export const bitsOf = (magnitude: number, error: number): number | null =>
	error === 0 ? null : Math.max(0, Math.log2(magnitude / error));
