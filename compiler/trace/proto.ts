import { type AttributeProto, AttributeType, DataType, type TensorProto, type ValueInfoProto } from '../onnx/proto.ts';
import type { Shape } from '../tensor/graph.ts';

/** Lists and numbers that stand for attributes of another type than INT, INTS or STRING. */
export type AttributeValue =
	| number
	| string
	| readonly number[]
	| readonly string[]
	| { readonly float: number }
	| { readonly floats: readonly number[] };

/** Attributes by name, as the ONNX specification calls them; whole numbers are INT unless they are written { float: 1 }. */
export type AttributeValues = Readonly<Record<string, AttributeValue>>;

/** The attributes as they are stored. */
export const attributesFrom = (values: AttributeValues): AttributeProto[] =>
	Object.entries(values).map(([name, value]) => ({ name, ...attributeFrom(value) }));

const attributeFrom = (value: AttributeValue): AttributeProto => {
	if (typeof value === 'string') return { type: AttributeType.STRING, s: encoded(value) };
	if (typeof value === 'number')
		return Number.isInteger(value) ? { type: AttributeType.INT, i: value } : { type: AttributeType.FLOAT, f: value };
	if ('float' in value) return { type: AttributeType.FLOAT, f: value.float };
	if ('floats' in value) return { type: AttributeType.FLOATS, floats: [...value.floats] };
	if (isTexts(value)) return { type: AttributeType.STRINGS, strings: value.map(encoded) };
	return value.every(Number.isInteger)
		? { type: AttributeType.INTS, ints: [...value] }
		: { type: AttributeType.FLOATS, floats: [...value] };
};

const isTexts = (value: readonly number[] | readonly string[]): value is readonly string[] =>
	typeof value[0] === 'string';

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A constant in float64, or of integers: axes, shapes and indices. */
export const tensorFrom = (
	name: string,
	shape: Shape,
	data: ArrayLike<number>,
	type: 'float' | 'int' = 'float',
): TensorProto => ({
	name,
	dims: [...shape],
	...(type === 'float'
		? { dataType: DataType.DOUBLE, doubleData: Array.from(data) }
		: { dataType: DataType.INT64, int64Data: Array.from(data) }),
});

/** An input of numbers. */
export const inputInfo = (name: string, shape: Shape): ValueInfoProto => ({
	name,
	type: { tensorType: { elemType: DataType.DOUBLE, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
});
