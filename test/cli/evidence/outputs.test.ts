import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { confusionOf } from '../../../cli/evidence/confusion.ts';
import { bitsOf, Differences } from '../../../cli/evidence/errors.ts';
import { outputEvidence } from '../../../cli/evidence/outputs.ts';
import { closeness } from '../../../cli/evidence/regression.ts';
import { scoresOf, winnerOf } from '../../../cli/evidence/scores.ts';

const vector = (...values: number[]): Float64Array => Float64Array.from(values);
const near = (found: number | null | undefined, expected: number): void =>
	assert.ok(Math.abs((found ?? Number.NaN) - expected) < 1e-12, `${found}, not ${expected}`);

test('differences are counted over all elements of all samples', () => {
	const differences = new Differences();
	differences.add(vector(1, -1), vector(1.5, -1));
	differences.add(vector(3, -3), vector(3, -2));
	near(differences.absolute.max, 1);
	near(differences.absolute.mean, 1.5 / 4);
	near(differences.absolute.rms, Math.sqrt(1.25 / 4));
	near(differences.spread, Math.sqrt(20 / 4));
	near(differences.relative?.max, 1 / Math.sqrt(5));
	assert.is(differences.largest, 3);
});

test('an error that is no number stays one, and a spread of nothing gives no part of it', () => {
	const broken = new Differences();
	broken.add(vector(1, 2), vector(Number.NaN, 9));
	assert.ok(Number.isNaN(broken.absolute.max) && Number.isNaN(broken.absolute.rms));
	const constant = new Differences();
	constant.add(vector(0, 0), vector(0, 1));
	assert.is(constant.relative, null);
	const same = new Differences();
	same.add(vector(0, 0), vector(0, 0));
	assert.equal(same.relative, { max: 0, mean: 0, rms: 0 });
	assert.equal([bitsOf(8, 1), bitsOf(1, 8), bitsOf(1, 0)], [3, 0, null]); // biome-ignore format: one row
});

test('scores are what decides before the tail', () => {
	const vectorOf = (shape: number[], tail: Parameters<typeof scoresOf>[0]['tail'], ...raw: number[]) => {
		const scores = scoresOf({ encryptedShape: shape, tail })(vector(...raw));
		return scores && [...scores];
	};
	assert.equal(vectorOf([1, 3], [{ op: 'softmax', axis: -1 }], 3, 1, 2), [3, 1, 2]);
	assert.equal(vectorOf([1], [{ op: 'sigmoid' }], -2), [0, -2]);
	assert.equal(vectorOf([1, 2], [{ op: 'softmax', axis: 1 }, { op: 'select', values: [1, 0] }], 5, 6), [6, 5]); // biome-ignore format: one row
	const argMax = { op: 'argMax', axis: 1, keepDims: false, selectLast: false } as const;
	assert.equal(vectorOf([2, 3], [argMax], 1, 2, 3, 4, 5, 6), [1, 2, 3]);
	assert.equal(vectorOf([2, 3], [{ ...argMax, axis: 0 }], 1, 2, 3, 4, 5, 6), [1, 4]);
	assert.equal(vectorOf([1, 3], [argMax, { op: 'lookup', values: [7, 8, 9] }], 1, 2, 3), [1, 2, 3]);
});

test('where no values are compared there are no scores', () => {
	const none = (shape: number[], tail: Parameters<typeof scoresOf>[0]['tail'], count: number): void =>
		assert.is(scoresOf({ encryptedShape: shape, tail })(new Float64Array(count)), undefined);
	none([2, 3], [{ op: 'softmax', axis: 1 }], 6);
	none([1, 3], [{ op: 'votes', classes: 3 }], 3);
	none([1, 2], [{ op: 'softmax', axis: 1 }, { op: 'select', values: [1] }], 2); // biome-ignore format: one row
});

test('the margin is what the largest is ahead by', () => {
	assert.equal(winnerOf(vector(1, 5, 3)), { index: 1, margin: 2 });
	assert.equal(winnerOf(vector(5, 5)), { index: 0, margin: 0 });
	assert.equal(winnerOf(vector(0, -2)), { index: 0, margin: 2 });
});

const exact = [vector(1, 0, -1), vector(0, 2, 1.5), vector(3, 0, 0)];
const found = [vector(1, 0, -1), vector(0, 1.5, 1.75), vector(1, 2, 0)];
const decisions = {
	...{ exact: [0, 1, 0], found: [0, 2, 1], labels: [0, 1, 0] },
	scores: scoresOf({ encryptedShape: [3], tail: [] }),
};

test('flips are listed with their margins, and those that the prediction does not explain are counted', () => {
	const { flipped, flipsBeyond, worst, precision, errors } = outputEvidence(
		{ exact, found, decisions },
		{ error: 1, magnitude: 4 },
	);
	assert.equal(flipped, [
		{ sample: 1, error: 0.5, label: 1, clear: 1, found: 2, margin: 0.5, beyond: false },
		{ sample: 2, error: 2, label: 0, clear: 0, found: 1, margin: 3, beyond: true },
	]);
	assert.is(flipsBeyond, 1);
	assert.equal(worst.map(({ sample }) => sample), [2, 1, 0]); // biome-ignore format: one thought
	assert.equal([precision.predictedBits, precision.measuredBits, precision.bounded], [2, 1, false]);
	assert.is(errors.absolute.max, 2);
	assert.ok(outputEvidence({ exact, found, decisions }, { error: 2, magnitude: 4 }).precision.bounded);
});

test('what is no number is the worst sample and bounded by nothing', () => {
	const broken = [found[0] as Float64Array, vector(0, Number.NaN, 0), found[2] as Float64Array];
	const { worst, precision } = outputEvidence({ exact, found: broken }, { error: 100, magnitude: 1 });
	assert.is(worst[0]?.sample, 1);
	assert.is(precision.bounded, false);
});

test('a confusion matrix has what is right in rows', () => {
	assert.equal(confusionOf([0, 2, 2, 0], [0, 2, 0, 0], [0, 2, 2, 0]), {
		classes: [0, 2],
		found: [[2, 0], [1, 1]],
		clear: [[2, 0], [0, 2]],
	}); // biome-ignore format: matrices
	const many = Array.from({ length: 200 }, (_, i) => i);
	assert.is(confusionOf(many, many, undefined), undefined);
});

test('a regression is as near as its targets say', () => {
	const targets = [vector(1), vector(2), vector(6)];
	const { meanError, rmsError, r2 } = closeness([vector(1), vector(3), vector(4)], targets);
	near(meanError, 1);
	near(rmsError, Math.sqrt(5 / 3));
	// sum of squares about the mean of 3: 4 + 1 + 9.
	near(r2, 1 - 5 / 14);
	assert.is(closeness([vector(1)], [vector(2)]).r2, null);
	near(closeness([vector(0, 10), vector(1, 11)], [vector(0, 10), vector(2, 12)]).r2, 1 - 2 / 4);
});

test.run();
