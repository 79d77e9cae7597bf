import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { type BodyKind, type Graph, sizeOf } from '../../compiler/tensor/graph.ts';
import { expandPools } from '../../compiler/tensor/passes/expand-pools.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { runEncrypted } from '../compile/encrypted.ts';
import {
	type AttributeSpec,
	buildModel,
	issuesOf,
	issuesOfModel,
	type ModelSpec,
	modelOf,
	node,
	randomNumbers,
	reference,
	run,
} from '../support/onnx.ts';

type Attributes = Readonly<Record<string, AttributeSpec>>;

/** The model y = op(x) of one input. */
const only = (op: string, shape: readonly number[], attributes: Attributes = {}): ModelSpec => ({
	nodes: [node(op, ['x'], ['y'], { attributes, name: 'pool' })],
	inputs: [{ name: 'x', shape }],
	outputs: ['y'],
});

/** The model with its poolings as tournaments. */
const compared = (spec: ModelSpec) => expandPools(importModel(buildModel(spec)).graph as Graph<BodyKind>);

/** How many values each round of comparisons compares. */
const comparedIn = (spec: ModelSpec): readonly number[] =>
	compared(spec).nodes.flatMap(({ kind, shape }) => (kind === 'activation' ? [sizeOf(shape)] : []));

test('every round is one activation, and there are ceil(log2 k) of them', () => {
	const pool = (shape: readonly number[], kernel: readonly number[], attributes: Attributes = {}) =>
		comparedIn(only('MaxPool', shape, { kernel_shape: kernel, strides: kernel, ...attributes }));
	assert.equal(pool([1, 2, 4, 4], [2, 2]), [2 * 4 * 2, 2 * 2 * 2]);
	assert.equal(pool([1, 1, 9, 9], [3, 3]), [9 * 3, 9 * 3, 3 * 3, 3 * 3]);
	assert.equal(pool([1, 1, 5, 5], [5, 5]), [12, 6, 3, 2, 1]);
	assert.equal(comparedIn(only('GlobalMaxPool', [1, 3, 7, 7])), [24, 12, 6, 3, 2, 1].map((n) => 3 * n)); // biome-ignore format: one thought
	assert.equal(comparedIn(only('ReduceMax', [5, 3], { axes: [0], keepdims: 0 })), [6, 3, 3]);
	const four = modelOf([node('Min', ['x', 'a', 'b', 'c', 'c'], ['y'])], {
		inputs: ['x', 'a', 'b'].map((name) => ({ name, shape: [2] })),
	});
	assert.equal(comparedIn(four), [2, 2, 2]);
});

test('windows that overlap share comparisons', () => {
	const wide = (kernel: number) => comparedIn(only('MaxPool', [1, 1, 20], { kernel_shape: [kernel], strides: [1] }));
	assert.equal(wide(2), [19]);
	assert.equal(wide(4), [19, 17]);
	assert.equal(wide(8), [19, 17, 13]);
	assert.equal(wide(3), [18, 18]);
});

test('padding is left out, and nothing is compared with itself', () => {
	const padded = only('MaxPool', [1, 1, 6], { kernel_shape: [3], strides: [2], pads: [1, 1] });
	assert.equal(comparedIn(padded), [1 + 1 + 1, 1 + 1]);
	for (const { kind, terms = [], shape } of compared(padded).nodes.filter(({ kind }) => kind === 'affine') as readonly {
		kind: string;
		shape: readonly number[];
		terms?: readonly { readonly matrix: { readonly rowStart: Int32Array } }[];
	}[])
		for (let i = 0; i < sizeOf(shape); i++)
			assert.ok(
				terms.some(({ matrix }) => (matrix.rowStart[i + 1] ?? 0) > (matrix.rowStart[i] ?? 0)),
				`a row of a ${kind} is empty`,
			);
});

