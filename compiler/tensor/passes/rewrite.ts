import { InternalError } from '../../errors.ts';
import { affine, type Graph, GraphBuilder, type Id, type Kind, type Node, type Output } from '../graph.ts';

/** The node with its operands renamed; affine terms that fall together are summed. */
const withOperands = <N extends Node>(node: N, rename: (id: Id) => Id): N => {
	const renamed = (any: Node): Node => {
		switch (any.kind) {
			case 'input':
				return any;
			case 'affine': {
				const terms = any.terms.map(({ x, matrix }) => ({ x: rename(x), matrix }));
				return affine(terms, any.bias, any.shape, any.origin);
			}
			case 'multiply':
				return { ...any, a: rename(any.a), b: rename(any.b) };
			case 'polynomial':
			case 'activation':
			case 'pooled':
			case 'tail':
				return { ...any, x: rename(any.x) };
		}
	};
	return renamed(node) as N;
};

/**
 * Rebuilds a graph node by node, in order. `step` gets a node whose operands are already new ids and its old id, adds
 * what replaces it, and returns the id of its new value; undefined drops a node that nothing left refers to.
 */
export const rewrite = <From extends Node, To extends Kind>(
	pass: string,
	graph: { readonly nodes: readonly From[]; readonly outputs: readonly Output[] },
	step: (node: From, builder: GraphBuilder<To>, old: Id) => Id | undefined,
	keep: (old: Id) => boolean = () => true,
): Graph<To> => {
	const builder = new GraphBuilder<To>();
	const ids = new Map<Id, Id>();
	const rename = (old: Id): Id => {
		const id = ids.get(old);
		if (id === undefined) throw new InternalError(pass, `node ${old} is used but was dropped`);
		return id;
	};
	graph.nodes.forEach((node, old) => {
		if (!keep(old)) return;
		const id = step(withOperands(node, rename), builder, old);
		if (id !== undefined) ids.set(old, id);
	});
	return builder.build(graph.outputs.map((output) => ({ ...output, id: rename(output.id) })));
};
