import { refuse } from '../errors.ts';

/**
 * Checks that bytes are a well-formed onnx.ModelProto before they are decoded. The decoder accepts truncated and random
 * bytes, recurses once a nesting level and allocates before it looks; this walk is iterative, allocates nothing that
 * grows with the file but its stack, and costs one visit a field.
 *
 * Checked: every tag, varint and length lies inside its message; the wire type of every known field; the nesting depth;
 * no groups (onnx.proto has none); the total size; about what the decoded objects will take of memory.
 */
const MAX_BYTES = 1_000_000_000;
export const MAX_DEPTH = 64;
const MAX_MEMORY = 700_000_000;
/** Bytes that a message, another field, a 64-bit integer and another number of a list take once they are decoded, about. */
const TAKES = { message: 1000, field: 60, long: 60, number: 20 };

type Scalar = 'varint' | 'varints' | 'ints' | 'float' | 'floats' | 'doubles' | 'bytes';
type Field = Scalar | MessageName;
type MessageName = keyof typeof SCHEMA;

/** Fields of onnx.proto by number; `bytes` stands for strings too, the plurals for repeated fields that may be packed, `ints` of 32 bits. */
const SCHEMA = {
	Model: {
		...{ 1: 'varint', 2: 'bytes', 3: 'bytes', 4: 'bytes', 5: 'varint', 6: 'bytes' },
		...{ 7: 'Graph', 8: 'OpsetId', 14: 'Entry', 20: 'Training', 25: 'Function' },
	},
	OpsetId: { 1: 'bytes', 2: 'varint' },
	Entry: { 1: 'bytes', 2: 'bytes' },
	Training: { 1: 'Graph', 2: 'Graph', 3: 'Entry', 4: 'Entry' },
	Function: {
		...{ 1: 'bytes', 4: 'bytes', 5: 'bytes', 6: 'bytes', 7: 'Node', 8: 'bytes', 9: 'OpsetId', 10: 'bytes' },
		...{ 11: 'Attribute', 12: 'ValueInfo', 13: 'bytes', 14: 'Entry' },
	},
	Graph: {
		...{ 1: 'Node', 2: 'bytes', 5: 'Tensor', 10: 'bytes', 11: 'ValueInfo', 12: 'ValueInfo' },
		...{ 13: 'ValueInfo', 14: 'Annotation', 15: 'SparseTensor', 16: 'Entry' },
	},
	Node: {
		1: 'bytes',
		2: 'bytes',
		3: 'bytes',
		4: 'bytes',
		5: 'Attribute',
		6: 'bytes',
		7: 'bytes',
		8: 'bytes',
		9: 'Entry',
	},
	Attribute: {
		...{ 1: 'bytes', 2: 'float', 3: 'varint', 4: 'bytes', 5: 'Tensor', 6: 'Graph', 7: 'floats', 8: 'varints' },
		...{ 9: 'bytes', 10: 'Tensor', 11: 'Graph', 13: 'bytes', 14: 'Type', 15: 'Type', 20: 'varint', 21: 'bytes' },
		...{ 22: 'SparseTensor', 23: 'SparseTensor' },
	},
	ValueInfo: { 1: 'bytes', 2: 'Type', 3: 'bytes', 4: 'Entry' },
	Annotation: { 1: 'bytes', 2: 'Entry' },
	Tensor: {
		...{ 1: 'varints', 2: 'varint', 3: 'Segment', 4: 'floats', 5: 'ints', 6: 'bytes', 7: 'varints' },
		...{ 8: 'bytes', 9: 'bytes', 10: 'doubles', 11: 'varints', 12: 'bytes', 13: 'Entry', 14: 'varint', 16: 'Entry' },
	},
	Segment: { 1: 'varint', 2: 'varint' },
	SparseTensor: { 1: 'Tensor', 2: 'Tensor', 3: 'varints' },
	Type: { 1: 'TensorType', 4: 'Element', 5: 'MapType', 6: 'bytes', 8: 'TensorType', 9: 'Element' },
	TensorType: { 1: 'varint', 2: 'Shape' },
	Shape: { 1: 'Dimension' },
	Dimension: { 1: 'varint', 2: 'bytes', 3: 'bytes' },
	Element: { 1: 'Type' },
	MapType: { 1: 'varint', 2: 'Type' },
} as const satisfies Record<string, Readonly<Record<number, string>>>;

