import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { prune } from '../../compiler/tensor/passes/prune.ts';
import {
	agreesWithReference,
	buildModel,
	feed,
	issuesOfModel,
	type ModelSpec,
	modelOf,
	type NodeSpec,
	node,
	type TensorSpec,
} from '../support/onnx.ts';

const vector: TensorSpec = { shape: [2], data: [1, 2] };

const number = (value: number): TensorSpec => ({ shape: [], data: [value] });

/** The one activation in an imported model. */
const activationsOf = (spec: ModelSpec): readonly string[] =>
	importModel(buildModel(spec)).graph.nodes.flatMap((node) => (node.kind === 'activation' ? [node.fn] : []));

test('x * Sigmoid(x) is one activation', async () => {
	for (const factors of [
		['x', 's'],
		['s', 'x'],
	]) {
		const spec = modelOf([node('Sigmoid', ['x'], ['s']), node('Mul', factors, ['y'])]);
		assert.equal(activationsOf(spec), ['silu']);
		await agreesWithReference(buildModel(spec), feed([1, 2]));
	}
});

test('x * Tanh(Softplus(x)) and x * HardSigmoid(x) are one activation each, as PyTorch exports them', async () => {
	const attributes = { alpha: 1 / 6, beta: 0.5 };
	for (const [gate, fn] of [
		[[node('Softplus', ['x'], ['p']), node('Tanh', ['p'], ['g'])], 'mish'],
		[[node('HardSigmoid', ['x'], ['g'], { attributes })], 'hardSwish'],
	] as const)
		for (const factors of [
			['x', 'g'],
			['g', 'x'],
		]) {
			const spec = modelOf([...gate, node('Mul', factors, ['y'])], { opset: 11 });
			assert.equal(activationsOf(spec), [fn]);
			await agreesWithReference(buildModel(spec), feed([1, 2]));
		}
});

test('gates of other slopes or other values stay products', async () => {
	for (const [gate, fn] of [
		[[node('HardSigmoid', ['x'], ['g'])], 'clip'],
		[[node('Neg', ['x'], ['m']), node('HardSigmoid', ['m'], ['g'], { attributes: { alpha: 1 / 6 } })], 'clip'],
	] as const) {
		const spec = modelOf([...gate, node('Mul', ['x', 'g'], ['y'])], { opset: 11 });
		assert.equal(activationsOf(spec), [fn]);
		await agreesWithReference(buildModel(spec), feed([1, 2]));
	}
	const spec = modelOf([node('Softplus', ['x'], ['p']), node('Tanh', ['p'], ['g']), node('Mul', ['p', 'g'], ['y'])]);
	assert.equal(activationsOf(spec), ['softplus', 'tanh']);
	await agreesWithReference(buildModel(spec), feed([1, 2]));
});

test('Sigmoid(x) times something else stays a product', async () => {
	const spec = modelOf([node('Sigmoid', ['x'], ['s']), node('Neg', ['x'], ['m']), node('Mul', ['m', 's'], ['y'])]);
	assert.equal(activationsOf(spec), ['sigmoid']);
	await agreesWithReference(buildModel(spec), feed([1, 2]));
});

test('every order of the factors of GELU is one activation', async () => {
	const initializers = new Map([
		['root', number(Math.SQRT2)],
		['inverse', number(Math.SQRT1_2)],
		['one', number(1)],
		['half', number(0.5)],
	]);
	const arguments_ = [node('Div', ['x', 'root'], ['q']), node('Mul', ['inverse', 'x'], ['q'])];
	const products = [
		[node('Mul', ['x', 'p'], ['xp']), node('Mul', ['xp', 'half'], ['y'])],
		[node('Mul', ['x', 'half'], ['h']), node('Mul', ['h', 'p'], ['y'])],
		[node('Mul', ['half', 'p'], ['hp']), node('Mul', ['x', 'hp'], ['y'])],
	];
	for (const argument of arguments_)
		for (const product of products) {
			const nodes = [argument, node('Erf', ['q'], ['e']), node('Add', ['e', 'one'], ['p']), ...product];
			const spec = modelOf(nodes, { initializers, inputs: [{ name: 'x', shape: [1, 7] }] });
			assert.equal(activationsOf(spec), ['gelu']);
			await agreesWithReference(buildModel(spec), feed([1, 7]));
		}
});

test('what only looks like GELU is not taken for it', () => {
	const initializers = new Map([
		['root', number(Math.SQRT2)],
		['two', number(2)],
		['one', number(1)],
		['half', number(0.5)],
		['c', vector],
	]);
	const gelu = (root: string, one: string, half: string, x: string) => [
		node('Div', ['x', root], ['q']),
		node('Erf', ['q'], ['e']),
		node('Add', ['e', one], ['p']),
		node('Mul', [x, 'p'], ['xp']),
		node('Mul', ['xp', half], ['y']),
	];
	assert.equal(activationsOf(modelOf(gelu('root', 'one', 'half', 'x'), { initializers })), ['gelu']);
	for (const nodes of [
		gelu('two', 'one', 'half', 'x'),
		gelu('root', 'two', 'half', 'x'),
		gelu('root', 'one', 'two', 'x'),
		gelu('root', 'one', 'half', 'c'),
	])
		assert.equal(activationsOf(modelOf(nodes, { initializers })), ['erf']);
});

