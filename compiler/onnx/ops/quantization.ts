import { sizeOf } from '../../tensor/graph.ts';
import { broadcastSource, crossSource, range, type Source, stridesOf } from '../../tensor/maps/selection.ts';
import { attributesOf, axisOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import { DataType } from '../proto.ts';
import { typeName } from '../tensor.ts';
import { type Constant, constant, malformed, misshapen, unsupported } from '../value.ts';
import { roundHalfEven } from './folding.ts';

/** Weights that quantised models store as small integers: they become the floats that they stand for. */
type Grid = { readonly axis: number; readonly blockSize: number };

/** The constant that is quantised or stands for quantised values. */
const constantInput = (call: Call): Constant => {
	const x = operand(call, 0);
	return x.kind === 'constant'
		? x
		: unsupported(
				`${call.node.op} of a value that depends on an encrypted input, which rounds it.`,
				'Export the model in floating point; quantised weights are read, quantised activations are not.',
			);
};

/** Which element of scale and zero point belongs to each element of x: one for all, one along an axis, one per block. */
const scaleSource = (call: Call, x: Constant, scale: Constant, { axis, blockSize }: Grid): Source => {
	const misfit = () => misshapen(`${call.node.op} has a scale of shape [${scale.shape}] for [${x.shape}].`);
	if (scale.shape.length <= 1 && scale.data.length === 1 && blockSize === 0) return new Int32Array(x.data.length);
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
const dequantized = (call: Call, grid: Grid): Constant => {
	const x = constantInput(call);
	const scale = constantOperand(call, 1, 'scale');
	const { data: zero } = zeroPoint(call, scale);
	const source = scaleSource(call, x, scale, grid);
	const value = (q: number, i: number) => {
		const at = source[i] as number;
		return (q - (zero[at] as number)) * (scale.data[at] as number);
	};
	return constant(x.shape, x.data.map(value));
};
/** Opset 21 on: one scale for all, along an axis, or per block of it. */
export const DequantizeLinear: Run = (call) => {
	const { axis, block_size } = attributesOf(call, { axis: 1, block_size: 0, output_dtype: 0 });
	return dequantized(call, { axis, blockSize: block_size });
};
export const DequantizeLinear13: Run = (call) =>
	dequantized(call, { ...attributesOf(call, { axis: 1 }), blockSize: 0 });
export const DequantizeLinear10: Run = (call) => {
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
	const x = constantInput(call);
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
	return { ...constant(x.shape, x.data.map(value), 'int'), dataType };
};
/** Opset 21 on: also per block, and with the type as an attribute. */
export const QuantizeLinear: Run = (call) => {
	const defaults = { axis: 1, block_size: 0, output_dtype: 0, saturate: 1, precision: 0 };
	const { axis, block_size, output_dtype } = attributesOf(call, defaults);
	return quantized(call, { axis, blockSize: block_size }, output_dtype);
};
export const QuantizeLinear13: Run = (call) =>
	quantized(call, { axis: attributesOf(call, { axis: 1, saturate: 1 }).axis, blockSize: 0 }, 0);
export const QuantizeLinear10: Run = (call) => {
	attributesOf(call, {});
	return quantized(call, { axis: 1, blockSize: 0 }, 0);
};
