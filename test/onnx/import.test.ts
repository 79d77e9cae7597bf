import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { supportedOps } from '../../compiler/onnx/ops/index.ts';
import { DataType } from '../../compiler/onnx/proto.ts';
import {
	agreesWithReference,
	buildModel,
	feed,
	issuesOfModel,
	type ModelSpec,
	modelOf,
	type NodeSpec,
	node,
	run,
	type TensorSpec,
} from '../support/onnx.ts';

test('every unsupported operator is reported at once, by node, operator, domain and opset', () => {
	const issues = issuesOfModel(
		modelOf([
			node('Det', ['x'], ['a'], { name: 'det_1' }),
			node('Relu', ['a'], ['b']),
			node('Frobnicate', ['b'], ['f'], { domain: 'com.example' }),
			node('NonZero', ['x'], ['n']),
			node('Add', ['f', 'n'], ['y']),
		]),
	);
	assert.equal(
		issues.map(({ code, node, op, domain, opset }) => ({ code, node, op, domain, opset })),
		[
			{ code: 'unsupported', node: 'det_1', op: 'Det', domain: 'ai.onnx', opset: 13 },
			{ code: 'unsupported', node: 'f', op: 'Frobnicate', domain: 'com.example', opset: undefined },
			{ code: 'unsupported', node: 'n', op: 'NonZero', domain: 'ai.onnx', opset: 13 },
		],
	);
});

test('an unsupported attribute is reported beside an unsupported operator, and its users are not', () => {
	const issues = issuesOfModel(
		modelOf([
			node('Add', ['x', 'c'], ['a'], { attributes: { broadcast: 1 } }),
			node('Mul', ['a', 'c'], ['b']),
			node('Det', ['b'], ['y']),
		]),
	);
	assert.equal(
		issues.map(({ op, code }) => [op, code]),
		[
			['Add', 'unsupported'],
			['Det', 'unsupported'],
		],
	);
});

test('operators that no wanted output needs may be unsupported', () => {
	const spec = modelOf(
		[
			node('Add', ['x', 'c'], ['y']),
			node('Det', ['x'], ['e']),
			node('ZipMap', ['e'], ['label'], { domain: 'ai.onnx.ml' }),
		],
		{ outputs: ['label', 'y'] },
	);
	assert.equal(
		issuesOfModel(spec).map(({ op }) => op),
		['Det', 'ZipMap'],
	);
	const { graph } = importModel(buildModel(spec), { outputs: ['y'] });
	assert.equal(
		graph.outputs.map(({ name }) => name),
		['y'],
	);
});

test('an input that no wanted output needs is left out', () => {
	const spec = modelOf([node('Add', ['x', 'c'], ['y'])], {
		inputs: [
			{ name: 'unused', shape: [1, 'length'] },
			{ name: 'x', shape: [1, 2] },
		],
	});
	assert.equal(importModel(buildModel(spec)).inputs, [{ name: 'x', shape: [1, 2], type: 'float' }]);
});

test('an unknown name in the options is refused with the names that exist', () => {
	const spec = modelOf([node('Add', ['x', 'c'], ['y'])], { inputs: [{ name: 'x', shape: ['N', 2] }] });
	const [output] = issuesOfModel(spec, { outputs: ['z'] });
	assert.is(output?.code, 'option');
	assert.match(output?.hint ?? '', /'y'/);
	const [dimension] = issuesOfModel(spec, { dimensions: new Map([['M', 3]]) });
	assert.is(dimension?.code, 'option');
	assert.match(dimension?.hint ?? '', /'N'/);
});

test('nodes in any order are imported', () => {
	const spec = modelOf([node('Mul', ['a', 'c'], ['y']), node('Add', ['x', 'c'], ['a'])]);
	const x = new Map([['x', { shape: [1, 2], data: Float64Array.of(3, 4) }]]);
	assert.equal([...run(buildModel(spec), x).data], [(3 + 1) * 1, (4 + 2) * 2]);
});

test('a cycle is refused', () => {
	const [issue] = issuesOfModel(
		modelOf([node('Add', ['x', 'b'], ['a']), node('Neg', ['a'], ['b']), node('Neg', ['b'], ['y'])]),
	);
	assert.is(issue?.code, 'file');
	assert.match(issue?.message ?? '', /depends on its own result/);
});

