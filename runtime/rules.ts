import { RefusedError } from './errors.ts';
import { type CkksParameters, type KeyNeeds, normalizeSteps } from './plan.ts';
import { scalesAgree } from './values.ts';

/** What CKKS needs to know of a ciphertext to say whether an operation is legal. */
export type Shape = { readonly level: number; readonly scale: number; readonly size: 2 | 3 };
export type PlainShape = { readonly level: number; readonly scale: number; readonly zero: boolean };

type Level = Pick<Shape, 'level' | 'scale'>;

const misuse = (message: string): never => {
	throw new RefusedError('misuse', message, 'This is a defect of the plan: please report it.');
};

/** Mean of |v[t]|: no coefficient of the polynomial with these slots exceeds it. */
export const meanMagnitude = (values: Float64Array): number => {
	let sum = 0;
	for (let i = 0; i < values.length; i++) sum += Math.abs(values[i] as number);
	return sum / values.length;
};

/**
 * The legality of CKKS operations, one for all backends: every method returns the shape of the result, or throws
 * RefusedError 'misuse' saying which levels, scales, sizes or keys are wrong.
 */
export class Rules {
	readonly slots: number;
	readonly #primes: readonly number[];
	readonly #bits: readonly number[];
	/** The highest level of ciphertexts that each key serves; -1 without one. */
	readonly #relinearization: number;
	readonly #steps: ReadonlyMap<number, number>;

	constructor({ ringDegree, primes }: CkksParameters, keys: KeyNeeds) {
		this.slots = ringDegree / 2;
		this.#primes = primes;
		let bits = 0;
		this.#bits = primes.map((prime) => {
			bits += Math.log2(prime);
			return bits;
		});
		this.#relinearization = keys.relinearization ?? -1;
		this.#steps = new Map(keys.steps.map(({ step, level }) => [normalizeSteps(step, this.slots), level]));
	}

	/** Levels exist, the scale is positive and below the modulus, and values times scale do not wrap around it. */
	encode(values: Float64Array, level: number, scale: number): PlainShape {
		if (values.length !== this.slots) misuse(`${values.length} values given to ${this.slots} slots`);
		this.#scale(level, scale);
		return this.#encoded(meanMagnitude(values), level, scale);
	}

	/** The same for one number in every slot. */
	encodeNumber(value: number, level: number, scale: number): PlainShape {
		this.#scale(level, scale);
		return this.#encoded(Math.abs(value), level, scale);
	}

	/** Is magnitude * scale < Q_level / 2? Never for NaN. In bits, since a modulus may exceed the range of float64. */
	fits(magnitude: number, { level, scale }: Level): boolean {
		return Math.log2(magnitude) + Math.log2(scale) < this.#modulusBits(level) - 1;
	}

	/**
	 * mean |values| * scale < Q_level / 2: no coefficient wraps around the modulus. Sharp where all values are of one sign;
	 * elsewhere coefficients may be smaller. Throws RefusedError 'input', since a sound plan fits what it was calibrated for.
	 */
	checkRange(values: Float64Array, { level, scale }: Level): void {
		const mean = meanMagnitude(values);
		if (this.fits(mean, { level, scale })) return;
		throw new RefusedError(
			'input',
			`an intermediate value leaves the modulus: a mean magnitude of ${mean} at a scale of 2^${Math.log2(scale).toFixed(2)} ` +
				`exceeds half of the modulus of level ${level} (2^${this.#modulusBits(level).toFixed(2)}); ` +
				'the input is too far from the calibration data',
			'Give inputs like those of the calibration data, or compile again with calibration data that covers such inputs.',
		);
	}

	/** a + b or a - b. */
	sum(a: Shape, b: Shape): Shape {
		this.#match('ciphertexts', a, b);
		return { level: a.level, scale: a.scale, size: a.size === 3 || b.size === 3 ? 3 : 2 };
	}

	addPlain(a: Shape, plain: PlainShape): Shape {
		this.#match('a ciphertext and a plaintext', a, plain);
		return a;
	}

	multiplyPlain(a: Shape, plain: PlainShape): Shape {
		if (plain.zero) misuse('a plaintext of zeros would make the product transparent');
		return this.#product('a ciphertext and a plaintext', a, plain, a.size);
	}

	multiply(a: Shape, b: Shape): Shape {
		if (a.size !== 2 || b.size !== 2) misuse('a product of size 3 must be relinearized before it is multiplied');
		return this.#product('ciphertexts', a, b, 3);
	}

	relinearize(a: Shape): Shape {
		if (a.size !== 3) misuse('only a product of size 3 is relinearized');
		this.#served('relinearization', a, this.#relinearization);
		return { level: a.level, scale: a.scale, size: 2 };
	}

	rescale(a: Shape): Shape {
		if (a.level === 0) misuse('no level is left to rescale');
		const scale = a.scale / (this.#primes[a.level] as number);
		this.#scale(a.level - 1, scale);
		return { level: a.level - 1, scale, size: a.size };
	}

	modSwitch(a: Shape, level: number): Shape {
		if (level >= a.level) misuse(`cannot switch from level ${a.level} to level ${level}`);
		this.#scale(level, a.scale);
		return { level, scale: a.scale, size: a.size };
	}

	/** Returns the normalised steps. */
	rotate(a: Shape, steps: number): number {
		if (a.size !== 2) misuse('a product of size 3 must be relinearized before it is rotated');
		const normal = normalizeSteps(steps, this.slots);
		if (normal === 0 || !Number.isInteger(normal)) misuse(`cannot rotate by ${steps} steps`);
		this.#served(`a rotation by ${steps}`, a, this.#steps.get(normal) ?? -1);
		return normal;
	}

	/** Above its level a key has no digits: SEAL would switch with zeros and return nonsense. */
	#served(what: string, { level }: Shape, highest: number): void {
		if (highest < 0) misuse(`the program declares no key for ${what}`);
		if (level > highest) misuse(`the key for ${what} serves levels up to ${highest}, not ${level}`);
	}

	#encoded(mean: number, level: number, scale: number): PlainShape {
		if (!Number.isFinite(mean)) misuse('values to encode are not finite');
		if (!this.fits(mean, { level, scale }))
			misuse(`values of mean magnitude ${mean} at scale ${scale} exceed the modulus of level ${level}`);
		return { level, scale, zero: mean === 0 };
	}

	#product(what: string, a: Shape, b: { readonly level: number; readonly scale: number }, size: 2 | 3): Shape {
		if (a.level !== b.level) misuse(`${what} of levels ${a.level} and ${b.level} cannot be multiplied`);
		const scale = a.scale * b.scale;
		this.#scale(a.level, scale);
		return { level: a.level, scale, size };
	}

	#match(what: string, a: Shape, b: { readonly level: number; readonly scale: number }): void {
		if (a.level !== b.level) misuse(`${what} of levels ${a.level} and ${b.level} cannot be added`);
		if (!scalesAgree(a.scale, b.scale)) misuse(`${what} of scales ${a.scale} and ${b.scale} cannot be added`);
	}

	#scale(level: number, scale: number): void {
		const bits = this.#modulusBits(level);
		if (!(scale > 0 && Number.isFinite(scale))) misuse(`${scale} is no scale`);
		if (Math.floor(Math.log2(scale)) > Math.floor(bits))
			misuse(
				`a scale of 2^${Math.log2(scale).toFixed(2)} exceeds the modulus of level ${level} (2^${bits.toFixed(2)})`,
			);
	}

	#modulusBits(level: number): number {
		return this.#bits[level] ?? misuse(`there is no level ${level}`);
	}
}
