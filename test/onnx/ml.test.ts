import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { DataType } from '../../compiler/onnx/proto.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { defer } from '../../compiler/tensor/passes/defer.ts';
import { prune } from '../../compiler/tensor/passes/prune.ts';
import { split } from '../../compiler/tensor/passes/split.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import {
	type AttributeSpec,
	buildModel,
	issuesOfModel,
	type ModelSpec,
	type NodeSpec,
	randomNumbers,
	type TensorSpec,
} from '../support/onnx.ts';

type Attributes = Readonly<Record<string, AttributeSpec>>;
const ml = (
	op: string,
	inputs: readonly string[],
	outputs: readonly string[],
	attributes: Attributes = {},
): NodeSpec => ({
	op,
	inputs,
	outputs,
	attributes,
	domain: 'ai.onnx.ml',
});
const modelOf = (nodes: readonly NodeSpec[], outputs: readonly string[], version = 3): ModelSpec => ({
	domains: { 'ai.onnx.ml': version },
	nodes,
	inputs: [{ name: 'x', shape: [1, 2] }],
	outputs,
});

const NAMES = { strings: ['ant', 'bee', 'cow'] };
/** Three classes of two features. */
const classifier = (attributes: Attributes): NodeSpec =>
	ml('LinearClassifier', ['x'], ['label', 'scores'], {
		coefficients: { floats: [1, 0, 0, 1, -1, -1] },
		intercepts: { floats: [0, 0, 0] },
		...attributes,
	});
/** Inputs whose largest score is that of class 0, 1 and 2. */
const SAMPLES = [Float64Array.of(1, -0.5), Float64Array.of(-0.25, 0.75), Float64Array.of(-1, -0.5)];
const CALIBRATION = new Map([['x', Array.from({ length: 32 }, (_, k) => randomNumbers(k + 1, 2, -1.5, 1.5))]]);

/** What the client gets for every sample, and what the report says. */
const compiled = async (spec: ModelSpec) => {
	const { program, report } = compile(buildModel(spec), { calibration: CALIBRATION });
	const samples = SAMPLES.map((x) => new Map([['x', x]]));
	const results = await evaluateLocally(program, 'clear', samples);
	return { program, report, results };
};

test('strings of a classifier stand beside the index that the client finds', async () => {
	const zipped = modelOf(
		[
			classifier({ classlabels_strings: NAMES, post_transform: 'SOFTMAX' }),
			ml('Normalizer', ['scores'], ['shares'], { norm: 'L1' }),
			ml('ZipMap', ['shares'], ['maps'], { classlabels_strings: NAMES }),
		],
		['label', 'maps'],
	);
	const { program, report, results } = await compiled(zipped);
	assert.equal(
		program.client.outputs.map(({ classes }) => classes),
		[NAMES.strings, undefined],
	);
	assert.equal(
		results.map(({ outputs }) => outputs.get('label')?.data[0]),
		[0, 1, 2],
	);
	for (const { outputs } of results) {
		const maps = outputs.get('maps');
		assert.equal(maps?.shape, [1, 3]);
		assert.ok(Math.abs([...(maps?.data ?? [])].reduce((sum, p) => sum + p, 0) - 1) < 1e-9);
	}
	assert.ok(report.warnings.some((text) => /ZipMap.*ant, bee, cow/.test(text)));
	assert.is(report.counts.depth, 1);
});

test('class numbers are looked up by the client, and exchanged one by one before that', async () => {
	const label = async (nodes: readonly NodeSpec[], name: string, version = 3) =>
		(await compiled(modelOf([classifier({ classlabels_ints: [10, -2, 7] }), ...nodes], [name], version))).results.map(
			({ outputs }) => outputs.get(name)?.data[0],
		);
	assert.equal(await label([], 'label'), [10, -2, 7]);
	const cast = { op: 'Cast', inputs: ['label'], outputs: ['number'], attributes: { to: DataType.INT64 } };
	assert.equal(await label([cast], 'number'), [10, -2, 7]);
	const encoder = { keys_int64s: [7, 10], values_floats: { floats: [0.5, 1.5] }, default_float: { float: 9 } };
	assert.equal(await label([ml('LabelEncoder', ['label'], ['code'], encoder)], 'code'), [1.5, 9, 0.5]);
});

