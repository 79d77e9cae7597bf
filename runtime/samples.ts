import { RefusedError } from './errors.ts';
import { type Picture, pictureElements } from './pictures.ts';
import type { InputPacking } from './plan.ts';

/**
 * Numbers in the model's order (row-major): flat, as plain or typed arrays, or nested as the shape is. `Numbers<1 | 3>` are flat or
 * nested three deep.
 */
export type Numbers<Depth extends number = number> = number extends Depth
	? ArrayLike<number> | readonly Numbers[]
	: NumbersOf<Depth>;

/** Distributes over the depths; counts from the outside. */
type NumbersOf<Depth extends number, Counted extends readonly unknown[] = [unknown]> = Depth extends Counted['length']
	? ArrayLike<number>
	: readonly NumbersOf<Depth, [...Counted, unknown]>[];

/** One input of one sample. */
export type InputValue = Numbers | Picture;

/** The inputs of one sample by name; the value alone where the program has one input. */
export type Sample = ReadonlyMap<string, InputValue> | Readonly<Record<string, InputValue>> | InputValue;

/** Names of the inputs of such samples. */
export type InputName<S extends Sample> = S extends ReadonlyMap<infer Name extends string, InputValue> ? Name : never;

const refuse = (message: string, hint?: string): never => {
	throw new RefusedError('input', message, hint);
};

const isTyped = (value: unknown): boolean => ArrayBuffer.isView(value) && !(value instanceof DataView);

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Pixels, and not inputs that are called data, width and height: those are no numbers. */
const isPicture = (value: unknown): value is Picture =>
	typeof value === 'object' &&
	value !== null &&
	'data' in value &&
	'width' in value &&
	'height' in value &&
	typeof value.width === 'number' &&
	typeof value.height === 'number';

/** The inputs by name. Throws RefusedError 'input' for what is no sample, or a value alone where there are several inputs. */
export const inputsByName = (inputs: readonly InputPacking[], sample: unknown): ReadonlyMap<string, unknown> => {
	if (sample instanceof Map) return sample;
	if (typeof sample !== 'object' || sample === null)
		return refuse('a sample is an object with an array for each input', `The program's inputs are ${namesOf(inputs)}.`);
	if (!isList(sample) && !isTyped(sample) && !isPicture(sample)) return new Map(Object.entries(sample));
	const [only] = inputs;
	if (only === undefined || inputs.length > 1)
		return refuse(`one value is given, but the program has ${inputs.length} inputs`, `They are ${namesOf(inputs)}.`);
	return new Map([[only.name, sample]]);
};

export const namesOf = (inputs: readonly { readonly name: string }[]): string =>
	inputs.map(({ name }) => `'${name}'`).join(', ');

/**
 * The elements of one input in the model's order, unchecked but for their number. Throws RefusedError 'input' for other lengths,
 * nested arrays of another shape (dimensions of 1 aside, which do not change the order) and pictures that do not fit.
 */
export const elementsOf = (input: InputPacking, value: unknown): ArrayLike<unknown> => {
	if (isPicture(value)) return pictureElements(input, value);
	const { name, shape } = input;
	if (!isTyped(value) && !isArrayLike(value))
		return refuse(
			`the input '${name}' is no array`,
			`It holds ${sizeOf(shape)} numbers, flat or in the shape [${shape}].`,
		);
	const elements = isList(value) && value.some(isRow) ? flattened(input, value) : (value as ArrayLike<unknown>);
	if (elements.length !== sizeOf(shape))
		refuse(
			`the input '${name}' has ${elements.length} values, but its shape [${shape.join(', ')}] holds ${sizeOf(shape)}`,
		);
	return elements;
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

const isArrayLike = (value: unknown): boolean =>
	typeof value === 'object' && value !== null && 'length' in value && typeof value.length === 'number';

const isRow = (value: unknown): value is ArrayLike<unknown> => isList(value) || isTyped(value);

/** All elements of nested arrays, whose shape is that of the input but for dimensions of 1. */
const flattened = ({ name, shape }: InputPacking, value: readonly unknown[]): unknown[] => {
	const found = shapeOf(value);
	const proper = (dimensions: readonly number[]): string => `${dimensions.filter((d) => d !== 1)}`;
	if (proper(found) !== proper(shape))
		refuse(`the input '${name}' has the shape [${found.join(', ')}], not [${shape.join(', ')}]`);
	let rows: readonly unknown[] = [value];
	for (const length of found)
		rows = rows.flatMap((row) => {
			if (!isRow(row) || row.length !== length)
				return refuse(`the rows of the input '${name}' are not of one length`, `Its shape is [${shape.join(', ')}].`);
			return Array.from(row);
		});
	const stray = rows.find(isRow);
	if (stray !== undefined) refuse(`the rows of the input '${name}' are not of one depth`, `Its shape is [${shape}].`);
	return [...rows];
};

/** The shape of nested arrays by the first row of each depth. */
const shapeOf = (value: unknown): number[] => (isRow(value) ? [value.length, ...shapeOf(value[0])] : []);
