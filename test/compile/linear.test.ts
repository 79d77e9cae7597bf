import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { node } from '../support/onnx.ts';
import { runEncrypted } from './encrypted.ts';
import { floats, integers, model, sampleOf } from './models.ts';
import { checkModel } from './support.ts';

/** Small networks with the linear operators of exports, packed, planned and run like any other. */
const samples = (x: number) => [sampleOf({ x }, 1), sampleOf({ x }, 2)];

/** A convolution down, a square, a transposed convolution up, and an enlarged copy of what went in between. */
const decoder = (): Uint8Array =>
	model(
		[
			node('Conv', ['x', 'down'], ['c'], { attributes: { strides: [2, 2] } }),
			node('Mul', ['c', 'c'], ['s']),
			node('ConvTranspose', ['s', 'up', 'bias'], ['u'], { attributes: { strides: [2, 2] } }),
			node('Resize', ['c', '', 'scales'], ['r'], { attributes: { mode: 'linear' } }),
			node('DepthToSpace', ['r'], ['d'], { attributes: { blocksize: 2 } }),
			node('ReduceMean', ['d'], ['m'], { attributes: { axes: [2, 3] } }),
			node('Add', ['u', 'm'], ['y']),
		],
		{ x: [1, 1, 6, 6] },
		['y'],
		{
			down: floats([4, 1, 2, 2], 1),
			up: floats([4, 2, 2, 2], 2),
			bias: floats([2], 3),
			scales: { shape: [4], data: [1, 1, 2, 2] },
		},
	);

test('a decoder with ConvTranspose, Resize, DepthToSpace and ReduceMean gives the same answer at every stage', async () => {
	await checkModel(decoder(), samples(36));
});

test('parts of a Split are multiplied with each other, summed up and repeated', async () => {
	const nodes = [
		node('Split', ['x', 'lengths'], ['a', 'b'], { attributes: { axis: 1 } }),
		node('CumSum', ['a', 'axis'], ['s'], { attributes: { exclusive: 1 } }),
		node('Mul', ['s', 'b'], ['p']),
		node('Tile', ['p', 'twice'], ['t']),
		node('Mean', ['t', 'x'], ['y']),
	];
	const constants = { lengths: integers(5, 5), axis: integers(-1), twice: integers(1, 2) };
	await checkModel(model(nodes, { x: [1, 10] }, ['y'], constants), samples(10));
});

test('an encrypted decoder gives the right image', async () => {
	const compiled = await checkModel(decoder(), samples(36).slice(0, 1), { simulate: false });
	const [sample] = samples(36);
	assert.ok(sample, 'a sample');
	const expected = compiled.clear(sample).get('y')?.data ?? [];
	const [result] = await runEncrypted(compiled.program, [sample], { backend: 'seal' });
	const actual = result?.outputs.get('y')?.data ?? [];
	assert.is(actual.length, 72);
	const [port] = compiled.program.client.outputs;
	for (const [i, value] of actual.entries())
		assert.ok(Math.abs(value - (expected[i] ?? Number.NaN)) <= (port?.predictedError ?? 0), `element ${i}`);
});

test.run();
