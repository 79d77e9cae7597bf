import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compare, decisionOf, labelWarnings, maxAbsDifference, readLabels } from '../../cli/decisions.ts';
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

test('labels are whole numbers, one for each sample', () => {
	assert.equal(readLabels({ shape: [2, 1], data: vector(3, 4) }, 2, 'y'), [3, 4]);
	assert.throws(() => readLabels({ shape: [3], data: vector(1, 2, 3) }, 2, 'y'), (e: unknown) => e instanceof RefusedError); // biome-ignore format: one thought
	assert.throws(() => readLabels({ shape: [2], data: vector(0.5, 1) }, 2, 'y'), /whole/);
	assert.throws(() => readLabels({ shape: [1, 2], data: vector(0, 1) }, 2, 'y'), /\[1, 2\]/);
});

test.run();
