import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { calibrationOf } from '../../bench/suite/calibration.ts';
import type { Case } from '../../bench/suite/cases.ts';
import { countTable, type Judged, problemList } from '../../bench/suite/counts.ts';
import { familyOf } from '../../bench/suite/families.ts';
import { judge } from '../../bench/suite/judge.ts';
import { buildModel, modelOf, node, randomNumbers } from '../support/onnx.ts';

const samplesOf = (values: readonly number[]): readonly Float64Array[] =>
	calibrationOf(new Map([['x', Float64Array.from(values)]])).get('x') ?? [];

test('calibration has the case first, its values in other orders, and others of their range', () => {
	const values = Array.from({ length: 12 }, (_, i) => i * i - 20);
	const [first, second, third, ...rest] = samplesOf(values);
	assert.equal([...(first ?? [])], values);
	assert.equal(
		[...(second ?? [])].sort((a, b) => a - b),
		values,
	);
	assert.not.equal([...(second ?? [])], values);
	assert.not.ok((third ?? new Float64Array()).every((v) => values.includes(v)));
	for (const sample of rest) assert.ok(sample.length === 12 && sample.every((v) => v >= -20 && v <= 101));
});

test('calibration of a value that is alone keeps its sign and varies', () => {
	const samples = samplesOf([-3]);
	assert.ok(samples.every(([v = 0]) => v >= -3 && v <= -2.7));
	assert.ok(new Set(samples.map(([v]) => v)).size > 2);
	assert.equal(samplesOf([]).at(-1), new Float64Array());
});

/** A case of one node from x: [1, 2] to y. */
const caseOf = (op: string, expected: readonly number[], shape: readonly number[] = [1, 2]): Case => ({
	...{ name: 'test', op, domain: 'ai.onnx', inputs: ['x'], outputs: [{ name: 'y', type: 'FLOAT' }] },
	allowed: { relative: 1e-5, absolute: 1e-7 },
	model: buildModel(modelOf([node(op, op === 'Add' ? ['x', 'c'] : ['x'], ['y'])], { opset: 20 })),
	given: new Map([['x', { shape: [1, 2], data: Float64Array.of(0.5, -0.25) }]]),
	expected: new Map([['y', { shape, data: Float64Array.from(expected) }]]),
});

test('what agrees is right, with simulated noise too', async () => {
	const { verdict, fitted } = await judge(caseOf('Add', [1.5, 1.75]), true);
	assert.equal([verdict, fitted], ['right', false]);
});

test('what agrees but for the error of a polynomial is right', async () => {
	const { verdict, fitted } = await judge(caseOf('Tanh', [Math.tanh(0.5), Math.tanh(-0.25)]));
	assert.equal([verdict, fitted], ['right', true]);
});

test('another value, another shape and a missing value are wrong', async () => {
	const value = await judge(caseOf('Add', [1.5, 1.751]));
	assert.is(value.verdict, 'wrong');
	assert.match(value.reason ?? '', 'output y: element 1 is 1.75 instead of 1.751, off by 0.057 % of 1.751');
	const shape = await judge(caseOf('Add', [1.5, 1.75], [2]));
	assert.is(shape.reason, 'output y: shape [1,2] instead of [2]');
	const missing = await judge({ ...caseOf('Add', [1.5, 1.75]), expected: new Map() });
	assert.equal(missing, { verdict: 'wrong', fitted: false, reason: 'output y: no tensor of numbers' });
	for (const unlike of [Number.NaN, Number.POSITIVE_INFINITY])
		assert.is((await judge(caseOf('Add', [1.5, unlike]))).verdict, 'wrong');
});

test('what the compiler refuses is refused with its reasons, and any other exception is a crash', async () => {
	const refused = await judge(caseOf('NonZero', [0, 0]));
	assert.is(refused.verdict, 'refused');
	assert.match(refused.reason ?? '', /^unsupported: y: /);
	const { verdict, reason } = await judge({
		...caseOf('Add', [1.5, 1.75]),
		get model(): Uint8Array {
			throw new TypeError('no such file');
		},
	});
	assert.equal([verdict, reason], ['crashed', 'TypeError: no such file']);
});

test('cases are counted by family, and decomposed ones by themselves', () => {
	const family = (domain: string, op: string, type = 'FLOAT') =>
		familyOf({ domain, op, outputs: [{ name: 'y', type }] });
	assert.is(family('ai.onnx', 'Conv'), 'linear');
	assert.is(family('ai.onnx', 'Cast', 'DOUBLE'), 'linear');
	assert.is(family('ai.onnx', 'Cast', 'FLOAT8E5M2'), 'other');
	assert.is(family('ai.onnx', 'Div', 'INT32'), 'other');
	assert.is(family('ai.onnx', 'ReduceProd'), 'exact polynomial');
	assert.is(family('ai.onnx', 'Clip'), 'one variable');
	assert.is(family('ai.onnx', 'LRN'), 'harder');
	assert.is(family('ai.onnx.ml', 'Add'), 'other');
	const outputs = [{ name: 'y', type: 'FLOAT' }];
	const judged: readonly Judged[] = [
		{ name: 'test_add', op: 'Add', domain: 'ai.onnx', outputs, verdict: 'right' },
		{ name: 'test_sub', op: 'Sub', domain: 'ai.onnx', outputs, verdict: 'refused', reason: 'because' },
		{ name: 'test_relu_expanded_ver18', op: 'Relu', domain: 'ai.onnx', outputs, verdict: 'wrong', reason: 'by 3' },
	];
	const lines = countTable(judged).split('\n');
	assert.ok(lines.includes('| linear | 2 | 1 | 1 | 0 | 0 | 50.0 % |'));
	assert.ok(lines.includes('| one variable, decomposed | 1 | 0 | 0 | 1 | 0 | 0.0 % |'));
	assert.ok(lines.includes('| all | 3 | 1 | 1 | 1 | 0 | 33.3 % |'));
	assert.is(
		problemList(judged),
		'\nlinear:\n- refused: Sub, sub: because\n\none variable:\n- wrong: Relu, relu_expanded_ver18: by 3',
	);
});

test('random numbers of the calibration do not repeat between samples', () => {
	const [, , a, , b] = samplesOf([...randomNumbers(1, 20)]);
	assert.not.equal(a, b);
});

test.run();
