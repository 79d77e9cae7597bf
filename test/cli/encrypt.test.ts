import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import { buildModel, node } from '../support/onnx.ts';
import { start } from './support.ts';

/** y = x w + b, and an image that a kernel is moved over. */
const weights = [1, -0.5, 0.25, 2, 0, -1];
const linear = (w: readonly number[], shape: readonly number[] = [3, 2]): Uint8Array =>
	buildModel({
		nodes: [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y'])],
		initializers: new Map([
			['w', { shape: [...shape], data: w }],
			['b', { shape: [2], data: [0.5, -0.5] }],
		]),
		inputs: [{ name: 'x', shape: [1, 3] }],
		outputs: ['y'],
	});
const convolution = buildModel({
	nodes: [node('Conv', ['x', 'k'], ['y'], { name: 'sharpen' })],
	initializers: new Map([['k', { shape: [1, 1, 1, 2], data: [1, -1] }]]),
	inputs: [{ name: 'x', shape: [1, 1, 2, 3] }],
	outputs: ['y'],
});

const test = suite('encrypted weights', { folder: '', model: '', x: '' });

test.before((context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-encrypt-'));
	context.model = join(context.folder, 'model.onnx');
	context.x = join(context.folder, 'x.npy');
	writeFileSync(context.model, linear(weights));
	writeFileSync(join(context.folder, 'conv.onnx'), convolution);
	writeNpy(context.x, { shape: [2, 3], data: Float64Array.of(0.5, -1, 0.75, 0.25, 0.5, -0.5) });
	writeNpy(join(context.folder, 'model.calibration.npy'), {
		shape: [2, 3],
		data: Float64Array.of(-1, -1, -1, 1, 1, 1),
	});
});
test.after(({ folder }) => rmSync(folder, { recursive: true }));

const both = ['--encrypt', 'w', '--encrypt', 'b'];
const expected = (w: readonly number[], x: readonly number[]): readonly number[] =>
	[0.5, -0.5].map((b, j) => x.reduce((sum, value, i) => sum + value * (w[2 * i + j] ?? 0), b));
const near = (found: ArrayLike<number>, wanted: readonly number[]): void => {
	for (const [i, value] of wanted.entries())
		assert.ok(Math.abs((found[i] ?? Number.NaN) - value) < 0.02, `${found[i]}, not ${value}`);
};

test('run takes the values of encrypted weights from the model, for each sample', async ({ model, x }) => {
	const { status, stdout, stderr } = await start('run', model, ...both, '--input', x, '--json');
	assert.is(status, 0, stderr);
	assert.match(stderr, /encrypts the weights "w", "b"/);
	const { outputs, counts } = JSON.parse(stdout);
	assert.is(counts.products, 1);
	near(outputs[0].data, [...expected(weights, [0.5, -1, 0.75]), ...expected(weights, [0.25, 0.5, -0.5])]);
});

test('on two machines weights come from a model at encryption, another of that form as well', async ({
	folder,
	model,
	x,
}) => {
	const path = (name: string): string => join(folder, name);
	const build = path('build');
	const ends = async (...args: readonly string[]) => {
		const ended = await start(...args, '--quiet');
		assert.is(ended.status, 0, ended.stderr);
	};
	await ends('compile', model, ...both, '-o', build);
	await ends('keygen', build, '--secret', path('key.bin'), '--public', path('keys.bin'));
	const encrypt = ['encrypt', build, '--secret', path('key.bin'), '--output', path('x.bin')];
	const refused = await start(...encrypt, '--input', `x=${x}`, '--sample', '0', '--quiet');
	assert.is(refused.status, 3);
	assert.match(refused.stderr, /no value of the input "w", "b".*--weights model\.onnx/);
	const other = weights.map((w) => 0.5 - w / 2);
	writeFileSync(path('other.onnx'), linear(other));
	for (const [file, w] of [
		['model.onnx', weights],
		['other.onnx', other],
	] as const) {
		await ends(...encrypt, '--input', x, '--sample', '0', '--weights', path(file));
		await ends('infer', build, '--public', path('keys.bin'), '--input', path('x.bin'), '--output', path('y.bin'));
		await ends('decrypt', build, '--secret', path('key.bin'), '--input', path('y.bin'), '--output', path('y.npy'));
		near(readArrays(path('y.npy')).get('')?.data ?? [], expected(w, [0.5, -1, 0.75]));
	}
	writeFileSync(path('turned.onnx'), linear(weights, [2, 3]));
	for (const [file, said] of [
		['conv.onnx', /has no weights for this program/],
		['turned.onnx', /has weights "w" of the shape \[2, 3\].*takes \[3, 2\]/],
	] as const) {
		const wrong = await start(...encrypt, '--input', x, '--weights', path(file), '--quiet');
		assert.is(wrong.status, 3);
		assert.match(wrong.stderr, said);
	}
});

test('what cannot be encrypted is refused by name, with what helps', async ({ folder, model, x }) => {
	const cases: readonly (readonly [args: readonly string[], status: number, said: RegExp])[] = [
		[['compile', model, '--encrypt', 'v'], 3, /no input or initializer named 'v'.*'w'/],
		[
			['compile', join(folder, 'conv.onnx'), '--encrypt', 'k'],
			3,
			/sharpen: Conv takes its kernel.*leave it out of --encrypt/,
		],
		[['run', model, '--encrypt', 'w', '--input', `x=${x}`, '--input', `w=${x}`], 3, /"w" is a weight/],
		[['run', model, '--weights', model, '--input', x], 2, /--weights is for a build directory/],
	];
	for (const [args, status, said] of cases) {
		const ended = await start(...args, '--quiet');
		assert.is(ended.status, status, ended.stderr);
		assert.match(ended.stderr, said);
	}
});

test.run();
