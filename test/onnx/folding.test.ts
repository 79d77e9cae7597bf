import { test } from 'uvu';
import * as assert from 'uvu/assert';
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

const int64 = (...data: number[]): TensorSpec => ({ shape: [data.length], data, type: 'INT64' });
const int = (value: number): TensorSpec => ({ shape: [], data: [value], type: 'INT64' });
const scalar = (value: number): TensorSpec => ({ shape: [], data: [value] });
const zeros = new Map([['x', { shape: [1, 2], data: new Float64Array(2) }]]);
const CONSTANTS = new Map<string, TensorSpec>([
	['c', { shape: [2], data: [1, 2] }],
	['scale', { shape: [], data: [0.5] }],
	['mask', { shape: [2], data: [1, 0], type: 'BOOL' }],
	['rows', { shape: [1, 2], data: [0, 0], type: 'INT64' }],
	['one', int(1)],
	['none', int(0)],
	['large', int(2 ** 60)],
	['larger', int(2 ** 60 + 4096)],
	['larges', int64(2 ** 60, 1)],
	['zeros', int64(0, 0)],
	['three', int64(3, -3)],
	['infinite', { shape: [], data: [Number.NEGATIVE_INFINITY] }],
]);

/** x + the float of what one node gives. */
const added = (op: string, inputs: readonly string[], rest: Parameters<typeof node>[3] = {}): ModelSpec =>
	modelOf(
		[
			node(op, inputs, ['k'], rest),
			node('Cast', ['k'], ['f'], { attributes: { to: DataType.FLOAT } }),
			node('Add', ['x', 'f'], ['y']),
		],
		{ initializers: CONSTANTS },
	);

const resultOf = (spec: ModelSpec): readonly number[] => [...run(buildModel(spec), zeros).data];

test('operators on constants refuse encrypted operands by name, with a remedy', () => {
	const cases: readonly (readonly [string, readonly string[]])[] = [
		...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'].map((op) => [op, ['x', 'c']] as const),
		...['Floor', 'Ceil', 'Round', 'Sign', 'NonZero'].map((op) => [op, ['x']] as const),
		['Where', ['x', 'c', 'c']],
		['QuantizeLinear', ['x', 'scale']],
	];
	for (const [op, inputs] of cases) {
		const [issue, ...others] = issuesOfModel(modelOf([node(op, inputs, ['y'])], { initializers: CONSTANTS }));
		assert.is(issue?.code, 'unsupported', op);
		assert.is(issue?.op, op);
		assert.match(issue?.message ?? '', new RegExp(`${op} .*encrypted`));
		assert.ok((issue?.hint ?? '').length > 20, op);
		assert.is(others.length, 0, op);
	}
});

/** x + the float of what `jump` makes of 42 / 0.56, which float32 rounds to 75 and double precision does not. */
const jumping = (jump: NodeSpec): ModelSpec => ({
	...added('Identity', ['j']),
	nodes: [node('Div', ['dividend', 'divisor'], ['q']), jump, ...added('Identity', ['j']).nodes],
	initializers: new Map([
		['dividend', scalar(42)],
		['divisor', scalar(0.56)],
		['c', scalar(75)],
		['one', scalar(1)],
	]),
});

for (const jump of [
	node('Floor', ['q'], ['j']),
	node('Cast', ['q'], ['j'], { attributes: { to: DataType.INT64 } }),
	node('Equal', ['q', 'c'], ['j']),
	node('Less', ['q', 'c'], ['j']),
	node('Mod', ['q', 'one'], ['j'], { attributes: { fmod: 1 } }),
])
	test(`${jump.op} of what was computed sees the float32 that onnxruntime sees`, () =>
		agreesWithReference(buildModel(jumping(jump)), feed([1, 2])));

test('Range up to 42 / 0.7, a little above 60 in double precision, has as many elements as onnxruntime gives it', () => {
	const spec = jumping(node('Size', ['r'], ['j']));
	const [quotient, ...rest] = spec.nodes;
	const nodes = [quotient as NodeSpec, node('Range', ['dividend', 'q', 'one'], ['r']), ...rest];
	const initializers = new Map([...(spec.initializers ?? []), ['divisor', scalar(0.7)] as const]);
	return agreesWithReference(buildModel({ ...spec, nodes, initializers }), feed([1, 2]));
});

test('a constant of double precision is compared as it is', () => {
	const doubles = { dims: [], dataType: DataType.DOUBLE };
	const nodes = [node('Less', ['a', 'b'], ['j']), ...jumping(node('Floor', ['q'], ['j'])).nodes.slice(2)];
	const initializers = new Map([
		['a', { ...doubles, doubleData: [1] }],
		['b', { ...doubles, doubleData: [1 + 1e-12] }],
	]);
	assert.equal(resultOf(modelOf(nodes, { initializers })), [1, 1]);
});

