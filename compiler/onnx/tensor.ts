import { refuse } from '../errors.ts';
import type { CompileContext } from '../options.ts';
import { checkRank } from '../tensor/maps/rows.ts';
import { DataLocation, DataType, integerOf, type TensorProto } from './proto.ts';
import { type Constant, constant, type ElementType, malformed, unsupported } from './value.ts';

/** Constants beyond this many elements are refused: one float64 each. */
const MAX_ELEMENTS = 2 ** 25;

/** How the elements of one ONNX type are stored: little-endian in raw data, and in one of the typed fields. */
type Format = {
	readonly type: ElementType;
	readonly bits: number;
	/** Element i of raw data. */
	readonly read: (view: DataView, i: number) => number;
	readonly field: (tensor: TensorProto) => readonly number[];
};

/** The integers in a field of wider ones. Errors: 'file' for one that the type does not have. */
const narrow = (tensor: TensorProto, low: number, high: number): readonly number[] => {
	const values = tensor.int32Data ?? [];
	const outside = values.find((value) => value < low || value > high);
	return outside === undefined
		? values
		: malformed(`A tensor of ${typeName(tensor.dataType ?? 0)} holds the number ${outside}.`);
};
const signed = (bits: number) => (tensor: TensorProto) => narrow(tensor, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1);
const unsigned = (bits: number) => (tensor: TensorProto) => narrow(tensor, 0, 2 ** bits - 1);
const int64s = (tensor: TensorProto) => (tensor.int64Data ?? []).map(integerOf);
const uint64s = (tensor: TensorProto) => (tensor.uint64Data ?? []).map(integerOf);

/** Two numbers of four bits in a byte, the lower ones first. */
const nibble = (byte: number, i: number): number => (byte >> (4 * (i % 2))) & 15;
const nibbles = (tensor: TensorProto): readonly number[] => {
	const values = unsigned(8)(tensor).flatMap((byte) => [nibble(byte, 0), nibble(byte, 1)]);
	const size = (tensor.dims ?? []).reduce<number>((product, d) => product * integerOf(d), 1);
	return size % 2 === 1 ? values.slice(0, -1) : values;
};
const signedNibble = (value: number): number => (value < 8 ? value : value - 16);

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

/** Types that onnx-proto does not know yet. */
const { UINT4, INT4 } = { UINT4: 21, INT4: 22 };
const NEWER_NAMES: ReadonlyMap<number, string> = new Map([
	...([
		[17, 'FLOAT8E4M3FN'],
		[18, 'FLOAT8E4M3FNUZ'],
		[19, 'FLOAT8E5M2'],
		[20, 'FLOAT8E5M2FNUZ'],
	] as const),
	...([
		[UINT4, 'UINT4'],
		[INT4, 'INT4'],
		[23, 'FLOAT4E2M1'],
		[24, 'FLOAT8E8M0'],
		[25, 'UINT2'],
		[26, 'INT2'],
	] as const),
]);

/** 'FLOAT' for 1 and so on. */
export const typeName = (dataType: number): string =>
	Object.entries(DataType).find(([, value]) => value === dataType)?.[0] ??
	NEWER_NAMES.get(dataType) ??
	`number ${dataType}`;

const FORMATS: ReadonlyMap<number, Format> = new Map<number, Format>([
	[
		DataType.FLOAT,
		{ type: 'float', bits: 32, read: (v, i) => v.getFloat32(4 * i, true), field: (t) => t.floatData ?? [] },
	],
	[
		DataType.DOUBLE,
		{ type: 'float', bits: 64, read: (v, i) => v.getFloat64(8 * i, true), field: (t) => t.doubleData ?? [] },
	],
	[
		DataType.FLOAT16,
		{
			type: 'float',
			bits: 16,
			read: (v, i) => float16(v.getUint16(2 * i, true)),
			field: (t) => unsigned(16)(t).map(float16),
		},
	],
	[
		DataType.BFLOAT16,
		{
			type: 'float',
			bits: 16,
			read: (v, i) => bfloat16(v.getUint16(2 * i, true)),
			field: (t) => unsigned(16)(t).map(bfloat16),
		},
	],
	[DataType.INT8, { type: 'int', bits: 8, read: (v, i) => v.getInt8(i), field: signed(8) }],
	[DataType.UINT8, { type: 'int', bits: 8, read: (v, i) => v.getUint8(i), field: unsigned(8) }],
	[DataType.INT16, { type: 'int', bits: 16, read: (v, i) => v.getInt16(2 * i, true), field: signed(16) }],
	[DataType.UINT16, { type: 'int', bits: 16, read: (v, i) => v.getUint16(2 * i, true), field: unsigned(16) }],
	[DataType.INT32, { type: 'int', bits: 32, read: (v, i) => v.getInt32(4 * i, true), field: signed(32) }],
	[DataType.UINT32, { type: 'int', bits: 32, read: (v, i) => v.getUint32(4 * i, true), field: uint64s }],
	[DataType.INT64, { type: 'int', bits: 64, read: (v, i) => Number(v.getBigInt64(8 * i, true)), field: int64s }],
	[DataType.UINT64, { type: 'int', bits: 64, read: (v, i) => Number(v.getBigUint64(8 * i, true)), field: uint64s }],
	[DataType.BOOL, { type: 'bool', bits: 8, read: (v, i) => (v.getUint8(i) === 0 ? 0 : 1), field: unsigned(1) }],
	[UINT4, { type: 'int', bits: 4, read: (v, i) => nibble(v.getUint8(i >> 1), i), field: nibbles }],
	[
		INT4,
		{
			type: 'int',
			bits: 4,
			read: (v, i) => signedNibble(nibble(v.getUint8(i >> 1), i)),
			field: (t) => nibbles(t).map(signedNibble),
		},
	],
]);

