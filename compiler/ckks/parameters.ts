import type { SecurityBits } from '../../runtime/plan.ts';
import type { TargetBackend } from '../options.ts';
import type { Id, SlotCircuit } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import type { CkksCircuit } from './circuit.ts';
import { type Miss, type ModulusUse, modulusUse, type Remedy } from './explain.ts';
import { edgesOf, gainsOf } from './gains.ts';
import { lower } from './lower.ts';
import { switchingProfile } from './noise.ts';
import {
	type OutputNoise,
	type Place,
	partsOf,
	type Rating,
	type Reading,
	rated,
	weightOf,
	worstOf,
} from './rating.ts';
import { type Candidate, type Goal, type Probe, type Recipe, Search } from './search.ts';
import { modulusLimit } from './security.ts';

/** What the parameters must hold. */
export type Requirements = Reading & {
	readonly ringDegree: number;
	readonly security: SecurityBits;
	/** Wanted: error <= 2^-precision of the largest output magnitude. */
	readonly precision: number;
	/** On which the cheapest is looked for. */
	readonly backend: TargetBackend;
	/** A few typical samples, packed, for the noise: each must come out precise enough. */
	readonly samples: readonly PackedInputs[];
	/**
	 * The largest |slot| of each slot value, with its headroom: what the modulus must hold. `sound` for every accepted input,
	 * `observed` for those like the samples; without one the other counts. Asked for only when some parameters may do. With
	 * `prefersSound`, what is observed counts only where nothing holds the other, whatever that costs.
	 */
	readonly magnitudes: {
		readonly sound: () => Float64Array;
		readonly observed?: (() => Float64Array) | undefined;
		readonly prefersSound?: boolean;
	};
};

export type { OutputNoise };
export type Solution = {
	readonly circuit: CkksCircuit;
	/** Predicted bound of the absolute error of each output, and the largest magnitude it is relative to. */
	readonly outputs: readonly OutputNoise[];
	/** The least precise output: log2(magnitude / error). */
	readonly bits: number;
	/** Can no accepted input leave the modulus? Else only inputs like those of the calibration cannot. */
	readonly guaranteed: boolean;
	/** What the circuit was lowered by. */
	readonly recipe: Recipe;
	readonly modulus: ModulusUse;
};

/**
 * Finds the cheapest parameters of one ring degree that give the precision on every sample. Candidates are rated by probes: the
 * gains of one sample to one slot of an output. A probe sees less noise than the whole analysis does, so that what probes refuse
 * is refused rightly; what they accept is analysed on every sample, and where that shows more noise, its slot becomes another probe.
 */
export class ParameterSolver {
	readonly #slots: SlotCircuit;
	readonly #requirements: Requirements;
	readonly #prober: Prober;
	readonly #probes: Probe[];
	/** Values of no size at all: what is then too large, or too noisy, is so for any. */
	readonly #none: Float64Array;
	#magnitudes: Magnitudes | undefined;

	constructor(slots: SlotCircuit, requirements: Requirements) {
		this.#slots = slots;
		this.#requirements = requirements;
		this.#prober = new Prober(slots, requirements);
		this.#probes = [this.#prober.mean(requirements.samples[0] as PackedInputs)];
		this.#none = new Float64Array(slots.ops.length);
	}

	/** Undefined when no parameters fit the security limit. */
	solve(): Solution | undefined {
		const { precision, security } = this.#requirements;
		return this.#solve(precision, security);
	}

