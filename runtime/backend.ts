/**
 * A backend computes one CKKS operation at a time on handles of its own. It never decides: levels, scales and the order
 * of operations are the plan's. Operands are left as they are; every result is a new handle that the caller disposes.
 * Each throws RefusedError 'misuse' where CKKS would be wrong (levels or scales differ, no level left, a missing key).
 */
export interface Backend<Ciphertext, Plaintext> {
	readonly name: 'clear' | 'simulate' | 'seal';
	/** Values of n = ringDegree / 2 real slots at an exact scale, for use with ciphertexts of `level`. */
	encode(values: Float64Array, level: number, scale: number): Plaintext;
	/** One number in every slot: a constant polynomial, far cheaper than a vector. */
	encodeNumber(value: number, level: number, scale: number): Plaintext;
	add(a: Ciphertext, b: Ciphertext): Ciphertext;
	subtract(a: Ciphertext, b: Ciphertext): Ciphertext;
	negate(a: Ciphertext): Ciphertext;
	addPlain(a: Ciphertext, plain: Plaintext): Ciphertext;
	multiplyPlain(a: Ciphertext, plain: Plaintext): Ciphertext;
	/** Product of size 3 (a square when both are the same handle). */
	multiply(a: Ciphertext, b: Ciphertext): Ciphertext;
	relinearize(a: Ciphertext): Ciphertext;
	/** Divides by the last prime: level and scale fall. */
	rescale(a: Ciphertext): Ciphertext;
	/** Drops primes down to `level`; the scale stays. */
	modSwitch(a: Ciphertext, level: number): Ciphertext;
	/** result[t] = a[(t + steps) mod n]; needs the key of exactly this step. */
	rotate(a: Ciphertext, steps: number): Ciphertext;
	dispose(a: Ciphertext): void;
	disposePlain(plain: Plaintext): void;
}

/** The key owner's half of a backend that keeps both halves in one place; SEAL's key owner encrypts to bytes instead. */
export interface Cryptor<Ciphertext> {
	/** Encrypts n real slots; finite values only. */
	encrypt(values: Float64Array, level: number, scale: number): Ciphertext;
	decrypt(ciphertext: Ciphertext): Float64Array;
}