test('names and numbers exchange each other, unknown ones become the default', () => {
	const classesOf = (nodes: readonly NodeSpec[], version: number, labels: Attributes) =>
		importModel(buildModel(modelOf([classifier(labels), ...nodes], ['code'], version))).graph.outputs[0]?.classes;
	const numbers = { classlabels_ints: [2, 0, 5] };
	const first = ml('LabelEncoder', ['label'], ['code'], { classes_strings: NAMES });
	assert.equal(classesOf([first], 1, numbers), ['cow', 'ant', '_Unused']);
	const second = ml('LabelEncoder', ['label'], ['code'], {
		keys_strings: { strings: ['bee', 'ant'] },
		values_strings: { strings: ['B', 'A'] },
		default_string: 'other',
	});
	assert.equal(classesOf([second], 2, { classlabels_strings: NAMES }), ['A', 'B', 'other']);
	const text = { op: 'Cast', inputs: ['label'], outputs: ['code'], attributes: { to: DataType.STRING } };
	assert.equal(classesOf([text], 2, numbers), ['2', '0', '5']);
});

test('the classes of a network that ends in ArgMax are looked up by the client', async () => {
	const network = modelOf(
		[
			{ op: 'Sigmoid', inputs: ['x'], outputs: ['p'] },
			{ op: 'ArgMax', inputs: ['p'], outputs: ['index'], attributes: { axis: 1 } },
			ml('ArrayFeatureExtractor', ['classes', 'index'], ['found']),
			{ op: 'Cast', inputs: ['found'], outputs: ['number'], attributes: { to: DataType.FLOAT } },
			{ op: 'Reshape', inputs: ['number', 'shape'], outputs: ['flat'] },
			{ op: 'Cast', inputs: ['flat'], outputs: ['label'], attributes: { to: DataType.INT64 } },
		],
		['label'],
	);
	const initializers = new Map<string, TensorSpec>([
		['classes', { shape: [2], data: [40, 30], type: 'INT32' }],
		['shape', { shape: [1], data: [-1], type: 'INT64' }],
	]);
	const { results, program } = await compiled({ ...network, initializers });
	assert.equal(
		results.map(({ outputs }) => outputs.get('label')?.data[0]),
		[40, 30, 30],
	);
	assert.equal(program.client.outputs[0]?.shape, [1]);
});

test('probabilities of one against the rest are normalised by the client', async () => {
	const nodes = [
		classifier({ classlabels_ints: [0, 1, 2], post_transform: 'LOGISTIC' }),
		ml('Normalizer', ['scores'], ['shares'], { norm: 'L1' }),
	];
	const { results, report } = await compiled(modelOf(nodes, ['shares']));
	const logistic = (z: number): number => 1 / (1 + Math.exp(-z));
	SAMPLES.forEach(([a = 0, b = 0], i) => {
		const scores = [a, b, -a - b].map(logistic);
		const total = scores.reduce((sum, p) => sum + p, 0);
		const found = results[i]?.outputs.get('shares')?.data ?? [];
		scores.forEach((p, k) => {
			assert.ok(Math.abs((found[k] ?? Number.NaN) - p / total) < 1e-6);
		});
	});
	assert.is(report.counts.depth, 1);
});

