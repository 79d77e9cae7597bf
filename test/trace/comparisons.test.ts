import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	CompileError,
	compare,
	compile,
	encrypted,
	greater,
	less,
	max,
	min,
	mul,
	randomSamples,
	sign,
	type Traced,
	trace,
	where,
} from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { rawOf, runEncrypted } from '../compile/encrypted.ts';

const pair = { x: encrypted([8]), y: encrypted([8]) };
const told = { gap: 0.2, most: 2 };
const chosen = trace(({ x, y }) => {
	const isGreater = greater(x, y, told);
	return { isGreater, isLess: less(x, y, told), compared: compare(x, y, told), larger: where(isGreater, x, y) };
}, pair);

type Pair = readonly [x: Float64Array, y: Float64Array];

const pairsOf = (program: Traced, count: number, seed: number): readonly Pair[] => {
	const [xs = [], ys = []] = [...randomSamples(program, count, seed).values()];
	return xs.map((x, i) => [x, ys[i] ?? x]);
};

/** Calls `check` with each result and the numbers it is of. */
const forAll = (
	pairs: readonly Pair[],
	results: readonly ReadonlyMap<string, Float64Array>[],
	check: (result: (name: string) => number, x: number, y: number) => void,
): void => {
	assert.is(results.length, pairs.length);
	results.forEach((result, i) => {
		const [x, y] = pairs[i] ?? [new Float64Array(), new Float64Array()];
		x.forEach((value, k) => {
			check((name) => result.get(name)?.[k] ?? Number.NaN, value, y[k] ?? Number.NaN);
		});
	});
};

test('encrypted numbers are compared, and chosen by it', async () => {
	const { program } = compile(chosen);
	const pairs = pairsOf(chosen, 2, 5);
	const results = (await runEncrypted(program, pairs.map(([x, y]) => new Map([['x', x], ['y', y]])))).map(rawOf); // biome-ignore format: one thought
	let [apart, near] = [0, 0];
	forAll(pairs, results, (result, x, y) => {
		const [isGreater, compared] = [result('isGreater'), result('compared')];
		assert.ok(Math.abs(isGreater + result('isLess') - 1) < 0.01);
		assert.ok(Math.abs(2 * isGreater - 1 - compared) < 0.01);
		if (Math.abs(x - y) < told.gap) {
			near++;
			assert.ok(isGreater > -0.02 && isGreater < 1.02);
		} else {
			apart++;
			assert.ok(Math.abs(compared - Math.sign(x - y)) < 0.015, `${x} and ${y}: ${compared}`);
			assert.ok(Math.abs(result('larger') - Math.max(x, y)) < 0.025);
		}
	});
	assert.ok(apart > 4 && near > 0);
});

test('a narrower gap takes more levels, and is told apart as well', async () => {
	const fine = trace(({ x, y }) => greater(x, y, { gap: 0.02, most: 2 }), pair);
	const { program, stages } = compile(fine);
	assert.is(stages.depth, 10);
	const pairs = pairsOf(fine, 20, 6);
	const samples = pairs.map(([x, y]) => new Map([['x', x], ['y', y]])); // biome-ignore format: one thought
	forAll(pairs, (await evaluateLocally(program, 'simulate', samples)).map(rawOf), (result, x, y) => {
		if (Math.abs(x - y) >= 0.02) assert.ok(Math.abs(result('result') - Number(x > y)) < 0.01);
	});
});

test('what depends on no condition is chosen by it too', async () => {
	const program = trace(({ x }) => where(greater(x, 0, { gap: 0.5 }), [1, 2, 3, 4], 5), {
		x: encrypted([4], { range: [-1, 1] }),
	});
	const sample = new Map([['x', Float64Array.of(1, -1, 0.5, -0.5)]]);
	const [result] = await evaluateLocally(compile(program).program, 'simulate', [sample]);
	assert.ok(result);
	const values = rawOf(result).get('result') ?? [];
	[1, 5, 3, 5].forEach((value, i) => {
		assert.ok(Math.abs(value - (values[i] ?? Number.NaN)) < 0.1);
	});
});

test('the largest difference follows from the ranges of the inputs', () => {
	const [range, gap] = [[0, 3] as const, 0.5];
	const inputs = { x: encrypted([4], { range }), y: encrypted([4], { range }) };
	const given = trace(({ x, y }) => greater(mul(x, 2), y, { gap, most: 6 }), inputs);
	const found = trace(({ x, y }) => greater(mul(x, 2), y, { gap }), inputs);
	assert.equal(found.model.graph?.initializer, given.model.graph?.initializer);
});

test('larger and smaller values are fitted as near as is asked', async () => {
	const extremes = trace(({ x, y }) => ({ larger: max(x, y), smaller: min(x, y) }), pair);
	const { program } = compile(extremes, { maxError: 0.01 });
	const pairs = pairsOf(extremes, 20, 8);
	const samples = pairs.map(([x, y]) => new Map([['x', x], ['y', y]])); // biome-ignore format: one thought
	forAll(pairs, (await evaluateLocally(program, 'simulate', samples)).map(rawOf), (result, x, y) => {
		assert.ok(Math.abs(result('larger') - Math.max(x, y)) < 0.03);
		assert.ok(Math.abs(result('smaller') - Math.min(x, y)) < 0.03);
	});
});

test('what is no gap is refused at the line of the caller', () => {
	const refused = (gap: number, most = 1, error = 0.01): CompileError => {
		try {
			trace(({ x }) => sign(x, { gap, most, error }), { x: encrypted([2]) });
		} catch (thrown) {
			if (thrown instanceof CompileError) return thrown;
			throw thrown;
		}
		throw new Error('not refused');
	};
	for (const [gap, most, error] of [
		[0, 1, 0.01],
		[2, 1, 0.01],
		[Number.NaN, 1, 0.01],
		[0.1, Number.POSITIVE_INFINITY, 0.01],
		[0.1, 1, 0],
	] as const) {
		// biome-ignore format: one list
		const [issue] = refused(gap, most, error).issues;
		assert.is(issue?.code, 'option');
		assert.match(issue?.message ?? '', /^.*comparisons\.test\.ts:\d+: sign of \[2\]: /);
	}
	assert.is(refused(1e-6, 1, 1e-6).issues[0]?.code, 'parameters');
	assert.throws(() => trace(({ x }) => sign(x, { gap: 0.1 }), { x: encrypted([2]) }), /say it \(most\)/);
});

test.run();
