import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arrayOf, rowsOf } from '../../bench/zoo.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { argMax, evaluate } from '../../compiler/tensor/evaluate.ts';
import { type ZooModel, zoo } from '../../models/index.ts';
import { differenceOf, reference } from '../support/onnx.ts';

/** The files of every model of the zoo fit each other, and what models/index.ts says of them is so. */
const folder = join(import.meta.dirname, '..', '..', 'models');
const read = (path: string): Buffer => readFileSync(join(folder, path));

/** onnxruntime computes in float32; scores are up to about 10. */
const FLOAT32 = 1e-4;
const COMPARED = 3;

const run = ({ path, input, output }: ZooModel): ((x: Float64Array) => Float64Array) => {
	const { graph } = importModel(read(path));
	const name = output ?? graph.outputs[0]?.name ?? '';
	return (x) => evaluate(graph, new Map([[input, x]])).get(name) as Float64Array;
};

const decisionOf = (scores: Float64Array): number =>
	scores.length === 1 ? Number((scores[0] as number) > 0.5) : argMax(scores);

/** R^2 = 1 - sum of squared errors / sum of squared deviations from the mean */
const explainedOf = (values: readonly number[], expected: Float64Array): number => {
	const mean = expected.reduce((sum, y) => sum + y, 0) / expected.length;
	const total = expected.reduce((sum, y) => sum + (y - mean) ** 2, 0);
	return 1 - values.reduce((sum, y, k) => sum + (y - (expected[k] as number)) ** 2, 0) / total;
};

for (const model of zoo) {
	test(`${model.name}: the imported model computes what onnxruntime computes`, async () => {
		const imported = importModel(read(model.path));
		const shape = imported.inputs[0]?.shape ?? [];
		const compute = run(model);
		for (const data of rowsOf(model.samples).slice(0, COMPARED)) {
			const outputs = await reference(read(model.path), new Map([[model.input, { shape, data }]]));
			const expected = model.output === undefined ? [...outputs.values()][0] : outputs.get(model.output);
			if (expected === undefined) throw new Error('onnxruntime gives no output');
			assert.is(differenceOf({ shape: expected.shape, data: compute(data) }, expected, FLOAT32), undefined);
		}
	});

	test(`${model.name}: its samples are answered as well as the whole test set is`, () => {
		const compute = run(model);
		const labels = arrayOf(model.labels).data;
		const samples = rowsOf(model.samples);
		assert.is(labels.length, samples.length);
		if (model.regression) {
			const explained = explainedOf(
				samples.map((x) => compute(x)[0] as number),
				labels,
			);
			assert.ok(Math.abs(explained - model.clearAccuracy) < 1e-4, `${explained} against ${model.clearAccuracy}`);
			return;
		}
		const right = samples.filter((x, k) => decisionOf(compute(x)) === labels[k]).length / samples.length;
		const deviation = Math.sqrt((model.clearAccuracy * (1 - model.clearAccuracy)) / samples.length);
		assert.ok(Math.abs(right - model.clearAccuracy) <= 3 * deviation, `${right} against ${model.clearAccuracy}`);
		if (samples.length === model.testSize) assert.is(right, model.clearAccuracy);
	});

	test(`${model.name}: no calibration sample is a test sample, and a README and a training script are there`, () => {
		const keys = new Set(rowsOf(model.samples).map((x) => x.join(' ')));
		assert.is(rowsOf(model.calibration).filter((x) => keys.has(x.join(' '))).length, 0);
		for (const file of ['README.md', 'train/train.py'])
			assert.ok(existsSync(join(folder, dirname(model.path), file)), file);
	});
}

test.run();
