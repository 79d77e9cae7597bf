import * as ort from 'onnxruntime-web/wasm';
import * as assert from 'uvu/assert';
import { CompileError, type Issue } from '../../compiler/errors.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	type AttributeProto,
	AttributeType,
	DataType,
	ModelProto,
	type TensorProto,
} from '../../compiler/onnx/proto.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { verify } from '../../compiler/tensor/verify.ts';

/** ONNX models built in memory for tests, and onnxruntime as the reference for what they compute. */
export type TensorSpec = {
	readonly shape: readonly number[];
	readonly data: ArrayLike<number>;
	/** Default 'FLOAT'. */
	readonly type?: 'FLOAT' | 'INT8' | 'UINT8' | 'INT32' | 'INT64' | 'BOOL' | 'STRING';
};
/** Integers are INT, other numbers FLOAT, lists INTS; `{ float: 1 }` and `{ floats: [1, 2] }` say it. */
export type AttributeSpec =
	| number
	| string
	| readonly number[]
	| TensorSpec
	| { readonly float: number }
	| { readonly floats: readonly number[] }
	| { readonly strings: readonly string[] };
export type NodeSpec = {
	readonly op: string;
	readonly inputs: readonly string[];
	readonly outputs: readonly string[];
	readonly attributes?: Readonly<Record<string, AttributeSpec>>;
	readonly name?: string;
	readonly domain?: string;
};
type InputSpec = {
	readonly name: string;
	/** A string is a symbolic dimension. */
	readonly shape: readonly (number | string)[];
	/** Default FLOAT. */
	readonly type?: number;
};
export type ModelSpec = {
	/** Default 13. */
	readonly opset?: number;
	/** Versions of other operator sets. */
	readonly domains?: Readonly<Record<string, number>>;
	/** Default 8. */
	readonly ir?: number;
	readonly nodes: readonly NodeSpec[];
	readonly initializers?: ReadonlyMap<string, TensorSpec | TensorProto>;
	readonly inputs: readonly InputSpec[];
	readonly outputs: readonly string[];
};

const FLOAT_ATTRIBUTES = ['alpha', 'beta', 'epsilon', 'momentum', 'ratio', 'value_float'];

const attributeProto = (name: string, value: AttributeSpec): AttributeProto => {
	if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
	if (typeof value === 'number')
		return FLOAT_ATTRIBUTES.includes(name) || !Number.isInteger(value)
			? { name, type: AttributeType.FLOAT, f: value }
			: { name, type: AttributeType.INT, i: value };
	if ('floats' in value) return { name, type: AttributeType.FLOATS, floats: [...value.floats] };
	if ('strings' in value)
		return { name, type: AttributeType.STRINGS, strings: value.strings.map((text) => new TextEncoder().encode(text)) };
	if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
	if ('shape' in value) return { name, type: AttributeType.TENSOR, t: tensorProto(name, value) };
	return { name, type: AttributeType.INTS, ints: [...value] };
};

/** 2^63 stands for INT64_MAX, which is no double. */
const toInt64 = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));

const rawData = ({ type, data }: TensorSpec): Uint8Array => {
	if (type === 'INT64') return new Uint8Array(BigInt64Array.from(Array.from(data, toInt64)).buffer);
	if (type === 'INT32') return new Uint8Array(Int32Array.from(data).buffer);
	if (type === 'INT8') return new Uint8Array(Int8Array.from(data).buffer);
	if (type === 'BOOL' || type === 'UINT8') return Uint8Array.from(data);
	return new Uint8Array(Float32Array.from(data).buffer);
};

const tensorProto = (name: string, tensor: TensorSpec | TensorProto): TensorProto =>
	'shape' in tensor
		? {
				name,
				dims: [...tensor.shape],
				dataType: DataType[tensor.type ?? 'FLOAT'],
				rawData: rawData(tensor),
			}
		: { ...tensor, name };

/** The bytes of a ModelProto. */
export const buildModel = (spec: ModelSpec): Uint8Array =>
	ModelProto.encode({
		irVersion: spec.ir ?? 8,
		opsetImport: [
			{ domain: '', version: spec.opset ?? 13 },
			...Object.entries(spec.domains ?? {}).map(([domain, version]) => ({ domain, version })),
		],
		graph: {
			name: 'test',
			node: spec.nodes.map(({ op, inputs, outputs, attributes = {}, name = '', domain = '' }) => ({
				opType: op,
				input: [...inputs],
				output: [...outputs],
				attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
				name,
				domain,
			})),
			initializer: [...(spec.initializers ?? [])].map(([name, tensor]) => tensorProto(name, tensor)),
			input: spec.inputs.map(({ name, shape, type = DataType.FLOAT }) => ({
				name,
				type: {
					tensorType: {
						elemType: type,
						shape: { dim: shape.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d })) },
					},
				},
			})),
			output: spec.outputs.map((name) => ({ name })),
		},
	}).finish();

