import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { runEncrypted } from '../compile/encrypted.ts';
import {
	type AttributeSpec,
	agreesWithReference,
	buildModel,
	feed,
	issuesOf,
	issuesOfModel,
	type ModelSpec,
	modelOf,
	node,
	randomNumbers,
	reference,
	run,
	type TensorSpec,
} from '../support/onnx.ts';

const SIZE = 8;
/** Asked for, because the order of eight outputs is kept by polynomials that are not near. */
const DEGREE = 15;
type Attributes = Readonly<Record<string, AttributeSpec>>;

/** The model y = op(x) of a vector. */
const only = (op: string, opset: number, attributes: Attributes = {}, rest: readonly TensorSpec[] = []): ModelSpec => ({
	opset,
	nodes: [node(op, ['x', ...rest.map((_, i) => `c${i}`)], ['y'], { attributes })],
	initializers: new Map(rest.map((tensor, i) => [`c${i}`, tensor])),
	inputs: [{ name: 'x', shape: [1, SIZE] }],
	outputs: ['y'],
});

const number = (value: number): TensorSpec => ({ shape: [], data: [value] });
const samplesIn = (low: number, high: number): Float64Array[] =>
	Array.from({ length: 64 }, (_, k) => randomNumbers(k + 1, SIZE, low, high));

/** The range of values, and what the fit's error is multiplied by when the operator is a multiple of an activation. */
type Compiled = { readonly spec: ModelSpec; readonly range: readonly [number, number]; readonly factor?: number };
const OPERATORS: readonly Compiled[] = [
	{ spec: only('LeakyRelu', 16, { alpha: 0.1 }), range: [-2, 2] },
	{
		spec: only('PRelu', 16, {}, [{ shape: [SIZE], data: [0, 0.1, 0.2, 0.3, 0.5, 1, -1, 2] }]),
		range: [-2, 2],
		factor: 2,
	},
	{ spec: only('Elu', 6), range: [-3, 3] },
	{ spec: only('Selu', 6), range: [-3, 3], factor: 1.051 },
	{ spec: only('Celu', 12, { alpha: { float: 2 } }), range: [-3, 3], factor: 2 },
	{ spec: only('HardSigmoid', 6), range: [-4, 4] },
	{ spec: only('HardSwish', 14), range: [-4, 4] },
	{ spec: only('Mish', 18), range: [-4, 4] },
	{ spec: only('Softplus', 7), range: [-4, 4] },
	{ spec: only('Softsign', 7), range: [-4, 4] },
	{ spec: only('Erf', 13), range: [-3, 3] },
	{ spec: only('Exp', 13), range: [-3, 1] },
	{ spec: only('Log', 13), range: [0.2, 4] },
	{ spec: only('Sqrt', 13), range: [0, 4] },
	{ spec: only('Reciprocal', 13), range: [0.5, 4] },
	{ spec: only('Reciprocal', 13), range: [-4, -0.5] },
	{ spec: only('Abs', 13), range: [-1, 3] },
	{ spec: only('Sin', 7), range: [-3, 3] },
	{ spec: only('Cos', 7), range: [-3, 3] },
	{ spec: only('Clip', 13, {}, [number(0), number(6)]), range: [-3, 9] },
	{ spec: only('Clip', 13, {}, [number(-1)]), range: [-3, 3] },
	{ spec: only('ThresholdedRelu', 10), range: [-3, 3] },
];

for (const { spec, range, factor = 1 } of OPERATORS)
	test(`${spec.nodes[0]?.op} on [${range}], compiled, is as near to onnxruntime as its fit says`, async () => {
		const samples = samplesIn(...range);
		const bytes = buildModel(spec);
		const { program, report, stages } = compile(bytes, { calibration: new Map([['x', samples]]), degree: DEGREE });
		const [fit] = report.activations;
		assert.ok(fit !== undefined);
		if (fit === undefined) return;
		const warned = stages.approximated.report.warnings.filter((text) => /jumps/.test(text));
		assert.is(warned.length, Number(fit.fn === 'thresholdedRelu'));
		const seen = samples.slice(0, 4).map((x) => new Map([['x', x]]));
		const noise = { clear: 0, simulate: program.client.outputs[0]?.predictedError ?? 0 };
		for (const backend of ['clear', 'simulate'] as const)
			for (const [k, { outputs }] of (await evaluateLocally(program, backend, seen)).entries()) {
				const data = seen[k]?.get('x') ?? new Float64Array();
				const expected = (await reference(bytes, new Map([['x', { shape: [1, SIZE], data }]]))).get('y');
				const actual = outputs.get('y')?.raw.data ?? [];
				expected?.data.forEach((y, i) => {
					const error = Math.abs(y - (actual[i] ?? Number.NaN));
					const allowed = factor * fit.maxError + noise[backend] + 1e-4;
					assert.ok(error <= allowed, `${backend}: ${y} is off by ${error}, the fit by ${fit.maxError}`);
				});
			}
		// Rms relative to the largest value: what jumps or has a kink needs room.
		const largest = Math.max(...fit.curve.map(([, y]) => Math.abs(y)));
		assert.ok(
			fit.rmsError <= (fit.fn === 'thresholdedRelu' ? 0.1 : 0.02) * largest,
			`rms ${fit.rmsError} of ${largest}`,
		);
	});

