import { type Graph, type Id, type Kind, type Node, nodeAt, operandsOf } from './graph.ts';
import type { SparseMatrix } from './sparse.ts';

/** Is M = I or M = -I? Such a map is an addition or a subtraction of ciphertexts and needs no plaintext product. */
export const isSignedIdentity = (matrix: SparseMatrix): boolean =>
	matrix.rows === matrix.columns &&
	matrix.values.length === matrix.rows &&
	Math.abs(matrix.values[0] ?? 1) === 1 &&
	matrix.values.every((value) => value === matrix.values[0]) &&
	matrix.columnOf.every((column, k) => column === k);

/**
 * Levels that a node itself uses: 1 for a product and for an affine node with a matrix other than I or -I, 0 for a sum.
 * A polynomial counts as its lowered form, ceil(log2(degree + 1)), without the normalisation of its argument; what is
 * done without ciphertexts (inputs, tails) and what is still to be replaced (activations, pooled or not) counts 0.
 */
export const levelsOf = (node: Node): number => {
	switch (node.kind) {
		case 'multiply':
			return 1;
		case 'affine':
			return node.terms.every(({ matrix }) => isSignedIdentity(matrix)) ? 0 : 1;
		case 'polynomial':
			return Math.ceil(Math.log2(node.series[0]?.coefficients.length ?? 1));
		default:
			return 0;
	}
};

/** The longest path from an input to every node, itself included, where a node is as long as `lengthOf` says. */
export const longestPaths = <N extends Node>(
	nodes: readonly N[],
	lengthOf: (node: N, id: Id) => number,
): readonly number[] => {
	const result: number[] = [];
	nodes.forEach((node, id) => {
		const before = operandsOf(node).reduce((longest, x) => Math.max(longest, result[x] as number), 0);
		result.push(before + lengthOf(node, id));
	});
	return result;
};

/** Levels used on the deepest path from an input to every node, itself included. */
export const depths = (nodes: readonly Node[]): readonly number[] => longestPaths(nodes, levelsOf);

/** Levels that the outputs of the graph need. */
export const depthOf = (graph: Graph): number => {
	const all = depths(graph.nodes);
	return graph.outputs.reduce((deepest, { id }) => Math.max(deepest, all[id] ?? 0), 0);
};

/** Nodes of the given kinds on the deepest path. */
const countInTurn = ({ nodes, outputs }: Graph, kinds: readonly Kind[]): number => {
	const counts = longestPaths(nodes, ({ kind }) => Number(kinds.includes(kind)));
	return outputs.reduce((deepest, { id }) => Math.max(deepest, counts[id] ?? 0), 0);
};

/** Products of two values on the deepest path: levels that no way of computing the affine maps saves. */
export const leastDepthOf = (graph: Graph): number => countInTurn(graph, ['multiply']);

/** Products and functions on the deepest path: a level each, but for functions that turn out to be straight where they are used. */
export const stepsOf = (graph: Graph): number => countInTurn(graph, ['multiply', 'activation', 'pooled']);

/** How often every node is used: once for each operand position, and once for each output. */
export const usesOf = (graph: Graph): number[] => {
	const uses = graph.nodes.map(() => 0);
	const use = (id: Id): void => {
		nodeAt(graph.nodes, id);
		uses[id] = (uses[id] as number) + 1;
	};
	for (const node of graph.nodes) operandsOf(node).forEach(use);
	for (const { id } of graph.outputs) use(id);
	return uses;
};
