import { MOST_MEMORY } from '../runtime/plan.ts';
import { evaluationKeyBytes, inputLength, messageLength } from '../runtime/sizes.ts';
import { type Chain, chainOf, demandOf, MAX_PRIME_BITS, totalBits } from './ckks/chain.ts';
import type { CkksCircuit, Kind } from './ckks/circuit.ts';
import { lower } from './ckks/lower.ts';
import { narrowed } from './ckks/order.ts';
import type { Solution } from './ckks/parameters.ts';
import { nearestPrime } from './ckks/primes.ts';
import { modulusLimit } from './ckks/security.ts';
import { budgetOf, totalMemory } from './codegen/budget.ts';
import { draftOf, keyNeeds } from './codegen/draft.ts';
import { evaluationMilliseconds } from './codegen/times.ts';
import { unlessRefused } from './errors.ts';
import { withinKeys } from './keys.ts';
import { type CompileOptions, type Objective, type Target, targetOf } from './options.ts';
import { choosePacking, isSamePacking, newSearch, type Packing } from './packing/choose.ts';
import { lower as lowerPacking } from './packing/lower.ts';
import type { Stages } from './pipeline.ts';
import type { SlotCircuit } from './slots/circuit.ts';
import { nonZeros } from './tensor/sparse.ts';

/** What one objective would cost. Bytes as sent, times milliseconds of one thread. */
export type Tradeoff = {
	readonly objective: Objective;
	/** Is this the program? The others are estimates: packed for their objective, with the program's scales and no look at noise. */
	readonly chosen: boolean;
	/** Does its modulus fit the ring degree? Else it would need a larger one, and cost more than is said here. */
	readonly fits: boolean;
	readonly ringDegree: number;
	/** Samples in one ciphertext; times are those of all of them. */
	readonly batch: number;
	readonly evaluateMs: number;
	readonly rotations: number;
	readonly relinearizations: number;
	readonly keys: number;
	readonly keyBytes: number;
	readonly uploadBytes: number;
	/** What the server holds. */
	readonly memoryBytes: number;
};

/** Every objective, in the order of the table. */
const OBJECTIVES: { readonly [O in Objective]: O } = {
	latency: 'latency',
	throughput: 'throughput',
	upload: 'upload',
	keys: 'keys',
	memory: 'memory',
};

/**
 * One row for each objective, at the ring degree of the program and with its scales. Samples per ciphertext are those of the options; by
 * default one, for throughput as many as there are slots if that fits in memory and the network is not very large. An objective
 * whose keys exceed the limits has no row. Costs a search for a packing each.
 */
export const tradeoffsOf = (stages: Stages, options: CompileOptions): readonly Tradeoff[] => {
	const { circuit } = stages.solution;
	const { objective: chosen, backend } = targetOf(options);
	const usual = searchAt(stages, options.batch === undefined ? circuit.parameters.ringDegree / 2 : circuit.slots);
	const packer = new Packer(stages);
	const rowsFor = (objective: Objective): readonly Tradeoff[] => {
		if (objective === chosen) return [{ objective, chosen: true, ...costsOf(circuit, { objective, backend }) }];
		const estimate = (search: Stages['search']): readonly Tradeoff[] => {
			const estimated = circuitFor(packer, search, stages, { ...options, optimize: objective });
			return estimated === undefined
				? []
				: [{ objective, chosen: false, ...costsOf(estimated, { objective, backend }) }];
		};
		const fills = objective === 'throughput' && options.batch === undefined && productsIn(stages) <= MOST_PRODUCTS;
		const full = fills ? estimate(searchAt(stages, 1)) : [];
		return full.some(({ memoryBytes }) => memoryBytes <= MOST_MEMORY) ? full : estimate(usual);
	};
	return Object.values(OBJECTIVES).flatMap(rowsFor);
};

/** The search of the program, which knows many maps by now, or one for another number of virtual slots. */
const searchAt = ({ core, search }: Stages, slots: number): Stages['search'] =>
	slots === search.slots ? search : newSearch(core, slots, search.masked);

/** With a sample in each slot every weight is a product: a comparison is not worth more of them. */
const MOST_PRODUCTS = 2 ** 19;

const productsIn = ({ core }: Stages): number =>
	core.nodes.reduce(
		(total, node) =>
			node.kind === 'affine' ? node.terms.reduce((n, { matrix }) => n + nonZeros(matrix), total) : total,
		0,
	);

