import { type Activation, nodeAt, sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, selectionMatrix } from '../../tensor/maps/selection.ts';
import { activated, inverse, larger, MOST_FLOAT, product, scaled, smaller, weightedSum } from '../algebra.ts';
import { attributesOf, operand, type Run } from '../call.ts';
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
import { always, type Operator, since } from './table.ts';

/** y = fn(x), an operator without attributes. */
export const plainActivation =
	(fn: Activation): Run =>
	(call) => {
		attributesOf(call, {});
		return activated(call, operand(call, 0), fn);
	};

/** y = max(x, 0) */
const Relu = plainActivation('relu');
/** y = 1 / (1 + exp(-x)) */
const Sigmoid = plainActivation('sigmoid');
const Tanh = plainActivation('tanh');
/** y = x (1 + erf(x / sqrt 2)) / 2: what the recogniser makes of Div, Erf, Add, Mul, Mul. */
const ErfGelu = plainActivation('gelu');
/** y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, likewise. */
const TanhGelu = plainActivation('geluTanh');

/** y = x (1 + erf(x / sqrt 2)) / 2, or its tanh form. */
const Gelu: Run = (call) => {
	const { approximate } = attributesOf(call, { approximate: 'none' });
	if (approximate !== 'none' && approximate !== 'tanh') malformed(`Gelu has approximate = '${approximate}'.`);
	return activated(call, operand(call, 0), approximate === 'tanh' ? 'geluTanh' : 'gelu');
};

/** y = exp(x) */
const Exp = plainActivation('exp');
/** y = ln x, on values above 0 */
const Log = plainActivation('log');
/** y = x ^ (1 / 2), on values not below 0 */
const Sqrt = plainActivation('sqrt');
/** y = 1 / x, on values that are all above or all below 0 */
const Reciprocal: Run = (call) => {
	attributesOf(call, {});
	return inverse(call, operand(call, 0));
};
/** y = |x| */
const Abs = plainActivation('abs');
/** y = 2 / sqrt(pi) * integral of exp(-t^2) over t from 0 to x */
const Erf = plainActivation('erf');
/** y = sin x */
const Sin = plainActivation('sin');
/** y = cos x */
const Cos = plainActivation('cos');
/** y = ln(1 + exp(x)) */
const Softplus = plainActivation('softplus');
/** y = x / (1 + |x|) */
const Softsign = plainActivation('softsign');
/** y = x tanh(ln(1 + exp(x))) */
const Mish = plainActivation('mish');
/** y = x max(0, min(1, x / 6 + 1 / 2)) */
const HardSwish = plainActivation('hardSwish');

/** y = x for x >= 0, else alpha x. */
const leaky = (site: Site, x: Value, alpha: number): Value => {
	if (alpha === 1) return x;
	return alpha === 0 ? activated(site, x, 'relu') : activated(site, x, 'leakyRelu', [alpha]);
};

/** y = x for x >= 0, else alpha x */
const LeakyRelu: Run = (call) => leaky(call, operand(call, 0), attributesOf(call, { alpha: 0.01 }).alpha);

/** y = x for x >= 0, else s x; with several slopes y = s x + (1 - s) max(x, 0). */
const PRelu: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const slope = operand(call, 1);
	const shape = broadcastShape(x.shape, slope.shape);
	if (String(shape) !== String(x.shape)) return misshapen(`The slope [${slope.shape}] does not fit [${x.shape}].`);
	if (slope.kind === 'encrypted') return sloped(call, x, slope);
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

/** y = max(x, 0) + s min(x, 0), s encrypted: one product after the polynomial. */
const sloped = (site: Site, x: Value, slope: Encrypted): Value => {
	const positive = activated(site, x, 'relu');
	const negative = weightedSum(site, x, positive, 1, -1);
	return weightedSum(site, positive, product(site, slope, negative), 1, 1);
};

/** Before opset 7 a slope of one axis is one for each channel. */
const PRelu6: Run = (call) => {
	const { shape } = operand(call, 0);
	const slope = operand(call, 1);
	const perChannel = slope.shape.length === 1 && slope.shape[0] !== 1 && shape.length > 2;
	if (!perChannel) return PRelu(call);
	const channels = reshaped(slope, [slope.shape[0] as number, ...new Array<number>(shape.length - 2).fill(1)]);
	return PRelu({ ...call, inputs: [call.inputs[0], channels] });
};

