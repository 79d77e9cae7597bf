import type { CkksParameters, SecurityBits } from '../../runtime/plan.ts';
import type { SlotCircuit } from '../slots/circuit.ts';
import { depthOf, latestDepths } from '../slots/depths.ts';
import { nearestPrime, type PrimeTest } from './primes.ts';

/** What the shape of a circuit asks of the modulus chain. */
export type Demand = {
	/** Products on the longest path. */
	readonly depth: number;
	/** Depth of each slot value, as late as possible. */
	readonly depths: readonly number[];
	/** squares[d]: do products of two ciphertexts give values of depth d? */
	readonly squares: readonly boolean[];
};

/** Bits to choose a chain from. */
export type ChainBits = {
	/** Waterline: log2 of the scale of a value after its rescale. */
	readonly scale: number;
	/** log2 of the scale of the plaintexts that values are multiplied by. */
	readonly plain: number;
	/** A product is rescaled when its scale exceeds the waterline by this many bits, or before it is squared; 0: always. */
	readonly threshold: number;
};

/** The largest prime. Evaluators on float64 arithmetic need primes below 2^48, SEAL loses little by it. */
export const MAX_PRIME_BITS = 48;

/**
 * The modulus chain and the canonical scales. Right after its product a value of depth d is `pending`, with scale pending[d] at
 * level levels[d-1]; once rescaled it is `settled`, with scale settled[d] at levels[d]. Where the scale exceeds the waterline
 * by less than the threshold and no square follows, nothing is rescaled (rescaled[d] is false, pending and settled are the same): several products
 * then share one large prime, and fewer primes make every operation and key cheaper. The last product is never rescaled.
 *
 *     pending[d] = settled[d-1]^2        where two ciphertexts are multiplied: the prime is chosen close to it, settled[d] follows
 *                = prime * settled[d]    elsewhere: settled[d] is the waterline exactly, plaintext scales make up the rest
 */
export type Chain = {
	readonly parameters: CkksParameters;
	readonly levels: readonly number[];
	readonly rescaled: readonly boolean[];
	readonly settled: readonly number[];
	readonly pending: readonly number[];
};

export const demandOf = (circuit: SlotCircuit): Demand => {
	const depth = depthOf(circuit);
	const depths = latestDepths(circuit);
	const squares = new Array<boolean>(depth + 1).fill(false);
	circuit.ops.forEach((op, id) => {
		if (op.kind === 'multiply') squares[depths[id] as number] = true;
	});
	return { depth, depths, squares };
};

/**
 * Builds the chain; primes are distinct and 1 mod 2N. `fixed.base` are the primes that are never divided away: they hold the
 * final products, and are chosen once the demand on them is known (scales do not depend on them).
 */
export const chainOf = (
	{ depth, squares }: Demand,
	bits: ChainBits,
	fixed: { readonly base: readonly number[]; readonly special: number },
	ringDegree: number,
	security: SecurityBits,
	test?: PrimeTest,
): Chain => {
	const taken = new Set([...fixed.base, fixed.special]);
	const divided: number[] = [];
	const settled = [2 ** bits.scale];
	const pending = [2 ** bits.scale];
	const rescaled = [false];
	for (let d = 1; d <= depth; d++) {
		const square = squares[d] ?? false;
		const before = settled[d - 1] as number;
		const product = square ? before * before : before * 2 ** bits.plain;
		const excess = Math.min(MAX_PRIME_BITS - 0.01, Math.log2(product) - bits.scale);
		// A square would double whatever the scale exceeds the waterline by: before one, every product is rescaled.
		const least = squares[d + 1] ? 0 : bits.threshold;
		rescaled.push(d < depth && excess >= Math.max(least, smallestPrimeBits(ringDegree)));
		if (!rescaled[d]) {
			settled.push(product);
			pending.push(product);
			continue;
		}
		const prime = nearestPrime(2 ** excess, ringDegree, taken, test);
		taken.add(prime);
		divided.push(prime);
		const target = square ? product / prime : product / 2 ** excess;
		settled.push(target);
		pending.push(square ? product : prime * target);
	}
	const primes = [...fixed.base, ...divided.toReversed()];
	let level = primes.length - 1;
	const levels = rescaled.map((falls) => (falls ? --level : level));
	return {
		parameters: { ringDegree, primes, specialPrime: fixed.special, security },
		levels,
		rescaled,
		settled,
		pending,
	};
};

/** Bits below which primes that are 1 mod 2N are too rare to be found near a target. */
export const smallestPrimeBits = (ringDegree: number): number => Math.log2(ringDegree) + 5;

/** log2 of the product of all primes, the special one included: what the security table limits. */
export const totalBits = ({ primes, specialPrime }: CkksParameters): number =>
	[...primes, specialPrime].reduce((bits, prime) => bits + Math.log2(prime), 0);
