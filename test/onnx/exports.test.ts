import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkClassifier, checkGraph, checkProgram, EXPORTS, titleOf } from './exports/exports.ts';

/** Models as exporters write them, the scripts beside them in exports/; those that take longer to compile, or are refused: slow/exports.test.ts. */
const SHAPES_ONLY = ['flatten', 'expand', 'mask'];

for (const model of EXPORTS) {
	test(`${titleOf(model)}: the model is imported as it is, and computes what onnxruntime computes`, async () => {
		const nodes = await checkGraph(model);
		if (SHAPES_ONLY.includes(model.file))
			assert.equal([...new Set(nodes.map(({ kind }) => kind))].sort(), ['affine', 'input']);
	});
	if (!model.slow && !model.refused)
		test(`${titleOf(model)}: the program computes what onnxruntime computes`, () => checkProgram(model));
}

test('labels and probabilities of a scikit-learn classifier are those that onnxruntime gives', checkClassifier);

test.run();
