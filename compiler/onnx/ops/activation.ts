import { activationFunctions } from '../../tensor/evaluate.ts';
import { type Activation, type Node, type Shape, sizeOf } from '../../tensor/graph.ts';
import { attributesOf, axisOf, type Call, operand, type Run } from '../call.ts';
import { constant, type Encrypted, malformed, type Site, unsupported, type Value } from '../value.ts';

/** y = fn(x), elementwise. */
const activated = (site: Site, x: Value, fn: Activation): Value =>
	x.kind === 'constant'
		? constant(x.shape, x.data.map(activationFunctions[fn]))
		: {
				...x,
				id: site.builder.add({ kind: 'activation', x: x.id, fn, shape: x.shape, origin: site.origin }),
			};

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
