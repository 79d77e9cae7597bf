import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { compile, type Program } from '../../../compiler/index.ts';
import { importModel } from '../../../compiler/onnx/import.ts';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import { sizeOf } from '../../../compiler/tensor/graph.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { evaluateLocally } from '../../../runtime/local.ts';
import { differenceOf, issuesOf, randomNumbers, reference, type Tensor } from '../../support/onnx.ts';

/** A model as an exporter wrote it, by a script beside it. */
export type Export = {
	readonly file: string;
	/** Values of dimensions that are not fixed. */
	readonly set?: Readonly<Record<string, number>>;
	/** Where its inputs lie; [-1, 1] unless said. */
	readonly range?: readonly [low: number, high: number];
	/** Largest error of the program on the clear backend, relative to the largest output. */
	readonly within: number;
	/** What the compiler is asked for (`maxError`); 0.05 unless said. */
	readonly maxError?: number;
	/** Takes more than some seconds to compile. */
	readonly slow?: boolean;
	/** Needs more levels than any parameters have: two maximum poolings, or a softmax between two normalisations. */
	readonly refused?: boolean;
};

const FLOWERS = [0.1, 7.9] as const;

export const EXPORTS: readonly Export[] = [
	// PyTorch's exporter by tracing: shapes computed by the model, opsets 9 to 16, dynamic batches, modules as functions.
	{ file: 'flatten', set: { h: 6, w: 6 }, within: 1e-6 },
	{ file: 'expand', set: { t: 5 }, within: 1e-6 },
	{ file: 'expand', set: { n: 2, t: 3 }, within: 1e-6 },
	{ file: 'mask', set: { t: 4 }, within: 1e-6 },
	{ file: 'mask', set: { n: 2, t: 5 }, within: 1e-6 },
	{ file: 'pytorch-masked', within: 0.05 },
	{ file: 'pytorch-gelumlp', within: 0.05 },
	{ file: 'pytorch-gelumlp', set: { n: 3 }, within: 0.05, slow: true },
	{ file: 'pytorch-wave', within: 0.05 },
	{ file: 'pytorch-residual', within: 0.05 },
	{ file: 'pytorch-functions', within: 0.05, slow: true },
	{ file: 'pytorch-mobile', within: 0.05, slow: true },
	{ file: 'pytorch-groups', within: 0.05, slow: true },
	{ file: 'pytorch-decoder', within: 0.05, slow: true },
	{ file: 'pytorch-attention', set: { t: 3 }, within: 0.05, slow: true },
	{ file: 'pytorch-attention', set: { n: 2, t: 2 }, within: 0.05, slow: true },
	{ file: 'pytorch-transformer', within: 0.1, maxError: 0.2, slow: true },
	{ file: 'pytorch-encoder', within: 0.05, refused: true },
	{ file: 'pytorch-lenet', within: 0.05, slow: true },
	// PyTorch's exporter of programs, opsets 18 to 21; weights of one beside it.
	{ file: 'dynamo-masked', within: 0.05 },
	{ file: 'dynamo-gelumlp', within: 0.05 },
	{ file: 'dynamo-residual', within: 0.05 },
	{ file: 'dynamo-mobile', within: 0.05, slow: true },
	{ file: 'dynamo-groups', within: 0.05, slow: true },
	{ file: 'dynamo-decoder', within: 0.05, slow: true },
	{ file: 'dynamo-attention', within: 0.05, slow: true },
	{ file: 'dynamo-transformer', within: 0.05, slow: true },
	{ file: 'dynamo-encoder', within: 0.05, refused: true },
	// Keras, and tf2onnx from TensorFlow: channels last.
	{ file: 'keras-regressor', within: 0.05 },
	{ file: 'keras-classifier', within: 0.05, slow: true },
	{ file: 'tf2onnx-separable', within: 0.05, slow: true },
	{ file: 'tf2onnx-sequence', within: 0.05, maxError: 0.02, slow: true },
	// scikit-learn.
	{ file: 'sklearn-logistic', range: FLOWERS, within: 1e-5 },
	{ file: 'sklearn-logistic-columns', range: FLOWERS, within: 1e-5 },
	{ file: 'sklearn-mlp', range: FLOWERS, within: 0.05 },
	{ file: 'sklearn-mlp-binary', range: FLOWERS, within: 0.05 },
	{ file: 'sklearn-polynomial-ridge', range: FLOWERS, within: 1e-4 },
	{ file: 'sklearn-svr-polynomial', range: FLOWERS, within: 1e-4 },
	{ file: 'sklearn-normalizer-ridge', range: [1, 8], within: 0.05 },
];

const folder = new URL('./', import.meta.url);
const read = (file: string): Buffer => readFileSync(new URL(file, folder));
const context = { readExternal: read };

/** The title of a test of it. */
export const titleOf = ({ file, set = {} }: Export): string =>
	[file, ...Object.entries(set).map(([name, value]) => `${name} = ${value}`)].join(', ');

