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

/** Bases that make Miller-Rabin exact below 3.3e24 (Sorenson and Webster, 2015). */
const WITNESSES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n];

/** Exact primality for n < 2^53. */
export const isPrime = (n: number): boolean => {
	if (n < 2 || !Number.isSafeInteger(n)) return false;
	const big = BigInt(n);
	for (const p of WITNESSES) if (big % p === 0n) return big === p;
	let odd = big - 1n;
	let twos = 0;
	for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
	return WITNESSES.every((witness) => {
		let x = powerMod(witness, odd, big);
		if (x === 1n || x === big - 1n) return true;
		for (let k = 1; k < twos; k++) {
			x = (x * x) % big;
			if (x === big - 1n) return true;
		}
		return false;
	});
};

/** The prime nearest to `target` that is 1 mod 2N and not in `taken`: a modulus with a negacyclic NTT of N points. */
export const nearestPrime = (target: number, ringDegree: number, taken: ReadonlySet<number>): number => {
	const step = 2 * ringDegree;
	const center = Math.max(1, Math.round((target - 1) / step));
	for (let distance = 0; distance < center + 1000; distance++)
		for (const k of distance === 0 ? [center] : [center - distance, center + distance]) {
			const candidate = k * step + 1;
			if (k > 0 && !taken.has(candidate) && isPrime(candidate)) return candidate;
		}
	throw new InternalError('primes', `no prime near ${target} for ring degree ${ringDegree}`);
};

/** The largest prime below 2^bits that is 1 mod 2N and not in `taken`; undefined when there is none. */
export const primeBelow = (bits: number, ringDegree: number, taken: ReadonlySet<number>): number | undefined => {
	const step = 2 * ringDegree;
	for (let candidate = Math.floor((2 ** bits - 2) / step) * step + 1; candidate > step / 2; candidate -= step)
		if (!taken.has(candidate) && isPrime(candidate)) return candidate;
	return undefined;
};
