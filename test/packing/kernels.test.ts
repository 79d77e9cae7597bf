import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rotated } from '../../compiler/numeric/vectors.ts';
import { into } from '../../compiler/packing/families/inPlace.ts';
import {
	bestSplits,
	byStride,
	giantOf,
	recordLinear,
	rotateBabies,
	type Split,
	turnsOf,
	type Weights,
} from '../../compiler/packing/kernels/babyGiant.ts';
import type { Diagonal } from '../../compiler/packing/kernels/diagonals.ts';
import { gathersOf } from '../../compiler/packing/kernels/gather.ts';
import { layoutOf, replicated } from '../../compiler/packing/layout.ts';
import { placementsOf } from '../../compiler/packing/placements.ts';
import { SlotBuilder } from '../../compiler/slots/circuit.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { identity, nonZeros } from '../../compiler/tensor/sparse.ts';
import { REPEATABLE as REPEATABLE_RUNS } from '../tensor/graphs.ts';
import { checkMap, countOf, dice, mapBy, randomLayout, randomMatrix, turnsIn, waysBy, waysOf } from './support.ts';

/** A failing run says what failed. */
const REPEATABLE = { ...REPEATABLE_RUNS, includeErrorInReport: true };
const RUNS = { ...REPEATABLE, numRuns: 400 };
const sizes = fc.record({
	slots: fc.constantFrom(1, 2, 8, 16, 32),
	rows: fc.integer({ min: 1, max: 20 }),
	columns: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 2 }),
});

test('every placement that can be served computes the map, and zero where it says zero', () => {
	const served = new Map<string, number>();
	fc.assert(
		fc.property(sizes, dice(), ({ slots, rows, columns }, from) => {
			const matrices = columns.map((count) => randomMatrix(rows, count, from));
			fc.pre(matrices.every((matrix) => nonZeros(matrix) > 0));
			const layouts = columns.map((count) => randomLayout(count, slots, from));
			for (const placements of placementsOf(matrices, layouts, slots)) {
				const [map, ...others] = waysBy(matrices, layouts, placements, slots) ?? [];
				if (map === undefined) continue;
				served.set(map.family, (served.get(map.family) ?? 0) + 1);
				const circuit = checkMap(matrices, layouts, map, slots, from);
				assert.ok(countOf(circuit, 'multiplyPlain') <= map.counts.products);
				// A value that two ways share is made once.
				const { rotations, decompositions, steps } = turnsIn(circuit);
				assert.ok(rotations <= map.counts.rotations, `${rotations} rotations, ${map.counts.rotations} were counted`);
				assert.ok(decompositions <= map.counts.decompositions);
				assert.ok([...steps].every((step) => map.counts.steps.has(step)));
				const other = others[from.below(others.length + 1)];
				if (other === undefined) continue;
				const differently = turnsIn(checkMap(matrices, layouts, other, slots, from));
				assert.ok(differently.rotations <= other.counts.rotations);
				assert.ok(differently.decompositions <= other.counts.decompositions);
				assert.ok([...differently.steps].every((step) => other.counts.steps.has(step)));
				if (other.foldsAtOnce > 1) served.set('folds at once', (served.get('folds at once') ?? 0) + 1);
				if (other.reach > 1) served.set('several of one', (served.get('several of one') ?? 0) + 1);
			}
		}),
		RUNS,
	);
	for (const family of ['diagonals', 'hybrid', 'split among copies', 'in place', 'folds at once', 'several of one'])
		assert.ok((served.get(family) ?? 0) > 20, `${family} served ${served.get(family)} times`);
});

test('results with leftovers are sources of further maps', () => {
	fc.assert(
		fc.property(dice(), (from) => {
			const slots = 32;
			const first = [randomMatrix(5, 6, from)];
			const second = [randomMatrix(4, 5, from)];
			fc.pre([...first, ...second].every((matrix) => nonZeros(matrix) > 0));
			const layouts = [randomLayout(6, slots, from)];
			for (const placements of placementsOf(first, layouts, slots)) {
				const map = mapBy(first, layouts, placements, slots);
				if (map === undefined) continue;
				for (const next of placementsOf(second, [map.layout], slots)) {
					const then = mapBy(second, [map.layout], next, slots);
					if (then !== undefined) checkMap(second, [map.layout], then, slots, from);
				}
			}
		}),
		REPEATABLE,
	);
});

