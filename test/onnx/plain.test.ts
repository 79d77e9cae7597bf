import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError, type Issue } from '../../compiler/errors.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { DataType } from '../../compiler/onnx/proto.ts';
import type { CompileOptions } from '../../compiler/options.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { buildModel, type ModelSpec, modelOf, node } from '../support/onnx.ts';

type Plain = NonNullable<CompileOptions['plain']>;

const plainOf = (name: string, shape: readonly number[], data: readonly number[]): Plain =>
	new Map([[name, { shape, data: Float64Array.from(data) }]]);

const issuesWith = (spec: ModelSpec, options: Partial<CompileOptions>): readonly Issue[] => {
	try {
		importModel(buildModel(spec), options);
		return [];
	} catch (error) {
		if (error instanceof CompileError) return error.issues;
		throw error;
	}
};

/** y = x * mask, x [N, 2] and mask [N, 2]. */
const masked = modelOf([node('Mul', ['x', 'mask'], ['y'])], {
	inputs: [
		{ name: 'x', shape: ['N', 2] },
		{ name: 'mask', shape: ['N', 2] },
	],
});

test('an input that stays in the clear is a constant, and its dimensions are those of the others', () => {
	const { graph, inputs } = importModel(buildModel(masked), { plain: plainOf('mask', [2, 2], [1, 0, 0.5, -2]) });
	assert.equal(inputs, [{ name: 'x', shape: [2, 2], type: 'float' }]);
	assert.equal(graph.nodes.map(({ kind }) => kind), ['input', 'affine']); // biome-ignore format: one thought
	const y = evaluate(graph, new Map([['x', Float64Array.of(3, 4, 5, 6)]])).get('y');
	assert.equal([...(y ?? [])], [3, 0, 2.5, -12]);
});

test('shapes, indices and exponents may be inputs that stay in the clear', () => {
	const inputs = [
		{ name: 'x', shape: [2, 3] },
		{ name: 'shape', shape: ['rank'], type: DataType.INT64 },
		{ name: 'at', shape: [], type: DataType.INT32 },
	];
	const nodes = [node('Reshape', ['x', 'shape'], ['r']), node('Gather', ['r', 'at'], ['y'])];
	const plain = new Map([...plainOf('shape', [2], [3, -1]), ...plainOf('at', [], [-1])]);
	const { graph } = importModel(buildModel(modelOf(nodes, { inputs })), { plain });
	assert.equal([...(evaluate(graph, new Map([['x', Float64Array.of(1, 2, 3, 4, 5, 6)]])).get('y') ?? [])], [5, 6]);
	assert.ok(issuesWith(modelOf(nodes, { inputs }), {}).length > 0);
});

test('a constant gate of an activation is recognised when it is an input in the clear', () => {
	const nodes = [
		node('Div', ['x', 'root'], ['d']),
		node('Erf', ['d'], ['e']),
		node('Add', ['e', 'one'], ['a']),
		node('Mul', ['x', 'a'], ['m']),
		node('Mul', ['m', 'half'], ['y']),
	];
	const inputs = ['x', 'root', 'one', 'half'].map((name) => ({ name, shape: name === 'x' ? [1, 2] : [] }));
	const plain = new Map([
		...plainOf('root', [], [Math.SQRT2]),
		...plainOf('one', [], [1]),
		...plainOf('half', [], [0.5]),
	]);
	const { graph } = importModel(buildModel(modelOf(nodes, { inputs })), { plain });
	assert.equal(graph.nodes.map(({ kind }) => kind), ['input', 'activation']); // biome-ignore format: one thought
});

test('values that do not fit the input are refused, all at once', () => {
	const types = modelOf(
		['FLOAT', 'INT8', 'BOOL'].map((type) => node('Add', ['x', type], [`y${type}`])),
		{
			inputs: [
				{ name: 'x', shape: [2] },
				...(['FLOAT', 'INT8', 'BOOL'] as const).map((type) => ({ name: type, shape: [2], type: DataType[type] })),
			],
			outputs: ['yFLOAT', 'yINT8', 'yBOOL'],
		},
	);
	const plain = new Map([
		...plainOf('FLOAT', [2], [0, Number.NaN]),
		...plainOf('INT8', [2], [0, 128]),
		...plainOf('BOOL', [2], [0, 2]),
		...plainOf('nothing', [2], [0, 2]),
	]);
	assert.equal(
		issuesWith(types, { plain }).map(({ code, message }) => [code, message]),
		[
			['option', "The array for 'FLOAT' holds NaN, which is no finite number."],
			['option', "The array for 'INT8' holds 128, which is no value of the type INT8."],
			['option', "The array for 'BOOL' holds 2, which is no value of the type BOOL."],
			['option', "The model has no input named 'nothing' that could stay in the clear."],
		],
	);
	assert.match(issuesWith(types, { plain })[3]?.hint ?? '', /'x', 'FLOAT', 'INT8', 'BOOL'/);
});

test('a shape that is not the declared one is refused, and one that another dimension forbids', () => {
	const codes = (options: Partial<CompileOptions>): readonly string[] =>
		issuesWith(masked, options).map(({ code }) => code);
	assert.equal(codes({ plain: plainOf('mask', [2], [1, 1]) }), ['shape']);
	assert.equal(codes({ plain: plainOf('mask', [1, 3], [1, 1, 1]) }), ['shape']);
	assert.equal(codes({ plain: plainOf('mask', [2, 2], [1, 1]) }), ['option']);
	const dimensions = new Map([['N', 3]]);
	assert.equal(codes({ dimensions, plain: plainOf('mask', [2, 2], [1, 1, 1, 1]) }), ['shape']);
	assert.equal(codes({ dimensions, plain: plainOf('mask', [3, 2], [1, 1, 1, 1, 1, 1]) }), []);
});

test('a model whose inputs are all in the clear has nothing to encrypt', () => {
	const plain = new Map([...plainOf('mask', [1, 2], [1, 0]), ...plainOf('x', [1, 2], [1, 0])]);
	const [issue] = issuesWith(masked, { plain });
	assert.match(issue?.message ?? '', /'y' does not depend on any input that is encrypted/);
});

test('an input of text is refused', () => {
	const spec = modelOf([node('Add', ['x', 'x'], ['y'])], {
		inputs: [
			{ name: 'x', shape: [2] },
			{ name: 'label', shape: [2], type: DataType.STRING },
		],
	});
	assert.equal(issuesWith(spec, { plain: plainOf('label', [2], [1, 2]) }).map(({ code }) => code), ['unsupported']); // biome-ignore format: one thought
});

test.run();
