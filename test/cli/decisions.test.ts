import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	compare,
	compareValues,
	decisionOf,
	goalOf,
	labelWarnings,
	maxAbsDifference,
	readLabels,
} from '../../cli/decisions.ts';
import { RefusedError } from '../../runtime/errors.ts';

const vector = (...values: number[]): Float64Array => Float64Array.from(values);

test('several values decide by the largest, the first of equals', () => {
	const decide = decisionOf({ shape: [1, 3], tail: [{ op: 'softmax', axis: -1 }] });
	assert.is(decide(vector(-3, -1, -2)), 1);
	assert.is(decide(vector(2, 5, 5)), 1);
});

test('one value decides at one half after a sigmoid and at zero without', () => {
	const probability = decisionOf({ shape: [1, 1], tail: [{ op: 'sigmoid' }] });
	assert.equal([0.2, 0.5, 0.51].map((value) => probability(vector(value))), [0, 0, 1]); // biome-ignore format: one row
	const score = decisionOf({ shape: [1], tail: [] });
	assert.equal([-1, 0, 0.2].map((value) => score(vector(value))), [0, 0, 1]); // biome-ignore format: one row
});

test('an ArgMax at the end has decided already', () => {
	const tail = [{ op: 'argMax', axis: 1, keepDims: false, selectLast: false }] as const;
	assert.is(decisionOf({ shape: [1], tail })(vector(7)), 7);
});

test('labels that an output never decides for are told', () => {
	const name = 'y';
	assert.equal(labelWarnings({ name, shape: [1, 3], tail: [] }, [0, 1, 2]), []);
	assert.match(labelWarnings({ name, shape: [1, 3], tail: [] }, [0, 3, -1])[0] ?? '', /2 of 3 labels .* 0 to 2 .*'y'/);
	assert.equal(labelWarnings({ name, shape: [1, 1], tail: [] }, [0, 1]), []);
	assert.match(labelWarnings({ name, shape: [1, 1], tail: [] }, [151])[0] ?? '', /0 to 1/);
	const tail = [{ op: 'argMax', axis: 1, keepDims: false, selectLast: false }] as const;
	assert.equal(labelWarnings({ name, shape: [1], tail }, [7]), []);
});

test('a comparison counts what is right, what flipped and the largest error', () => {
	const decide = decisionOf({ shape: [2], tail: [] });
	const found = [vector(1, 0), vector(1, 0), vector(0, 1), vector(0, 1)];
	const reference = [vector(1, 0.25), vector(0, 1), vector(0, 1), vector(0, 1)];
	assert.equal(compare(decide, [0, 1, 1, 0], found, reference), {
		samples: 4,
		accuracy: 0.5,
		clearAccuracy: 0.75,
		flips: 1,
		agreement: 0.75,
		maxAbsError: 1,
	});
	const alone = compare(decide, [0, 1, 1, 0], found, undefined);
	assert.equal([alone.accuracy, alone.clearAccuracy, alone.flips], [0.5, null, null]);
});

test('a value that is not a number is never lost in a maximum', () => {
	assert.ok(Number.isNaN(maxAbsDifference(vector(Number.NaN, 1), vector(0, 0))));
	assert.ok(Number.isNaN(maxAbsDifference(vector(0, Number.NaN, 9), vector(0, 0, 0))));
	assert.is(maxAbsDifference(vector(1, -5), vector(1, 1)), 6);
});

const classifier = { name: 'y', shape: [1, 3], tail: [{ op: 'softmax', axis: -1 }] } as const;
const score = { name: 'y', shape: [1, 1], tail: [] } as const;
const probability = { name: 'y', shape: [1, 1], tail: [{ op: 'sigmoid' }] } as const;
const isRefused = (error: unknown): boolean => error instanceof RefusedError && error.code === 'input';

test('labels are one row for each sample', () => {
	const rows = (shape: number[], ...data: number[]): number[][] =>
		readLabels({ shape, data: vector(...data) }, 2, 'y').map((row) => [...row]);
	assert.equal(rows([2, 1], 3, 4), [[3], [4]]);
	assert.equal(rows([2], 3, 4), [[3], [4]]);
	assert.equal(rows([2, 2], 1, 2, 3, 4.5), [[1, 2], [3, 4.5]]); // biome-ignore format: one row
	assert.throws(() => rows([3], 1, 2, 3), isRefused);
	assert.throws(() => rows([1, 2], 0, 1), /\[1, 2\]/);
	assert.throws(() => rows([2], 0, Number.NaN), /finite/);
});

test('whole numbers are classes, other numbers are what the output should be', () => {
	assert.equal(goalOf(classifier, [vector(2), vector(0)]), { kind: 'classes', labels: [2, 0] });
	assert.equal(goalOf(score, [vector(1), vector(0)]), { kind: 'classes', labels: [1, 0] });
	assert.is(goalOf(score, [vector(151), vector(0)]).kind, 'values');
	assert.is(goalOf(score, [vector(0.5), vector(0)]).kind, 'values');
	assert.is(goalOf(probability, [vector(151)]).kind, 'classes');
	assert.is(goalOf(probability, [vector(0.7)]).kind, 'values');
	const targets = [vector(0.1, 0.2, 0.7), vector(1, 2, 3)];
	assert.equal(goalOf(classifier, targets), { kind: 'values', targets });
});

test('labels that are neither are refused', () => {
	const argMax = {
		name: 'y',
		shape: [1],
		tail: [{ op: 'argMax', axis: 1, keepDims: false, selectLast: false }],
	} as const;
	assert.throws(() => goalOf(classifier, [vector(0.5)]), /not whole numbers.* 3 elements/);
	assert.throws(() => goalOf(classifier, [vector(1, 2)]), /2 labels for each sample/);
	assert.throws(() => goalOf(classifier, [vector(0, 1, 0), vector(1, 0, 0)]), /single 1/);
	assert.throws(() => goalOf(argMax, [vector(0.5)]), /is a class/);
	for (const rows of [[vector(0.5)], [vector(1, 2)]]) assert.throws(() => goalOf(classifier, rows), isRefused);
});

test('values are compared without decisions', () => {
	const none = { accuracy: null, clearAccuracy: null, flips: null, agreement: null };
	assert.equal(compareValues([vector(1), vector(2)], [vector(1), vector(4)]), { samples: 2, ...none, maxAbsError: 2 });
	assert.is(compareValues([vector(1)], undefined).maxAbsError, null);
	assert.ok(Number.isNaN(compareValues([vector(Number.NaN)], [vector(0)]).maxAbsError));
});

test.run();