/** The type of an encrypted input: also of numbers of few bits, which only narrow what the client may send. */
export const inputTypeOf = (dataType: number): ElementType | undefined =>
	elementTypeOf(dataType) ??
	(NEWER_NAMES.has(dataType) ? (FEW_BIT_INTEGERS.includes(dataType) ? 'int' : 'float') : undefined);
const FEW_BIT_INTEGERS: readonly number[] = [UINT4, INT4, 25, 26];

/** What a numeric ONNX type is computed as; undefined for strings, complex numbers and types that are only stored. */
export const elementTypeOf = (dataType: number): ElementType | undefined => {
	const format = FORMATS.get(dataType);
	return format !== undefined && format.bits >= 8 ? format.type : undefined;
};

/**
 * The dimensions of a tensor, their product checked in exact arithmetic.
 * Errors: 'file' for negative dimensions, 'size' for more than MAX_ELEMENTS, 'shape' for too many axes.
 */
const dimensionsOf = (tensor: TensorProto): readonly number[] => {
	checkRank(tensor.dims?.length ?? 0);
	const exact = (tensor.dims ?? []).map((d) => BigInt(String(d)));
	if (exact.some((d) => d < 0n)) malformed(`The tensor has the shape [${exact}].`);
	const size = exact.reduce((product, d) => product * d, 1n);
	if (size > BigInt(MAX_ELEMENTS) || exact.some((d) => d > BigInt(MAX_ELEMENTS)))
		refuse({
			code: 'size',
			message: `The tensor has the shape [${exact}], more than ${MAX_ELEMENTS} elements.`,
		});
	return exact.map(Number);
};

/**
 * The constant that a TensorProto holds: typed fields, raw data or external data, whichever is present.
 * Errors: 'file' when data and dimensions differ, 'unsupported' for element types that are neither numbers nor strings.
 */
export const readTensor = (tensor: TensorProto, external: ExternalData): Constant => {
	const shape = dimensionsOf(tensor);
	const size = shape.reduce((product, d) => product * d, 1);
	const dataType = tensor.dataType ?? 0;
	if (dataType === DataType.STRING) return readTexts(tensor, shape);
	const format = FORMATS.get(dataType);
	if (format === undefined)
		return unsupported(`A tensor has elements of type ${typeName(dataType)}, which are not computed with.`);
	if (tensor.segment != null) unsupported('A tensor is a segment of a larger one, which is not put together.');
	const isExternal = tensor.dataLocation === DataLocation.EXTERNAL;
	const raw = isExternal ? external.read(tensor) : tensor.rawData;
	if (raw === undefined || raw === null || (raw.length === 0 && !isExternal)) {
		const values = format.field(tensor);
		if (values.length !== size) malformed(`A tensor of shape [${shape}] holds ${values.length} values.`);
		return { ...constant(shape, Float64Array.from(values), format.type), dataType };
	}
	const length = Math.ceil((size * format.bits) / 8);
	if (raw.length !== length) malformed(`A tensor of shape [${shape}] holds ${raw.length} bytes instead of ${length}.`);
	if (hasTypedData(tensor)) malformed('A tensor holds its data twice, raw or external and in a typed field.');
	const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
	const data = new Float64Array(size);
	for (let i = 0; i < size; i++) data[i] = format.read(view, i);
	return { ...constant(shape, data, format.type), dataType };
};

const hasTypedData = ({ floatData, int32Data, int64Data, doubleData, uint64Data }: TensorProto): boolean =>
	[floatData, int32Data, int64Data, doubleData, uint64Data].some((field) => (field?.length ?? 0) > 0);

/** Strings as indices into the list of them. */
const readTexts = (tensor: TensorProto, shape: readonly number[]): Constant => {
	const classes = (tensor.stringData ?? []).map((bytes) => new TextDecoder().decode(bytes));
	if (classes.length !== shape.reduce((product, d) => product * d, 1))
		malformed(`A tensor of shape [${shape}] holds ${classes.length} strings.`);
	return { ...constant(shape, Float64Array.from(classes.keys()), 'int'), classes };
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