test('a function before its singularity, and one of two parts, are the same encrypted', async () => {
	for (const { spec, range } of OPERATORS.filter(({ spec }) => ['Log', 'PRelu'].includes(spec.nodes[0]?.op ?? ''))) {
		const samples = samplesIn(...range);
		const { program } = compile(buildModel(spec), { calibration: new Map([['x', samples]]), degree: 7 });
		const sent = samples.slice(0, 1).map((x) => new Map([['x', x]]));
		const [clear] = await evaluateLocally(program, 'clear', sent);
		const [encrypted] = await runEncrypted(program, sent);
		const allowed = program.client.outputs[0]?.predictedError ?? 0;
		clear?.outputs.get('y')?.raw.data.forEach((y, i) => {
			const error = Math.abs(y - (encrypted?.outputs.get('y')?.raw.data[i] ?? Number.NaN));
			assert.ok(error <= allowed, `${spec.nodes[0]?.op}: ${y} is off by ${error}, at most ${allowed}`);
		});
	}
});

test('Swish is x / (1 + exp(-alpha x))', () => {
	const x = feed([1, SIZE]);
	for (const alpha of [undefined, 2, -0.5, 0]) {
		const attributes: Attributes = alpha === undefined ? {} : { alpha: { float: alpha } };
		const y = run(buildModel(only('Swish', 24, attributes)), x);
		x.get('x')?.data.forEach((v, i) => {
			assert.ok(Math.abs((y.data[i] as number) - v / (1 + Math.exp(-(alpha ?? 1) * v))) < 1e-12, `${alpha}, ${v}`);
		});
	}
});

test('PRelu before opset 7 has a slope for each channel', () => {
	const spec: ModelSpec = {
		opset: 6,
		nodes: [node('PRelu', ['x', 's'], ['y'])],
		initializers: new Map([['s', { shape: [2], data: [0.5, -1] }]]),
		inputs: [{ name: 'x', shape: [1, 2, 2, 1] }],
		outputs: ['y'],
	};
	const x = new Map([['x', { shape: [1, 2, 2, 1], data: Float64Array.of(-2, 3, -2, 3) }]]);
	assert.equal([...run(buildModel(spec), x).data], [-1, 3, 2, 3]);
});

test('bounds that leave nothing between them, and a slope of zero, give a constant', async () => {
	const initializers = new Map([
		['low', number(2)],
		['high', number(-1)],
	]);
	const attributes = { alpha: { float: 0 }, beta: 0.25 };
	for (const first of [
		node('Clip', ['x', 'low', 'low'], ['c']),
		node('Clip', ['x', 'low', 'high'], ['c']),
		node('HardSigmoid', ['x'], ['c'], { attributes }),
	])
		await agreesWithReference(
			buildModel(modelOf([first, node('Add', ['x', 'c'], ['y'])], { initializers })),
			feed([1, 2]),
		);
});

test('Clip from one side is a relu', () => {
	const { graph } = importModel(buildModel(only('Clip', 13, {}, [number(-1)])));
	assert.equal(
		graph.nodes.map((part) => (part.kind === 'activation' ? part.fn : part.kind)),
		['input', 'affine', 'relu', 'affine'],
	);
});

test('what cannot be approximated is refused by name', () => {
	const first = (spec: ModelSpec) =>
		issuesOfModel(spec).map(({ op, code, message }) => [op, code, message.slice(3)])[0];
	assert.equal(first(only('Celu', 12, { alpha: { float: -1 } })), ['Celu', 'unsupported', 'Celu has alpha = -1.']);
	assert.is(first(only('PRelu', 16, {}, [{ shape: [3], data: [1, 2, 3] }]))?.[1], 'shape');
	assert.is(first(only('Clip', 13, {}, [{ shape: [2], data: [1, 2] }]))?.[1], 'file');
	assert.is(first(modelOf([node('Clip', ['x', 'x'], ['y'])]))?.[1], 'file');
});

test('functions that end at 0 are refused where calibration or the assumed range reaches it', () => {
	for (const [op, low, high] of [
		['Log', -0.5, 2],
		['Log', 0, 1],
		['Sqrt', -0.5, 2],
		['Reciprocal', -1, 2],
		['Reciprocal', 0, 2],
	] as const) {
		const bytes = buildModel(only(op, 13));
		const samples = samplesIn(low, high).map((x, k) => (k === 0 ? x.fill(low) : x));
		for (const options of [{ calibration: new Map([['x', samples]]) }, { inputRange: [low, high] as const }]) {
			const [issue] = issuesOf(() => compile(bytes, options));
			assert.equal([issue?.code, issue?.op, issue?.node], ['range', op, 'y'], `${op} on [${low}, ${high}]`);
			assert.match(issue?.message ?? '', /approximated only where what it reads is .* 0, but .* \[/);
			assert.match(issue?.hint ?? '', /Clip, or add a constant/);
		}
	}
	const [issue] = issuesOf(() => compile(buildModel(only('Exp', 13)), { inputRange: [-2000, 2000] }));
	assert.equal([issue?.code, issue?.op], ['range', 'Exp']);
});

test.run();
