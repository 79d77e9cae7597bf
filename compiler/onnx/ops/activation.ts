import { type Activation, type Node, type Shape, sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, selectionMatrix } from '../../tensor/maps/selection.ts';
import { activated, inverse, scaled } from '../algebra.ts';
import { attributesOf, axisOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Encrypted,
	malformed,
	misshapen,
	moved,
	reshaped,
	type Site,
	unsupported,
	type Value,
} from '../value.ts';

const plainActivation =
	(fn: Activation): Run =>
	(call) => {
		attributesOf(call, {});
		return activated(call, operand(call, 0), fn);
	};

/** y = max(x, 0) */
export const Relu = plainActivation('relu');
/** y = 1 / (1 + exp(-x)) */
export const Sigmoid = plainActivation('sigmoid');
export const Tanh = plainActivation('tanh');
/** y = x / (1 + exp(-x)): what the recogniser makes of Mul(x, Sigmoid(x)). */
export const Silu = plainActivation('silu');
/** y = x (1 + erf(x / sqrt 2)) / 2: what the recogniser makes of Div, Erf, Add, Mul, Mul. */
export const ErfGelu = plainActivation('gelu');

/** y = x (1 + erf(x / sqrt 2)) / 2, or its tanh form. */
export const Gelu: Run = (call) => {
	const { approximate } = attributesOf(call, { approximate: 'none' });
	if (approximate !== 'none' && approximate !== 'tanh') malformed(`Gelu has approximate = '${approximate}'.`);
	return activated(call, operand(call, 0), approximate === 'tanh' ? 'geluTanh' : 'gelu');
};

/** y = exp(x) */
export const Exp = plainActivation('exp');
/** y = ln x, on values above 0 */
export const Log = plainActivation('log');
/** y = x ^ (1 / 2), on values not below 0 */
export const Sqrt = plainActivation('sqrt');
/** y = 1 / x, on values that are all above or all below 0 */
export const Reciprocal: Run = (call) => {
	attributesOf(call, {});
	return inverse(call, operand(call, 0));
};
/** y = |x| */
export const Abs = plainActivation('abs');
/** y = 2 / sqrt(pi) * integral of exp(-t^2) over t from 0 to x */
export const Erf = plainActivation('erf');
/** y = sin x */
export const Sin = plainActivation('sin');
/** y = cos x */
export const Cos = plainActivation('cos');
/** y = ln(1 + exp(x)) */
export const Softplus = plainActivation('softplus');
/** y = x / (1 + |x|) */
export const Softsign = plainActivation('softsign');
/** y = x tanh(ln(1 + exp(x))) */
export const Mish = plainActivation('mish');
/** y = x max(0, min(1, x / 6 + 1 / 2)) */
export const HardSwish = plainActivation('hardSwish');

/** y = x for x >= 0, else alpha x. */
const leaky = (site: Site, x: Value, alpha: number): Value => {
	if (alpha === 1) return x;
	return alpha === 0 ? activated(site, x, 'relu') : activated(site, x, 'leakyRelu', [alpha]);
};

/** y = x for x >= 0, else alpha x */
export const LeakyRelu: Run = (call) => leaky(call, operand(call, 0), attributesOf(call, { alpha: 0.01 }).alpha);

/** y = x for x >= 0, else s x, s a constant; with several slopes y = s x + (1 - s) max(x, 0). */
export const PRelu: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const slope = constantOperand(call, 1, 'slope');
	const shape = broadcastShape(x.shape, slope.shape);
	if (String(shape) !== String(x.shape)) return misshapen(`The slope [${slope.shape}] does not fit [${x.shape}].`);
	const first = slope.data[0] ?? 0;
	if (slope.data.every((s) => s === first)) return leaky(call, x, first);
	const size = sizeOf(x.shape);
	checkSize(size);
	const { data } = moved(call, slope, broadcastSource(slope.shape, x.shape), x.shape) as typeof slope;
	const source = broadcastSource(x.shape, x.shape);
	const terms = [
		{ value: x, matrix: selectionMatrix(source, size, data) },
		{
			value: activated(call, x, 'relu'),
			matrix: selectionMatrix(
				source,
				size,
				data.map((s) => 1 - s),
			),
		},
	];
	return affineOf(call, terms, new Float64Array(size), x.shape);
};

/** Before opset 7 a slope of one axis is one for each channel. */
export const PRelu6: Run = (call) => {
	const { shape } = operand(call, 0);
	const slope = constantOperand(call, 1, 'slope');
	const perChannel = slope.shape.length === 1 && slope.shape[0] !== 1 && shape.length > 2;
	if (!perChannel) return PRelu(call);
	const channels = reshaped(slope, [slope.shape[0] as number, ...new Array<number>(shape.length - 2).fill(1)]);
	return PRelu({ ...call, inputs: [call.inputs[0], channels] });
};

/** y = x for x >= 0, else alpha (exp(x) - 1) */
export const Elu: Run = (call) => activated(call, operand(call, 0), 'elu', [attributesOf(call, { alpha: 1 }).alpha]);

/** y = gamma x for x >= 0, else gamma alpha (exp(x) - 1) */
export const Selu: Run = (call) => {
	const { alpha, gamma } = attributesOf(call, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 });
	return scaled(call, activated(call, operand(call, 0), 'elu', [alpha]), gamma);
};

