import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { into } from '../../compiler/packing/families/inPlace.ts';
import { windows } from '../../compiler/packing/families/windows.ts';
import type { PackedMap } from '../../compiler/packing/kernels/map.ts';
import { type Layout, periodOf, replicated } from '../../compiler/packing/layout.ts';
import { averagePool, convolution } from '../../compiler/tensor/maps/spatial.ts';
import { type Window, windowOf } from '../../compiler/tensor/maps/window.ts';
import { identity, type SparseMatrix } from '../../compiler/tensor/sparse.ts';
import { REPEATABLE } from '../tensor/graphs.ts';
import { checkMap, countOf, type Dice, dice, mapBy } from './support.ts';

type Layer = { readonly matrix: SparseMatrix; readonly channels: number; readonly window: Window };

const square = (size: number, kernel: number, stride: number, pad: number): Window =>
	windowOf({
		input: [size, size],
		kernel: [kernel, kernel],
		strides: [stride, stride],
		dilations: [1, 1],
		pads: [pad, pad, pad, pad],
		autoPad: 'NOTSET',
		ceilMode: false,
	});

const conv = (channels: number, maps: number, window: Window, from: Dice): Layer => {
	const count = maps * channels * window.kernel.reduce((a, b) => a * b, 1);
	const weights = Float64Array.from({ length: count }, () => from.value());
	return { matrix: convolution({ batch: 1, channels, maps, groups: 1 }, weights, window), channels: maps, window };
};

const shapeOf = (channels: number, spatial: readonly number[]) => [1, channels, ...spatial];

/** All window kernels for a layer that reads `channels` laid out as `layout`. */
const kernelsOf = ({ matrix, channels: maps, window }: Layer, channels: number, layout: Layout): readonly PackedMap[] =>
	windows(matrix, layout, shapeOf(channels, window.input), shapeOf(maps, window.output), periodOf(layout)).flatMap(
		(placements) => mapBy([matrix], [layout], placements, layout.slots) ?? [],
	);

const layers = fc.record({
	slots: fc.constantFrom(128, 256, 512),
	channels: fc.constantFrom(1, 2, 3, 4, 8),
	maps: fc.constantFrom(1, 2, 3, 4, 5, 8),
	size: fc.integer({ min: 4, max: 8 }),
	kernel: fc.constantFrom(1, 2, 3),
	stride: fc.constantFrom(1, 2),
	pad: fc.constantFrom(0, 1),
});

test('every window kernel computes its convolution, and so does the next layer on what it leaves', () => {
	const served = new Map<string, number>();
	const count = ({ family }: PackedMap): unknown => served.set(family, (served.get(family) ?? 0) + 1);
	fc.assert(
		fc.property(layers, dice(), ({ slots, channels, maps, size, kernel, stride, pad }, from) => {
			fc.pre(pad < kernel);
			const first = conv(channels, maps, square(size, kernel, stride, pad), from);
			const [height = 1] = first.window.output;
			const second = conv(maps, channels, square(height, Math.min(2, height), 1, 0), from);
			// Channels in blocks of a power of two, as convolutions leave them, or one after another.
			const block = replicated(2 ** Math.ceil(Math.log2(channels * 64)), slots);
			const blocks = { ...block, parts: block.parts.map((part) => part.map((e) => inBlock(e, channels, size))) };
			const spread = from.below(2) === 0 ? blocks : replicated(channels * size * size, slots);
			for (const map of kernelsOf(first, channels, { ...spread, key: 'x' })) {
				count(map);
				checkMap([first.matrix], [spread], map, slots, from);
				for (const next of kernelsOf(second, maps, map.layout))
					checkMap([second.matrix], [map.layout], next, slots, from);
			}
		}),
		{ ...REPEATABLE, numRuns: 200, includeErrorInReport: true },
	);
	for (const family of [
		'windows in place',
		'windows, channels interleaved',
		'windows, channels folded',
		'windows, channels split among copies',
	])
		assert.ok((served.get(family) ?? 0) > 20, `${family} served ${served.get(family)} times`);
});

/** The element of slot e when channels lie in blocks of 64 slots. */
const inBlock = (e: number, channels: number, size: number): number => {
	const [channel, place] = [Math.floor(e / 64), e % 64];
	return e >= 0 && channel < channels && place < size * size ? channel * size * size + place : -1;
};

test('sums over windows take no products, and as many rotations as the logarithm of a square window', () => {
	fc.assert(
		fc.property(fc.constantFrom(2, 4, 8), fc.constantFrom(1, 3, 4), dice(), (kernel, channels, from) => {
			const window = square(8, kernel, kernel, 0);
			const mean = averagePool([1, channels], window, false);
			const matrix = { ...mean, values: mean.values.map(() => 1) };
			const layout = replicated(channels * 64, 512);
			const maps = kernelsOf({ matrix, channels, window }, channels, layout);
			const summed = maps.find((map) => map.summed);
			assert.ok(summed);
			if (summed === undefined) return;
			const circuit = checkMap([matrix], [layout], summed, 512, from);
			assert.is(countOf(circuit, 'multiplyPlain'), 0);
			assert.is(countOf(circuit, 'rotate'), 2 * Math.log2(kernel));
		}),
		{ ...REPEATABLE, numRuns: 30 },
	);
});

test('sums that would take in a neighbour keep their products', () => {
	// Two rows of one element each; a plain sum over their offsets would add the other one.
	const layout = replicated(2, 8);
	const swap = { ...identity(2), columnOf: Int32Array.of(1, 0) };
	const map = mapBy([swap], [layout], into(layout, layout), 8);
	assert.is(map?.summed, true, 'one rotation serves both rows');
	const both = mapBy([{ ...identity(2), columnOf: Int32Array.of(0, 0) }], [layout], into(layout, layout), 8);
	assert.is(both?.summed, false, 'two rotations serve one row each');
});

test('a residual connection follows the convolution beside it', () => {
	fc.assert(
		fc.property(dice(), (from) => {
			const layer = conv(4, 4, square(6, 3, 1, 1), from);
			const layout = replicated(4 * 36, 512);
			const skip = identity(4 * 36);
			const placements = windows(layer.matrix, layout, [1, 4, 6, 6], [1, 4, 6, 6], periodOf(layout));
			const maps = placements.flatMap((p) => mapBy([layer.matrix, skip], [layout, layout], p, 512) ?? []);
			assert.ok(maps.length > 0);
			for (const map of maps) checkMap([layer.matrix, skip], [layout, layout], map, 512, from);
		}),
		{ ...REPEATABLE, numRuns: 10 },
	);
});

test.run();