test('undefined names and names defined twice are all reported', () => {
	const issues = issuesOfModel(
		modelOf(
			[node('Add', ['x', 'ghost'], ['y'], { name: 'add' }), node('Neg', ['x'], ['y']), node('Neg', ['x'], ['c'])],
			{
				outputs: ['y', 'nothing'],
			},
		),
	);
	assert.equal(
		issues.map(({ code, message }) => [code, message]),
		[
			['file', "The name 'y' is defined twice."],
			['file', "The name 'c' is defined twice."],
			['file', "Node 'add' reads 'ghost', which nothing defines."],
			['file', "The output 'nothing' is computed by no node."],
		],
	);
});

test('names such as __proto__ are ordinary names', () => {
	const spec = modelOf([node('Add', ['__proto__', 'c'], ['constructor']), node('Neg', ['constructor'], ['y'])], {
		inputs: [{ name: '__proto__', shape: [1, 2] }],
	});
	const feeds = new Map([['__proto__', { shape: [1, 2], data: Float64Array.of(3, 4) }]]);
	assert.equal([...run(buildModel(spec), feeds).data], [-4, -6]);
});

test('a chain of 20,000 nodes is imported', () => {
	const chain = Array.from({ length: 20_000 }, (_, i) => node('Add', [i === 0 ? 'x' : `v${i}`, 'c'], [`v${i + 1}`]));
	const spec = modelOf([...chain.toReversed(), node('Identity', ['v20000'], ['y'])]);
	const x = new Map([['x', { shape: [1, 2], data: Float64Array.of(1, -1) }]]);
	assert.equal([...run(buildModel(spec), x).data], [20_001, 39_999]);
});

test('an output that depends on no input is refused', () => {
	const [issue] = issuesOfModel(modelOf([node('Neg', ['c'], ['y'])]));
	assert.match(issue?.message ?? '', /does not depend on any input/);
	const [difference] = issuesOfModel(modelOf([node('Sub', ['x', 'x'], ['y'])]));
	assert.match(difference?.message ?? '', /does not depend on any input/);
});

test('an output beside the first is refused when something reads it, and only then', () => {
	const pool = node('MaxPool', ['x'], ['d', 'indices'], { attributes: { kernel_shape: [2] } });
	const inputs = [{ name: 'x', shape: [1, 1, 4] }];
	assert.ok(importModel(buildModel(modelOf([pool, node('Neg', ['d'], ['y'])], { inputs }))));
	const cast = node('Cast', ['indices'], ['y'], { attributes: { to: DataType.FLOAT } });
	const [issue] = issuesOfModel(modelOf([pool, cast], { inputs }));
	assert.is(issue?.op, 'MaxPool');
	assert.match(issue?.message ?? '', /'indices'|Indices/);
});

test("PyTorch's dynamic flatten becomes a shape", async () => {
	const initializers = new Map<string, TensorSpec>([
		['zero', { shape: [], data: [0], type: 'INT64' }],
		['axes', { shape: [1], data: [0], type: 'INT64' }],
		['rest', { shape: [1], data: [-1], type: 'INT64' }],
	]);
	const nodes = [
		node('Shape', ['x'], ['s']),
		node('Gather', ['s', 'zero'], ['n'], { attributes: { axis: 0 } }),
		node('Unsqueeze', ['n', 'axes'], ['n1']),
		node('Concat', ['n1', 'rest'], ['target'], { attributes: { axis: 0 } }),
		node('Reshape', ['x', 'target'], ['flat']),
		node('Neg', ['flat'], ['y']),
	];
	const spec = modelOf(nodes, { initializers, inputs: [{ name: 'x', shape: ['N', 3, 2, 2] }] });
	await agreesWithReference(buildModel(spec), feed([1, 3, 2, 2]));
	assert.is(importModel(buildModel(spec)).graph.nodes.length, 2);
});

