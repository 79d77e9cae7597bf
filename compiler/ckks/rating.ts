import type { Id } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import type { CkksCircuit } from './circuit.ts';
import { deviations, visitNoise } from './noise.ts';

/** How outputs are read. */
export type Reading = {
	/** Slots of each output that are read, by name and part: non-negative where an element is. */
	readonly read: ReadonlyMap<string, readonly Int32Array[]>;
	/** The largest |element| of each output over the samples: what errors are relative to. */
	readonly outputMagnitudes: ReadonlyMap<string, number>;
	/** Samples in one ciphertext: a bound must hold for all of them, and errors spread over the slots. */
	readonly batch: number;
};

export type OutputNoise = { readonly name: string; readonly error: number; readonly magnitude: number };
/** Predicted bound of the absolute error of each output; `bits` of the least precise: log2(magnitude / error). */
export type Rating = { readonly outputs: readonly OutputNoise[]; readonly bits: number; readonly worst: Place };
/** A slot of an output, `variance` of its error. */
export type Place = {
	readonly output: number;
	readonly part: number;
	readonly slot: number;
	readonly variance: number;
};

/** The predicted error of every output on one sample: the worst slot that is read. */
export const rated = (circuit: CkksCircuit, sample: PackedInputs, reading: Reading): Rating => {
	const parts = partsOf(circuit, reading);
	const errors = circuit.outputs.map(() => 0);
	const places = circuit.outputs.map((_, output): Place => ({ output, part: 0, slot: 0, variance: 0 }));
	const worst = (id: Id, _: Float64Array, variances: Float64Array): void => {
		// No number compares with NaN: it would hide among others.
		const variance = variances.some(Number.isNaN)
			? variances.map((v) => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v))
			: variances;
		for (const { output, part, slots } of parts.get(id) ?? []) {
			const slot = slots.reduce((a, t) => ((variance[t] as number) > (variance[a] as number) ? t : a), slots[0] ?? 0);
			const error = deviations(slots.length * reading.batch) * Math.sqrt(variance[slot] as number);
			if (slots.length === 0 || error <= (errors[output] as number)) continue;
			errors[output] = error;
			places[output] = { output, part, slot, variance: variance[slot] as number };
		}
	};
	visitNoise(circuit, sample, worst, new Set(parts.keys()));
	const outputs = circuit.outputs.map(({ name }, output) => ({
		name,
		error: errors[output] as number,
		magnitude: reading.outputMagnitudes.get(name) ?? 0,
	}));
	const bits = outputs.map(precisionOf);
	const least = Math.min(...bits);
	return { outputs, bits: least, worst: places[bits.indexOf(least)] as Place };
};

/** The worst of several ratings of one circuit, output by output. */
export const worstOf = (ratings: readonly Rating[]): Pick<Rating, 'outputs' | 'bits'> => {
	const [first] = ratings;
	const outputs = (first?.outputs ?? []).map((output, k) => ({
		...output,
		error: Math.max(...ratings.map(({ outputs }) => outputs[k]?.error ?? 0)),
	}));
	return { outputs, bits: Math.min(...ratings.map(({ bits }) => bits)) };
};

/** Noise that overflows is no number, and leaves nothing. */
const precisionOf = ({ error, magnitude }: OutputNoise): number =>
	Number.isFinite(error)
		? Math.log2(Math.max(magnitude, SMALLEST_OUTPUT) / Math.max(error, Number.MIN_VALUE))
		: Number.NEGATIVE_INFINITY;

/** Outputs that are (nearly) zero on all samples are held to this absolute precision instead. */
const SMALLEST_OUTPUT = 2 ** -10;

/** What a variance in a slot of an output weighs, so that the sum is (error bound / magnitude)^2. */
export const weightOf = (name: string, read: number, { outputMagnitudes, batch }: Reading): number =>
	(deviations(read * batch) / Math.max(outputMagnitudes.get(name) ?? 0, SMALLEST_OUTPUT)) ** 2;

type Outputs = Pick<CkksCircuit, 'outputs'>;
type ReadPart = { readonly output: number; readonly part: number; readonly slots: readonly number[] };

/** Which values are parts of outputs, and the slots of them that are read; of the slot circuit or of the CKKS circuit. */
export const partsOf = ({ outputs }: Outputs, { read }: Reading): ReadonlyMap<Id, readonly ReadPart[]> => {
	const found = new Map<Id, ReadPart[]>();
	outputs.forEach(({ name, parts }, output) => {
		parts.forEach((id, part) => {
			const elements = read.get(name)?.[part] ?? new Int32Array();
			const slots = [...elements.keys()].filter((t) => (elements[t] as number) >= 0);
			found.set(id, [...(found.get(id) ?? []), { output, part, slots }]);
		});
	});
	return found;
};