test('x - ReduceLogSumExp(x), as naive Bayes ends, is a softmax of the client where the shapes are those of one', () => {
	const ending = (shape: readonly number[], axis: number) => ({
		opset: 18,
		nodes: [
			{ op: 'ReduceLogSumExp', inputs: ['x', 'axes'], outputs: ['sum'], attributes: { keepdims: 0 } },
			{ op: 'Reshape', inputs: ['sum', 'shape'], outputs: ['column'] },
			{ op: 'Sub', inputs: ['x', 'column'], outputs: ['log'] },
			{ op: 'Exp', inputs: ['log'], outputs: ['y'] },
		],
		initializers: new Map<string, TensorSpec>([
			['axes', { shape: [1], data: [axis], type: 'INT64' }],
			['shape', { shape: [shape.length], data: shape, type: 'INT64' }],
		]),
		inputs: [{ name: 'x', shape: [2, 2] }],
		outputs: ['log', 'y'],
	});
	const x = Float64Array.of(0.5, -1, 2, 0.25);
	for (const [shape, axis, isSoftmax] of [
		[[-1, 1], 1, true],
		[[1, -1], -2, true],
		[[1, -1], 1, false],
	] as const) {
		const { graph } = importModel(buildModel(ending(shape, axis)));
		const tails = prune(graph).nodes.flatMap((node) => (node.kind === 'tail' ? [node.fn] : []));
		assert.equal(tails, isSoftmax ? ['logSoftmax', 'softmax'] : []);
		const sums = [0, 1].map((line) => {
			const values = axis === 1 ? x.subarray(2 * line, 2 * line + 2) : [x[line] ?? 0, x[line + 2] ?? 0];
			return Math.log([...values].reduce((sum, value) => sum + Math.exp(value), 0));
		});
		const results = evaluate(graph, new Map([['x', x]]));
		x.forEach((value, i) => {
			const expected = value - (sums[shape[0] === -1 ? Math.floor(i / 2) : i % 2] as number);
			assert.ok(Math.abs((results.get('log')?.[i] ?? Number.NaN) - expected) < 1e-12);
			assert.ok(Math.abs((results.get('y')?.[i] ?? Number.NaN) - Math.exp(expected)) < 1e-12);
		});
	}
});

test('a guard against probabilities that are all zero is folded, since a sum of sigmoids is above 0', () => {
	const guarded = (op: string) =>
		modelOf(
			[
				{ op, inputs: ['x'], outputs: ['p'] },
				{ op: 'ReduceSum', inputs: ['p', 'axes'], outputs: ['sum'] },
				{ op: 'Cast', inputs: ['sum'], outputs: ['any'], attributes: { to: DataType.BOOL } },
				{ op: 'Not', inputs: ['any'], outputs: ['none'] },
				{ op: 'Cast', inputs: ['none'], outputs: ['one'], attributes: { to: DataType.FLOAT } },
				{ op: 'Add', inputs: ['sum', 'one'], outputs: ['divisor'] },
				{ op: 'Div', inputs: ['p', 'divisor'], outputs: ['y'] },
			],
			['y'],
		);
	const initializers = new Map<string, TensorSpec>([['axes', { shape: [1], data: [1], type: 'INT64' }]]);
	const { graph } = importModel(buildModel({ ...guarded('Sigmoid'), initializers }));
	assert.equal([...split(defer(graph)).tails.values()].flat(), [{ op: 'sigmoid' }, { op: 'l1', axis: 1 }]);
	assert.match(issuesOfModel({ ...guarded('Tanh'), initializers })[0]?.message ?? '', /BOOL/);
});

test('columns of the probabilities may be outputs of their own', () => {
	const slices = [0, 1, 2].map((i) => ({
		op: 'Slice',
		inputs: ['scores', `at${i}`, `at${i + 1}`, 'at1'],
		outputs: [`p${i}`],
	}));
	const at = [0, 1, 2, 3].map((i) => [`at${i}`, { shape: [1], data: [i], type: 'INT64' }] as const);
	const spec = modelOf(
		[classifier({ classlabels_ints: [0, 1, 2], post_transform: 'SOFTMAX' }), ...slices],
		['p0', 'p1', 'p2'],
	);
	const { graph } = importModel(buildModel({ ...spec, initializers: new Map(at) }));
	const { tails } = split(defer(graph));
	for (const ops of tails.values())
		assert.equal(
			ops.map(({ op }) => op).filter((op) => op !== 'reshape'),
			['softmax', 'select'],
		);
});

