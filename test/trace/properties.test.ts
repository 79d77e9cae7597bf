import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	add,
	compile,
	concat,
	type Expression,
	encrypted,
	matmul,
	mul,
	neg,
	polynomial,
	pow,
	randomSamples,
	rotate,
	slice,
	square,
	sub,
	sum,
	trace,
} from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { rawOf } from '../compile/encrypted.ts';

const N = 4;
type Vector = readonly number[];

/** An operation on vectors of N numbers, traced and in plain JavaScript. */
type Operation = {
	readonly name: string;
	readonly traced: (a: Expression, b: Expression) => Expression;
	readonly plain: (a: Vector, b: Vector) => Vector;
};

const matrix = Array.from({ length: N }, (_, i) => Array.from({ length: N }, (_, j) => Math.cos(3 * i + j) / 2));
const at = (v: Vector, i: number): number => v[((i % N) + N) % N] ?? Number.NaN;
const each = (f: (a: number, b: number) => number) => (a: Vector, b: Vector) => a.map((v, i) => f(v, at(b, i)));

const operations: readonly Operation[] = [
	{ name: 'add', traced: (a, b) => add(a, b), plain: each((a, b) => a + b) },
	{ name: 'sub', traced: (a, b) => sub(a, b), plain: each((a, b) => a - b) },
	{ name: 'mul', traced: (a, b) => mul(a, b), plain: each((a, b) => a * b) },
	{ name: 'neg', traced: (a) => neg(a), plain: each((a) => -a) },
	{ name: 'square', traced: (a) => square(a), plain: each((a) => a * a) },
	{ name: 'cube', traced: (a) => pow(a, 3), plain: each((a) => a ** 3) },
	{ name: 'half', traced: (a) => mul(a, 0.5), plain: each((a) => a / 2) },
	{
		name: 'shift',
		traced: (a) => add(a, [0.1, -0.2, 0.3, 0]),
		plain: (a) => a.map((v, i) => v + at([0.1, -0.2, 0.3, 0], i)),
	},
	{ name: 'polynomial', traced: (a) => polynomial(a, [0.5, -1, 0.25]), plain: each((a) => 0.5 - a + 0.25 * a * a) },
	{ name: 'left', traced: (a) => rotate(a, 1), plain: (a) => a.map((_, i) => at(a, i + 1)) },
	{ name: 'right', traced: (a) => rotate(a, -2), plain: (a) => a.map((_, i) => at(a, i - 2)) },
	{
		name: 'halves',
		traced: (a, b) => concat([slice(a, 0, 2), slice(b, 2, 4)]),
		plain: (a, b) => [...a.slice(0, 2), ...b.slice(2)],
	},
	{
		name: 'less the sum',
		traced: (a, b) => sub(a, mul(sum(b), 0.25)),
		plain: (a, b) => a.map((v) => v - b.reduce((t, w) => t + w, 0) / 4),
	},
	{
		name: 'matrix',
		traced: (a) => matmul(matrix, a),
		plain: (a) => matrix.map((row) => row.reduce((t, m, j) => t + m * at(a, j), 0)),
	},
];

/** Programs as lists of steps: each takes two of the values so far, of which the inputs are the first two. */
type Step = { readonly operation: Operation; readonly a: number; readonly b: number };
const steps = fc.array(fc.record({ operation: fc.constantFrom(...operations), a: fc.nat(20), b: fc.nat(20) }), {
	minLength: 1,
	maxLength: 6,
});

/** The values of all steps; the last one is the result. */
const run = <T>(inputs: readonly [T, T], list: readonly Step[], apply: (step: Step, a: T, b: T) => T): T => {
	const values: T[] = [...inputs];
	for (const step of list) {
		const [a, b] = [step.a, step.b].map((place) => values[place % values.length]);
		values.push(apply(step, a ?? inputs[0], b ?? inputs[1]));
	}
	return values.at(-1) ?? inputs[0];
};

const inputs = { x: encrypted([N]), y: encrypted([N]) };

/** The program, and parts of its inputs that nothing cancels: on what the result does not depend is no input of what is compiled. */
const traced = (list: readonly Step[]) =>
	trace(
		({ x, y }) =>
			add(
				run<Expression>([x, y], list, ({ operation }, a, b) => operation.traced(a, b)),
				add(mul(x, 1.7), mul(y, 0.9)),
			),
		inputs,
	);

const plainly = (x: Vector, y: Vector, list: readonly Step[]): Vector =>
	run<Vector>([x, y], list, ({ operation }, a, b) => operation.plain(a, b)).map(
		(v, i) => v + 1.7 * at(x, i) + 0.9 * at(y, i),
	);

const apart = (a: ArrayLike<number> | undefined, b: Vector): number =>
	a?.length === b.length ? Math.max(...b.map((v, i) => Math.abs(v - (a[i] ?? Number.NaN)))) : Number.NaN;

const named = (list: readonly Step[]): string =>
	list.map(({ operation, a, b }) => `${operation.name} ${a} ${b}`).join('; ');

test('recorded programs compute what plain JavaScript does', () => {
	fc.assert(
		fc.property(steps, (list) => {
			const program = traced(list);
			const { graph } = importModel(program);
			const [[x = new Float64Array()] = [], [y = new Float64Array()] = []] = [...randomSamples(program, 1, 3).values()];
			const result = evaluate(graph, new Map([['x', x], ['y', y]])).get('result'); // biome-ignore format: one thought
			assert.ok(apart(result, plainly([...x], [...y], list)) < 1e-9, named(list));
		}),
		{ seed: 21, numRuns: 300 },
	);
});

test('compiled programs compute the same without noise, and within the predicted error with it', async () => {
	await fc.assert(
		fc.asyncProperty(steps, async (list) => {
			const program = traced(list);
			const compiled = compile(program, { calibration: randomSamples(program, 32) });
			const samples = [...randomSamples(program, 2, 3)].flatMap(([name, rows]) =>
				rows.map((row, i) => ({ name, row, i })),
			);
			const packed = [0, 1].map(
				(i) => new Map(samples.filter((one) => one.i === i).map(({ name, row }) => [name, row])),
			);
			const [clear, noisy] = [
				await evaluateLocally(compiled.program, 'clear', packed),
				await evaluateLocally(compiled.program, 'simulate', packed),
			];
			const bound = compiled.program.client.outputs[0]?.predictedError ?? 0;
			packed.forEach((sample, i) => {
				const expected = plainly([...(sample.get('x') ?? [])], [...(sample.get('y') ?? [])], list);
				const [exact, found] = [clear[i], noisy[i]].map((result) => result && rawOf(result).get('result'));
				assert.ok(apart(exact, expected) < 1e-6, named(list));
				assert.ok(apart(found, expected) <= bound + 1e-6, named(list));
			});
		}),
		{ seed: 22, numRuns: 25 },
	);
});

test.run();