test('a slope for each channel before opset 7 may be encrypted', () => {
	const spec: ModelSpec = {
		opset: 6,
		nodes: [node('PRelu', ['x', 's'], ['y'])],
		inputs: [
			{ name: 'x', shape: [1, 3, 2] },
			{ name: 's', shape: [3] },
		],
		outputs: ['y'],
	};
	const x = { shape: [1, 3, 2], data: Float64Array.of(-1, 2, -3, 4, -5, 6) };
	const s = { shape: [3], data: Float64Array.of(0.5, 0, -1) };
	assert.equal([...run(buildModel(spec), new Map(Object.entries({ x, s }))).data], [-0.5, 2, 0, 4, 5, 6]); // biome-ignore format: one thought
});

test('what is not honoured or has no value is refused', () => {
	const refused = (spec: ModelSpec) => issuesOfModel(spec)[0];
	const pool = (attributes: Attributes, shape: readonly number[] = [1, 1, 4, 4]) =>
		refused(only('MaxPool', shape, attributes));
	assert.match(pool({ kernel_shape: [2, 2], storage_order: 2 })?.message ?? '', /storage_order = 2/);
	assert.match(pool({ kernel_shape: [2, 2], count_include_pad: 1 })?.message ?? '', /count_include_pad/);
	assert.match(pool({ kernel_shape: [2, 2], pads: [2, 0, 0, 0] })?.message ?? '', /in the padding as a whole/);
	assert.is(pool({ kernel_shape: [2] }, [4, 4])?.code, 'shape');
	assert.is(pool({})?.code, 'file');
	assert.is(refused(only('GlobalMaxPool', [4, 4]))?.code, 'shape');
	assert.match(refused(only('GlobalMaxPool', [1, 1, 200, 200]))?.message ?? '', /takes 16 polynomials in a row/);
	const nodes = [
		node('MaxPool', ['x'], ['y', 'i'], { attributes: { kernel_shape: [2, 2] } }),
		node('Cast', ['i'], ['z'], { attributes: { to: 1 } }),
	];
	const indices = modelOf(nodes, { inputs: [{ name: 'x', shape: [1, 1, 4, 4] }], outputs: ['y', 'z'] });
	assert.match(refused(indices)?.message ?? '', /only the first output of MaxPool is computed, not 'i'/);
	const bounds = new Map([['c', { shape: [2], data: [0, -3.4028234e38] }]]);
	assert.match(refused(modelOf([node('Max', ['x', 'c'], ['y'])], { initializers: bounds }))?.message ?? '', /no bound/);
});

const samples = Array.from({ length: 64 }, (_, k) => randomNumbers(k + 1, 16, -2, 2));
const calibration = new Map([['x', samples]]);
const POOLS = [
	only('MaxPool', [1, 1, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }),
	only('MaxPool', [1, 1, 16], { kernel_shape: [3], strides: [2], pads: [1, 1] }),
	only('GlobalMaxPool', [1, 4, 2, 2]),
	only('ReduceMin', [4, 4], { axes: [0] }),
];

for (const spec of POOLS)
	test(`${spec.nodes[0]?.op}, compiled, is as near to onnxruntime as its rounds are together`, async () => {
		const bytes = buildModel(spec);
		const { program, report } = compile(bytes, { calibration, degree: 7 });
		const rounds = report.activations.reduce((total, { maxError }) => total + maxError, 0);
		const seen = samples.slice(0, 4).map((x) => new Map([['x', x]]));
		const results = {
			clear: await evaluateLocally(program, 'clear', seen),
			simulate: await evaluateLocally(program, 'simulate', seen),
			kernel: spec.nodes[0]?.op === 'GlobalMaxPool' ? await runEncrypted(program, seen) : [],
		};
		for (const [backend, list] of Object.entries(results))
			for (const [k, { outputs }] of list.entries()) {
				const x = { shape: spec.inputs[0]?.shape as readonly number[], data: samples[k] as Float64Array };
				const expected = (await reference(bytes, new Map([['x', x]]))).get('y');
				const noise = backend === 'clear' ? 0 : (program.client.outputs[0]?.predictedError ?? 0);
				expected?.data.forEach((y, i) => {
					const error = Math.abs(y - (outputs.get('y')?.raw.data[i] ?? Number.NaN));
					assert.ok(error <= rounds + noise + 1e-4, `${backend}: ${y} is off by ${error}, the rounds by ${rounds}`);
				});
			}
		const [warning] = report.warnings;
		assert.match(warning ?? '', /^pool: .* over encrypted values takes about \d+ of \d+ levels; retrain with /);
	});

