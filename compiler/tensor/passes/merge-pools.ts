import { domainOf, isNonDecreasing } from '../activations.ts';
import { usesOf } from '../depth.ts';
import type { Graph, Id, Node } from '../graph.ts';
import { prune } from './prune.ts';
import { rewrite } from './rewrite.ts';

/**
 * Makes a function beside a pooling part of it: max of fn(x) = fn(max of x) where fn never falls and nothing else reads
 * fn(x), and fn(max of x) by definition where nothing else reads the largest. So Conv -> Relu -> MaxPool and
 * Conv -> MaxPool -> Relu both become one node, of which one symmetric polynomial is fitted; as a tournament, the function
 * is computed of the winners only. Sound because the values are the same, in the second case for any function; those that are
 * defined on one side of 0 only stay by themselves, and so does a second function.
 */
export const mergePools = <G extends Graph>(graph: G): G => {
	const uses = usesOf(graph);
	/** By old id: new id of what an activation reads. */
	const merged = new Map<Id, { readonly x: Id; readonly node: Node<'activation'> }>();
	const inside = rewrite<Node, Node['kind']>('merge-pools', graph, (node, builder, old) => {
		const source = sourceOf(graph, old);
		const before = source === undefined ? undefined : merged.get(source);
		if (node.kind === 'pooled' && node.fn === undefined && before !== undefined && uses[source as Id] === 1)
			return builder.add(withFunction({ ...node, x: before.x }, before.node));
		const id = builder.add(node);
		if (node.kind === 'activation' && isNonDecreasing(node) && domainOf(node.fn) === undefined)
			merged.set(old, { x: node.x, node });
		return id;
	}) as Graph as G;
	return prune(afterwards(prune(inside)));
};

/** The functions that read poolings. */
const afterwards = <G extends Graph>(graph: G): G => {
	const uses = usesOf(graph);
	return rewrite<Node, Node['kind']>('merge-pools', graph, (node, builder, old) => {
		const source = sourceOf(graph, old);
		const before = node.kind === 'activation' ? builder.nodes[node.x] : undefined;
		if (node.kind !== 'activation' || source === undefined || uses[source] !== 1) return builder.add(node);
		if (before?.kind !== 'pooled' || before.fn !== undefined || domainOf(node.fn) !== undefined)
			return builder.add(node);
		return builder.add({ ...withFunction(before, node), shape: node.shape });
	}) as Graph as G;
};

/** The only operand of a function or a pooling. */
const sourceOf = ({ nodes }: Graph, id: Id): Id | undefined => {
	const node = nodes[id];
	return node?.kind === 'pooled' || node?.kind === 'activation' ? node.x : undefined;
};

const withFunction = (node: Node<'pooled'>, { fn, parameters }: Node<'activation'>): Node<'pooled'> => ({
	...node,
	fn,
	...(parameters && { parameters }),
});