/** A tensor of numbers, whatever its element type is in the model. */
export type Tensor = { readonly shape: readonly number[]; readonly data: Float64Array };

/** The outputs that onnxruntime computes, by name; inputs are fed as float32. Throws when it refuses the model. */
export const reference = async (
	bytes: Uint8Array,
	inputs: ReadonlyMap<string, Tensor>,
	externalData: readonly { readonly path: string; readonly data: Uint8Array }[] = [],
): Promise<ReadonlyMap<string, Tensor>> => {
	ort.env.wasm.numThreads = 1;
	const session = await ort.InferenceSession.create(bytes, {
		executionProviders: ['wasm'],
		externalData,
		graphOptimizationLevel: 'disabled',
		logSeverityLevel: 3,
	});
	const feeds = [...inputs].map(
		([name, { shape, data }]) => [name, new ort.Tensor('float32', Float32Array.from(data), shape)] as const,
	);
	const results = await session.run(Object.fromEntries(feeds));
	await session.release();
	return new Map(
		Object.entries(results).map(([name, { dims, data }]) => [
			name,
			{ shape: dims, data: Float64Array.from(Array.from<unknown>(data), Number) },
		]),
	);
};

/** A small generator of reproducible numbers in [low, high), rounded to float32. */
export const randomNumbers = (seed: number, count: number, low = -1, high = 1): Float64Array => {
	let state = (seed * 2654435761 + 1013904223) >>> 0;
	return Float64Array.from({ length: count }, () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.fround(low + ((high - low) * state) / 2 ** 32);
	});
};

/** Where two tensors differ by more than `relative` of max(1, |expected|); undefined when they agree. */
export const differenceOf = (actual: Tensor, expected: Tensor, relative: number): string | undefined => {
	if (String(actual.shape) !== String(expected.shape)) return `shape [${actual.shape}] instead of [${expected.shape}]`;
	if (actual.data.length !== expected.data.length)
		return `${actual.data.length} elements instead of ${expected.data.length}`;
	const at = expected.data.findIndex((value, i) => {
		const error = Math.abs((actual.data[i] as number) - value);
		return !(error <= relative * Math.max(1, Math.abs(value)));
	});
	return at < 0 ? undefined : `element ${at} is ${actual.data[at]} instead of ${expected.data[at]}`;
};

/** A node in the order in which it is read: operator, inputs, outputs. */
export const node = (
	op: string,
	inputs: readonly string[],
	outputs: readonly string[],
	rest: Partial<NodeSpec> = {},
): NodeSpec => ({ op, inputs, outputs, ...rest });

/** A model from x: [1, 2] and a constant c: [2] to y, unless `rest` says otherwise. */
export const modelOf = (nodes: readonly NodeSpec[], rest: Partial<ModelSpec> = {}): ModelSpec => ({
	nodes,
	inputs: [{ name: 'x', shape: [1, 2] }],
	outputs: ['y'],
	initializers: new Map([['c', { shape: [2], data: [1, 2] }]]),
	...rest,
});

/** The issues of the CompileError that `body` throws; fails when it throws none. */
export const issuesOf = (body: () => unknown): readonly Issue[] => {
	try {
		body();
	} catch (error) {
		if (error instanceof CompileError) return error.issues;
		throw error;
	}
	throw new Error('nothing was refused');
};

export const issuesOfModel = (spec: ModelSpec, options: Parameters<typeof importModel>[1] = {}): readonly Issue[] =>
	issuesOf(() => importModel(buildModel(spec), options));

/** The output y of the imported and verified model, by the interpreter. */
export const run = (bytes: Uint8Array, feeds: ReadonlyMap<string, Tensor>): Tensor => {
	const { graph } = importModel(bytes);
	verify(graph);
	const results = evaluate(graph, new Map([...feeds].map(([name, { data }]) => [name, data])));
	const output = graph.outputs.find(({ name }) => name === 'y');
	return { shape: output?.shape ?? [], data: results.get('y') ?? new Float64Array() };
};

/** Random values in [-3, 3] for the input x. */
export const feed = (shape: readonly number[]): ReadonlyMap<string, Tensor> => {
	const size = shape.reduce((product, d) => product * d, 1);
	return new Map([['x', { shape, data: randomNumbers(1, size, -3, 3) }]]);
};

/** Fails unless the imported model and onnxruntime agree on y. */
export const agreesWithReference = async (bytes: Uint8Array, feeds: ReadonlyMap<string, Tensor>): Promise<void> => {
	const expected = (await reference(bytes, feeds)).get('y');
	assert.ok(expected, 'a reference');
	assert.is(differenceOf(run(bytes, feeds), expected, 1e-4), undefined);
};