/** The nodes of an expression such as Mul(x, Sigmoid(x)), the outermost called y; numbers become constants, equal terms one node. */
const spelled = (expression: string): ModelSpec => {
	const nodes: NodeSpec[] = [];
	const initializers = new Map<string, TensorSpec>();
	const known = new Map<string, string>();
	const tokens = expression.match(/[\w.-]+|[(),]/g) ?? [];
	const term = (): string => {
		const word = tokens.shift() ?? '';
		if (tokens[0] !== '(') {
			if (!Number.isNaN(Number(word))) initializers.set(word, number(Number(word)));
			return word;
		}
		const inputs: string[] = [];
		while (tokens.shift() !== ')') inputs.push(term());
		const text = `${word}(${inputs})`;
		const name = known.get(text) ?? (tokens.length === 0 ? 'y' : `t${known.size}`);
		if (!known.has(text)) nodes.push(node(word, inputs, [name]));
		known.set(text, name);
		return name;
	};
	term();
	return modelOf(nodes, { initializers, inputs: [{ name: 'x', shape: [1, 40] }], opset: 16 });
};

const TANH_FORMS = [
	'Mul(0.7978845608, Add(x, Mul(0.044715, Pow(x, 3))))',
	'Mul(Add(x, Mul(Mul(Mul(x, x), x), 0.044715)), 0.7978845608)',
	'Mul(Mul(x, 0.7978845608), Add(1, Mul(Mul(x, x), 0.044715)))',
	'Add(Mul(x, 0.7978845608), Mul(0.035677408, Mul(x, Pow(x, 2))))',
];

/** What exporters and people write, and the activations that are fitted to it. */
const FORMS: readonly (readonly [expression: string, ...activations: readonly string[]])[] = [
	['Mul(Mul(0.5, x), Add(Erf(Mul(x, 0.70710678)), 1))', 'gelu'],
	['Mul(x, Add(0.5, Mul(0.5, Erf(Div(x, 1.41421356)))))', 'gelu'],
	['Div(Mul(Add(1, Erf(Div(x, 1.41421356))), x), 2)', 'gelu'],
	['Mul(x, Mul(0.5, Add(1, Erf(Identity(Div(x, 1.41421356))))))', 'gelu'],
	['Mul(x, Sub(0.5, Mul(-0.5, Erf(Div(x, 1.41421356)))))', 'gelu'],
	...TANH_FORMS.flatMap((u) => [
		[`Mul(Mul(x, 0.5), Add(1, Tanh(${u})))`, 'geluTanh'] as const,
		[`Mul(0.5, Mul(Add(Tanh(${u}), 1), x))`, 'geluTanh'] as const,
	]),
	['Mul(Mul(0.5, Mul(x, 1.3)), Add(Erf(Mul(Mul(x, 1.3), 0.70710678)), 1))', 'gelu'],
	['Mul(x, Sigmoid(Mul(1.702, x)))', 'silu'],
	['Div(x, Add(1, Exp(Neg(x))))', 'silu'],
	['Mul(x, Div(1, Add(Exp(Mul(x, -1)), 1)))', 'silu'],
	['Mul(x, Mul(0.5, Add(1, Tanh(Mul(x, 0.5)))))', 'silu'],
	['Reciprocal(Add(1, Exp(Neg(x))))', 'sigmoid'],
	['Log(Add(1, Exp(x)))', 'softplus'],
	['Mul(x, Tanh(Log(Add(Exp(x), 1))))', 'mish'],
	['Where(Greater(x, 20), x, Softplus(x))', 'softplus'],
	['Where(Less(20, Mul(x, 2)), x, Div(Softplus(Mul(x, 2)), 2))', 'softplus'],
	['Where(Less(x, 20), Log(Add(Exp(x), 1)), x)', 'softplus'],
	['Div(x, Add(1, Abs(x)))', 'softsign'],
	['Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)', 'hardSwish'],
	['Mul(x, Div(Min(Relu(Add(x, 3)), 6), 6))', 'hardSwish'],
	['Mul(Mul(x, 0.16666667), Clip(Add(3, x), 0, 6))', 'hardSwish'],
	['Mul(x, Clip(Add(Mul(x, 0.16666667), 0.5), 0, 1))', 'hardSwish'],
	['Min(Relu(x), 2)', 'clip'],
	['Max(-1, Min(x, 2))', 'clip'],
	['Clip(Max(x, -1), 0, 1)', 'clip'],
	['Relu(Max(x, -1))', 'relu'],
	['Max(0.5, x)', 'relu'],
	['Div(x, Max(Sqrt(Mul(x, x)), 0.00000001))', 'power'],
	['Div(x, Pow(Add(1, Mul(x, x)), 0.75))', 'power'],
	['Where(Greater(x, 0), x, 0)', 'relu'],
	['Where(Less(x, 0), Mul(x, 0.2), x)', 'leakyRelu'],
	['Where(GreaterOrEqual(x, 0), x, Mul(0.7, Sub(Exp(x), 1)))', 'elu'],
	// What only looks like them.
	['Mul(x, Add(1, Erf(Div(x, 1.41421356))))', 'erf'],
	['Mul(Mul(0.5, x), Add(Erf(Mul(x, 0.7)), 1))', 'erf'],
	['Mul(Mul(x, 0.5), Add(1, Tanh(Mul(0.7978845608, Add(x, Mul(0.05, Pow(x, 3)))))))', 'tanh'],
	['Mul(Mul(x, 0.5), Add(1, Tanh(Mul(0.7978845608, Add(x, Mul(0.044715, Pow(x, 2)))))))', 'tanh'],
	['Mul(Mul(x, Sigmoid(x)), 1.0005)', 'silu'],
	['Mul(Mul(x, 0.5002), Add(1, Erf(Div(x, 1.41421356))))', 'erf'],
	['Mul(x, Sigmoid(Add(x, 1)))', 'sigmoid'],
	['Mul(Add(x, 1), Sigmoid(x))', 'sigmoid'],
	['Div(Mul(x, Clip(Add(x, 2), 0, 6)), 6)', 'clip'],
	['Div(Mul(x, Clip(Add(x, 3), 0, 5)), 6)', 'clip'],
	['Log(Add(2, Exp(x)))', 'exp', 'log'],
	['Div(x, Add(2, Abs(x)))', 'abs', 'reciprocal'],
];

