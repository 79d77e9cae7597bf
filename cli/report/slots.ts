import type { LayerReport } from '../../compiler/report/layers.ts';
import type { SlotPicture } from '../../compiler/report/slots.ts';
import { escapeHtml } from './html.ts';
import { type Color, indexedPng } from './png.ts';

/** Indices of the palette; elements have the others, by their place in the tensor. */
const ZERO = 0;
const LEFTOVER = 1;
const FIRST = 2;
const HUES = 254;

/** Slots of a row of the picture, and the width it is shown with, in pixels of the page. */
const COLUMNS = 64;
const WIDTH = 128;

/** The colour of each slot of part `part`, as an index of the palette; slots beyond the runs of a cut picture count as zero. */
export const slotPixels = ({ slots, period, elements, parts }: SlotPicture, part: number): Uint8Array => {
	const pixels = new Uint8Array(slots).fill(ZERO);
	for (const run of (parts[part] ?? '').split(';').filter((text) => text !== '')) {
		const [slot = 0, length = 0, stride = 1, element = 0, step = 0] = run.split(',').map(Number);
		for (let i = 0; i < length; i++) pixels[slot + i * stride] = indexOf(element + i * step, elements);
	}
	for (let filled = period; filled < slots; filled *= 2) pixels.copyWithin(filled, 0, filled);
	return pixels;
};

const indexOf = (element: number, elements: number): number =>
	element < 0 ? LEFTOVER : FIRST + Math.min(HUES - 1, Math.floor((element * HUES) / elements));

/** From red over green and blue to magenta, none too light or too dark for a page of either kind. */
const palette: readonly Color[] = [
	[255, 255, 255, 0],
	[140, 140, 140, 255],
	...Array.from({ length: HUES }, (_, i) => hue((i / HUES) * 300)),
];

/** Full saturation but for a little grey: channel k of a hue in degrees. */
function hue(degrees: number): Color {
	const channel = (offset: number): number => {
		const k = (offset + degrees / 60) % 6;
		return Math.round(225 - 185 * Math.max(0, Math.min(k, 4 - k, 1)));
	};
	return [channel(5), channel(3), channel(1), 255];
}

/** The ciphertexts of a tensor side by side, 64 slots a row (128 where there are many), a colour for each element. */
export const slotFigure = ({ origin, layoutText, shape, slots }: LayerReport): string => {
	const columns = Math.min(slots.slots, slots.slots > COLUMNS * COLUMNS ? 2 * COLUMNS : COLUMNS);
	const scale = Math.max(1, Math.min(8, Math.floor(WIDTH / columns)));
	const rows = Math.ceil(slots.slots / columns);
	const images = slots.parts.map((_, part) => {
		const png = indexedPng(slotPixels(slots, part), columns, palette);
		const label = `slots of ciphertext ${part + 1} of ${origin}`;
		return `<img width="${columns * scale}" height="${rows * scale}" alt="${escapeHtml(label)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}">`;
	});
	const rest = slots.ciphertexts - slots.parts.length;
	const more = [
		rest > 0 ? `the first ${slots.parts.length} are drawn` : '',
		slots.cut ? 'not all slots are drawn' : '',
	].filter(Boolean);
	return `<figure class="slots"><div>${images.join('')}</div><figcaption><b>${escapeHtml(origin)}</b> [${shape.join(', ')}]<br>${escapeHtml([layoutText, ...more].join('; '))}</figcaption></figure>`;
};
