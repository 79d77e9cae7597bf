import type { SecurityBits } from '../../runtime/plan.ts';
import type { TargetBackend } from '../options.ts';
import { remembered } from '../remembered.ts';
import type { SlotCircuit } from '../slots/circuit.ts';
import { type Chain, type ChainBits, chainOf, type Demand, demandOf, totalBits } from './chain.ts';
import type { Edges, Gains } from './gains.ts';
import type { Rotations } from './lower.ts';
import { withFixedPrimes } from './modulus.ts';
import { isPrime, type PrimeTest } from './primes.ts';
import {
	baseDemand,
	type ClassGains,
	classGains,
	largestOf,
	millisecondsOf,
	patternOf,
	type Shape,
	scalesOf,
	shapeOf,
	smallestConstant,
	varianceOf,
} from './shape.ts';

/**
 * The gains of one sample to some outputs, weighed so that their variance is (error bound / magnitude)^2. What is left out to
 * first order f, the products of errors, is taken to be curvature * f^2.
 */
export type Probe = { readonly gains: Gains; readonly curvature: number };

/** What the candidates of one search have in common. */
export type Goal = {
	readonly ringDegree: number;
	readonly security: SecurityBits;
	/** The most that log2(QP) may be. */
	readonly limit: number;
	readonly precision: number;
	/** The largest |slot| of each slot value, with its headroom: what the modulus must hold. */
	readonly magnitudes: Float64Array;
};

/** One corner of the search: when to rescale, bits of plaintext scales below the waterline, which form is rotated. */
type Corner = { readonly threshold: number; readonly savings: number; readonly rotations: Rotations };

/** What a circuit is lowered by: scales, which form is rotated, and how many primes are never divided away. */
export type Recipe = { readonly bits: ChainBits; readonly rotations: Rotations; readonly bases: number };

/** Parameters with what they cost; the circuit is yet to be lowered. */
export type Candidate = {
	readonly chain: Chain;
	readonly recipe: Recipe;
	readonly shape: Shape;
	readonly milliseconds: number;
	/** log2(QP). */
	readonly size: number;
	/** Precision by the probes: log2(magnitude / error bound), to first order. */
	readonly bits: number;
};

/** The smallest scale worth trying: below it the rounding of a rescale swallows the message. */
const MIN_SCALE_BITS = 16;
const MAX_SCALE_BITS = 47;
/** Plaintext scales are tried this many bits below the waterline: their rounding errors average out over sums. */
const PLAIN_SAVINGS = [0, 2, 4, 6];
/** When a product is rescaled: always, or when that frees a prime of this size at least. */
const THRESHOLDS = [0, 24, 27, 30, 33, 36, 39, 42];
/** The smallest plaintext scale. */
const MIN_PLAIN_BITS = 15;
/** Bits of the modulus above the largest value: noise adds to it, and values just beyond it can still be told from wrapped ones. */
const SPARE_BITS = 0.25;

const CORNERS: readonly Corner[] = THRESHOLDS.flatMap((threshold) =>
	PLAIN_SAVINGS.flatMap((savings) =>
		(['settled', 'pending'] as const).map((rotations) => ({ threshold, savings, rotations })),
	),
);
const FEW_CORNERS = CORNERS.filter(
	({ threshold, savings, rotations }) => threshold <= 24 && savings % 4 === 0 && rotations === 'settled',
);

/** A shape and what was computed of it, by probe and by magnitudes. */
type Known = {
	readonly shape: Shape;
	readonly gains: Map<Probe, ClassGains>;
	readonly largest: Map<Float64Array, Float64Array>;
	readonly milliseconds: Map<number, number>;
};

/**
 * Searches for parameters by numbers of classes of operations (see Shape): the slot circuit is lowered once per pattern of its
 * chain, whatever scales and magnitudes are tried.
 */
export class Search {
	readonly #slots: SlotCircuit;
	readonly #edges: Edges;
	readonly #demand: Demand;
	readonly #backend: TargetBackend;
	readonly #rotates: boolean;
	readonly #chains = new Map<string, Chain>();
	readonly #shapes = new Map<string, Known>();
	readonly #primes = new Map<number, boolean>();
	readonly #isPrime: PrimeTest = (n) => remembered(this.#primes, n, () => isPrime(n));

	constructor(slots: SlotCircuit, edges: Edges, backend: TargetBackend) {
		this.#backend = backend;
		this.#slots = slots;
		this.#edges = edges;
		this.#demand = demandOf(slots);
		this.#rotates = slots.ops.some(({ kind }) => kind === 'rotate');
	}

	get demand(): Demand {
		return this.#demand;
	}

	/** The cheapest candidate that reaches the precision by every probe: by estimated time first, then by the size of the modulus. */
	cheapest(goal: Goal, probes: readonly Probe[]): Candidate | undefined {
		return this.#best(goal, probes, CORNERS, isCheaper);
	}

	/** A candidate with about the smallest modulus that reaches the precision by every probe: few corners are looked at. */
	smallest(goal: Goal, probes: readonly Probe[]): Candidate | undefined {
		return this.#best(goal, probes, FEW_CORNERS, (a, b) => a.size < b.size);
	}

