import { type BatchGoal, chooseBatch, type TryAt } from './batch.ts';
import { type InputKnowledge, withAccepted } from './calibration/accepted.ts';
import { type ExtremeSamples, extremeSamples, slotValues } from './calibration/slots.ts';
import type { InputValues } from './calibration/values.ts';
import type { Miss } from './ckks/explain.ts';
import { narrowed } from './ckks/order.ts';
import { ParameterSolver, type Solution } from './ckks/parameters.ts';
import { modulusLimit, RING_DEGREES } from './ckks/security.ts';
import * as ckks from './ckks/text.ts';
import { verify as verifyCkks } from './ckks/verify.ts';
import { type KeyLimit, withinKeys } from './keys.ts';
import { type CompileOptions, targetOf } from './options.ts';
import { choosePacking, newSearch, type Packing } from './packing/choose.ts';
import { type Lowered, lower } from './packing/lower.ts';
import type { Search } from './packing/propose.ts';
import { type Ir, inside, type PassRunner } from './pass.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import * as slots from './slots/text.ts';
import { verify as verifySlots } from './slots/verify.ts';
import { leastDepthOf } from './tensor/depth.ts';
import type { CoreKind, Graph } from './tensor/graph.ts';

/** A packed circuit with its parameters, if any ring degree holds it, and why the others do not. */
export type Parameterised = {
	readonly knowledge: InputKnowledge;
	readonly found: Tried | undefined;
	readonly misses: readonly Miss[];
};

/**
 * Packing and parameters of a graph. Packing needs the number of slots, the number of slots follows from the ring degree, and
 * whether that holds the modulus is known only at the end: so ring degrees, and numbers of samples that share the slots, are tried.
 */
export const parametersFor = (
	core: Graph<CoreKind>,
	values: InputValues,
	options: CompileOptions,
	passes: PassRunner,
): Parameterised => {
	const knowledge = withAccepted(core, values);
	const extremes = extremeSamples(core, knowledge);
	const misses: Miss[] = [];
	let last: Tried | undefined;
	const tryAt: TryAt<Tried> = (ringDegree, batch) => {
		const hopeless = hopelessAt(core, ringDegree, batch, options, misses);
		if (hopeless !== undefined) {
			misses.push(hopeless);
			return undefined;
		}
		last = undefined;
		const packed = passes.run(
			'pack',
			() => pack(newSearch(core, ringDegree / 2 / batch, options.masking), ringDegree, options),
			packings,
		);
		const solution = passes.run(
			'parameters',
			() => solve(packed.lowered, knowledge, extremes, ringDegree, options, (miss) => misses.push({ ...miss, batch })),
			solutions,
		);
		if (solution === undefined) return undefined;
		// After `parameters`: which keys are dear depends on the levels they are used at.
		const keyed = passes.run(
			'limit-keys',
			() => keep(packed, solution, options, (lowered) => solve(lowered, knowledge, extremes, ringDegree, options)),
			inside(circuits, (k) => k),
		);
		last = keyed && { ...packed, ...keyed, before: { lowered: packed.lowered, solution } };
		return last;
	};
	const found = chooseBatch(batchGoal(options), targetOf(options).backend, tryAt);
	if (found !== undefined && found !== last) {
		// Another was tried after it: what is shown of these passes ends with the one that was chosen.
		const { before, ...packed } = found;
		passes.run('pack', () => ({ ...packed, ...before }), packings);
		passes.run('parameters', () => before.solution, solutions);
		passes.run('limit-keys', () => found, circuits);
	}
	return { knowledge, found, misses };
};

const circuits: Ir<Circuits> = {
	verify: ({ lowered, solution }) => {
		verifySlots(lowered.circuit);
		verifyCkks(solution.circuit);
	},
	print: ({ lowered }) => slots.print(lowered.circuit),
};
const packings: Ir<Packed> = inside({ verify: verifySlots, print: slots.print }, (p) => p.lowered.circuit);
const solutions: Ir<Solved | undefined> = inside({ verify: verifyCkks, print: ckks.print }, (s) => s?.circuit);

/** Parameters, and the samples their noise was predicted on. */
export type Solved = Solution & { readonly samples: readonly PackedInputs[] };

type Packed = { readonly search: Search; readonly packing: Packing; readonly lowered: Lowered };

const pack = (search: Search, ringDegree: number, options: CompileOptions): Packed => {
	const packing = choosePacking(search, ringDegree, targetOf(options));
	return { search, packing, lowered: lower(search, packing) };
};

