import { sizeOf } from '../../tensor/graph.ts';
import { range } from '../../tensor/maps/selection.ts';
import { separable, slidingSums } from '../../tensor/maps/separable.ts';
import { identity } from '../../tensor/sparse.ts';
import {
	activated,
	alongAxis,
	averaged,
	centred,
	inverse,
	otherAxes,
	power,
	product,
	scaled,
	summed,
	weightedSum,
} from '../algebra.ts';
import { attributesOf, axesOf, axisOf, type Call, constantOperand, operand, type Results, type Run } from '../call.ts';
import { elementTypeOf, typeName } from '../tensor.ts';
import { affineOf, malformed, misshapen, reshaped, type Site, unsupported, type Value } from '../value.ts';
import { spatialAxes } from './pooling.ts';
import { always, type Operator, since } from './table.ts';

/**
 * Normalisation by statistics of the sample itself. Means are linear, squares are products, and what they are divided by is
 * one fitted function of the variance: v ^ (-1/2), or for LRN v ^ (-beta).
 */

/** y = mean of x^2 along the axes */
const meanSquare = (site: Site, x: Value, axes: readonly number[]): Value =>
	averaged(site, power(site, x, 2), axes, true);

/** y = (variance + epsilon) ^ (-1/2) */
const inverseDeviationOf = (site: Site, variance: Value, epsilon: number): Value =>
	activated(site, scaled(site, variance, 1, epsilon), 'power', [-0.5]);

/** y = (mean of x^2 along the axes + epsilon) ^ (-1/2) */
const inverseRoot = (site: Site, x: Value, axes: readonly number[], epsilon: number): Value =>
	inverseDeviationOf(site, meanSquare(site, x, axes), epsilon);

/**
 * y = scale * (x - mean) / sqrt(variance + epsilon) + bias, by the statistics of the batch itself; also
 * momentum * given + (1 - momentum) * found of both statistics: what BatchNormalization does in training.
 */
export const normalizedByBatch = (call: Call, epsilon: number, momentum: number): Results => {
	const x = operand(call, 0);
	const channels = x.shape[1] ?? misshapen(`BatchNormalization needs a channel axis; the input is [${x.shape}].`);
	const axes = otherAxes(x.shape.length, [1]);
	const deviation = centred(call, x, axes);
	const variance = meanSquare(call, deviation, axes);
	const inverseDeviation = inverseDeviationOf(call, variance, epsilon);
	const running = (given: Value, found: Value): Value =>
		weightedSum(call, given, reshaped(found, [channels]), momentum, 1 - momentum);
	call.warn('it is in training mode: it normalises by the batch that the program is compiled for');
	return {
		kind: 'outputs',
		values: [
			rescaledAlong(call, product(call, deviation, inverseDeviation), 1),
			running(operand(call, 3), averaged(call, x, axes, true)),
			running(operand(call, 4), variance),
		],
	};
};

/** y = (x - mean) / sqrt(variance + epsilon) along the axes */
const standardized = (site: Site, x: Value, axes: readonly number[], epsilon: number): Value => {
	const deviation = centred(site, x, axes);
	return product(site, deviation, inverseRoot(site, deviation, axes, epsilon));
};

/** y = scale * x + bias, both of which broadcast to x. */
const rescaled = (call: Call, x: Value, scale: Value, bias: Value | undefined): Value => {
	const stretched = product(call, x, scale);
	const y = bias === undefined ? stretched : weightedSum(call, stretched, bias, 1, 1);
	return String(y.shape) === String(x.shape)
		? y
		: misshapen(`Scale [${scale.shape}] and bias [${bias?.shape ?? ''}] do not fit [${x.shape}].`);
};

