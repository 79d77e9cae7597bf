import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../runtime/backends/random.ts';
import { createClient } from '../../runtime/client.ts';
import { type Draw, discreteGaussian, drawSecurely } from '../../runtime/discreteGaussian.ts';
import type { TailOp } from '../../runtime/plan.ts';
import { Publisher, type PublishOptions } from '../../runtime/publish.ts';
import type { Result } from '../../runtime/results.ts';
import { applyTail } from '../../runtime/tail.ts';
import { makeProgram, refusalOf, SCALE } from './support.ts';

const ERROR = 1e-6;
/** What the publisher takes for the largest error. */
const LARGEST = 3 * ERROR;

const clientOf = (size: number, tail: readonly TailOp[] = [], magnitude = 10) =>
	makeProgram({
		inputs: [{ shape: [1] }],
		outputs: [
			{ level: 0, scale: SCALE, encryptedShape: [1, size], tail, predictedError: ERROR, magnitude },
			{ level: 0, scale: SCALE, encryptedShape: [1, size], predictedError: ERROR / 2, magnitude },
		],
		instructions: [],
	}).client;

const resultOf = (raw: readonly number[], tail: readonly TailOp[] = [], warnings: readonly string[] = []): Result => {
	const before = { shape: [1, raw.length], data: Float64Array.from(raw) };
	return {
		outputs: new Map([
			['y0', { ...applyTail(before, tail), raw: before }],
			['y1', { ...before, raw: before }],
		]),
		warnings,
	};
};

/** Draws that are the same every time. */
const drawFrom = (seed: number): Draw => {
	const random = new Random(seed);
	return (bound) => {
		let value = 0n;
		for (let bits = 0; bits < 192; bits += 32) value = (value << 32n) | BigInt(random.bits() >>> 0);
		return value % bound;
	};
};

const publish = (raw: readonly number[], options: PublishOptions, tail: readonly TailOp[] = []) =>
	new Publisher(clientOf(raw.length, tail), {}, drawFrom(1)).publish(resultOf(raw, tail), options);

const softmax: TailOp = { op: 'softmax', axis: 1 };
const argMax: TailOp = { op: 'argMax', axis: 1, keepDims: false, selectLast: false };

test('draws of the discrete Gaussian have its probabilities', () => {
	const [sigma, count, draw] = [3, 40_000, drawFrom(5)];
	const seen = new Map<number, number>();
	for (let k = 0; k < count; k++) {
		const x = discreteGaussian(sigma, draw);
		seen.set(x, (seen.get(x) ?? 0) + 1);
	}
	const weight = (x: number): number => Math.exp(-(x * x) / (2 * sigma * sigma));
	const total = Array.from({ length: 201 }, (_, i) => weight(i - 100)).reduce((a, b) => a + b, 0);
	for (let x = -9; x <= 9; x++) {
		const expected = (count * weight(x)) / total;
		const found = seen.get(x) ?? 0;
		assert.ok(Math.abs(found - expected) < 5 * Math.sqrt(expected), `${x}: ${found}, not ${expected}`);
	}
});

test('wide draws have the variance asked for, and secure ones stay below their bound', () => {
	const [sigma, count, draw] = [2 ** 30, 4000, drawFrom(9)];
	let [sum, squares] = [0, 0];
	for (let k = 0; k < count; k++) {
		const x = discreteGaussian(sigma, draw) / sigma;
		sum += x;
		squares += x * x;
	}
	assert.ok(Math.abs(sum / count) < 5 / Math.sqrt(count));
	assert.ok(Math.abs(squares / count - 1) < 5 * Math.sqrt(2 / count));
	const drawn = new Set(Array.from({ length: 500 }, () => drawSecurely(5n)));
	assert.equal([...drawn].sort(), [0n, 1n, 2n, 3n, 4n]);
	assert.is(drawSecurely(1n), 0n);
	assert.type(discreteGaussian(1000), 'number');
});

const values = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 2, maxLength: 4 });
const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 });

/** What both give, or that it was refused as too near to call. */
const publishedOf = (raw: readonly number[], options: PublishOptions, tail: readonly TailOp[]): string => {
	try {
		const { outputs } = publish(raw, options, tail);
		return [...(outputs.get('y0')?.data ?? [])].join(' ');
	} catch {
		return 'refused';
	}
};