/** Parameters for a packing at one ring degree, with its keys within their limits; undefined where that holds none. */
export const parametersAt = (
	search: Search,
	packing: Packing,
	knowledge: InputKnowledge,
	options: CompileOptions,
	ringDegree: number,
): Circuits | undefined => {
	const packed = { search, packing, lowered: lower(search, packing) };
	const extremes = extremeSamples(search.graph, knowledge);
	const solved = (lowered: Lowered): Solved | undefined => solve(lowered, knowledge, extremes, ringDegree, options);
	const solution = solved(packed.lowered);
	return solution && keep(packed, solution, options, solved);
};

type Circuits = { readonly lowered: Lowered; readonly solution: Solved; readonly keyLimit?: KeyLimit };

/** One ring degree and number of samples, and what it was before its keys were limited. */
type Tried = Packed & Circuits & { readonly before: Pick<Circuits, 'lowered' | 'solution'> };

/** The packed circuit within the limits on its keys, and parameters for it. */
const keep = (
	{ lowered }: Packed,
	solution: Solved,
	options: CompileOptions,
	solveAgain: (lowered: Lowered) => Solved | undefined,
): Circuits | undefined => {
	const kept = withinKeys(lowered.circuit, solution, options, (circuit) => solveAgain({ ...lowered, circuit }));
	if (kept === undefined) return undefined;
	const { circuit, ...rest } = kept;
	return { ...rest, lowered: { ...lowered, circuit } };
};

/** Parameters for the packed circuit, if this ring degree has any. */
const solve = (
	lowered: Lowered,
	knowledge: InputKnowledge,
	extremes: ExtremeSamples,
	ringDegree: number,
	options: CompileOptions,
	missed?: (miss: Omit<Miss, 'batch'>) => void,
): Solved | undefined => {
	const values = slotValues(lowered, knowledge, extremes);
	const solver = new ParameterSolver(lowered.circuit, {
		ringDegree,
		security: options.security ?? 128,
		precision: options.precision ?? DEFAULT_PRECISION,
		batch: ringDegree / 2 / lowered.circuit.slots,
		backend: targetOf(options).backend,
		...values,
	});
	const solution = solver.solve();
	if (solution !== undefined)
		return { ...solution, circuit: narrowed(solution.circuit, options.optimize ?? 'latency'), samples: values.samples };
	missed?.(solver.miss());
	return undefined;
};

/** Bits of precision relative to the largest output when none are asked for: errors of a thousandth keep decisions. */
const DEFAULT_PRECISION = 10;

/** Fewer virtual slots than one, or fewer bits than the squares alone need (affine maps may be composed or be sums), or far fewer than a smaller ring lacked. */
const hopelessAt = (
	core: Graph<CoreKind>,
	ringDegree: number,
	batch: number,
	options: CompileOptions,
	misses: readonly Miss[],
): Miss | undefined => {
	const limit = modulusLimit(ringDegree, options.security ?? 128);
	const miss = { ringDegree, batch, limit, remedies: [] };
	if (ringDegree / 2 < batch) return { ...miss, cause: 'slots' };
	if (limit < 16 * (leastDepthOf(core) + 2)) return { ...miss, cause: 'depth' };
	const needed = misses.reduce((bits, missed) => Math.max(bits, missed.limit + (missed.missing ?? 0)), 0);
	return needed > FAR_FROM_ENOUGH * limit ? { ...miss, cause: 'depth', missing: needed - limit } : undefined;
};

/** Bits that are there once, and those that a level takes at the default precision, about: products share primes. */
const BASE_BITS = 60;
const LEVEL_BITS = 30;

/** The smallest ring degree that holds so many levels, about; undefined where none does. */
export const ringFor = (levels: number, { security = 128 }: CompileOptions): number | undefined =>
	RING_DEGREES.find((ringDegree) => modulusLimit(ringDegree, security) >= BASE_BITS + LEVEL_BITS * levels);

/** Another ring degree has other packings, and other noise: neither changes the modulus that is needed by as much as this factor. */
const FAR_FROM_ENOUGH = 1.3;

const batchGoal = ({ batch, optimize }: CompileOptions): BatchGoal => {
	if (batch === undefined && optimize !== 'throughput') return 1;
	if (typeof batch === 'number') return batch;
	return optimize === 'throughput' ? 'throughput' : 'free';
};
