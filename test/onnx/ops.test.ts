import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { buildModel, differenceOf, reference } from '../support/onnx.ts';
import { type Case, modelOfCase, opCases } from '../support/opCases.ts';

/** The case as the reference runs it. */
const referenceOf = (case_: Case): Case => {
	if (case_.reference === undefined) return case_;
	const { opset, attributes = {}, shapes = [] } = case_.reference;
	const inputs = case_.inputs.map((input, i) => {
		const shape = shapes[i];
		return shape && input !== null && 'c' in input ? { ...input, c: shape } : input;
	});
	return { ...case_, opset, attributes, inputs };
};

const check = async (case_: Case, folded: boolean): Promise<void> => {
	const { spec, feeds } = modelOfCase(case_, folded);
	const { graph } = importModel(buildModel(spec));
	verify(graph);
	assert.is(graph.outputs.length, case_.outputs ?? 1);
	const results = evaluate(graph, new Map([...feeds].map(([name, { data }]) => [name, data])));
	const references = await reference(buildModel(modelOfCase(referenceOf(case_), folded).spec), feeds);
	for (const { name, shape } of graph.outputs) {
		const expected = references.get(name);
		assert.ok(expected, 'a reference');
		const actual = { shape, data: results.get(name) ?? new Float64Array() };
		assert.is(differenceOf(actual, expected, 1e-4), undefined);
	}
};

for (const [file, cases] of opCases()) {
	for (const case_ of cases) {
		const title = `${file}: ${case_.op} of opset ${case_.opset}, ${case_.name}`;
		if (case_.inputs.some((input) => input !== null && 'x' in input))
			test(`${title}, computes what onnxruntime computes`, () => check(case_, false));
		if (case_.opset >= 7 || case_.domain !== undefined)
			test(`${title}, is folded when everything is constant`, () => check(case_, true));
	}
}

test.run();
