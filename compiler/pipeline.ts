import type { Program } from '../runtime/plan.ts';
import { type BatchGoal, chooseBatch, type TryAt } from './batch.ts';
import { type InputKnowledge, withAccepted } from './calibration/accepted.ts';
import { replacementWarning } from './calibration/replaced.ts';
import { type ExtremeSamples, extremeSamples, slotValues } from './calibration/slots.ts';
import { inputValues, samplesOf } from './calibration/values.ts';
import type { Miss } from './ckks/explain.ts';
import { narrowed } from './ckks/order.ts';
import type { Solution } from './ckks/parameters.ts';
import { ParameterSolver } from './ckks/parameters.ts';
import { modulusLimit, RING_DEGREES } from './ckks/security.ts';
import * as ckks from './ckks/text.ts';
import { verify as verifyCkks } from './ckks/verify.ts';
import { endsOf } from './codegen/ends.ts';
import { programOf } from './codegen/program.ts';
import * as plan from './codegen/text.ts';
import { verify as verifyPlan } from './codegen/verify.ts';
import { comparisonHint, comparisonsIn, comparisonWarnings } from './comparisons.ts';
import { CompileError, type Issue, refuse } from './errors.ts';
import { type KeyLimit, withinKeys } from './keys.ts';
import { type ImportedModel, importModel } from './onnx/import.ts';
import { type CompileContext, type CompileOptions, targetOf } from './options.ts';
import { choosePacking, newSearch, type Packing } from './packing/choose.ts';
import { type Lowered, lower } from './packing/lower.ts';
import type { Search } from './packing/propose.ts';
import { type Ir, PassRunner } from './pass.ts';
import { depthOf as slotDepth } from './slots/depths.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import * as slots from './slots/text.ts';
import { verify as verifySlots } from './slots/verify.ts';
import { depthOf, leastDepthOf, stepsOf } from './tensor/depth.ts';
import type { CoreKind, Graph } from './tensor/graph.ts';
import { absorbFactors } from './tensor/passes/absorb-factors.ts';
import { type Approximated, approximate } from './tensor/passes/approximate.ts';
import { defer } from './tensor/passes/defer.ts';
import { fuse } from './tensor/passes/fuse.ts';
import { innerSoftmax } from './tensor/passes/inner-softmax.ts';
import { lowerPolynomials } from './tensor/passes/lower-polynomials.ts';
import { prune } from './tensor/passes/prune.ts';
import { type Split, split } from './tensor/passes/split.ts';
import * as tensor from './tensor/text.ts';
import { verify as verifyTensor } from './tensor/verify.ts';

/** Everything a compilation went through; each later stage computes what the earlier ones do. */
export type Stages = {
	readonly imported: ImportedModel;
	/** Warnings about the model as a whole. */
	readonly remarks: readonly string[];
	readonly split: Split;
	readonly approximated: Approximated;
	readonly core: Graph<CoreKind>;
	readonly knowledge: InputKnowledge;
	/** What packings for other objectives can start from. */
	readonly search: Search;
	readonly packing: Packing;
	readonly lowered: Lowered;
	readonly solution: Solved;
	/** Why the next smaller ring degree would not do. */
	readonly missed: Miss | undefined;
	/** What a limit on the keys costs, where it made a difference. */
	readonly keyLimit?: KeyLimit;
	/** Products on the longest path. */
	readonly depth: number;
	readonly program: Program;
	/** For each instruction of the plan, the operation of the CKKS circuit that it is for. */
	readonly sources: readonly number[];
};

/** Parameters, and the samples their noise was predicted on. */
type Solved = Solution & { readonly samples: readonly PackedInputs[] };

/** Names of the passes, in order. `pack` and `parameters` run again for each ring degree that is tried. */
export const PASSES = [
	'import',
	'defer',
	'inner-softmax',
	'split',
	'fuse-affine',
	'approximate',
	'lower-polynomials',
	'fuse-again',
	'absorb-factors',
	'pack',
	'parameters',
	'limit-keys',
	'schedule',
] as const;

