import type { BodyKind, Graph, Id, Node } from '../graph.ts';
import { type Fitted, fitInterval, type IntervalOptions } from '../passes/fits.ts';
import { type Bounds, boundsOf, hull, type Interval } from '../ranges.ts';
import { polynomialOf } from './replay.ts';

export type BoundsOptions = IntervalOptions & {
	/** Bounds of the body's inputs by name. */
	readonly inputs: ReadonlyMap<string, Bounds>;
};

/**
 * Without samples: every activation's interval by interval arithmetic through the polynomials before it, and the near-minimax
 * polynomial there. Errors: 'range' (see fitInterval).
 */
export const fitsFromBounds = (
	graph: Graph<BodyKind>,
	options: BoundsOptions,
	warnings: string[],
): ReadonlyMap<Id, Fitted> => {
	const fits = new Map<Id, Fitted>();
	const bounds: Bounds[] = [];
	graph.nodes.forEach((original, id) => {
		let node: Node<BodyKind> = original;
		if (original.kind === 'activation') {
			const fitted = fitInterval(original, hull(bounds[original.x] as Bounds), options, warnings);
			fits.set(id, fitted);
			node = polynomialOf(original, fitted);
		}
		bounds.push(boundsOf(node, (x) => bounds[x] as Bounds, options.inputs));
	});
	return fits;
};

/** What interval arithmetic gives for the operand of every activation and window of the exact model: no input within its bounds can leave it. None without bounds. */
export const safeRanges = (graph: Graph<BodyKind>, inputs: ReadonlyMap<string, Bounds>): ReadonlyMap<Id, Interval> => {
	const bounds: Bounds[] = [];
	const ranges = new Map<Id, Interval>();
	if (graph.nodes.some((node) => node.kind === 'input' && !inputs.has(node.name))) return ranges;
	graph.nodes.forEach((node, id) => {
		if (node.kind === 'activation' || node.kind === 'pooled') ranges.set(id, hull(bounds[node.x] as Bounds));
		bounds.push(boundsOf(node, (x) => bounds[x] as Bounds, inputs));
	});
	return ranges;
};
