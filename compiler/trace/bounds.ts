import { type BodyKind, type Id, type Node, operandsOf } from '../tensor/graph.ts';
import { type Bounds, boundsOf, hull } from '../tensor/ranges.ts';

/** Kinds of nodes that intervals go through. */
const KINDS: readonly string[] = [
	'input',
	'affine',
	'multiply',
	'polynomial',
	'pooled',
	'activation',
] satisfies BodyKind[];

const isKnown = (node: Node): node is Node<BodyKind> => KINDS.includes(node.kind);

/**
 * The largest |element| of a node, by interval arithmetic from bounds of the inputs by name; undefined where that does not say. What
 * the node does not depend on is left out.
 */
export const largestOf = (nodes: readonly Node[], id: Id, inputs: ReadonlyMap<string, Bounds>): number | undefined => {
	const needed = new Set<Id>();
	const open = [id];
	for (let next = open.pop(); next !== undefined; next = open.pop()) {
		if (needed.has(next)) continue;
		needed.add(next);
		open.push(...operandsOf(nodes[next] as Node));
	}
	const known = new Map<Id, Bounds>();
	for (const next of [...needed].sort((a, b) => a - b)) {
		const node = nodes[next] as Node;
		if (!isKnown(node) || (node.kind === 'input' && !inputs.has(node.name))) return undefined;
		known.set(
			next,
			boundsOf(node, (x) => known.get(x) as Bounds, inputs),
		);
	}
	const most = Math.max(...hull(known.get(id) as Bounds).map(Math.abs));
	return Number.isFinite(most) ? most : undefined;
};
