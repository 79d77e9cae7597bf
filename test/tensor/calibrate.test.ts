import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { compare, decisionsOf } from '../../compiler/tensor/agreement.ts';
import { checkSamples } from '../../compiler/tensor/calibrate.ts';
import { Sketch } from './graphs.ts';

test('calibration data that do not fit are refused, all problems at once', () => {
	const sketch = new Sketch();
	for (const name of ['a', 'b', 'c', 'd']) sketch.input(name, [2]);
	const graph = sketch.graph({ a: [0, [2]] });
	const good = Float64Array.of(1, 2);
	const samples = new Map([
		['a', [good, good]],
		['b', [good]],
		['c', [good, Float64Array.of(1)]],
	]);
	assert.throws(
		() => checkSamples(graph, samples),
		(error: unknown) => error instanceof CompileError && error.issues.length === 3,
	);
	checkSamples(graph, new Map(['a', 'b', 'c', 'd'].map((name) => [name, [good]])));
});

const output = (shape: readonly number[]) => ({ name: 'y', id: 0, shape });

test('decisions follow the tail: its axis, the sign before a sigmoid, the largest of several', () => {
	const values = Float64Array.of(1, 9, 5, 2, 8, 7);
	const softmax = (axis: number) => [{ op: 'softmax', axis }] as const;
	assert.equal(decisionsOf(output([2, 3]), softmax(1), values), [1, 1]);
	assert.equal(decisionsOf(output([2, 3]), softmax(0), values), [1, 0, 1]);
	assert.equal(decisionsOf(output([2, 3]), [], values), [1]);
	assert.equal(decisionsOf(output([1]), [{ op: 'sigmoid' }], Float64Array.of(-0.1)), [0]);
	assert.equal(decisionsOf(output([1]), [{ op: 'sigmoid' }], Float64Array.of(0.1)), [1]);
	assert.equal(decisionsOf(output([1]), [], Float64Array.of(0.1)), []);
});

test('agreement counts samples, and errors are relative to the spread of the output', () => {
	const exact = new Map([['y', [Float64Array.of(100, 102), Float64Array.of(104, 102)]]]);
	const other = new Map([['y', [Float64Array.of(100, 102), Float64Array.of(104, 105)]]]);
	const { decisions, relativeErrors } = compare([output([2])], new Map(), exact, other);
	assert.is(decisions, 0.5);
	// differences 0 0 0 3; deviations from the mean -2 0 2 0
	assert.ok(Math.abs((relativeErrors.get('y') ?? 9) - Math.sqrt(9 / 8)) < 1e-12);
	assert.is(compare([output([2])], new Map(), exact, exact).relativeErrors.get('y'), 0);
});

test.run();
