import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { broadcastSource, selectionMatrix } from '../../tensor/maps/selection.ts';
import { blocksOf, convolution } from '../../tensor/maps/spatial.ts';
import { transposedWindowOf, windowOf } from '../../tensor/maps/window.ts';
import { transposed } from '../../tensor/sparse.ts';
import { attributesOf, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { affineOf, malformed, misshapen, type Value, type ValueTerm } from '../value.ts';
import { always, type Operator, since } from './table.ts';

/**
 * y[n, m, p] = bias[m] + sum over the window of weights[m, c, q] * x[n, c, s], on any number of spatial axes.
 *
 * x: [batch, channels, ...spatial]; weights: [maps, channels / group, ...kernel]; bias: [maps].
 */
const Conv: Run = (call) => {
	const { auto_pad, dilations, group, kernel_shape, pads, strides } = attributesOf(call, {
		auto_pad: 'NOTSET',
		dilations: [],
		group: 1,
		kernel_shape: [],
		pads: [],
		strides: [],
	});
	const x = operand(call, 0);
	const weights = constantOperand(call, 1, 'kernel');
	const [batch = 0, channels = 0, ...input] = x.shape;
	const [maps = 0, depth = 0, ...kernel] = weights.shape;
	if (input.length === 0 || depth * group !== channels || maps % group !== 0 || kernel.length !== input.length)
		return misshapen(`A kernel of [${weights.shape}] in ${group} groups does not fit an input of [${x.shape}].`);
	if (kernel_shape.length > 0 && String(kernel_shape) !== String(kernel))
		misshapen(`kernel_shape is [${kernel_shape}], but the kernel has [${kernel}].`);
	const window = windowOf({ input, kernel, strides, dilations, autoPad: auto_pad, pads, ceilMode: false });
	const shape = [batch, maps, ...window.output];
	const matrix = convolution({ batch, channels, maps, groups: group }, weights.data, window);
	const terms = [{ value: x, matrix }, ...biasTerms(call.inputs[2], maps, shape)];
	return affineOf(call, terms, new Float64Array(sizeOf(shape)), shape);
};

/**
 * y[n, m, s] = bias[m] + sum of weights[c, m, q] * x[n, c, p] over the p and q whose window meets s: the transpose of the
 * convolution from y to x.
 *
 * x: [batch, channels, ...spatial]; weights: [channels, maps / group, ...kernel]; bias: [maps].
 */
const ConvTranspose: Run = (call) => {
	const attributes = attributesOf(call, {
		auto_pad: 'NOTSET',
		dilations: [],
		group: 1,
		kernel_shape: [],
		output_padding: [],
		output_shape: [],
		pads: [],
		strides: [],
	});
	const { group, kernel_shape, strides, dilations, pads } = attributes;
	const x = operand(call, 0);
	const weights = constantOperand(call, 1, 'kernel');
	const [batch = 0, channels = 0, ...input] = x.shape;
	const [rows = 0, depth = 0, ...kernel] = weights.shape;
	const maps = depth * group;
	const fits = rows === channels && group >= 1 && channels % group === 0 && kernel.length === input.length;
	if (input.length === 0 || !fits)
		return misshapen(`A kernel of [${weights.shape}] in ${group} groups does not fit an input of [${x.shape}].`);
	if (kernel_shape.length > 0 && String(kernel_shape) !== String(kernel))
		misshapen(`kernel_shape is [${kernel_shape}], but the kernel has [${kernel}].`);
	const window = transposedWindowOf({
		input,
		kernel,
		strides,
		dilations,
		autoPad: attributes.auto_pad,
		pads,
		outputPadding: attributes.output_padding,
		outputShape: attributes.output_shape,
	});
	const shape = [batch, maps, ...window.input];
	const backward = convolution({ batch, channels: maps, maps: channels, groups: group }, weights.data, window);
	const terms = [{ value: x, matrix: transposed(backward) }, ...biasTerms(call.inputs[2], maps, shape)];
	return affineOf(call, terms, new Float64Array(sizeOf(shape)), shape);
};

/** One value for each map, the second axis of the result. */
const biasTerms = (bias: Value | undefined, maps: number, shape: Shape): readonly ValueTerm[] => {
	if (bias === undefined) return [];
	if (String(bias.shape) !== String([maps])) misshapen(`The bias has shape [${bias.shape}], not [${maps}].`);
	const column = [maps, ...shape.slice(2).map(() => 1)];
	return [{ value: bias, matrix: selectionMatrix(broadcastSource(column, shape), maps) }];
};

/**
 * y[n, c, s] = sum of x[n, (c, q), p] over the p and q whose window meets s: the transpose of cutting an image into blocks.
 *
 * x: [batch, channels * block, windows]; y: [batch, channels, ...image].
 */
const Col2Im: Run = (call) => {
	const { dilations, pads, strides } = attributesOf(call, { dilations: [], pads: [], strides: [] });
	const x = operand(call, 0);
	const image = integersAt(call, 1, 'image shape') ?? malformed('Col2Im has no image shape.');
	const block = integersAt(call, 2, 'block shape') ?? malformed('Col2Im has no block shape.');
	const window = windowOf({
		input: image,
		kernel: block,
		strides,
		dilations,
		autoPad: 'NOTSET',
		pads,
		ceilMode: false,
	});
	const [batch = 0, rows = 0, windows] = x.shape;
	const channels = rows / sizeOf(block);
	if (x.shape.length !== 3 || windows !== sizeOf(window.output) || !Number.isInteger(channels))
		return misshapen(`Blocks of [${block}] of an image of [${image}] do not come as [${x.shape}].`);
	const shape = [batch, channels, ...image];
	const matrix = transposed(blocksOf(batch * channels, window));
	return affineOf(call, [{ value: x, matrix }], new Float64Array(sizeOf(shape)), shape);
};

/** Convolutions. */
export const SPATIAL: readonly Operator[] = [
	{ op: 'Col2Im', how: 'exact', note: 'constant shapes', versions: since([18, Col2Im]) },
	{ op: 'Conv', how: 'exact', note: 'constant kernel; any number of spatial axes', versions: always(Conv) },
	{
		op: 'ConvTranspose',
		how: 'exact',
		note: 'constant kernel; any number of spatial axes',
		versions: always(ConvTranspose),
	},
];
