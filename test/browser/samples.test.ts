import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { demoSamples } from '../../cli/web/models.ts';

const { digits, patients, ranges } = demoSamples();

test('there is an example of each digit, in the range of the model', () => {
	assert.equal(
		digits.map(({ label }) => label),
		[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
	);
	for (const { values } of digits) {
		assert.is(values.length, 28 * 28);
		assert.ok(values.every((ink) => ink >= 0 && ink <= 1));
	}
});

test('there are patients of both kinds, and the form takes each of their values', () => {
	assert.equal(
		patients.map(({ label }) => label),
		[0, 0, 0, 1, 1, 1],
	);
	assert.is(ranges.length, 30);
	for (const { values } of patients) {
		assert.is(values.length, 30);
		ranges.forEach(([low, high], i) => {
			const value = values[i] ?? Number.NaN;
			assert.ok(low < high && value >= low && value <= high, `feature ${i}: ${value} in [${low}, ${high}]`);
		});
	}
});

test.run();
