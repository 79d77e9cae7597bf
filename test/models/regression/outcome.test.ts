import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dearestFirst, readBaselines } from '../../../models/regression/baselines.ts';
import { type Baseline, TOLERANCE } from '../../../models/regression/judge.ts';
import type { Measurement } from '../../../models/regression/measurement.ts';
import { accepted, strayChecks, verdictOf } from '../../../models/regression/outcome.ts';
import { type Point, points, toleranceOf } from '../../../models/regression/points.ts';
import { changeTable, measurementTable, summaryTable } from '../../../models/regression/tables.ts';

const baseline: Baseline = {
	...{ options: {}, samples: 100, tolerance: TOLERANCE, clear: 0.99, accuracy: 0.98, agreement: 0.99, unanswered: 0 },
	...{ predictedBits: 10, ringDegree: 8192, levels: 3, depth: 5, logQ: 200, keys: 18, keyBytes: 9_000_000 },
};
const measurement: Measurement = {
	...{ ringDegree: 8192, levels: 3, depth: 5, logQ: 200, keys: 18, keyBytes: 9_000_000 },
	predicted: { error: 0.01, bits: 10, encryptionBits: 10.5 },
	leftovers: 0,
	clear: { accuracy: 0.98, stated: null, difference: 0 },
	simulated: {
		...{ samples: 100, accuracy: 0.97, flips: [{ sample: 7, margin: 1 }], refused: 0, doubtful: 0 },
		...{ evaluated: 100, noise: { largest: 0.4, rms: 0.1 } },
	},
	encrypted: {
		...{ samples: 4, accuracy: 1, flips: [], refused: 0, doubtful: 0, keySets: 2 },
		...{ noise: { largest: 0.25, rms: 0.1 }, ratio: 1.1 },
	},
};
const all = (...names: readonly string[]): ReadonlyMap<string, Baseline> =>
	new Map(names.map((name) => [name, baseline]));

test('every point has a name of its own, options that JSON keeps, and a tolerance', () => {
	assert.is(new Set(points.map(({ name }) => name)).size, points.length);
	for (const point of points) {
		assert.equal(JSON.parse(JSON.stringify(point.options)), point.options);
		assert.ok(toleranceOf(point).accuracy >= TOLERANCE.accuracy && toleranceOf(point).accuracy <= 0.005);
	}
});

test('a point that could not be measured fails, and leaves its baseline as it is', () => {
	const { checks, baseline: now } = verdictOf(points[0] as Point, 'the process ended with 1', baseline, true);
	assert.equal(checks, [{ what: 'not measured: the process ended with 1', passed: false }]);
	assert.is(now, undefined);
	assert.is(accepted(['a'], all('a'), new Map()).get('a'), baseline);
});

test('a baseline of no point fails until it is accepted away', () => {
	assert.is(strayChecks(['a', 'b'], all('a', 'gone')).length, 1);
	assert.equal([...accepted(['a', 'b'], all('gone', 'a'), all('b')).keys()], ['a', 'b']);
});

test('models/baselines.json has nothing that is no point, and its options are those of the points', () => {
	const baselines = readBaselines();
	const names = points.map(({ name }) => name);
	assert.equal(strayChecks(names, baselines), []);
	for (const { name, options } of points) assert.equal(baselines.get(name)?.options ?? options, options, name);
});

test('points without a baseline come first, then those that take longest', () => {
	const known = new Map([
		['small', { keyBytes: 9e6 }],
		['large', { keyBytes: 9e8 }],
		['quick', { keyBytes: 2e5 }],
	]);
	assert.equal(dearestFirst(['quick', 'small', 'new', 'large', 'newer'], known), [
		'new',
		'newer',
		'large',
		'small',
		'quick',
	]);
});

test('accepting shows each number that changes, before and after, and nothing else', () => {
	const now: Baseline = { ...baseline, keys: 20, tolerance: { ...TOLERANCE, accuracy: 0.005 } };
	const text = changeTable([
		{ name: 'a', before: baseline, now },
		{ name: 'b', before: baseline, now: baseline },
	]);
	const lines = text.split('\n').slice(2);
	assert.is(lines.length, 2);
	assert.match(lines[0] ?? '', /^\| a \| tolerance \| .*0\.002.* \| .*0\.005.* \|$/);
	assert.is(lines[1], '| a | keys | 18 | 20 |');
	assert.is(changeTable([{ name: 'a', before: baseline, now: baseline }]), 'Nothing changes.');
	assert.match(changeTable([{ name: 'a', before: undefined, now: baseline }]), /\| a \| accuracy \| none \| 0\.98 \|/);
});

test('a measurement is one line with a cell for every column; a regression has no flips there', () => {
	const row = { name: 'a fast', folder: 'a', regression: false, found: measurement };
	const [head = '', , line = '', ...others] = measurementTable([row]).split('\n');
	assert.equal(others, []);
	assert.is(line.split('|').length, head.split('|').length);
	for (const part of ['98.00 %', '97.00 %', '1 (1 beyond margin)', '4, 2 key sets', '2.0 bits', '9.0 MB'])
		assert.ok(line.includes(`| ${part} |`), `${part} in ${line}`);
	const regression = measurementTable([{ ...row, regression: true }]);
	assert.match(regression, /R\^2 0\.9700/);
	assert.not.match(regression, /beyond margin/);
	assert.match(
		summaryTable([row]),
		/\| \[a fast\]\(\.\.\/models\/a\) \| 100 \| 98\.00 % \| 97\.00 % \| 99\.00 % \| 8192 \|/,
	);
});

test.run();