/** Packs for several objectives in turn; where the packing is that of the program, or of the objective before, its circuit serves again. */
class Packer {
	#known: readonly { readonly choices: Packing['choices']; readonly circuit: SlotCircuit }[];

	constructor({ packing, lowered, keyLimit }: Stages) {
		this.#known = keyLimit === undefined ? [{ choices: packing.choices, circuit: lowered.circuit }] : [];
	}

	circuitOf(search: Stages['search'], ringDegree: number, target: Target): SlotCircuit {
		const { choices } = choosePacking(search, ringDegree, target);
		const known = this.#known.find((other) => isSamePacking(other.choices, choices));
		if (known !== undefined) return known.circuit;
		const { circuit } = lowerPacking(search, { choices });
		this.#known = [...this.#known.slice(0, 1), { choices, circuit }];
		return circuit;
	}
}

/** The circuit that another objective gives, lowered as the program was; undefined when it cannot keep to the limits on keys. */
const circuitFor = (
	packer: Packer,
	search: Stages['search'],
	{ solution }: Stages,
	options: CompileOptions,
): CkksCircuit | undefined => {
	const { ringDegree } = solution.circuit.parameters;
	const circuit = packer.circuitOf(search, ringDegree, targetOf(options));
	const { optimize } = options;
	const lowered = (slots: SlotCircuit): Solution => ({ ...solution, circuit: loweredBy(slots, solution, optimize) });
	return unlessRefused(() => withinKeys(circuit, lowered(circuit), options, lowered))?.solution.circuit;
};

/** The slot circuit with the scales and the base and special primes of the solution, and a further base prime where scales need it. */
const loweredBy = (
	slots: SlotCircuit,
	{ circuit, recipe }: Solution,
	objective: Objective = 'latency',
): CkksCircuit => {
	const { ringDegree, primes, specialPrime, security } = circuit.parameters;
	const demand = demandOf(slots);
	const chainWith = (base: readonly number[]): Chain =>
		chainOf(demand, recipe.bits, { base, special: specialPrime }, ringDegree, security);
	let chain = chainWith(primes.slice(0, recipe.bases));
	while (!holdsScales(chain)) {
		const taken = new Set([...chain.parameters.primes, specialPrime]);
		chain = chainWith([...basePrimes(chain), nearestPrime(2 ** (MAX_PRIME_BITS - 0.01), ringDegree, taken)]);
	}
	return narrowed(lower(slots, demand, chain, recipe.rotations), objective);
};

/** The primes that are never divided away. */
const basePrimes = ({ parameters, levels }: Chain): readonly number[] =>
	parameters.primes.slice(0, (levels.at(-1) as number) + 1);

/** Is the modulus larger than the scales? Another packing may leave other products unrescaled than those that the base was made for. */
const holdsScales = (chain: Chain): boolean => {
	const bits = basePrimes(chain).reduce((sum, prime) => sum + Math.log2(prime), 0);
	const last = chain.levels.at(-1);
	return chain.settled.every((scale, d) => chain.levels[d] !== last || Math.log2(scale) < bits);
};

/** What a circuit costs, on the backend of the target. */
export const costsOf = (circuit: CkksCircuit, target: Target): Omit<Tradeoff, 'objective' | 'chosen'> => {
	const { ops, parameters, slots } = circuit;
	const count = (kind: Kind): number => ops.filter((op) => op.kind === kind).length;
	const batch = parameters.ringDegree / 2 / slots;
	const keys = keyNeeds(circuit, batch);
	const draft = draftOf(circuit);
	const { keepConstants, memory } = budgetOf(draft, target);
	return {
		fits: totalBits(parameters) <= modulusLimit(parameters.ringDegree, parameters.security),
		ringDegree: parameters.ringDegree,
		batch,
		evaluateMs: Number(evaluationMilliseconds(circuit, draft, target.backend, keepConstants).toPrecision(3)),
		rotations: count('rotate'),
		relinearizations: count('relinearize'),
		keys: keys.steps.length + (keys.relinearization === undefined ? 0 : 1),
		keyBytes: evaluationKeyBytes({ parameters, keys }),
		uploadBytes: messageLength(
			ops.filter(({ kind }) => kind === 'input').map(({ level }) => inputLength(parameters, level)),
		),
		memoryBytes: totalMemory(memory),
	};
};
