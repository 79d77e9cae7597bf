import {
	encodedNumber,
	encodingVariance,
	encryptionVariance,
	keySwitchBiasVariance,
	keySwitchSpreadVariance,
	rescaleVariance,
	slotExponents,
} from '../../runtime/noise.ts';
import { VectorPool } from '../numeric/pool.ts';
import { add, rotated, scaled } from '../numeric/vectors.ts';
import { lastUses, operandsOf } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import type { CkksCircuit, Id, Kind, Op } from './circuit.ts';
import { constantValues, evaluateOp } from './evaluate.ts';
import { type Fusion, fusionsOf, UNFUSED } from './fusion.ts';

/**
 * Standard deviations that a stated bound for `count` elements lies above the mean error, at least 6: noise that was multiplied
 * by the secret has the tails of a Laplace distribution over the slots (runtime/noise.ts), P(|e| > k sigma) = exp(-sqrt(2) k),
 * and one element in a thousand runs may be beyond.
 */
export const deviations = (count: number): number => Math.max(6, Math.log(1000 * count) / Math.SQRT2);

type Surroundings = {
	readonly circuit: CkksCircuit;
	/** Error variance of the real part of every slot of a value, in units of the message. */
	readonly variance: (id: Id) => Float64Array;
	readonly value: (id: Id) => Float64Array;
	readonly scale: (id: Id) => number;
	/** The variance that one key switching adds in every slot, in units of the ciphertext. */
	readonly keySwitch: (level: number) => Float64Array;
	/** A vector of any contents for a result. */
	readonly make: () => Float64Array;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, around: Surroundings) => Float64Array };

const ringDegreeOf = ({ circuit }: Surroundings): number => circuit.parameters.ringDegree;

/** Errors of one value added to itself are the same error twice; of two values, independent. */
const sum = (op: Op<'add'> | Op<'subtract'>, { variance, make }: Surroundings): Float64Array =>
	op.a === op.b ? scaled(variance(op.a), 4, 0, make()) : add(variance(op.a), variance(op.b), make());

/** y = before + (the variance of one key switching); y may be `before`. */
const switched = (before: Float64Array, op: Op, { keySwitch }: Surroundings, y: Float64Array): Float64Array => {
	const added = keySwitch(op.level);
	const factor = 1 / op.scale ** 2;
	for (let t = 0; t < y.length; t++) y[t] = (before[t] as number) + factor * (added[t] as number);
	return y;
};

const rules: Rules = {
	input: (op, around) => around.make().fill(encryptionVariance(ringDegreeOf(around)) / op.scale ** 2),
	rotate: (op, around) => {
		const y = rotated(around.variance(op.a), op.steps, around.make());
		return switched(y, op, around, y);
	},
	add: sum,
	subtract: sum,
	negate: (op, { variance }) => variance(op.a),
	addPlain: (op, around) =>
		scaled(around.variance(op.a), 1, encodingVariance(ringDegreeOf(around)) / op.scale ** 2, around.make()),
	multiplyPlain: (op, around) => {
		const { plain, scale } = around.circuit.constants[op.constant] as CkksCircuit['constants'][number];
		const rounding = encodingVariance(ringDegreeOf(around)) / scale ** 2;
		const values = plain === 'ones' ? undefined : constantValues(around.circuit, op.constant);
		return timesPlain(around.value(op.a), around.variance(op.a), values, rounding, around.make());
	},
	multiply: (op, { variance, value, make }) =>
		op.a === op.b
			? ofSquare(value(op.a), variance(op.a), make())
			: ofProduct(value(op.a), variance(op.a), value(op.b), variance(op.b), make()),
	combine: (op, around) => {
		const scale = op.scale / around.scale(op.terms[0] as Id);
		const [values, variances] = [op.terms.map(around.value), op.terms.map(around.variance)];
		return combinedVariance(values, variances, op.weights, scale, around.make());
	},
	relinearize: (op, around) => switched(around.variance(op.a), op, around, around.make()),
	rescale: (op, around) =>
		scaled(around.variance(op.a), 1, rescaleVariance(ringDegreeOf(around), op.size) / op.scale ** 2, around.make()),
	modSwitch: (op, { variance }) => variance(op.a),
};

