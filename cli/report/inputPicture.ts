import type { Port } from '../model.ts';
import { escapeHtml } from './html.ts';
import { type Color, colorPng, indexedPng } from './png.ts';

/** Sides of what is taken for an image, and the width it is shown with at least. */
const [LEAST, MOST] = [4, 512];
const SHOWN = 84;

/** Where the pixels of an image are in a tensor. */
type Image = {
	readonly height: number;
	readonly width: number;
	readonly channels: 1 | 3;
	/** Between channels, and between pixels. */
	readonly channelStep: number;
	readonly pixelStep: number;
};

const isSide = (d: number | undefined): d is number => d !== undefined && d >= LEAST && d <= MOST;
const isChannels = (d: number | undefined): d is 1 | 3 => d === 1 || d === 3;

/** [1, channels, height, width] or [1, height, width, channels] of 1 or 3 channels, or these without the 1; undefined for any other shape. */
const imageOf = (shape: readonly number[]): Image | undefined => {
	const [a, b, c, ...others] = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
	if (others.length > 0) return undefined;
	if (isChannels(a) && isSide(b) && isSide(c))
		return { height: b, width: c, channels: a, channelStep: b * c, pixelStep: 1 };
	if (isSide(a) && isSide(b) && isChannels(c))
		return { height: a, width: b, channels: c, channelStep: 1, pixelStep: c };
	return undefined;
};

/** An input as a picture, from its smallest value (black) to its largest (white); empty where the input is no image. */
export const inputPicture = ({ shape }: Port, values: Float64Array, caption: string): string => {
	const image = imageOf(shape);
	if (image === undefined) return '';
	const { width, height } = image;
	const scale = Math.max(1, Math.round(SHOWN / width));
	const bytes = Buffer.from(pngOf(image, values)).toString('base64');
	return `<figure class="slots"><div><img width="${width * scale}" height="${height * scale}" alt="${escapeHtml(caption)}" src="data:image/png;base64,${bytes}"></div><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
};

const pngOf = ({ width, height, channels, channelStep, pixelStep }: Image, values: Float64Array): Uint8Array => {
	const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
	const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
	const byte = (value: number): number => Math.round((255 * (value - low)) / (high - low || 1));
	const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) =>
		byte(values[Math.floor(i / channels) * pixelStep + (i % channels) * channelStep] ?? low),
	);
	return channels === 3 ? colorPng(pixels, width) : indexedPng(pixels, width, greys);
};

const greys: readonly Color[] = Array.from({ length: 256 }, (_, i) => [i, i, i, 255] as const);
