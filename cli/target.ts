import type { Compiled } from '../compiler/index.ts';
import type { Samples } from '../compiler/options.ts';
import type { Report } from '../compiler/report.ts';
import { isFolder, readProgram } from '../runtime/buildFolder.ts';
import type { Program } from '../runtime/plan.ts';
import type { KnownNames } from './arrays.ts';
import { readReport } from './buildDir.ts';
import { UsageError } from './errors.ts';
import { compileModel, inputsOf, type Port, readModel } from './model.ts';
import type { CompileArguments } from './options.ts';
import type { Output } from './output.ts';
import { weightsFor, withWeights } from './weights.ts';

/** A program to evaluate with the samples it is for, from a model that was just compiled or from a build directory. */
export type Target = {
	readonly program: Program;
	readonly report: Report;
	/** The model itself in the clear; a build directory has none. */
	readonly clear: Compiled['clear'] | undefined;
	/** What it went through while it was compiled. */
	readonly stages: Compiled['stages'] | undefined;
	readonly compileMs: number;
	/** Values of every input of the model, also of those that the program needs no more (see `forProgram`). */
	readonly samples: Samples;
};

/** Options that a build directory was already compiled with, as written on the command line. */
const compileOptionsIn = (given: CompileArguments): readonly string[] =>
	[
		given.calibrate !== undefined && '--calibrate',
		given.inputRange !== undefined && '--input-range',
		given.batch !== undefined && '--batch',
		given.precision !== undefined && '--precision',
		given.security !== undefined && '--security',
		given.optimize !== undefined && '--optimize',
		given.outputs !== undefined && '--outputs',
		given.set !== undefined && '--set',
		given.degree !== undefined && '--degree',
		given.maxError !== undefined && '--max-error',
		given.accuracyBudget !== undefined && '--accuracy-budget',
		given.maxLevels !== undefined && '--max-levels',
		given.compensation !== undefined && '--compensation',
		given.masking !== undefined && '--masking',
		given.maxpool !== undefined && '--maxpool',
		given.maxKeys !== undefined && '--max-keys',
		given.maxKeyBytes !== undefined && '--max-key-bytes',
		given.encrypt !== undefined && '--encrypt',
		given.plain !== undefined && '--plain',
	].filter((option) => option !== false);

/** Throws UsageError for options that a build directory no longer heeds, and for `others` that were given in vain. */
export const refuseCompileOptions = (path: string, given: CompileArguments, others: readonly string[] = []): void => {
	const useless = [...compileOptionsIn(given), ...others];
	if (useless.length > 0)
		throw new UsageError(`${path} is compiled already, so ${useless.join(', ')} would change nothing; give the model`);
};

/** Reads or compiles what is at `path`; `read` gives the samples once the inputs are known. */
export const openTarget = (
	path: string,
	given: CompileArguments & { readonly weights?: string },
	output: Output,
	read: (ports: readonly Port[], plain: KnownNames) => Samples,
): Target => {
	if (!isFolder(path)) {
		const model = readModel(path);
		if (given.weights !== undefined)
			throw new UsageError(`--weights is for a build directory; ${path} has its weights itself`);
		const { ports, plain, weights } = inputsOf(model, given);
		const data = read(ports, { plain: [...plain.keys()], encrypted: [...weights.keys()] });
		const { compiled, compileMs } = compileModel(model, given, output, { data });
		const samples = withWeights(data, weights);
		for (const warning of compiled.report.warnings) output.note(`Warning: ${warning}`);
		const { program, report } = compiled;
		const { stages } = compiled;
		return { program, report, clear: (inputs) => compiled.clear(inputs), stages, compileMs, samples };
	}
	refuseCompileOptions(path, given);
	const program = readProgram(path);
	const report = readReport(path) as Report;
	const samples = readWithWeights(program.client.inputs, given.weights, read);
	return { program, report, clear: undefined, stages: undefined, compileMs: 0, samples };
};

/** The samples for the inputs of a compiled program, those of its encrypted weights from a model where one is given. */
export const readWithWeights = (
	inputs: readonly Port[],
	model: string | undefined,
	read: (ports: readonly Port[], known: KnownNames) => Samples,
): Samples => {
	if (model === undefined) return read(inputs, { hint: '; encrypted weights come from --weights model.onnx' });
	const weights = weightsFor(inputs, readModel(model));
	const data = read(
		inputs.filter(({ name }) => !weights.has(name)),
		{ encrypted: [...weights.keys()] },
	);
	return withWeights(data, weights);
};

/** The samples one by one, each with all inputs by name. */
export const oneByOne = (samples: Samples): ReadonlyMap<string, Float64Array>[] => {
	const count = [...samples.values()][0]?.length ?? 0;
	return Array.from(
		{ length: count },
		(_, i) => new Map([...samples].map(([name, list]) => [name, list[i] as Float64Array] as const)),
	);
};

/** The same samples with the inputs that are encrypted: one that cancels out of the model (0 * z) is none of the program. */
export const forProgram = (
	{ client }: Program,
	samples: readonly ReadonlyMap<string, Float64Array>[],
): ReadonlyMap<string, Float64Array>[] => {
	const names = new Set(client.inputs.map(({ name }) => name));
	return samples.map((sample) => new Map([...sample].filter(([name]) => names.has(name))));
};