// The loops below are the whole cost: numbers are read one by one, since an array to take them apart from costs more than the rest.

/** Var[(x + e)(p + r)] = p^2 var(e) + (x^2 + var(e)) var(r); without `plain`, p = 1. */
const timesPlain = (
	x: Float64Array,
	variance: Float64Array,
	plain: Float64Array | undefined,
	rounding: number,
	y: Float64Array,
): Float64Array => {
	if (plain === undefined) {
		for (let t = 0; t < y.length; t++)
			y[t] = (variance[t] as number) * (1 + rounding) + (x[t] as number) ** 2 * rounding;
		return y;
	}
	for (let t = 0; t < y.length; t++) {
		const a = x[t] as number;
		const p = plain[t] as number;
		const v = variance[t] as number;
		y[t] = p * p * v + (a * a + v) * rounding;
	}
	return y;
};

/** Sum of the variances of (x_k + e_k) c_k: the rounding of a number at its scale is known, and the same in every slot. */
const combinedVariance = (
	values: readonly Float64Array[],
	variances: readonly Float64Array[],
	weights: Float64Array,
	scale: number,
	sum: Float64Array,
): Float64Array => {
	sum.fill(0);
	values.forEach((x, k) => {
		const variance = variances[k] as Float64Array;
		const encoded = encodedNumber(weights[k] as number, scale);
		const rounding = (encoded - (weights[k] as number)) ** 2;
		for (let t = 0; t < sum.length; t++)
			sum[t] = (sum[t] as number) + encoded ** 2 * (variance[t] as number) + (x[t] as number) ** 2 * rounding;
	});
	return sum;
};

/** Mean square of (x + e)^2 - x^2 for a Gaussian e: 4 x^2 var(e) + 3 var(e)^2. */
const ofSquare = (x: Float64Array, variance: Float64Array, y: Float64Array): Float64Array => {
	for (let t = 0; t < y.length; t++) {
		const a = x[t] as number;
		const v = variance[t] as number;
		y[t] = 4 * a * a * v + 3 * v * v;
	}
	return y;
};

/** x^2 var(f) + y^2 var(e) + var(e) var(f). */
const ofProduct = (
	x: Float64Array,
	ofX: Float64Array,
	y: Float64Array,
	ofY: Float64Array,
	z: Float64Array,
): Float64Array => {
	for (let t = 0; t < z.length; t++) {
		const a = x[t] as number;
		const e = ofX[t] as number;
		const b = y[t] as number;
		const f = ofY[t] as number;
		z[t] = a * a * f + b * b * e + e * f;
	}
	return z;
};

/**
 * Propagates error variances through the circuit for one packed sample, and shows each value with its variance, per slot; with
 * `only`, these values alone, which is faster. Errors of different values are taken as independent. The vectors are used again
 * after the last reader of a value: what `visit` keeps it must copy.
 */
