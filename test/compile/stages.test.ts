import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clientTypes } from '../../compiler/codegen/modules.ts';
import { compile } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { node } from '../support/onnx.ts';
import { calibrationOf, convolutional, floats, integers, logistic, model, perceptron, sampleOf } from './models.ts';
import { checkModel } from './support.ts';

const twoSamples = (sizes: Readonly<Record<string, number>>) => [sampleOf(sizes, 1), sampleOf(sizes, 2)];

test('a convolution, a square and a dense layer give the same answer at every stage', async () => {
	await checkModel(convolutional(), twoSamples({ x: 144 }));
});

test('a perceptron with a calibrated Relu gives the same answer at every stage', async () => {
	const calibration = calibrationOf({ x: 10 }, 64);
	const compiled = await checkModel(perceptron('Relu', [10, 12, 4]), twoSamples({ x: 10 }), {
		options: { calibration },
	});
	assert.is(compiled.report.range.source, 'calibration');
	assert.is(compiled.report.activations.length, 1);
});

test('a logistic regression leaves its sigmoid to the client', async () => {
	const compiled = await checkModel(logistic(), twoSamples({ x: 30 }));
	assert.equal(compiled.program.client.outputs[0]?.tail, [{ op: 'sigmoid' }]);
	assert.is(compiled.report.counts.products, 0);
});

test('two inputs can be multiplied, also where one was moved by a layer before', async () => {
	const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'z'], ['p']), node('MatMul', ['p', 'v'], ['y'])];
	const constants = { w: floats([6, 9], 1), v: floats([9, 4], 2) };
	await checkModel(model(nodes, { x: [1, 6], z: [1, 9] }, ['y'], constants), twoSamples({ x: 6, z: 9 }));
	await checkModel(
		model([node('Mul', ['x', 'z'], ['y'])], { x: [3, 5], z: [3, 5] }, ['y']),
		twoSamples({ x: 15, z: 15 }),
	);
});

test('residual sums meet at equal levels and scales', async () => {
	const nodes = [
		node('MatMul', ['x', 'w'], ['h']),
		node('Mul', ['h', 'h'], ['s']),
		node('MatMul', ['s', 'v'], ['t']),
		node('Add', ['t', 'h'], ['r']),
		node('Mul', ['r', 'r'], ['q']),
		node('Sub', ['q', 'x'], ['y']),
	];
	const constants = { w: floats([7, 7], 1), v: floats([7, 7], 2) };
	await checkModel(model(nodes, { x: [1, 7] }, ['y'], constants), twoSamples({ x: 7 }));
});

test('two outputs at different depths are each read at their own level and scale', async () => {
	const nodes = [
		node('MatMul', ['x', 'w'], ['h']),
		node('Mul', ['h', 'h'], ['s']),
		node('MatMul', ['s', 'v'], ['y']),
		node('ArgMax', ['y'], ['best'], { attributes: { axis: 1, keepdims: 0 } }),
	];
	const constants = { w: floats([8, 6], 1), v: floats([6, 3], 2) };
	await checkModel(model(nodes, { x: [1, 8] }, ['h', 'best', 's'], constants), twoSamples({ x: 8 }));
});

test('average pooling and batch normalisation become part of the layers around them', async () => {
	const nodes = [
		node('Conv', ['x', 'k'], ['c'], { attributes: { kernel_shape: [3, 3] } }),
		node('BatchNormalization', ['c', 'gamma', 'beta', 'mean', 'variance'], ['n']),
		node('Mul', ['n', 'n'], ['s']),
		node('AveragePool', ['s'], ['p'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
		node('Flatten', ['p'], ['f']),
		node('Gemm', ['f', 'w'], ['y']),
	];
	const compiled = await checkModel(
		model(nodes, { x: [1, 1, 8, 8] }, ['y'], {
			k: floats([2, 1, 3, 3], 1),
			gamma: floats([2], 2),
			beta: floats([2], 3),
			mean: floats([2], 4),
			variance: { shape: [2], data: [0.5, 2] },
			w: floats([18, 3], 5),
		}),
		twoSamples({ x: 64 }),
	);
	assert.is(compiled.stages.depth, 3);
});

test('chains of products with constants of odd sizes fit together', async () => {
	const nodes = [
		node('MatMul', ['x', 'a'], ['p']),
		node('Mul', ['p', 'p'], ['q']),
		node('MatMul', ['q', 'b'], ['r']),
		node('Transpose', ['r'], ['t'], { attributes: { perm: [1, 0] } }),
		node('Mul', ['t', 't'], ['u']),
		node('MatMul', ['c', 'u'], ['y']),
	];
	const constants = { a: floats([7, 5], 1), b: floats([5, 11], 2), c: floats([2, 11], 3) };
	await checkModel(model(nodes, { x: [3, 7] }, ['y'], constants), twoSamples({ x: 21 }));
});

test('samples that share a ciphertext keep their own results', async () => {
	const samples = Array.from({ length: 6 }, (_, k) => sampleOf({ x: 10 }, k));
	for (const batch of [4, 64, 2048]) {
		const compiled = await checkModel(perceptron('Sigmoid', [10, 6, 3]), samples, { options: { batch, degree: 2 } });
		assert.is(compiled.program.client.batch, batch);
	}
});

test('with one sample in each slot nothing is ever rotated', async () => {
	const samples = [sampleOf({ x: 16 }, 1), sampleOf({ x: 16 }, 2)];
	const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'h'], ['s']), node('MatMul', ['s', 'v'], ['y'])];
	const bytes = model(nodes, { x: [1, 16] }, ['y'], { w: floats([16, 4], 1), v: floats([4, 3], 2) });
	const { report } = await checkModel(bytes, samples, { options: { batch: 4096 } });
	assert.is(report.parameters.slots, 4096);
	assert.is(report.counts.rotations, 0);
});

