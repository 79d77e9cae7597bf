import { readFileSync } from 'node:fs';
import { AttributeType, DataType, ModelProto } from '../../compiler/onnx/proto.ts';
import { buildModel, type NodeSpec, node } from './onnx.ts';

/**
 * Files that must be refused: those of test/onnx/hostile.json, which are written as fields of a ModelProto with what most have in
 * common left out, and larger ones that are generated.
 */
export type Hostile = {
	readonly name: string;
	/** Made when it is needed: some are large. */
	readonly bytes: () => Uint8Array;
	/** The code of the first issue, or several that will do. */
	readonly code: string;
	/** What the message of one of the issues says. */
	readonly message: RegExp;
};

type Json = Readonly<Record<string, unknown>>;
type JsonCase = {
	readonly name: string;
	/** Operator, inputs, outputs, attributes, other fields. */
	readonly nodes: readonly (readonly [string, readonly string[], readonly string[], Json?, Json?])[];
	/** Numbers are a vector of FLOAT; `ints` a vector and `int` a scalar of INT64; `float` a scalar; else fields of a TensorProto. */
	readonly constants?: Json;
	/** By name, the dimensions, or they with a type. Default x: [1, 2]. */
	readonly inputs?: Json;
	/** Default y. */
	readonly outputs?: readonly string[];
	/** Default 13. */
	readonly opset?: number;
	/** Default 8. */
	readonly ir?: number;
	/** Fields of the model, and of its graph, in place of what the others give. */
	readonly more?: Json & { readonly graph?: Json };
	readonly code: string;
	readonly message: string;
};

const isRecord = (value: unknown): value is Json =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const tensor = (name: string, value: unknown): Json => {
	if (Array.isArray(value)) return { name, dims: [value.length], dataType: DataType.FLOAT, floatData: value };
	if (!isRecord(value)) throw new Error(`${name} is no tensor`);
	const { ints, int, float, rank, external, ...fields } = value;
	if (Array.isArray(ints)) return { name, dims: [ints.length], dataType: DataType.INT64, int64Data: ints };
	if (int !== undefined) return { name, dims: [], dataType: DataType.INT64, int64Data: [int] };
	if (float !== undefined) return { name, dims: [], dataType: DataType.DOUBLE, doubleData: [float] };
	const dims = typeof rank === 'number' ? { dims: new Array(rank).fill(1) } : {};
	if (!isRecord(external)) return { name, ...dims, ...fields };
	const externalData = Object.entries(external).map(([key, entry]) => ({ key, value: entry }));
	return { name, dims: [2], dataType: DataType.FLOAT, dataLocation: 1, externalData, ...fields };
};

/** A graph that has what a subgraph must have, of an operator that does not exist. */
const SUBGRAPH = {
	name: 'inner',
	node: [{ opType: 'NoSuch', input: ['x'], output: ['z'] }],
	output: [{ name: 'z' }],
};

const attribute = (name: string, value: unknown): Json => {
	if (value === 'graph') return { name, type: AttributeType.GRAPH, g: SUBGRAPH };
	if (typeof value === 'string' && !/^\d+$/.test(value))
		return { name, type: AttributeType.STRING, s: Buffer.from(value).toString('base64') };
	if (Array.isArray(value)) return { name, type: AttributeType.INTS, ints: value };
	if (!isRecord(value)) return { name, type: AttributeType.INT, i: value };
	return 'dims' in value || 'external' in value
		? { name, type: AttributeType.TENSOR, t: tensor('', value) }
		: { name, ...value };
};

const input = (name: string, value: unknown): Json => {
	const { shape, type = DataType.FLOAT, rank }: Json = isRecord(value) ? value : { shape: value };
	const dims: readonly unknown[] =
		typeof rank === 'number' ? new Array(rank).fill(1) : Array.isArray(shape) ? shape : [];
	const dim = dims.map((d) => (typeof d === 'string' && !/^\d+$/.test(d) ? { dimParam: d } : { dimValue: d }));
	return { name, type: { tensorType: { elemType: type, shape: { dim } } } };
};