test('any layout can be brought into any other', () => {
	fc.assert(
		fc.property(fc.constantFrom(4, 16), fc.integer({ min: 1, max: 20 }), dice(), (slots, size, from) => {
			const [a, b] = [randomLayout(size, slots, from), randomLayout(size, slots, from)];
			const map = mapBy([identity(size)], [b], into(a, b), slots);
			// A part of nothing but zeros and leftovers is no ciphertext.
			fc.pre(a.parts.every((part) => part.some((element) => element >= 0)));
			assert.ok(map);
			if (map === undefined) return;
			checkMap([identity(size)], [b], map, slots, from);
			const places = (parts: readonly Int32Array[]): unknown =>
				parts.map((part) => [...part].map((e) => Math.max(e, -1)));
			assert.equal(places(map.layout.parts), places(a.parts));
		}),
		REPEATABLE,
	);
});

test('what the client packs for needs folds only, and none where the result takes several ciphertexts', () => {
	let several = 0;
	fc.assert(
		fc.property(fc.constantFrom(4, 8, 32), fc.integer({ min: 1, max: 12 }), dice(), (slots, rows, from) => {
			const matrix = randomMatrix(rows, 1 + from.below(40), from);
			fc.pre(nonZeros(matrix) > 0);
			const channels = 1 + from.below(3);
			const shape = rows % channels === 0 ? [1, channels, rows / channels] : [rows];
			for (const { layout, outputs } of gathersOf(matrix, slots, shape)) {
				const [map] = waysOf(slots, outputs);
				const circuit = checkMap([matrix], [layout], map, slots, from);
				assert.is(countOf(circuit, 'rotate'), outputs.length === 1 ? outputs[0]?.placement.folds.length : 0);
				assert.ok(countOf(circuit, 'multiplyPlain') <= layout.parts.length);
				if (outputs.length > 1) several++;
			}
		}),
		REPEATABLE,
	);
	assert.ok(several > 20, `${several} results of several ciphertexts`);
});

test('offsets split into a baby and a giant step', () => {
	const split = fc.record({ stride: fc.integer({ min: 1, max: 64 }), centered: fc.boolean() });
	fc.assert(
		fc.property(fc.nat(63), split, (offset, { stride, centered }) => {
			const baby = byStride(64, stride, centered).babyOf(offset);
			const [low, high] = centered ? [-stride / 2, stride / 2] : [0, stride];
			assert.ok(baby >= low && baby < high + (stride % 2) / 2, `${baby} of stride ${stride}`);
			const signed = offset > 32 ? offset - 64 : offset;
			assert.is(Math.abs((signed - baby) % stride), 0);
		}),
		REPEATABLE,
	);
});

const diagonalSets = fc.record({
	offsets: fc.uniqueArray(fc.nat(63), { minLength: 1, maxLength: 24 }),
	sources: fc.integer({ min: 1, max: 3 }),
	stride: fc.integer({ min: 1, max: 64 }),
	centered: fc.boolean(),
	reach: fc.constantFrom(1, 2, 3, 5, Number.POSITIVE_INFINITY),
});

/** The distinct babies and giants of one output, by weight. */
const weighed = (diagonals: readonly Diagonal[], slots: number, split: Split, { baby, giant }: Weights): number => {
	const babies = new Set(diagonals.map(({ source, offset }) => `${source} ${split.babyOf(offset)}`));
	const giants = new Set(diagonals.map(({ offset }) => giantOf(offset, slots, split)));
	const isNone = (key: string): boolean => key.endsWith(' 0');
	return baby * [...babies].filter((key) => !isNone(key)).length + giant * [...giants].filter((g) => g !== 0).length;
};