for (const [expression, ...activations] of FORMS)
	test(`${expression} is ${activations.join(' and ')}`, async () => {
		const spec = spelled(expression);
		const { graph } = importModel(buildModel(spec));
		const fitted = prune({ nodes: graph.nodes, outputs: graph.outputs }).nodes;
		assert.equal(
			fitted.flatMap((node) => (node.kind === 'activation' ? [node.fn] : [])),
			activations,
		);
		await agreesWithReference(buildModel(spec), feed([1, 40]));
	});

test('softmax and its logarithm that are spelled out are left to the client', async () => {
	const exponentials = node('Exp', ['x'], ['e']);
	const sum = node('ReduceSum', ['e', 'axes'], ['s']);
	const shift = [
		node('ReduceMax', ['x'], ['m'], { attributes: { axes: [1] } }),
		node('Sub', ['x', 'm'], ['u']),
		node('Exp', ['u'], ['e']),
	];
	const initializers = new Map<string, TensorSpec>([['axes', { shape: [1], data: [1], type: 'INT64' }]]);
	const rest = { initializers, inputs: [{ name: 'x', shape: [2, 3, 2] }], opset: 16 };
	for (const [nodes, fn] of [
		[[exponentials, sum, node('Div', ['e', 's'], ['y'])], 'softmax'],
		[[...shift, sum, node('Div', ['e', 's'], ['y'])], 'softmax'],
		[[node('Softmax', ['x'], ['p'], { attributes: { axis: 1 } }), node('Log', ['p'], ['y'])], 'logSoftmax'],
	] as const) {
		const spec = modelOf(nodes, rest);
		const { graph } = importModel(buildModel(spec));
		assert.equal(
			prune({ nodes: graph.nodes, outputs: graph.outputs }).nodes.flatMap((inner) =>
				inner.kind === 'tail' ? [inner.fn] : inner.kind === 'activation' ? ['activation'] : [],
			),
			[fn],
		);
		await agreesWithReference(buildModel(spec), feed([2, 3, 2]));
	}
	const other = node('ReduceSum', ['e', 'axes'], ['s'], { attributes: { keepdims: 0 } });
	const spec = modelOf([exponentials, other, node('Div', ['e', 's'], ['y'])], {
		...rest,
		inputs: [{ name: 'x', shape: [2, 2, 2] }],
	});
	assert.equal(activationsOf(spec), ['exp', 'reciprocal']);
});

test('a choice by another threshold, or of another value, is refused', () => {
	for (const expression of [
		'Where(Greater(x, 2), x, Softplus(x))',
		'Where(Greater(x, 20), Neg(x), Softplus(x))',
		'Where(Greater(x, 1), x, 0)',
		'Where(Greater(x, 0), x, Add(x, 1))',
		'Where(Greater(x, 0), x, Sub(Exp(x), 2))',
	])
		assert.is(issuesOfModel(spelled(expression))[0]?.op, 'Greater');
});

test.run();
