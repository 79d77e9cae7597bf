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
	type NodeSpec,
	node,
	type TensorSpec,
} from '../support/onnx.ts';

/** Softmax with masks, as attention has them: scores [2, 3, 4] and the constants `mask`, `causal` and `low`. */
const INFINITE = Number.NEGATIVE_INFINITY;
const SHAPE = [2, 3, 4];
const causal = [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1];

const masked = (nodes: readonly NodeSpec[], low = INFINITE, mask: readonly number[] = causal): ModelSpec =>
	modelOf(nodes, {
		inputs: [{ name: 'x', shape: SHAPE }],
		initializers: new Map<string, TensorSpec>([
			['causal', { shape: [1, 3, 4], data: mask, type: 'BOOL' }],
			['hidden', { shape: [3, 4], data: mask.map((kept) => 1 - kept), type: 'BOOL' }],
			['added', { shape: [3, 4], data: mask.map((kept) => (kept === 1 ? 0 : low)) }],
			['slopes', { shape: [3, 4], data: mask.map((kept, i) => (kept === 1 ? -0.5 * i : low)) }],
			['low', { shape: [], data: [low] }],
			['flat', { shape: [2], data: [6, 4], type: 'INT64' }],
			['padding', { shape: [2, 1, 4], data: [0, 0, 0, low, 0, low, 0, 0] }],
		]),
	});

const softmax = (of: string, axis = -1): NodeSpec => node('Softmax', [of], ['y'], { attributes: { axis } });

const FORMS: Readonly<Record<string, readonly NodeSpec[]>> = {
	'scores where a mask holds': [node('Where', ['causal', 'x', 'low'], ['m']), softmax('m')],
	'a low number where a mask holds': [node('Where', ['hidden', 'low', 'x'], ['m']), softmax('m')],
	'a mask that is added': [node('Add', ['x', 'added'], ['m']), softmax('m')],
	'a mask with slopes, added from the left': [node('Add', ['slopes', 'x'], ['m']), softmax('m')],
	'two masks': [
		node('Add', ['x', 'added'], ['m']),
		node('Where', ['causal', 'm', 'low'], ['w']),
		node('Add', ['w', 'padding'], ['n']),
		softmax('n'),
	],
	'a mask with a reshape between': [
		node('Add', ['x', 'added'], ['m']),
		node('Reshape', ['m', 'flat'], ['r']),
		node('Identity', ['r'], ['i']),
		softmax('i'),
	],
	'a mask along another axis': [node('Where', ['causal', 'x', 'low'], ['m']), softmax('m', 1)],
};

for (const [what, nodes] of Object.entries(FORMS))
	for (const low of [INFINITE, -3.4028234663852886e38, -1e9, -1e4])
		test(`softmax of ${what}, ${low}, leaves out what is masked`, async () => {
			const bytes = buildModel(masked(nodes, low));
			const { graph } = importModel(bytes);
			assert.equal(
				graph.nodes.flatMap((inner) =>
					inner.kind === 'activation' ? [inner.fn] : inner.kind === 'tail' ? ['tail'] : [],
				),
				['exp', 'reciprocal'],
			);
			await agreesWithReference(bytes, feed(SHAPE));
		});

test('a line of which nothing is left is refused', () => {
	const mask = [0, 0, 0, 0, ...causal.slice(4)];
	const [issue] = issuesOfModel(masked(FORMS['a mask that is added'] ?? [], INFINITE, mask));
	assert.is(issue?.code, 'range');
	assert.is(issue?.op, 'Softmax');
});

test('a low number that is added to everything is no mask', () => {
	const bytes = buildModel(masked([node('Add', ['x', 'low'], ['m']), softmax('m')], -2e4));
	assert.ok(importModel(bytes).graph.nodes.some(({ kind }) => kind === 'tail'));
});

test('a low number that is lifted again is no mask', () => {
	const lifted = [node('Add', ['x', 'added'], ['m']), node('Add', ['m', 'high'], ['n']), softmax('n')];
	const spec = masked(lifted, -2e4);
	const high: TensorSpec = { shape: [1], data: [2e4] };
	const initializers = new Map([...(spec.initializers ?? []), ['high', high] as const]);
	assert.ok(importModel(buildModel({ ...spec, initializers })).graph.nodes.some(({ kind }) => kind === 'tail'));
});

test('minus infinity is refused where something else than a softmax reads it, as it was', () => {
	const sum = node('Add', ['x', 'added'], ['m']);
	const readers: readonly (readonly [reader: NodeSpec, low: number])[] = [
		[node('Relu', ['m'], ['y']), INFINITE],
		[node('Mul', ['m', 'm'], ['y']), -1e30],
		[node('LogSoftmax', ['m'], ['y']), INFINITE],
		[node('Transpose', ['m'], ['y']), INFINITE],
	];
	for (const [reader, low] of readers)
		assert.is(issuesOfModel(masked([sum, reader], low))[0]?.code, 'range', reader.op);
	assert.is(issuesOfModel({ ...masked([sum]), outputs: ['m'] })[0]?.code, 'range');
});

test('a function of masked scores is no mask any more', async () => {
	const nodes = [node('Add', ['x', 'added'], ['m']), node('Relu', ['m'], ['r']), softmax('r')];
	await agreesWithReference(buildModel(masked(nodes, -2e4)), feed(SHAPE));
});

test.run();
