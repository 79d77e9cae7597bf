import type { CompileContext } from '../options.ts';
import { DataLocation, DataType, integerOf, type TensorProto } from './proto.ts';
import { type Constant, constant, type ElementType, malformed, unsupported } from './value.ts';

/** Constants beyond this many elements are refused: one float64 each. */
export const MAX_ELEMENTS = 2 ** 27;

/** How the elements of one ONNX type are stored: little-endian in raw data, and in one of the typed fields. */
type Format = {
	readonly type: ElementType;
	readonly bytes: number;
	readonly read: (view: DataView, offset: number) => number;
	readonly field: (tensor: TensorProto) => readonly number[];
};

const int32s = (tensor: TensorProto) => tensor.int32Data ?? [];
const int64s = (tensor: TensorProto) => (tensor.int64Data ?? []).map(integerOf);
const uint64s = (tensor: TensorProto) => (tensor.uint64Data ?? []).map(integerOf);

/** sign (-1)^s, 5 bits of exponent, 10 of mantissa. */
const float16 = (bits: number): number => {
	const exponent = (bits >> 10) & 31;
	const mantissa = bits & 1023;
	const magnitude =
		exponent === 31
			? mantissa === 0
				? Number.POSITIVE_INFINITY
				: Number.NaN
			: exponent === 0
				? mantissa * 2 ** -24
				: (1024 + mantissa) * 2 ** (exponent - 25);
	return (bits & 0x8000) === 0 ? magnitude : -magnitude;
};

/** The upper half of a float32. */
const bfloat16 = (bits: number): number => new Float32Array(Uint32Array.of((bits << 16) >>> 0).buffer)[0] as number;

const FORMATS: ReadonlyMap<number, Format> = new Map<number, Format>([
	[DataType.FLOAT, { type: 'float', bytes: 4, read: (v, o) => v.getFloat32(o, true), field: (t) => t.floatData ?? [] }],
	[
		DataType.DOUBLE,
		{ type: 'float', bytes: 8, read: (v, o) => v.getFloat64(o, true), field: (t) => t.doubleData ?? [] },
	],
	[
		DataType.FLOAT16,
		{
			type: 'float',
			bytes: 2,
			read: (v, o) => float16(v.getUint16(o, true)),
			field: (t) => int32s(t).map(float16),
		},
	],
	[
		DataType.BFLOAT16,
		{
			type: 'float',
			bytes: 2,
			read: (v, o) => bfloat16(v.getUint16(o, true)),
			field: (t) => int32s(t).map(bfloat16),
		},
	],
	[DataType.INT8, { type: 'int', bytes: 1, read: (v, o) => v.getInt8(o), field: int32s }],
	[DataType.UINT8, { type: 'int', bytes: 1, read: (v, o) => v.getUint8(o), field: int32s }],
	[DataType.INT16, { type: 'int', bytes: 2, read: (v, o) => v.getInt16(o, true), field: int32s }],
	[DataType.UINT16, { type: 'int', bytes: 2, read: (v, o) => v.getUint16(o, true), field: int32s }],
	[DataType.INT32, { type: 'int', bytes: 4, read: (v, o) => v.getInt32(o, true), field: int32s }],
	[DataType.UINT32, { type: 'int', bytes: 4, read: (v, o) => v.getUint32(o, true), field: uint64s }],
	[DataType.INT64, { type: 'int', bytes: 8, read: (v, o) => Number(v.getBigInt64(o, true)), field: int64s }],
	[DataType.UINT64, { type: 'int', bytes: 8, read: (v, o) => Number(v.getBigUint64(o, true)), field: uint64s }],
	[DataType.BOOL, { type: 'bool', bytes: 1, read: (v, o) => (v.getUint8(o) === 0 ? 0 : 1), field: int32s }],
]);

/** 'FLOAT' for 1 and so on. */
export const typeName = (dataType: number): string =>
	Object.entries(DataType).find(([, value]) => value === dataType)?.[0] ?? `number ${dataType}`;

/** What a numeric ONNX type is read as; undefined for strings, complex numbers and the formats of quantised models. */
export const elementTypeOf = (dataType: number): ElementType | undefined => FORMATS.get(dataType)?.type;

