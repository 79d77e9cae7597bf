import { largest, subtract } from '../numeric/vectors.ts';
import type { Samples } from '../options.ts';
import { countOf, SEEN_SAMPLES, sampleAt, spread } from '../tensor/calibrate.ts';
import { evaluate } from '../tensor/evaluate.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';
import { type Bounds, hull, propagate } from '../tensor/ranges.ts';
import type { InputKnowledge } from './accepted.ts';

/** Outputs this many times larger than those of the stretched samples are reported as implausible: before they leave the modulus. */
const IMPLAUSIBLE = 1.5;

/** The largest |element| of every output over the samples. */
export const outputMagnitudes = (graph: Graph<CoreKind>, samples: Samples): ReadonlyMap<string, number> => {
	const magnitudes = new Map(graph.outputs.map(({ name }) => [name, 0]));
	for (const i of spread(countOf(samples), SEEN_SAMPLES))
		for (const [name, values] of evaluate(graph, sampleAt(samples, i)))
			magnitudes.set(name, Math.max(magnitudes.get(name) ?? 0, largest(values)));
	return magnitudes;
};

/** The largest difference of every output between two graphs of the same inputs and outputs, over the samples. */
export const outputDifferences = (a: Graph, b: Graph, samples: Samples): ReadonlyMap<string, number> => {
	const differences = new Map(a.outputs.map(({ name }) => [name, 0]));
	for (const i of spread(countOf(samples), SEEN_SAMPLES)) {
		const sample = sampleAt(samples, i);
		const theirs = evaluate(b, sample);
		for (const [name, values] of evaluate(a, sample)) {
			const difference = largest(subtract(values, theirs.get(name) ?? new Float64Array(values.length)));
			differences.set(name, Math.max(differences.get(name) ?? 0, difference));
		}
	}
	return differences;
};

/** Outputs beyond these come from values that left what the program was compiled for; the modulus holds a little more. */
export const outputLimits = (graph: Graph<CoreKind>, knowledge: InputKnowledge): ReadonlyMap<string, number> => {
	const { source, bounds, stretched } = knowledge;
	if (source === 'calibration')
		return new Map([...outputMagnitudes(graph, stretched)].map(([name, size]) => [name, IMPLAUSIBLE * size]));
	const all = propagate(graph, bounds);
	return new Map(
		graph.outputs.map(({ name, id }) => {
			const [low, high] = hull(all[id] as Bounds);
			return [name, Math.max(Math.abs(low), Math.abs(high))];
		}),
	);
};
