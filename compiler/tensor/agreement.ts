import { argMax } from './evaluate.ts';
import { type Output, sizeOf } from './graph.ts';
import type { Tail } from './passes/split.ts';

/** Values of every output by name, one array a sample. */
export type OutputSamples = ReadonlyMap<string, readonly Float64Array[]>;

/** How near one computation of a model's encrypted outputs is to another. */
export type Agreement = {
	/** Part of the samples whose decisions are all equal; 1 when no output decides anything. */
	readonly decisions: number;
	/** Part of the samples whose decisions would still be equal if every difference were twice as large: how firm they are. */
	readonly firmDecisions: number;
	/** By output: rms of the difference, relative to the rms of the output about its mean. */
	readonly relativeErrors: ReadonlyMap<string, number>;
};

/**
 * The decisions an output stands for, as integers. Before softmax, logSoftmax or argMax: the largest along its axis.
 * Before a sigmoid, one element: its sign. Several elements otherwise: the largest of all. One element otherwise: none.
 */
export const decisionsOf = (output: Output, tail: Tail, values: Float64Array): number[] => {
	const along = tail.find((op) => 'axis' in op);
	if (along !== undefined && 'axis' in along && !tail.slice(0, tail.indexOf(along)).some(({ op }) => op === 'reshape'))
		return lines(values, output.shape, along.axis).map((line) => argMax(line));
	if (values.length > 1) return [argMax(values)];
	return tail.some(({ op }) => op === 'sigmoid') ? [(values[0] ?? 0) > 0 ? 1 : 0] : [];
};

/** Every line of an array of `shape` along `axis`. */
const lines = (values: Float64Array, shape: readonly number[], axis: number): Float64Array[] => {
	const length = shape[axis] ?? 1;
	const stride = sizeOf(shape.slice(axis + 1));
	return Array.from({ length: values.length / length }, (_, line) => {
		const start = Math.floor(line / stride) * length * stride + (line % stride);
		return Float64Array.from({ length }, (_, i) => values[start + i * stride] as number);
	});
};

/** Compares `other` with `exact`, sample by sample. */
export const compare = (
	outputs: readonly Output[],
	tails: ReadonlyMap<string, Tail>,
	exact: OutputSamples,
	other: OutputSamples,
): Agreement => {
	const disagreeing = new Set<number>();
	const wavering = new Set<number>();
	const relativeErrors = new Map<string, number>();
	let samples = 0;
	for (const output of outputs) {
		const tail = tails.get(output.name) ?? [];
		const [a, b] = [exact.get(output.name) ?? [], other.get(output.name) ?? []];
		samples = a.length;
		a.forEach((values, i) => {
			const ours = decisionsOf(output, tail, values);
			const differs = (other: Float64Array): boolean =>
				decisionsOf(output, tail, other).some((decision, k) => decision !== ours[k]);
			const theirs = b[i] as Float64Array;
			if (differs(theirs)) disagreeing.add(i);
			if (differs(theirs.map((v, k) => 2 * v - (values[k] as number)))) wavering.add(i);
		});
		relativeErrors.set(output.name, relativeError(a, b));
	}
	const kept = (lost: ReadonlySet<number>): number => (samples === 0 ? 1 : 1 - lost.size / samples);
	return { decisions: kept(disagreeing), firmDecisions: kept(wavering), relativeErrors };
};

/** rms(b - a) / rms(a - mean(a)); relative to rms(a) when a is constant, and 0 for a = b. */
const relativeError = (a: readonly Float64Array[], b: readonly Float64Array[]): number => {
	let [count, sum, squares, error] = [0, 0, 0, 0];
	a.forEach((values, i) => {
		values.forEach((v, k) => {
			count++;
			sum += v;
			squares += v * v;
			error += (v - (b[i]?.[k] ?? Number.NaN)) ** 2;
		});
	});
	if (error === 0) return 0;
	const variance = squares - (sum * sum) / count;
	return Math.sqrt(error / (variance > 1e-12 * squares ? variance : squares || 1));
};
