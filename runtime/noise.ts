/**
 * The noise of CKKS as SEAL computes it: variance of the error that one operation adds to the *real part of one slot*, in
 * units of the ciphertext's scale (divide by scale^2 for units of the message). N is the ring degree, sigma^2 the variance
 * of SEAL's centred binomial error, s the ternary secret. Each formula is compared with measurements in
 * test/runtime/noise.test.ts.
 *
 * A polynomial whose N coefficients are independent of variance w has real slot parts of variance N/2 w. Two effects go
 * beyond that rule, and both decide how far a bound must lie above the standard deviation:
 * - Noise multiplied by the secret is, in slot t, proportional to |s(zeta_t)|, which one key fixes for ever: over the slots
 *   |s|^2 is exponentially distributed, so the error over slots has the tails of a Laplace distribution, not a Gaussian.
 * - SEAL's key switching digits lie in [0, q_j) and not around 0. Their mean is the polynomial q/2 (1 + X + ... + X^(N-1)),
 *   which vanishes at most slots and is huge where zeta_t is near 1: slot 0 has about sqrt(12 N) / pi times the error of
 *   a typical slot (100 times at N = 8192), slot 1 a third of that, slot 2 a ninth.
 */

/** Variance of a coefficient of SEAL's error distribution: centred binomial of 42 bits. */
const ERROR_VARIANCE = 10.5;

/** Expected squared norm of the secret, |s|^2 = 2N/3; also the mean of |s(zeta)|^2 over the slots. */
export const secretNorm = (ringDegree: number): number => (2 * ringDegree) / 3;

/**
 * Rounding of an encoded plaintext: N/12. Twice N/2 * 1/12, because the coefficients of real slots are antisymmetric
 * (c[N - k] = -c[k]), so the rounding errors are too and fall on the real parts alone.
 */
export const encodingVariance = (ringDegree: number): number => ringDegree / 12;

/**
 * What stands for a number that is encoded as a constant polynomial: the nearest multiple of 1 / scale other than zero (a
 * product with zero would be transparent). Every slot has the same error, half a unit at most, or one below half a unit.
 */
export const encodedNumber = (value: number, scale: number): number =>
	(Math.round(value * scale) || Math.sign(value)) / scale;

/** Fresh encryption under the secret key, with the rounding of its encoding: N/2 sigma^2 + N/12. */
export const encryptionVariance = (ringDegree: number): number =>
	(ringDegree / 2) * ERROR_VARIANCE + encodingVariance(ringDegree);

/**
 * Rounding of a rescale, in units of the scale after it: N/2 (1 + h) / 12 with h = 2N/3 for a ciphertext of size 2; size 3
 * adds N/2 * 2 h^2 / 12 (the mean of |s|^4 over the slots is 2 h^2).
 */
export const rescaleVariance = (ringDegree: number, size: 2 | 3 = 2): number => {
	const h = secretNorm(ringDegree);
	return ((ringDegree / 2) * (1 + h + (size === 3 ? 2 * h * h : 0))) / 12;
};

/** The exponents of the slots: slot t is the value at zeta^(3^t mod 2N), zeta = exp(i pi / N). */
export const slotExponents = (ringDegree: number): Int32Array => {
	const exponents = new Int32Array(ringDegree / 2);
	let exponent = 1;
	for (let t = 0; t < exponents.length; t++) {
		exponents[t] = exponent;
		exponent = (exponent * 3) % (2 * ringDegree);
	}
	return exponents;
};

/** N/2 sigma^2 sum_{j <= level} q_j^2 / P^2: what the digits' squared magnitudes are multiplied by. */
const digitFactor = (ringDegree: number, primes: readonly number[], level: number, specialPrime: number): number => {
	let sum = 0;
	for (let j = 0; j <= level; j++) sum += ((primes[j] as number) / specialPrime) ** 2;
	return (ringDegree / 2) * ERROR_VARIANCE * sum;
};

/** |1 + zeta + ... + zeta^(N-1)|^2 / 4 at zeta = exp(i pi exponent / N): the squared mean of a digit over q^2. */
const digitMean = (ringDegree: number, exponent: number): number =>
	1 / (4 * Math.sin((Math.PI * exponent) / (2 * ringDegree)) ** 2);

/** The part of key switching that comes from the spread of the digits and from rounding: the same in every slot. */
export const keySwitchSpreadVariance = (
	ringDegree: number,
	primes: readonly number[],
	level: number,
	specialPrime: number,
): number => (digitFactor(ringDegree, primes, level, specialPrime) * ringDegree) / 12 + rescaleVariance(ringDegree);

/** The part of key switching that comes from the mean of the digits. It is the same error at every use of one key. */
export const keySwitchBiasVariance = (
	ringDegree: number,
	primes: readonly number[],
	level: number,
	specialPrime: number,
	exponent: number,
): number => digitFactor(ringDegree, primes, level, specialPrime) * digitMean(ringDegree, exponent);

/** Key switching (rotate, relinearize) at a level with special prime P, in the slot of this exponent. */
export const keySwitchVariance = (
	ringDegree: number,
	primes: readonly number[],
	level: number,
	specialPrime: number,
	exponent: number,
): number =>
	keySwitchSpreadVariance(ringDegree, primes, level, specialPrime) +
	keySwitchBiasVariance(ringDegree, primes, level, specialPrime, exponent);
