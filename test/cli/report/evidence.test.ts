import { inflateSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { confusionChart, marginChart, stepChart } from '../../../cli/report/evidenceCharts.ts';
import { inputPicture } from '../../../cli/report/inputPicture.ts';
import { scatterChart } from '../../../cli/report/scatter.ts';

const axes = { title: 'a & b', x: { name: 'levels' }, y: { name: '<agreement>' } };
/** The places of dots. */
const placesIn = (svg: string, kind: string): readonly (readonly number[])[] =>
	Array.from(
		(new RegExp(`class="${kind}" d="([^"]*)"`).exec(svg)?.[1] ?? '').matchAll(/M([\d.]+) ([\d.]+)h0/g),
		([, x, y]) => [Number(x), Number(y)],
	);

test('points keep their order on both axes, and names are escaped', () => {
	const svg = scatterChart(
		[
			{ x: 6, y: 0.9, label: 'a<b' },
			{ x: 9, y: 0.99, marked: true },
			{ x: 7, y: 0.95 },
		],
		{ ...axes, joined: true },
	);
	const [first, second] = placesIn(svg, 'dots');
	const [marked] = placesIn(svg, 'dots marked');
	const [x, y] = [0, 1].map((side) => [first, second, marked].map((place) => place?.[side] ?? Number.NaN));
	assert.ok((x?.[0] ?? 9) < (x?.[1] ?? 0) && (x?.[1] ?? 9) < (x?.[2] ?? 0), String(x));
	assert.ok((y?.[0] ?? 0) > (y?.[1] ?? 9) && (y?.[1] ?? 0) > (y?.[2] ?? 9), String(y));
	assert.ok(svg.includes('a&lt;b') && svg.includes('&lt;agreement&gt;') && svg.includes('a &amp; b'));
	assert.match(svg, /class="fitted"/);
	assert.not.match(svg, /NaN|Infinity/);
});

test('equal steps of a logarithm are equal, and what is no number is left out', () => {
	const dots = [1, 10, 100, Number.NaN, Number.POSITIVE_INFINITY].map((x) => ({ x, y: 1 }));
	const svg = scatterChart(dots, { ...axes, x: { name: 'x', log: true } });
	const [a = 0, b = 0, c = 0] = placesIn(svg, 'dots').map(([x = 0]) => x);
	assert.is(placesIn(svg, 'dots').length, 3);
	assert.ok(Math.abs(b - a - (c - b)) < 0.2 && b > a);
	assert.is(scatterChart([{ x: Number.NaN, y: 1 }], axes), '');
	assert.not.match(scatterChart([{ x: 5, y: 5 }], axes), /NaN|Infinity/);
	const zero = { x: { name: 'x', log: true }, y: { name: 'y', log: true }, title: '' };
	assert.not.match(scatterChart([{ x: 0, y: 0 }], zero), /NaN|Infinity/);
});

test('samples that flipped are marked', () => {
	const sample = { sample: 0, error: 0.1, label: 0, clear: 0, found: 0, margin: 1 };
	const svg = marginChart([sample, { ...sample, found: 1, margin: 0.05 }], {
		...{ magnitude: 1, predictedError: 0.2, predictedBits: 2, measuredBits: 3, bounded: true },
	});
	assert.equal([placesIn(svg, 'dots').length, placesIn(svg, 'dots marked').length], [1, 1]);
	assert.match(svg, /predicted error/);
});

test('each layer has a bar for what is known of it', () => {
	const layer = { origin: '<a>', approximation: 0.25, noise: 0.01, bits: 6, predictedBits: 5 };
	const svg = stepChart([layer, { ...layer, approximation: null, bits: null }, { ...layer, approximation: 0 }]);
	assert.is(svg.match(/class="level"/g)?.length, 1);
	assert.is(svg.match(/class="noise"/g)?.length, 2);
	assert.ok(svg.includes('&lt;a&gt;') && svg.includes('>2</text>'));
	assert.is(stepChart([]), '');
});

test('mistakes have another colour than what is right', () => {
	const svg = confusionChart({ classes: [0, 1], found: [[3, 1], [0, 2]], clear: null }); // biome-ignore format: a matrix
	assert.is(svg.match(/class="cell"/g)?.length, 2);
	assert.is(svg.match(/class="cell noise"/g)?.length, 1);
});

/** The rows of pixels in the first image of a page. */
const pixelsIn = (html: string): number[] => {
	const png = Buffer.from(/base64,([^"]*)"/.exec(html)?.[1] ?? '', 'base64');
	const at = png.indexOf('IDAT');
	return [...inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))];
};

test('an image is drawn from its smallest value to its largest, whatever its layout', () => {
	const values = Float64Array.from({ length: 16 }, (_, i) => i - 8);
	const grey = pixelsIn(inputPicture({ name: 'x', shape: [1, 1, 4, 4] }, values, 'c'));
	assert.equal(grey.slice(0, 6), [0, 0, 17, 34, 51, 0]);
	assert.is(grey.length, 20);
	const planes = Float64Array.from({ length: 48 }, (_, i) => Math.floor(i / 16) / 2);
	const pixels = Float64Array.from({ length: 48 }, (_, i) => (i % 3) / 2);
	const byPlanes = pixelsIn(inputPicture({ name: 'x', shape: [1, 3, 4, 4] }, planes, 'c'));
	assert.equal(byPlanes.slice(0, 7), [0, 0, 128, 255, 0, 128, 255]);
	assert.equal(pixelsIn(inputPicture({ name: 'x', shape: [4, 4, 3] }, pixels, 'c')), byPlanes);
});

test('what is no image has no picture, and captions are escaped', () => {
	for (const shape of [[1, 784], [1, 2, 8, 8], [3, 3], [1, 1, 2, 2], [2, 1, 8, 8]]) // biome-ignore format: shapes
		assert.is(inputPicture({ name: 'x', shape }, new Float64Array(784), 'c'), '');
	assert.match(inputPicture({ name: 'x', shape: [1, 4, 4] }, new Float64Array(16), '<b>'), /&lt;b&gt;/);
});

test.run();
