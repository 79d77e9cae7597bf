import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	AttributeType,
	DataType,
	type GraphProto,
	ModelProto,
	type NodeProto,
	type TensorProto,
} from '../../compiler/onnx/proto.ts';
import { agreesWithReference, feed, issuesOf, run } from '../support/onnx.ts';

/** Models from x: [1, 2] to y whose nodes are chosen by If. */
const tensor = (name: string, values: readonly number[]): TensorProto => ({
	name,
	dims: [values.length],
	dataType: DataType.FLOAT,
	floatData: [...values],
});

const node = (opType: string, input: string[], output: string[], name = ''): NodeProto => ({
	opType,
	input,
	output,
	name,
});

const branch = (output: string, nodes: NodeProto[], ...initializer: TensorProto[]): GraphProto => ({
	name: output,
	node: nodes,
	output: [{ name: output, type: { tensorType: { elemType: DataType.FLOAT } } }],
	initializer,
});

const choice = (condition: string, output: string, yes: GraphProto, no: GraphProto): NodeProto => ({
	...node('If', [condition], [output], `if_${output}`),
	attribute: [
		{ name: 'then_branch', type: AttributeType.GRAPH, g: yes },
		{ name: 'else_branch', type: AttributeType.GRAPH, g: no },
	],
});

/** `batch` is whether the first axis has length 1, `wide` whether the second does. */
const modelWith = (...nodes: NodeProto[]): Uint8Array =>
	ModelProto.encode({
		irVersion: 8,
		opsetImport: [{ domain: '', version: 16 }],
		graph: {
			name: 'g',
			node: [
				node('Shape', ['x'], ['shape']),
				node('Gather', ['shape', 'first'], ['n']),
				node('Gather', ['shape', 'second'], ['m']),
				node('Equal', ['n', 'one'], ['batch']),
				node('Equal', ['m', 'one'], ['wide']),
				...nodes,
			],
			input: [
				{
					name: 'x',
					type: { tensorType: { elemType: DataType.FLOAT, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } },
				},
			],
			output: [{ name: 'y', type: { tensorType: { elemType: DataType.FLOAT } } }],
			initializer: [
				tensor('c', [3, -2]),
				...[0, 1, 1].map((value, i) => ({
					name: ['first', 'second', 'one'][i] as string,
					dims: [],
					dataType: DataType.INT64,
					int64Data: [value],
				})),
			],
		},
	}).finish();

const doubled = branch('d', [node('Add', ['x', 'x'], ['d'])]);
const shifted = branch('s', [node('Mul', ['x', 'w'], ['t']), node('Add', ['t', 'c'], ['s'])], tensor('w', [0.5, 2]));

test('the branch that a shape chooses is imported, with what it reads from around it', async () => {
	for (const condition of ['batch', 'wide'])
		await agreesWithReference(modelWith(choice(condition, 'y', doubled, shifted)), feed([1, 2]));
});

test('branches lie in branches, and one after the other may use the same names', async () => {
	const inner = branch('i', [
		node('Neg', ['z'], ['k']),
		choice('wide', 'i', doubled, branch('s', [node('Mul', ['k', 'c'], ['s'])])),
	]);
	await agreesWithReference(
		modelWith(choice('batch', 'z', shifted, doubled), choice('batch', 'y', inner, doubled)),
		feed([1, 2]),
	);
});

test('what a node of a branch is can be looked up, as the report does', () => {
	const { graph, operators } = importModel(modelWith(choice('batch', 'y', shifted, doubled)));
	assert.equal([...new Set(graph.nodes.map(({ origin }) => operators.get(origin)))], [undefined, 'Mul', 'Add']);
});

test('names of a branch hide those around it, and only there', () => {
	const hiding = branch('c', [node('Neg', ['x'], ['c'])]);
	const values = feed([1, 2]);
	const [a = 0, b = 0] = values.get('x')?.data ?? [];
	const { data } = run(modelWith(choice('batch', 'h', hiding, doubled), node('Add', ['h', 'c'], ['y'])), values);
	assert.equal(data, Float64Array.of(3 - a, -2 - b));
});

test('only the branch that is taken must be supported; an error in it names both nodes', () => {
	const odd = branch('o', [node('Det', ['x'], ['o'], 'odd')]);
	assert.is(importModel(modelWith(choice('batch', 'y', doubled, odd))).graph.outputs.length, 1);
	const issues = issuesOf(() => importModel(modelWith(choice('wide', 'y', doubled, odd))));
	assert.equal(
		issues.map(({ node: name, op }) => [name, op]),
		[['if_y/odd', 'Det']],
	);
});

test('a branch that masks scores hands its mask on', async () => {
	const masking = (low: number) => branch('m', [node('Add', ['x', 'mask'], ['m'])], tensor('mask', [0, low]));
	for (const low of [Number.NEGATIVE_INFINITY, -1e4]) {
		const chosen = choice('batch', 's', masking(low), doubled);
		await agreesWithReference(modelWith(chosen, node('Softmax', ['s'], ['y'])), feed([1, 2]));
		assert.ok(
			importModel(modelWith(chosen, node('Softmax', ['s'], ['y']))).graph.nodes.every(({ kind }) => kind !== 'tail'),
		);
	}
	const [issue] = issuesOf(() =>
		importModel(
			modelWith(choice('batch', 's', masking(Number.NEGATIVE_INFINITY), doubled), node('Relu', ['s'], ['y'])),
		),
	);
	assert.is(issue?.code, 'range');
});

test('a condition that is encrypted, and branches that cannot be, are refused', () => {
	const refused: readonly (readonly [Uint8Array, string, RegExp])[] = [
		[
			modelWith(choice('x', 'y', doubled, shifted)),
			'unsupported',
			/If takes its condition from a value that depends on an encrypted input/,
		],
		[modelWith(choice('c', 'y', doubled, shifted)), 'file', /not one value/],
		[modelWith(choice('batch', 'y', { ...doubled, output: [] }, shifted)), 'file', /0 outputs, and If 1/],
		[modelWith(choice('batch', 'y', { ...doubled, input: [{ name: 'x' }] }, shifted)), 'file', /has inputs/],
		[modelWith({ ...node('If', ['batch'], ['y']), attribute: [] }), 'file', /no then_branch/],
		[
			modelWith(choice('batch', 'y', branch('q', [node('Neg', ['x'], ['q']), node('Abs', ['x'], ['q'])]), shifted)),
			'file',
			/defines 'q' twice/,
		],
		[
			modelWith(choice('batch', 'y', branch('q', [node('Add', ['y', 'x'], ['q'])]), shifted)),
			'file',
			/depends on its own result/,
		],
		[
			modelWith(choice('batch', 'y', branch('q', [node('Add', ['x', 'nothing'], ['q'])]), shifted)),
			'file',
			/reads 'nothing'/,
		],
	];
	for (const [bytes, code, message] of refused) {
		const [issue] = issuesOf(() => importModel(bytes));
		assert.is(issue?.code, code);
		assert.match(issue?.message ?? '', message);
	}
});

test.run();
