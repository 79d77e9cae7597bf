import { crc32, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { indexedPng } from '../../../cli/report/png.ts';
import { slotPixels } from '../../../cli/report/slots.ts';
import { layoutOf, replicated, UNKNOWN, ZERO } from '../../../compiler/packing/layout.ts';
import { slotPicture } from '../../../compiler/report/slots.ts';

/** Where element e of `size` is in the palette: 0 is zero, 1 leftovers, 254 colours follow. */
const colour = (element: number, size: number): number => 2 + Math.floor((element * 254) / size);

test('a replicated tensor is one run and a period, and its picture repeats', () => {
	const picture = slotPicture(replicated(3, 16), 3);
	assert.equal(picture, { slots: 16, period: 4, elements: 3, ciphertexts: 1, parts: ['0,3,1,0,1'], cut: false });
	const once = [colour(0, 3), colour(1, 3), colour(2, 3), 0];
	assert.equal([...slotPixels(picture, 0)], [...once, ...once, ...once, ...once]);
});

test('gaps and leftovers end no run', () => {
	const part = Int32Array.of(0, UNKNOWN, 1, UNKNOWN, 2, UNKNOWN, 3, ZERO);
	const picture = slotPicture(layoutOf(8, [part]), 4);
	assert.equal(picture.parts, ['0,4,2,0,1;1,3,2,-2,0']);
	assert.equal([...slotPixels(picture, 0)], [2, 1, colour(1, 4), 1, colour(2, 4), 1, colour(3, 4), 0]);
});

test('the runs of any layout give back what each slot holds', () => {
	const SIZE = 20;
	const parts = fc.array(fc.integer({ min: UNKNOWN, max: SIZE - 1 }), { minLength: 32, maxLength: 32 });
	fc.assert(
		fc.property(parts, (elements) => {
			const part = Int32Array.from(elements);
			const picture = slotPicture(layoutOf(32, [part]), SIZE);
			const expected = elements.map((element) =>
				element === ZERO ? 0 : element === UNKNOWN ? 1 : colour(element, SIZE),
			);
			assert.equal([...slotPixels(picture, 0)], expected);
		}),
		{ numRuns: 200 },
	);
});

test('of many ciphertexts a few are kept, and of many runs as many as a page holds', () => {
	const slots = 8192;
	const jumps = Int32Array.from({ length: slots }, (_, t) => (t * t) % 8191);
	const layout = layoutOf(slots, [jumps, jumps, jumps, jumps, jumps]);
	const picture = slotPicture(layout, 8191);
	assert.equal([picture.ciphertexts, picture.parts.length, picture.cut], [5, 3, true]);
	assert.ok(picture.parts.every((text) => text.split(';').length <= 2500));
});

/** The chunks of a PNG file by type, their check sums compared. */
const chunksOf = (png: Uint8Array): ReadonlyMap<string, Uint8Array> => {
	const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
	const chunks = new Map<string, Uint8Array>();
	for (let at = 8; at < png.length; at += 12 + view.getUint32(at)) {
		const length = view.getUint32(at);
		assert.is(view.getUint32(at + 8 + length), crc32(png.subarray(at + 4, at + 8 + length)));
		chunks.set(new TextDecoder().decode(png.subarray(at + 4, at + 8)), png.subarray(at + 8, at + 8 + length));
	}
	return chunks;
};

test('a picture is a PNG file with the pixels it was given', () => {
	const png = indexedPng(Uint8Array.of(0, 1, 2, 2, 1, 0), 3, [
		[255, 255, 255, 0],
		[1, 2, 3, 255],
		[4, 5, 6, 255],
	]);
	assert.equal([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
	const chunks = chunksOf(png);
	assert.equal([...chunks.keys()], ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
	assert.equal([...(chunks.get('IHDR') ?? [])], [0, 0, 0, 3, 0, 0, 0, 2, 8, 3, 0, 0, 0]);
	assert.equal([...(chunks.get('PLTE') ?? [])], [255, 255, 255, 1, 2, 3, 4, 5, 6]);
	assert.equal([...(chunks.get('tRNS') ?? [])], [0, 255, 255]);
	assert.equal([...inflateSync(chunks.get('IDAT') ?? new Uint8Array())], [0, 0, 1, 2, 0, 2, 1, 0]);
});

test.run();
