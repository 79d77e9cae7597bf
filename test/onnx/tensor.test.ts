import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DataType, type TensorProto } from '../../compiler/onnx/proto.ts';
import { ExternalData, elementTypeOf, readTensor } from '../../compiler/onnx/tensor.ts';
import { issuesOf } from '../support/onnx.ts';

const [UINT4, INT4] = [21, 22];
const none = new ExternalData(undefined);
const read = (tensor: TensorProto): readonly number[] => [...readTensor(tensor, none).data];

/** Bits in 16 as raw data and as a typed field, which must agree. */
const halves = (dataType: number, ...bits: number[]): readonly number[] => {
	const tensor = { dims: [bits.length], dataType };
	const raw = read({ ...tensor, rawData: new Uint8Array(Uint16Array.from(bits).buffer) });
	assert.equal(read({ ...tensor, int32Data: bits }), raw);
	return raw;
};

test('half floats: normal, largest, subnormal, signed zero, infinite and not a number', () => {
	const values = halves(DataType.FLOAT16, 0x3c00, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x8001, 0x3555);
	assert.equal(values, [1, 65504, 2 ** -14, 1023 * 2 ** -24, 2 ** -24, -(2 ** -24), 1365 / 4096]);
	assert.equal(halves(DataType.FLOAT16, 0x7c00, 0xfc00).map(String), ['Infinity', '-Infinity']);
	assert.ok(halves(DataType.FLOAT16, 0x7e00, 0x7c01, 0xffff).every(Number.isNaN));
	assert.ok(Object.is(halves(DataType.FLOAT16, 0x8000)[0], -0));
});

test('every half float is what its definition says', () => {
	const bits = Array.from({ length: 2 ** 16 }, (_, i) => i);
	for (const [i, value] of halves(DataType.FLOAT16, ...bits).entries()) {
		const [sign, exponent, mantissa] = [i >> 15 ? -1 : 1, (i >> 10) & 31, i & 1023];
		const special = mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
		const normal = sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
		const subnormal = sign * (mantissa / 1024) * 2 ** -14;
		const expected = exponent === 31 ? special : exponent === 0 ? subnormal : normal;
		assert.ok(Object.is(value, expected), `${i}: ${value} instead of ${expected}`);
	}
});

test('bfloat16: the upper half of a float, subnormal, infinite and not a number', () => {
	assert.equal(halves(DataType.BFLOAT16, 0x3f80, 0xc049, 0x0080, 0x0001), [1, -3.140625, 2 ** -126, 2 ** -133]);
	assert.equal(halves(DataType.BFLOAT16, 0x7f80, 0xff80).map(String), ['Infinity', '-Infinity']);
	assert.ok(halves(DataType.BFLOAT16, 0x7fc0, 0x7f81).every(Number.isNaN));
});

test('integers of four bits, two in a byte, the lower ones first', () => {
	const bytes = [0x21, 0x98, 0x0f];
	const expected = new Map([
		[UINT4, [1, 2, 8, 9, 15]],
		[INT4, [1, 2, -8, -7, -1]],
	]);
	for (const [dataType, values] of expected)
		for (const data of [{ rawData: Uint8Array.from(bytes) }, { int32Data: bytes }])
			assert.equal(read({ dims: [5], dataType, ...data }), values);
	assert.is(elementTypeOf(INT4), undefined, 'they are stored, not computed with');
	assert.is(issuesOf(() => read({ dims: [3], dataType: INT4, rawData: Uint8Array.of(1) }))[0]?.code, 'file');
});

test('numbers that their type does not have are refused', () => {
	const wrong: readonly (readonly [number, number])[] = [
		[DataType.INT8, 128],
		[DataType.UINT8, -1],
		[DataType.INT16, -32769],
		[DataType.UINT16, 65536],
		[DataType.FLOAT16, 65536],
		[DataType.BOOL, 2],
		[UINT4, 256],
	];
	for (const [dataType, value] of wrong) {
		const [issue] = issuesOf(() => read({ dims: [1], dataType, int32Data: [value] }));
		assert.is(issue?.code, 'file');
		assert.match(issue?.message ?? '', new RegExp(`holds the number ${value}`));
	}
});

test('types without a meaning here are refused by their names', () => {
	const names = ['FLOAT8E4M3FN', 'FLOAT8E4M3FNUZ', 'FLOAT8E5M2', 'FLOAT8E5M2FNUZ'];
	for (const [i, name] of names.entries()) {
		const [issue] = issuesOf(() => read({ dims: [1], dataType: 17 + i, rawData: Uint8Array.of(0) }));
		assert.is(issue?.code, 'unsupported');
		assert.ok(issue?.message.includes(`${name},`), issue?.message);
	}
});

test.run();
