import { DataType } from './proto.ts';
import { elementTypeOf, typeName } from './tensor.ts';
import { type Constant, exact, unsupported } from './value.ts';

/** The integers that a type holds: from `low` on, 2 ** bits of them. */
type Integers = { readonly low: number; readonly bits: number };
const INTEGERS: ReadonlyMap<number, Integers> = new Map([
	[DataType.INT8, { low: -(2 ** 7), bits: 8 }],
	[DataType.UINT8, { low: 0, bits: 8 }],
	[DataType.INT16, { low: -(2 ** 15), bits: 16 }],
	[DataType.UINT16, { low: 0, bits: 16 }],
	[DataType.INT32, { low: -(2 ** 31), bits: 32 }],
	[DataType.UINT32, { low: 0, bits: 32 }],
	[DataType.INT64, { low: -(2 ** 63), bits: 64 }],
	[DataType.UINT64, { low: 0, bits: 64 }],
]);

/** The floats of a type: bits behind the leading one, the exponent of the smallest that has it, and the largest number. */
type Floats = { readonly fraction: number; readonly least: number; readonly largest: number };
const FLOATS: ReadonlyMap<number, Floats> = new Map([
	[DataType.FLOAT16, { fraction: 10, least: -14, largest: 65504 }],
	[DataType.BFLOAT16, { fraction: 7, least: -126, largest: 2 ** 128 - 2 ** 120 }],
]);

/** The nearest integer, halves to the even one. */
export const roundHalfEven = (x: number): number => {
	const below = Math.floor(x);
	const rest = x - below;
	return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
};

/** The nearest number of the type; infinite beyond its largest. */
const narrowed = (x: number, { fraction, least, largest }: Floats): number => {
	if (!Number.isFinite(x) || x === 0) return x;
	const step = 2 ** (Math.max(least, Math.floor(Math.log2(Math.abs(x)))) - fraction);
	const rounded = roundHalfEven(x / step) * step;
	return Math.abs(rounded) <= largest ? rounded : rounded * Number.POSITIVE_INFINITY;
};

/** x as an integer of the type, without the bits that it has no room for; the ends of 64 bits are known to be rounded. */
const wrapped = (x: number, { low, bits }: Integers): number => {
	const count = 2 ** bits;
	const isInside = x >= low && (bits === 64 ? x - low <= count : x - low < count);
	return isInside ? x : x - count * Math.floor((x - low) / count);
};

/**
 * The constant as a runtime has it. Here constants are computed in double precision, there in float32; what jumps (a floor, a
 * comparison, a cast) tells 6.9999999 from 7.
 */
export const asStored = (x: Constant): Constant =>
	x.type !== 'float' || x.dataType === DataType.DOUBLE ? x : { ...x, data: x.data.map(Math.fround) };

/**
 * The constant in another ONNX type, rounded to what that holds: floats to the nearest, from floats to integers toward
 * zero, integers without the bits that do not fit.
 * Errors: 'unsupported' for types that are not computed with, and for floats beyond the integers of the type.
 */
export const converted = (x: Constant, dataType: number): Constant => {
	const type = elementTypeOf(dataType);
	if (type === undefined) return unsupported(`Cast to ${typeName(dataType)}.`, 'Cast to a type of 8 bits or more.');
	const isShorter = (INTEGERS.get(dataType)?.bits ?? 64) < 64;
	const stored = asStored(x);
	const { data } = isShorter ? exact(stored) : stored;
	return { ...x, type, dataType, data: data.map(conversionTo(dataType, x.type === 'float')) };
};

const conversionTo = (dataType: number, isFloat: boolean): ((x: number) => number) => {
	const integers = INTEGERS.get(dataType);
	if (integers !== undefined)
		return (x) => {
			const whole = Math.trunc(x) + 0;
			if (!isFloat || wrapped(whole, integers) === whole) return wrapped(whole, integers);
			return unsupported(`Cast of ${x} to ${typeName(dataType)}, which does not hold it.`, 'Clip it before the cast.');
		};
	if (dataType === DataType.BOOL) return (x) => (x === 0 ? 0 : 1);
	const floats = FLOATS.get(dataType);
	if (floats !== undefined) return (x) => narrowed(x, floats);
	return dataType === DataType.FLOAT ? Math.fround : (x) => x;
};
