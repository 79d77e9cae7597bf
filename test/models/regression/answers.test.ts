import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	accuracyOf,
	answersOf,
	comparesRaw,
	explained,
	flipsOf,
	type Judged,
	leastMargin,
	marginOf,
	NoiseMeter,
} from '../../../models/regression/answers.ts';
import { effortAt } from '../../../models/regression/encrypted.ts';
import { simulatedCount } from '../../../models/regression/simulated.ts';

const row = (...values: readonly number[]): Float64Array => Float64Array.from(values);

/** Four samples of three classes; the third is wrong in the clear as well. */
const clear = [row(3, 1, 0), row(0, 2, 1), row(0, 1, 4), row(5, 4, 0)];
const judged: Judged = {
	decider: { name: 'y', shape: [1, 3], tail: [] },
	regression: false,
	labels: row(0, 1, 1, 0),
	clear,
	rawOf: (sample) => clear[sample] as Float64Array,
};

test('accuracy counts labels that are met, and a refused sample as wrong', () => {
	assert.is(accuracyOf(judged, clear), 0.75);
	assert.is(accuracyOf(judged, [undefined, ...clear.slice(1)]), 0.5);
});

test('flips are decisions other than the model’s own, with what its values differ by', () => {
	const found = [row(3, 1, 0), undefined, row(0, 2, 1), row(1, 2, 0)];
	assert.equal(flipsOf(judged, found), [
		{ sample: 2, margin: 3 },
		{ sample: 3, margin: 1 },
	]);
	assert.equal(answersOf(judged, found, 1), {
		...{ samples: 4, accuracy: 0.75, refused: 1, doubtful: 1 },
		flips: flipsOf(judged, found),
	});
});

test('a regression is judged by R^2 and has no flips', () => {
	const regression = { ...judged, regression: true, labels: row(1, 2, 3, 6) };
	// Deviations from the mean 3 are 4 + 1 + 0 + 9; errors are 1 each.
	const found = [row(2), row(1), row(4), row(5)];
	assert.is(accuracyOf(regression, found), 1 - 4 / 14);
	assert.equal(flipsOf(regression, found), []);
	assert.is(explained([1, 2, undefined, 6], row(1, 2, 3, 6)), -Infinity);
});

test('the margin of one value is twice its size; where it cannot be told it is infinite', () => {
	assert.is(marginOf(row(-0.25), 0, 1), 0.5);
	assert.is(marginOf(row(1, 4, 2), 1, 2), 2);
	assert.is(marginOf(row(1, 4, 2), 1, 7), Infinity);
	assert.is(marginOf(row(1, Number.NaN), 1, 0), Infinity);
	assert.is(leastMargin(row(0.5, 4, 3)), 1);
	assert.is(leastMargin(row(-3)), 6);
});

test('values before the tail tell the decision, but not through votes or columns that are picked', () => {
	const compares = (shape: readonly number[], ...tail: Parameters<typeof comparesRaw>[0]['tail']): boolean =>
		comparesRaw({ encryptedShape: shape, tail });
	assert.ok(compares([1, 3], { op: 'softmax', axis: 1 }));
	assert.ok(compares([1, 1], { op: 'sigmoid' }, { op: 'select', values: [0] }));
	assert.not(compares([1, 3], { op: 'votes', classes: 3 }));
	assert.not(compares([1, 3], { op: 'select', values: [2] }));
});

test('noise is measured in parts of the predicted bound of each output', () => {
	const meter = new NoiseMeter([
		{ name: 'a', predictedError: 0.5 },
		{ name: 'b', predictedError: 2 },
	]);
	const values = (a: number, b: number): ReadonlyMap<string, Float64Array> =>
		new Map([
			['a', row(a)],
			['b', row(b)],
		]);
	assert.ok(Number.isNaN(meter.noise().rms));
	meter.add(values(1.25, 3), values(1, 4));
	assert.equal(meter.noise(), { largest: 0.5, rms: 0.5 });
	meter.add(values(1, 4), values(1, 4));
	assert.is(meter.noise().rms, Math.sqrt(0.125));
	meter.add(values(Number.NaN, 4), values(1, 4));
	assert.is(meter.noise().largest, Infinity);
});

test('larger programs are simulated on fewer samples, at least on a hundred where there are as many', () => {
	assert.is(simulatedCount(143, 2048, 10), 143);
	assert.is(simulatedCount(10000, 16384, 10000), 100);
	const [small, large] = [simulatedCount(10000, 4096, 100), simulatedCount(10000, 8192, 700)];
	assert.ok(small > large && large > 100 && small < 10000);
});

test('at least ten samples of a small ring are encrypted, and of every ring some, under several keys where need be', () => {
	for (const ringDegree of [1024, 4096, 8192, 16384, 32768, 65536]) {
		const { keySets, samples, most } = effortAt(ringDegree);
		assert.ok(keySets * samples >= (ringDegree <= 8192 ? 10 : ringDegree <= 16384 ? 3 : 1));
		assert.ok(most >= 3 && most > keySets);
	}
});

test.run();