test('integers that no double holds are refused where they would have to be told apart', () => {
	for (const [op, inputs] of [
		['Equal', ['large', 'large']],
		['Add', ['large', 'one']],
		['Mul', ['large', 'three']],
		['Div', ['large', 'three']],
		['Mod', ['large', 'three']],
		['Range', ['large', 'larger', 'one']],
		['ReduceSum', ['large']],
		['ReduceSumSquare', ['large']],
		['CumSum', ['larges', 'none']],
		['MatMul', ['larges', 'three']],
	] as const)
		assert.match(issuesOfModel(added(op, inputs))[0]?.message ?? '', /2\^53/, op);
	assert.equal(resultOf(added('Less', ['three', 'large'])), [1, 1]);
	assert.equal(resultOf(added('Min', ['three', 'large'])), [3, -3]);
});

test('what has no value is refused', () => {
	const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
		['Div', ['three', 'zeros'], /zero/],
		['Mod', ['three', 'zeros'], /zero/],
		['Mod', ['c', 'c'], /fmod/],
		['Range', ['none', 'one', 'none'], /steps of 0/],
		['Range', ['none', 'infinite', 'one'], /Infinity/],
		['Range', ['none', 'large', 'one'], /2\^53/],
		['OneHot', ['three', 'none', 'c'], /depth 0/],
		['ScatterElements', ['c', 'three', 'c'], /index 3/],
		['ScatterND', ['c', 'three', 'c'], /do not fit/],
		['DequantizeLinear', ['rows', 'c', 'one'], /zero points/],
		['DequantizeLinear', ['three', 'mask', 'scale'], /zero points/],
		['QuantizeLinear', ['c', 'scale', 'one'], /INT64/],
		['QuantizeLinear', ['c', 'infinite'], /not positive/],
		['Trilu', ['c'], /matrix/],
		['EyeLike', ['c'], /matrix/],
	];
	for (const [op, inputs, message] of cases)
		assert.match(issuesOfModel({ ...added(op, inputs), opset: 14 })[0]?.message ?? '', message, op);
});

test('a range that would fill the memory is refused', () => {
	const limit = new Map([...CONSTANTS, ['large', int(2 ** 40)]] as const);
	const [issue] = issuesOfModel({ ...added('Range', ['none', 'large', 'one']), initializers: limit });
	assert.is(issue?.code, 'size');
});

test('the shape of an encrypted value is enough for Size and EyeLike', () => {
	assert.equal(resultOf(added('Size', ['x'])), [2, 2]);
	assert.equal(resultOf(added('EyeLike', ['x'])), [1, 0]);
});

test('before opset 7 truth values broadcast when they are told to', () => {
	const attributes = { broadcast: 1, axis: 1 };
	const spec = { ...added('Equal', ['rows', 'three'], { attributes }), opset: 6 };
	assert.equal(resultOf(spec), [0, 0]);
	assert.is(issuesOfModel({ ...added('Equal', ['rows', 'three']), opset: 6 })[0]?.code, 'shape');
});

test('no encrypted value is infinite or no number, so that a Where on that chooses nothing', () => {
	for (const [op, opset] of [
		['IsNaN', 13],
		['IsInf', 20],
	] as const) {
		const spec = modelOf([node(op, ['x'], ['broken']), node('Where', ['broken', 'zeros', 'x'], ['y'])], {
			initializers: CONSTANTS,
		});
		const x = feed([1, 2]);
		assert.equal(run(buildModel({ ...spec, opset }), x).data, x.get('x')?.data);
	}
});

test('infinities are found by sign, and what is no number', () => {
	const data = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1];
	const found = (op: string, attributes: NodeSpec['attributes'] = {}) =>
		resultOf({
			...added(op, ['c'], { attributes }),
			opset: 20,
			initializers: new Map([['c', { shape: [2, 2], data }]]),
		});
	assert.equal(found('IsNaN'), [1, 0, 0, 0]);
	assert.equal(found('IsInf'), [0, 1, 1, 0]);
	assert.equal(found('IsInf', { detect_negative: 0 }), [0, 1, 0, 0]);
	assert.equal(found('IsInf', { detect_positive: 0 }), [0, 0, 1, 0]);
});

test('an infinity that Where does not choose does no harm, one that it adds to an encrypted value is refused', () => {
	const chosen = (condition: string) =>
		modelOf(
			[
				node('Cast', ['zeros'], ['off'], { attributes: { to: DataType.BOOL } }),
				node('Where', [condition, 'infinite', 'x'], ['y']),
			],
			{
				initializers: CONSTANTS,
			},
		);
	assert.equal(resultOf(chosen('off')), [0, 0]);
	assert.is(issuesOfModel(chosen('mask'))[0]?.code, 'range');
});

test.run();
