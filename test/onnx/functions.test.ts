import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { AttributeType, DataType, type FunctionProto, ModelProto, type NodeProto } from '../../compiler/onnx/proto.ts';
import { agreesWithReference, feed, issuesOf } from '../support/onnx.ts';

const LOCAL = 'local';
const standard = { domain: '', version: 17 };

/** A model from x: [1, 2] to y with functions of the domain `local`. */
const modelWith = (node: NodeProto[], functions: FunctionProto[]): Uint8Array =>
	ModelProto.encode({
		irVersion: 8,
		opsetImport: [standard, { domain: LOCAL, version: 1 }],
		functions: functions.map((body) => ({
			domain: LOCAL,
			opsetImport: [standard, { domain: LOCAL, version: 1 }],
			...body,
		})),
		graph: {
			name: 'g',
			node,
			input: [
				{
					name: 'x',
					type: { tensorType: { elemType: DataType.FLOAT, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } },
				},
			],
			output: [{ name: 'y', type: { tensorType: { elemType: DataType.FLOAT } } }],
			initializer: [{ name: 'c', dims: [2], dataType: DataType.FLOAT, floatData: [3, -2] }],
		},
	}).finish();

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

test('what would be guessed is refused: overloads, other opsets, attributes without a value', () => {
	const nodes = [call('ScaledSum', ['x', 'c'], ['y'], 2)];
	const refused: readonly (readonly [Uint8Array, RegExp])[] = [
		[modelWith(nodes, [scaledSum, scaledSum]), /several functions/],
		[modelWith(nodes, [{ ...scaledSum, opsetImport: [{ domain: '', version: 12 }] }]), /opset 12/],
		[modelWith([call('ScaledSum', ['x', 'c'], ['y'])], [scaledSum]), /'scale'/],
	];
	for (const [bytes, message] of refused) {
		const [issue] = issuesOf(() => importModel(bytes));
		assert.is(issue?.code, 'unsupported');
		assert.match(issue?.message ?? '', message);
	}
});

test.run();
