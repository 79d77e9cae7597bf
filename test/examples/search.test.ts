import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile, type Traced } from '../../compiler/index.ts';
import {
	distancesTo,
	inEncryptedDatabase,
	inPlainDatabase,
	nearest,
	type Points,
	randomPoints,
} from '../../examples/search/search.ts';
import { rawOf, runEncrypted } from '../compile/encrypted.ts';

/** Distances as the client decrypts them are near those of plain JavaScript, and the nearest point is one of the nearest. */
const check = async (search: Traced, points: Points, queries: Points, given: ReadonlyMap<string, Float64Array>) => {
	const { program } = compile(search, { precision: 12 });
	const bound = program.client.outputs[0]?.predictedError ?? 0;
	const results = await runEncrypted(
		program,
		queries.map((query) => new Map([['query', query], ...given])),
	);
	assert.is(results.length, queries.length);
	results.forEach((result, i) => {
		const found = rawOf(result).get('distances') ?? new Float64Array();
		const expected = distancesTo(points, queries[i] ?? new Float64Array());
		assert.is(found.length, points.length);
		const error = Math.max(...expected.map((distance, place) => Math.abs(distance - (found[place] ?? Number.NaN))));
		assert.ok(error > 0 && error <= bound, `off by ${error}, predicted ${bound}`);
		const [first = -1] = nearest(found);
		assert.ok((expected[first] ?? Number.NaN) <= Math.min(...expected) + 2 * bound);
	});
	return results.map((result) => nearest(rawOf(result).get('distances') ?? [])[0]);
};

test('the nearest of 1000 points of 64 numbers is found for an encrypted query', async () => {
	const points = randomPoints(1000, 64, 3);
	const known = points[421] ?? new Float64Array();
	const near = known.map((v) => 0.9 * v);
	const found = await check(inPlainDatabase(points), points, [near, known, ...randomPoints(1, 64, 9)], new Map());
	assert.equal(found.slice(0, 2), [421, 421]);
});

test('the nearest of 100 encrypted points of 16 numbers is found for an encrypted query', async () => {
	const points = randomPoints(100, 16, 4);
	const database = Float64Array.from(points.flatMap((point) => [...point]));
	const near = (points[17] ?? new Float64Array()).map((v) => 0.9 * v);
	const queries = [near, ...randomPoints(2, 16, 10)];
	const found = await check(inEncryptedDatabase(100, 16), points, queries, new Map([['points', database]]));
	assert.is(found[0], 17);
});

test('the nearest are in order', () => {
	assert.equal(nearest([3, 1, 2], 2), [1, 2]);
	assert.equal(distancesTo([Float64Array.of(1, 2)], Float64Array.of(0, 0)), [5]);
});

test.run();