/** y = scale * x + bias, one constant of each for every element of an axis. */
const rescaledAlong = (call: Call, x: Value, axis: number): Value => {
	const [scale, bias] = ['scale', 'bias'].map((what, i) => {
		const values = constantOperand(call, i + 1, what);
		return values.data.length === x.shape[axis]
			? alongAxis(values, axis, x.shape.length)
			: misshapen(`The ${what} has ${values.data.length} values for ${x.shape[axis]} of them.`);
	}) as [Value, Value];
	return rescaled(call, x, scale, bias);
};

/** The type that the statistics are computed in: everything is computed in real numbers, nearer than any of them. */
const checkStash = (type: number): void => {
	if (elementTypeOf(type) !== 'float') malformed(`stash_type is ${typeName(type)}, which is no type of real numbers.`);
};

/** The axes from `axis` on. */
const trailing = (axis: number, rank: number): readonly number[] => {
	const first = axisOf(axis, rank);
	return range(rank - first, first);
};

/** y = scale * (x - mean) / sqrt(variance + epsilon) + bias over the axes from `axis` on; also mean and 1 / sqrt(...). */
const LayerNormalization: Run = (call) => {
	const { axis, epsilon, stash_type } = attributesOf(call, { axis: -1, epsilon: 1e-5, stash_type: 1 });
	checkStash(stash_type);
	const x = operand(call, 0);
	const axes = trailing(axis, x.shape.length);
	const deviation = centred(call, x, axes);
	const inverseDeviation = inverseRoot(call, deviation, axes, epsilon);
	const y = rescaled(call, product(call, deviation, inverseDeviation), operand(call, 1), call.inputs[2]);
	return { kind: 'outputs', values: [y, averaged(call, x, axes, true), inverseDeviation] };
};

/** y = scale * x / sqrt(mean of x^2 + epsilon) over the axes from `axis` on */
const RMSNormalization: Run = (call) => {
	const { axis, epsilon, stash_type } = attributesOf(call, { axis: -1, epsilon: 1e-5, stash_type: 1 });
	checkStash(stash_type);
	const x = operand(call, 0);
	const root = inverseRoot(call, x, trailing(axis, x.shape.length), epsilon);
	return rescaled(call, product(call, x, root), operand(call, 1), undefined);
};

/** y[n, c, p] = scale[c] * (x[n, c, p] - mean[n, c]) / sqrt(variance[n, c] + epsilon) + bias[c] */
const InstanceNormalization: Run = (call) => {
	const { epsilon } = attributesOf(call, { epsilon: 1e-5 });
	const x = operand(call, 0);
	return rescaledAlong(call, standardized(call, x, spatialAxes(call, x), epsilon), 1);
};

/** x as [batch, groups, elements of a group], standardised over the last axis. */
const standardizedGroups = (call: Call, groups: number, epsilon: number): Value => {
	const x = operand(call, 0);
	const [batch = 1, channels = 1] = x.shape;
	if (x.shape.length < 2 || groups < 1 || channels % groups !== 0)
		return misshapen(`[${x.shape}] has no ${groups} groups of channels.`);
	const grouped = reshaped(x, [batch, groups, sizeOf(x.shape) / (batch * groups)]);
	return standardized(call, grouped, [2], epsilon);
};

/** y = scale * (x - mean) / sqrt(variance + epsilon) + bias, the statistics those of a group of channels. */
const GroupNormalization: Run = (call) => {
	const { epsilon, num_groups, stash_type } = attributesOf(call, { epsilon: 1e-5, num_groups: 0, stash_type: 1 });
	checkStash(stash_type);
	const { shape } = operand(call, 0);
	return rescaledAlong(call, reshaped(standardizedGroups(call, num_groups, epsilon), shape), 1);
};

/** Opset 18 to 20: one scale and bias for each group instead of each channel. */
const GroupNormalization18: Run = (call) => {
	const { epsilon, num_groups } = attributesOf(call, { epsilon: 1e-5, num_groups: 0 });
	const { shape } = operand(call, 0);
	return reshaped(rescaledAlong(call, standardizedGroups(call, num_groups, epsilon), 1), shape);
};

