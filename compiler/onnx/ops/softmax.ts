import { evaluateNode } from '../../tensor/evaluate.ts';
import { type Node, type Shape, sizeOf } from '../../tensor/graph.ts';
import { range } from '../../tensor/maps/selection.ts';
import { activated, scaled, weightedSum } from '../algebra.ts';
import { attributesOf, axisOf, operand, type Run } from '../call.ts';
import { maskedSoftmax, refuseInfinite } from '../masks.ts';
import { constant, reshaped, type Site, type Value } from '../value.ts';
import { always, type Operator, since } from './table.ts';

/** A tail node of `shape`, whose value the model sees as `seen`; computed at once on constants. */
const tail = (
	site: Site,
	x: Value,
	shape: Shape,
	seen: Shape,
	rest: Pick<Node<'tail'>, 'fn' | 'axis' | 'keepDims' | 'selectLast'>,
): Value => {
	const type = rest.fn === 'argMax' ? 'int' : 'float';
	const node = { kind: 'tail' as const, ...rest, shape, origin: site.origin };
	if (x.kind === 'encrypted') {
		const masked = rest.fn === 'softmax' ? maskedSoftmax(site, { ...x, shape }, rest.axis) : undefined;
		if (masked !== undefined) return reshaped(masked, seen);
		refuseInfinite(x);
	}
	if (x.kind === 'constant') {
		const data = evaluateNode({ ...node, x: 0 }, { value: () => x.data, input: () => undefined });
		return constant(seen, data, type);
	}
	return { kind: 'encrypted', id: site.builder.add({ ...node, x: x.id }), shape: seen, type };
};

type Along = 'softmax' | 'logSoftmax' | 'hardmax';

/** y = fn(x) along one axis. */
export const alongLines = (site: Site, x: Value, fn: Along | 'l1', axis: number): Value =>
	tail(site, x, x.shape, x.shape, { fn, axis, keepDims: true, selectLast: false });

/** The number of pairs that each class wins, from one decision for each pair along the last axis. */
export const votesOf = (site: Site, x: Value, classes: number): Value => {
	const shape = x.shape.with(-1, classes);
	return tail(site, x, shape, shape, { fn: 'votes', axis: shape.length - 1, keepDims: true, selectLast: false });
};

/** The index of the largest element along an axis, which stands for itself: the first of equals, or the last. */
export const indexOfLargest = (site: Site, x: Value, axis: number, keepDims: boolean, selectLast = false): Value => {
	const shape = x.shape.toSpliced(axis, 1, ...(keepDims ? [1] : []));
	const index = tail(site, x, shape, shape, { fn: 'argMax', axis, keepDims, selectLast });
	return index.kind === 'constant' ? index : { ...index, classes: range(x.shape[axis] as number) };
};

/** y = exp(x) / sum exp(x) along one axis, or its logarithm; at the end of the model the client's, else approximated. */
const softmax =
	(fn: Along): Run =>
	(call) => {
		const { axis } = attributesOf(call, { axis: -1 });
		const x = operand(call, 0);
		return alongLines(call, x, fn, axisOf(axis, x.shape.length));
	};
const Softmax = softmax('softmax');
const LogSoftmax = softmax('logSoftmax');
/** y = 1 at the largest element along an axis, the first of equals, and 0 elsewhere. */
const Hardmax = softmax('hardmax');

/** Before opset 13: over all axes from `axis` on together, so over the rows of a matrix. */
const flatSoftmax =
	(fn: Along): Run =>
	(call) => {
		const { axis } = attributesOf(call, { axis: 1 });
		const x = operand(call, 0);
		const { shape } = x;
		const split = axis === shape.length ? axis : axisOf(axis, shape.length);
		const matrix = [sizeOf(shape.slice(0, split)), sizeOf(shape.slice(split))];
		const same = split === shape.length - 1;
		return tail(call, x, same ? shape : matrix, shape, {
			fn,
			axis: same ? split : 1,
			keepDims: true,
			selectLast: false,
		});
	};
const Softmax1 = flatSoftmax('softmax');
const LogSoftmax1 = flatSoftmax('logSoftmax');
const Hardmax1 = flatSoftmax('hardmax');

/** x - s, or exp of it, s being ln sum exp(x) along an axis: a softmax where s keeps that axis with length 1, as it should. */
const shares =
	(fn: 'softmax' | 'logSoftmax'): Run =>
	(call) => {
		const { axis } = attributesOf(call, { axis: 0 });
		const [x, sum] = [operand(call, 0), operand(call, 1)];
		const at = axisOf(axis, x.shape.length);
		if (String(sum.shape) === String(x.shape.with(at, 1))) return alongLines(call, x, fn, at);
		const difference = weightedSum(call, x, sum, 1, -1);
		return fn === 'softmax' ? activated(call, difference, 'exp') : difference;
	};

/** The index of the largest element along an axis, or with `sign` -1 of the smallest. */
const argExtreme =
	(sign: 1 | -1): Run =>
	(call) => {
		const { axis, keepdims, select_last_index } = attributesOf(call, { axis: 0, keepdims: 1, select_last_index: 0 });
		const x = operand(call, 0);
		const at = axisOf(axis, x.shape.length);
		return indexOfLargest(call, scaled(call, x, sign), at, keepdims !== 0, select_last_index !== 0);
	};
const ArgMax = argExtreme(1);
const ArgMin = argExtreme(-1);

/** What is done with scores. */
export const SCORES: readonly Operator[] = [
	{ op: 'ArgMax', how: 'client', note: 'at the end of the model', versions: always(ArgMax) },
	{ op: 'ArgMin', how: 'client', note: 'at the end of the model', versions: always(ArgMin) },
	{ op: 'Hardmax', how: 'client', note: 'at the end of the model', versions: since([6, Hardmax1], [13, Hardmax]) },
	{
		op: 'LogSoftmax',
		how: 'client',
		cost: 'nothing at the end; inside: an exponential, squares of it and a logarithm',
		note: 'at the end of the model; approximated inside of it',
		versions: since([6, LogSoftmax1], [13, LogSoftmax]),
	},
	{
		op: 'Softmax',
		how: 'client',
		cost: 'nothing at the end; inside: an exponential, squares of it, a reciprocal and a product',
		note: 'at the end of the model; approximated inside of it',
		versions: since([6, Softmax1], [13, Softmax]),
	},
];

/** What the recognisers write in place of several standard nodes. */
export const RECOGNISED_SCORES: readonly Operator[] = [
	{ op: 'LogShares', how: 'client', note: 'Sub(x, ReduceLogSumExp(x))', versions: always(shares('logSoftmax')) },
	{ op: 'Shares', how: 'client', note: 'Exp(Sub(x, ReduceLogSumExp(x)))', versions: always(shares('softmax')) },
	{ op: 'Softmax', how: 'client', note: 'Exp(x) / ReduceSum(Exp(x))', versions: always(Softmax) },
];