/**
 * The dimensions of a tensor, their product checked in exact arithmetic.
 * Errors: 'file' for negative dimensions or more than MAX_ELEMENTS.
 */
const dimensionsOf = (tensor: TensorProto): readonly number[] => {
	const exact = (tensor.dims ?? []).map((d) => BigInt(String(d)));
	if (exact.some((d) => d < 0n)) malformed(`The tensor has the shape [${exact}].`);
	const size = exact.reduce((product, d) => product * d, 1n);
	if (size > BigInt(MAX_ELEMENTS) || exact.some((d) => d > BigInt(MAX_ELEMENTS)))
		malformed(`The tensor has the shape [${exact}], more than ${MAX_ELEMENTS} elements.`);
	return exact.map(Number);
};

/**
 * The constant that a TensorProto holds: typed fields, raw data or external data, whichever is present.
 * Errors: 'file' when data and dimensions differ, 'unsupported' for element types that are not numbers.
 */
export const readTensor = (tensor: TensorProto, external: ExternalData): Constant => {
	const shape = dimensionsOf(tensor);
	const size = shape.reduce((product, d) => product * d, 1);
	const dataType = tensor.dataType ?? 0;
	const format = FORMATS.get(dataType);
	if (format === undefined)
		return unsupported(`A tensor has elements of type ${typeName(dataType)}, which are not computed with.`);
	const isExternal = tensor.dataLocation === DataLocation.EXTERNAL;
	const raw = isExternal ? external.read(tensor) : tensor.rawData;
	if (raw === undefined || raw === null || (raw.length === 0 && !isExternal)) {
		const values = format.field(tensor);
		if (values.length !== size) malformed(`A tensor of shape [${shape}] holds ${values.length} values.`);
		return { ...constant(shape, Float64Array.from(values), format.type), dataType };
	}
	if (raw.length !== size * format.bytes)
		malformed(`A tensor of shape [${shape}] holds ${raw.length} bytes instead of ${size * format.bytes}.`);
	const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
	const data = new Float64Array(size);
	for (let i = 0; i < size; i++) data[i] = format.read(view, i * format.bytes);
	return { ...constant(shape, data, format.type), dataType };
};

/** Reads tensors that lie in other files, each file once. */
export class ExternalData {
	readonly #readExternal: CompileContext['readExternal'];
	readonly #files = new Map<string, Uint8Array>();

	constructor(readExternal: CompileContext['readExternal']) {
		this.#readExternal = readExternal;
	}

	/** The bytes of an external tensor. Errors: 'file' for a location outside the model's folder or bytes that are not there. */
	read(tensor: TensorProto): Uint8Array {
		const entries = new Map((tensor.externalData ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
		const location = canonicalLocation(entries.get('location') ?? '');
		const file = this.#files.get(location) ?? this.#open(location);
		this.#files.set(location, file);
		const offset = byteCount('offset', entries.get('offset') ?? '0');
		const length = byteCount('length', entries.get('length') ?? String(Math.max(0, file.length - offset)));
		return offset + length <= file.length
			? file.subarray(offset, offset + length)
			: malformed(`External data '${location}' has ${file.length} bytes; ${length} from ${offset} on are needed.`);
	}

	#open(location: string): Uint8Array {
		return (
			this.#readExternal?.(location) ??
			malformed(`The weights lie in '${location}', and no other file can be read here.`)
		);
	}
}

const byteCount = (name: string, text: string): number =>
	/^\d{1,15}$/.test(text) ? Number(text) : malformed(`External data has the ${name} '${text}'.`);

/** A relative path below the model's folder with '/' between its parts. */
const canonicalLocation = (location: string): string => {
	const parts = location.split('/').filter((part) => part !== '.');
	const outside =
		parts.length === 0 ||
		parts.some((part) => part === '..' || part === '') ||
		/[\\\0:]/.test(location) ||
		location.startsWith('~');
	return outside
		? malformed(`External data must lie below the model's folder, not at '${location}'.`)
		: parts.join('/');
};
