import type { Program } from '../runtime/plan.ts';
import type { InputKnowledge } from './calibration/accepted.ts';
import { replacementWarning } from './calibration/replaced.ts';
import { inputValues, samplesOf } from './calibration/values.ts';
import type { Miss } from './ckks/explain.ts';
import { RING_DEGREES } from './ckks/security.ts';
import { endsOf } from './codegen/ends.ts';
import { programOf } from './codegen/program.ts';
import * as plan from './codegen/text.ts';
import { verify as verifyPlan } from './codegen/verify.ts';
import { comparisonHint, comparisonsIn, comparisonWarnings } from './comparisons.ts';
import { CompileError, type Issue, refuse } from './errors.ts';
import type { KeyLimit } from './keys.ts';
import { type ImportedModel, importModel } from './onnx/import.ts';
import type { ModelSource } from './onnx/source.ts';
import { type CompileContext, type CompileOptions, targetOf } from './options.ts';
import type { Packing } from './packing/choose.ts';
import type { Lowered } from './packing/lower.ts';
import type { Search } from './packing/propose.ts';
import { type Ir, inside, PassRunner } from './pass.ts';
import { type Parameterised, parametersFor, type Solved } from './rings.ts';
import { depthOf as slotDepth } from './slots/depths.ts';
import { depthOf, stepsOf } from './tensor/depth.ts';
import type { BodyKind, CoreKind, Graph } from './tensor/graph.ts';
import { absorbFactors } from './tensor/passes/absorb-factors.ts';
import { type Approximated, approximate } from './tensor/passes/approximate.ts';
import { defer } from './tensor/passes/defer.ts';
import { fuse } from './tensor/passes/fuse.ts';
import { innerSoftmax } from './tensor/passes/inner-softmax.ts';
import { lowerPolynomials } from './tensor/passes/lower-polynomials.ts';
import { mergePools } from './tensor/passes/merge-pools.ts';
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
	/** The body as its functions are replaced: what `approximated` is compared with. */
	readonly fused: Graph<BodyKind>;
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

