import { crc32 } from 'node:zlib';
import { zlibSync } from 'fflate';

export type Color = readonly [red: number, green: number, blue: number, alpha: number];

/**
 * A PNG image of at most 256 colours; pixels are indices of the palette, row by row. The bytes follow from the arguments alone.
 */
export const indexedPng = (pixels: Uint8Array, width: number, palette: readonly Color[]): Uint8Array => {
	const height = Math.ceil(pixels.length / width);
	const header = new Uint8Array([...bigEndian(width), ...bigEndian(height), 8, INDEXED, 0, 0, 0]);
	// Each row begins with its filter, which is none.
	const rows = new Uint8Array(height * (width + 1));
	for (let row = 0; row < height; row++)
		rows.set(pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
	return joined([
		SIGNATURE,
		chunk('IHDR', header),
		chunk('PLTE', Uint8Array.from(palette.flatMap((color) => color.slice(0, 3)))),
		chunk(
			'tRNS',
			Uint8Array.from(palette, ([, , , alpha]) => alpha),
		),
		chunk('IDAT', zlibSync(rows, { level: 9 })),
		chunk('IEND', new Uint8Array()),
	]);
};

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
