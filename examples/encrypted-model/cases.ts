import { readFileSync } from 'node:fs';
import { decisionOf } from '../../cli/decisions.ts';
import { type Compiled, type CompileOptions, compile } from '../../compiler/index.ts';
import { type ZooModel, zoo } from '../../models/index.ts';
import { rowsOf } from '../data.ts';

/** A network whose weights and biases are encrypted like its inputs: names of its initializers. */
export type Case = { readonly model: string; readonly what: string; readonly encrypt: readonly string[] };

const dense = ['coefficient', 'intercepts', 'coefficient1', 'intercepts1'] as const;

export const cases: readonly Case[] = [
	{ model: 'breast-cancer-logistic', what: 'logistic regression', encrypt: ['weights', 'bias'] },
	{ model: 'mlp-wine', what: '13, 16, tanh, 3', encrypt: dense },
	{
		model: 'breast-cancer',
		what: '30, 16, ReLU, 1',
		encrypt: ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'],
	},
	{
		model: 'mlp-mnist',
		what: '784, 128, square, 10',
		encrypt: ['stages.0.1.weight', 'stages.0.1.bias', 'stages.1.weight', 'stages.1.bias'],
	},
];

const folder = new URL('../../models/', import.meta.url);

const zooModel = ({ model }: Case): ZooModel => {
	const found = zoo.find(({ name }) => name === model);
	if (found === undefined) throw new Error(`there is no model ${model}`);
	return found;
};

/** Values of all inputs by name. */
export type Inputs = ReadonlyMap<string, Float64Array>;

/** A compiled network that computes on encrypted weights. */
export type EncryptedModel = {
	readonly compiled: Compiled;
	/** The values of its weights by name, from the model file. */
	readonly weights: Inputs;
	/** The name of its input. */
	readonly input: string;
	/** Test samples, as they lie beside the model, with the weights in each. */
	readonly samples: readonly Inputs[];
	/** Other values of its input with the weights. */
	readonly withWeights: (x: Float64Array) => Inputs;
	/** The class that an output names. */
	readonly decide: (values: Float64Array) => number;
	/** The name of that output. */
	readonly output: string;
};

/**
 * Compiles a network whose weights are inputs. The program holds none of them: the client, who owns model and data, encrypts both
 * under its key, and the server sees neither.
 */
export const compileCase = (one: Case, options: CompileOptions = {}): EncryptedModel => {
	const { path, input, output, calibration, samples } = zooModel(one);
	const compiled = compile(readFileSync(new URL(path, folder)), {
		...options,
		encrypt: one.encrypt,
		calibration: new Map([[input, rowsOf(calibration)]]),
		...(output === undefined ? {} : { outputs: [output] }),
	});
	const [decider] = compiled.program.client.outputs;
	if (decider === undefined) throw new Error(`${one.model} has no output`);
	const weights: Inputs = new Map(
		compiled.stages.imported.inputs.flatMap(({ name, weights: values }) =>
			values === undefined ? [] : [[name, values] as const],
		),
	);
	const withWeights = (x: Float64Array): Inputs => new Map([[input, x], ...weights]);
	return {
		compiled,
		weights,
		input,
		samples: rowsOf(samples).map(withWeights),
		withWeights,
		decide: decisionOf(decider),
		output: decider.name,
	};
};

/** The class that the model itself names, in the clear. */
export const clearDecision = ({ compiled, decide, output }: EncryptedModel, sample: Inputs): number =>
	decide(compiled.clear(sample).get(output)?.data ?? new Float64Array());