test('missing values are left to whoever encrypts, with a warning', () => {
	const imputer = (replaced: number) =>
		modelOf(
			[
				ml('Imputer', ['x'], ['y'], {
					imputed_value_floats: { floats: [0.5, 1] },
					replaced_value_float: { float: replaced },
				}),
			],
			['y'],
		);
	const { graph, warnings } = importModel(buildModel(imputer(Number.NaN)));
	assert.is(graph.outputs[0]?.id, 0);
	assert.match(warnings[0] ?? '', /missing values/);
	assert.match(issuesOfModel(imputer(0))[0]?.message ?? '', /replaces 0/);
});

test('a support vector machine of two classes gives probabilities 1 / (1 + exp(+-(a d + b))), and the label that has the vote', async () => {
	const node = ml('SVMClassifier', ['x'], ['label', 'scores'], {
		classlabels_ints: [4, 8],
		coefficients: { floats: [0.5, -1.5] },
		kernel_params: { floats: [1, 0, 2] },
		kernel_type: 'POLY',
		prob_a: { floats: [-2] },
		prob_b: { floats: [0.25] },
		rho: { floats: [0.1] },
		support_vectors: { floats: [1, -1, 0.5, 2] },
		vectors_per_class: [1, 1],
	});
	const { results } = await compiled(modelOf([node], ['label', 'scores']));
	SAMPLES.forEach(([x = 0, y = 0], i) => {
		const d = 0.5 * (x - y) ** 2 - 1.5 * (0.5 * x + 2 * y) ** 2 + 0.1;
		const p = 1 / (1 + Math.exp(-2 * d + 0.25));
		const [first = Number.NaN, second = Number.NaN] = results[i]?.outputs.get('scores')?.data ?? [];
		assert.ok(Math.abs(first - p) < 1e-6 && Math.abs(second - (1 - p)) < 1e-6);
		assert.is(results[i]?.outputs.get('label')?.data[0], d > 0 ? 4 : 8);
	});
});

