import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CompileOptions, compile, writeBuild } from '../../compiler/index.ts';
import { node } from '../support/onnx.ts';
import { calibrationOf, floats, model, perceptron } from './models.ts';

const build = (bytes: Uint8Array, options: CompileOptions): ReadonlyMap<string, string> =>
	new Map(
		[...writeBuild(compile(bytes, options))].map(([path, content]) => [path, Buffer.from(content).toString('base64')]),
	);
const calibration = calibrationOf({ x: 5 }, 12);
const bytes = perceptron('Relu', [5, 4, 2]);

test('compiling twice gives identical bytes', () => {
	for (const options of [
		{ calibration, degree: 3 },
		{ batch: 8, precision: 7, degree: 2 },
	])
		assert.equal(build(bytes, options), build(perceptron('Relu', [5, 4, 2]), options));
});

const linear = (weight: number): Uint8Array => {
	const { shape, data } = floats([4, 3], 1);
	const w = { shape, data: Float64Array.from(data, (value, i) => (i === 5 ? value + weight : value)) };
	return model([node('MatMul', ['x', 'w'], ['y'])], { x: [1, 4] }, ['y'], { w });
};
const fingerprint = (model: Uint8Array, options: CompileOptions = {}): string =>
	compile(model, options).program.client.fingerprint;

test('a weight that changes by a thousandth changes the fingerprint', () => {
	assert.is(fingerprint(linear(0)), fingerprint(linear(0)));
	assert.is.not(fingerprint(linear(0)), fingerprint(linear(1e-3)));
});

test('options that change the program change the fingerprint', () => {
	const options: readonly CompileOptions[] = [
		{},
		{ batch: 2 },
		{ precision: 18 },
		{ security: 192 },
		{ inputRange: [-2, 2] },
		{ calibration: calibrationOf({ x: 4 }, 5) },
	];
	const found = options.map((option) => fingerprint(linear(0), option));
	assert.is(new Set(found).size, options.length, found.join('\n'));
});

test('surroundings change nothing', () => {
	const passes: string[] = [];
	const observe = ({ pass, text }: { readonly pass: string; readonly text: () => string }): void => {
		passes.push(pass);
		assert.ok(text().length > 0, pass);
	};
	const { program } = compile(linear(0), {}, { observe });
	assert.is(program.client.fingerprint, fingerprint(linear(0)));
	assert.ok(['import', 'pack', 'parameters'].every((pass) => passes.includes(pass)));
});

test.run();
