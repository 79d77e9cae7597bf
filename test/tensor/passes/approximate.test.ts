import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../../compiler/errors.ts';
import { leastSquares } from '../../../compiler/numeric/fit.ts';
import { argMax, evaluate } from '../../../compiler/tensor/evaluate.ts';
import { type Activation, type BodyKind, type Graph, seriesAt } from '../../../compiler/tensor/graph.ts';
import { approximate } from '../../../compiler/tensor/passes/approximate.ts';
import type { Tail } from '../../../compiler/tensor/passes/split.ts';
import { inputBounds } from '../../../compiler/tensor/ranges.ts';
import { verify } from '../../../compiler/tensor/verify.ts';
import { dense, Sketch } from '../graphs.ts';

/** Numbers in [-1, 1) that look random: the bits of the index and stream, mixed by multiplications. */
const scattered = (index: number, stream: number): number => {
	let bits = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b);
	bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
	bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
	return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 31 - 1;
};
const weights = (rows: number, columns: number, stream: number): readonly (readonly number[])[] =>
	Array.from({ length: rows }, (_, i) =>
		Array.from({ length: columns }, (_, j) => (2 * scattered(i * columns + j, stream)) / Math.sqrt(columns)),
	);
const samplesOf = (count: number, size: number): Map<string, Float64Array[]> =>
	new Map([
		[
			'x',
			Array.from({ length: count }, (_, s) =>
				Float64Array.from({ length: size }, (_, i) => scattered(s * size + i, 40)),
			),
		],
	]);

/** Two hidden layers of 16 with the activation, then a layer of the given weights (random ones by default). */
const perceptron = (fn: Activation, outputs: number, last = weights(outputs, 16, 3)): Graph<BodyKind> => {
	const sketch = new Sketch();
	const x = sketch.input('x', [8]);
	const a = sketch.affine([{ x, matrix: dense(weights(16, 8, 1)) }], [16]);
	const b = sketch.activation(a, fn, [16]);
	const c = sketch.affine([{ x: b, matrix: dense(weights(16, 16, 2)) }], [16]);
	const d = sketch.activation(c, fn, [16]);
	const y = sketch.affine([{ x: d, matrix: dense(last) }], [outputs]);
	return sketch.graph({ y: [y, [outputs]] }) as Graph<BodyKind>;
};
/** Samples around four centers, and the perceptron whose last layer is trained by least squares to tell them apart. */
const classifier = (fn: Activation, count: number) => {
	const centers = weights(4, 8, 50);
	const rows = Array.from({ length: count }, (_, s) =>
		Float64Array.from(centers[s % 4] ?? [], (c, i) => 1.2 * c + 0.2 * scattered(s * 8 + i, 51)),
	);
	const identity16 = Array.from({ length: 16 }, (_, i) => Array.from({ length: 16 }, (_, j) => (i === j ? 1 : 0)));
	const hidden = perceptron(fn, 16, identity16);
	const features = rows.flatMap((x) => [...(evaluate(hidden, new Map([['x', x]])).get('y') ?? [])]);
	const last = [0, 1, 2, 3].map((label) => {
		const target = Float64Array.from(rows, (_, s) => (s % 4 === label ? 1 : -1));
		return leastSquares(Float64Array.from(features), target, 16);
	});
	return { graph: perceptron(fn, 4, last), samples: new Map([['x', rows]]) };
};
const inputs = new Map([['x', inputBounds([8], [-1, 1])]]);
const softmax = new Map<string, Tail>([['y', [{ op: 'softmax', axis: 0 }]]]);
const none = new Map<string, Tail>([['y', []]]);

test('a classifier keeps its decisions on the calibration samples, as reported', () => {
	const { graph, samples } = classifier('relu', 200);
	const { graph: result, report, levels } = approximate(graph, { samples, inputs, tails: softmax });
	verify(result);
	const rows = samples.get('x') ?? [];
	const label = (g: Graph, x: Float64Array): number => argMax(evaluate(g, new Map([['x', x]])).get('y') ?? []);
	const equal = rows.filter((x) => label(graph, x) === label(result, x)).length / rows.length;
	assert.ok(equal >= 0.995);
	const lean = approximate(graph, { samples, inputs, tails: softmax, accuracyBudget: 0.2 });
	assert.ok(lean.levels < levels && Math.max(...lean.report.activations.map(({ degree }) => degree)) <= 8);
	assert.ok(Math.abs((report.agreement?.decisions ?? 0) - equal) < 0.03);
	assert.is(report.samples, 200);
	assert.equal(report.warnings, []);
	assert.equal(
		report.activations.map(({ fn, source }) => `${fn} ${source}`),
		['relu calibration', 'relu calibration'],
	);
});