export const visitNoise = (
	circuit: CkksCircuit,
	inputs: PackedInputs,
	visit: (id: Id, value: Float64Array, variance: Float64Array) => void,
	only?: ReadonlySet<Id>,
): void => {
	const operands = circuit.ops.map(operandsOf);
	const { bySum, products } = only === undefined ? UNFUSED : fusionsOf(circuit, operands, only);
	const read = operands.map((direct, id) => {
		const fused = bySum.get(id);
		if (fused !== undefined) return [fused.other, fused.product.a];
		return products.has(id) ? [] : direct;
	});
	const last = lastUses(read);
	const pool = new VectorPool(circuit.slots);
	const make = (): Float64Array => pool.make();
	const values: (Float64Array | undefined)[] = [];
	const variances: (Float64Array | undefined)[] = [];
	const at = (id: Id): Float64Array => values[id] as Float64Array;
	const variance = (id: Id): Float64Array => variances[id] as Float64Array;
	const scale = (id: Id): number => (circuit.ops[id] as Op).scale;
	const around: Surroundings = { circuit, variance, value: at, scale, keySwitch: keySwitchNoise(circuit), make };
	const drop = (id: Id): void => {
		pool.release(at(id));
		pool.release(variance(id));
		values[id] = undefined;
		variances[id] = undefined;
	};
	circuit.ops.forEach((op, id) => {
		if (products.has(id)) return;
		const fused = bySum.get(id);
		// The sum may take the place of what ends with it.
		const target = (operand: Id, vector: Float64Array): Float64Array =>
			last[operand] === id && operand !== fused?.product.a && pool.isOwned(vector) ? vector : make();
		if (fused === undefined) {
			values[id] = pool.hold(evaluateOp(op, { at, circuit, inputs, make }));
			variances[id] = pool.hold((rules[op.kind] as (op: Op, around: Surroundings) => Float64Array)(op, around));
		} else {
			const sums = [target(fused.other, at(fused.other)), target(fused.other, variance(fused.other))] as const;
			addProduct(fused, around, ...sums);
			values[id] = pool.hold(sums[0]);
			variances[id] = pool.hold(sums[1]);
		}
		if (only?.has(id) ?? true) visit(id, at(id), variance(id));
		for (const operand of new Set(read[id])) if (last[operand] === id) drop(operand);
		if (last[id] === id) drop(id);
	});
};

/** value = other + x p and its variance, in one loop. */
const addProduct = (
	{ product, other }: Fusion,
	around: Surroundings,
	value: Float64Array,
	variance: Float64Array,
): void => {
	const { circuit } = around;
	const { scale } = circuit.constants[product.constant] as CkksCircuit['constants'][number];
	const rounding = encodingVariance(circuit.parameters.ringDegree) / scale ** 2;
	const plain = constantValues(circuit, product.constant);
	const [x, ofX] = [around.value(product.a), around.variance(product.a)];
	const [y, ofY] = [around.value(other), around.variance(other)];
	for (let t = 0; t < value.length; t++) {
		const a = x[t] as number;
		const p = plain[t] as number;
		const v = ofX[t] as number;
		value[t] = (y[t] as number) + a * p;
		variance[t] = (ofY[t] as number) + p * p * v + (a * a + v) * rounding;
	}
};

/** The variance that one key switching adds in each virtual slot, the worst of its real slots, by level. */
const keySwitchNoise = (circuit: CkksCircuit): ((level: number) => Float64Array) => {
	const { slots, parameters } = circuit;
	const { ringDegree, primes, specialPrime } = parameters;
	const profile = switchingProfile(ringDegree, slots);
	const byLevel = new Map<number, Float64Array>();
	return (level) => {
		const known = byLevel.get(level);
		if (known !== undefined) return known;
		const spread = keySwitchSpreadVariance(ringDegree, primes, level, specialPrime);
		const variance = scaled(profile, keySwitchBiasVariance(ringDegree, primes, level, specialPrime, 1), spread);
		byLevel.set(level, variance);
		return variance;
	};
};

/**
 * The bias of key switching in each virtual slot relative to that of exponent 1, the largest: profile[t] * bias(1) = bias of t.
 * Of the real slots of a virtual one the worst counts.
 */
export const switchingProfile = (ringDegree: number, slots: number): Float64Array => {
	const bias = (exponent: number): number => keySwitchBiasVariance(ringDegree, [1], 0, 1, exponent);
	const most = bias(1);
	return Float64Array.from(worstExponents(ringDegree, slots), (exponent) => bias(exponent) / most);
};

/** For each virtual slot the exponent nearest to 0 modulo 2N among its real slots: there the bias is largest. */
const worstExponents = (ringDegree: number, slots: number): Int32Array => {
	const exponents = slotExponents(ringDegree);
	const batch = exponents.length / slots;
	const distance = (exponent: number): number => Math.min(exponent, 2 * ringDegree - exponent);
	return Int32Array.from({ length: slots }, (_, t) =>
		exponents.subarray(t * batch, (t + 1) * batch).reduce((a, b) => (distance(a) < distance(b) ? a : b)),
	);
};
