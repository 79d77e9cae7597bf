import proto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	AttributeProto,
	AttributeType,
	DataType,
	type FunctionProto,
	ModelProto,
	type NodeProto,
} from '../../compiler/onnx/proto.ts';
import { agreesWithReference, feed, issuesOf, run } from '../support/onnx.ts';

const LOCAL = 'local';
const standard = { domain: '', version: 17 };

/** A field that is a message or a string, as bytes. */
const field = (number: number, content: Uint8Array | string): Uint8Array => {
	const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
	return protobuf.Writer.create()
		.uint32(number * 8 + 2)
		.bytes(bytes)
		.finish();
};

/** A message and fields of it that onnx-proto does not write. */
const joined = (message: Uint8Array, ...fields: readonly (readonly Uint8Array[])[]): Uint8Array =>
	Buffer.concat([message, ...fields.flat()]);

const optional = (number: number, content: string | undefined): readonly Uint8Array[] =>
	content === undefined ? [] : [field(number, content)];

const nodeBytes = (node: NodeProto): Uint8Array =>
	joined(proto.onnx.NodeProto.encode(node).finish(), optional(8, node.overload));

const functionBytes = ({ node, attributeProto, overload, ...rest }: FunctionProto): Uint8Array =>
	joined(
		proto.onnx.FunctionProto.encode(rest).finish(),
		(node ?? []).map((inner) => field(7, nodeBytes(inner))),
		(attributeProto ?? []).map((attribute) => field(11, AttributeProto.encode(attribute).finish())),
		optional(13, overload),
	);

/** A model from x: [1, 2] to y with functions of the domain `local`. */
const modelWith = (nodes: readonly NodeProto[], functions: readonly FunctionProto[], irVersion = 8): Uint8Array => {
	const opsetImport = [standard, { domain: LOCAL, version: 1 }];
	const dim = [{ dimValue: 1 }, { dimValue: 2 }];
	const graph = proto.onnx.GraphProto.encode({
		name: 'g',
		input: [{ name: 'x', type: { tensorType: { elemType: DataType.FLOAT, shape: { dim } } } }],
		output: [{ name: 'y', type: { tensorType: { elemType: DataType.FLOAT } } }],
		initializer: [{ name: 'c', dims: [2], dataType: DataType.FLOAT, floatData: [3, -2] }],
	}).finish();
	return joined(
		ModelProto.encode({ irVersion, opsetImport }).finish(),
		[
			field(
				7,
				joined(
					graph,
					nodes.map((node) => field(1, nodeBytes(node))),
				),
			),
		],
		functions.map((body) => field(25, functionBytes({ domain: LOCAL, opsetImport, ...body }))),
	);
};

/** out = scale * a + b, with an inner name `t` and an attribute. */
const scaledSum: FunctionProto = {
	name: 'ScaledSum',
	input: ['a', 'b'],
	output: ['out'],
	attribute: ['scale'],
	node: [
		{
			opType: 'Constant',
			output: ['s'],
			attribute: [{ name: 'value_float', refAttrName: 'scale', type: AttributeType.FLOAT }],
		},
		{ opType: 'Mul', input: ['a', 's'], output: ['t'] },
		{ opType: 'Add', input: ['t', 'b'], output: ['out'] },
	],
};
const call = (name: string, input: string[], output: string[], scale?: number): NodeProto => ({
	opType: name,
	domain: LOCAL,
	input,
	output,
	attribute: scale === undefined ? [] : [{ name: 'scale', type: AttributeType.FLOAT, f: scale }],
});

test('a function that is called twice keeps its inner names apart', async () => {
	const nodes = [call('ScaledSum', ['x', 'c'], ['t'], 2), call('ScaledSum', ['t', 'x'], ['y'], -0.5)];
	await agreesWithReference(modelWith(nodes, [scaledSum]), feed([1, 2]));
});

test('functions that call functions are expanded', async () => {
	const twice: FunctionProto = {
		name: 'Twice',
		input: ['a'],
		output: ['r'],
		node: [call('ScaledSum', ['a', 'a'], ['m'], 0.25), call('ScaledSum', ['m', 'a'], ['r'], 3)],
	};
	await agreesWithReference(modelWith([call('Twice', ['x'], ['y'])], [twice, scaledSum]), feed([1, 2]));
});