test('an output that is a value is met to 2 %, and the search stops at the smallest degree that does', () => {
	const graph = perceptron('tanh', 1);
	const samples = samplesOf(100, 8);
	const errorAt = (degree?: number): number => {
		const { graph: result } = approximate(graph, { samples, inputs, tails: none, degree });
		const rows = (samples.get('x') ?? []).map((x) => new Map([['x', x]]));
		const exact = rows.map((x) => evaluate(graph, x).get('y')?.[0] as number);
		const other = rows.map((x) => evaluate(result, x).get('y')?.[0] as number);
		const mean = exact.reduce((a, b) => a + b, 0) / exact.length;
		const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
		return rms(exact.map((v, i) => v - (other[i] as number))) / rms(exact.map((v) => v - mean));
	};
	const { report } = approximate(graph, { samples, inputs, tails: none });
	const degree = Math.max(...report.activations.map((fit) => fit.degree));
	assert.ok(errorAt() <= 0.02);
	assert.ok((report.agreement?.relativeErrors.get('y') ?? 9) <= 0.02);
	for (const smaller of [2, 3, 4].filter((d) => d < degree)) assert.ok(errorAt(smaller) > 0.02, `${smaller}`);
});

test('calibrated intervals hold all values that reach the activation, with 10 % to spare', () => {
	const graph = perceptron('gelu', 3);
	const samples = samplesOf(64, 8);
	const { report } = approximate(graph, { samples, inputs, tails: none, degree: 3 });
	let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const x of samples.get('x') ?? [])
		for (const row of weights(16, 8, 1)) {
			const v = row.reduce((sum, w, i) => sum + w * (x[i] as number), 0);
			[low, high] = [Math.min(low, v), Math.max(high, v)];
		}
	const [from, to] = report.activations[0]?.interval ?? [0, 0];
	assert.ok(Math.abs(from - (low - 0.1 * (high - low))) < 1e-9);
	assert.ok(Math.abs(to - (high + 0.1 * (high - low))) < 1e-9);
});

test('reported errors are those of the polynomial in the graph', () => {
	const { graph, report } = approximate(perceptron('silu', 2), { samples: samplesOf(64, 8), inputs, tails: none });
	const node = graph.nodes.find(({ kind }) => kind === 'polynomial');
	const fit = report.activations[0];
	assert.ok(node?.kind === 'polynomial' && fit !== undefined);
	if (node?.kind !== 'polynomial' || fit === undefined) return;
	const { center, radius, coefficients } = seriesAt(node, 0);
	let largest = 0;
	for (let i = 0; i <= 5000; i++) {
		const t = (2 * i) / 5000 - 1;
		const x = center + radius * t;
		const value = coefficients.reduce((sum, c, k) => sum + c * Math.cos(k * Math.acos(t)), 0);
		largest = Math.max(largest, Math.abs(value - x / (1 + Math.exp(-x))));
	}
	assert.ok(Math.abs(fit.maxError / largest - 1) < 0.01);
	assert.ok(fit.rmsError > 0 && fit.rmsError < fit.maxError);
});

test('thin calibration and unreachable accuracy are warned about', () => {
	const { report } = approximate(perceptron('relu', 1), { samples: samplesOf(5, 8), inputs, tails: none, degree: 2 });
	assert.is(report.warnings.length, 2);
	assert.match(report.warnings[0] as string, /only 5 calibration samples/);
	assert.match(report.warnings[1] as string, /less than asked for/);
});

test('without calibration the fit is uniform to 1 % of the range over the propagated interval', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const scaled = sketch.affine(
		[
			{
				x,
				matrix: dense([
					[3, -2],
					[0, 1],
				]),
			},
		],
		[2],
	);
	const y = sketch.activation(scaled, 'sigmoid', [2]);
	const graph = sketch.graph({ y: [y, [2]] }) as Graph<BodyKind>;
	const bounds = new Map([['x', inputBounds([2], [-1, 1])]]);
	const { graph: result, report } = approximate(graph, { inputs: bounds, tails: none });
	verify(result);
	const fit = report.activations[0];
	assert.equal(fit?.interval, [-5, 5]);
	assert.is(fit?.source, 'propagated');
	assert.is(report.warnings.length, 1);
	assert.match(report.warnings[0] as string, /no calibration data/);
	for (let i = -20; i <= 20; i++) {
		const sample = new Map([['x', Float64Array.of(i / 20, -i / 20)]]);
		const exact = 1 / (1 + Math.exp(-i / 4));
		assert.ok(Math.abs((evaluate(result, sample).get('y')?.[0] ?? 9) - exact) <= 0.01);
	}
	const wide = new Map([['x', inputBounds([2], [-1000, 1000])]]);
	const far = approximate(graph, { inputs: wide, tails: none }).report;
	assert.is(far.activations[0]?.degree, 31);
	assert.match(far.warnings[1] as string, /even at degree 31: give calibration data/);
});