test('what is rounded or decided is what the exact values give, or nothing', () => {
	const modes: readonly (readonly [PublishOptions & { mode: 'round' | 'decision' }, readonly TailOp[]])[] = [
		[{ mode: 'round', digits: 3 }, []],
		[{ mode: 'round', bits: 8 }, [softmax]],
		[{ mode: 'decision' }, [softmax]],
		[{ mode: 'decision' }, [softmax, argMax]],
		[{ mode: 'decision' }, [{ op: 'sigmoid' }]],
	];
	for (const [options, tail] of modes) {
		let refused = 0;
		const near = fc.tuple(values, noise).map(([exact, errors]) => ({
			// Half of them close to where the answer turns.
			exact: exact.map((x, i) => (i % 2 === 0 ? x : Math.round(x * 2000) / 2000)),
			errors: errors.map((e) => e * LARGEST * 0.999),
		}));
		fc.assert(
			fc.property(near, ({ exact, errors }) => {
				const noisy = exact.map((x, i) => x + (errors[i] as number));
				const found = publishedOf(noisy, options, tail);
				if (found === 'refused') refused++;
				else assert.is(found, exactly(exact, options, tail));
			}),
			{ numRuns: 300, seed: 3 },
		);
		assert.ok(refused < 300, JSON.stringify(options));
	}
});

/** The same straight from its definition. */
const exactly = (
	exact: readonly number[],
	options: PublishOptions & { mode: 'round' | 'decision' },
	tail: readonly TailOp[],
): string => {
	if (options.mode === 'decision')
		return tail[0]?.op === 'sigmoid'
			? exact.map((x) => (x > 0 ? 1 : 0)).join(' ')
			: String(exact.indexOf(Math.max(...exact)));
	const unit = options.digits === undefined ? 2 ** (options.bits ?? 0) : 10 ** options.digits;
	const data = Float64Array.from(exact, (x) => (Math.round(x * unit) || 0) / unit);
	return [...applyTail({ shape: [1, exact.length], data }, tail).data].join(' ');
};

test('rounding finer than the noise allows is refused, and so is a value where it turns', () => {
	const raw = [1.234, -0.5];
	assert.equal([...(publish(raw, { mode: 'round', digits: 1 }).outputs.get('y0')?.data ?? [])], [1.2, -0.5]);
	assert.is(publish(raw, { mode: 'round', digits: 1 }).spread.get('y0'), 0.05);
	// 64 times the largest error is 1.92e-4.
	assert.not.throws(() => publish(raw, { mode: 'round', digits: 3 }));
	assert.is(
		refusalOf(() => publish(raw, { mode: 'round', digits: 4 })),
		'publish',
	);
	assert.is(
		refusalOf(() => publish([0.25 + LARGEST / 2, 0], { mode: 'round', digits: 1 })),
		'publish',
	);
	assert.not.throws(() => publish([0.25 + 2 * LARGEST, 0], { mode: 'round', digits: 1 }));
});

test('a decision within the noise is refused and counted; others are made by the tail', () => {
	const publisher = new Publisher(clientOf(3, [softmax]), { most: 2 });
	const decide = (raw: readonly number[]) => publisher.publish(resultOf(raw, [softmax]), { mode: 'decision' });
	assert.equal([...(decide([1, 3, 2]).outputs.get('y0')?.data ?? [])], [1]);
	for (let k = 0; k < 2; k++)
		assert.is(
			refusalOf(() => decide([1, 3, 3 - LARGEST])),
			'publish',
		);
	assert.equal(publisher.publications, { decided: 1, rounded: 0, flooded: 0, refused: 2 });
	assert.throws(() => decide([1, 3, 2]), /refused says too much/);

	const decided = (raw: readonly number[], ...tail: TailOp[]): readonly number[] => [
		...(publish(raw, { mode: 'decision', outputs: ['y0'] }, tail).outputs.get('y0')?.data ?? []),
	];
	assert.equal(decided([1, 5, 2], { op: 'hardmax', axis: -1 }), [0, 1, 0]);
	assert.equal(decided([1, -5, 2], { op: 'votes', classes: 3 }, argMax, { op: 'lookup', values: [7, 8, 9] }), [7]);
	assert.equal(decided([60, 50], { op: 'sigmoid' }, argMax), [0]);
	assert.equal(decided([2, -1], { op: 'sigmoid' }, { op: 'l1', axis: 1 }), [0]);
	assert.equal(decided([4, -3, 9], { op: 'select', values: [1, 0] }, { op: 'sigmoid' }), [0, 1]);
	assert.throws(() => decided([1, 2], softmax, { op: 'select', values: [1] }), /has no decision/);
	assert.throws(() => decided([1, 2], softmax, { ...argMax, axis: 0 }), /has no decision/);
	assert.throws(() => decided([1]), /has no decision/);
});