const bytesOf = (case_: JsonCase): Uint8Array => {
	const { nodes, constants = {}, inputs = { x: [1, 2] }, outputs = nodes.length === 0 ? [] : ['y'], more = {} } = case_;
	const { graph, ...rest } = more;
	const model = {
		irVersion: case_.ir ?? 8,
		opsetImport: [{ domain: '', version: case_.opset ?? 13 }],
		...rest,
		graph: {
			name: 'hostile',
			node: nodes.map(([opType, from, to, attributes = {}, fields = {}]) => ({
				opType,
				input: from,
				output: to,
				attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
				...fields,
			})),
			initializer: Object.entries(constants).map(([name, value]) => tensor(name, value)),
			input: Object.entries(inputs).map(([name, value]) => input(name, value)),
			output: outputs.map((name) => ({ name })),
			...graph,
		},
	};
	return ModelProto.encode(ModelProto.fromObject(model)).finish();
};

const inJson = (): readonly Hostile[] => {
	const text = readFileSync(new URL('../onnx/hostile.json', import.meta.url), 'utf8');
	const cases: readonly JsonCase[] = JSON.parse(text);
	return cases.map((case_) => ({
		name: case_.name,
		bytes: () => bytesOf(case_),
		code: case_.code,
		message: new RegExp(case_.message, 's'),
	}));
};

const varint = (value: number): readonly number[] =>
	value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const text = (value: string): readonly number[] => [...new TextEncoder().encode(value)];
/** A field of wire type 2. */
const field = (number: number, content: readonly number[]): readonly number[] => [
	...varint(number * 8 + 2),
	...varint(content.length),
	...content,
];

/** Bytes that are no ModelProto. */
const broken: readonly (readonly [name: string, bytes: readonly number[], message: RegExp])[] = [
	['an empty file', [], /empty/],
	['a text', text('this is no model'), /not a readable ONNX model/],
	['JSON', text('{"irVersion": 8}'), /not a readable ONNX model/],
	['a zip archive', [...text('PK'), 3, 4, 20, 0, 0, 0, 8, 0], /not a readable ONNX model/],
	['a gzip file', [31, 139, 8, 0, 0, 0, 0, 0, 0, 3], /not a readable ONNX model/],
	['a HDF5 file', [137, ...text('HDF'), 13, 10, 26, 10], /not a readable ONNX model/],
	['a pointer of Git LFS', text('version https://git-lfs.github.com/spec/v1\n'), /not a readable ONNX model/],
	['zeros', new Array<number>(1000).fill(0), /not the start of a field/],
	['ones', new Array<number>(1000).fill(255), /not a readable ONNX model/],
	['a field that is longer than the file', [58, 255, 255, 255, 255, 15], /reaches past the end/],
	['a field of 2^63 bytes', [58, ...new Array<number>(9).fill(255), 1], /reaches past the end/],
	['a string where the IR version should be', [...field(1, text('8'))], /field 1 of Model .* wire type 2/],
	['a number where the graph should be', [7 * 8, 1], /field 7 of Model .* wire type 0/],
	[
		'a float where an operator should be',
		field(7, field(1, [4 * 8 + 5, 0, 0, 0, 0])),
		/field 4 of Node .* wire type 5/,
	],
	['a double where dimensions should be', field(7, field(5, [8 + 1, 0, 0, 0, 0, 0, 0, 0, 0])), /wire type 1/],
	['a group', [7 * 8 + 3, 7 * 8 + 4], /wire type 3/],
	['wire type 7', [7 * 8 + 7], /wire type 7/],
	['field number 2^29', [...varint(2 ** 32 + 2), 0], /not the start of a field/],
	['a packed list of half a float', field(7, field(5, field(4, [0, 0]))), /whole number of values/],
	['a model of an operator set alone', field(8, [16, 13]), /no graph/],
	['only a graph', field(7, []), /IR version 0/],
];

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `n${i}`);

/** A model of the nodes from x: [1, 2], or as `shape` says, to y. */
const modelOf = (nodes: readonly NodeSpec[], shape: readonly number[] = [1, 2]): Uint8Array =>
	buildModel({ nodes, inputs: [{ name: 'x', shape }], outputs: ['y'], initializers: new Map() });

/** op(x), op of that and so on, each with the result before it for both operands. */
const doubling = (op: string, count: number, attributes: NodeSpec['attributes'] = {}): readonly NodeSpec[] =>
	Array.from({ length: count }, (_, i) => {
		const before = i === 0 ? 'x' : `n${i - 1}`;
		return node(op, [before, before], [i === count - 1 ? 'y' : `n${i}`], { attributes });
	});

