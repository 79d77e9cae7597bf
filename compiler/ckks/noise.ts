import {
	encodingVariance,
	encryptionVariance,
	keySwitchBiasVariance,
	keySwitchSpreadVariance,
	rescaleVariance,
	slotExponents,
} from '../../runtime/noise.ts';
import { rotated } from '../slots/evaluate.ts';
import { type CkksCircuit, type Id, type Kind, type Op, plainOf } from './circuit.ts';

/**
 * Standard deviations that a stated bound lies above the mean error. Noise that was multiplied by the secret has the tails
 * of a Laplace distribution over the slots (runtime/noise.ts), sums of many slots are close to Gaussian.
 */
export const BOUND_DEVIATIONS = 6;

/** The error variance of the real part of every slot of every value, in units of the message. */
export type Variances = readonly Float64Array[];

type Surroundings = {
	readonly circuit: CkksCircuit;
	/** Values of the slots, by slot value. */
	readonly slotValues: readonly Float64Array[];
	readonly variance: (id: Id) => Float64Array;
	readonly value: (id: Id) => Float64Array;
	/** Relative height of the key-switching bias in each virtual slot, and its value at exponent 1. */
	readonly keySwitch: (level: number, scale: number) => Float64Array;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, around: Surroundings) => Float64Array };

const plus = (a: Float64Array, constant: number): Float64Array => a.map((x) => x + constant);
const zip = (a: Float64Array, b: Float64Array, f: (x: number, y: number) => number): Float64Array => {
	const y = new Float64Array(a.length);
	for (let t = 0; t < a.length; t++) y[t] = f(a[t] as number, b[t] as number);
	return y;
};
/** Errors of one value added to itself are the same error twice; of two values, independent. */
const sum = (op: Op<'add'> | Op<'subtract'>, { variance }: Surroundings): Float64Array =>
	op.a === op.b ? variance(op.a).map((x) => 4 * x) : zip(variance(op.a), variance(op.b), (x, y) => x + y);

const rules: Rules = {
	input: (op, { circuit }) =>
		new Float64Array(circuit.slots).fill(encryptionVariance(circuit.parameters.ringDegree) / op.scale ** 2),
	rotate: (op, { variance, keySwitch }) =>
		zip(rotated(variance(op.a), op.steps), keySwitch(op.level, op.scale), (x, y) => x + y),
	add: sum,
	subtract: sum,
	negate: (op, { variance }) => variance(op.a),
	addPlain: (op, { circuit, variance }) =>
		plus(variance(op.a), encodingVariance(circuit.parameters.ringDegree) / op.scale ** 2),
	multiplyPlain: (op, { circuit, variance, value }) => {
		const constant = circuit.constants[op.constant] as CkksCircuit['constants'][number];
		const plain = plainOf(circuit, constant);
		const rounding = encodingVariance(circuit.parameters.ringDegree) / constant.scale ** 2;
		const [x, before] = [value(op.a), variance(op.a)];
		return plain.map(
			(p, t) => p * p * (before[t] as number) + ((x[t] as number) ** 2 + (before[t] as number)) * rounding,
		);
	},
	multiply: (op, { variance, value }) => {
		const [x, y, vx, vy] = [value(op.a), value(op.b), variance(op.a), variance(op.b)];
		if (op.a === op.b) return x.map((a, t) => 4 * a * a * (vx[t] as number) + 3 * (vx[t] as number) ** 2);
		return x.map((a, t) => {
			const [b, va, vb] = [y[t] as number, vx[t] as number, vy[t] as number];
			return a * a * vb + b * b * va + va * vb;
		});
	},
	relinearize: (op, { variance, keySwitch }) => zip(variance(op.a), keySwitch(op.level, op.scale), (x, y) => x + y),
	rescale: (op, { circuit, variance }) =>
		plus(variance(op.a), rescaleVariance(circuit.parameters.ringDegree, op.size) / op.scale ** 2),
	modSwitch: (op, { variance }) => variance(op.a),
};

/**
 * Propagates error variances through the circuit for one sample, whose slot values are given by slot id. Errors of
 * different values are taken as independent. Cost: a few float64 operations per slot and value.
 */
export const noiseOf = (circuit: CkksCircuit, slotValues: readonly Float64Array[]): Variances => {
	const variances: Float64Array[] = [];
	const around: Surroundings = {
		circuit,
		slotValues,
		variance: (id) => variances[id] as Float64Array,
		value: (id) => slotValues[(circuit.ops[id] as Op).slot] as Float64Array,
		keySwitch: keySwitchNoise(circuit),
	};
	for (const op of circuit.ops) {
		const rule = rules[op.kind] as (op: Op, around: Surroundings) => Float64Array;
		variances.push(rule(op, around));
	}
	return variances;
};

/** The variance that one key switching adds in each virtual slot, the worst of its real slots; by level and scale. */
const keySwitchNoise = (circuit: CkksCircuit): ((level: number, scale: number) => Float64Array) => {
	const { slots, parameters } = circuit;
	const { ringDegree, primes, specialPrime } = parameters;
	const batch = ringDegree / 2 / slots;
	const exponents = slotExponents(ringDegree);
	const worst = Int32Array.from({ length: slots }, (_, t) =>
		exponents
			.subarray(t * batch, (t + 1) * batch)
			.reduce((a, b) => (nearness(a, ringDegree) < nearness(b, ringDegree) ? a : b)),
	);
	const byLevel = new Map<number, Float64Array>();
	return (level, scale) => {
		let variance = byLevel.get(level);
		if (variance === undefined) {
			const spread = keySwitchSpreadVariance(ringDegree, primes, level, specialPrime);
			variance = Float64Array.from(
				worst,
				(e) => spread + keySwitchBiasVariance(ringDegree, primes, level, specialPrime, e),
			);
			byLevel.set(level, variance);
		}
		return variance.map((x) => x / scale ** 2);
	};
};

/** Distance of the exponent from 0 modulo 2N: the bias is largest where it is smallest. */
const nearness = (exponent: number, ringDegree: number): number => Math.min(exponent, 2 * ringDegree - exponent);