/** y = fn(x) of eight elements, and samples of which most lie around 1 and each 16th anywhere in [least, 1]. */
const divided = (fn: 'reciprocal' | 'power', least: number) => {
	const sketch = new Sketch();
	const x = sketch.input('x', [8]);
	const parameters = fn === 'power' ? [-0.5] : [];
	const y = sketch.builder.add({ kind: 'activation', x, fn, parameters, shape: [8], origin: fn });
	const rows = Array.from({ length: 200 }, (_, s) =>
		Float64Array.from({ length: 8 }, (_, i) =>
			(8 * s + i) % 16 === 0 ? least ** ((1 + scattered(8 * s + i, 3)) / 2) : 1 + 0.1 * scattered(8 * s + i, 4),
		),
	);
	return { graph: sketch.graph({ y: [y, [8]] }) as Graph<BodyKind>, samples: new Map([['x', rows]]) };
};

test('a divisor is near where the data are, and divides everywhere between them, over ranges of 1:100', () => {
	for (const fn of ['reciprocal', 'power'] as const)
		for (const least of [0.1, 0.01]) {
			const { graph, samples } = divided(fn, least);
			const { graph: result, report } = approximate(graph, { samples, inputs, tails: none });
			const [low = 0, high = 0] = report.activations[0]?.interval ?? [];
			assert.ok(low > 0 && low <= least ** 0.99 && high >= 1.1, `${low} to ${high}`);
			const off = (x: number): number => {
				const sample = new Map([['x', new Float64Array(8).fill(x)]]);
				const [exact, other] = [graph, result].map((g) => evaluate(g, sample).get('y')?.[0] as number);
				return Math.abs((other as number) / (exact as number) - 1);
			};
			const errors = (samples.get('x') ?? []).flatMap((x) => [...x]).map(off);
			const rms = Math.hypot(...errors) / Math.sqrt(errors.length);
			assert.ok(rms <= 0.011, `${fn} from ${least}: ${rms} (rms)`);
			const between = Array.from({ length: 500 }, (_, i) => off(low * (high / low) ** (i / 499)));
			assert.ok(Math.max(...between) <= 0.51, `${fn} from ${least}: ${Math.max(...between)}`);
		}
});

test('a divisor gets the degree it needs, the others the one that the outputs need', () => {
	const { graph, samples } = divided('reciprocal', 0.05);
	const degreeOf = (degree?: number) =>
		approximate(graph, { samples, inputs, tails: none, degree }).report.activations[0]?.degree;
	assert.is(degreeOf(3), 3);
	assert.ok((degreeOf() ?? 0) > 8);
});

test('what ranges too widely to be divided by is warned about; without data it is refused', () => {
	const { graph, samples } = divided('reciprocal', 1e-5);
	const { report } = approximate(graph, { samples, inputs, tails: none });
	assert.match(report.warnings.join('\n'), /that divides by values from .* is off by up to .* on the samples \(rms\)/);
	const bounds = (low: number) => new Map([['x', inputBounds([8], [low, 1])]]);
	assert.throws(
		() => approximate(graph, { inputs: bounds(1e-5), tails: none }),
		(error: unknown) => error instanceof CompileError && /no polynomial/.test(error.message),
	);
	assert.is(approximate(graph, { inputs: bounds(0.1), tails: none }).report.warnings.length, 1);
});

test('an accuracy that was asked for may take degree 63; what jumps is refused instead', () => {
	const ended = (fn: 'abs' | 'thresholdedRelu') => {
		const sketch = new Sketch();
		const x = sketch.input('x', [8]);
		const parameters = fn === 'abs' ? [] : [0.5];
		const y = sketch.builder.add({ kind: 'activation', x, fn, parameters, shape: [8], origin: fn });
		return sketch.graph({ y: [y, [8]] }) as Graph<BodyKind>;
	};
	const samples = samplesOf(64, 8);
	const asked = { samples, inputs, tails: none, maxError: 0.006 };
	assert.ok((approximate(ended('abs'), asked).report.activations[0]?.degree ?? 0) > 31);
	assert.throws(
		() => approximate(ended('thresholdedRelu'), asked),
		(error: unknown) => error instanceof CompileError && error.issues[0]?.op === 'ThresholdedRelu',
	);
	const tooMuch = { ...asked, maxError: 1e-6 };
	assert.throws(() => approximate(ended('abs'), tooMuch), /of degree 6\d; 0\.0001 % was asked for/);
	const { warnings } = approximate(ended('thresholdedRelu'), { samples, inputs, tails: none }).report;
	assert.match(warnings.join('\n'), /ThresholdedRelu jumps by 0.5/);
});