/** y = x for x >= 0, else alpha (exp(x) - 1) */
const Elu: Run = (call) => activated(call, operand(call, 0), 'elu', [attributesOf(call, { alpha: 1 }).alpha]);

/** y = gamma x for x >= 0, else gamma alpha (exp(x) - 1) */
const Selu: Run = (call) => {
	const { alpha, gamma } = attributesOf(call, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 });
	return scaled(call, activated(call, operand(call, 0), 'elu', [alpha]), gamma);
};

/** y = x for x >= 0, else alpha (exp(x / alpha) - 1) */
const Celu: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	if (!(alpha > 0)) return unsupported(`Celu has alpha = ${alpha}.`, 'An alpha above 0 can be compiled.');
	return scaled(call, activated(call, scaled(call, operand(call, 0), 1 / alpha), 'elu', [1]), alpha);
};

/** y = max(0, min(1, alpha x + beta)) */
const HardSigmoid: Run = (call) => {
	const { alpha, beta } = attributesOf(call, { alpha: 0.2, beta: 0.5 });
	return clipped(call, scaled(call, operand(call, 0), alpha, beta), 0, 1);
};

/** y = x / (1 + exp(-alpha x)) */
const Swish: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	const x = operand(call, 0);
	if (alpha === 0) return scaled(call, x, 0.5);
	return scaled(call, activated(call, scaled(call, x, alpha), 'silu'), 1 / alpha);
};

/** y = x for x > alpha, else 0 */
const ThresholdedRelu: Run = (call) => {
	const { alpha } = attributesOf(call, { alpha: 1 });
	const x = operand(call, 0);
	return alpha === 0 ? activated(call, x, 'relu') : activated(call, x, 'thresholdedRelu', [alpha]);
};

/** y = min(max(x, low), high): with one bound, relu(x - low) + low or high - relu(high - x). */
const clipped = (site: Site, x: Value, low: number, high: number): Value => {
	if (x.kind === 'constant') return activated(site, x, 'clip', [low, high]);
	if (low >= high) return scaled(site, x, 0, high);
	if (low <= NEARLY_ZERO && isLow(low) && isRoot(site, x)) return clipped(site, x, Number.NEGATIVE_INFINITY, high);
	if (isLow(low) && isHigh(high)) return activated(site, x, 'clip', [low, high]);
	if (isLow(low)) return scaled(site, activated(site, scaled(site, x, 1, -low), 'relu'), 1, low);
	if (isHigh(high)) return scaled(site, activated(site, scaled(site, x, -1, high), 'relu'), -1, high);
	return x;
};

/** What is not negative is not clipped from below by a guard against division by 0, as in normalize of PyTorch: x / max(|x|, 1e-12), and 1e-8 for cosines. */
const NEARLY_ZERO = 1e-8;
const isRoot = ({ builder }: Site, x: Encrypted): boolean => {
	const node = nodeAt(builder.nodes, x.id);
	return node.kind === 'activation' && (node.fn === 'sqrt' || node.fn === 'abs');
};

/** Exporters write the lowest float32 where there is no bound below, and the largest where there is none above. */
const isLow = (value: number): boolean => value > -MOST_FLOAT;
const isHigh = (value: number): boolean => value < MOST_FLOAT;

/** Before opset 11 the bounds are attributes. */
const Clip6: Run = (call) => {
	const { min, max } = attributesOf(call, { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY });
	return clipped(call, operand(call, 0), min, max);
};

/** y = min(max(x, min), max), the bounds optional; where one is encrypted, two polynomials after each other. */
const Clip: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const [low, high] = [1, 2].map((i) => call.inputs[i] && oneNumber(call.inputs[i]));
	if (low?.kind !== 'encrypted' && high?.kind !== 'encrypted')
		return clipped(call, x, low?.data[0] ?? Number.NEGATIVE_INFINITY, high?.data[0] ?? Number.POSITIVE_INFINITY);
	const raised = low === undefined || isOpen(low, isLow) ? x : larger(call, x, low);
	return high === undefined || isOpen(high, isHigh) ? raised : smaller(call, raised, high);
};

