import {
	encodingVariance,
	encryptionVariance,
	keySwitchVariance,
	rescaleVariance,
	slotExponents,
} from '../../runtime/noise.ts';
import { add, rotated, scaled } from '../numeric/vectors.ts';
import { lastUses, operandsOf } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import type { CkksCircuit, Id, Kind, Op } from './circuit.ts';
import { constantValues, evaluateOp } from './evaluate.ts';

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
	/** The variance that one key switching adds in every slot, in units of the ciphertext. */
	readonly keySwitch: (level: number) => Float64Array;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, around: Surroundings) => Float64Array };

const ringDegreeOf = ({ circuit }: Surroundings): number => circuit.parameters.ringDegree;

/** Errors of one value added to itself are the same error twice; of two values, independent. */
const sum = (op: Op<'add'> | Op<'subtract'>, { variance }: Surroundings): Float64Array =>
	op.a === op.b ? scaled(variance(op.a), 4) : add(variance(op.a), variance(op.b));

const switched = (before: Float64Array, op: Op, { keySwitch }: Surroundings): Float64Array =>
	add(before, scaled(keySwitch(op.level), 1 / op.scale ** 2));

const rules: Rules = {
	input: (op, around) =>
		new Float64Array(around.circuit.slots).fill(encryptionVariance(ringDegreeOf(around)) / op.scale ** 2),
	rotate: (op, around) => switched(rotated(around.variance(op.a), op.steps), op, around),
	add: sum,
	subtract: sum,
	negate: (op, { variance }) => variance(op.a),
	addPlain: (op, around) => scaled(around.variance(op.a), 1, encodingVariance(ringDegreeOf(around)) / op.scale ** 2),
	multiplyPlain: (op, around) => {
		const { scale } = around.circuit.constants[op.constant] as CkksCircuit['constants'][number];
		const rounding = encodingVariance(ringDegreeOf(around)) / scale ** 2;
		return timesPlain(around.value(op.a), around.variance(op.a), constantValues(around.circuit, op.constant), rounding);
	},
	multiply: (op, { variance, value }) =>
		op.a === op.b
			? ofSquare(value(op.a), variance(op.a))
			: ofProduct(value(op.a), variance(op.a), value(op.b), variance(op.b)),
	relinearize: (op, around) => switched(around.variance(op.a), op, around),
	rescale: (op, around) =>
		scaled(around.variance(op.a), 1, rescaleVariance(ringDegreeOf(around), op.size) / op.scale ** 2),
	modSwitch: (op, { variance }) => variance(op.a),
};

/** Var[(x + e)(p + r)] = p^2 var(e) + (x^2 + var(e)) var(r). */
const timesPlain = (x: Float64Array, variance: Float64Array, plain: Float64Array, rounding: number): Float64Array => {
	const y = new Float64Array(x.length);
	for (let t = 0; t < y.length; t++) {
		const [a, p, v] = [x[t] as number, plain[t] as number, variance[t] as number];
		y[t] = p * p * v + (a * a + v) * rounding;
	}
	return y;
};

/** Mean square of (x + e)^2 - x^2 for a Gaussian e: 4 x^2 var(e) + 3 var(e)^2. */
const ofSquare = (x: Float64Array, variance: Float64Array): Float64Array => {
	const y = new Float64Array(x.length);
	for (let t = 0; t < y.length; t++) {
		const [a, v] = [x[t] as number, variance[t] as number];
		y[t] = 4 * a * a * v + 3 * v * v;
	}
	return y;
};

/** x^2 var(f) + y^2 var(e) + var(e) var(f). */
const ofProduct = (x: Float64Array, ofX: Float64Array, y: Float64Array, ofY: Float64Array): Float64Array => {
	const z = new Float64Array(x.length);
	for (let t = 0; t < z.length; t++) {
		const [a, e, b, f] = [x[t] as number, ofX[t] as number, y[t] as number, ofY[t] as number];
		z[t] = a * a * f + b * b * e + e * f;
	}
	return z;
};

/**
 * Propagates error variances through the circuit for one packed sample, and shows each value with its variance, per slot.
 * Errors of different values are taken as independent. Both are dropped after their last reader.
 */
export const visitNoise = (
	circuit: CkksCircuit,
	inputs: PackedInputs,
	visit: (id: Id, value: Float64Array, variance: Float64Array) => void,
): void => {
	const last = lastUses(circuit.ops.map(operandsOf));
	const values: (Float64Array | undefined)[] = [];
	const variances: (Float64Array | undefined)[] = [];
	const at = (id: Id): Float64Array => values[id] as Float64Array;
	const variance = (id: Id): Float64Array => variances[id] as Float64Array;
	const around: Surroundings = { circuit, variance, value: at, keySwitch: keySwitchNoise(circuit) };
	circuit.ops.forEach((op, id) => {
		const value = evaluateOp(op, { at, circuit, inputs });
		const error = (rules[op.kind] as (op: Op, around: Surroundings) => Float64Array)(op, around);
		values.push(value);
		variances.push(error);
		visit(id, value, error);
		for (const operand of operandsOf(op)) {
			if (last[operand] !== id) continue;
			values[operand] = undefined;
			variances[operand] = undefined;
		}
	});
};

/** The variance that one key switching adds in each virtual slot, the worst of its real slots, by level. */
const keySwitchNoise = (circuit: CkksCircuit): ((level: number) => Float64Array) => {
	const { slots, parameters } = circuit;
	const { ringDegree, primes, specialPrime } = parameters;
	const worst = worstExponents(ringDegree, slots);
	const byLevel = new Map<number, Float64Array>();
	return (level) => {
		const known = byLevel.get(level);
		if (known !== undefined) return known;
		const variance = Float64Array.from(worst, (exponent) =>
			keySwitchVariance(ringDegree, primes, level, specialPrime, exponent),
		);
		byLevel.set(level, variance);
		return variance;
	};
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
