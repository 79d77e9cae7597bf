import type { OpNode } from './call.ts';
import { opNodeOf } from './functions.ts';
import type { GraphProto } from './proto.ts';

/** A graph inside a node: names of its own, and others of the graph around it. */
export type Branch = {
	readonly nodes: readonly OpNode[];
	readonly outputs: readonly string[];
	/** The names that it defines: what a node, an initializer or an input of it is called. */
	readonly own: ReadonlySet<string>;
	/** A name that it defines twice. */
	readonly twice?: string | undefined;
};

/** The graph with the nodes inside its nodes reading, as further inputs, what they read from around them. */
export const branchOf = (graph: GraphProto): Branch => {
	const nodes = (graph.node ?? []).map((node) => withCaptured(opNodeOf(node)));
	const names = [
		...[...(graph.initializer ?? []), ...(graph.input ?? [])].map(({ name }) => name ?? ''),
		...nodes.flatMap(({ outputs }) => outputs),
	].filter((name) => name !== '');
	const definitions = Map.groupBy(names, (name) => name);
	const [twice] = [...definitions].find(([, { length }]) => length > 1) ?? [];
	const outputs = (graph.output ?? []).map(({ name }) => name ?? '');
	return { nodes, outputs, own: new Set(definitions.keys()), twice };
};

/** The graphs inside a node. */
const graphsOf = ({ attributes }: OpNode): readonly GraphProto[] =>
	attributes.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])]);

/** The node with the names that graphs inside it read from around them as further inputs. */
export const withCaptured = (node: OpNode): OpNode => {
	const captured = graphsOf(node).flatMap((graph) => {
		const { nodes, outputs, own } = branchOf(graph);
		return [...nodes.flatMap(({ inputs }) => inputs), ...outputs].filter((name) => name !== '' && !own.has(name));
	});
	return captured.length === 0 ? node : { ...node, inputs: [...node.inputs, ...new Set(captured)] };
};
