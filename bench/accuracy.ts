/**
 * Accuracy of the models of the zoo in the clear, by onnxruntime: what models/index.ts and the READMEs say; R^2 of a regression.
 * Those whose samples are not the whole test set are measured on that too (npm run mnist writes that of MNIST to build/mnist).
 *
 * npm run bench -- accuracy [name ...]
 */
import { existsSync, readFileSync } from 'node:fs';
import { type NamedArray, parseNpy } from '../cli/arrays.ts';
import { type ZooModel, zoo } from '../models/index.ts';
import { explained } from '../models/regression/answers.ts';
import { referenceAnswers } from '../models/regression/reference.ts';
import { arrayOf } from './zoo.ts';

const buildFolder = new URL('../build/', import.meta.url);

/** Index of the largest score; one score is a probability. */
const decisionOf = (scores: Float64Array): number =>
	scores.length === 1 ? Number((scores[0] as number) > 0.5) : scores.indexOf(Math.max(...scores));

const measure = async (model: ZooModel, samples: NamedArray, expected: Float64Array): Promise<string> => {
	const [count = 0, ...shape] = samples.shape;
	const size = samples.data.length / count;
	const rows = Array.from({ length: count }, (_, k) => samples.data.subarray(k * size, (k + 1) * size));
	const results = await referenceAnswers(model, shape, rows);
	if (model.regression) {
		const values = results.map(([y = Number.NaN]) => y);
		return `R^2 = ${explained(values, expected).toFixed(4)}`;
	}
	const wrong = [...results.keys()].filter((k) => decisionOf(results[k] as Float64Array) !== expected[k]);
	const list = wrong.length > 12 ? '' : `; wrong are ${wrong.join(', ')}`;
	return `${count - wrong.length} of ${count} = ${((100 * (count - wrong.length)) / count).toFixed(2)} %${list}`;
};

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
