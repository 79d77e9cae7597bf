import { argMax } from './evaluate.ts';
import { type Graph, type Node, nodeAt, type Output, type Shape, sizeOf } from './graph.ts';
import type { Tail } from './passes/split.ts';
import { nonZeros } from './sparse.ts';

/** Values of every output by name, one array a sample. */
export type OutputSamples = ReadonlyMap<string, readonly Float64Array[]>;

/** How near one computation of a model's encrypted outputs is to another. */
export type Agreement = {
	/** Part of the samples whose decisions are all equal; 1 when no output decides anything. */
	readonly decisions: number;
	/** By output: rms of the difference, relative to the rms of the output about its mean. */
	readonly relativeErrors: ReadonlyMap<string, number>;
};

/**
 * What an output decides by, line by line; none when it is a value. Before what compares along an axis (softmax, argMax,
 * shares and the like): the lines there. Before a sigmoid, one element: itself and 0. Without a tail, scores: all of them.
 */
const contestsOf = ({ nodes }: Graph, output: Output, tail: Tail, values: Float64Array): readonly Float64Array[] => {
	let { shape } = output;
	for (const op of tail) {
		if ('axis' in op) return lines(values, shape, op.axis);
		if (op.op === 'reshape') shape = op.shape;
		else if (op.op === 'sigmoid' && values.length === 1) return [Float64Array.of(0, values[0] ?? 0)];
		else if (op.op !== 'sigmoid') return [];
	}
	return tail.length === 0 && isScores(nodeAt(nodes, output.id), output.shape) ? [values] : [];
};

/** The decisions an output stands for, as integers; none when it is a value. */
export const decisionsOf = (graph: Graph, output: Output, tail: Tail, values: Float64Array): number[] =>
	contestsOf(graph, output, tail, values).map((line) => argMax(line));

/**
 * Part of the samples whose decisions are expected to differ, were errors independent of margins: how often the error of one
 * sample, of the difference between its two largest scores, exceeds the margin between those of another. On n samples
 * that are n^2 pairs, so it tells rates far below 1 / n, which counting flips cannot. With `scale`, of errors so many times as large.
 */
export const expectedFlips = (
	graph: Graph,
	tails: ReadonlyMap<string, Tail>,
	exact: OutputSamples,
	other: OutputSamples,
	scale = 1,
): number => {
	const total = graph.outputs.reduce((sum, output) => {
		const tail = tails.get(output.name) ?? [];
		const races = (exact.get(output.name) ?? []).flatMap((values, i) => {
			const theirs = contestsOf(graph, output, tail, other.get(output.name)?.[i] as Float64Array);
			return contestsOf(graph, output, tail, values).map((line, k) => ({
				k,
				...raceOf(line, theirs[k] as Float64Array),
			}));
		});
		return [...Map.groupBy(races, ({ k }) => k).values()].reduce((part, list) => part + exceeding(list, scale), sum);
	}, 0);
	return Math.min(1, total);
};

/** How far the largest of at least two values leads, and how much of that the other computation takes away. */
type Race = { readonly margin: number; readonly error: number };

const raceOf = (line: Float64Array, other: Float64Array): Race => {
	const first = argMax(line);
	const second = argMax(line.map((v, i) => (i === first ? Number.NEGATIVE_INFINITY : v)));
	const margin = (line[first] as number) - (line[second] as number);
	return { margin, error: margin - ((other[first] as number) - (other[second] as number)) };
};

/** Part of all pairs of races in which the error of one exceeds the margin of the other; an error that is no number exceeds all. */
const exceeding = (races: readonly Race[], scale: number): number => {
	const margins = races.map(({ margin }) => margin).sort((a, b) => a - b);
	const errors = races
		.map(({ error }) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : scale * error))
		.sort((a, b) => a - b);
	let [count, below] = [0, 0];
	for (const error of errors) {
		while (below < margins.length && (margins[below] as number) < error) below++;
		count += below;
	}
	return count / (races.length ** 2 || 1);
};

/**
 * Does a model that ends here compare classes? One vector a sample whose elements are linear in the same values, as
 * the last layer of a classifier makes them. An activation, an image, a sequence or a number is wanted for its value.
 */
const isScores = (node: Node, shape: Shape): boolean =>
	sizeOf(shape) > 1 &&
	shape.includes(sizeOf(shape)) &&
	node.kind === 'affine' &&
	node.terms.some(({ matrix }) => nonZeros(matrix) > matrix.rows);

/** Every line of an array of `shape` along `axis`. */
const lines = (values: Float64Array, shape: readonly number[], axis: number): Float64Array[] => {
	const length = shape[axis] ?? 1;
	const stride = sizeOf(shape.slice(axis + 1));
	return Array.from({ length: values.length / length }, (_, line) => {
		const start = Math.floor(line / stride) * length * stride + (line % stride);
		return Float64Array.from({ length }, (_, i) => values[start + i * stride] as number);
	});
};

/** Compares `other` with `exact`, sample by sample: values of the graph's outputs. */
export const compare = (
	graph: Graph,
	tails: ReadonlyMap<string, Tail>,
	exact: OutputSamples,
	other: OutputSamples,
): Agreement => {
	const disagreeing = new Set<number>();
	const relativeErrors = new Map<string, number>();
	let samples = 0;
	for (const output of graph.outputs) {
		const tail = tails.get(output.name) ?? [];
		const [a, b] = [exact.get(output.name) ?? [], other.get(output.name) ?? []];
		samples = a.length;
		a.forEach((values, i) => {
			const ours = decisionsOf(graph, output, tail, values);
			const theirs = decisionsOf(graph, output, tail, b[i] as Float64Array);
			if (theirs.some((decision, k) => decision !== ours[k])) disagreeing.add(i);
		});
		relativeErrors.set(output.name, relativeError(a, b));
	}
	return { decisions: samples === 0 ? 1 : 1 - disagreeing.size / samples, relativeErrors };
};

/** rms(b - a) / rms(a - mean(a)); relative to rms(a) when a is constant, and 0 for a = b. */
export const relativeError = (a: readonly Float64Array[], b: readonly Float64Array[]): number => {
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