	/** Why there are none, and which options would change that: less precision and less security are tried. */
	miss(): Omit<Miss, 'batch'> {
		const { ringDegree, security, precision } = this.#requirements;
		const limit = modulusLimit(ringDegree, security);
		const remedies: Remedy[] = [];
		const found = (option: string, solution: Solution | undefined): boolean => {
			if (solution !== undefined) remedies.push({ option, bits: Number(solution.bits.toFixed(1)) });
			return solution !== undefined;
		};
		for (let less = Math.ceil(precision) - 1; less >= LEAST_PRECISION; less--)
			if (found(`--precision ${less}`, this.#solve(less, security))) break;
		if (security > 128) found('--security 128', this.#solve(precision, 128));
		return { ringDegree, limit, cause: this.#cause(), ...this.#lacking(precision, limit), remedies };
	}

	#cause(): Miss['cause'] {
		const { search } = this.#prober;
		const { precision, security } = this.#requirements;
		if (search.cheapest(this.#goal(this.#none, Number.NEGATIVE_INFINITY, security), this.#probes) === undefined)
			return 'depth';
		const fits = search.cheapest(this.#goal(this.#none, precision, security), this.#probes) !== undefined;
		return fits ? 'magnitude' : 'precision';
	}

	/** By how much about the smallest modulus that would do exceeds the limit; values count only if they were asked for. */
	#lacking(precision: number, limit: number): Pick<Miss, 'missing' | 'depth'> {
		const { search } = this.#prober;
		const held = this.#magnitudes?.observed ?? this.#magnitudes?.sound ?? this.#none;
		const goal = { ...this.#goal(held, precision, 128), limit: Number.POSITIVE_INFINITY };
		const needed = search.smallest(goal, this.#probes);
		if (needed === undefined) return {};
		const depth = { products: search.demand.depth, fits: search.deepest(needed, limit) };
		return { missing: Number((needed.size - limit).toFixed(1)), depth };
	}

	#goal(magnitudes: Float64Array, precision: number, security: SecurityBits): Goal {
		const { ringDegree } = this.#requirements;
		return { ringDegree, security, limit: modulusLimit(ringDegree, security), precision, magnitudes };
	}

	#solve(precision: number, security: SecurityBits): Solution | undefined {
		const { search } = this.#prober;
		if (search.cheapest(this.#goal(this.#none, precision, security), this.#probes) === undefined) return undefined;
		let order = this.#requirements.samples;
		for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
			const choice = this.#choose(precision, security);
			if (choice === undefined) return undefined;
			const { candidate, guaranteed, magnitudes } = choice;
			const { chain, recipe } = candidate;
			const circuit = lower(this.#slots, search.demand, chain, recipe.rotations);
			const { ratings, failed } = this.#rate(circuit, order, precision);
			if (failed === undefined) {
				const modulus = modulusUse(this.#slots, search.demand, chain, recipe.bases, circuit, magnitudes);
				return { circuit, ...worstOf(ratings), guaranteed, recipe, modulus };
			}
			order = [failed, ...order.filter((sample) => sample !== failed)];
			this.#probes.push(this.#prober.at(failed, (ratings.at(-1) as Rating).worst, candidate));
		}
		return undefined;
	}

	/** The cheapest by the probes: what holds every accepted input, if it costs little more than what holds those like the samples. */
	#choose(precision: number, security: SecurityBits): Choice | undefined {
		const { search } = this.#prober;
		const { sound, observed } = this.#held();
		const find = (held: Float64Array): Candidate | undefined =>
			search.cheapest(this.#goal(held, precision, security), this.#probes);
		const sure = find(sound);
		if (sure !== undefined && this.#requirements.magnitudes.prefersSound === true)
			return { candidate: sure, guaranteed: true, magnitudes: sound };
		const likely = observed === undefined ? sure : find(observed);
		if (sure !== undefined && sure.milliseconds <= PRICE_OF_CERTAINTY * (likely ?? sure).milliseconds)
			return { candidate: sure, guaranteed: true, magnitudes: sound };
		return likely && { candidate: likely, guaranteed: false, magnitudes: observed ?? sound };
	}

	/** Samples in order, up to the first that comes out less precise than wanted. */
	#rate(circuit: CkksCircuit, order: readonly PackedInputs[], precision: number): Rated {
		const ratings: Rating[] = [];
		const failed = order.find((sample) => {
			const rating = rated(circuit, sample, this.#requirements);
			ratings.push(rating);
			return rating.bits < precision;
		});
		return { ratings, failed };
	}

	#held(): Magnitudes {
		const { sound, observed } = this.#requirements.magnitudes;
		this.#magnitudes ??= { sound: sound(), observed: observed?.() };
		return this.#magnitudes;
	}
}

type Magnitudes = { readonly sound: Float64Array; readonly observed: Float64Array | undefined };
type Choice = { readonly candidate: Candidate; readonly guaranteed: boolean; readonly magnitudes: Float64Array };
type Rated = { readonly ratings: readonly Rating[]; readonly failed: PackedInputs | undefined };

/** By how much slower an evaluation may become so that no accepted input can leave the modulus. */
const PRICE_OF_CERTAINTY = 1.15;

/** Each attempt excludes a candidate for good; a few per sample are usual. */
const MOST_ATTEMPTS = 100;

/** Less precision than this is not suggested: errors of a sixteenth of the outputs. */
const LEAST_PRECISION = 4;

/** Makes probes: weighs outputs, and finds the gains to them. */
class Prober {
	readonly search: Search;
	readonly #slots: SlotCircuit;
	readonly #requirements: Requirements;
	readonly #edges;
	readonly #profile: Float64Array;

	constructor(slots: SlotCircuit, requirements: Requirements) {
		this.#slots = slots;
		this.#requirements = requirements;
		this.#edges = edgesOf(slots);
		this.#profile = switchingProfile(requirements.ringDegree, slots.slots);
		this.search = new Search(slots, this.#edges, requirements.backend);
	}

	/** The mean over all slots that are read: at most what the worst of them has. */
	mean(sample: PackedInputs): Probe {
		const { outputs } = this.#slots;
		const weights = new Map<Id, Float64Array>();
		for (const [id, places] of partsOf(this.#slots, this.#requirements)) {
			const weight = new Float64Array(this.#slots.slots);
			for (const { output, slots } of places) {
				const { name, parts } = outputs[output] as SlotCircuit['outputs'][number];
				const share = weightOf(name, slots.length, this.#requirements) / outputs.length / parts.length / slots.length;
				for (const t of slots) weight[t] = (weight[t] as number) + share;
			}
			weights.set(id, weight);
		}
		return { gains: this.#gains(sample, weights), curvature: 0 };
	}

	/** One slot of an output, whose variance the whole analysis of a candidate has shown. */
	at(sample: PackedInputs, { output, part, slot, variance }: Place, candidate: Candidate): Probe {
		const { name, parts } = this.#slots.outputs[output] as SlotCircuit['outputs'][number];
		const id = parts[part] as Id;
		const read = partsOf(this.#slots, this.#requirements).get(id) ?? [];
		const count = read.find((place) => place.output === output && place.part === part)?.slots.length ?? 1;
		const weight = new Float64Array(this.#slots.slots);
		weight[slot] = weightOf(name, count, this.#requirements);
		const probe = { gains: this.#gains(sample, new Map([[id, weight]])), curvature: 0 };
		const first = this.search.predicted(candidate, probe);
		// Where the analysis overflows, the output is as good as lost: an error as large as it is.
		const all = Number.isFinite(variance) ? variance * (weight[slot] as number) : 1;
		return { ...probe, curvature: Math.max(0, (all - first) / first ** 2) };
	}

	#gains(sample: PackedInputs, weights: ReadonlyMap<Id, Float64Array>): Probe['gains'] {
		return gainsOf(this.#slots, this.#edges, this.#profile, sample, weights);
	}
}
