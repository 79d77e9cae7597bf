import { RefusedError } from './errors.ts';
import type { InputPacking } from './plan.ts';

/**
 * Pixels as a canvas has them (`ImageData` is one): four bytes each, red, green, blue and alpha, row by row from the top left.
 * For inputs of one or three channels and exactly this size: [1, c, h, w], [1, h, w, c], without the 1, or [h, w]. A byte b becomes
 * low + (high - low) b / 255. One channel is the brightness 0.299 red + 0.587 green + 0.114 blue; three are red, green and blue.
 */
export type Picture = {
	readonly data: Uint8ClampedArray | Uint8Array;
	readonly width: number;
	readonly height: number;
	/** What the bytes 0 and 255 stand for in the model; default: [0, 1]. */
	readonly range?: readonly [low: number, high: number];
};

/** Where in the data of an input the channels of pixel p are: p * pixel + c * channel. */
type Layout = { readonly channels: number; readonly pixel: number; readonly channel: number };

const BRIGHTNESS = [0.299, 0.587, 0.114] as const;
/** The accepted values of models that take pictures from 0 to 1: a quarter more on both sides is usual. */
const UNIT_RANGE = [-0.5, 1.5] as const;

const refuse = (message: string, hint?: string): never => {
	throw new RefusedError('input', message, hint);
};

/**
 * The elements of an input that a picture stands for. Throws RefusedError 'input' unless it is of exactly the input's size, opaque,
 * and it is clear what its bytes mean.
 */
export const pictureElements = (input: InputPacking, picture: Picture): Float64Array => {
	const layout = layoutOf(input, picture);
	const [low, high] = picture.range === undefined ? unitRange(input) : checkedRange(input, picture.range);
	const { data } = picture;
	const unit = (high - low) / 255;
	const pixels = data.length / 4;
	const elements = new Float64Array(pixels * layout.channels);
	for (let p = 0; p < pixels; p++) {
		const [red, green, blue] = [data[4 * p], data[4 * p + 1], data[4 * p + 2]] as [number, number, number];
		if (data[4 * p + 3] !== 255)
			refuse(
				`the picture for the input '${input.name}' is not opaque at pixel ${p}`,
				'Fill the canvas with the background that the model was trained on before drawing.',
			);
		const values = layout.channels === 1 ? [brightnessOf(red, green, blue)] : [red, green, blue];
		for (const [c, value] of values.entries()) elements[p * layout.pixel + c * layout.channel] = low + unit * value;
	}
	return elements;
};

const brightnessOf = (red: number, green: number, blue: number): number =>
	red === green && green === blue ? red : BRIGHTNESS[0] * red + BRIGHTNESS[1] * green + BRIGHTNESS[2] * blue;

/** The layouts that the input's shape can be read in for a picture of this size. */
const layoutsOf = (shape: readonly number[], width: number, height: number): readonly Layout[] => {
	const [a, b, c] = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape.length === 2 ? [1, ...shape] : shape;
	const known = (channels: number | undefined): channels is 1 | 3 => channels === 1 || channels === 3;
	const pixels = width * height;
	const first = known(a) && b === height && c === width ? [{ channels: a, pixel: 1, channel: pixels }] : [];
	const last = known(c) && a === height && b === width ? [{ channels: c, pixel: c, channel: 1 }] : [];
	return shape.length < 2 || shape.length > 4 || (shape.length === 4 && shape[0] !== 1) ? [] : [...first, ...last];
};

const layoutOf = ({ name, shape }: InputPacking, { data, width, height }: Picture): Layout => {
	const bytes: unknown = data;
	if (!(bytes instanceof Uint8ClampedArray || bytes instanceof Uint8Array) || bytes.length !== 4 * width * height)
		return refuse(
			`the picture for the input '${name}' does not hold four bytes for each of ${width} x ${height} pixels`,
			'Take it from a canvas: context.getImageData(0, 0, width, height).',
		);
	const [layout, other] = layoutsOf(shape, width, height);
	if (layout === undefined)
		return refuse(
			`a picture of ${width} x ${height} pixels does not fit the input '${name}' of shape [${shape.join(', ')}]`,
			'Draw it on a canvas of the size of the input (drawImage), or give the numbers as an array.',
		);
	if (other !== undefined && layout.channels * other.channels > 1)
		return refuse(
			`it is not clear which dimension of the input '${name}' has the colours`,
			'Give an array of numbers.',
		);
	return layout;
};

const checkedRange = ({ name }: InputPacking, range: unknown): readonly [number, number] => {
	const [low, high]: readonly unknown[] = Array.isArray(range) ? range : [];
	if (typeof low === 'number' && typeof high === 'number' && Number.isFinite(high - low)) return [low, high];
	return refuse(`the range of the picture for the input '${name}' is not two numbers`);
};

/** [0, 1], where values outside of that would be refused: a model for 0 to 255 would take a picture for a black one. */
const unitRange = ({ name, range, head, shape }: InputPacking): readonly [number, number] => {
	const size = shape.reduce((product, d) => product * d, 1);
	let [low, high] = head === undefined ? range : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
	for (let i = 0; head !== undefined && i < size; i++) {
		const ends = range.map((end) => (end - (head.shift[i] as number)) / (head.scale[i] as number));
		low = Math.max(low, Math.min(...ends));
		high = Math.min(high, Math.max(...ends));
	}
	if (low < UNIT_RANGE[0] || high > UNIT_RANGE[1])
		refuse(
			`the input '${name}' takes values from ${low} to ${high}, so it is not clear what the bytes of a picture stand for`,
			'Say what 0 and 255 are for the model: { data, width, height, range: [0, 255] }, for example.',
		);
	return [0, 1];
};
