/** Samples to calibrate a case with, of which it has only one. */
import type { Samples } from '../../compiler/index.ts';
import { randomNumbers } from '../../test/support/onnx.ts';

const SAMPLES = 64;
/** Of large inputs there are fewer, so many numbers in all, but 8 at least: every degree that is tried is evaluated on all of them. */
const MOST_NUMBERS = 2 ** 20;
const LEAST_SAMPLES = 8;
/** Where all values of an input are equal, those of its samples lie between this part of it and all of it. */
const LEAST_PART = 0.9;

/**
 * Samples of each input, with nothing between inputs that belong together. The first holds the values of the case, odd ones the
 * same values in another order, and the other ones values drawn from their distribution: sorted as v_0 <= ... <= v_(n-1),
 * each is v_k + t (v_(k+1) - v_k) with k and t uniform. So no sample leaves the range of the case's values, and what the operator
 * gives for them is as large as in the case, or larger where the order matters.
 */
export const calibrationOf = (inputs: ReadonlyMap<string, Float64Array>): Samples =>
	new Map([...inputs].map(([name, values], i) => [name, samplesOf(values, countOf(inputs), 1 + i * SAMPLES)]));

const countOf = (inputs: ReadonlyMap<string, Float64Array>): number => {
	const largest = Math.max(1, ...[...inputs.values()].map(({ length }) => length));
	return Math.max(LEAST_SAMPLES, Math.min(SAMPLES, Math.floor(MOST_NUMBERS / largest)));
};

const samplesOf = (values: Float64Array, count: number, seed: number): readonly Float64Array[] => {
	const sorted = values.toSorted();
	return Array.from({ length: count }, (_, k) => {
		if (k === 0) return values;
		return k % 2 === 1 ? shuffled(values, seed + k) : drawn(sorted, seed + k);
	});
};

/** In another order: the generator's numbers, sorted, say which. */
const shuffled = (values: Float64Array, seed: number): Float64Array => {
	const keys = randomNumbers(seed, values.length);
	const order = Array.from(keys, (_, i) => i).sort((a, b) => (keys[a] as number) - (keys[b] as number));
	return Float64Array.from(order, (i) => values[i] as number);
};

const drawn = (sorted: Float64Array, seed: number): Float64Array => {
	const least = sorted[0] ?? 0;
	const steps = sorted.length - 1;
	return randomNumbers(seed, sorted.length, 0, 1).map((u) => {
		if (least === sorted[steps]) return least * (LEAST_PART + (1 - LEAST_PART) * u);
		const k = Math.min(steps - 1, Math.floor(u * steps));
		const [from, to] = [sorted[k] as number, sorted[k + 1] as number];
		return from + (u * steps - k) * (to - from);
	});
};
