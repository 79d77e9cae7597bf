import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	agreesWithReference,
	buildModel,
	feed,
	type ModelSpec,
	modelOf,
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

test.run();