/** Names of the passes, in order. `pack` and `parameters` run again for each ring degree that is tried. */
export const PASSES = [
	'import',
	'defer',
	'inner-softmax',
	'split',
	'fuse-affine',
	'merge-pools',
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
export const runPipeline = (model: ModelSource, options: CompileOptions, context: CompileContext): Stages => {
	const passes = new PassRunner(context, PASSES);
	const graphs: Ir<Graph> = { verify: verifyTensor, print: tensor.print };

	const imported = passes.run(
		'import',
		() => importModel(model, options, context),
		inside(graphs, (m) => m.graph),
	);
	// First: a softmax of which columns are picked is still at the end of the model.
	const deferred = passes.run('defer', () => defer(imported.graph), graphs);
	const body = passes.run('inner-softmax', () => innerSoftmax(deferred), graphs);
	const parts = passes.run(
		'split',
		() => split(body),
		inside(graphs, (s) => s.body),
	);
	// Before `approximate`: ranges are then those of the values that reach an activation in the compiled program.
	const composed = passes.run('fuse-affine', () => prune(fuse(parts.body)), graphs);
	// After it: maps that leave everything in its place no longer stand between a function and a pooling.
	const fused = passes.run('merge-pools', () => mergePools(composed), graphs);
	refuseLongChain(fused);
	const samples = samplesOf(imported, parts, options);
	const remarks = remarksOf(model, options, context, parts);
	const values = inputValues(imported, parts, samples, options);
	const replaced = (compute: () => Approximated): Built => {
		const approximated = passes.run(
			'approximate',
			compute,
			inside(graphs, (a) => a.graph),
		);
		const lowerable = passes.run('lower-polynomials', () => lowerPolynomials(approximated.graph), graphs);
		// Again: shifts and leading factors of the polynomials go into the layers around them.
		const merged = passes.run('fuse-again', () => prune(fuse(lowerable)), graphs);
		// Last: what is left of averages and scalings become sums, which need no products.
		const core = passes.run('absorb-factors', () => absorbFactors(merged), graphs);
		refuseConstants(core);
		return { approximated, core, ...parametersFor(core, values, options, passes) };
	};
	const wanted = replaced(() =>
		approximate(fused, {
			...options,
			samples,
			inputs: values.bounds,
			tails: parts.tails,
			onPoint: (tried) =>
				context.onProgress?.({ stage: 'polynomials tried', done: tried, total: Math.max(tried + 1, USUAL_TRIALS) }),
		}),
	);
	const built = withinModulus(wanted, replaced);
	const { approximated, core, knowledge, misses, found } = built;
	if (found === undefined) return refuseDepth(core, imported, options);
	const { solution, before: _, ...packed } = found;
	const ends = endsOf(imported, parts, core, knowledge, packed.lowered, solution);
	const plans: Ir<Program> = { verify: verifyPlan, print: plan.print };
	const { program, sources } = passes.run(
		'schedule',
		() => programOf(options.name ?? imported.name, solution.circuit, ends, targetOf(options)),
		inside(plans, (generated) => generated.program),
	);
	const depth = slotDepth(packed.lowered.circuit);
	const { ringDegree } = solution.circuit.parameters;
	const missed = misses.findLast((miss) => miss.ringDegree < ringDegree);
	return {
		imported,
		remarks: [...remarks, ...shallower(wanted, built), ...comparisonWarnings(comparisonsIn(core, imported), core)],
		split: parts,
		fused,
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

/** Ways of replacing functions that are looked at, about: how many they are is known when the last one was. */
const USUAL_TRIALS = 10;

type Built = Parameterised & { readonly approximated: Approximated; readonly core: Graph<CoreKind> };

/** The model with fewer levels, where no ring degree holds those of the polynomials that do what is asked. */
const withinModulus = (wanted: Built, replaced: (compute: () => Approximated) => Built): Built => {
	let built = wanted;
	while (built.found === undefined) {
		const fewer = built.approximated.within(levelsThatFit(built.approximated.levels, built.misses));
		if (fewer === undefined) return wanted;
		built = replaced(() => fewer);
	}
	return built;
};

/** Levels given up at a time: what is missing is known for the scales of the deeper program only. */
const STEP = 3;

/** About as many levels as the largest modulus holds, but few fewer than before. */
const levelsThatFit = (levels: number, misses: readonly Miss[]): number => {
	const parts = misses.flatMap(({ limit, missing }) => (missing === undefined ? [] : [limit / (limit + missing)]));
	return Math.min(levels - 1, Math.max(levels - STEP, Math.ceil(levels * Math.max(...parts, 0))));
};

const shallower = (wanted: Built, built: Built): readonly string[] =>
	built === wanted
		? []
		: [
				`no ring degree holds the ${wanted.approximated.levels} levels of the polynomials that keep what is asked for: these are the best within ${built.approximated.levels}`,
			];

/** What --maxpool average makes of the model, beside the replaced nodes, which warn by themselves. */
const remarksOf = (
	model: ModelSource,
	{ maxpool, ...options }: CompileOptions,
	context: CompileContext,
	replaced: Split,
): readonly string[] => {
	if (maxpool === undefined) return [];
	return [replacementWarning(unreplaced(model, options, context), replaced, options.calibration)];
};

/** The model with its MaxPool; undefined where it is refused, which may be why that is replaced. */
const unreplaced = (model: ModelSource, options: CompileOptions, context: CompileContext): Split | undefined => {
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

/** Outputs may turn out constant only here: x + (c - x), or a Relu whose operand is never positive. */
const refuseConstants = ({ nodes, outputs }: Graph<CoreKind>): void => {
	const issues = outputs.flatMap(({ name, id }): Issue[] => {
		const node = nodes[id];
		if (node?.kind !== 'affine' || node.terms.length > 0) return [];
		return [{ code: 'unsupported', message: `The output '${name}' does not depend on any input.` }];
	});
	if (issues.length > 0) throw new CompileError(issues);
};