test('the rotations that are counted are those that are recorded, and the sum of diagonals is computed', () => {
	fc.assert(
		fc.property(diagonalSets, dice(), ({ offsets, sources, stride, centered, reach }, from) => {
			const slots = 64;
			// A value of its own in every slot: no two plaintexts are equal.
			let next = 1;
			const diagonals = offsets.map((offset, k) => ({ source: k % sources, offset }));
			const plains = offsets.map(() => Float64Array.from({ length: slots }, () => next++ / 1000));
			const builder = new SlotBuilder(slots);
			const inputs = Array.from({ length: sources }, (_, part) => builder.input('x', part));
			const split = byStride(slots, stride, centered);
			const shifted = plains.map((plain, k) => rotated(plain, -giantOf(offsets[k] as number, slots, split)));
			const babies = rotateBabies(builder, inputs, diagonals, split, reach);
			const sum = recordLinear(builder, diagonals, shifted, split, babies);
			const circuit = builder.build([{ name: 'y', parts: [sum] }]);
			const turns = turnsOf([diagonals], slots, split, reach);
			assert.equal(turnsIn(circuit), turns);
			const x = inputs.map(() => Float64Array.from({ length: slots }, () => from.value()));
			const y = evaluateAll(circuit, new Map([['x', x]]))[circuit.outputs[0]?.parts[0] as number] as Float64Array;
			const expected = new Float64Array(slots);
			for (const [k, { source, offset }] of diagonals.entries())
				rotated(x[source] as Float64Array, offset).forEach((value, t) => {
					expected[t] = (expected[t] as number) + value * (plains[k]?.[t] as number);
				});
			assert.ok(y.every((value, t) => Math.abs(value - (expected[t] as number)) < 1e-9));
			const weights = [1, 2, 5].map((giant) => ({ baby: 1, giant }));
			bestSplits([diagonals], slots, weights).forEach(({ split: best, weight }, k) => {
				assert.is(weight, weighed(diagonals, slots, best, weights[k] as Weights));
				assert.ok(weight <= weighed(diagonals, slots, split, weights[k] as Weights));
			});
		}),
		REPEATABLE,
	);
});

test('consecutive diagonals take about twice the square root of their number in rotations', () => {
	const diagonals = (count: number) =>
		Array.from({ length: count }, (_, offset) => ({
			source: 0,
			offset,
		}));
	for (const count of [1, 2, 16, 64, 100, 128]) {
		const strides = Array.from({ length: count }, (_, k) => k + 1);
		const fewest = Math.min(...strides.map((stride) => stride - 1 + Math.ceil(count / stride) - 1));
		const [best] = bestSplits([diagonals(count)], 512, [{ baby: 1, giant: 1 }]);
		assert.is(best?.weight, fewest);
	}
});

test('a dense layer of 845 on four copies takes 32 diagonals where the plain hybrid takes 128', () => {
	const slots = 4096;
	const dense = {
		rows: 100,
		columns: 845,
		rowStart: Int32Array.from({ length: 101 }, (_, i) => 845 * i),
		columnOf: Int32Array.from({ length: 84500 }, (_, k) => k % 845),
		values: Float64Array.from({ length: 84500 }, (_, k) => 1 + (k % 97)),
	};
	const layout = replicated(845, slots);
	const counts = placementsOf([dense], [layout], slots).flatMap((placements) => {
		const map = mapBy([dense], [layout], placements, slots);
		return map === undefined ? [] : [[map.family, map.counts.rotations, map.counts.products]];
	});
	// 10 + 11 rotations for 128 diagonals and 3 folds; 5 + 5 for 32 diagonals and 5 folds in four copies.
	assert.equal(counts[0], ['hybrid', 24, 128]);
	assert.ok(
		counts.some(
			([family, rotations, products]) => family === 'split among copies' && rotations === 15 && products === 32,
		),
		JSON.stringify(counts),
	);
});

test('a source that lacks an element serves no placement', () => {
	const layout = layoutOf(4, [Int32Array.of(0, 0, 1, -1)]);
	const matrix = { ...identity(3) };
	assert.is(mapBy([matrix], [layout], into(replicated(3, 4), layout), 4), undefined);
});

test.run();