test('a function may hand an input on', () => {
	const same: FunctionProto = { name: 'Same', input: ['a'], output: ['a'], node: [] };
	const { graph } = importModel(modelWith([call('Same', ['x'], ['y'])], [same]));
	assert.equal(graph.outputs, [{ name: 'y', id: 0, shape: [1, 2] }]);
});

test('an error in a body names the call and the node', () => {
	const bad: FunctionProto = {
		name: 'Bad',
		input: ['a'],
		output: ['r'],
		node: [{ opType: 'NonZero', name: 'inner', input: ['a'], output: ['r'] }],
	};
	const [issue] = issuesOf(() => importModel(modelWith([{ ...call('Bad', ['x'], ['y']), name: 'outer' }], [bad])));
	assert.is(issue?.node, 'outer/inner');
	assert.is(issue?.op, 'NonZero');
});

test('recursion and exponential expansion are refused', () => {
	const loop: FunctionProto = { name: 'Loop', input: ['a'], output: ['r'], node: [call('Loop', ['a'], ['r'])] };
	const [issue] = issuesOf(() => importModel(modelWith([call('Loop', ['x'], ['y'])], [loop])));
	assert.match(issue?.message ?? '', /more than 32 deep/);
	const doubling = Array.from({ length: 25 }, (_, i) => ({
		name: `F${i}`,
		input: ['a'],
		output: ['r'],
		node: [call(`F${i + 1}`, ['a'], ['m']), call(`F${i + 1}`, ['m'], ['r'])],
	}));
	const last: FunctionProto = {
		name: 'F25',
		input: ['a'],
		output: ['r'],
		node: [
			{ opType: 'Neg', input: ['a'], output: ['m'] },
			{ opType: 'Neg', input: ['m'], output: ['r'] },
		],
	};
	const [growth] = issuesOf(() => importModel(modelWith([call('F0', ['x'], ['y'])], [...doubling, last])));
	assert.match(growth?.message ?? '', /more than 262144 nodes/);
});

test('functions that only call each other, and long names, are counted as well', () => {
	const calling = Array.from({ length: 20 }, (_, i) => ({
		name: `F${i}`,
		input: ['a'],
		output: ['a'],
		node: Array.from({ length: 20 }, (_, k) => call(`F${i + 1}`, ['a'], [`m${k}`])),
	}));
	const empty: FunctionProto = { name: 'F20', input: ['a'], output: ['a'], node: [] };
	const long = 'a'.repeat(2 ** 20);
	const named: FunctionProto = {
		name: 'Named',
		input: ['a'],
		output: [long],
		node: [{ opType: 'Neg', input: ['a'], output: [long] }],
	};
	const chain = Array.from({ length: 100 }, (_, i) => call('Named', [i === 0 ? 'x' : `t${i}`], [`t${i + 1}`]));
	for (const bytes of [
		modelWith([call('F0', ['x'], ['y'])], [...calling, empty]),
		modelWith([...chain, call('Named', ['t100'], ['y'])], [named]),
		modelWith(
			Array.from({ length: 70 }, (_, i) => ({
				...call('F20', ['x'], [i === 0 ? 'y' : `t${i}`]),
				name: `${long}${i}`,
			})),
			[empty],
		),
	])
		assert.match(issuesOf(() => importModel(bytes))[0]?.message ?? '', /more than 262144 nodes/);
});

/** scaledSum with a default of its attribute. */
const defaulted: FunctionProto = {
	...scaledSum,
	attribute: [],
	attributeProto: [{ name: 'scale', type: AttributeType.FLOAT, f: -1.5 }],
};

test('an attribute that a call does not give has its default value', async () => {
	const nodes = [call('ScaledSum', ['x', 'c'], ['t']), call('ScaledSum', ['t', 'x'], ['y'], 2)];
	await agreesWithReference(modelWith(nodes, [defaulted]), feed([1, 2]));
});

test('a default goes through functions that hand their attribute on', async () => {
	const handOn: AttributeProto = { name: 'scale', refAttrName: 'factor', type: AttributeType.FLOAT };
	const outer: FunctionProto = {
		name: 'Outer',
		input: ['a'],
		output: ['r'],
		attributeProto: [{ name: 'factor', type: AttributeType.FLOAT, f: 0.5 }],
		node: [{ ...call('ScaledSum', ['a', 'a'], ['m']), attribute: [handOn] }, call('ScaledSum', ['m', 'a'], ['r'])],
	};
	await agreesWithReference(modelWith([call('Outer', ['x'], ['y'])], [outer, defaulted]), feed([1, 2]));
});

