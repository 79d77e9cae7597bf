import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { DataType } from '../../compiler/onnx/proto.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import {
	type AttributeSpec,
	buildModel,
	differenceOf,
	type ModelSpec,
	type NodeSpec,
	randomNumbers,
	reference,
	type Tensor,
	type TensorSpec,
} from '../support/onnx.ts';

/**
 * A case of test/ops/*.json: one node. Its inputs are encrypted (`x`: a shape), random constants (`c`: a shape, in
 * `range`), integers (`ints`, a vector; `int`, a scalar), numbers (`values`), the same as another (`same`: its index), or null for absent.
 */
type InputCase =
	| { readonly x: readonly number[]; readonly range?: readonly [number, number] }
	| { readonly c: readonly number[]; readonly range?: readonly [number, number] }
	| { readonly ints: readonly number[] }
	| { readonly int: number }
	| {
			readonly values: readonly number[];
			readonly shape: readonly number[];
			readonly type?: NonNullable<TensorSpec['type']>;
	  }
	| { readonly same: number }
	| null;
type Case = {
	readonly name: string;
	readonly op: string;
	readonly opset: number;
	readonly attributes?: Readonly<Record<string, AttributeSpec>>;
	readonly inputs: readonly InputCase[];
	/** How many outputs there are, 1 unless it is said. */
	readonly outputs?: number;
	/** For versions that onnxruntime lacks: a newer one that means the same, with other shapes for the constants. */
	readonly reference?: {
		readonly opset: number;
		readonly attributes?: Readonly<Record<string, AttributeSpec>>;
		readonly shapes?: readonly (readonly number[] | null)[];
	};
};

const sizeOf = (shape: readonly number[]) => shape.reduce((product, d) => product * d, 1);

const tensorOf = (input: Exclude<InputCase, null | { readonly same: number }>, seed: number): TensorSpec => {
	if ('ints' in input) return { shape: [input.ints.length], data: input.ints, type: 'INT64' };
	if ('int' in input) return { shape: [], data: [input.int], type: 'INT64' };
	if ('values' in input) return { ...input, data: input.values };
	const shape = 'x' in input ? input.x : input.c;
	return { shape, data: randomNumbers(seed, sizeOf(shape), ...(input.range ?? [])) };
};

/** The model of a case, and what is fed to it; with `folded`, every input becomes a constant and 0 is added to the outputs. */
const modelOf = (case_: Case, folded: boolean): { spec: ModelSpec; feeds: Map<string, Tensor> } => {
	const initializers = new Map<string, TensorSpec>();
	const feeds = new Map<string, Tensor>();
	const names = case_.inputs.map((input, i) => {
		if (input === null) return '';
		if ('same' in input) return `i${input.same}`;
		const tensor = tensorOf(input, i + 1);
		if ('x' in input && !folded) feeds.set(`i${i}`, { shape: tensor.shape, data: Float64Array.from(tensor.data) });
		else initializers.set(`i${i}`, tensor);
		return `i${i}`;
	});
	const { op, attributes = {} } = case_;
	const results = Array.from({ length: case_.outputs ?? 1 }, (_, i) => `y${i}`);
	const nodes: NodeSpec[] = [{ op, inputs: names, outputs: results, attributes }];
	if (folded) {
		for (const y of results)
			nodes.push(
				{ op: 'Cast', inputs: [y], outputs: [`f${y}`], attributes: { to: DataType.FLOAT } },
				{ op: 'Add', inputs: [`f${y}`, 'zero'], outputs: [`z${y}`] },
			);
		feeds.set('zero', { shape: [], data: Float64Array.of(0) });
	}
	const inputs = [...feeds].map(([name, { shape }]) => ({ name, shape }));
	const outputs = results.map((y) => (folded ? `z${y}` : y));
	return { spec: { opset: case_.opset, nodes, initializers, inputs, outputs }, feeds };
};

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
	const { spec, feeds } = modelOf(case_, folded);
	const { graph } = importModel(buildModel(spec));
	verify(graph);
	assert.is(graph.outputs.length, case_.outputs ?? 1);
	const results = evaluate(graph, new Map([...feeds].map(([name, { data }]) => [name, data])));
	const references = await reference(buildModel(modelOf(referenceOf(case_), folded).spec), feeds);
	for (const { name, shape } of graph.outputs) {
		const expected = references.get(name);
		assert.ok(expected, 'a reference');
		const actual = { shape, data: results.get(name) ?? new Float64Array() };
		assert.is(differenceOf(actual, expected, 1e-4), undefined);
	}
};

/** Only the client computes these: they are not folded. */
const CLIENT_ONLY = ['Softmax', 'LogSoftmax', 'ArgMax'];

const folder = new URL('../ops/', import.meta.url);
for (const file of readdirSync(folder).sort()) {
	const cases: readonly Case[] = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
	for (const case_ of cases) {
		const title = `${file.replace('.json', '')}: ${case_.op} of opset ${case_.opset}, ${case_.name}`;
		if (case_.inputs.some((input) => input !== null && 'x' in input))
			test(`${title}, computes what onnxruntime computes`, () => check(case_, false));
		if (!CLIENT_ONLY.includes(case_.op) && case_.opset >= 7)
			test(`${title}, is folded when everything is constant`, () => check(case_, true));
	}
}

test.run();
