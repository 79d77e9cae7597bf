import type { Program } from '../runtime/plan.ts';
import { type InputKnowledge, withAccepted } from './calibration/accepted.ts';
import { slotValues } from './calibration/slots.ts';
import { inputValues, samplesOf } from './calibration/values.ts';
import { estimateMilliseconds } from './ckks/cost.ts';
import type { Solution } from './ckks/parameters.ts';
import { solveParameters } from './ckks/parameters.ts';
import { modulusLimit, RING_DEGREES } from './ckks/security.ts';
import * as ckks from './ckks/text.ts';
import { verify as verifyCkks } from './ckks/verify.ts';
import { endsOf } from './codegen/ends.ts';
import { programOf } from './codegen/program.ts';
import * as plan from './codegen/text.ts';
import { verify as verifyPlan } from './codegen/verify.ts';
import { CompileError, type Issue, refuse } from './errors.ts';
import { type ImportedModel, importModel } from './onnx/import.ts';
import type { CompileContext, CompileOptions } from './options.ts';
import { choosePacking, type Packing } from './packing/choose.ts';
import { type Lowered, lower } from './packing/lower.ts';
import { type Ir, PassRunner } from './pass.ts';
import { depthOf as slotDepth } from './slots/depths.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import * as slots from './slots/text.ts';
import { verify as verifySlots } from './slots/verify.ts';
import { depthOf } from './tensor/depth.ts';
import type { CoreKind, Graph } from './tensor/graph.ts';
import { type Approximated, approximate } from './tensor/passes/approximate.ts';
import { fuse } from './tensor/passes/fuse.ts';
import { lowerPolynomials } from './tensor/passes/lower-polynomials.ts';
import { prune } from './tensor/passes/prune.ts';
import { type Split, split } from './tensor/passes/split.ts';
import * as tensor from './tensor/text.ts';
import { verify as verifyTensor } from './tensor/verify.ts';

/** Everything a compilation went through; each later stage computes what the earlier ones do. */
export type Stages = {
	readonly imported: ImportedModel;
	readonly split: Split;
	readonly approximated: Approximated;
	readonly core: Graph<CoreKind>;
	readonly knowledge: InputKnowledge;
	readonly packing: Packing;
	readonly lowered: Lowered;
	readonly solution: Solved;
	/** Products on the longest path. */
	readonly depth: number;
	readonly program: Program;
};

/** Parameters, the samples their noise was predicted on, and whether no accepted input can leave the modulus. */
type Solved = Solution & { readonly samples: readonly PackedInputs[]; readonly guaranteed: boolean };

/** Names of the passes, in order. `pack` and `parameters` run again for each ring degree that is tried. */
export const PASSES = [
	'import',
	'split',
	'fuse-affine',
	'approximate',
	'lower-polynomials',
	'fuse-again',
	'pack',
	'parameters',
	'schedule',
] as const;

