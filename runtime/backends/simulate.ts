import {
	encodedNumber,
	encodingVariance,
	encryptionVariance,
	keySwitchBiasVariance,
	keySwitchSpreadVariance,
	rescaleVariance,
	secretNorm,
	slotExponents,
} from '../noise.ts';
import { type CkksParameters, type KeyNeeds, normalizeSteps } from '../plan.ts';
import { ClearBackend, type ClearCiphertext, type ClearPlaintext } from './clear.ts';
import { Random } from './random.ts';

/** Key of the relinearization among the biases; steps are positive. */
const RELINEARIZATION = 0;

/**
 * Like the clear backend, with the noise of `runtime/noise.ts` added where SEAL adds it. One instance stands for one key
 * set: the secret's magnitude in every slot and the fixed error of every evaluation key are drawn from the seed; the rest
 * is drawn anew at every operation.
 */
export class SimulateBackend extends ClearBackend {
	override readonly name = 'simulate';
	readonly #seed: number;
	readonly #random: Random;
	/** |s(zeta_t)|^2 / (2N/3) of a secret: exponentially distributed of mean 1. */
	readonly #secret: Float64Array;
	readonly #rescale: readonly [Float64Array, Float64Array];
	readonly #exponents: Int32Array;
	readonly #biases = new Map<string, Float64Array>();

	constructor(parameters: CkksParameters, keys: KeyNeeds, seed: number) {
		super(parameters, keys);
		const { ringDegree } = parameters;
		this.#seed = seed;
		this.#random = new Random(seed);
		this.#secret = Float64Array.from({ length: ringDegree / 2 }, () => -Math.log(this.#random.uniform()));
		const h = secretNorm(ringDegree);
		const base = ringDegree / 24;
		this.#rescale = [
			this.#secret.map((s) => Math.sqrt(base * (1 + h * s))),
			this.#secret.map((s) => Math.sqrt(base * (1 + h * s + (h * s) ** 2))),
		];
		this.#exponents = slotExponents(ringDegree);
	}

	/**
	 * Values that repeat with the period p have only 2 p coefficients that are not zero (multiples of n / p), and these alone are
	 * rounded: the error repeats as well, and its variance is p / n of that of other values.
	 */
	override encode(values: Float64Array, level: number, scale: number): ClearPlaintext {
		const plain = super.encode(values, level, scale);
		const encoded = this.valuesOf(plain);
		const period = periodOf(encoded);
		const share = period / encoded.length;
		const errors = new Float64Array(period);
		this.#uniform(errors, Math.sqrt(share * encodingVariance(this.parameters.ringDegree)) / scale);
		for (let t = 0; t < encoded.length; t++) encoded[t] = (encoded[t] as number) + (errors[t % period] as number);
		return plain;
	}

	/** The rounding of a number is known, and the same in every slot. */
	override encodeNumber(value: number, level: number, scale: number): ClearPlaintext {
		return super.encodeNumber(encodedNumber(value, scale), level, scale);
	}

	override encrypt(values: Float64Array, level: number, scale: number): ClearCiphertext {
		const result = super.encrypt(values, level, scale);
		this.#uniform(this.valuesOf(result), Math.sqrt(encryptionVariance(this.parameters.ringDegree)) / scale);
		return result;
	}

	override rescale(a: ClearCiphertext): ClearCiphertext {
		const result = super.rescale(a);
		const deviations = this.#rescale[a.shape.size === 3 ? 1 : 0];
		const values = this.valuesOf(result);
		const unit = 1 / result.shape.scale;
		for (let t = 0; t < values.length; t++)
			values[t] = (values[t] as number) + (deviations[t] as number) * unit * this.#random.gaussian();
		return result;
	}

	override relinearize(a: ClearCiphertext): ClearCiphertext {
		const result = super.relinearize(a);
		this.#switchKey(result, RELINEARIZATION);
		return result;
	}

	override rotate(a: ClearCiphertext, steps: number): ClearCiphertext {
		const result = super.rotate(a, steps);
		this.#switchKey(result, normalizeSteps(steps, this.parameters.ringDegree / 2));
		return result;
	}

	#uniform(values: Float64Array, deviation: number): void {
		for (let t = 0; t < values.length; t++) values[t] = (values[t] as number) + deviation * this.#random.gaussian();
	}

	#switchKey(result: ClearCiphertext, key: number): void {
		const { ringDegree, primes, specialPrime } = this.parameters;
		const { level, scale } = result.shape;
		const bias = this.#biasOf(key, level);
		// The rounding's share of this variance follows the secret; the digits' share does not.
		const digits = keySwitchSpreadVariance(ringDegree, primes, level, specialPrime) - rescaleVariance(ringDegree);
		const values = this.valuesOf(result);
		const [rounding] = this.#rescale;
		const unit = 1 / scale;
		for (let t = 0; t < values.length; t++) {
			const spread = Math.sqrt(digits + (rounding[t] as number) ** 2);
			values[t] = (values[t] as number) + unit * (spread * this.#random.gaussian() + (bias[t] as number));
		}
	}

	/** The error that the mean of the digits causes at every use of this key at this level. */
	#biasOf(key: number, level: number): Float64Array {
		const name = `${key}:${level}`;
		const known = this.#biases.get(name);
		if (known !== undefined) return known;
		const { ringDegree, primes, specialPrime } = this.parameters;
		const random = new Random(Math.imul(this.#seed ^ 0x5bd1e995, 0x27d4eb2d) ^ Math.imul(key + 1, 0x165667b1));
		const bias = Float64Array.from(this.#exponents, (exponent) => {
			const deviation = Math.sqrt(keySwitchBiasVariance(ringDegree, primes, level, specialPrime, exponent));
			return deviation * random.gaussian();
		});
		this.#biases.set(name, bias);
		return bias;
	}
}

/** The smallest power of two that values repeat with. */
const periodOf = (values: Float64Array): number => {
	let period = values.length;
	while (period > 1 && repeats(values, period / 2)) period /= 2;
	return period;
};

const repeats = (values: Float64Array, period: number): boolean => {
	for (let t = period; t < values.length; t++) if (values[t] !== values[t - period]) return false;
	return true;
};
