import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	abs,
	add,
	CompileError,
	compile,
	concat,
	conv,
	div,
	dot,
	encrypted,
	matmul,
	mean,
	mul,
	neg,
	op,
	plain,
	polynomial,
	powers,
	randomSamples,
	reshape,
	rotate,
	slice,
	sqrt,
	square,
	sub,
	sum,
	type Traced,
	trace,
	transpose,
} from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { runEncrypted } from '../compile/encrypted.ts';

/** What the imported graph of a program computes of x. */
const computed = (program: Traced, x: readonly number[]): readonly number[] =>
	[...(evaluate(importModel(program).graph, new Map([['x', Float64Array.from(x)]])).get('result') ?? [])].map(
		(value) => Math.round(value * 1e9) / 1e9 + 0,
	);

const messageOf = (body: () => unknown): string => {
	try {
		body();
		return '';
	} catch (error) {
		if (error instanceof CompileError) return error.message;
		throw error;
	}
};

const vector = { x: encrypted([4]) };
const matrix = { x: encrypted([3, 3]) };

test('arithmetic, movements and sums are those of JavaScript', () => {
	const x = [1, 2, 3, 4];
	assert.equal(
		computed(
			trace(({ x }) => sub(add(mul(x, x), [1, 1, 1, 1]), div(x, 2)), vector),
			x,
		),
		[1.5, 4, 8.5, 15],
	);
	assert.equal(
		computed(
			trace(({ x }) => rotate(x, 1), vector),
			x,
		),
		[2, 3, 4, 1],
	);
	assert.equal(
		computed(
			trace(({ x }) => rotate(neg(x), -1), vector),
			x,
		),
		[-4, -1, -2, -3],
	);
	assert.equal(
		computed(
			trace(({ x }) => slice(x, 1, 3), vector),
			x,
		),
		[2, 3],
	);
	assert.equal(
		computed(
			trace(({ x }) => concat([x, [9]]), vector),
			x,
		),
		[1, 2, 3, 4, 9],
	);
	assert.equal(
		computed(
			trace(({ x }) => transpose(reshape(x, [2, 2])), vector),
			x,
		),
		[1, 3, 2, 4],
	);
	assert.equal(
		computed(
			trace(({ x }) => add(sum(x), mean(x)), vector),
			x,
		),
		[12.5],
	);
	assert.equal(
		computed(
			trace(({ x }) => sum(reshape(x, [2, 2]), { axes: [0] }), vector),
			x,
		),
		[4, 6],
	);
	assert.equal(
		computed(
			trace(({ x }) => dot(x, square(x)), vector),
			x,
		),
		[100],
	);
	assert.equal(
		computed(
			trace(({ x }) => powers(x, 3)[2] ?? x, vector),
			x,
		),
		[1, 8, 27, 64],
	);
});

test('polynomials of every degree are evaluated as they are written', () => {
	for (const coefficients of [
		[7],
		[1, -2],
		[7, 3, 2],
		[0, 0, 0, 1],
		[1, 2, 0, -1, 3, 0.5, 0, 2],
		new Array(20).fill(1),
	]) {
		const expected = [0.5, -1, 1, 0].map((x) => coefficients.reduceRight((total, c) => total * x + c, 0));
		const actual = computed(
			trace(({ x }) => add(polynomial(x, coefficients), mul(x, 0.5)), vector),
			[0.5, -1, 1, 0],
		);
		actual.forEach((value, i) => {
			assert.ok(Math.abs(value - (expected[i] as number) - 0.5 * ([0.5, -1, 1, 0][i] as number)) < 1e-8);
		});
	}
});

test('matrices and images', () => {
	const x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
	assert.equal(
		computed(
			trace(({ x }) => matmul(x, [1, 0, -1]), matrix),
			x,
		),
		[-2, -2, -2],
	);
	assert.equal(
		computed(
			trace(({ x }) => matmul([1, 1, 1], x), matrix),
			x,
		),
		[12, 15, 18],
	);
	assert.equal(computed(trace(({ x }) => conv(x, [[1, 0], [0, 1]]), matrix), x), [6, 8, 12, 14]); // biome-ignore format: one thought
	assert.equal(computed(trace(({ x }) => conv(x, [[1]], { padding: 1, stride: 2 }), matrix), x), [0, 0, 0, 0, 5, 0, 0, 0, 0]); // biome-ignore format: one thought
	assert.equal(computed(trace(({ x }) => op('Trilu', [x, undefined], { upper: 0 }), matrix), x), [1, 0, 0, 4, 5, 0, 7, 8, 9]); // biome-ignore format: one thought
});