/** Messages in messages. */
const nested = (depth: number): Uint8Array => {
	const parts: (readonly number[])[] = [];
	let length = 0;
	for (let i = 0; i < depth; i++) {
		const head = [...varint((i === depth - 1 ? 7 : ([6, 5, 1][i % 3] ?? 1)) * 8 + 2), ...varint(length)];
		parts.push(head);
		length += head.length;
	}
	return Uint8Array.from([8, 8, ...field(8, [16, 13]), ...parts.reverse().flat()]);
};

const generated = (): readonly Hostile[] => {
	const long = 'n'.repeat(1_000_000);
	return [
		...broken.map(([name, bytes, message]) => ({
			name,
			bytes: () => Uint8Array.from(bytes),
			code: 'file',
			message,
		})),
		...[63, 1000, 100_000].map((depth) => ({
			name: `messages ${depth} deep`,
			bytes: () => nested(depth),
			code: 'file',
			message: /nest more than|no|IR/,
		})),
		{
			name: 'an axis that doubles 40 times',
			bytes: () => modelOf(doubling('Concat', 40, { axis: 1 })),
			code: 'size',
			message: /elements/,
		},
		{
			name: 'a constant that doubles 40 times',
			bytes: () =>
				modelOf([
					node('Constant', [], ['c'], { attributes: { value: { shape: [2], data: [1, 2] } } }),
					...names(40).map((name, i) => {
						const before = i === 0 ? 'c' : `n${i - 1}`;
						return node('Concat', [before, before], [name], { attributes: { axis: 0 } });
					}),
					node('Add', ['x', 'n39'], ['y']),
				]),
			code: 'size',
			message: /elements/,
		},
		{
			name: 'a thousand constants of 2^20 elements',
			bytes: () =>
				modelOf(
					[
						node('Constant', [], ['s'], { attributes: { value: { shape: [1], data: [2 ** 20], type: 'INT64' } } }),
						node('ConstantOfShape', ['s'], ['c']),
						...names(1000).map((name, i) => node('Add', [i === 0 ? 'c' : `n${i - 1}`, 'c'], [name])),
						node('Add', ['x', 'n999'], ['y']),
					],
					[1],
				),
			code: 'size',
			message: /MB/,
		},
		{
			name: 'a thousand linear maps of 2^20 entries',
			bytes: () => modelOf(doubling('Add', 1000), [1, 2 ** 20]),
			code: 'size',
			message: /MB/,
		},
		{
			name: 'a product that squares itself 2000 times',
			bytes: () => modelOf(doubling('Mul', 2000)),
			code: 'parameters',
			message: /levels/,
		},
		{
			name: '70,000 outputs that nothing computes',
			bytes: () =>
				buildModel({
					nodes: [node('Relu', ['x'], ['y'])],
					inputs: [{ name: 'x', shape: [1, 2] }],
					outputs: names(70_000),
				}),
			code: 'file',
			message: /computed by no node/,
		},
		{
			name: '70,000 outputs',
			bytes: () =>
				buildModel({
					nodes: names(70_000).map((name) => node('Add', ['x', 'x'], [name])),
					inputs: [{ name: 'x', shape: [1, 2] }],
					outputs: names(70_000),
				}),
			code: 'size',
			message: /70000 outputs/,
		},
		{
			name: '70,000 inputs',
			bytes: () =>
				buildModel({
					nodes: [node('Sum', names(70_000), ['y'])],
					inputs: names(70_000).map((name) => ({ name, shape: [1, 2] })),
					outputs: ['y'],
				}),
			code: 'size',
			message: /70000 inputs/,
		},
		{
			name: '70,000 nodes of an unknown operator',
			bytes: () =>
				modelOf([...names(70_000).map((name) => node('NoSuch', ['x'], [name])), node('Sum', names(70_000), ['y'])]),
			code: 'unsupported',
			message: /NoSuch/,
		},
		{
			name: 'a name of a million letters that nothing defines',
			bytes: () => modelOf([node('Add', ['x', long], ['y'])]),
			code: 'file',
			message: /which nothing defines/,
		},
		{
			name: 'a cycle of 20,000 nodes',
			bytes: () =>
				modelOf(names(20_000).map((name, i) => node('Add', ['x', `n${(i + 1) % 20_000}`], [i === 0 ? 'y' : name]))),
			code: 'file',
			message: /depends on its own result|nothing defines/,
		},
	];
};

/** All of them, their names unique. */
export const hostileFiles = (): readonly Hostile[] => [...inJson(), ...generated()];
