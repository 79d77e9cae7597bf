import { InternalError } from '../errors.ts';

const powerMod = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
	let result = 1n;
	let square = base % modulus;
	for (let e = exponent; e > 0n; e >>= 1n) {
		if (e & 1n) result = (result * square) % modulus;
		square = (square * square) % modulus;
	}
	return result;
};

/** Bases that make Miller-Rabin exact below 3.4e14 (Jaeschke, 1993), all of them below 3.8e18. */
const WITNESSES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n];
const FIRST_WITNESSES = WITNESSES.slice(0, 7);
const FIRST_LIMIT = 341550071728321;
/** Most candidates have one of these factors, and float64 finds it fast. */
const SMALL_PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

/** Exact primality for n < 2^53. */
export const isPrime = (n: number): boolean => {
	if (n < 2 || !Number.isSafeInteger(n)) return false;
	for (const p of SMALL_PRIMES) if (n % p === 0) return n === p;
	const big = BigInt(n);
	let odd = big - 1n;
	let twos = 0;
	for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
	return (n < FIRST_LIMIT ? FIRST_WITNESSES : WITNESSES).every((witness) => {
		let x = powerMod(witness, odd, big);
		if (x === 1n || x === big - 1n) return true;
		for (let k = 1; k < twos; k++) {
			x = (x * x) % big;
			if (x === big - 1n) return true;
		}
		return false;
	});
};

/** Says what is prime; a search that asks often remembers the answers. */
export type PrimeTest = (n: number) => boolean;

/** The prime nearest to `target` that is 1 mod 2N and not in `taken`: a modulus with a negacyclic NTT of N points. */
export const nearestPrime = (
	target: number,
	ringDegree: number,
	taken: ReadonlySet<number>,
	test: PrimeTest = isPrime,
): number => {
	const step = 2 * ringDegree;
	const center = Math.max(1, Math.round((target - 1) / step));
	for (let distance = 0; distance < center + 1000; distance++)
		for (const k of distance === 0 ? [center] : [center - distance, center + distance]) {
			const candidate = k * step + 1;
			if (k > 0 && !taken.has(candidate) && test(candidate)) return candidate;
		}
	throw new InternalError('primes', `no prime near ${target} for ring degree ${ringDegree}`);
};

/** The largest prime below 2^bits that is 1 mod 2N and not in `taken`; undefined when there is none. */
export const primeBelow = (
	bits: number,
	ringDegree: number,
	taken: ReadonlySet<number>,
	test: PrimeTest = isPrime,
): number | undefined => {
	const step = 2 * ringDegree;
	for (let candidate = Math.floor((2 ** bits - 2) / step) * step + 1; candidate > step / 2; candidate -= step)
		if (!taken.has(candidate) && test(candidate)) return candidate;
	return undefined;
};