/** The compiler: all passes, in order. */
export const runPipeline = (model: Uint8Array, options: CompileOptions, context: CompileContext): Stages => {
	const passes = new PassRunner(context, PASSES);
	const graphs: Ir<Graph> = { verify: verifyTensor, print: tensor.print };

	const imported = passes.run(
		'import',
		() => importModel(model, options, context),
		of(graphs, (m) => m.graph),
	);
	const parts = passes.run(
		'split',
		() => split(imported.graph),
		of(graphs, (s) => s.body),
	);
	// Before `approximate`: ranges are then those of the values that reach an activation in the compiled program.
	const fused = passes.run('fuse-affine', () => prune(fuse(parts.body)), graphs);
	const samples = samplesOf(imported, parts, options);
	const values = inputValues(imported, parts, samples, options);
	const approximated = passes.run(
		'approximate',
		() => approximate(fused, { samples, inputs: values.bounds, tails: parts.tails, degree: options.degree }),
		of(graphs, (a) => a.graph),
	);
	const lowerable = passes.run('lower-polynomials', () => lowerPolynomials(approximated.graph), graphs);
	// Again: shifts and leading factors of the polynomials go into the layers around them.
	const core = passes.run('fuse-again', () => prune(fuse(lowerable)), graphs);
	refuseConstants(core);
	const knowledge = withAccepted(core, values);

	// Packing needs the number of slots, the number of slots follows from the ring degree, and the smallest ring degree that
	// holds the modulus is known only at the end: so each is tried, from the smallest.
	for (const ringDegree of RING_DEGREES) {
		if (isHopeless(core, ringDegree, options)) continue;
		const packed = passes.run(
			'pack',
			() => pack(core, ringDegree, options),
			of({ verify: verifySlots, print: slots.print }, (p) => p.lowered.circuit),
		);
		const solution = passes.run(
			'parameters',
			() => solve(core, packed.lowered, knowledge, ringDegree, options),
			of({ verify: verifyCkks, print: ckks.print }, (s) => s?.circuit),
		);
		if (solution === undefined) continue;
		const ends = endsOf(imported, parts, core, knowledge, packed.lowered, solution);
		const program = passes.run('schedule', () => programOf(options.name ?? imported.name, solution.circuit, ends), {
			verify: verifyPlan,
			print: plan.print,
		});
		return {
			imported,
			split: parts,
			approximated,
			core,
			knowledge,
			...packed,
			solution,
			depth: slotDepth(packed.lowered.circuit),
			program,
		};
	}
	return refuse({
		code: 'parameters',
		message: `No ring degree up to ${Math.max(...RING_DEGREES)} holds the ${depthOf(core)} levels of this model at ${options.security ?? 128}-bit security.`,
		hint: 'Use activations of lower degree (--degree), ask for less precision (--precision), or split the model.',
	});
};

const pack = (
	core: Graph<CoreKind>,
	ringDegree: number,
	options: CompileOptions,
): { packing: Packing; lowered: Lowered } => {
	const virtual = ringDegree / 2 / (options.batch ?? 1);
	const packing = choosePacking(core, virtual, options.optimize ?? 'latency');
	return { packing, lowered: lower(core, packing, virtual) };
};

/**
 * Parameters that hold every accepted input, if they cost little more than those that hold what calibration shows. (Bounds are
 * sums of magnitudes: a linear layer or two cost a few bits, polynomials of high degree more than any modulus has.)
 */
const solve = (
	core: Graph<CoreKind>,
	lowered: Lowered,
	knowledge: InputKnowledge,
	ringDegree: number,
	options: CompileOptions,
): Solved | undefined => {
	const { sound, observed, ...values } = slotValues(core, lowered, knowledge);
	const solved = (magnitudes: Float64Array): Solution | undefined =>
		solveParameters(lowered.circuit, {
			ringDegree,
			security: options.security ?? 128,
			precision: options.precision ?? DEFAULT_PRECISION,
			magnitudes,
			...values,
		});
	const sure = solved(sound);
	const likely = observed === undefined ? sure : solved(observed);
	const { samples } = values;
	if (likely === undefined) return sure && { ...sure, samples, guaranteed: true };
	const time = ({ circuit }: Solution): number => estimateMilliseconds(circuit);
	return sure !== undefined && time(sure) <= PRICE_OF_CERTAINTY * time(likely)
		? { ...sure, samples, guaranteed: true }
		: { ...likely, samples, guaranteed: false };
};

/** By how much slower an evaluation may become so that no accepted input can leave the modulus. */
const PRICE_OF_CERTAINTY = 1.15;

/** Bits of precision relative to the largest output when none are asked for: errors of a thousandth keep decisions. */
const DEFAULT_PRECISION = 10;

/** Fewer bits than any circuit of this depth can do with, or fewer virtual slots than one. */
const isHopeless = (core: Graph<CoreKind>, ringDegree: number, options: CompileOptions): boolean =>
	modulusLimit(ringDegree, options.security ?? 128) < 16 * (depthOf(core) + 2) || ringDegree / 2 < (options.batch ?? 1);

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