test('a square has one factor, and Sub of two encrypted values is one affine node', () => {
	const square = importModel(buildModel(modelOf([node('Mul', ['x', 'x'], ['y'])]))).graph.nodes.at(-1);
	assert.ok(square?.kind === 'multiply' && square.a === square.b);
	const two = modelOf([node('Sub', ['x', 'z'], ['y'])], {
		inputs: [
			{ name: 'x', shape: [1, 2] },
			{ name: 'z', shape: [1, 2] },
		],
	});
	const nodes = importModel(buildModel(two)).graph.nodes;
	assert.equal(
		nodes.map(({ kind }) => kind),
		['input', 'input', 'affine'],
	);
	assert.ok(nodes[2]?.kind === 'affine' && nodes[2].terms.length === 2);
});

test('reshapes of encrypted values are no nodes', () => {
	const axes: TensorSpec = { shape: [1], data: [0], type: 'INT64' };
	const nodes = [
		node('Unsqueeze', ['x', 'axes'], ['a']),
		node('Flatten', ['a'], ['b']),
		node('Identity', ['b'], ['c']),
		node('Squeeze', ['c', 'axes'], ['y']),
	];
	const { graph } = importModel(buildModel(modelOf(nodes, { initializers: new Map([['axes', axes]]) })));
	assert.equal(graph.outputs, [{ name: 'y', id: 0, shape: [2] }]);
});

test('training mode and what cannot be computed on encrypted values is refused by node', () => {
	const two = { inputs: ['x', 'z'].map((name) => ({ name, shape: [1, 2] })) };
	const refused: readonly (readonly [NodeSpec, Partial<ModelSpec>])[] = [
		[node('Pow', ['x', 'c'], ['y']), { initializers: new Map([['c', { shape: [], data: [17] }]]) }],
		[node('Less', ['x', 'c'], ['y']), {}],
		[node('Floor', ['x'], ['y']), {}],
		[node('Reshape', ['x', 'z'], ['y']), two],
		[node('Gather', ['c', 'x'], ['y']), {}],
		[node('Cast', ['x'], ['y'], { attributes: { to: DataType.INT64 } }), {}],
		[node('BatchNormalization', ['x', 'c', 'c', 'c', 'c'], ['y', 'mean']), { opset: 9 }],
		[node('BatchNormalization', ['x', 'c', 'c', 'c', 'c'], ['y']), { opset: 6 }],
		[node('Dropout', ['x'], ['y']), { opset: 6 }],
	];
	for (const [node, rest] of refused) {
		const issues = issuesOfModel(modelOf([node], rest));
		assert.equal(
			issues.map(({ code, op }) => [code, op]),
			[['unsupported', node.op]],
			issues[0]?.message,
		);
		assert.match(issues[0]?.hint ?? '', /^[A-Za-z].*\.$/, issues[0]?.message);
	}
});

test('every refusal of a node has node, operator, domain, opset, reason and remedy', () => {
	const nodes = [
		node('LSTM', ['x'], ['a'], { name: 'lstm' }),
		node('TopK', ['a', 'c'], ['values', 'indices'], { name: 'top' }),
		node('TreeEnsembleRegressor', ['x'], ['t'], { domain: 'ai.onnx.ml' }),
		node('FusedConv', ['t'], ['f'], { domain: 'com.microsoft' }),
		node('Upsample', ['x'], ['u']),
		node('Gelu', ['u'], ['g']),
		node('Add', ['x', 'c'], ['s'], { attributes: { axis: 1 } }),
		node('Expand', ['x', 'c', 'c'], ['e'], { attributes: { mode: 'none' } }),
		node('Sum', ['values', 'indices', 'f', 'g', 's', 'e'], ['y']),
	];
	const issues = issuesOfModel(modelOf(nodes));
	const expected: readonly (readonly [string, string, RegExp, RegExp])[] = [
		['LSTM', 'lstm', /several levels in every step/, /unrolled/],
		['TopK', 'top', /order of encrypted values/, /client/],
		['TreeEnsembleRegressor', 't', /the model does not import/, /linear model/],
		['FusedConv', 'f', /optimiser/, /before it was optimised/],
		['Upsample', 'u', /opset 13, is not supported: it ended with opset 9/, /with Resize/],
		['Gelu', 'g', /opset 13, is not supported: it is read from opset 20 on/, /opset 20/],
		['Add', 's', /attribute 'axis'/, /onnx-seal ops/],
		['Expand', 'e', /attribute 'mode'/, /onnx-seal ops/],
	];
	assert.equal(issues.map(({ op }) => op), expected.map(([op]) => op)); // biome-ignore format: one thought
	for (const [i, [op, name, reason, remedy]] of expected.entries()) {
		const issue = issues[i];
		assert.is(issue?.node, name);
		assert.match(issue?.message ?? '', reason);
		assert.match(issue?.hint ?? '', remedy);
		const imported = !['TreeEnsembleRegressor', 'FusedConv'].includes(op);
		assert.equal([issue?.domain === 'ai.onnx', issue?.opset], [imported, imported ? 13 : undefined], op);
	}
});

