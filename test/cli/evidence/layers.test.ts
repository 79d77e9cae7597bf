import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exactRun } from '../../../cli/evidence/exact.ts';
import { Excursions } from '../../../cli/evidence/excursions.ts';
import { layerErrors } from '../../../cli/evidence/layers.ts';
import { layerNoise } from '../../../cli/evidence/simulated.ts';
import { compile } from '../../../compiler/index.ts';
import { evaluateAll } from '../../../compiler/tensor/evaluate.ts';
import { floats, model } from '../../compile/models.ts';
import { node } from '../../support/onnx.ts';

/** x - dense - sigmoid - dense. */
const bytes = model(
	[
		node('Gemm', ['x', 'w', 'b'], ['h'], { name: 'first' }),
		node('Sigmoid', ['h'], ['a'], { name: 'sigmoid' }),
		node('Gemm', ['a', 'v', 'b'], ['y'], { name: 'second' }),
	],
	{ x: [1, 4] },
	['y'],
	{ w: floats([4, 4], 1), v: floats([4, 4], 2), b: floats([4], 3) },
);
const samples = Array.from({ length: 40 }, (_, i) =>
	Float64Array.from({ length: 4 }, (_, k) => Math.sin(1 + 7 * i + 3 * k)),
);
const compiled = compile(bytes, { calibration: new Map([['x', samples]]) });
const { stages } = compiled;
const inputs = samples.map((x) => new Map([['x', x]]));
const errorOf = (errors: ReturnType<typeof layerErrors>, name: string): number | null | undefined =>
	errors.find(({ origin }) => origin === name)?.relativeError;

test('the model against itself has no error in any layer', () => {
	const errors = layerErrors(stages.fused, stages.fused, inputs);
	assert.equal(errors.map(({ origin, relativeError }) => [origin, relativeError]), [['first', 0], ['sigmoid', 0], ['second', 0]]); // biome-ignore format: one row
});

test('polynomials make errors from the first function on', () => {
	const errors = layerErrors(stages.fused, stages.approximated.graph, inputs);
	assert.is(errorOf(errors, 'first'), 0);
	const [fit] = stages.approximated.report.activations;
	const values = stages.fused.nodes.findIndex(({ origin }) => origin === 'sigmoid');
	const seen = inputs.flatMap((input) => [...(evaluateAll(stages.fused, input)[values] ?? [])]);
	const mean = seen.reduce((a, b) => a + b, 0) / seen.length;
	const spread = Math.sqrt(seen.reduce((sum, v) => sum + (v - mean) ** 2, 0) / seen.length);
	// The fit knows its own error, by histograms: to some percent the same.
	const expected = (fit?.rmsError ?? Number.NaN) / spread;
	const found = errorOf(errors, 'sigmoid') ?? Number.NaN;
	assert.ok(found > 0.8 * expected && found < 1.25 * expected, `${found}, ${expected}`);
	assert.ok((errorOf(errors, 'second') ?? 0) > 0);
});

test('layers without a counterpart of their size are left out', () => {
	const renamed = {
		...stages.fused,
		nodes: stages.fused.nodes.map((each) => ({ ...each, origin: `other ${each.origin}` })),
	};
	assert.equal(layerErrors(stages.fused, renamed, inputs), []);
});

test('the values before the tail are those of the model, and none leaves what it was calibrated with', () => {
	const { raw, excursions } = exactRun(stages, inputs, 'y', () => {});
	assert.is(raw.length, samples.length);
	raw.forEach((values, i) => {
		const expected = compiled.clear(inputs[i] as (typeof inputs)[number]).get('y')?.data ?? [];
		assert.ok([...expected].every((value, k) => Math.abs(value - (values[k] ?? Number.NaN)) < 1e-12));
	});
	const [excursion] = excursions;
	assert.equal([excursion?.origin, excursion?.samples, excursion?.farthest], ['sigmoid', 0, 0]);
	assert.is(
		excursion?.histogram.reduce((a, b) => a + b, 0),
		160,
	);
});

test('inputs beyond the calibrated range are seen to leave the intervals', () => {
	const far = inputs.map((input) => new Map([...input].map(([name, x]) => [name, x.map((v) => 5 * v)])));
	const [excursion] = exactRun(stages, [...inputs, ...far], 'y', () => {}).excursions;
	assert.ok(excursion !== undefined && excursion.samples > 0 && excursion.samples <= far.length);
	assert.ok(excursion.share > 0 && excursion.share < 1 && excursion.farthest > 0);
});

test('functions that do not match what replaces them are not watched', () => {
	const one = { kind: 'activation', origin: 'sigmoid', fn: 'sigmoid', interval: [0, 1] } as const;
	assert.is(new Excursions(stages.fused, [one]).list.length, 1);
	assert.is(new Excursions(stages.fused, [one, one]).list.length, 0);
	assert.is(new Excursions(stages.fused, [{ ...one, kind: 'pooled' }]).list.length, 0);
});

test('what reaches a maximum over windows is watched as well', () => {
	const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
	const pool = model([node('MaxPool', ['x'], ['y'], { name: 'pool', attributes })], { x: [1, 1, 4, 4] }, ['y'], {});
	const { fused } = compile(pool, { inputRange: [-1, 1] }).stages;
	const watch = new Excursions(fused, [{ kind: 'pooled', origin: 'pool', fn: 'max', interval: [-1, 1] }]);
	for (const value of [0.5, 3]) watch.add(evaluateAll(fused, new Map([['x', new Float64Array(16).fill(value)]])));
	const [excursion] = watch.list;
	assert.equal([excursion?.origin, excursion?.samples, excursion?.share, excursion?.farthest], ['pool', 1, 0.5, 1]); // biome-ignore format: one row
});

test('outputs that are known are taken as they are', () => {
	const values = samples.map((_, i) => Float64Array.of(i));
	const run = exactRun(stages, inputs, 'y', () => {}, values);
	assert.equal([run.raw, run.watched, run.bodies.length], [values, 40, 40]);
});

test('the simulated noise of every layer is there, small, and within what is predicted', async () => {
	const noises = (await layerNoise(stages, inputs.slice(0, 1))) ?? [];
	const names = noises.map(({ origin }) => origin);
	for (const name of ['first', 'second']) assert.ok(names.includes(name), names.join());
	for (const { origin, relativeError, bits, predictedBits } of noises) {
		assert.ok(relativeError !== null && relativeError > 0 && relativeError < 0.05, `${origin} ${relativeError}`);
		assert.ok(bits !== null && predictedBits !== null && bits > predictedBits, `${origin} ${bits} ${predictedBits}`);
	}
});

test('values that leave the modulus give no noise instead of a wrong one', async () => {
	const inputRange = stages.program.client.inputs[0]?.range ?? [0, 0];
	const edge = new Map([['x', new Float64Array(4).fill(inputRange[1])]]);
	// The edge of the accepted range is accepted; what is beyond it is refused before anything is computed.
	assert.ok((await layerNoise(stages, [edge])) !== undefined);
	const beyond = new Map([['x', new Float64Array(4).fill(1e3 * inputRange[1])]]);
	assert.is(await layerNoise(stages, [beyond]), undefined);
});

test.run();
