import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { packSamples } from '../../runtime/inputs.ts';
import { evaluateLocally, LocalEvaluator } from '../../runtime/local.ts';
import { pack, unpack } from '../../runtime/packing.ts';
import type { TailOp } from '../../runtime/plan.ts';
import { readResults } from '../../runtime/results.ts';
import { applyTail } from '../../runtime/tail.ts';
import { everyAnswer, everyOperation, makeProgram, maxDifference, refusalOfAsync, SCALE, sampleOf } from './support.ts';

const client = makeProgram({
	inputs: [
		{ name: 'image', shape: [2, 3], range: [-1, 1] },
		{ name: '__proto__', shape: [2], range: [0, 10], head: { scale: [2, 2], shift: [1, 1] } },
	],
	outputs: [{ level: 1, scale: SCALE, encryptedShape: [3], plausible: 100, tail: [{ op: 'softmax', axis: 0 }] }],
	instructions: [],
}).client;
const good = new Map<string, ArrayLike<number>>([
	['image', [0, 0.5, -0.5, 1, -1, 0.25]],
	['__proto__', [1, 4.5]],
]);

test('runs place elements with any stride, in several slots, for several samples', () => {
	// Slots 0..2 hold elements 5, 3, 1; slots 2.. of the second run hold a copy of element 4 at slot 6.
	const runs = [
		[0, 3, 5, -2],
		[6, 1, 4, 1],
	] as const;
	const samples = [
		[0, 1, 2, 3, 4, 5],
		[10, 11, 12, 13, 14, 15],
	];
	assert.equal([...pack(runs, samples, 16, 2)], [5, 15, 3, 13, 1, 11, 0, 0, 0, 0, 0, 0, 4, 14, 0, 0]);
});

test('unpacking undoes packing for every permutation over parts', () => {
	const layout = fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 });
	fc.assert(
		fc.property(layout, fc.constantFrom(1, 2, 4), (slots, batch) => {
			const runs = slots.map((slot, element) => [slot, 1, element, 1] as const);
			const parts = [runs.filter((_, i) => i % 2 === 0), runs.filter((_, i) => i % 2 === 1)];
			const samples = Array.from({ length: batch }, (_, b) => sampleOf(12, b + 1));
			const packed = parts.map((part) => pack(part, samples, 16 * batch, batch));
			samples.forEach((sample, b) => {
				assert.equal(unpack(parts, packed, 12, b, batch), sample);
			});
		}),
	);
});

test('inputs are packed after their head, by name', () => {
	const [image, other] = packSamples(client, [good]);
	assert.equal([...(image?.[0] ?? [])].slice(0, 7), [0, 0.5, -0.5, 1, -1, 0.25, 0]);
	assert.equal([...(other?.[0] ?? [])].slice(0, 3), [3, 10, 0]);
});

const refusedWith = (sample: ReadonlyMap<string, ArrayLike<number>>, ...patterns: RegExp[]): void => {
	try {
		packSamples(client, [sample]);
	} catch (error) {
		assert.instance(error, RefusedError);
		const { code, message, hint } = error as RefusedError;
		assert.is(code, 'input');
		for (const pattern of patterns) assert.match(`${message} ${hint ?? ''}`, pattern);
		return;
	}
	assert.unreachable('nothing was refused');
};

test('an input that is missing, unknown, of the wrong length, not finite or out of range is refused by name and place', () => {
	refusedWith(new Map([['image', good.get('image') ?? []]]), /'__proto__' is missing/);
	refusedWith(new Map([...good, ['extra', [1]]]), /no input 'extra'/, /'image', '__proto__'/);
	refusedWith(new Map([...good, ['image', [1, 2]]]), /'image' has 2 values/, /\[2, 3\] holds 6/);
	for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
		refusedWith(new Map([...good, ['image', [0, 0, 0, 0, 0, bad]]]), new RegExp(`'image' is ${bad} at \\[1, 2\\]`));
	refusedWith(new Map([...good, ['image', [0, 0, 0, 1.5, 0, 0]]]), /1\.5 at \[1, 0\]/, /\[-1, 1\]/, /calibration/);
	refusedWith(new Map([...good, ['__proto__', [0, 5]]]), /is 5 \(11 once prepared\) at \[1\]/);
});

test('more samples than share a ciphertext are refused', async () => {
	const error = await refusalOfAsync((async () => packSamples(client, [good, good]))());
	assert.match(error.message, /2 samples/);
});

const tensor = { shape: [2, 3], data: Float64Array.of(1, 5, 5, 1000, -1000, 2) };