test('flooding hides the noise in every publication that is counted, and then ends', () => {
	const client = clientOf(2, [], 1e6);
	const publisher = new Publisher(client, { most: 4 }, drawFrom(3));
	const raw = [123.456, -7];
	const first = publisher.publish(resultOf(raw), { mode: 'flood' });
	for (const [name, error] of [
		['y0', LARGEST],
		['y1', LARGEST / 2],
	] as const) {
		const spread = first.spread.get(name) ?? 0;
		// Divergence of all four publications of four values, were every error as large as it gets.
		const divergence = (4 * 4 * (error / spread) ** 2) / 2;
		assert.ok(divergence <= 2 ** -30 / 24 && divergence > 2 ** -32 / 24, `${Math.log2(divergence)}`);
		const off = [...(first.outputs.get(name)?.data ?? [])].map((x, i) => (x - (raw[i] as number)) / spread);
		assert.ok(
			off.every((x) => Math.abs(x) > 1e-3 && Math.abs(x) < 5),
			String(off),
		);
	}
	for (let k = 1; k < 4; k++) publisher.publish(resultOf(raw), { mode: 'flood' });
	assert.is(publisher.publications.flooded, 4);
	assert.throws(() => publisher.publish(resultOf(raw), { mode: 'flood' }), /flooded already/);
	assert.not.throws(() => publisher.publish(resultOf(raw), { mode: 'decision' }));
	// A client that comes after goes on counting.
	const next = new Publisher(client, { most: 4, done: publisher.publications });
	assert.throws(() => next.publish(resultOf(raw), { mode: 'flood' }), /flooded already/);
});

test('flooding is refused where it would drown what is asked for, and fewer outputs take less', () => {
	assert.throws(() => publish([1, 2], { mode: 'flood' }), /takes noise of .*, more than 5\.0$/);
	const coarse = new Publisher(clientOf(2, [], 1e6), {}, drawFrom(2));
	const all = coarse.publish(resultOf([1, 2]), { mode: 'flood' }).spread.get('y0') ?? 0;
	const one = coarse.publish(resultOf([1, 2]), { mode: 'flood', outputs: ['y0'] });
	assert.equal([...one.outputs.keys()], ['y0']);
	assert.ok(Math.abs((one.spread.get('y0') ?? 0) / all - Math.SQRT1_2) < 1e-6);
	const rounded = coarse.publish(resultOf([1, 2]), { mode: 'flood', digits: -3 });
	assert.ok(rounded.outputs.get('y0')?.data.every((x) => x % 1000 === 0));
	assert.is(
		refusalOf(() => coarse.publish(resultOf([1, 2]), { mode: 'flood', digits: 0 })),
		'publish',
	);
});

test('what is implausible, of another program or not understood is never shared', () => {
	const publisher = new Publisher(clientOf(2));
	const code = (result: Result, options: object): string =>
		refusalOf(() => publisher.publish(result, options as PublishOptions));
	assert.is(code(resultOf([1, 2], [], ['implausible']), { mode: 'decision' }), 'publish');
	assert.is(code(resultOf([1, 2, 3]), { mode: 'decision' }), 'misuse');
	assert.is(code(resultOf([1, Number.NaN]), { mode: 'round', digits: 0 }), 'misuse');
	assert.is(code({ outputs: new Map(), warnings: [] }, { mode: 'decision' }), 'misuse');
	assert.is(code(resultOf([1, 2]), { mode: 'decision', outputs: ['z'] }), 'misuse');
	for (const options of [{}, { digits: 1, bits: 1 }, { digits: 0.5 }, { digits: 40 }, { bits: Number.NaN }])
		assert.is(code(resultOf([1, 2]), { mode: 'round', ...options }), 'misuse');
	assert.is(code(resultOf([1, 2]), { mode: 'raw' }), 'misuse');
	assert.equal(publisher.publications, { decided: 0, rounded: 0, flooded: 0, refused: 0 });
	assert.is(
		refusalOf(() => new Publisher(clientOf(2), { most: 0.5 })),
		'misuse',
	);
	const { outputs, ...rest } = clientOf(2);
	const unknown = { ...rest, outputs: outputs.map((output) => ({ ...output, predictedError: 0 })) };
	assert.is(
		refusalOf(() => new Publisher(unknown).publish(resultOf([1, 2]), { mode: 'decision' })),
		'program',
	);
});

test('a client publishes and counts', async () => {
	const done = { decided: 3, rounded: 0, flooded: 0, refused: 0 };
	const client = await createClient(clientOf(2), { publishing: { done } });
	const { outputs } = client.publish(resultOf([1, 2]), { mode: 'decision' });
	assert.equal([...(outputs.get('y0')?.data ?? [])], [1]);
	assert.is(client.publications.decided, 4);
	client.dispose();
});

test.run();
