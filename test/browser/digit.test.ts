import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel, readSamples } from '../../cli/model.ts';
import { digitOf, SIDE, type Stroke } from '../../cli/web/page/digit.ts';
import { compile } from '../../compiler/index.ts';

const folder = join(import.meta.dirname, '..', '..', 'models', 'mnist-cryptonets');
const calibration = readSamples(
	[join(folder, 'model.calibration.npy')],
	[{ name: 'image', shape: [1, 1, SIDE, SIDE] }],
);
const { clear } = compile(readModel(join(folder, 'model.onnx')).bytes, { calibration });

/** What the model says, in the clear. */
const classOf = (image: Float64Array): number => {
	const [scores] = [...clear(new Map([['image', image]])).values()];
	const data = [...(scores?.data ?? [])];
	return data.indexOf(Math.max(...data));
};

const stroke = (...points: readonly (readonly [x: number, y: number])[]): Stroke => points.map(([x, y]) => ({ x, y }));

/** A circle as a hand may draw it. */
const ring = (x: number, y: number, width: number, height: number): Stroke =>
	Array.from({ length: 41 }, (_, i) => ({
		x: x + width * Math.cos((i * Math.PI) / 20),
		y: y + height * Math.sin((i * Math.PI) / 20),
	}));

const digit = (...strokes: readonly Stroke[]): Float64Array => {
	const drawn = digitOf(strokes);
	if (drawn === undefined) throw new Error('nothing was drawn');
	return drawn;
};

const SEVEN = stroke([60, 60], [200, 62], [120, 230]);

test('drawn digits are what the model says in the clear', () => {
	assert.is(classOf(digit(SEVEN)), 7);
	assert.is(classOf(digit(ring(140, 140, 60, 90))), 0);
	assert.is(classOf(digit(stroke([140, 40], [136, 240]))), 1);
});

test('where and how large a digit is drawn makes no difference', () => {
	const image = digit(SEVEN);
	const other = digit(SEVEN.map(({ x, y }) => ({ x: 900 + x / 7, y: y / 7 - 55 })));
	image.forEach((ink, i) => {
		assert.ok(Math.abs(ink - (other[i] ?? Number.NaN)) < 1e-9, `pixel ${i}`);
	});
});

test('pictures are as those of MNIST: values in [0, 1], a box of 20 pixels, the mass in the middle', () => {
	const image = digit(SEVEN);
	assert.is(image.length, SIDE * SIDE);
	assert.ok(image.every((ink) => ink >= 0 && ink <= 1));
	const rows = Array.from({ length: SIDE }, (_, y) => image.subarray(y * SIDE, (y + 1) * SIDE));
	const inked = rows.flatMap((row, y) => (row.some((ink) => ink > 0.5) ? [y] : []));
	const height = Math.max(...inked) - Math.min(...inked) + 1;
	assert.ok(height >= 19 && height <= 21, `${height} rows`);
	const mass = image.reduce((sum, ink) => sum + ink, 0);
	const centre = (place: (i: number) => number): number =>
		image.reduce((sum, ink, i) => sum + ink * (place(i) + 0.5), 0) / mass;
	assert.ok(Math.abs(centre((i) => i % SIDE) - SIDE / 2) < 0.1);
	assert.ok(Math.abs(centre((i) => Math.floor(i / SIDE)) - SIDE / 2) < 0.1);
});

test('a dot is a dot, a second stroke adds ink, and nothing is no digit', () => {
	assert.is(digitOf([]), undefined);
	assert.is(digitOf([[]]), undefined);
	const dot = digit(stroke([5, 5]));
	const count = dot.filter((ink) => ink > 0).length;
	assert.ok(count >= 4 && count <= 16, `${count} pixels`);
	const mass = (image: Float64Array): number => image.reduce((sum, ink) => sum + ink, 0);
	assert.ok(mass(digit(SEVEN, stroke([100, 150], [190, 150]))) > mass(digit(SEVEN)));
});

test.run();