/** y = (x - mean) / sqrt(variance) over the axes */
const MeanVarianceNormalization: Run = (call) => {
	const { axes } = attributesOf(call, { axes: [0, 2, 3] });
	const x = operand(call, 0);
	return standardized(call, x, axesOf(axes, x.shape.length), NO_DIVISION_BY_ZERO);
};

/** So little that it changes no other result: where all elements are 0, so is the quotient. */
const NO_DIVISION_BY_ZERO = 1e-300;

/** y = x / sum of |x| along an axis for p = 1, x / sqrt(sum of x^2) for p = 2 */
export const unitLength = (site: Site, x: Value, axis: number, p: 1 | 2): Value => {
	const norm = (powers: Value): Value => scaled(site, summed(site, powers, [axis], true), 1, NO_DIVISION_BY_ZERO);
	return p === 1
		? product(site, x, inverse(site, norm(activated(site, x, 'abs'))))
		: product(site, x, activated(site, norm(power(site, x, 2)), 'power', [-0.5]));
};

/** y = x / the p-norm of x along an axis */
const LpNormalization: Run = (call) => {
	const { axis, p } = attributesOf(call, { axis: -1, p: 2 });
	const x = operand(call, 0);
	const at = axisOf(axis, x.shape.length);
	if (p === 1 || p === 2) return unitLength(call, x, at, p);
	return unsupported(`LpNormalization has p = ${p}.`, 'A p of 1 or 2 can be compiled.');
};

/** y[n, c] = x[n, c] (bias + alpha / size * sum of x[n, k]^2 over the `size` channels k around c) ^ (-beta) */
const LRN: Run = (call) => {
	const { alpha, beta, bias, size } = attributesOf(call, { alpha: 1e-4, beta: 0.75, bias: 1, size: 0 });
	const x = operand(call, 0);
	if (x.shape.length < 2) return misshapen(`LRN needs a channel axis; the input is [${x.shape}].`);
	if (size < 1) return malformed(`LRN has size = ${size}.`);
	const before = Math.floor((size - 1) / 2);
	const factors = x.shape.map((length, d) =>
		d === 1 ? slidingSums(length, before, size - 1 - before) : identity(length),
	);
	const squares = power(call, x, 2);
	const sums = affineOf(
		call,
		[{ value: squares, matrix: separable(factors) }],
		new Float64Array(sizeOf(x.shape)),
		x.shape,
	);
	return product(call, x, activated(call, scaled(call, sums, alpha / size, bias), 'power', [-beta]));
};

const COST = 'a square, a fitted function and a product in a row';
const NOTE = 'one fitted function of the variance; needs calibration data';

/** Normalisation by statistics of the sample. */
export const NORMS: readonly Operator[] = [
	{
		op: 'GroupNormalization',
		how: 'approximate',
		cost: COST,
		note: NOTE,
		versions: since([18, GroupNormalization18], [21, GroupNormalization]),
	},
	{ op: 'InstanceNormalization', how: 'approximate', cost: COST, note: NOTE, versions: always(InstanceNormalization) },
	{
		op: 'LRN',
		how: 'approximate',
		cost: COST,
		note: 'one fitted function of the sum of squares',
		versions: always(LRN),
	},
	{ op: 'LayerNormalization', how: 'approximate', cost: COST, note: NOTE, versions: since([17, LayerNormalization]) },
	{
		op: 'LpNormalization',
		how: 'approximate',
		cost: COST,
		note: 'p = 1 or 2, away from 0',
		versions: always(LpNormalization),
	},
	{
		op: 'MeanVarianceNormalization',
		how: 'approximate',
		cost: COST,
		note: NOTE,
		versions: since([9, MeanVarianceNormalization]),
	},
	{ op: 'RMSNormalization', how: 'approximate', cost: COST, note: NOTE, versions: since([23, RMSNormalization]) },
];