test('polynomials of degree 7 and 15 give the same answer at every stage', async () => {
	const calibration = calibrationOf({ x: 6 }, 40);
	for (const degree of [7, 15]) {
		const compiled = await checkModel(perceptron('Tanh', [6, 5, 2]), [sampleOf({ x: 6 })], {
			options: { calibration, degree },
		});
		// Two layers, and log2(degree + 1) products between.
		assert.is(compiled.stages.depth, 2 + Math.log2(degree + 1));
	}
});

test('outputs may need several ciphertexts', async () => {
	const nodes = [node('MatMul', ['x', 'w'], ['y'])];
	const bytes = model(nodes, { x: [1, 6] }, ['y'], { w: floats([6, 5000], 1) });
	const compiled = await checkModel(bytes, [sampleOf({ x: 6 })]);
	assert.ok((compiled.program.client.outputs[0]?.parts.length ?? 0) > 1);
});

test('inputs may need several ciphertexts', async () => {
	const nodes = [node('Mul', ['x', 'x'], ['s']), node('Add', ['s', 'x'], ['r']), node('MatMul', ['r', 'w'], ['y'])];
	const bytes = model(nodes, { x: [5, 1000] }, ['y', 'r'], { w: floats([1000, 1], 1) });
	const compiled = await checkModel(bytes, [sampleOf({ x: 5000 })]);
	assert.ok((compiled.program.client.inputs[0]?.parts.length ?? 0) > 1);
});

test('an input may be an operand of a sum with what was computed from it, and an output itself', async () => {
	const nodes = [node('Mul', ['x', 'x'], ['s']), node('Add', ['s', 'x'], ['y']), node('Add', ['x', 'c'], ['z'])];
	await checkModel(model(nodes, { x: [1, 9] }, ['y', 'z'], { c: floats([9], 1) }), twoSamples({ x: 9 }));
	const compiled = await checkModel(
		model([node('Identity', ['x'], ['y'])], { x: [1, 9] }, ['y']),
		twoSamples({ x: 9 }),
	);
	assert.is(compiled.stages.depth, 0);
});

const halves = { from: integers(0), middle: integers(4096), to: integers(8192), axis: integers(1) };

test('parts of one input that are used at different depths share a level', async () => {
	const nodes = [
		node('Slice', ['x', 'from', 'middle', 'axis'], ['a']),
		node('Slice', ['x', 'middle', 'to', 'axis'], ['b']),
		node('Mul', ['a', 'a'], ['p']),
		node('Mul', ['p', 'p'], ['q']),
		node('Add', ['q', 'b'], ['y']),
	];
	await checkModel(model(nodes, { x: [1, 8192] }, ['y'], halves), [sampleOf({ x: 8192 })]);
});

test('parts of one output of which some are used further share a level', async () => {
	const nodes = [
		node('Mul', ['x', 'c'], ['h']),
		node('Mul', ['h', 'h'], ['y']),
		node('Slice', ['y', 'from', 'middle', 'axis'], ['a']),
		node('Mul', ['a', 'a'], ['p']),
		node('Mul', ['p', 'p'], ['z']),
	];
	const constants = { ...halves, c: floats([8192], 1) };
	await checkModel(model(nodes, { x: [1, 8192] }, ['y', 'z'], constants), [sampleOf({ x: 8192 })]);
});