test('what nothing reads is no reason for a refusal, in branches of their own or beside others', () => {
	const nodes = [
		node('LSTM', ['x'], ['a']),
		node('TopK', ['a', 'c'], ['values', 'indices']),
		node('Unknown', ['values'], ['v'], { domain: 'com.example' }),
		node('Shape', ['x'], ['s']),
		node('Loop', ['s'], ['l']),
		node('Neg', ['x'], ['y']),
	];
	assert.is(importModel(buildModel(modelOf(nodes))).graph.nodes.length, 2);
	const both = modelOf(nodes, { outputs: ['y', 'v', 'l'] });
	assert.equal(issuesOfModel(both).map(({ op }) => op), ['LSTM', 'TopK', 'Unknown', 'Loop']); // biome-ignore format: one thought
	assert.is(importModel(buildModel(both), { outputs: ['y'] }).graph.nodes.length, 2);
});

test('old nodes that say they are for inference are accepted', () => {
	for (const old of [
		node('Dropout', ['x'], ['y'], { attributes: { is_test: 1 } }),
		node('BatchNormalization', ['x', 'c', 'zero', 'zero', 'c'], ['y'], { attributes: { is_test: 1, epsilon: 0 } }),
	]) {
		const initializers = new Map([
			['c', { shape: [2], data: [1, 1] }],
			['zero', { shape: [2], data: [0, 0] }],
		]);
		const spec = modelOf([old], { opset: 6, initializers });
		const x = new Map([['x', { shape: [1, 2], data: Float64Array.of(5, -3) }]]);
		assert.equal([...run(buildModel(spec), x).data], [5, -3]);
	}
});

test('the list of supported operators is sorted, without doubles, and holds the basic ones', () => {
	const names = supportedOps().flatMap(({ domain, op }) => (domain === 'ai.onnx' ? op : []));
	assert.equal(names, [...new Set(names)].sort());
	const domains = supportedOps().map(({ domain }) => domain);
	assert.equal(domains, [...domains].sort());
	for (const op of ['Conv', 'Gemm', 'MatMul', 'Relu', 'AveragePool', 'Reshape']) assert.ok(names.includes(op), op);
	assert.is(supportedOps().find(({ op }) => op === 'Gelu')?.since, 20);
});

test('what a value is made of is looked through only so far, however much there is of it', () => {
	const chain = (op: string, count: number, first: string, last: NodeSpec, back = 1): ModelSpec =>
		modelOf([
			{ op: first, inputs: ['x'], outputs: ['t0'] },
			...Array.from({ length: count }, (_, i) => ({
				...{ op, outputs: [`t${i + 1}`] },
				inputs: [`t${i}`, back === 1 || i === 0 ? 'c' : `t${i - 1}`],
			})),
			last,
		]);
	const cast = (of: string): NodeSpec => ({
		...{ op: 'Cast', inputs: [of], outputs: ['y'] },
		attributes: { to: DataType.BOOL },
	});
	assert.match(issuesOfModel(chain('Add', 20_000, 'Exp', cast('t20000')))[0]?.message ?? '', /BOOL/);
	// A path to the first node for each way to write 60 as a sum of ones and twos.
	assert.match(
		issuesOfModel(chain('Add', 60, 'Exp', cast('t60'), 2))[0]?.message ?? '',
		/does not depend on any input/,
	);
	const inverse: NodeSpec = { op: 'Reciprocal', inputs: ['t20000'], outputs: ['y'] };
	const { graph } = importModel(buildModel(chain('Mul', 20_000, 'Sqrt', inverse)));
	assert.is(graph.nodes.at(-1)?.kind, 'activation');
});

test.run();
