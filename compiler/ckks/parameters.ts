import type { SecurityBits } from '../../runtime/plan.ts';
import type { SlotCircuit } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { chainOf, type Demand, demandOf, MAX_PRIME_BITS, smallestPrimeBits, totalBits } from './chain.ts';
import type { CkksCircuit } from './circuit.ts';
import { estimateMilliseconds } from './cost.ts';
import { lower, type Rotations } from './lower.ts';
import { deviations, visitNoise } from './noise.ts';
import { primeBelow } from './primes.ts';
import { modulusLimit } from './security.ts';

/** What the parameters must hold. */
export type Requirements = {
	readonly ringDegree: number;
	readonly security: SecurityBits;
	/** Wanted: error <= 2^-precision of the largest output magnitude. */
	readonly precision: number;
	/** A few typical samples, packed, for the noise. The search looks at the first, the result is rated on all. */
	readonly samples: readonly PackedInputs[];
	/** Slots of each output that are read, by name and part: non-negative where an element is. */
	readonly read: ReadonlyMap<string, readonly Int32Array[]>;
	/** The largest |slot| of each slot value, with its headroom: what the modulus must hold. */
	readonly magnitudes: Float64Array;
};

export type OutputNoise = { readonly name: string; readonly error: number; readonly magnitude: number };
export type Solution = {
	readonly circuit: CkksCircuit;
	/** Predicted bound of the absolute error of each output, and the largest magnitude it is relative to. */
	readonly outputs: readonly OutputNoise[];
	/** The least precise output: log2(magnitude / error). */
	readonly bits: number;
};

/** The smallest scale worth trying: below it the rounding of a rescale swallows the message. */
const MIN_SCALE_BITS = 16;
const MAX_SCALE_BITS = 47;
/** Plaintext scales are tried this many bits below the waterline: their rounding errors average out over sums. */
const PLAIN_SAVINGS = [0, 4];
/** When a product is rescaled: always, or when that frees a prime of this size at least. */
const THRESHOLDS = [0, 30, 36, 42];
/** The smallest plaintext scale. */
const MIN_PLAIN_BITS = 15;

/**
 * The cheapest parameters of this ring degree that give the precision: by estimated time first, then by the size of the
 * modulus. Scales are the smallest that do, found by bisection in every corner of the search.
 * Undefined when none fit the security limit.
 */
export const solveParameters = (slots: SlotCircuit, requirements: Requirements): Solution | undefined => {
	const { precision, samples, read } = requirements;
	let wanted = precision;
	let noisiest = samples.slice(0, 1);
	for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		const best = search(slots, { ...requirements, precision: wanted, samples: noisiest });
		if (best === undefined) return undefined;
		const solution = rated(best.circuit, samples, read);
		if (solution.bits >= precision) return solution;
		// Another sample is noisier than the one that the search looked at: look at that one, and ask more of it than it gives.
		noisiest = [noisiestOf(best.circuit, samples, read)];
		const bits = rated(best.circuit, noisiest, read).bits;
		wanted = attempt === 0 ? precision : bits + Math.max(0.5, precision - solution.bits);
	}
	return undefined;
};

const noisiestOf = (
	circuit: CkksCircuit,
	samples: readonly PackedInputs[],
	read: Requirements['read'],
): PackedInputs => {
	const errors = samples.map((sample) => Math.max(...rated(circuit, [sample], read).outputs.map(({ error }) => error)));
	return samples[errors.indexOf(Math.max(...errors))] as PackedInputs;
};

/** Searches that may follow each other before the precision counts as out of reach. */
const MOST_ATTEMPTS = 4;

/** The cheapest corner that reaches the precision on the given samples. */
const search = (slots: SlotCircuit, requirements: Requirements): Solution | undefined => {
	const demand = demandOf(slots);
	let best: Solution | undefined;
	for (const threshold of THRESHOLDS)
		for (const savings of PLAIN_SAVINGS)
			for (const rotations of ['settled', 'pending'] as const) {
				const solution = smallestScale(slots, demand, { threshold, savings, rotations }, requirements);
				if (solution !== undefined && (best === undefined || isCheaper(solution, best))) best = solution;
			}
	return best;
};

/** One corner of the search: when to rescale, bits of plaintext scales below the waterline, which form is rotated. */
type Corner = { readonly threshold: number; readonly savings: number; readonly rotations: Rotations };

const isCheaper = (a: Solution, b: Solution): boolean => {
	const [timeA, timeB] = [estimateMilliseconds(a.circuit), estimateMilliseconds(b.circuit)];
	if (Math.abs(timeA - timeB) > 0.02 * timeB) return timeA < timeB;
	return totalBits(a.circuit.parameters) < totalBits(b.circuit.parameters);
};

const smallestScale = (
	slots: SlotCircuit,
	demand: Demand,
	corner: Corner,
	requirements: Requirements,
): Solution | undefined => {
	let low = MIN_SCALE_BITS;
	let high = MAX_SCALE_BITS;
	let best: Solution | undefined;
	while (low <= high) {
		const scale = (low + high) >> 1;
		const attempt = attemptAt(slots, demand, corner, scale, requirements);
		if (attempt === 'too large') high = scale - 1;
		else if (attempt.bits >= requirements.precision) {
			best = attempt;
			high = scale - 1;
		} else low = scale + 1;
	}
	return best;
};