test('what cannot be honoured is refused, with a remedy', () => {
	const refused = (node: NodeSpec, pattern: RegExp): void => {
		const [issue] = issuesOfModel(modelOf([node], [node.outputs.at(-1) ?? '']));
		assert.match(issue?.message ?? '', pattern);
		assert.is(issue?.domain, 'ai.onnx.ml');
		assert.ok(['unsupported', 'shape', 'file'].includes(issue?.code ?? ''));
		if (issue?.code === 'unsupported') assert.ok(issue.hint, `${node.op} has no remedy`);
	};
	const three = { classlabels_ints: [0, 1, 2] };
	refused(classifier({ ...three, post_transform: 'PROBIT' }), /PROBIT/);
	refused(classifier({ ...three, post_transform: 'SOFTMAX_ZERO' }), /SOFTMAX_ZERO/);
	refused(classifier({ ...three, post_transform: 'HARD' }), /HARD/);
	refused(classifier({ classlabels_ints: [0, 1] }), /2 classes/);
	refused(classifier({ ...three, classlabels_strings: NAMES }), /twice/);
	refused(classifier({ ...three, intercepts: { floats: [1] } }), /1 intercepts/);
	const one = { coefficients: { floats: [1, 1] }, intercepts: { floats: [0] }, classlabels_ints: [0, 1] };
	refused(classifier({ ...one, post_transform: 'SOFTMAX' }), /one row/);
	const line = { coefficients: { floats: [1, 1] } };
	refused(ml('LinearRegressor', ['x'], ['y'], { ...line, post_transform: 'LOGISTIC' }), /one target/);
	refused(ml('LinearRegressor', ['x'], ['y'], { ...line, targets: 2 }), /2 targets/);
	refused(ml('LinearRegressor', ['x'], ['y'], { coefficients: { floats: [1, 1, 1] }, targets: 1.5 }), /1.5 targets/);
	refused(ml('Normalizer', ['x'], ['y']), /largest/);
	refused(ml('Normalizer', ['x'], ['y'], { norm: 'L3' }), /L3/);
	refused(ml('Scaler', ['x'], ['y'], { offset: { floats: [0, 0, 0] }, scale: { floats: [1] } }), /3 values/);
	refused(ml('Scaler', ['x'], ['y'], { offset: { floats: [0] } }), /0 values of scale/);
	refused(ml('Binarizer', ['x'], ['y']), /jump/);
	refused(ml('FeatureVectorizer', ['x'], ['y'], { inputdimensions: [3] }), /\[3\]/);
	refused(
		ml('LabelEncoder', ['x'], ['y'], { keys_floats: { floats: [0] }, values_floats: { floats: [1] } }),
		/one by one/,
	);
	refused(ml('LabelEncoder', ['x'], ['y'], { keys_floats: { floats: [0] } }), /list of values/);
	const machine = {
		coefficients: { floats: [1, 2] },
		kernel_params: { floats: [0.5, 0, 2.5] },
		kernel_type: 'POLY',
		n_supports: 2,
		rho: { floats: [0] },
		support_vectors: { floats: [1, 0, 0, 1] },
	};
	refused(ml('SVMRegressor', ['x'], ['y'], machine), /degree 2.5/);
	refused(ml('SVMRegressor', ['x'], ['y'], { ...machine, one_class: 1 }), /jump/);
	refused(ml('SVMRegressor', ['x'], ['y'], { ...machine, post_transform: 'LOGISTIC' }), /LOGISTIC/);
	refused(ml('SVMRegressor', ['x'], ['y'], { ...machine, kernel_params: { floats: [1] } }), /kernel parameters/);
	refused(ml('SVMRegressor', ['x'], ['y'], { ...machine, n_supports: 3 }), /3 support vectors/);
	const { n_supports: _, ...vectors } = machine;
	const votes = { ...vectors, kernel_type: 'LINEAR', classlabels_ints: [0, 1], vectors_per_class: [1, 1] };
	refused(ml('SVMClassifier', ['x'], ['l', 'y'], votes), /no negative/);
	const signed = { ...votes, coefficients: { floats: [1, -1] } };
	refused(ml('SVMClassifier', ['x'], ['l', 'y'], { ...signed, post_transform: 'LOGISTIC' }), /LOGISTIC/);
	refused(ml('SVMClassifier', ['x'], ['l', 'y'], { ...signed, prob_a: { floats: [1] } }), /prob_b/);
	refused(ml('SVMClassifier', ['x'], ['l', 'y'], { ...signed, vectors_per_class: [2, 1] }), /3 support vectors/);
	refused(ml('SVMClassifier', ['x'], ['l', 'y'], { ...signed, vectors_per_class: [-1, 3] }), /\[-1,3\]/);
});

test('a refusal says which outputs do not need what is refused', () => {
	const nodes = [
		classifier({ classlabels_ints: [0, 1, 2] }),
		{ op: 'Floor', inputs: ['scores'], outputs: ['whole'] },
		{ op: 'Relu', inputs: ['scores'], outputs: ['above'] },
	];
	const hint = (outputs: readonly string[]): string => issuesOfModel(modelOf(nodes, outputs))[0]?.hint ?? '';
	assert.match(hint(['label', 'whole', 'above']), /Without it: --outputs label,above\.$/);
	assert.is(hint(['whole']).includes('--outputs'), false);
});

test('what computes with labels is refused', () => {
	const refusal = (node: NodeSpec): string =>
		issuesOfModel(modelOf([classifier({ classlabels_ints: [5, 6, 7] }), node], ['y']))[0]?.message ?? '';
	assert.match(refusal({ op: 'Add', inputs: ['label', 'label'], outputs: ['y'] }), /only the client knows/);
	assert.match(refusal({ op: 'Equal', inputs: ['label', 'label'], outputs: ['y'] }), /only the client knows/);
	assert.match(refusal(ml('Scaler', ['label'], ['y'], {})), /only the client knows/);
});

test.run();
