import {
	encodingVariance,
	encryptionVariance,
	keySwitchBiasVariance,
	keySwitchSpreadVariance,
	rescaleVariance,
} from '../../runtime/noise.ts';
import type { CkksParameters } from '../../runtime/plan.ts';
import { InternalError } from '../errors.ts';
import type { TargetBackend } from '../options.ts';
import { remembered } from '../remembered.ts';
import { operandsOf, type SlotCircuit } from '../slots/circuit.ts';
import type { Chain, Demand } from './chain.ts';
import { type CkksCircuit, type Kind, type Op, sameScale } from './circuit.ts';
import { estimateMilliseconds } from './cost.ts';
import type { Edges, Gains } from './gains.ts';
import { lower, type Rotations } from './lower.ts';

/**
 * What lowering makes of a slot circuit, whatever the sizes of the scales: chains that rescale at the same depths give the same
 * operations. These fall into few classes whose members add the same error and hold their values at the same scale and level,
 * so that a chain is judged by numbers of its classes instead of by a circuit.
 */
export type Shape = {
	/** Lowered with one of the chains, with one base prime. */
	readonly circuit: CkksCircuit;
	readonly classes: readonly OpClass[];
	/** The class of each operation. */
	readonly classOf: Int32Array;
};

export type OpClass = {
	readonly kind: Kind;
	/** Places of the result's scale, and of the operand's where a constant makes up the difference, among the chain's `scalesOf`. */
	readonly scale: number;
	readonly operandScale: number;
	/** With one base prime. */
	readonly level: number;
	readonly size: 2 | 3;
};

/** All scales of a chain: settled by depth, then pending by depth. */
export const scalesOf = ({ settled, pending }: Pick<Chain, 'settled' | 'pending'>): readonly number[] => [
	...settled,
	...pending,
];

/** Chains of one pattern lower to the same shape: they rescale at the same depths, and the same of their scales are equal. */
export const patternOf = (chain: Chain): string => {
	const scales = scalesOf(chain);
	const firsts = scales.map((scale) => scales.findIndex((other) => sameScale(scale, other)));
	return `${chain.rescaled.map(Number).join('')} ${firsts.join(' ')}`;
};

export const shapeOf = (slots: SlotCircuit, demand: Demand, chain: Chain, rotations: Rotations): Shape => {
	const circuit = lower(slots, demand, chain, rotations);
	const places = new Map<number, number>();
	const placeOf = ({ scale }: Op): number =>
		remembered(places, scale, () => {
			const place = scalesOf(chain).findIndex((other) => sameScale(scale, other));
			if (place < 0) throw new InternalError('ckks lowering', `${scale} is no scale of the chain`);
			return place;
		});
	const classes: OpClass[] = [];
	const known = new Map<string, number>();
	const classOf = Int32Array.from(circuit.ops, (op) => {
		const operand = circuit.ops[operandsOf(op)[0] ?? -1];
		const [scale, operandScale] = [placeOf(op), operand === undefined ? 0 : placeOf(operand)];
		const key = `${op.kind} ${scale} ${operandScale} ${op.level} ${op.size}`;
		const own: OpClass = { kind: op.kind, scale, operandScale, level: op.level, size: op.size };
		return remembered(known, key, () => classes.push(own) - 1);
	});
	return { circuit, classes, classOf };
};

/** Predicted time with that many more base primes than one. */
export const millisecondsOf = ({ circuit }: Shape, moreBases: number, backend: TargetBackend): number =>
	estimateMilliseconds(
		{ ...circuit, ops: circuit.ops.map((op) => ({ ...op, level: op.level + moreBases })) },
		true,
		backend,
	);

/** What the errors that a class of operations adds weigh at the outputs, in the three ways of `Gains`. */
export type ClassGains = {
	readonly even: Float64Array;
	readonly biased: Float64Array;
	readonly rounding: Float64Array;
};

/** Gains of the operations of a shape, from those of the slot circuit's edges: forms of one value share its readers out. */
export const classGains = ({ circuit, classes, classOf }: Shape, edges: Edges, gains: Gains): ClassGains => {
	const { ops } = circuit;
	const even = new Float64Array(ops.length);
	const biased = new Float64Array(ops.length);
	const give = (id: number, more: number, moreBiased: number): void => {
		even[id] = (even[id] as number) + more;
		biased[id] = (biased[id] as number) + moreBiased;
	};
	for (const { parts } of circuit.outputs)
		for (const id of parts) {
			const sums = gains.outputs.get((ops[id] as Op).slot);
			if (sums !== undefined) give(id, ...sums);
		}
	const sums: ClassGains = {
		even: new Float64Array(classes.length),
		biased: new Float64Array(classes.length),
		rounding: new Float64Array(classes.length),
	};
	for (let id = ops.length - 1; id >= 0; id--) {
		const op = ops[id] as Op;
		const own = classOf[id] as number;
		sums.even[own] = (sums.even[own] as number) + (even[id] as number);
		sums.biased[own] = (sums.biased[own] as number) + (biased[id] as number);
		const positions = edgesIn(circuit, op, edges);
		if (positions === undefined) {
			for (const operand of operandsOf(op)) give(operand, even[id] as number, biased[id] as number);
			if (op.kind === 'multiplyPlain')
				sums.rounding[own] = (sums.rounding[own] as number) + (even[id] as number) * (gains.squares[op.slot] as number);
			continue;
		}
		operandsOf(op).forEach((operand, k) => {
			const edge = positions[k] as number;
			give(operand, gains.even[edge] as number, gains.biased[edge] as number);
			sums.rounding[own] = (sums.rounding[own] as number) + (gains.rounding[edge] as number);
		});
	}
	return sums;
};