const attemptAt = (
	slots: SlotCircuit,
	demand: Demand,
	{ threshold, savings, rotations }: Corner,
	scale: number,
	requirements: Requirements,
): Solution | 'too large' => {
	const { ringDegree, security, magnitudes, samples, read } = requirements;
	const bits = { scale, plain: Math.max(MIN_PLAIN_BITS, scale - savings), threshold };
	const limit = modulusLimit(ringDegree, security);
	// Scales do not depend on the base and special primes: a first chain, with one base prime, tells what the base must hold.
	const draft = chainOf(demand, bits, { base: [-1], special: 0 }, ringDegree, security);
	const divided = draft.parameters.primes.slice(1);
	const dividedBits = divided.map(Math.log2);
	const shape = lower(slots, demand, draft, rotations);
	const demanded = baseDemand(shape, magnitudes);
	const baseCount = Math.max(1, Math.ceil(demanded / MAX_PRIME_BITS));
	const each = Math.max(Math.ceil(demanded / baseCount), smallestPrimeBits(ringDegree));
	const left = limit - dividedBits.reduce((sum, b) => sum + b, 0) - baseCount * each;
	const special = Math.min(MAX_PRIME_BITS, Math.floor(left));
	if (special < Math.max(each, ...dividedBits)) return 'too large';
	const specialPrime = primeBelow(special, ringDegree, new Set(divided));
	if (specialPrime === undefined) return 'too large';
	const base: number[] = [];
	for (let k = 0; k < baseCount; k++) {
		const prime = primeOfAtLeast(demanded / baseCount, each, ringDegree, new Set([...divided, ...base, specialPrime]));
		if (prime === undefined || prime > specialPrime) return 'too large';
		base.push(prime);
	}
	const chain = chainOf(demand, bits, { base, special: specialPrime }, ringDegree, security);
	if (totalBits(chain.parameters) > limit) return 'too large';
	const circuit = baseCount === 1 ? { ...shape, parameters: chain.parameters } : lower(slots, demand, chain, rotations);
	if (circuit.constants.some((constant) => constant.scale < 1)) return { circuit, outputs: [], bits: 0 };
	return rated(circuit, samples, read);
};

/** The largest prime of `size` bits, or of the next size that has one of at least `bits` bits: small ones are rare. */
const primeOfAtLeast = (
	bits: number,
	size: number,
	ringDegree: number,
	taken: ReadonlySet<number>,
): number | undefined => {
	for (let power = size; power <= MAX_PRIME_BITS; power++) {
		const prime = primeBelow(power, ringDegree, taken);
		if (prime !== undefined && Math.log2(prime) >= bits - SHORTFALL) return prime;
	}
	return undefined;
};

/** A prime just below a power of two counts as that power of two. */
const SHORTFALL = 0.02;

/** Bits of the modulus above the largest value: noise adds to it, and values just beyond it can still be told from wrapped ones. */
const SPARE_BITS = 0.25;

/**
 * Bits that the base primes must have so that no value leaves its modulus: |scale * value| < Q / 2 at every level. The
 * circuit has one base prime, whose size does not matter.
 */
const baseDemand = ({ ops, parameters }: CkksCircuit, magnitudes: Float64Array): number => {
	const above: number[] = [];
	for (const prime of parameters.primes)
		above.push(above.length === 0 ? 0 : (above.at(-1) as number) + Math.log2(prime));
	return ops.reduce((bits, op) => {
		// At least 1: SEAL refuses a scale beyond the modulus, however small the value.
		const needed = Math.log2(Math.max(magnitudes[op.slot] as number, 1)) + Math.log2(op.scale) + 1 + SPARE_BITS;
		return Math.max(bits, needed - (above[op.level] as number));
	}, 0);
};

/** The predicted error of every output: the worst slot that is read, of the worst sample. */
const rated = (circuit: CkksCircuit, samples: readonly PackedInputs[], read: Requirements['read']): Solution => {
	const outputs = circuit.outputs.map(({ name }) => ({ name, error: 0, magnitude: 0 }));
	const places = outputPlaces(circuit, read);
	for (const sample of samples)
		visitNoise(circuit, sample, (id, value, variance) => {
			for (const { output, slots } of places.get(id) ?? [])
				for (const t of slots) {
					const entry = outputs[output] as (typeof outputs)[number];
					entry.error = Math.max(entry.error, deviations(slots.length) * Math.sqrt(variance[t] as number));
					entry.magnitude = Math.max(entry.magnitude, Math.abs(value[t] as number));
				}
		});
	const precision = ({ error, magnitude }: OutputNoise): number =>
		Math.log2(Math.max(magnitude, SMALLEST_OUTPUT) / Math.max(error, Number.MIN_VALUE));
	return { circuit, outputs, bits: Math.min(...outputs.map(precision)) };
};

/** Outputs that are (nearly) zero on all samples are held to this absolute precision instead. */
const SMALLEST_OUTPUT = 2 ** -10;

type OutputPlace = { readonly output: number; readonly slots: readonly number[] };

/** Which values are outputs, and the slots of them that are read. */
const outputPlaces = (
	circuit: CkksCircuit,
	read: Requirements['read'],
): ReadonlyMap<number, readonly OutputPlace[]> => {
	const places = new Map<number, OutputPlace[]>();
	circuit.outputs.forEach(({ name, parts }, output) => {
		parts.forEach((id, part) => {
			const elements = read.get(name)?.[part] ?? new Int32Array();
			const slots = [...elements.keys()].filter((t) => (elements[t] as number) >= 0);
			places.set(id, [...(places.get(id) ?? []), { output, slots }]);
		});
	});
	return places;
};
