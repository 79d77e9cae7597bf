import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	absoluteChecks,
	type Baseline,
	baselineOf,
	beyondMargin,
	type Check,
	improvements,
	relativeChecks,
	TOLERANCE,
} from '../../../models/regression/judge.ts';
import { agreementOf, type Measurement } from '../../../models/regression/measurement.ts';

/** A point of which everything is as it should be: 10,000 samples, one flip that noise explains, 20 encrypted ones. */
const good: Measurement = {
	...{ ringDegree: 16384, levels: 7, depth: 9, logQ: 420, keys: 29, keyBytes: 50_000_000 },
	predicted: { error: 0.01, bits: 10, encryptionBits: 10.5 },
	leftovers: 0,
	clear: { accuracy: 0.9922, stated: 0.9922, difference: 1e-6 },
	simulated: {
		...{ samples: 10000, accuracy: 0.9921, flips: [{ sample: 7, margin: 0.015 }], refused: 0, doubtful: 0 },
		...{ evaluated: 1000, noise: { largest: 0.4, rms: 0.1 } },
	},
	encrypted: {
		...{ samples: 20, accuracy: 1, flips: [], refused: 0, doubtful: 0, keySets: 4 },
		...{ noise: { largest: 0.4, rms: 0.1 }, ratio: 1.1 },
	},
};
const simulated = (change: Partial<Measurement['simulated']>): Measurement => ({
	...good,
	simulated: { ...good.simulated, ...change },
});
const encrypted = (change: Partial<Measurement['encrypted']>): Measurement => ({
	...good,
	encrypted: { ...good.encrypted, ...change },
});
const predicted = (bits: number): Measurement => ({ ...good, predicted: { ...good.predicted, bits } });

const failures = (checks: readonly Check[]): readonly string[] =>
	checks.filter(({ passed }) => !passed).map(({ what }) => what);
const absolute = (found: Measurement): readonly string[] => failures(absoluteChecks(found, TOLERANCE));
const baseline = (found: Measurement): Baseline => baselineOf(found, {}, TOLERANCE);
const relative = (found: Measurement, before: Measurement = good): readonly string[] =>
	failures(relativeChecks(baseline(found), baseline(before)));

/** One check fails, and it is the one that says this. */
const fails = (found: readonly string[], what: RegExp): void => {
	assert.is(found.length, 1, found.join('; ') || 'nothing fails');
	assert.match(found[0] ?? '', what);
};

test('a good measurement passes everything, also against itself', () => {
	assert.equal(absolute(good), []);
	assert.equal(relative(good), []);
	assert.equal(improvements(baseline(good), baseline(good)), []);
	assert.ok(absoluteChecks(good, TOLERANCE).length >= 10);
});

test('accuracy may be 0.2 point below that in the clear, and no more', () => {
	assert.equal(absolute(simulated({ accuracy: 0.9902 })), []);
	fails(absolute(simulated({ accuracy: 0.9901 })), /accuracy 99\.01 %, at most 0\.20 % below/);
	assert.equal(failures(absoluteChecks(simulated({ accuracy: 0.9872 }), { ...TOLERANCE, accuracy: 0.005 })), []);
});

test('accuracy in the clear is what the zoo says, to one sample', () => {
	const clear = (accuracy: number, stated: number | null): Measurement => ({
		...good,
		clear: { ...good.clear, accuracy, stated },
	});
	assert.equal(absolute(clear(0.9923, 0.9922)), []);
	fails(absolute(clear(0.9925, 0.9922)), /models\/index\.ts/);
	assert.equal(absolute(clear(0.9925, null)), []);
});

test('an imported model that computes something else than onnxruntime fails', () => {
	fails(absolute({ ...good, clear: { ...good.clear, difference: 2e-4 } }), /onnxruntime/);
	fails(absolute({ ...good, clear: { ...good.clear, difference: Number.NaN } }), /onnxruntime/);
});

test('a flip whose margin is more than twice the predicted error fails, simulated or encrypted; one below is counted', () => {
	const flips = (margin: number) => [{ sample: 12, margin }];
	assert.equal(absolute(simulated({ flips: flips(0.02) })), []);
	fails(absolute(simulated({ flips: flips(0.0201) })), /sample 12 by 0\.0201/);
	fails(absolute(simulated({ flips: flips(Number.NaN) })), /sample 12/);
	assert.equal(absolute(encrypted({ flips: flips(0.02) })), []);
	fails(absolute(encrypted({ flips: flips(Infinity) })), /encrypted decisions that differ by more/);
	assert.equal(beyondMargin([...flips(0.01), ...flips(0.03)], 0.01), flips(0.03));
});

