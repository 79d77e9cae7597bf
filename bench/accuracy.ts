/**
 * Accuracy of the models of the zoo in the clear, by onnxruntime: what models/index.ts and the READMEs say. MNIST models are
 * measured on all 10,000 test images (npm run mnist writes them to build/mnist), others on their samples.
 *
 * npm run bench -- accuracy [name ...]
 */
import { existsSync, readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import { parseNpy } from '../cli/arrays.ts';
import { models, type ZooModel } from '../models/index.ts';

const read = (url: URL) => parseNpy(readFileSync(url), url.pathname);
const modelFolder = new URL('../models/', import.meta.url);
const mnistFolder = new URL('../build/mnist/', import.meta.url);

/** Index of the largest score; one score is a probability. */
const decisionOf = (scores: Float32Array): number =>
	scores.length === 1 ? Number((scores[0] as number) > 0.5) : scores.indexOf(Math.max(...scores));

const measure = async (model: ZooModel, samples: URL, labels: URL): Promise<string> => {
	const [{ shape, data }, expected] = [read(samples), read(labels).data];
	const session = await ort.InferenceSession.create(readFileSync(new URL(model.path, modelFolder)));
	const [count = 0, ...rest] = shape;
	const size = data.length / count;
	const wrong: number[] = [];
	for (let k = 0; k < count; k++) {
		const input = new ort.Tensor('float32', Float32Array.from(data.subarray(k * size, (k + 1) * size)), [1, ...rest]);
		const [output] = Object.values(await session.run({ [model.input]: input }));
		if (decisionOf(output?.data as Float32Array) !== expected[k]) wrong.push(k);
	}
	await session.release();
	const list = wrong.length > 12 ? '' : `; wrong are ${wrong.join(', ')}`;
	return `${count - wrong.length} of ${count} = ${((100 * (count - wrong.length)) / count).toFixed(2)} %${list}`;
};

ort.env.wasm.numThreads = 1;
for (const model of models.filter(({ name }) => process.argv.length < 3 || process.argv.includes(name))) {
	const folder = (path: string): URL => new URL(path, modelFolder);
	console.log(`${model.name}, samples: ${await measure(model, folder(model.samples), folder(model.labels))}`);
	if (model.testSize !== 10000) continue;
	if (!existsSync(mnistFolder)) console.log('npm run mnist writes the other test images');
	else {
		const [images, labels] = [new URL('images.npy', mnistFolder), new URL('labels.npy', mnistFolder)];
		console.log(`${model.name}, test set: ${await measure(model, images, labels)}`);
	}
}
