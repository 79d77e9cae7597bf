import { readdirSync, readFileSync } from 'node:fs';
import { DataType } from '../../compiler/onnx/proto.ts';
import {
	type AttributeSpec,
	type ModelSpec,
	type NodeSpec,
	randomNumbers,
	type Tensor,
	type TensorSpec,
} from './onnx.ts';

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
export type Case = {
	readonly name: string;
	readonly op: string;
	readonly opset: number;
	/** Absent: ai.onnx. Of another domain, `opset` is the version of that. */
	readonly domain?: string;
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
export const modelOfCase = (case_: Case, folded: boolean): { spec: ModelSpec; feeds: Map<string, Tensor> } => {
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
	const { op, attributes = {}, domain = '' } = case_;
	const results = Array.from({ length: case_.outputs ?? 1 }, (_, i) => `y${i}`);
	const nodes: NodeSpec[] = [{ op, inputs: names, outputs: results, attributes, domain }];
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
	const opsets = domain === '' ? { opset: case_.opset } : { domains: { [domain]: case_.opset } };
	return { spec: { ...opsets, nodes, initializers, inputs, outputs }, feeds };
};

const folder = new URL('../ops/', import.meta.url);

/** Every case by the file that it is in. */
export const opCases = (): readonly (readonly [file: string, cases: readonly Case[]])[] =>
	readdirSync(folder)
		.sort()
		.map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(new URL(file, folder), 'utf8'))]);
