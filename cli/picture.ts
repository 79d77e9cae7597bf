import { barOf, formatNumber, table } from './output.ts';

/** A grey image in [0, 1] as text: a character for two rows of one column, as characters are twice as high as wide. */
export const drawImage = (pixels: Float64Array, width: number): string => {
	const height = Math.ceil(pixels.length / width);
	const shades = [' ', '░', '▒', '▓', '█'];
	const at = (row: number, column: number): number => pixels[row * width + column] ?? 0;
	const shade = (row: number, column: number): string => {
		const mean = (at(row, column) + at(row + 1, column)) / 2;
		return shades[Math.min(shades.length - 1, Math.round(mean * (shades.length - 1)))] ?? ' ';
	};
	return Array.from({ length: Math.ceil(height / 2) }, (_, pair) =>
		Array.from({ length: width }, (_, column) => shade(2 * pair, column)).join(''),
	).join('\n');
};

/** The scores of two runs side by side, each class with a bar of its score between the lowest and the highest. */
export const scoreTable = (encrypted: Float64Array, clear: Float64Array): string => {
	const low = Math.min(...encrypted);
	const span = Math.max(...encrypted) - low || 1;
	const rows = Array.from(encrypted, (score, digit) => [
		String(digit),
		fixed(score),
		fixed(clear[digit] ?? Number.NaN),
		formatNumber(Math.abs(score - (clear[digit] ?? Number.NaN))),
		barOf((score - low) / span, 30),
	]);
	return table(rows, ['digit', 'encrypted', 'in the clear', 'difference', '']);
};

const fixed = (value: number): string => value.toFixed(5).padStart(9);