test('what a function and the model compute under two operator sets is not taken for one operator', () => {
	// Up to opset 12 an axis of 0 stands for all axes together.
	const shares: FunctionProto = {
		name: 'SharesOf',
		input: ['a'],
		output: ['r'],
		opsetImport: [{ domain: '', version: 12 }],
		node: [
			{ opType: 'Softmax', input: ['a'], output: ['r'], attribute: [{ name: 'axis', type: AttributeType.INT, i: 0 }] },
		],
	};
	const nodes = [call('SharesOf', ['x'], ['s']), { opType: 'Log', input: ['s'], output: ['y'] }];
	const values = feed([1, 2]);
	const [a = 0, b = 0] = values.get('x')?.data ?? [];
	const { data } = run(modelWith(nodes, [shares]), values);
	const total = Math.log(Math.exp(a) + Math.exp(b));
	for (const [i, expected] of [a - total, b - total].entries())
		assert.ok(Math.abs((data[i] as number) - expected) < 1e-9, `${data}`);
});

test('a body has the operators of its own operator set', () => {
	const of = (version: number): FunctionProto => ({
		name: 'SumOf',
		input: ['a'],
		output: ['r'],
		opsetImport: [{ domain: '', version }],
		node: [
			{
				opType: 'ReduceSum',
				input: ['a'],
				output: ['r'],
				attribute: [{ name: 'axes', type: AttributeType.INTS, ints: [1] }],
			},
		],
	});
	// The axes are an attribute up to opset 12, and an input from 13 on.
	const model = (version: number) => modelWith([call('SumOf', ['x'], ['y'])], [of(version)]);
	const values = feed([1, 2]);
	const [a = 0, b = 0] = values.get('x')?.data ?? [];
	assert.equal(run(model(12), values), { shape: [1, 1], data: Float64Array.of(a + b) });
	const [issue] = issuesOf(() => importModel(model(13)));
	assert.match(issue?.message ?? '', /attribute 'axes'/);
	assert.is(issue?.opset, 13);
	assert.match(issuesOf(() => importModel(model(29)))[0]?.message ?? '', /opset 29/);
});

test('a call means the overload that it names', () => {
	const negated: FunctionProto = {
		name: 'ScaledSum',
		overload: 'negated',
		input: ['a'],
		output: ['r'],
		node: [{ opType: 'Neg', input: ['a'], output: ['r'] }],
	};
	const nodes = [{ ...call('ScaledSum', ['x'], ['t']), overload: 'negated' }, call('ScaledSum', ['t', 'x'], ['y'], 3)];
	const values = feed([1, 2]);
	const { data } = run(modelWith(nodes, [scaledSum, negated], 10), values);
	assert.equal(
		data,
		values.get('x')?.data.map((x) => -2 * x),
	);
	const [issue] = issuesOf(() => importModel(modelWith(nodes, [scaledSum], 10)));
	assert.is(issue?.code, 'unsupported');
});

test('what would be guessed is refused: equal functions, attributes without a value or a name, operands beyond the declared', () => {
	const sum = (input: string[], output: string[], scale?: number) => [call('ScaledSum', input, output, scale)];
	const refused: readonly (readonly [Uint8Array, string, RegExp])[] = [
		[modelWith(sum(['x', 'c'], ['y'], 2), [scaledSum, scaledSum]), 'file', /several functions/],
		[modelWith(sum(['x', 'c'], ['y']), [scaledSum]), 'unsupported', /'scale'/],
		[modelWith(sum(['x', 'c'], ['y'], 2), [{ ...scaledSum, attribute: [] }]), 'file', /no attribute 'scale'/],
		[modelWith(sum(['x', 'c', 'c'], ['y'], 2), [scaledSum]), 'file', /more inputs/],
		[modelWith(sum(['x', 'c'], ['y', 'z'], 2), [scaledSum]), 'file', /more outputs/],
	];
	for (const [bytes, code, message] of refused) {
		const [issue] = issuesOf(() => importModel(bytes));
		assert.is(issue?.code, code);
		assert.match(issue?.message ?? '', message);
	}
});

test.run();