const FIELDS: ReadonlyMap<MessageName, ReadonlyMap<number, Field>> = new Map(
	Object.entries(SCHEMA).map(([name, fields]) => [
		name as MessageName,
		new Map(Object.entries(fields).map(([number, field]) => [Number(number), field as Field])),
	]),
);

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const WIRE_TYPES: Readonly<Record<Scalar, readonly number[]>> = {
	varint: [VARINT],
	varints: [VARINT, LENGTH],
	ints: [VARINT, LENGTH],
	float: [FIXED32],
	floats: [FIXED32, LENGTH],
	doubles: [FIXED64, LENGTH],
	bytes: [LENGTH],
};
const isScalar = (field: Field): field is Scalar => Object.hasOwn(WIRE_TYPES, field);
const wireTypesOf = (field: Field): readonly number[] => (isScalar(field) ? WIRE_TYPES[field] : [LENGTH]);

const broken = (what: string): never =>
	refuse({
		code: 'file',
		message: `This is not a readable ONNX model: ${what}.`,
		hint: 'Check that the file was copied completely and is an .onnx file (a protobuf ModelProto).',
	});

/** A position in the bytes, with the reads that protobuf is made of; each refuses to pass `end`. */
class Cursor {
	readonly #bytes: Uint8Array;
	position = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	/** A varint of at most ten bytes; exact below 2^53, which covers tags and lengths. */
	varint(end: number): number {
		let value = 0;
		for (let i = 0; i < 10; i++) {
			if (this.position >= end) return broken(`it ends inside a number at byte ${this.position}`);
			const byte = this.#bytes[this.position++] as number;
			value += (byte & 127) * 2 ** (7 * i);
			if (byte < 128) return value;
		}
		return broken(`the number before byte ${this.position} has more than ten bytes`);
	}

	skip(length: number, end: number): void {
		if (length > end - this.position)
			broken(`a field of ${length} bytes at byte ${this.position} reaches past the end of what holds it`);
		this.position += length;
	}
}

/** Steps over a packed field and returns how many values it holds. */
const packed = (cursor: Cursor, field: Scalar, length: number): number => {
	const width = field === 'floats' ? 4 : field === 'doubles' ? 8 : 0;
	if (width > 0) {
		if (length % width !== 0) broken(`a packed field at byte ${cursor.position} is not a whole number of values`);
		cursor.position += length;
		return length / width;
	}
	const end = cursor.position + length;
	let count = 0;
	for (; cursor.position < end; count++) cursor.varint(end);
	return count;
};

export const guardModel = (bytes: Uint8Array): void => {
	if (bytes.length === 0) broken('it is empty');
	if (bytes.length > MAX_BYTES) broken(`it has ${bytes.length} bytes, more than the 1 GB that is read`);
	const cursor = new Cursor(bytes);
	const open: { readonly message: MessageName; readonly end: number }[] = [{ message: 'Model', end: bytes.length }];
	let memory = 0;
	for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
		if (cursor.position === top.end) {
			open.pop();
			continue;
		}
		const start = cursor.position;
		const tag = cursor.varint(top.end);
		const number = Math.floor(tag / 8);
		const wire = tag % 8;
		if (number === 0 || tag >= 2 ** 32) broken(`byte ${start} is not the start of a field`);
		const field = FIELDS.get(top.message)?.get(number);
		if (field !== undefined && !wireTypesOf(field).includes(wire))
			broken(`field ${number} of ${top.message} at byte ${start} has wire type ${wire}`);
		memory += TAKES.field;
		if (wire === VARINT) cursor.varint(top.end);
		else if (wire === FIXED64) cursor.skip(8, top.end);
		else if (wire === FIXED32) cursor.skip(4, top.end);
		else if (wire === LENGTH) {
			const length = cursor.varint(top.end);
			const inside = cursor.position;
			cursor.skip(length, top.end);
			if (field !== undefined && !isScalar(field)) {
				if (open.length >= MAX_DEPTH) broken(`its messages nest more than ${MAX_DEPTH} deep`);
				memory += TAKES.message;
				open.push({ message: field, end: inside + length });
				cursor.position = inside;
			} else if (field !== undefined && field !== 'bytes') {
				cursor.position = inside;
				memory += packed(cursor, field, length) * (field === 'varints' ? TAKES.long : TAKES.number);
			}
		} else broken(`byte ${start} has the wire type ${wire}, which ONNX does not use`);
		if (memory > MAX_MEMORY)
			refuse({
				code: 'size',
				message: `The model holds so many nodes, attributes or numbers in lists that they would take more than ${MAX_MEMORY / 1e6} MB.`,
				hint: 'Weights belong into raw_data or external data; a model of so many nodes cannot be compiled.',
			});
	}
};