test('values that overflow are refused once, in the model or in its polynomials', () => {
	const refusal = (graph: Graph, options: Partial<Parameters<typeof approximate>[1]>): readonly string[] => {
		try {
			approximate(graph as Graph<BodyKind>, { inputs, tails: none, ...options });
		} catch (error) {
			if (error instanceof CompileError) return error.issues.map(({ code, message }) => `${code}: ${message}`);
			throw error;
		}
		return [];
	};
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const square = sketch.multiply(x, x, [2]);
	const difference = sketch.affine([{ x: square, matrix: dense([[1, -1]]) }], [1]);
	const first = sketch.activation(difference, 'sigmoid', [1]);
	const second = sketch.activation(first, 'log', [1]);
	const graph = sketch.graph({ y: [second, [1]] });
	const huge = new Map([['x', [Float64Array.of(1e200, 2e200), Float64Array.of(2e200, 1e200)]]]);
	for (const options of [{ samples: huge }, { inputs: new Map([['x', inputBounds([2], [1e199, 1e200])]]) }]) {
		const issues = refusal(graph, options);
		assert.is(issues.length, 1);
		assert.match(issues[0] ?? '', /^range: .*no finite polynomial/);
	}
	// Exactly 0, but for the errors of two polynomials.
	const other = new Sketch();
	const z = other.input('x', [2]);
	const identity = dense([[1e200, 0], [0, 1e200]]); // biome-ignore format: one thought
	const negative = dense([[-1e200, 0], [0, -1e200]]); // biome-ignore format: one thought
	const terms = [
		{ x: other.activation(z, 'relu', [2]), matrix: identity },
		{ x: other.activation(z, 'clip', [2]), matrix: negative },
	];
	const nothing = other.affine(terms, [2]);
	const samples = new Map([['x', Array.from({ length: 9 }, (_, i) => Float64Array.of(i / 8, -i / 8))]]);
	assert.match(
		refusal(other.graph({ y: [other.multiply(nothing, nothing, [2]), [2]] }), { samples })[0] ?? '',
		/overflows/,
	);
});

test('a graph without activations passes through, and nothing is reported', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const { graph, report } = approximate(sketch.graph({ y: [sketch.multiply(x, x, [2]), [2]] }) as Graph<BodyKind>, {
		inputs,
		tails: none,
	});
	assert.is(graph.nodes.length, 2);
	assert.equal(
		[report.activations, report.windows, report.tradeOffs, report.layers, report.warnings],
		[[], [], [], [], []],
	);
	assert.is(report.samples, 0);
});

test('impossible degrees and calibration data are refused', () => {
	const graph = perceptron('relu', 2);
	const refused = (code: string, run: () => unknown): void =>
		assert.throws(run, (error: unknown) => error instanceof CompileError && error.issues[0]?.code === code, code);
	for (const degree of [0, 2.5, 64, Number.NaN])
		refused('option', () => approximate(graph, { inputs, tails: none, degree }));
	for (const samples of [
		new Map(),
		samplesOf(0, 8),
		samplesOf(3, 7),
		new Map([['x', [new Float64Array(8).fill(Number.NaN)]]]),
	])
		refused('calibration', () => approximate(graph, { inputs, tails: none, samples }));
});

test('the same model and data give the same polynomials twice', () => {
	const run = () => approximate(perceptron('relu', 4), { samples: samplesOf(40, 8), inputs, tails: softmax });
	assert.equal(run().graph.nodes, run().graph.nodes);
});

test('without samples, degrees follow the error that is asked for, and fewer levels than that takes are the best within', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [4]);
	const graph = sketch.graph({ y: [sketch.activation(x, 'abs', [4]), [4]] }) as Graph<BodyKind>;
	const ranges = new Map([['x', inputBounds([4], [-1, 1])]]);
	const asked = approximate(graph, { inputs: ranges, tails: new Map(), maxError: 0.0012 });
	const degreeIn = ({ report }: typeof asked): number => report.activations[0]?.degree ?? 0;
	assert.equal([asked.levels, degreeIn(asked), asked.report.warnings.length], [8, 254, 1]);
	const fewer = asked.within(7);
	assert.ok(fewer);
	assert.equal([fewer.levels, degreeIn(fewer)], [7, 126]);
	assert.match(
		fewer.report.warnings.join(' '),
		/abs on \[-1, 1\] is off by up to 0\.22\d % of its range at the highest degree whose levels fit, 127/,
	);
	assert.is(fewer.within(6)?.levels, 6);
	assert.is(fewer.within(4), undefined);
	assert.is(approximate(graph, { inputs: ranges, tails: new Map() }).within(4), undefined);
});

test.run();
