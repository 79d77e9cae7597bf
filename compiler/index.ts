import type { Program } from '../runtime/plan.ts';
import { CompileError, type Issue } from './errors.ts';
import { type MaskingPrice, maskingPriceOf } from './masking.ts';
import type { ModelSource } from './onnx/source.ts';
import type { CompileContext, CompileOptions } from './options.ts';
import { PASSES, runPipeline, type Stages } from './pipeline.ts';
import { type Report, reportOf } from './report.ts';
import { evaluate } from './tensor/evaluate.ts';
import type { Shape } from './tensor/graph.ts';
import { type Tradeoff, tradeoffsOf } from './tradeoffs.ts';

export type { Program } from '../runtime/plan.ts';
export { writeBuild } from './codegen/index.ts';
export { CompileError, InternalError, type Issue } from './errors.ts';
export { supportedOps } from './onnx/ops/index.ts';
export type { ModelSource } from './onnx/source.ts';
export type { CompileContext, CompileOptions, Objective, Samples, TargetBackend } from './options.ts';
export type { Report } from './report.ts';
export * from './trace/index.ts';

/** Row-major values. */
export type Tensor = { readonly shape: Shape; readonly data: Float64Array };

/** A compiled model. */
export type Compiled = {
	readonly program: Program;
	readonly report: Report;
	/** Everything the model went through, for tests and inspection. */
	readonly stages: Stages;
	/** The model itself in float64, activations exact, tail applied: what the encrypted run is compared with. Inputs row-major by name. */
	readonly clear: (inputs: ReadonlyMap<string, Float64Array>) => ReadonlyMap<string, Tensor>;
	/** What other objectives would cost, at the price of a search for each. */
	readonly tradeoffs: () => readonly Tradeoff[];
	/** What output masking costs; undefined where it is off or nothing holds the program without it. Takes a search, and one for parameters where it is not free. */
	readonly maskingPrice: () => MaskingPrice | undefined;
};

/**
 * Compiles an ONNX model, or a program that `trace` recorded, into a program on encrypted data. Deterministic: same bytes and options, same program.
 * Throws CompileError with every issue found: a broken file, unsupported operators (all at once), shapes that are not static,
 * calibration that does not fit, options out of range, or no parameters that hold the circuit.
 */
export const compile = (model: ModelSource, options: CompileOptions = {}, context: CompileContext = {}): Compiled => {
	checkOptions(options);
	const stages = runPipeline(model, options, context);
	return {
		program: stages.program,
		report: reportOf(stages, options),
		stages,
		clear: (inputs) => clearRun(stages, inputs),
		tradeoffs: () => tradeoffsOf(stages, options),
		maskingPrice: () => maskingPriceOf(stages, options),
	};
};

/** Names of the passes, in the order they run. */
export const passNames = (): readonly string[] => PASSES;

/** The imported graph itself, activations and tails included. */
const clearRun = ({ imported }: Stages, inputs: ReadonlyMap<string, Float64Array>): ReadonlyMap<string, Tensor> => {
	const results = evaluate(imported.graph, inputs);
	return new Map([
		...imported.graph.outputs.map(
			({ name, shape }) => [name, { shape, data: results.get(name) as Float64Array }] as const,
		),
		...imported.knownOutputs.map(
			({ name, shape, values }) => [name, { shape, data: Float64Array.from(values) }] as const,
		),
	]);
};

const SECURITIES: readonly number[] = [128, 192, 256];
const OBJECTIVES: readonly string[] = ['latency', 'throughput', 'upload', 'keys', 'memory'];
const BACKENDS: readonly string[] = ['kernel', 'seal'];

/** What types cannot say, and what callers without types get wrong. */
const checkOptions = (options: CompileOptions): void => {
	const { batch, precision, inputRange, security, optimize, backend, degree } = options;
	const { masking, maxError, accuracyBudget, maxLevels, maxpool, maxKeys, maxKeyBytes } = options;
	const issues: Issue[] = [];
	const check = (holds: boolean, message: string): void => {
		if (!holds) issues.push({ code: 'option', message });
	};
	if (batch !== undefined && batch !== 'auto')
		check(
			Number.isInteger(Math.log2(batch)) && batch >= 1 && batch <= 16384,
			`A batch of ${batch} is not a power of two from 1 to 16384.`,
		);
	if (precision !== undefined)
		check(precision >= 1 && precision <= 40, `A precision of ${precision} bits is not between 1 and 40.`);
	if (inputRange !== undefined)
		check(
			Number.isFinite(inputRange[0]) && inputRange[0] < inputRange[1] && Number.isFinite(inputRange[1]),
			`The input range [${inputRange.join(', ')}] is not an interval.`,
		);
	if (security !== undefined)
		check(SECURITIES.includes(security), `A security of ${security} bits is not one of ${SECURITIES.join(', ')}.`);
	if (optimize !== undefined)
		check(OBJECTIVES.includes(optimize), `The objective "${optimize}" is not one of ${OBJECTIVES.join(', ')}.`);
	if (backend !== undefined)
		check(BACKENDS.includes(backend), `The backend "${backend}" is not one of ${BACKENDS.join(', ')}.`);
	if (degree !== undefined)
		check(
			Number.isInteger(degree) && degree >= 2 && degree <= 31,
			`A degree of ${degree} is not a whole number from 2 to 31.`,
		);
	if (maxError !== undefined)
		check(maxError >= 1e-6 && maxError <= 1, `A largest error of ${maxError} is not between 0.000001 and 1.`);
	if (accuracyBudget !== undefined)
		check(
			accuracyBudget >= 0.02 && accuracyBudget <= 20,
			`A budget of ${accuracyBudget} points of accuracy is not between 0.02 and 20.`,
		);
	if (maxLevels !== undefined)
		check(Number.isSafeInteger(maxLevels) && maxLevels >= 1, `${maxLevels} levels cannot be a limit.`);
	if (maxpool !== undefined)
		check(maxpool === 'average', `MaxPool cannot be replaced by "${maxpool}", only by "average".`);
	if (masking !== undefined)
		check(typeof masking === 'boolean', `Masking of ${JSON.stringify(masking)} is neither true nor false.`);
	for (const [what, value] of [
		['evaluation keys', maxKeys],
		['bytes of evaluation keys', maxKeyBytes],
	] as const)
		check(value === undefined || (Number.isSafeInteger(value) && value >= 1), `${value} ${what} cannot be a limit.`);
	if (issues.length > 0) throw new CompileError(issues);
};
