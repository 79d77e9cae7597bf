import type { CkksParameters } from '../../runtime/plan.ts';
import type { SlotCircuit } from '../slots/circuit.ts';
import { isProduct } from '../slots/depths.ts';
import { type Chain, type Demand, totalBits } from './chain.ts';
import type { CkksCircuit, Op } from './circuit.ts';
import { modulusLimit } from './security.ts';

/** What the bits of the modulus are for. Bits are log2; origins are layers. */
export type ModulusUse = {
	/** log2(QP) and the most that the security allows at this ring degree. */
	readonly used: number;
	readonly limit: number;
	/** The primes that are never divided away: they hold the value that asks most of them. */
	readonly base: {
		readonly bits: number;
		readonly primes: number;
		readonly origin: string;
		/** The largest magnitude of that value, and its scale; sign and spare bits make up the rest. */
		readonly valueBits: number;
		readonly scaleBits: number;
		/** Layers whose products are held there without a rescale. */
		readonly products: readonly string[];
	};
	/** The primes that rescaling divides away, in the order in which it does, with the layers whose products share them. */
	readonly divided: readonly { readonly bits: number; readonly level: number; readonly products: readonly string[] }[];
	/** The special prime, for key switching: what the limit leaves, up to a word. */
	readonly special: number;
};

/** Why a ring degree would not do, and what would change that. */
export type Miss = {
	readonly ringDegree: number;
	readonly batch: number;
	readonly limit: number;
	/**
	 * `slots`: not one slot per sample. `depth`: the shortest chain of this depth is too large, whatever the precision.
	 * `precision`: a chain fits, but its scales are too small. `magnitude`: scales would fit, but not beside the largest values.
	 */
	readonly cause: 'slots' | 'depth' | 'precision' | 'magnitude';
	/** Bits that the smallest modulus that would do has beyond the limit, about; absent where nothing was packed. */
	readonly missing?: number;
	/** Products on the longest path, and as many as the limit allows with the same scales and base primes. */
	readonly depth?: { readonly products: number; readonly fits: number };
	/** Options that were tried and do, with what they give. */
	readonly remedies: readonly Remedy[];
};
export type Remedy = { readonly option: string; readonly bits: number };

/** Why the parameters are what they are: the modulus by purpose, the next smaller ring degree, and both in words. */
export type Why = {
	readonly modulus: ModulusUse;
	readonly smaller: Miss | undefined;
	readonly text: readonly string[];
};

const rounded = (bits: number): number => Number(bits.toFixed(1));

/** `magnitudes` are those of the slot values that the modulus was chosen to hold. */
export const modulusUse = (
	slots: SlotCircuit,
	demand: Demand,
	chain: Chain,
	bases: number,
	circuit: CkksCircuit,
	magnitudes: Float64Array,
): ModulusUse => {
	const { parameters } = chain;
	const bits = parameters.primes.map(Math.log2);
	const greatest = mostDemanding(circuit, bits, bases, magnitudes);
	const groups = productGroups(slots, demand, chain);
	const divided = groups.slice(0, -1).map((products, k) => {
		const level = parameters.primes.length - 1 - k;
		return { bits: rounded(bits[level] as number), level, products };
	});
	return {
		used: rounded(totalBits(parameters)),
		limit: modulusLimit(parameters.ringDegree, parameters.security),
		base: {
			bits: rounded(bits.slice(0, bases).reduce((sum, b) => sum + b, 0)),
			primes: bases,
			origin: greatest.origin,
			valueBits: rounded(Math.log2(Math.max(magnitudes[greatest.slot] as number, 1))),
			scaleBits: rounded(Math.log2(greatest.scale)),
			products: groups.at(-1) ?? [],
		},
		divided,
		special: rounded(Math.log2(parameters.specialPrime)),
	};
};

/** The value that asks most of the base primes: the largest scale * magnitude / (the primes above them that it still has). */
const mostDemanding = ({ ops }: CkksCircuit, bits: readonly number[], bases: number, magnitudes: Float64Array): Op => {
	const demanded = ({ slot, scale, level }: Op): number =>
		Math.log2(Math.max(magnitudes[slot] as number, 1) * scale) -
		bits.slice(bases, level + 1).reduce((sum, b) => sum + b, 0);
	const all = ops.map(demanded);
	return ops[all.indexOf(all.reduce((a, b) => Math.max(a, b)))] as Op;
};

/** The layers of the products that share each divided prime, first divided first; the last group is never rescaled. */
const productGroups = (
	{ ops }: SlotCircuit,
	{ depths, depth }: Demand,
	{ rescaled }: Pick<Chain, 'rescaled'>,
): readonly (readonly string[])[] => {
	const groupOf: number[] = [];
	for (let d = 1, group = 0; d <= depth; d++) {
		groupOf[d] = group;
		if (rescaled[d]) group++;
	}
	const groups = Array.from({ length: (groupOf[depth] ?? 0) + 1 }, () => new Set<string>());
	ops.forEach((op, id) => {
		if (isProduct(op)) groups[groupOf[depths[id] as number] as number]?.add(op.origin);
	});
	return groups.map((group) => [...group]);
};

export const whyOf = (
	modulus: ModulusUse,
	{ ringDegree, security }: CkksParameters,
	smaller: Miss | undefined,
): Why => ({
	modulus,
	smaller,
	text: [...modulusText(modulus, ringDegree, security), ...(smaller === undefined ? [] : missText(smaller))],
});

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const list = (origins: readonly string[]): string =>
	origins.length > 4 ? `${origins.slice(0, 3).join(', ')} and ${origins.length - 3} more` : origins.join(', ');

const modulusText = (
	{ used, limit, base, divided, special }: ModulusUse,
	ringDegree: number,
	security: number,
): string[] => [
	`N = ${ringDegree}: ${used} of the ${limit} bits that ${security}-bit security allows.`,
	`${base.bits} bits in ${counted(base.primes, 'prime')} hold results: ${base.origin} asks most, ${base.valueBits} bits of value at a scale of ${base.scaleBits} bits.`,
	...divided.map(
		({ bits, level, products }) => `${bits} bits at level ${level} for the products of ${list(products)}.`,
	),
	`${special} bits for key switching.`,
];

const CAUSES: { readonly [C in Miss['cause']]: string } = {
	slots: 'it has fewer slots than samples',
	depth: 'the shortest chain of this depth is too long',
	precision: 'scales that are precise enough make the modulus too large',
	magnitude: 'the largest values do not fit beside scales that are precise enough',
};

const missText = ({ ringDegree, cause, limit, missing, depth, remedies }: Miss): string[] => [
	`N = ${ringDegree} does not do: ${CAUSES[cause]}${missing === undefined ? '' : ` (${Number(missing.toFixed(1))} bits or so beyond the ${limit} allowed)`}.`,
	...(depth === undefined || depth.fits === 0
		? []
		: [`At these scales ${counted(depth.fits, 'product')} in a row would fit; there are ${depth.products}.`]),
	...remedies.map(
		({ option, bits }) => `${option} would do with N = ${ringDegree} (predicted: ${bits} bits of precision).`,
	),
];