/** Sets of inputs by name, `count` of them. */
const samplesOf = ({ file, set = {}, range: [low, high] = [-1, 1] }: Export, seed: number, count: number) => {
	const { inputs } = importModel(read(`${file}.onnx`), { dimensions: new Map(Object.entries(set)) }, context);
	return Array.from(
		{ length: count },
		(_, k) =>
			new Map<string, Tensor>(
				inputs.map(({ name, shape }, i) => [
					name,
					{ shape, data: randomNumbers(seed + k * inputs.length + i, sizeOf(shape), low, high) },
				]),
			),
	);
};

/** What onnxruntime computes, with the weights beside the model. */
const expectedOf = ({ file }: Export, sample: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> => {
	const path = 'dynamo-residual.onnx.data';
	return reference(read(`${file}.onnx`), sample, file === 'dynamo-residual' ? [{ path, data: read(path) }] : []);
};

const valuesOf = (sample: ReadonlyMap<string, Tensor>) => new Map([...sample].map(([name, { data }]) => [name, data]));

/** The tensor graph, activations exact, computes what onnxruntime computes. Returns its nodes. */
export const checkGraph = async (model: Export) => {
	const { file, set = {} } = model;
	const { graph } = importModel(read(`${file}.onnx`), { dimensions: new Map(Object.entries(set)) }, context);
	verify(graph);
	for (const sample of samplesOf(model, 1, 2)) {
		const results = evaluate(graph, valuesOf(sample));
		const expected = await expectedOf(model, sample);
		for (const { name, shape } of graph.outputs) {
			const tensor = expected.get(name);
			assert.ok(tensor, 'a reference');
			const actual = { shape, data: results.get(name) ?? new Float64Array() };
			assert.is(differenceOf(actual, tensor, 1e-4), undefined);
		}
	}
	return graph.nodes;
};

const CALIBRATION = 64;

const compiled = (model: Export): Program => {
	const { file, set = {}, maxError = 0.05 } = model;
	const calibrated = samplesOf(model, 100, CALIBRATION).map(valuesOf);
	const calibration = new Map(
		[...(calibrated[0]?.keys() ?? [])].map((name) => [name, calibrated.flatMap((sample) => sample.get(name) ?? [])]),
	);
	const options = { calibration, dimensions: new Map(Object.entries(set)), maxError };
	return compile(read(`${file}.onnx`), options, context).program;
};

/** The compiler says that no parameters hold the model. */
export const checkRefusal = (model: Export): void => {
	const [issue] = issuesOf(() => compiled(model));
	assert.is(issue?.code, 'parameters');
	assert.match(issue?.message ?? '', /No ring degree up to \d+ holds the \d+ levels/);
};

/** The whole compiler: its program, on the clear backend, computes what onnxruntime computes. */
export const checkProgram = async (model: Export): Promise<void> => {
	const program = compiled(model);
	const samples = samplesOf(model, 1, 4);
	const results = await evaluateLocally(program, 'clear', samples.map(valuesOf));
	for (const [k, sample] of samples.entries())
		for (const [name, { shape, data }] of await expectedOf(model, sample)) {
			const actual = results[k]?.outputs.get(name);
			assert.ok(actual, `the output ${name}`);
			if (actual === undefined) continue;
			assert.equal(actual.shape, shape, name);
			const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
			const error = actual.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (data[i] as number))), 0);
			assert.ok(error <= model.within * largest, `${name} is off by ${error} of ${largest}`);
		}
};

/** The answers of python's onnxruntime to a model with maps by class, which onnxruntime-web does not give. */
type Answer = {
	readonly x: readonly number[];
	readonly label: string;
	readonly probabilities: Readonly<Record<string, number>>;
};

/** scikit-learn's default: a label that is a string, and probabilities as maps, which stand for the array. */
export const checkClassifier = async (): Promise<void> => {
	const answers: readonly Answer[] = JSON.parse(read('sklearn-logistic-zipmap.json').toString());
	const samples = answers.map(({ x }) => new Map([['X', Float64Array.from(x)]]));
	const calibration = new Map([['X', samples.flatMap((sample) => sample.get('X') ?? [])]]);
	const { program } = compile(read('sklearn-logistic-zipmap.onnx'), { calibration });
	const label = program.client.outputs.find(({ name }) => name === 'output_label');
	const results = await evaluateLocally(program, 'clear', samples);
	for (const [k, answer] of answers.entries()) {
		const [index = -1] = results[k]?.outputs.get('output_label')?.data ?? [];
		assert.is(label?.classes?.[index], answer.label);
		const probabilities = results[k]?.outputs.get('output_probability')?.data ?? new Float64Array();
		const expected = { shape: [probabilities.length], data: Float64Array.from(Object.values(answer.probabilities)) };
		assert.is(differenceOf({ shape: [probabilities.length], data: probabilities }, expected, 1e-4), undefined);
	}
};
