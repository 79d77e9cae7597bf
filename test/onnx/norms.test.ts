import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import {
	agreesWithReference,
	buildModel,
	feed,
	issuesOf,
	issuesOfModel,
	type ModelSpec,
	node,
	randomNumbers,
	reference,
	type TensorSpec,
} from '../support/onnx.ts';

const SHAPE = [2, 4, 8];
const SIZE = 64;

const number = (value: number): TensorSpec => ({ shape: [], data: [value] });
const CONSTANTS = new Map<string, TensorSpec>([
	['two', number(2)],
	['epsilon', number(1e-5)],
	['tiny', number(1e-12)],
	['shape', { shape: [3], data: SHAPE, type: 'INT64' }],
	['scale', { shape: [8], data: randomNumbers(2, 8, 0.5, 1.5) }],
	['bias', { shape: [8], data: randomNumbers(3, 8) }],
]);

/** The deviation d and the standard deviation s of x along its last axis. */
const STATISTICS = [
	node('ReduceMean', ['x'], ['m'], { attributes: { axes: [-1], keepdims: 1 } }),
	node('Sub', ['x', 'm'], ['d']),
	node('Pow', ['d', 'two'], ['d2']),
	node('ReduceMean', ['d2'], ['v'], { attributes: { axes: [-1], keepdims: 1 } }),
	node('Add', ['v', 'epsilon'], ['ve']),
	node('Sqrt', ['ve'], ['s']),
];

const normalised = (...nodes: ModelSpec['nodes']): ModelSpec => ({
	opset: 13,
	nodes,
	inputs: [{ name: 'x', shape: SHAPE }],
	outputs: ['y'],
	initializers: CONSTANTS,
});

/** What exporters write for one function of the variance, or of a sum of squares. */
const DECOMPOSITIONS: Readonly<Record<string, ModelSpec>> = {
	'division by the root': normalised(...STATISTICS, node('Div', ['d', 's'], ['y'])),
	'product with its reciprocal': normalised(
		...STATISTICS,
		node('Reciprocal', ['s'], ['r']),
		node('Mul', ['d', 'r'], ['y']),
	),
	'division by the root, expanded': normalised(
		...STATISTICS,
		node('Expand', ['s', 'shape'], ['e']),
		node('Div', ['d', 'e'], ['y']),
	),
	'division by a multiple of the root': normalised(
		...STATISTICS,
		node('Mul', ['s', 'scale'], ['e']),
		node('Div', ['d', 'e'], ['y']),
	),
	'vectors of length 1': normalised(
		node('ReduceL2', ['x'], ['s'], { attributes: { axes: [-1], keepdims: 1 } }),
		node('Clip', ['s', 'tiny'], ['c']),
		node('Expand', ['c', 'shape'], ['e']),
		node('Div', ['x', 'e'], ['y']),
	),
};

for (const [name, spec] of Object.entries(DECOMPOSITIONS))
	test(`${name}: one fitted function, and what onnxruntime computes`, async () => {
		const bytes = buildModel(spec);
		const fitted = importModel(bytes).graph.nodes.flatMap((part) =>
			part.kind === 'activation' ? [[part.fn, part.parameters?.[0]]] : [],
		);
		// The square root is left behind without a reader.
		assert.equal(
			fitted.filter(([fn]) => fn !== 'sqrt'),
			[['power', -0.5]],
		);
		await agreesWithReference(bytes, feed(SHAPE));
	});

const LAYER_NORM: ModelSpec = {
	...normalised(node('LayerNormalization', ['x', 'scale', 'bias'], ['y'])),
	opset: 17,
};
const samples = Array.from({ length: 64 }, (_, k) => randomNumbers(k + 1, SIZE, -2, 2));

test('LayerNormalization, compiled, is within the error that was asked for on other inputs', async () => {
	const bytes = buildModel(LAYER_NORM);
	const { program } = compile(bytes, { calibration: new Map([['x', samples]]), maxError: 0.01 });
	const [error, spread] = [[], []] as [number[], number[]];
	for (const seed of [101, 102, 103]) {
		const data = randomNumbers(seed, SIZE, -2, 2);
		const [result] = await evaluateLocally(program, 'clear', [new Map([['x', data]])]);
		const expected = (await reference(bytes, new Map([['x', { shape: SHAPE, data }]]))).get('y');
		expected?.data.forEach((y, i) => {
			error.push(y - (result?.outputs.get('y')?.raw.data[i] ?? Number.NaN));
			spread.push(y);
		});
	}
	const rms = (values: readonly number[]): number => Math.hypot(...values) / Math.sqrt(values.length);
	assert.ok(rms(error) <= 0.015 * rms(spread), `${rms(error)} of ${rms(spread)}`);
});

test('without calibration a variance that may be 0 is no divisor: refused with the remedy', () => {
	const [issue] = issuesOf(() => compile(buildModel(LAYER_NORM)));
	assert.equal([issue?.code, issue?.op], ['range', 'Pow']);
	assert.match(issue?.hint ?? '', /Give calibration data/);
});

test('attributes that mean nothing are refused by name', () => {
	const first = (op: string, attributes: Readonly<Record<string, number>>, inputs = ['x']): unknown => {
		const spec = { ...normalised(node(op, inputs, ['y'], { attributes })), opset: 23 };
		const [issue] = issuesOfModel(spec);
		return [issue?.code, issue?.message];
	};
	const scaled = ['x', 'scale', 'bias'];
	for (const [op, attributes, inputs, code, message] of [
		['LpNormalization', { p: 3 }, ['x'], 'unsupported', /p = 3/],
		['LRN', { size: 0 }, ['x'], 'file', /size = 0/],
		['GroupNormalization', { num_groups: 3 }, scaled, 'shape', /no 3 groups/],
		['InstanceNormalization', {}, scaled, 'shape', /8 values for 4/],
		['LayerNormalization', { axis: 1 }, ['x', 'shape'], 'shape', /do not (fit|broadcast)/],
		['LayerNormalization', { stash_type: 7 }, scaled, 'file', /INT64, which is no type of real numbers/],
		['RMSNormalization', { axis: 3 }, ['x', 'scale'], 'file', /Axis 3/],
	] as const) {
		const [actual, text] = first(op, attributes, [...inputs]) as [string, string];
		assert.is(actual, code, `${op}: ${text}`);
		assert.match(text, message);
	}
});

test.run();