/** The compiler: all passes, in order. */
export const runPipeline = (model: Uint8Array, options: CompileOptions, context: CompileContext): Stages => {
	const passes = new PassRunner(context, PASSES);
	const graphs: Ir<Graph> = { verify: verifyTensor, print: tensor.print };
	const circuits: Ir<Circuits> = {
		verify: ({ lowered, solution }) => {
			verifySlots(lowered.circuit);
			verifyCkks(solution.circuit);
		},
		print: ({ lowered }) => slots.print(lowered.circuit),
	};
	const packings: Ir<Packed> = of({ verify: verifySlots, print: slots.print }, (p) => p.lowered.circuit);
	const solutions: Ir<Solved | undefined> = of({ verify: verifyCkks, print: ckks.print }, (s) => s?.circuit);

	const imported = passes.run(
		'import',
		() => importModel(model, options, context),
		of(graphs, (m) => m.graph),
	);
	// First: a softmax of which columns are picked is still at the end of the model.
	const deferred = passes.run('defer', () => defer(imported.graph), graphs);
	const body = passes.run('inner-softmax', () => innerSoftmax(deferred), graphs);
	const parts = passes.run(
		'split',
		() => split(body),
		of(graphs, (s) => s.body),
	);
	// Before `approximate`: ranges are then those of the values that reach an activation in the compiled program.
	const fused = passes.run('fuse-affine', () => prune(fuse(parts.body)), graphs);
	refuseLongChain(fused);
	const samples = samplesOf(imported, parts, options);
	const remarks = remarksOf(model, options, context, parts);
	const values = inputValues(imported, parts, samples, options);
	const approximated = passes.run(
		'approximate',
		() => approximate(fused, { ...options, samples, inputs: values.bounds, tails: parts.tails }),
		of(graphs, (a) => a.graph),
	);
	const lowerable = passes.run('lower-polynomials', () => lowerPolynomials(approximated.graph), graphs);
	// Again: shifts and leading factors of the polynomials go into the layers around them.
	const merged = passes.run('fuse-again', () => prune(fuse(lowerable)), graphs);
	// Last: what is left of averages and scalings become sums, which need no products.
	const core = passes.run('absorb-factors', () => absorbFactors(merged), graphs);
	refuseConstants(core);
	const knowledge = withAccepted(core, values);
	const extremes = extremeSamples(core, knowledge);

	// Packing needs the number of slots, the number of slots follows from the ring degree, and whether that holds the modulus is
	// known only at the end: so ring degrees, and numbers of samples that share the slots, are tried.
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
			() => pack(newSearch(core, ringDegree / 2 / batch), ringDegree, options),
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
			of(circuits, (k) => k),
		);
		last = keyed && { ...packed, ...keyed, before: { lowered: packed.lowered, solution } };
		return last;
	};
	const found = chooseBatch(batchGoal(options), targetOf(options).backend, tryAt);
	if (found === undefined) return refuseDepth(core, imported, options);
	const { solution, before, ...packed } = found;
	if (found !== last) {
		// Another was tried after it: what is shown of these passes ends with the one that was chosen.
		passes.run('pack', () => ({ ...packed, ...before }), packings);
		passes.run('parameters', () => before.solution, solutions);
		passes.run('limit-keys', () => found, circuits);
	}
	const ends = endsOf(imported, parts, core, knowledge, packed.lowered, solution);
	const plans: Ir<Program> = { verify: verifyPlan, print: plan.print };
	const { program, sources } = passes.run(
		'schedule',
		() => programOf(options.name ?? imported.name, solution.circuit, ends, targetOf(options)),
		of(plans, (generated) => generated.program),
	);
	const depth = slotDepth(packed.lowered.circuit);
	const { ringDegree } = solution.circuit.parameters;
	const missed = misses.findLast((miss) => miss.ringDegree < ringDegree);
	return {
		imported,
		remarks: [...remarks, ...comparisonWarnings(comparisonsIn(core, imported), core)],
		split: parts,
		approximated,
		core,
		knowledge,
		...packed,
		solution,
		missed,
		depth,
		program,
		sources,
	};
};