test('what is wrong is said at the line of the caller, with the shapes', () => {
	const message = messageOf(() => trace(({ x }) => matmul(x, [[1, 2]]), vector));
	assert.match(message, /trace\.test\.ts:\d+: MatMul of \[4\], \[1, 2\]: /);
	assert.match(
		messageOf(() => trace(({ x }) => op('NoSuch', [x]), vector)),
		/trace\.test\.ts:\d+: NoSuch of \[4\]/,
	);
	assert.match(
		messageOf(() => trace(({ x }) => rotate(x, 1, 3), vector)),
		/there is no axis 3/,
	);
	assert.match(
		messageOf(() => trace(({ x }) => add(x, [[1], [2, 3]]), vector)),
		/rows of different lengths/,
	);
	assert.match(
		messageOf(() => trace(({ x }) => add(x, Number.NaN), vector)),
		/not finite/,
	);
	assert.match(
		messageOf(() => trace(() => op('Sin', [1]), vector)),
		/no operand comes from an input/,
	);
	assert.match(
		messageOf(() => trace(({ x }) => ({ x }), vector)),
		/name of an input and of a result/,
	);
	assert.match(messageOf(() => trace(({ x }) => abs(x), { x: encrypted([4], { range: [1, 1] }) })), /no interval|not an interval/); // biome-ignore format: one thought
});

test('an input in the clear is a constant, and one without a value is refused', () => {
	const program = trace(({ x, w }) => mul(x, w), { x: encrypted([4]), w: plain([4]) });
	assert.match(
		messageOf(() => compile(program)),
		/'w' stays in the clear and has no value/,
	);
	const given = new Map([['w', { shape: [4], data: Float64Array.of(1, 2, 3, 4) }]]);
	assert.equal(compile(program, { plain: given }).stages.imported.inputs.length, 1);
	assert.equal(computed(trace(({ x, w }) => mul(x, w), { x: encrypted([4]), w: plain([4], [2, 0, 1, 1]) }), [1, 2, 3, 4]), [2, 0, 3, 4]); // biome-ignore format: one thought
});

test('the stated ranges are those that the client accepts', () => {
	const program = trace(({ x, y }) => add(x, y), { x: encrypted([2], { range: [0, 9] }), y: encrypted([2]) });
	const { accepted } = compile(program).stages.knowledge;
	assert.equal([...accepted], [['x', [0, 9]], ['y', [-1, 1]]]); // biome-ignore format: one thought
});

const range = [0, 1] as const;
const distance = trace(({ x, y }) => ({ distance: sqrt(sum(square(sub(x, y)))) }), {
	x: encrypted([8], { range }),
	y: encrypted([8], { range }),
});

test('a distance is right within a thousandth under encryption', async () => {
	const { program } = compile(distance, { calibration: randomSamples(distance, 200), maxError: 0.0005 });
	const [x, y] = [...randomSamples(distance, 8, 7).values()];
	const samples = (x ?? []).map((values, i) => new Map([['x', values], ['y', y?.[i] ?? values]])); // biome-ignore format: one thought
	const results = [
		...(await evaluateLocally(program, 'simulate', samples)),
		...(await runEncrypted(program, samples.slice(0, 2))),
	];
	assert.is(results.length, 10);
	results.forEach(({ outputs }, i) => {
		const [a, b] = [x?.[i % 8] ?? [], y?.[i % 8] ?? []];
		const expected = Math.hypot(...Array.from(a, (value, k) => value - (b[k] ?? 0)));
		const error = Math.abs((outputs.get('distance')?.data[0] ?? Number.NaN) - expected);
		assert.ok(error < 1e-3 * Math.sqrt(8), `off by ${error}`);
	});
});

test.run();
