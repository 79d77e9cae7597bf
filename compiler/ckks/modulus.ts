import { type Chain, MAX_PRIME_BITS, smallestPrimeBits, totalBits } from './chain.ts';
import { type PrimeTest, primeBelow } from './primes.ts';

/**
 * The chain with base primes that hold `demanded` bits and the largest special prime that the limit of log2(QP) leaves; undefined
 * when it leaves none that exceeds the others (key switching is quiet only then). `draft` has one base prime, of any size.
 */
export const withFixedPrimes = (draft: Chain, demanded: number, limit: number, test?: PrimeTest): Chain | undefined => {
	const { ringDegree } = draft.parameters;
	const divided = draft.parameters.primes.slice(1);
	const dividedBits = divided.map(Math.log2);
	const baseCount = Math.max(1, Math.ceil(demanded / MAX_PRIME_BITS));
	const each = Math.max(Math.ceil(demanded / baseCount), smallestPrimeBits(ringDegree));
	const left = limit - dividedBits.reduce((sum, b) => sum + b, 0) - baseCount * each;
	const special = Math.min(MAX_PRIME_BITS, Math.floor(left));
	if (special < Math.max(each, ...dividedBits)) return undefined;
	const specialPrime = primeBelow(special, ringDegree, new Set(divided), test);
	if (specialPrime === undefined) return undefined;
	const base: number[] = [];
	for (let k = 0; k < baseCount; k++) {
		const prime = primeOfAtLeast(
			demanded / baseCount,
			each,
			ringDegree,
			new Set([...divided, ...base, specialPrime]),
			test,
		);
		if (prime === undefined || prime > specialPrime) return undefined;
		base.push(prime);
	}
	const parameters = { ...draft.parameters, primes: [...base, ...divided], specialPrime };
	if (totalBits(parameters) > limit) return undefined;
	return { ...draft, parameters, levels: draft.levels.map((level) => level + baseCount - 1) };
};

/** The largest prime of `size` bits, or of the next size that has one of at least `bits` bits: small ones are rare. */
const primeOfAtLeast = (
	bits: number,
	size: number,
	ringDegree: number,
	taken: ReadonlySet<number>,
	test: PrimeTest | undefined,
): number | undefined => {
	for (let power = size; power <= MAX_PRIME_BITS; power++) {
		const prime = primeBelow(power, ringDegree, taken, test);
		if (prime !== undefined && Math.log2(prime) >= bits - SHORTFALL) return prime;
	}
	return undefined;
};

/** A prime just below a power of two counts as that power of two. */
const SHORTFALL = 0.02;
