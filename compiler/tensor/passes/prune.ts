import { type Graph, type Kind, type Node, nodeAt, operandsOf } from '../graph.ts';
import { rewrite } from './rewrite.ts';

/**
 * Drops every node that no output needs, inputs included. Sound because nodes have no effects: an output's value
 * depends on its ancestors only. Run after passes that leave replaced nodes behind, and before a pass that refuses node
 * kinds, so that dead code is never the reason of a refusal.
 */
export const prune = <G extends Graph>(graph: G): G => {
	const needed = new Set<number>();
	const pending = graph.outputs.map(({ id }) => id);
	for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
		if (needed.has(id)) continue;
		needed.add(id);
		pending.push(...operandsOf(nodeAt(graph.nodes, id)));
	}
	return rewrite<Node, Kind>(
		'prune',
		graph,
		(node, builder) => builder.add(node),
		(old) => needed.has(old),
	) as G;
};