/** y = x for x >= 0, else alpha (exp(x / alpha) - 1) */
export const Celu: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	if (!(alpha > 0)) return unsupported(`Celu has alpha = ${alpha}.`, 'An alpha above 0 can be compiled.');
	return scaled(call, activated(call, scaled(call, operand(call, 0), 1 / alpha), 'elu', [1]), alpha);
};

/** y = max(0, min(1, alpha x + beta)) */
export const HardSigmoid: Run = (call) => {
	const { alpha, beta } = attributesOf(call, { alpha: 0.2, beta: 0.5 });
	return clipped(call, scaled(call, operand(call, 0), alpha, beta), 0, 1);
};

/** y = x / (1 + exp(-alpha x)) */
export const Swish: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	const x = operand(call, 0);
	if (alpha === 0) return scaled(call, x, 0.5);
	return scaled(call, activated(call, scaled(call, x, alpha), 'silu'), 1 / alpha);
};

/** y = x for x > alpha, else 0 */
export const ThresholdedRelu: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	const x = operand(call, 0);
	return alpha === 0 ? activated(call, x, 'relu') : activated(call, x, 'thresholdedRelu', [alpha]);
};

/** y = min(max(x, low), high): with one bound, relu(x - low) + low or high - relu(high - x). */
const clipped = (site: Site, x: Value, low: number, high: number): Value => {
	if (x.kind === 'constant') return activated(site, x, 'clip', [low, high]);
	if (low >= high) return scaled(site, x, 0, high);
	if (isBound(low) && isBound(high)) return activated(site, x, 'clip', [low, high]);
	if (isBound(low)) return scaled(site, activated(site, scaled(site, x, 1, -low), 'relu'), 1, low);
	if (isBound(high)) return scaled(site, activated(site, scaled(site, x, -1, high), 'relu'), -1, high);
	return x;
};

/** Exporters write the largest float32 where there is no bound. */
const isBound = (value: number): boolean => Math.abs(value) < 3.4e38;

/** Before opset 11 the bounds are attributes. */
export const Clip6: Run = (call) => {
	const { min, max } = attributesOf(call, { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY });
	return clipped(call, operand(call, 0), min, max);
};

/** y = min(max(x, min), max), the bounds optional constants. */
export const Clip: Run = (call) => {
	attributesOf(call, {});
	const bound = (i: number, what: string, absent: number): number => {
		if (call.inputs[i] === undefined) return absent;
		const { data } = constantOperand(call, i, what);
		const [value] = data;
		return value === undefined || data.length > 1 || Number.isNaN(value)
			? malformed(`The ${what} of Clip is not one number.`)
			: value;
	};
	const low = bound(1, 'minimum', Number.NEGATIVE_INFINITY);
	return clipped(call, operand(call, 0), low, bound(2, 'maximum', Number.POSITIVE_INFINITY));
};

/** A tail node of `shape`, whose value the model sees as `seen`. */
const tail = (
	call: Call,
	shape: Shape,
	seen: Shape,
	rest: Pick<Node<'tail'>, 'fn' | 'axis' | 'keepDims' | 'selectLast'>,
): Encrypted => {
	const x = operand(call, 0);
	if (x.kind === 'constant') return unsupported(`${call.node.op} of a constant.`);
	const id = call.builder.add({ kind: 'tail', x: x.id, ...rest, shape, origin: call.origin });
	return { kind: 'encrypted', id, shape: seen, type: rest.fn === 'argMax' ? 'int' : 'float' };
};

/** y = exp(x) / sum exp(x) along one axis, or its logarithm. */
const softmax =
	(fn: 'softmax' | 'logSoftmax'): Run =>
	(call) => {
		const { axis } = attributesOf(call, { axis: -1 });
		const { shape } = operand(call, 0);
		return tail(call, shape, shape, { fn, axis: axisOf(axis, shape.length), keepDims: true, selectLast: false });
	};
export const Softmax = softmax('softmax');
export const LogSoftmax = softmax('logSoftmax');

/** Before opset 13: over all axes from `axis` on together, so over the rows of a matrix. */
const flatSoftmax =
	(fn: 'softmax' | 'logSoftmax'): Run =>
	(call) => {
		const { axis } = attributesOf(call, { axis: 1 });
		const { shape } = operand(call, 0);
		const split = axis === shape.length ? axis : axisOf(axis, shape.length);
		const matrix = [sizeOf(shape.slice(0, split)), sizeOf(shape.slice(split))];
		const same = split === shape.length - 1;
		return tail(call, same ? shape : matrix, shape, {
			fn,
			axis: same ? split : 1,
			keepDims: true,
			selectLast: false,
		});
	};
export const Softmax1 = flatSoftmax('softmax');
export const LogSoftmax1 = flatSoftmax('logSoftmax');

/** The index of the largest element along an axis: the first of equals, or the last. */
export const ArgMax: Run = (call) => {
	const { axis, keepdims, select_last_index } = attributesOf(call, { axis: 0, keepdims: 1, select_last_index: 0 });
	const { shape } = operand(call, 0);
	const at = axisOf(axis, shape.length);
	const reduced = shape.toSpliced(at, 1, ...(keepdims === 0 ? [] : [1]));
	return tail(call, reduced, reduced, {
		fn: 'argMax',
		axis: at,
		keepDims: keepdims !== 0,
		selectLast: select_last_index !== 0,
	});
};