	/** Scales are the smallest that do, by bisection in every corner. Undefined when none fits the limit. */
	#best(
		goal: Goal,
		probes: readonly Probe[],
		corners: readonly Corner[],
		isBetter: (a: Candidate, b: Candidate) => boolean,
	): Candidate | undefined {
		let best: Candidate | undefined;
		for (const corner of corners) {
			// Without rotations both forms of them are the same circuit.
			if (corner.rotations === 'pending' && !this.#rotates) continue;
			const found = this.#smallestScale(corner, goal, probes);
			if (found !== undefined && (best === undefined || isBetter(found, best))) best = found;
		}
		return best;
	}

	/** The greatest depth, below the circuit's, that fits the limit with the scales and base primes of a candidate; 0 for none. */
	deepest({ chain, recipe: { bits, bases } }: Candidate, limit: number): number {
		const { ringDegree, security, primes } = chain.parameters;
		const base = primes.slice(0, bases).reduce((sum, prime) => sum + Math.log2(prime), 0);
		for (let depth = this.#demand.depth - 1; depth > 0; depth--) {
			const shorter = chainOf({ ...this.#demand, depth }, bits, { base: [-1], special: 0 }, ringDegree, security);
			if (withFixedPrimes(shorter, base, limit) !== undefined) return depth;
		}
		return 0;
	}

	/** The relative variance that a probe predicts. */
	predicted({ chain, recipe }: Candidate, probe: Probe): number {
		return this.#variance(this.#known(chain, recipe.rotations), chain, probe);
	}

	#smallestScale(corner: Corner, goal: Goal, probes: readonly Probe[]): Candidate | undefined {
		let low = MIN_SCALE_BITS;
		let high = MAX_SCALE_BITS;
		let best: Candidate | undefined;
		while (low <= high) {
			const scale = (low + high) >> 1;
			const candidate = this.#at(corner, scale, goal, probes);
			if (candidate === undefined) high = scale - 1;
			else if (candidate.bits >= goal.precision) {
				best = candidate;
				high = scale - 1;
			} else low = scale + 1;
		}
		return best;
	}

	/** Undefined when the modulus is beyond the limit. */
	#at(corner: Corner, scale: number, goal: Goal, probes: readonly Probe[]): Candidate | undefined {
		const { ringDegree, security, limit, magnitudes } = goal;
		const { threshold, savings, rotations } = corner;
		const chainBits = { scale, plain: Math.max(MIN_PLAIN_BITS, scale - savings), threshold };
		const draft = this.#draft(chainBits, ringDegree, security);
		// No value at all demands less than the smallest prime: the chain alone may be too large.
		if (withFixedPrimes(draft, 0, limit, this.#isPrime) === undefined) return undefined;
		const known = this.#known(draft, rotations);
		const { shape } = known;
		const largest = remembered(known.largest, magnitudes, () => largestOf(shape, magnitudes));
		const chain = withFixedPrimes(draft, baseDemand(shape, largest, draft, SPARE_BITS), limit, this.#isPrime);
		if (chain === undefined) return undefined;
		const more = moreBases(shape, chain);
		const milliseconds = remembered(known.milliseconds, more, () => millisecondsOf(shape, more, this.#backend));
		const legal = smallestConstant(shape, scalesOf(chain)) >= 1;
		const variance = Math.max(...probes.map((probe) => this.#variance(known, chain, probe)));
		const bits = legal ? -Math.log2(variance) / 2 : 0;
		const recipe = { bits: chainBits, rotations, bases: more + 1 };
		return { chain, recipe, shape, milliseconds, size: totalBits(chain.parameters), bits };
	}

	#variance(known: Known, chain: Chain, probe: Probe): number {
		const { shape } = known;
		const gains = remembered(known.gains, probe, () => classGains(shape, this.#edges, probe.gains));
		const first = varianceOf(shape, gains, scalesOf(chain), chain.parameters, moreBases(shape, chain));
		return first + probe.curvature * first ** 2;
	}

	/** The chain before its base and special primes are known: scales do not depend on them. */
	#draft(bits: ChainBits, ringDegree: number, security: SecurityBits): Chain {
		return remembered(this.#chains, `${bits.scale} ${bits.plain} ${bits.threshold}`, () =>
			chainOf(this.#demand, bits, { base: [-1], special: 0 }, ringDegree, security, this.#isPrime),
		);
	}

	#known(chain: Chain, rotations: Rotations): Known {
		return remembered(this.#shapes, `${rotations} ${patternOf(chain)}`, () => ({
			shape: shapeOf(this.#slots, this.#demand, chain, rotations),
			gains: new Map(),
			largest: new Map(),
			milliseconds: new Map(),
		}));
	}
}

/** Base primes beyond the one that shapes are lowered with. */
const moreBases = ({ circuit }: Shape, { parameters }: Chain): number =>
	parameters.primes.length - circuit.parameters.primes.length;

const isCheaper = (a: Candidate, b: Candidate): boolean =>
	Math.abs(a.milliseconds - b.milliseconds) > 0.02 * b.milliseconds ? a.milliseconds < b.milliseconds : a.size < b.size;
