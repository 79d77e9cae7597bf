import { crc32 } from 'node:zlib';
import { zlibSync } from 'fflate';

export type Color = readonly [red: number, green: number, blue: number, alpha: number];

/**
 * A PNG image of at most 256 colours; pixels are indices of the palette, row by row. The bytes follow from the arguments alone.
 */
export const indexedPng = (pixels: Uint8Array, width: number, palette: readonly Color[]): Uint8Array =>
	png(pixels, width, INDEXED, [
		chunk('PLTE', Uint8Array.from(palette.flatMap((color) => color.slice(0, 3)))),
		chunk(
			'tRNS',
			Uint8Array.from(palette, ([, , , alpha]) => alpha),
		),
	]);

/** A PNG image of any colours: red, green and blue of each pixel, row by row. */
export const colorPng = (pixels: Uint8Array, width: number): Uint8Array => png(pixels, width, TRUE_COLOR, []);

const png = (pixels: Uint8Array, width: number, kind: number, colors: readonly Uint8Array[]): Uint8Array => {
	const row = kind === TRUE_COLOR ? 3 * width : width;
	const height = Math.ceil(pixels.length / row);
	// Each row begins with its filter, which is none.
	const rows = new Uint8Array(height * (row + 1));
	for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
	return joined([
		SIGNATURE,
		chunk('IHDR', new Uint8Array([...bigEndian(width), ...bigEndian(height), 8, kind, 0, 0, 0])),
		...colors,
		chunk('IDAT', zlibSync(rows, { level: 9 })),
		chunk('IEND', new Uint8Array()),
	]);
};

const TRUE_COLOR = 2;
const INDEXED = 3;
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const chunk = (type: string, data: Uint8Array): Uint8Array => {
	const body = joined([new TextEncoder().encode(type), data]);
	return joined([Uint8Array.from(bigEndian(data.length)), body, Uint8Array.from(bigEndian(crc32(body)))]);
};

const bigEndian = (value: number): readonly number[] =>
	[value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 255);

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
	const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let offset = 0;
	for (const part of parts) {
		bytes.set(part, offset);
		offset += part.length;
	}
	return bytes;
};