test('of the encrypted decisions one may differ, or 1 %; none is implausible; none at all fails', () => {
	const flips = (count: number) => Array.from({ length: count }, (_, sample) => ({ sample, margin: 0 }));
	assert.equal(absolute(encrypted({ flips: flips(1) })), []);
	fails(absolute(encrypted({ flips: flips(2) })), /2 of 20/);
	assert.equal(absolute(encrypted({ samples: 300, flips: flips(3) })), []);
	fails(absolute(encrypted({ samples: 399, flips: flips(4) })), /4 of 399/);
	fails(absolute(encrypted({ doubtful: 1 })), /implausible/);
	fails(absolute(encrypted({ samples: 0 })), /0 of 0/);
	fails(absolute({ ...good, leftovers: 3 }), /3 slots of outputs/);
});

test('the predicted error bounds the measured one, is within 5 bits of it, and simulated errors are like measured ones', () => {
	const largest = (ratio: number): Measurement => encrypted({ noise: { largest: ratio, rms: ratio / 4 } });
	assert.equal(absolute(largest(1)), []);
	fails(absolute(largest(1.01)), /bounds/);
	assert.equal(absolute(largest(2 ** -5)), []);
	fails(absolute(largest(2 ** -5.1)), /within 5 bits/);
	for (const ratio of [0.5, 2]) assert.equal(absolute(encrypted({ ratio })), []);
	for (const ratio of [0.49, 2.01, Number.NaN]) fails(absolute(encrypted({ ratio })), /simulated errors/);
	assert.ok(absolute(largest(Number.NaN)).length > 0);
	assert.equal(absolute(simulated({ noise: { largest: 2, rms: 0.1 } })), []);
	fails(absolute(simulated({ noise: { largest: 2.1, rms: 0.1 } })), /simulated noise is up to 2\.10 of its bound/);
});

test('a point without a baseline fails, and one that is compiled or measured otherwise', () => {
	fails(failures(relativeChecks(baseline(good), undefined)), /no baseline/);
	fails(relative(simulated({ samples: 300, flips: [] })), /10000 samples/);
	assert.equal(relative(simulated({ samples: 20000, accuracy: 0.95, refused: 9 })), [], 'other samples');
	fails(relative({ ...simulated({ samples: 20000 }), depth: good.depth + 1 }), /^depth/);
	const other = { ...baseline(good), options: { precision: 12 } };
	fails(failures(relativeChecks(other, baseline(good))), /compiled and measured like its baseline/);
});

test('accuracy, agreement and predicted bits may fall by the tolerance that the baseline states', () => {
	const flips = (count: number) => Array.from({ length: count }, (_, sample) => ({ sample, margin: 0 }));
	assert.equal(relative(simulated({ accuracy: 0.9901 })), []);
	fails(relative(simulated({ accuracy: 0.99 })), /accuracy 0\.99, at most 0\.002 below 0\.9921/);
	assert.equal(relative(simulated({ flips: flips(11) })), []);
	fails(relative(simulated({ flips: flips(12) })), /agreement/);
	assert.equal(relative(predicted(9.5)), []);
	fails(relative(predicted(9.4)), /predicted bits/);
});

test('ring degree, levels, depth, keys, their bytes and unanswered samples may not become more; less is an improvement', () => {
	for (const [key, name] of [
		['ringDegree', /^ring degree/],
		['levels', /^levels/],
		['depth', /^depth/],
		['keys', /^keys/],
		['keyBytes', /^bytes of keys/],
	] as const) {
		fails(relative({ ...good, [key]: good[key] + 1 }), name);
		const less = { ...good, [key]: good[key] - 1 };
		assert.equal(relative(less), []);
		const [said = '', ...others] = improvements(baseline(less), baseline(good));
		assert.equal(others, []);
		assert.match(said, name);
	}
	fails(relative(simulated({ doubtful: 1 })), /refused or implausible/);
});

test('what is better by more than the tolerance is an improvement, and no failure', () => {
	assert.equal(improvements(baseline(simulated({ accuracy: 0.9942 })), baseline(good)), [
		'accuracy 0.9942 instead of 0.9921',
	]);
	assert.equal(improvements(baseline(simulated({ accuracy: 0.994 })), baseline(good)), []);
	assert.equal(improvements(baseline(good), undefined), []);
});

test('samples that are refused disagree with the model', () => {
	assert.is(agreementOf({ ...good.simulated, samples: 100, refused: 4 }), 0.95);
});

test.run();