test('the tail computes softmax along the axis without overflow', () => {
	const { data } = applyTail(tensor, [{ op: 'softmax', axis: -1 }]);
	const e = Math.exp(-4);
	const expected = [e / (2 + e), 1 / (2 + e), 1 / (2 + e), 1, 0, 0];
	assert.ok(maxDifference(data, expected) < 1e-12);
	const columns = applyTail(tensor, [{ op: 'softmax', axis: 0 }]).data;
	assert.ok(Math.abs((columns[2] as number) - 1 / (1 + Math.exp(-3))) < 1e-12);
	const logs = applyTail(tensor, [{ op: 'logSoftmax', axis: 1 }]).data;
	assert.ok(Math.abs((logs[4] as number) + 2000) < 1e-9);
});

test('the tail takes the first or the last of equal maxima, and keeps or drops the axis', () => {
	const argMax = (axis: number, keepDims: boolean, selectLast: boolean) => {
		const op: TailOp = { op: 'argMax', axis, keepDims, selectLast };
		const { shape, data } = applyTail(tensor, [op]);
		return [shape, [...data]];
	};
	assert.equal(argMax(1, true, false), [
		[2, 1],
		[1, 0],
	]);
	assert.equal(argMax(-1, false, true), [[2], [2, 0]]);
	assert.equal(argMax(0, false, false), [[3], [1, 0, 0]]);
});

test('the tail gives shares along the axis, looks class numbers up and picks elements', () => {
	const scores = { shape: [2, 2], data: Float64Array.of(1, -3, 0, 0) };
	assert.equal([...applyTail(scores, [{ op: 'l1', axis: 1 }]).data], [0.25, -0.75, 0, 0]);
	assert.equal([...applyTail(scores, [{ op: 'l1', axis: 0 }]).data], [1, -1, 0, 0]);
	assert.equal([...applyTail(tensor, [{ op: 'hardmax', axis: 1 }]).data], [0, 1, 0, 1, 0, 0]);
	assert.equal([...applyTail(tensor, [{ op: 'hardmax', axis: 0 }]).data], [0, 1, 1, 1, 0, 0]);
	const pairs = { shape: [2, 3], data: Float64Array.of(1, -1, 0, 1, 1, 1) };
	assert.equal([...applyTail(pairs, [{ op: 'votes', classes: 3 }]).data], [1, 0, 2, 2, 1, 0]);
	const index: TailOp = { op: 'argMax', axis: 1, keepDims: false, selectLast: true };
	assert.equal([...applyTail(scores, [index, { op: 'lookup', values: [7, -2] }]).data], [7, -2]);
	const picked = applyTail(scores, [{ op: 'select', values: [1, 0, 1] }]);
	assert.equal([picked.shape, [...picked.data]], [[3], [-3, 1, -3]]);
});

test('the tail runs its operations in order', () => {
	const ops: TailOp[] = [{ op: 'reshape', shape: [6] }, { op: 'sigmoid' }];
	const { shape, data } = applyTail({ shape: [2, 3], data: new Float64Array(6) }, ops);
	assert.equal([shape, [...data]], [[6], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]]);
});

test('an implausible or broken output is warned about, and a good one is not', () => {
	const decrypted = (value: number) => [[new Float64Array(2048).fill(1).with(1, value)]];
	for (const value of [101, -101, Number.NaN, Number.POSITIVE_INFINITY]) {
		const [result] = readResults(client, decrypted(value), 1);
		assert.is(result?.warnings.length, 1);
		assert.match(result?.warnings[0] ?? '', /'y0'.*element 1/);
	}
	const [result] = readResults(client, decrypted(99), 1);
	assert.equal(result?.warnings, []);
	assert.is(result?.outputs.get('y0')?.raw.data[1], 99);
});

test('samples are evaluated in batches and come back in order', async () => {
	const batch = 8;
	const program = everyOperation(batch, 16);
	const samples = Array.from({ length: 19 }, (_, i) => ({ x0: sampleOf(16, i + 1) }));
	const progress: number[] = [];
	const results = await evaluateLocally(program, 'clear', samples, {
		onProgress: ({ done }) => void progress.push(done),
	});
	assert.is(progress.at(-1), 19);
	assert.is(results.length, 19);
	results.forEach(({ outputs }, i) => {
		everyAnswer(samples[i]?.x0 ?? [], 2048 / batch).forEach((expected, o) => {
			assert.ok(maxDifference(outputs.get(`y${o}`)?.data ?? [], expected) < 1e-12);
		});
	});
});

test('one evaluator gives new noise to every run and the same sequence for one seed', () => {
	const program = everyOperation();
	const sample = [{ x0: sampleOf(64) }];
	const sequence = (seed: number): (Float64Array | undefined)[] => {
		const local = new LocalEvaluator(program, 'simulate', { seed });
		return [local.run(sample), local.run(sample)].map(([result]) => result?.outputs.get('y0')?.data);
	};
	const [first, second] = sequence(1);
	assert.not.equal(first, second);
	assert.equal(sequence(1), [first, second]);
});

test.run();
