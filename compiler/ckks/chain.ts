import type { CkksParameters, SecurityBits } from '../../runtime/plan.ts';
import type { SlotCircuit } from '../slots/circuit.ts';
import { depthOf, latestDepths } from '../slots/depths.ts';
import { nearestPrime } from './primes.ts';

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
	/** Primes that are never divided away: they hold the final products. */
	readonly base: readonly number[];
	readonly special: number;
};

/**
 * The modulus chain and the canonical scales. A value of depth d, once rescaled, is at level `top - d` with the exact scale
 * `settled[d]`; right after its product it is `pending`: still one level higher, with scale `pending[d]`. The last product is
 * never rescaled (d = depth), which saves a prime.
 *
 *     pending[d] = settled[d-1]^2        where two ciphertexts are multiplied: the prime is chosen close to it, settled[d] follows
 *                = prime * settled[d]    elsewhere: settled[d] is the waterline exactly, plaintext scales make up the rest
 */
export type Chain = {
	readonly parameters: CkksParameters;
	readonly top: number;
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

/** Builds the chain from bit sizes; primes are distinct and 1 mod 2N, base primes as given (chosen once the demand on them is known). */
export const chainOf = (
	demand: Demand,
	bits: Omit<ChainBits, 'base' | 'special'>,
	fixed: { readonly base: readonly number[]; readonly special: number },
	ringDegree: number,
	security: SecurityBits,
): Chain => {
	const { depth, squares } = demand;
	const top = Math.max(0, depth - 1) + fixed.base.length - 1;
	const waterline = 2 ** bits.scale;
	const taken = new Set([...fixed.base, fixed.special]);
	const descending: number[] = [];
	const settled = [waterline];
	const pending = [waterline];
	for (let d = 1; d < depth; d++) {
		const before = settled[d - 1] as number;
		const product = squares[d] ? before * before : before * 2 ** bits.plain;
		const prime = nearestPrime(product / waterline, ringDegree, taken);
		taken.add(prime);
		descending.push(prime);
		settled.push(squares[d] ? product / prime : waterline);
		pending.push(squares[d] ? product : prime * waterline);
	}
	if (depth > 0) {
		const last = settled[depth - 1] as number;
		pending.push(squares[depth] ? last * last : last * 2 ** bits.plain);
	}
	const primes = [...fixed.base, ...descending.reverse()];
	return { parameters: { ringDegree, primes, specialPrime: fixed.special, security }, top, settled, pending };
};

/** log2 of the product of all primes, the special one included: what the security table limits. */
export const totalBits = ({ primes, specialPrime }: CkksParameters): number =>
	[...primes, specialPrime].reduce((bits, prime) => bits + Math.log2(prime), 0);
