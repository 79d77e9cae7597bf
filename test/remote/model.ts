import { compileZoo, rowsOf } from '../../bench/zoo.ts';
import { type ZooModel, zoo } from '../../models/index.ts';
import { LocalEvaluator } from '../../runtime/local.ts';
import type { ClientProgram, Program } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';

type Sample = ReadonlyMap<string, Float64Array>;

/** Of a result, what is compared. */
type Found = { readonly outputs: ReadonlyMap<string, { readonly raw: { readonly data: ArrayLike<number> } }> };

/** The largest error of what was decrypted, as a share of what the program predicts at most. */
const shareOf = ({ outputs }: ClientProgram, found: Found, clear: Found): number =>
	Math.max(
		...outputs.map(({ name, predictedError }) => {
			const expected = clear.outputs.get(name)?.raw.data ?? new Float64Array();
			const values = found.outputs.get(name)?.raw.data ?? new Float64Array();
			if (values.length !== expected.length || expected.length === 0) return Number.POSITIVE_INFINITY;
			const errors = Array.from(expected, (value, i) => Math.abs((values[i] ?? Number.NaN) - value));
			return Math.max(...errors) / predictedError;
		}),
	);

/** Its test samples by number, and how far a result is from what the program gives in the clear: right at most at 1. */
const answersOf = (model: ZooModel, program: Program) => {
	const rows = rowsOf(model.samples);
	const sampleOf = (k: number): Sample => new Map([[model.input, rows[k % rows.length] ?? new Float64Array()]]);
	const evaluator = new LocalEvaluator(program, 'clear');
	const known = new Map<number, Result>();
	const clearOf = (k: number): Result => {
		const clear = known.get(k) ?? (evaluator.run([sampleOf(k)])[0] as Result);
		known.set(k, clear);
		return clear;
	};
	return { sampleOf, errorOf: (found: Found, k: number): number => shareOf(program.client, found, clearOf(k)) };
};

/** A model of the zoo, compiled, with its answers. */
export const modelOf = (name: string, options: Parameters<typeof compileZoo>[1] = {}) => {
	const model = zoo.find((candidate) => candidate.name === name);
	if (model === undefined) throw new Error(`there is no model ${name}`);
	const compiled = compileZoo(model, options);
	return { model, compiled, ...answersOf(model, compiled.program) };
};
