import { RefusedError } from '../../errors.ts';
import type { CkksParameters, ServerProgram } from '../../plan.ts';
import { power } from './reference.ts';

/**
 * What the kernel's arithmetic is exact for. A residue, balanced, is at most q / 2; its product with another is held in two
 * float64 numbers, exactly, while q < 2^48; sums of products in passes of so many that their high parts stay exact, which the
 * kernel sees to for any number of digits and terms. Everything that is not so is refused when a program is loaded.
 */
const PRIME_BITS = 48;
/** The transform takes four residues at once, tables of automorphisms and scratch grow with N: as SEAL has it. */
const SMALLEST_RING = 1024;
const LARGEST_RING = 32768;
/** So many that the bytes of one key stay below 2^31; no secure parameters have them. */
const MOST_PRIMES = 62;
/** Magnitudes of the integer weights of `combine`: a float64 has 53 significant bits, those below them are zeros. */
const WEIGHT_BITS = 128;
/** Coefficients of encoded constants lie below so many bits: what the encoder reduces in two steps. */
const COEFFICIENT_BITS = 150;

const refuse = (why: string): never => {
	throw new RefusedError(
		'program',
		`the kernel cannot compute exactly: ${why}`,
		'Compile the model again, or evaluate with the seal backend.',
	);
};

/** Miller and Rabin's test; with these bases it is certain below 3.4e14, which is above 2^48 (Jaeschke 1993). */
const isPrime = (value: number): boolean => {
	const n = BigInt(value);
	const bases = [2n, 3n, 5n, 7n, 11n, 13n, 17n];
	if (n < 2n || bases.some((base) => n % base === 0n)) return bases.includes(n);
	let odd = n - 1n;
	let twos = 0;
	for (; odd % 2n === 0n; odd /= 2n) twos++;
	return bases.every((base) => {
		let square = power(base, odd, n);
		if (square === 1n) return true;
		for (let i = 1; i < twos && square !== n - 1n; i++) square = (square * square) % n;
		return square === n - 1n;
	});
};

const checkPrime = (prime: number, ringDegree: number): void => {
	if (!Number.isSafeInteger(prime) || prime < 2) refuse(`${prime} is no prime`);
	if (prime >= 2 ** PRIME_BITS) refuse(`the prime ${prime} is not below 2^${PRIME_BITS}`);
	if (prime % (2 * ringDegree) !== 1) refuse(`the prime ${prime} is not 1 modulo ${2 * ringDegree}`);
	if (!isPrime(prime)) refuse(`${prime} is no prime`);
};

/** Throws RefusedError 'program' unless arithmetic with these parameters is exact. */
export const checkParameters = ({ ringDegree, primes, specialPrime }: CkksParameters): void => {
	if (!(ringDegree >= SMALLEST_RING && ringDegree <= LARGEST_RING && Number.isInteger(Math.log2(ringDegree))))
		refuse(`the ring degree ${ringDegree} is no power of two from ${SMALLEST_RING} to ${LARGEST_RING}`);
	const all = [...primes, specialPrime];
	if (primes.length === 0 || all.length > MOST_PRIMES) refuse(`${primes.length} data primes are none or too many`);
	for (const prime of all) checkPrime(prime, ringDegree);
	if (new Set(all).size !== all.length) refuse('a prime occurs twice');
};

/**
 * Bits that hold the magnitude of every weight; sometimes one more, just below a power of two. Throws RefusedError 'program' for a
 * weight that `combine` cannot take exactly.
 */
export const weightBits = (weights: Float64Array): number => {
	let most = 1;
	for (const weight of weights) most = Math.max(most, Math.abs(weight));
	const bits = Math.floor(Math.log2(most)) + 1;
	if (!weights.every(Number.isInteger) || bits > WEIGHT_BITS)
		refuse(`a weight has ${bits} bits, more than ${WEIGHT_BITS}`);
	return bits;
};

/**
 * Throws RefusedError 'program' for values of this mean magnitude, which no coefficient exceeds, that `encode` and `encodeNumber`
 * cannot take at this scale.
 */
export const checkMagnitude = (mean: number, scale: number): void => {
	const bits = Math.log2(mean) + Math.log2(scale);
	if (bits >= COEFFICIENT_BITS)
		refuse(`the coefficients of a constant have up to ${Math.ceil(bits)} bits, more than ${COEFFICIENT_BITS}`);
};

/** Throws RefusedError 'program' unless the kernel computes a program of this shape exactly; its constants are checked where they are read. */
export const checkBounds = (program: ServerProgram): void => {
	const { parameters, batch, keys } = program;
	checkParameters(parameters);
	const slots = parameters.ringDegree / 2;
	if (!(Number.isInteger(batch) && batch >= 1 && slots % batch === 0)) refuse(`${batch} samples in ${slots} slots`);
	for (const { step } of keys.steps)
		if (!(Number.isInteger(step) && step > 0 && step < slots))
			refuse(`there is no rotation by ${step} of ${slots} slots`);
	const levels = [keys.relinearization ?? 0, ...keys.steps.map(({ level }) => level)];
	for (const level of [...levels, ...program.constants.map((constant) => constant.level)])
		if (!(Number.isInteger(level) && level >= 0 && level < parameters.primes.length))
			refuse(`there is no level ${level}`);
};
