import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	agreesWithReference,
	buildModel,
	feed,
	issuesOfModel,
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
		assert.equal(
			issuesOfModel(modelOf(nodes, { initializers })).map(({ op }) => op),
			['Erf'],
		);
});

test.run();
