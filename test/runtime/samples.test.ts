import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { packSamples, refusalOf, type Sample } from '../../runtime/inputs.ts';
import type { Picture } from '../../runtime/pictures.ts';
import type { ClientProgram, InputPacking } from '../../runtime/plan.ts';
import { toNested } from '../../runtime/results.ts';
import { makeProgram, SCALE } from './support.ts';

type Input = Partial<InputPacking> & { readonly shape: readonly number[] };

const programOf = (...inputs: readonly Input[]): ClientProgram =>
	makeProgram({ inputs, outputs: [{ level: 1, scale: SCALE }], instructions: [] }).client;

/** What the slots of the first input begin with. */
const packed = (program: ClientProgram, sample: unknown, length: number): number[] => {
	const [first] = packSamples(program, [sample as Sample]);
	return [...(first?.[0] ?? [])].slice(0, length);
};

const refused = (program: ClientProgram, sample: unknown, pattern: RegExp): void => {
	const error = refusalOf(program, sample as Sample);
	assert.instance(error, RefusedError, 'it was not refused');
	assert.is(error?.code, 'input');
	assert.match(`${error?.message} ${error?.hint ?? ''}`, pattern);
};

const matrix = programOf({ name: 'x', shape: [1, 2, 3] });
const numbers = [0, 1, 2, -1, -2, -3];

test('an input is given flat, typed or nested, by name in an object or a Map, or alone', () => {
	const rows = [
		[0, 1, 2],
		[-1, -2, -3],
	];
	for (const value of [
		numbers,
		Float32Array.from(numbers),
		Int8Array.from(numbers),
		rows,
		[rows],
		[rows.map((row) => Float64Array.from(row))],
		[[[[0, 1, 2]], [[-1, -2, -3]]]],
	])
		for (const sample of [{ x: value }, new Map([['x', value]]), value])
			assert.equal(packed(matrix, sample, 6), numbers);
	assert.equal(packed(matrix, { x: { ...numbers, length: 6 } }, 6), numbers);
	assert.equal(packed(programOf({ shape: [] }), [3], 1), [3]);
});

test('what is no sample, or nested in another shape, is refused with the shape', () => {
	const two = programOf({ name: 'a', shape: [2] }, { name: 'b', shape: [2] });
	for (const [sample, pattern] of [
		[undefined, /object with an array for each input.*'x'/],
		[7, /object/],
		['abc', /object/],
		[{ x: 7 }, /'x' is no array.*6 numbers/],
		[{ x: null }, /'x' is no array/],
		[{ x: new ArrayBuffer(48) }, /'x' is no array/],
		[{ x: {} }, /'x' is no array/],
		[{ y: numbers }, /'x' is missing/],
		[[1, 2], /2 values.*\[1, 2, 3\] holds 6/],
		[[[0, 1], [2, 3], [4, 5]], /shape \[3, 2\], not \[1, 2, 3\]/], // biome-ignore format: one thought
		[[[0, 1, 2], [3, 4]], /not of one length/], // biome-ignore format: one thought
		[[[0, 1, 2], 3], /not of one length/],
		[[[0, 1, 2], [3, 4, [5]]], /not of one depth/], // biome-ignore format: one thought
		[[0, [1, 2, 3]], /shape \[2\]/],
		[[0, 1, 2, 3, 4, '5'], /is 5 at \[0, 1, 2\]: only finite numbers/],
		[[0, 1, 2, 3, 4, undefined], /undefined at/],
	] as const)
		refused(matrix, sample, pattern);
	refused(two, [1, 2], /2 inputs.*'a', 'b'/);
	refused(programOf({ shape: [2, 2] }), [[[1, 2], [3, 4]], [[1, 2], [3, 4]]], /shape \[2, 2, 2\]/); // biome-ignore format: one thought
});

/** 2 x 3 pixels: red, green, blue, white, grey, black. */
const pixels = [
	[255, 0, 0],
	[0, 255, 0],
	[0, 0, 255],
	[255, 255, 255],
	[51, 51, 51],
	[0, 0, 0],
];
const picture: Picture = {
	data: Uint8ClampedArray.from(pixels.flatMap((pixel) => [...pixel, 255])),
	width: 3,
	height: 2,
};
const range = [-0.25, 1.25] as const;
const close = (found: readonly number[], expected: readonly number[]): void => {
	assert.is(found.length, expected.length);
	found.forEach((value, i) => {
		assert.ok(Math.abs(value - (expected[i] as number)) < 1e-12, `${found} is not ${expected}`);
	});
};

