import type { Samples } from '../../options.ts';
import type { OutputSamples } from '../agreement.ts';
import { countOf } from '../calibrate.ts';
import { evaluateNode } from '../evaluate.ts';
import { type BodyKind, type Graph, type Id, type Node, operandsOf, sizeOf } from '../graph.ts';

/** One row-major array for each sample. */
export type Rows = readonly Float64Array[];

/** What the model itself makes of the calibration samples: every value, by node. */
export type Exact = { readonly samples: Samples; readonly count: number; readonly rows: readonly Rows[] };

/** Multiplications that one evaluation of all samples may cost: while ways of replacing functions are searched, and of the one that is taken. */
export const SEARCH_WORK = 3e8;
export const FINAL_WORK = 1e9;
/** Numbers that it may leave. */
const MOST_NUMBERS = 5e7;
const LEAST_SAMPLES = 64;

/** Every k-th sample, so that one evaluation of all stays within so much work and MOST_NUMBERS; at least 64 stay. */
export const thinned = (graph: Graph<BodyKind>, samples: Samples, most: number): Samples => {
	let [work, numbers] = [0, 0];
	for (const node of graph.nodes) {
		numbers += sizeOf(node.shape);
		work += sizeOf(node.shape);
		if (node.kind === 'affine') for (const { matrix } of node.terms) work += matrix.values.length;
	}
	const kept = Math.max(LEAST_SAMPLES, Math.floor(Math.min(most / work, MOST_NUMBERS / numbers)));
	const step = Math.ceil(countOf(samples) / kept);
	return new Map([...samples].map(([name, values]) => [name, values.filter((_, i) => i % step === 0)]));
};

/** One node on every sample. */
export const rowsOf = (node: Node, samples: Samples, at: (id: Id) => Rows): Rows => {
	const operands = new Map(operandsOf(node).map((x) => [x, at(x)]));
	return Array.from({ length: countOf(samples) }, (_, i) =>
		evaluateNode(node, {
			value: (x) => operands.get(x)?.[i] as Float64Array,
			input: (name) => samples.get(name)?.[i],
		}),
	);
};

/** The graph on every sample. Memory: all values at once, 8 bytes each. */
export const exactOn = (graph: Graph<BodyKind>, samples: Samples): Exact => {
	const rows: Rows[] = [];
	for (const node of graph.nodes) rows.push(rowsOf(node, samples, (id) => rows[id] as Rows));
	return { samples, count: countOf(samples), rows };
};

/** The values of the graph's outputs, of some of the samples. */
export const outputRows = (graph: Graph, at: (id: Id) => Rows, part: readonly number[]): OutputSamples =>
	new Map(graph.outputs.map(({ name, id }) => [name, pick(at(id), part)]));

export const pick = (rows: Rows, part: readonly number[]): Rows => part.map((i) => rows[i] as Float64Array);
