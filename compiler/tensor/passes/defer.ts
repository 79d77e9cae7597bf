import { affine, type Graph, type GraphBuilder, type Id, type Node, nodeAt, type Shape, sizeOf } from '../graph.ts';
import { isIdentity, type SparseMatrix } from '../sparse.ts';
import { prune } from './prune.ts';
import { rewrite } from './rewrite.ts';

/**
 * Puts what follows the client's work, and which the client can do as well, behind it, so that the work stays at the end:
 *
 *     p = sigmoid(z):  elements p[i] and 1 - p[i], in any order, are sigmoid of z[i] and -z[i]
 *     p = sigmoid(z):  p[i] / sum p[j] along an axis are shares of what is above 0
 *     y = softmax(x), or another tail:  elements of y are a selection, which the client makes too
 *
 * Sound because both sides are equal. The probabilities [1 - p, p] of two classes, those of one class against the rest,
 * or the columns of a softmax as outputs of their own, then cost nothing; else p would be approximated. Only outputs
 * and tails read the new nodes.
 */
export const defer = (graph: Graph): Graph => {
	const live = prune(graph);
	/** By node, one of the same value that ends with the client's work. */
	const late = new Map<Id, Id>();
	const lateOf = (id: Id): Id => late.get(id) ?? id;
	const built = rewrite<Node, Node['kind']>('defer', live, (node, builder) => {
		if (node.kind === 'tail') return builder.add({ ...node, x: lateOf(node.x) });
		const id = builder.add(node);
		const other =
			node.kind === 'affine'
				? lateForm(node, builder, lateOf)
				: node.kind === 'multiply'
					? lateShares(node, builder, lateOf)
					: undefined;
		if (other !== undefined) late.set(id, other);
		return id;
	});
	return prune({ ...built, outputs: built.outputs.map((output) => ({ ...output, id: lateOf(output.id) })) });
};

const lateForm = (node: Node<'affine'>, builder: GraphBuilder, lateOf: (id: Id) => Id): Id | undefined => {
	const operands = node.terms.map(({ x }) => nodeAt(builder.nodes, lateOf(x)));
	const { shape, origin } = node;
	const [operand] = operands;
	const [term] = node.terms;
	if (operand?.kind === 'tail' && term !== undefined && node.terms.length === 1) {
		const taken = picked(term.matrix, (value) => value === 1);
		if (taken === undefined || node.bias.some((b) => b !== 0)) return undefined;
		const tail = { kind: 'tail', fn: 'select', axis: 0, keepDims: true, selectLast: false } as const;
		return builder.add({ ...tail, x: lateOf(term.x), values: [...taken], shape, origin });
	}
	if (!isSelectionOrComplement(node)) return undefined;
	const terms = node.terms.flatMap(({ matrix }, i) => {
		const inner = operands[i];
		return inner?.kind === 'activation' && inner.fn === 'sigmoid' ? [{ x: inner.x, matrix }] : [];
	});
	if (terms.length === 0 || terms.length < node.terms.length) return undefined;
	const x = builder.add(affine(terms, new Float64Array(node.bias.length), shape, origin));
	return builder.add({ kind: 'activation', fn: 'sigmoid', x, shape, origin });
};

/** The column of the one entry of each row, if all entries are as wanted. */
const picked = (
	{ rows, rowStart, columnOf, values }: SparseMatrix,
	wanted: (value: number) => boolean,
): Int32Array | undefined =>
	columnOf.length === rows && rowStart.every((start, i) => start === i) && values.every(wanted) ? columnOf : undefined;

/** Is each element either an element of one operand, or 1 minus it? */
const isSelectionOrComplement = ({ terms, bias }: Node<'affine'>): boolean => {
	const weights = new Float64Array(bias.length);
	for (const { matrix } of terms)
		for (let i = 0; i < matrix.rows; i++)
			for (let k = matrix.rowStart[i] as number; k < (matrix.rowStart[i + 1] as number); k++) {
				if (weights[i] !== 0 || Math.abs(matrix.values[k] as number) !== 1) return false;
				weights[i] = matrix.values[k] as number;
			}
	return weights.every((weight, i) => (weight === 1 && bias[i] === 0) || (weight === -1 && bias[i] === 1));
};

/** The node as shares of a sigmoid's result, when it is one divided by its sum along an axis. */
const lateShares = (
	{ a, b, shape, origin }: Node<'multiply'>,
	builder: GraphBuilder,
	lateOf: (id: Id) => Id,
): Id | undefined => {
	for (const [x, divisor] of [
		[a, b],
		[b, a],
	] as const) {
		const late = nodeAt(builder.nodes, lateOf(x));
		if (late.kind !== 'activation' || late.fn !== 'sigmoid') continue;
		const axis = totalAxis(builder.nodes, x, divisor, shape);
		if (axis === undefined) continue;
		const tail = { kind: 'tail', fn: 'l1', keepDims: true, selectLast: false } as const;
		return builder.add({ ...tail, axis, x: lateOf(x), shape, origin });
	}
	return undefined;
};

/** The axis of `shape` along which `divisor` is 1 / sum of x, repeated; undefined when it is anything else. */
const totalAxis = (nodes: readonly Node[], x: Id, divisor: Id, shape: Shape): number | undefined => {
	const spread = nodeAt(nodes, divisor);
	const [repeated] = spread.kind === 'affine' && spread.bias.every((v) => v === 0) ? spread.terms : [];
	if (spread.kind !== 'affine' || repeated === undefined || spread.terms.length > 1) return undefined;
	const rowOf = picked(repeated.matrix, (value) => value === 1);
	const inverse = nodeAt(nodes, repeated.x);
	if (rowOf === undefined || inverse.kind !== 'activation' || inverse.fn !== 'reciprocal') return undefined;
	const sums = nodeAt(nodes, unmoved(nodes, inverse.x));
	const [sum] = sums.kind === 'affine' && sums.bias.every((v) => v === 0) ? sums.terms : [];
	if (sums.kind !== 'affine' || sum === undefined || sums.terms.length > 1) return undefined;
	if (unmoved(nodes, sum.x) !== unmoved(nodes, x) || sum.matrix.values.some((value) => value !== 1)) return undefined;
	const { rowStart, columnOf } = sum.matrix;
	const axis = shape.findIndex((length, d) => {
		const stride = sizeOf(shape.slice(d + 1));
		return rowOf.every((row, i) => {
			const first = i - (Math.floor(i / stride) % length) * stride;
			const start = rowStart[row] as number;
			const line = columnOf.subarray(start, rowStart[row + 1]);
			return line.length === length && line.every((column, k) => column === first + k * stride);
		});
	});
	return axis < 0 ? undefined : axis;
};

/** The node whose value `id` hands on as it is. */
const unmoved = (nodes: readonly Node[], id: Id): Id => {
	const node = nodeAt(nodes, id);
	const [term] = node.kind === 'affine' ? node.terms : [];
	if (node.kind !== 'affine' || term === undefined || node.terms.length > 1) return id;
	return isIdentity(term.matrix) && node.bias.every((v) => v === 0) ? unmoved(nodes, term.x) : id;
};