/** A bound of Clip as a scalar. Errors: 'file' when it is none. */
const oneNumber = (bound: Value): Value =>
	sizeOf(bound.shape) !== 1 || (bound.kind === 'constant' && Number.isNaN(bound.data[0]))
		? malformed('A bound of Clip is not one number.')
		: reshaped(bound, []);

const isOpen = (bound: Value, isBound: (value: number) => boolean): boolean =>
	bound.kind === 'constant' && !isBound(bound.data[0] as number);

/** Functions of one variable. */
export const ACTIVATIONS: readonly Operator[] = [
	{ op: 'Abs', how: 'approximate', note: '', versions: always(Abs) },
	{ op: 'Celu', how: 'approximate', note: '', versions: since([12, Celu]) },
	{ op: 'Clip', how: 'approximate', note: '', versions: since([6, Clip6], [11, Clip]) },
	{ op: 'Cos', how: 'approximate', note: '', versions: since([7, Cos]) },
	{ op: 'Elu', how: 'approximate', note: '', versions: always(Elu) },
	{ op: 'Erf', how: 'approximate', note: '', versions: since([9, Erf]) },
	{ op: 'Exp', how: 'approximate', note: '', versions: always(Exp) },
	{ op: 'Gelu', how: 'approximate', note: '', versions: since([20, Gelu]) },
	{ op: 'HardSigmoid', how: 'approximate', note: '', versions: always(HardSigmoid) },
	{ op: 'HardSwish', how: 'approximate', note: '', versions: since([14, HardSwish]) },
	{ op: 'LeakyRelu', how: 'approximate', note: '', versions: always(LeakyRelu) },
	{ op: 'Log', how: 'approximate', note: 'on values above 0', versions: always(Log) },
	{ op: 'Mish', how: 'approximate', note: '', versions: since([18, Mish]) },
	{ op: 'PRelu', how: 'approximate', note: '', versions: since([6, PRelu6], [7, PRelu]) },
	{ op: 'Reciprocal', how: 'approximate', note: 'on values of one sign', versions: always(Reciprocal) },
	{ op: 'Relu', how: 'approximate', note: '', versions: always(Relu) },
	{ op: 'Selu', how: 'approximate', note: '', versions: always(Selu) },
	{ op: 'Sigmoid', how: 'approximate', note: 'by the client at the end of the model', versions: always(Sigmoid) },
	{ op: 'Sin', how: 'approximate', note: '', versions: since([7, Sin]) },
	{ op: 'Softplus', how: 'approximate', note: '', versions: always(Softplus) },
	{ op: 'Softsign', how: 'approximate', note: '', versions: always(Softsign) },
	{ op: 'Sqrt', how: 'approximate', note: 'on values not below 0', versions: always(Sqrt) },
	{ op: 'Swish', how: 'approximate', note: '', versions: since([24, Swish]) },
	{ op: 'Tanh', how: 'approximate', note: '', versions: always(Tanh) },
	{ op: 'ThresholdedRelu', how: 'approximate', note: 'except near the jump', versions: since([10, ThresholdedRelu]) },
];

/** What the recogniser writes in place of several standard nodes. */
export const RECOGNISED_ACTIVATIONS: readonly Operator[] = [
	{ op: 'Clip', how: 'approximate', note: 'several bounds after each other', versions: always(Clip6) },
	{ op: 'Gelu', how: 'approximate', note: 'x (1 + Erf(x / sqrt 2)) / 2', versions: always(ErfGelu) },
	{ op: 'GeluTanh', how: 'approximate', note: 'x (1 + Tanh(...)) / 2', versions: always(TanhGelu) },
	{
		op: 'HardSwish',
		how: 'approximate',
		note: 'x HardSigmoid(x), x Clip(x + 3, 0, 6) / 6',
		versions: always(HardSwish),
	},
	{ op: 'Mish', how: 'approximate', note: 'x Tanh(Softplus(x))', versions: always(Mish) },
	{ op: 'Swish', how: 'approximate', note: 'x Sigmoid(k x)', versions: always(Swish) },
];