test('parts of an input that nothing reads are sent all the same', async () => {
	const nodes = [node('Slice', ['x', 'from', 'middle', 'axis'], ['a']), node('Mul', ['a', 'a'], ['y'])];
	await checkModel(model(nodes, { x: [1, 8192] }, ['y'], halves), [sampleOf({ x: 8192 })]);
});

test('an output that nothing encrypted goes into is known to the client', async () => {
	const nodes = [node('Dropout', ['x'], ['y', 'mask']), node('Shape', ['x'], ['shape'])];
	const { program, clear, report } = compile(model(nodes, { x: [1, 4] }, ['y', 'mask', 'shape'], {}));
	assert.equal(
		report.model.outputs.map(({ name }) => name),
		['y', 'mask', 'shape'],
	);
	assert.match(clientTypes(program.client), 'OutputName = "y" | "mask" | "shape"');
	assert.equal(program.client.knownOutputs, [
		{ name: 'mask', shape: [1, 4], values: [1, 1, 1, 1] },
		{ name: 'shape', shape: [2], values: [1, 4] },
	]);
	const sample = sampleOf({ x: 4 });
	const [result] = await evaluateLocally(program, 'clear', [sample]);
	assert.equal([...(result?.outputs.keys() ?? [])], ['y', 'mask', 'shape']);
	for (const name of ['mask', 'shape']) assert.equal(result?.outputs.get(name)?.data, clear(sample).get(name)?.data);
});

test('an output that turns out constant is refused', () => {
	const nodes = [node('Sub', ['c', 'x'], ['a']), node('Add', ['a', 'x'], ['y'])];
	const bytes = model(nodes, { x: [1, 4] }, ['y'], { c: floats([4], 1) });
	assert.throws(() => compile(bytes), /does not depend on any input/);
});

test('no input within the assumed range is a reason for doubt', async () => {
	const signs = Float64Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : -1));
	const nodes = [node('MatMul', ['x', 'w'], ['y'])];
	const bytes = model(nodes, { x: [1, 400] }, ['y'], { w: { shape: [400, 1], data: signs } });
	// Random samples reach about 20; this one reaches 400.
	await checkModel(bytes, [new Map([['x', signs]])]);
});

test('noise at the ends of the assumed range is no reason for doubt', async () => {
	const nodes = [node('Mul', ['x', 'c'], ['y'])];
	const bytes = model(nodes, { x: [1, 64] }, ['y'], { c: { shape: [], data: [3] } });
	// Half of the elements exceed the largest right answer by their noise.
	await checkModel(bytes, [new Map([['x', new Float64Array(64).fill(1)]])]);
});

test('padding that fills whole ciphertexts is zero', async () => {
	const nodes = [
		node('Pad', ['x', 'pads'], ['p']),
		node('Mul', ['p', 'p'], ['s']),
		node('Conv', ['s', 'k'], ['c'], { attributes: { kernel_shape: [2, 2] } }),
		node('Mul', ['c', 'c'], ['y']),
	];
	const constants = { pads: integers(0, 0, 2, 2, 0, 0, 2, 2), k: floats([1, 1, 2, 2], 1) };
	const bytes = model(nodes, { x: [1, 1, 2, 2] }, ['y', 'p'], constants);
	// One element in each ciphertext, two, and eight.
	for (const batch of [4096, 2048, 512]) await checkModel(bytes, twoSamples({ x: 4 }), { options: { batch } });
});

test('parameters are found where the first sample is a little quieter than the others', () => {
	const nodes = [
		node('Mul', ['x', 'x'], ['a']),
		node('Mul', ['a', 'a'], ['b']),
		node('Mul', ['b', 'b'], ['c']),
		node('MatMul', ['w', 'c'], ['y']),
	];
	const bytes = model(nodes, { x: [3, 2] }, ['y'], { w: floats([2, 3], 152, 0.7) });
	const { report } = compile(bytes, { calibration: calibrationOf({ x: 6 }, 8) });
	assert.ok(report.predicted.bits >= 10 && report.predicted.bits < 12, String(report.predicted.bits));
	assert.is(report.parameters.ringDegree, 8192);
});

test('values far from 1 are held', async () => {
	const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 'h'], ['s']), node('MatMul', ['s', 'v'], ['y'])];
	const bytes = model(nodes, { x: [1, 8] }, ['y'], { w: floats([8, 4], 1), v: floats([4, 3], 2) });
	for (const range of [1e-6, 1e-3, 1e4])
		await checkModel(bytes, [sampleOf({ x: 8 }, 1, -range, range)], {
			options: { inputRange: [-range, range] },
			reference: false,
		});
});

test.run();