const batchGoal = ({ batch, optimize }: CompileOptions): BatchGoal => {
	if (batch === undefined && optimize !== 'throughput') return 1;
	if (typeof batch === 'number') return batch;
	return optimize === 'throughput' ? 'throughput' : 'free';
};

/** What --maxpool average makes of the model, beside the replaced nodes, which warn by themselves. */
const remarksOf = (
	model: Uint8Array,
	{ maxpool, ...options }: CompileOptions,
	context: CompileContext,
	replaced: Split,
): readonly string[] => {
	if (maxpool === undefined) return [];
	return [replacementWarning(unreplaced(model, options, context), replaced, options.calibration)];
};

/** The model with its MaxPool; undefined where it is refused, which may be why that is replaced. */
const unreplaced = (model: Uint8Array, options: CompileOptions, context: CompileContext): Split | undefined => {
	try {
		return split(innerSoftmax(defer(importModel(model, options, context).graph)));
	} catch (error) {
		if (error instanceof CompileError) return undefined;
		throw error;
	}
};

/** More products and functions in turn than this are not even tried: a modulus has room for some fifty. */
const MOST_STEPS = 128;

/** Before polynomials are fitted to thousands of functions. */
const refuseLongChain = (graph: Graph): void => {
	const steps = stepsOf(graph);
	if (steps > MOST_STEPS)
		refuse({
			code: 'parameters',
			message: `The model computes ${steps} products and functions of encrypted values one after another, each of one level at least; no ring degree up to ${Math.max(...RING_DEGREES)} holds as many levels.`,
			hint: 'Use a shallower model, or split it.',
		});
};

const refuseDepth = (core: Graph<CoreKind>, imported: ImportedModel, options: CompileOptions): never => {
	const comparing = comparisonHint(comparisonsIn(core, imported));
	const general =
		'Use activations of lower degree (--degree), ask for less precision (--precision), or split the model.';
	return refuse({
		code: 'parameters',
		message: `No ring degree up to ${Math.max(...RING_DEGREES)} holds the ${depthOf(core)} levels of this model at ${options.security ?? 128}-bit security.`,
		hint: comparing === undefined ? general : `${comparing} ${general}`,
	});
};

type Packed = { readonly search: Search; readonly packing: Packing; readonly lowered: Lowered };

const pack = (search: Search, ringDegree: number, options: CompileOptions): Packed => {
	const packing = choosePacking(search, ringDegree, targetOf(options));
	return { search, packing, lowered: lower(search.graph, packing, search.slots) };
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

/** Another ring degree has other packings, and other noise: neither changes the modulus that is needed by as much as this factor. */
const FAR_FROM_ENOUGH = 1.3;

/** Outputs may turn out constant only here: x + (c - x), or a Relu whose operand is never positive. */
const refuseConstants = ({ nodes, outputs }: Graph<CoreKind>): void => {
	const issues = outputs.flatMap(({ name, id }): Issue[] => {
		const node = nodes[id];
		if (node?.kind !== 'affine' || node.terms.length > 0) return [];
		return [{ code: 'unsupported', message: `The output '${name}' does not depend on any input.` }];
	});
	if (issues.length > 0) throw new CompileError(issues);
};

/** The IR inside a pass's result; a result without one has nothing to check. */
const of = <T, I>(ir: Ir<I>, inside: (result: T) => I | undefined): Ir<T> => ({
	verify: (result) => {
		const found = inside(result);
		if (found !== undefined) ir.verify(found);
	},
	print: (result) => {
		const found = inside(result);
		return found === undefined ? 'no parameters of this ring degree are enough\n' : ir.print(found);
	},
});
