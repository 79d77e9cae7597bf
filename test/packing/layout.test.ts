import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	describe,
	hasUnknown,
	inChannelBlocks,
	lastCopies,
	layoutOf,
	nextPowerOfTwo,
	packInto,
	periodOf,
	replicated,
	runsOf,
	UNKNOWN,
	ZERO,
} from '../../compiler/packing/layout.ts';
import { pack, unpack } from '../../runtime/packing.ts';
import { REPEATABLE } from '../tensor/graphs.ts';

const slots = 16;
/** Parts with runs, repetitions, holes and leftovers. */
const part = fc
	.array(
		fc.oneof(
			fc.record({ start: fc.nat(20), step: fc.integer({ min: -2, max: 3 }), length: fc.integer({ min: 1, max: 6 }) }),
			fc.constantFrom(ZERO, UNKNOWN),
		),
		{ minLength: 1, maxLength: slots },
	)
	.map((pieces) => {
		const values = pieces.flatMap((piece) =>
			typeof piece === 'number'
				? [piece]
				: Array.from({ length: piece.length }, (_, i) => Math.max(0, piece.start + i * piece.step)),
		);
		return Int32Array.from({ length: slots }, (_, t) => values[t] ?? ZERO);
	});
const parts = fc.array(part, { minLength: 1, maxLength: 3 });

test('runs name every slot that holds an element once, and nothing else', () => {
	fc.assert(
		fc.property(part, (elements) => {
			const read = new Int32Array(slots).fill(ZERO);
			const times = new Int32Array(slots);
			for (const [slot, length, element, step] of runsOf(elements))
				for (let i = 0; i < length; i++) {
					read[slot + i] = element + i * step;
					times[slot + i] = (times[slot + i] as number) + 1;
				}
			assert.equal(
				read,
				elements.map((element) => Math.max(element, ZERO)),
			);
			assert.ok(times.every((count, t) => count === ((elements[t] as number) >= 0 ? 1 : 0)));
		}),
		REPEATABLE,
	);
});

test('a regular layout is one run', () => {
	assert.equal(runsOf(Int32Array.from([3, 5, 7, 9])), [[0, 4, 3, 2]]);
	assert.equal(runsOf(Int32Array.from([ZERO, 2, 2, 2])), [[1, 3, 2, 0]]);
	assert.is(runsOf(replicated(10, 16).parts[0] as Int32Array).length, 1);
});

test('the client packs by runs what the compiler packs by layout, and reads it back', () => {
	fc.assert(
		fc.property(parts, (elements) => {
			const layout = layoutOf(slots, elements);
			const data = Float64Array.from({ length: 64 }, (_, i) => i + 1);
			const expected = packInto(layout, data);
			layout.parts.forEach((p, k) => {
				assert.equal(pack(runsOf(p), [data], slots, 1), expected[k]);
			});
			const once = lastCopies(layout);
			const read = unpack(once.parts.map(runsOf), expected, data.length, 0, 1);
			const held = new Set(elements.flatMap((p) => [...p]).filter((element) => element >= 0));
			assert.ok(read.every((value, i) => value === (held.has(i) ? data[i] : 0)));
		}),
		REPEATABLE,
	);
});

test('the period is the smallest power of two after which every part repeats', () => {
	fc.assert(
		fc.property(parts, fc.constantFrom(1, 2, 4, 8, 16), (elements, wanted) => {
			const layout = layoutOf(
				slots,
				elements.map((p) => p.map((_, t) => p[t % wanted] as number)),
			);
			const repeats = (period: number): boolean => layout.parts.every((p) => p.every((x, t) => x === p[t % period]));
			assert.is(
				periodOf(layout),
				[1, 2, 4, 8, 16].find((period) => repeats(period)),
			);
		}),
		REPEATABLE,
	);
});

test('a replicated layout holds every element, as often as it fits', () => {
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 70 }), fc.constantFrom(1, 2, 8, 16, 64), (size, n) => {
			const layout = replicated(size, n);
			assert.is(layout.parts.length, Math.ceil(size / n));
			const count = new Map<number, number>();
			for (const p of layout.parts) for (const element of p) count.set(element, (count.get(element) ?? 0) + 1);
			count.delete(ZERO);
			const copies = size > n ? 1 : n / nextPowerOfTwo(size);
			assert.equal(
				[...count.keys()].sort((a, b) => a - b),
				[...Array(size).keys()],
			);
			assert.ok([...count.values()].every((times) => times === copies));
			assert.is(periodOf(layout) <= nextPowerOfTwo(size), true);
		}),
		REPEATABLE,
	);
});

test('only the last copy of every element is kept for the reader', () => {
	fc.assert(
		fc.property(parts, (elements) => {
			const kept = lastCopies(layoutOf(slots, elements));
			assert.not(hasUnknown(kept));
			const place = (element: number): number => elements.flatMap((p) => [...p]).lastIndexOf(element);
			const found = kept.parts.flatMap((p) => [...p]);
			found.forEach((element, at) => {
				if (element >= 0) assert.is(at, place(element));
			});
			assert.equal(
				new Set(found.filter((element) => element >= 0)),
				new Set(elements.flatMap((p) => [...p]).filter((element) => element >= 0)),
			);
		}),
		REPEATABLE,
	);
});

test('keys are equal exactly for equal layouts', () => {
	fc.assert(
		fc.property(parts, parts, (a, b) => {
			const same = JSON.stringify(a.map((p) => [...p])) === JSON.stringify(b.map((p) => [...p]));
			assert.is(layoutOf(slots, a).key === layoutOf(slots, b).key, same);
		}),
		REPEATABLE,
	);
	assert.not.equal(layoutOf(2, [Int32Array.of(0, 1)]).key, layoutOf(1, [Int32Array.of(0), Int32Array.of(1)]).key);
});

test('a description counts elements, copies and leftovers', () => {
	assert.is(describe(replicated(845, 4096)), '845 elements in 1 ciphertext, 4 copies each, period 1024');
	assert.is(
		describe(layoutOf(4, [Int32Array.of(0, UNKNOWN, 1, ZERO)])),
		'2 elements in 1 ciphertext, leftovers between',
	);
});

test('channel blocks hold every element, each channel in one ciphertext at the same place of its block', () => {
	const shapes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 }));
	fc.assert(
		fc.property(shapes, fc.constantFrom(4, 16, 64), ([channels, inner], v) => {
			const layout = inChannelBlocks([1, channels, inner], v);
			const block = nextPowerOfTwo(inner);
			assert.is(layout === undefined, channels === 1 || block === inner || block > v);
			if (layout === undefined) return;
			const seen = new Set<number>();
			const partOf = new Map<number, number>();
			layout.parts.forEach((elements, p) => {
				elements.forEach((element, t) => {
					if (element < 0) return;
					seen.add(element);
					assert.is(element % inner, t % block);
					const channel = Math.floor(element / inner);
					assert.is(partOf.get(channel) ?? p, p);
					partOf.set(channel, p);
				});
			});
			assert.is(seen.size, channels * inner);
		}),
		REPEATABLE,
	);
});

test.run();
