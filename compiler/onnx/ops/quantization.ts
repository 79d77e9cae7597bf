import { sizeOf } from '../../tensor/graph.ts';
import {
	broadcastSource,
	crossSource,
	range,
	type Source,
	selectionMatrix,
	stridesOf,
} from '../../tensor/maps/selection.ts';
import { attributesOf, axisOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import { asStored, roundHalfEven } from '../conversion.ts';
import { DataType } from '../proto.ts';
import { typeName } from '../tensor.ts';
import { affineOf, type Constant, constant, malformed, misshapen, unsupported, type Value } from '../value.ts';
import { type Operator, since } from './table.ts';

/** Weights that quantised models store as small integers: they become the floats that they stand for. */
type Grid = { readonly axis: number; readonly blockSize: number };

/** Which element of scale and zero point belongs to each element of x: one for all, one along an axis, one per block. */
const scaleSource = (call: Call, x: Value, scale: Constant, { axis, blockSize }: Grid): Source => {
	const misfit = () => misshapen(`${call.node.op} has a scale of shape [${scale.shape}] for [${x.shape}].`);
	if (scale.shape.length <= 1 && scale.data.length === 1 && blockSize === 0) return new Int32Array(sizeOf(x.shape));
	const at = axisOf(axis, x.shape.length);
	if (blockSize === 0) {
		const along = x.shape.map((length, d) => (d === at ? length : 1));
		return scale.shape.length === 1 && scale.data.length === x.shape[at] ? broadcastSource(along, x.shape) : misfit();
	}
	const blocks = x.shape.map((length, d) => (d === at ? Math.ceil(length / blockSize) : length));
	if (String(blocks) !== String(scale.shape)) return misfit();
	const strides = stridesOf(blocks);
	return crossSource(
		x.shape.map((length, d) => ({
			stride: strides[d] as number,
			indices: d === at ? range(length).map((i) => Math.floor(i / blockSize)) : range(length),
		})),
	);
};

/** The zero point of every scale; none is 0. */
const zeroPoint = (call: Call, scale: Constant): Constant => {
	if (call.inputs[2] === undefined) return constant(scale.shape, new Float64Array(sizeOf(scale.shape)), 'int');
	const zero = constantOperand(call, 2, 'zero point');
	return zero.data.length === scale.data.length
		? zero
		: misshapen(`${call.node.op} has scales [${scale.shape}] and zero points [${zero.shape}].`);
};

/** y = (x - zero point) * scale */
const dequantized = (call: Call, grid: Grid): Value => {
	const x = operand(call, 0);
	const scale = constantOperand(call, 1, 'scale');
	const { data: zero } = zeroPoint(call, scale);
	const source = scaleSource(call, x, scale, grid);
	const scales = Float64Array.from(source, (at) => scale.data[at] as number);
	const zeros = Float64Array.from(source, (at) => zero[at] as number);
	if (x.kind === 'constant')
		return constant(
			x.shape,
			x.data.map((q, i) => (q - (zeros[i] as number)) * (scales[i] as number)),
		);
	const matrix = selectionMatrix(broadcastSource(x.shape, x.shape), scales.length, scales);
	const bias = scales.map((step, i) => -step * (zeros[i] as number));
	return { ...affineOf(call, [{ value: x, matrix }], bias, x.shape), type: 'float' };
};
/** Opset 21 on: one scale for all, along an axis, or per block of it. */
const DequantizeLinear: Run = (call) => {
	const { axis, block_size } = attributesOf(call, { axis: 1, block_size: 0, output_dtype: 0 });
	return dequantized(call, { axis, blockSize: block_size });
};
const DequantizeLinear13: Run = (call) => dequantized(call, { ...attributesOf(call, { axis: 1 }), blockSize: 0 });
const DequantizeLinear10: Run = (call) => {
	attributesOf(call, {});
	return dequantized(call, { axis: 1, blockSize: 0 });
};

const RANGES: ReadonlyMap<number, readonly [low: number, high: number]> = new Map([
	[DataType.INT8, [-(2 ** 7), 2 ** 7 - 1]],
	[DataType.UINT8, [0, 2 ** 8 - 1]],
	[DataType.INT16, [-(2 ** 15), 2 ** 15 - 1]],
	[DataType.UINT16, [0, 2 ** 16 - 1]],
]);

/** y = saturate(round(x / scale) + zero point), halves to even, in the range of the zero point's type, UINT8 without one. */
const quantized = (call: Call, grid: Grid, dtype: number): Constant => {
	const x = operand(call, 0);
	if (x.kind === 'encrypted')
		return unsupported(
			`${call.node.op} of a value that depends on an encrypted input, which rounds it.`,
			'Export the model in floating point; quantised weights are read, quantised activations are not.',
		);
	const scale = constantOperand(call, 1, 'scale');
	const zero = zeroPoint(call, scale);
	const dataType = call.inputs[2] === undefined ? dtype || DataType.UINT8 : (zero.dataType ?? dtype);
	const [low, high] = RANGES.get(dataType) ?? unsupported(`QuantizeLinear to ${typeName(dataType)}.`);
	if (!scale.data.every((step) => step > 0)) return malformed('QuantizeLinear has a scale that is not positive.');
	const source = scaleSource(call, x, scale, grid);
	const value = (v: number, i: number) => {
		const at = source[i] as number;
		const rounded = roundHalfEven(Math.fround(v / (scale.data[at] as number))) + (zero.data[at] as number);
		return Math.max(low, Math.min(high, rounded));
	};
	return { ...constant(x.shape, asStored(x).data.map(value), 'int'), dataType };
};
/** Opset 21 on: also per block, and with the type as an attribute. */
const QuantizeLinear: Run = (call) => {
	const defaults = { axis: 1, block_size: 0, output_dtype: 0, saturate: 1, precision: 0 };
	const { axis, block_size, output_dtype } = attributesOf(call, defaults);
	return quantized(call, { axis, blockSize: block_size }, output_dtype);
};
const QuantizeLinear13: Run = (call) =>
	quantized(call, { axis: attributesOf(call, { axis: 1, saturate: 1 }).axis, blockSize: 0 }, 0);
const QuantizeLinear10: Run = (call) => {
	attributesOf(call, {});
	return quantized(call, { axis: 1, blockSize: 0 }, 0);
};

/** Quantised constants. */
export const QUANTIZATION: readonly Operator[] = [
	{
		op: 'DequantizeLinear',
		how: 'exact',
		note: 'constant scale',
		versions: since([10, DequantizeLinear10], [13, DequantizeLinear13], [21, DequantizeLinear]),
	},
	{
		op: 'QuantizeLinear',
		how: 'constant',
		note: '',
		versions: since([10, QuantizeLinear10], [13, QuantizeLinear13], [21, QuantizeLinear]),
	},
];