test('a picture becomes numbers from 0 to 1 in the order of the input', () => {
	const grey = [0.299, 0.587, 0.114, 1, 0.2, 0];
	for (const shape of [[2, 3], [1, 2, 3], [2, 3, 1], [1, 1, 2, 3], [1, 2, 3, 1]]) // biome-ignore format: one thought
		for (const sample of [picture, { x0: picture }, { x0: { ...picture, data: Uint8Array.from(picture.data) } }])
			close(packed(programOf({ shape, range }), sample, 6), grey);
	const channelsLast = pixels.flat().map((byte) => byte / 255);
	const channelsFirst = [0, 1, 2].flatMap((c) => pixels.map((pixel) => (pixel[c] as number) / 255));
	for (const shape of [[3, 2, 3], [1, 3, 2, 3]]) // biome-ignore format: one thought
		close(packed(programOf({ shape, range }), picture, 18), channelsFirst);
	for (const shape of [[2, 3, 3], [1, 2, 3, 3]]) // biome-ignore format: one thought
		close(packed(programOf({ shape, range }), picture, 18), channelsLast);
});

test('a picture says what its bytes stand for where the model takes other values', () => {
	const wide = programOf({ shape: [2, 3], range: [-64, 320] });
	refused(wide, picture, /from -64 to 320.*range: \[0, 255\]/);
	close(packed(wide, { ...picture, range: [0, 255] }, 6), [76.245, 149.685, 29.07, 255, 51, 0]);
	const signed = programOf({ shape: [2, 3], range: [-1.5, 1.5] });
	refused(signed, picture, /from -1.5 to 1.5/);
	close(packed(signed, { x0: { ...picture, range: [-1, 1] } }, 6), [-0.402, 0.174, -0.772, 1, -0.6, -1]);
	close(packed(signed, { ...picture, range: [1, 0] }, 6), [0.701, 0.413, 0.886, 0, 0.8, 1]);
	// The head standardises: what the client takes goes from 0 to 1.
	const head = { scale: new Array<number>(6).fill(2), shift: new Array<number>(6).fill(-1) };
	close(
		packed(programOf({ shape: [2, 3], range: [-1.5, 1.5], head }), picture, 6),
		[-0.402, 0.174, -0.772, 1, -0.6, -1],
	);
	refused(programOf({ shape: [2, 3], range: [-5, 5], head }), picture, /from -2 to 3/);
	for (const bad of [[0], [0, Number.NaN], 7, [0, '1'], null])
		refused(signed, { ...picture, range: bad as never }, /two numbers/);
	refused(signed, { ...picture, range: [0, 2] }, /outside the range/);
});

test('a picture of another size, kind or transparency is refused with the remedy', () => {
	const fits = programOf({ shape: [1, 1, 2, 3], range });
	refused(fits, { ...picture, width: 2, height: 3 }, /2 x 3 pixels does not fit.*\[1, 1, 2, 3\].*drawImage/);
	refused(fits, { ...picture, width: 4 }, /four bytes for each of 4 x 2/);
	refused(fits, { ...picture, data: [...picture.data] as never }, /getImageData/);
	refused(fits, { ...picture, data: Float32Array.from(picture.data) as never }, /getImageData/);
	refused(fits, { ...picture, data: picture.data.with(7, 254) }, /not opaque at pixel 1/);
	for (const shape of [[6], [1, 6], [2, 2, 3], [2, 1, 2, 3], [1, 1, 1, 2, 3], [1, 4, 2, 3]])
		refused(programOf({ shape, range }), picture, /does not fit/);
	const square = { data: new Uint8ClampedArray(36).fill(255), width: 3, height: 3 };
	refused(programOf({ shape: [3, 3, 3], range }), square, /not clear/);
	refused(programOf({ shape: [2, 3], range }, { shape: [2, 3], range }), picture, /2 inputs/);
});

test('inputs that are called as the fields of a picture are inputs', () => {
	const named = programOf(...['data', 'width', 'height'].map((name) => ({ name, shape: [1] })));
	assert.equal(packed(named, { data: [1], width: [2], height: [3] }, 1), [1]);
});

test('tensors become nested arrays of their shape', () => {
	const data = Float64Array.of(1, 2, 3, 4, 5, 6);
	assert.equal(toNested({ shape: [2, 3], data }), [[1, 2, 3], [4, 5, 6]]); // biome-ignore format: one thought
	assert.equal(toNested({ shape: [1, 6], data }), [[1, 2, 3, 4, 5, 6]]);
	assert.equal(toNested({ shape: [3, 1, 2], data }), [[[1, 2]], [[3, 4]], [[5, 6]]]);
	assert.equal(toNested({ shape: [6], data }), [1, 2, 3, 4, 5, 6]);
	assert.is(toNested({ shape: [], data: Float64Array.of(7) }), 7);
});

test.run();