test('too many comparisons are refused with the levels of each node and the remedy', () => {
	const spec: ModelSpec = {
		nodes: [
			node('MaxPool', ['x'], ['m'], { attributes: { kernel_shape: [1, 3], pads: [0, 1, 0, 1] }, name: 'first' }),
			node('ReduceMax', ['m'], ['y'], { attributes: { axes: [1, 2, 3] }, name: 'second' }),
		],
		inputs: [{ name: 'x', shape: [1, 1, 1, 16] }],
		outputs: ['y'],
	};
	const [issue] = issuesOf(() => compile(buildModel(spec), { calibration, degree: 31 }));
	assert.is(issue?.code, 'parameters');
	assert.match(issue?.hint ?? '', /MaxPool 'first' about 1\d/);
	assert.match(issue?.hint ?? '', /ReduceMax 'second' about 2\d/);
	assert.match(issue?.hint ?? '', /[Rr]etrain with AveragePool, or pass --maxpool average/);
	assert.match(issue?.hint ?? '', /means in the place of extremes/);
});

test('MaxPool is replaced by the mean of the same elements where that is asked for, and the report says what it changes', () => {
	const weights = { shape: [4, 3], data: randomNumbers(9, 12) };
	const classifier = (op: string, attributes: Attributes = {}): ModelSpec => ({
		nodes: [
			node(op, ['x'], ['p'], { attributes, name: 'pool' }),
			node('Flatten', ['p'], ['f']),
			node('MatMul', ['f', 'w'], ['y']),
		],
		initializers: new Map([['w', weights]]),
		inputs: [{ name: 'x', shape: [1, 1, 4, 4] }],
		outputs: ['y'],
	});
	const windows = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 0 };
	const [asked, plain] = [classifier('MaxPool', windows), classifier('AveragePool', windows)].map(buildModel);
	assert.ok(asked && plain);
	const { graph } = importModel(asked, { maxpool: 'average' });
	const inputs = new Map([['x', samples[0] as Float64Array]]);
	assert.equal(evaluate(graph, inputs), evaluate(importModel(plain).graph, inputs));
	const { report } = compile(asked, { calibration, maxpool: 'average' });
	assert.is(report.activations.length, 0);
	assert.match(report.warnings[0] ?? '', /^pool: MaxPool is replaced by the mean .* another model/);
	assert.match(report.warnings[1] ?? '', /[\d.]+ % of the decisions are the same, outputs differ by [\d.]+ %/);
	const blind = compile(asked, { maxpool: 'average' }).report.warnings;
	assert.match(blind[1] ?? '', /not known without calibration/);
	const whole = importModel(buildModel(only('GlobalMaxPool', [1, 1, 4, 4])), { maxpool: 'average' }).graph;
	const mean = (samples[0] as Float64Array).reduce((sum, v) => sum + v, 0) / 16;
	assert.ok(Math.abs((evaluate(whole, inputs).get('y')?.[0] ?? Number.NaN) - mean) < 1e-12);
});

test('a model that is refused with its maxima compiles without them', () => {
	const large = buildModel(only('GlobalMaxPool', [1, 1, 256, 256]));
	assert.throws(() => compile(large), /Comparing more than/);
	const { report } = compile(large, { maxpool: 'average' });
	assert.match(report.warnings[1] ?? '', /not known: that cannot be compiled/);
});

test('maxima of constants stay exact whatever MaxPool is replaced by', () => {
	const nodes = [node('MaxPool', ['k'], ['m'], { attributes: { kernel_shape: [2] } }), node('Add', ['x', 'm'], ['y'])];
	const initializers = new Map([['k', { shape: [1, 1, 3], data: [1, 5, -2] }]]);
	const spec: ModelSpec = { nodes, initializers, inputs: [{ name: 'x', shape: [1, 1, 2] }], outputs: ['y'] };
	const { graph } = importModel(buildModel(spec), { maxpool: 'average' });
	assert.equal([...(evaluate(graph, new Map([['x', new Float64Array(2)]])).get('y') ?? [])], [5, 5]); // biome-ignore format: one thought
});

test.run();
