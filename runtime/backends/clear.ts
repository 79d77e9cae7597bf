import type { Backend, Cryptor } from '../backend.ts';
import { RefusedError } from '../errors.ts';
import type { CkksParameters, KeyNeeds } from '../plan.ts';
import { type PlainShape, Rules, type Shape } from '../rules.ts';

/**
 * The n real slots in the clear with what CKKS would know of them. `values` is gone once the handle is disposed. `peak`
 * bounds all magnitudes, simulated noise aside.
 */
export type ClearCiphertext = { values: Float64Array | undefined; readonly shape: Shape; peak: number };
export type ClearPlaintext = { values: Float64Array | undefined; readonly shape: PlainShape; readonly peak: number };

const peakOf = (values: Float64Array): number => {
	let peak = 0;
	for (let i = 0; i < values.length; i++) {
		const magnitude = Math.abs(values[i] as number);
		if (magnitude > peak) peak = magnitude;
	}
	return peak;
};

/**
 * Exact float64 on n real slots: what a program computes without noise. It refuses whatever CKKS would (`Rules`) and the
 * use of a disposed handle, and values that could wrap around the modulus (RefusedError 'input'): these it looks for
 * after sums, products and mod switches, since nothing else changes magnitude * scale / modulus, and reads the slots only
 * where `peak` does not settle it. Arrays of disposed handles are used again, so that an evaluation allocates almost nothing.
 */
export class ClearBackend implements Backend<ClearCiphertext, ClearPlaintext>, Cryptor<ClearCiphertext> {
	readonly name: 'clear' | 'simulate' = 'clear';
	protected readonly parameters: CkksParameters;
	readonly #rules: Rules;
	readonly #free: Float64Array[] = [];
	#live = 0;

	constructor(parameters: CkksParameters, keys: KeyNeeds) {
		this.parameters = parameters;
		this.#rules = new Rules(parameters, keys);
	}

	/** Ciphertext handles not yet disposed. */
	get live(): number {
		return this.#live;
	}

	encode(values: Float64Array, level: number, scale: number): ClearPlaintext {
		const shape = this.#rules.encode(values, level, scale);
		const copy = this.#array();
		copy.set(values);
		return { shape, values: copy, peak: peakOf(values) };
	}

	encodeNumber(value: number, level: number, scale: number): ClearPlaintext {
		const shape = this.#rules.encodeNumber(value, level, scale);
		return { shape, values: this.#array().fill(value), peak: Math.abs(value) };
	}

	encrypt(values: Float64Array, level: number, scale: number): ClearCiphertext {
		this.#rules.encode(values, level, scale);
		const result = this.#handle({ level, scale, size: 2 }, peakOf(values));
		this.valuesOf(result).set(values);
		return result;
	}

	decrypt(ciphertext: ClearCiphertext): Float64Array {
		return this.valuesOf(ciphertext).slice();
	}

	add(a: ClearCiphertext, b: ClearCiphertext): ClearCiphertext {
		const [x, y] = [this.valuesOf(a), this.valuesOf(b)];
		const result = this.#handle(this.#rules.sum(a.shape, b.shape), a.peak + b.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = (x[i] as number) + (y[i] as number);
		return this.#checked(result);
	}

	subtract(a: ClearCiphertext, b: ClearCiphertext): ClearCiphertext {
		if (a === b) throw new RefusedError('misuse', 'a ciphertext minus itself would be transparent');
		const [x, y] = [this.valuesOf(a), this.valuesOf(b)];
		const result = this.#handle(this.#rules.sum(a.shape, b.shape), a.peak + b.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = (x[i] as number) - (y[i] as number);
		return this.#checked(result);
	}

	negate(a: ClearCiphertext): ClearCiphertext {
		const x = this.valuesOf(a);
		const result = this.#handle(a.shape, a.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = -(x[i] as number);
		return result;
	}

	addPlain(a: ClearCiphertext, plain: ClearPlaintext): ClearCiphertext {
		const [x, y] = [this.valuesOf(a), this.valuesOf(plain)];
		const result = this.#handle(this.#rules.addPlain(a.shape, plain.shape), a.peak + plain.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = (x[i] as number) + (y[i] as number);
		return this.#checked(result);
	}

	multiplyPlain(a: ClearCiphertext, plain: ClearPlaintext): ClearCiphertext {
		const [x, y] = [this.valuesOf(a), this.valuesOf(plain)];
		const result = this.#handle(this.#rules.multiplyPlain(a.shape, plain.shape), a.peak * plain.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = (x[i] as number) * (y[i] as number);
		return this.#checked(result);
	}

	multiply(a: ClearCiphertext, b: ClearCiphertext): ClearCiphertext {
		const [x, y] = [this.valuesOf(a), this.valuesOf(b)];
		const result = this.#handle(this.#rules.multiply(a.shape, b.shape), a.peak * b.peak);
		const z = this.valuesOf(result);
		for (let i = 0; i < z.length; i++) z[i] = (x[i] as number) * (y[i] as number);
		return this.#checked(result);
	}

	relinearize(a: ClearCiphertext): ClearCiphertext {
		return this.#copy(a, this.#rules.relinearize(a.shape));
	}

	rescale(a: ClearCiphertext): ClearCiphertext {
		return this.#copy(a, this.#rules.rescale(a.shape));
	}

	modSwitch(a: ClearCiphertext, level: number): ClearCiphertext {
		return this.#checked(this.#copy(a, this.#rules.modSwitch(a.shape, level)));
	}

	rotate(a: ClearCiphertext, steps: number): ClearCiphertext {
		const left = this.#rules.rotate(a.shape, steps);
		const x = this.valuesOf(a);
		const result = this.#handle(a.shape, a.peak);
		const z = this.valuesOf(result);
		z.set(x.subarray(left));
		z.set(x.subarray(0, left), x.length - left);
		return result;
	}

	dispose(a: ClearCiphertext): void {
		this.#free.push(this.valuesOf(a));
		a.values = undefined;
		this.#live--;
	}

	disposePlain(plain: ClearPlaintext): void {
		this.#free.push(this.valuesOf(plain));
		plain.values = undefined;
	}

	protected valuesOf({ values }: { readonly values: Float64Array | undefined }): Float64Array {
		if (values === undefined) throw new RefusedError('misuse', 'this handle was disposed before');
		return values;
	}

	#array(): Float64Array {
		return this.#free.pop() ?? new Float64Array(this.#rules.slots);
	}

	#handle(shape: Shape, peak: number): ClearCiphertext {
		this.#live++;
		return { values: this.#array(), shape, peak };
	}

	/** The result, or RefusedError 'input' and no handle when its values could wrap around the modulus. */
	#checked(result: ClearCiphertext): ClearCiphertext {
		if (this.#rules.fits(result.peak, result.shape)) return result;
		const values = this.valuesOf(result);
		result.peak = peakOf(values);
		if (this.#rules.fits(result.peak, result.shape)) return result;
		try {
			this.#rules.checkRange(values, result.shape);
			return result;
		} catch (error) {
			this.dispose(result);
			throw error;
		}
	}

	#copy(a: ClearCiphertext, shape: Shape): ClearCiphertext {
		const values = this.valuesOf(a);
		const result = this.#handle(shape, a.peak);
		this.valuesOf(result).set(values);
		return result;
	}
}
