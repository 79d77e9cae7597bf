/** A compiled point and what computes it in the clear. */
import { compileZoo } from '../../bench/zoo.ts';
import type { Compiled } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { refusalOf, type Sample } from '../../runtime/inputs.ts';
import type { OutputPacking } from '../../runtime/plan.ts';
import { applyTail } from '../../runtime/tail.ts';
import type { Answer, Values } from './answers.ts';
import type { Point } from './points.ts';

export type CompiledPoint = {
	readonly compiled: Compiled;
	/** The output that decides. */
	readonly decider: OutputPacking;
	readonly sampleOf: (row: Float64Array) => Sample;
	/** Values before the tail: of the model itself, and of its polynomials without noise. */
	readonly exact: (row: Float64Array) => Values;
	readonly polynomials: (row: Float64Array) => Values;
	/** The deciding output after the tail. */
	readonly answer: (values: Values) => Answer;
	/** Does the client take this sample? */
	readonly accepts: (row: Float64Array) => boolean;
};

export const compilePoint = ({ model, options }: Point): CompiledPoint => {
	const compiled = compileZoo(model, options);
	const { stages, program } = compiled;
	const { outputs } = program.client;
	const decider = outputs.find(({ name }) => model.output === undefined || name === model.output);
	if (decider === undefined) throw new Error(`${model.name} encrypts no output "${model.output ?? ''}".`);
	const head = stages.split.heads.get(model.input);
	const prepared = (row: Float64Array): ReadonlyMap<string, Float64Array> =>
		new Map([
			[
				model.input,
				head === undefined ? row : row.map((x, i) => x * (head.scale[i] as number) + (head.shift[i] as number)),
			],
		]);
	const sampleOf = (row: Float64Array): Sample => new Map([[model.input, row]]);
	return {
		compiled,
		decider,
		sampleOf,
		exact: (row) => evaluate(stages.split.body, prepared(row)),
		polynomials: (row) => evaluate(stages.core, prepared(row)),
		answer: (values) => {
			const data = values.get(decider.name);
			return data && applyTail({ shape: decider.encryptedShape, data }, decider.tail).data;
		},
		accepts: (row) => refusalOf(program.client, sampleOf(row)) === undefined,
	};
};
