/** xoshiro128**: 32 random bits a call, seeded through splitmix32. Not for secrets: only the simulated noise uses it. */
export class Random {
	#a = 0;
	#b = 0;
	#c = 0;
	#d = 0;
	#spare = Number.NaN;

	constructor(seed: number) {
		let state = seed | 0;
		const next = (): number => {
			state = (state + 0x9e3779b9) | 0;
			let z = state;
			z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
			z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
			return z ^ (z >>> 15);
		};
		this.#a = next();
		this.#b = next();
		this.#c = next();
		this.#d = next() | 1;
	}

	/** An int32. */
	bits(): number {
		const product = Math.imul(this.#b, 5);
		const result = Math.imul((product << 7) | (product >>> 25), 9);
		const shifted = this.#b << 9;
		this.#c ^= this.#a;
		this.#d ^= this.#b;
		this.#b ^= this.#c;
		this.#a ^= this.#d;
		this.#c ^= shifted;
		this.#d = (this.#d << 11) | (this.#d >>> 21);
		return result;
	}

	/** Uniform in the open interval (0, 1), multiples of 2^-32 shifted by half a step. */
	uniform(): number {
		return ((this.bits() >>> 0) + 0.5) * 2 ** -32;
	}

	/** Standard normal, by Marsaglia's polar method. */
	gaussian(): number {
		const spare = this.#spare;
		if (!Number.isNaN(spare)) {
			this.#spare = Number.NaN;
			return spare;
		}
		for (;;) {
			const u = this.bits() * 2 ** -31;
			const v = this.bits() * 2 ** -31;
			const s = u * u + v * v;
			if (s >= 1 || s === 0) continue;
			const factor = Math.sqrt((-2 * Math.log(s)) / s);
			this.#spare = v * factor;
			return u * factor;
		}
	}
}