/** The slot circuit's edges of an operation's operands; undefined for an operation that only changes the form of its value. */
const edgesIn = ({ ops }: CkksCircuit, op: Op, { operands, start }: Edges): readonly number[] | undefined => {
	const read = operands[op.slot] ?? [];
	const first = start[op.slot] as number;
	const own = operandsOf(op).map((operand) => (ops[operand] as Op).slot);
	if (own.some((slot) => slot === op.slot)) return undefined;
	if (op.kind !== 'combine') return own.map((_, k) => first + k);
	const positions = new Map(read.map((slot, k) => [slot, first + k]));
	return own.map((slot) => positions.get(slot) as number);
};

/** One class among the parameters: its scales, its level with all base primes, and what its errors weigh. */
type Adding = {
	readonly parameters: CkksParameters;
	readonly scale: number;
	/** Scale of the constants. */
	readonly constant: number;
	readonly level: number;
	readonly size: 2 | 3;
	readonly even: number;
	readonly biased: number;
	readonly rounding: number;
};

const nothing = (): number => 0;

const byKeySwitching = ({ parameters, scale, level, even, biased }: Adding): number => {
	const { ringDegree, primes, specialPrime } = parameters;
	const spread = keySwitchSpreadVariance(ringDegree, primes, level, specialPrime);
	const bias = keySwitchBiasVariance(ringDegree, primes, level, specialPrime, 1);
	return (even * spread + biased * bias) / scale ** 2;
};

/** The variance that a class of operations adds to the weighed outputs: the rules of noise.ts without what is of second order. */
const added: { readonly [K in Kind]: (adding: Adding) => number } = {
	input: ({ parameters, scale, even }) => (even * encryptionVariance(parameters.ringDegree)) / scale ** 2,
	rotate: byKeySwitching,
	relinearize: byKeySwitching,
	rescale: ({ parameters, scale, size, even }) => (even * rescaleVariance(parameters.ringDegree, size)) / scale ** 2,
	addPlain: ({ parameters, scale, even }) => (even * encodingVariance(parameters.ringDegree)) / scale ** 2,
	multiplyPlain: ({ parameters, constant, rounding }) =>
		(rounding * encodingVariance(parameters.ringDegree)) / constant ** 2,
	// A number is rounded to a multiple of 1 / constant: 1/12 in the mean.
	combine: ({ constant, rounding }) => rounding / 12 / constant ** 2,
	add: nothing,
	subtract: nothing,
	negate: nothing,
	multiply: nothing,
	modSwitch: nothing,
};

/** The variance at the outputs, as weighed by the gains, to first order. `moreBases`: base primes beyond the first. */
export const varianceOf = (
	{ classes }: Shape,
	gains: ClassGains,
	scales: readonly number[],
	parameters: CkksParameters,
	moreBases: number,
): number => {
	let sum = 0;
	classes.forEach(({ kind, scale: place, operandScale, level, size }, index) => {
		const scale = scales[place] as number;
		sum += added[kind]({
			parameters,
			scale,
			constant: scale / (scales[operandScale] as number),
			level: level + moreBases,
			size,
			even: gains.even[index] as number,
			biased: gains.biased[index] as number,
			rounding: gains.rounding[index] as number,
		});
	});
	return sum;
};

/** The smallest scale of a constant that multiplies: SEAL refuses any below 1. */
export const smallestConstant = ({ classes }: Shape, scales: readonly number[]): number =>
	classes.reduce(
		(least, { kind, scale, operandScale }) =>
			kind === 'multiplyPlain' || kind === 'combine'
				? Math.min(least, (scales[scale] as number) / (scales[operandScale] as number))
				: least,
		Number.POSITIVE_INFINITY,
	);

/** Bits that the base primes must have so that no value leaves its modulus: |scale * value| < Q / 2 at every level. */
export const baseDemand = ({ classes }: Shape, largest: Float64Array, chain: Chain, spareBits: number): number => {
	const above: number[] = [];
	for (const prime of chain.parameters.primes)
		above.push(above.length === 0 ? 0 : (above.at(-1) as number) + Math.log2(prime));
	const scales = scalesOf(chain);
	return classes.reduce((bits, { scale, level }, index) => {
		// At least 1: SEAL refuses a scale beyond the modulus, however small the value.
		const needed =
			Math.log2(Math.max(largest[index] as number, 1)) + Math.log2(scales[scale] as number) + 1 + spareBits;
		return Math.max(bits, needed - (above[level] as number));
	}, 0);
};

/** The largest |slot| of the values of each class. */
export const largestOf = ({ circuit, classes, classOf }: Shape, magnitudes: Float64Array): Float64Array => {
	const largest = new Float64Array(classes.length);
	circuit.ops.forEach((op, id) => {
		const own = classOf[id] as number;
		largest[own] = Math.max(largest[own] as number, magnitudes[op.slot] as number);
	});
	return largest;
};
