/**
 * Accuracy of the models of the zoo in the clear, by onnxruntime: what models/index.ts and the READMEs say; R^2 of a regression.
 * Those whose samples are not the whole test set are measured on that too (npm run mnist writes that of MNIST to build/mnist).
 *
 * npm run bench -- accuracy [name ...]
 */
import { existsSync, readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import { type NamedArray, parseNpy } from '../cli/arrays.ts';
import { type ZooModel, zoo } from '../models/index.ts';
import { arrayOf } from './zoo.ts';

const buildFolder = new URL('../build/', import.meta.url);

/** Index of the largest score; one score is a probability. */
const decisionOf = (scores: Float32Array): number =>
	scores.length === 1 ? Number((scores[0] as number) > 0.5) : scores.indexOf(Math.max(...scores));

/** What the model gives for every sample. */
const answers = async (model: ZooModel, { shape, data }: NamedArray): Promise<Float32Array[]> => {
	const session = await ort.InferenceSession.create(readFileSync(new URL(`../models/${model.path}`, import.meta.url)));
	const [count = 0, ...rest] = shape;
	const size = data.length / count;
	const results: Float32Array[] = [];
	for (let k = 0; k < count; k++) {
		const input = new ort.Tensor('float32', Float32Array.from(data.subarray(k * size, (k + 1) * size)), [1, ...rest]);
		const outputs = await session.run({ [model.input]: input });
		const output = outputs[model.output ?? (session.outputNames[0] as string)];
		results.push(output?.data as Float32Array);
	}
	await session.release();
	return results;
};

/** 1 - sum of squared errors / sum of squared deviations from the mean */
const explained = (values: readonly number[], expected: Float64Array): number => {
	const sum = (terms: Iterable<number>): number => [...terms].reduce((total, term) => total + term, 0);
	const mean = sum(expected) / expected.length;
	return 1 - sum(values.map((y, k) => (y - (expected[k] as number)) ** 2)) / sum(expected.map((y) => (y - mean) ** 2));
};

const measure = async (model: ZooModel, samples: NamedArray, expected: Float64Array): Promise<string> => {
	const results = await answers(model, samples);
	if (model.regression) {
		const values = results.map(([y = Number.NaN]) => y);
		return `R^2 = ${explained(values, expected).toFixed(4)}`;
	}
	const count = results.length;
	const wrong = [...results.keys()].filter((k) => decisionOf(results[k] as Float32Array) !== expected[k]);
	const list = wrong.length > 12 ? '' : `; wrong are ${wrong.join(', ')}`;
	return `${count - wrong.length} of ${count} = ${((100 * (count - wrong.length)) / count).toFixed(2)} %${list}`;
};

ort.env.wasm.numThreads = 1;
for (const model of zoo.filter(({ name }) => process.argv.length < 3 || process.argv.includes(name))) {
	console.log(`${model.name}, samples: ${await measure(model, arrayOf(model.samples), arrayOf(model.labels).data)}`);
	if (model.testSet === undefined) continue;
	const folder = new URL(`${model.testSet}/`, buildFolder);
	if (!existsSync(folder))
		console.log(`the whole test set is not in build/${model.testSet}; CONTRIBUTING.md says how it gets there`);
	else {
		const [images, labels] = ['images.npy', 'labels.npy'].map((file) =>
			parseNpy(readFileSync(new URL(file, folder)), file),
		);
		if (images === undefined || labels === undefined) continue;
		console.log(`${model.name}, test set: ${await measure(model, images, labels.data)}`);
	}
}
