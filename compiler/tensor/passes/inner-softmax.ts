import {
	type Activation,
	affine,
	type Graph,
	type GraphBuilder,
	type Id,
	type Node,
	nodeAt,
	operandsOf,
	type Shape,
	sizeOf,
	type Term,
} from '../graph.ts';
import { broadcastSource, selectionMatrix } from '../maps/selection.ts';
import { separable, total, totals } from '../maps/separable.ts';
import { diagonal, identity, type SparseMatrix } from '../sparse.ts';
import { prune } from './prune.ts';
import { rewrite } from './rewrite.ts';

/**
 * Writes a softmax or logSoftmax whose result the body needs as what can be approximated; those at the end of the model
 * stay, for the client. Along the axis, with the mean m of its n elements:
 *
 *     e = exp((x - m) / 2)^2,  s = mean of e,  softmax = e / (n s),  logSoftmax = x - m - ln s - ln n
 *
 * Exact, and made for the polynomials to come: s >= 1, because the mean of exp is not below exp of the mean, so that
 * 1 / s stays off its pole (and near 1, which costs fewer bits than a sum would); a square is never negative, whatever
 * the polynomial; and exp of half the range needs half the degree, for the one product that the square costs. A result
 * that is an output as well is computed once, under encryption.
 *
 * On scores of attention (normal, deviation 2, cut at +-4, 8 to 64 of them) exp and reciprocal of degree 7 give softmax
 * to 0.02 .. 4 % of its deviation, of degree 15 to 0.3 %; most for 8 elements. What counts is the range of s, 1:30 there;
 * where scores reach +-10 it is 1:2000, and degree 31 leaves 13 %.
 */
export const innerSoftmax = (graph: Graph): Graph => {
	const live = prune(graph);
	const needed = bodyNeeds(live);
	return prune(
		rewrite<Node, Node['kind']>('inner-softmax', live, (node, builder, old) =>
			node.kind === 'tail' && needed.has(old) && isSoftmax(node) ? spelt(node, builder) : builder.add(node),
		),
	);
};

const isSoftmax = ({ fn }: Node<'tail'>): boolean => fn === 'softmax' || fn === 'logSoftmax';

/** The nodes whose value something other than the client's work at the end is computed from. */
const bodyNeeds = ({ nodes }: Graph): ReadonlySet<Id> => {
	const needed = new Set<Id>();
	for (const [id, node] of [...nodes.entries()].reverse())
		if (node.kind !== 'tail' || needed.has(id)) for (const x of operandsOf(node)) needed.add(x);
	return needed;
};

const spelt = ({ x, fn, axis, shape, origin }: Node<'tail'>, builder: GraphBuilder): Id => {
	const size = sizeOf(shape);
	const n = shape[axis] ?? 1;
	const reduced: Shape = shape.with(axis, 1);
	const along = (factor: SparseMatrix) => separable(shape.map((length, d) => (d === axis ? factor : identity(length))));
	const averages = along(total(n, 1 / n));
	const source = broadcastSource(reduced, shape);
	const spread = (factor: number) => selectionMatrix(source, sizeOf(reduced), new Float64Array(size).fill(factor));
	const scaling = (factor: number) => diagonal(new Float64Array(size).fill(factor));
	const map = (terms: readonly Term[], of: Shape, bias = 0): Id =>
		builder.add(affine(terms, new Float64Array(sizeOf(of)).fill(bias), of, origin));
	const activation = (operand: Id, name: Activation): Id =>
		builder.add({ kind: 'activation', x: operand, fn: name, shape: nodeAt(builder.nodes, operand).shape, origin });
	const product = (a: Id, b: Id): Id => builder.add({ kind: 'multiply', a, b, shape, origin });
	/** factor * a + weight * b + bias, b repeated along the axis. */
	const combined = (factor: number, a: Id, weight: number, b: Id, bias = 0): Id =>
		map(
			[
				{ x: a, matrix: scaling(factor) },
				{ x: b, matrix: spread(weight) },
			],
			shape,
			bias,
		);

	// In one map, though it has more entries than the mean and a difference: that is a level less.
	const halves = map(
		[
			{ x, matrix: scaling(0.5) },
			{ x, matrix: along(totals(n, n, -0.5 / n)) },
		],
		shape,
	);
	const root = activation(halves, 'exp');
	const powers = product(root, root);
	const mean = map([{ x: powers, matrix: averages }], reduced);
	if (fn === 'logSoftmax') return combined(2, halves, -1, activation(mean, 'log'), -Math.log(n));
	return product(powers, map([{ x: activation(mean, 'reciprocal'), matrix: spread(1 / n) }], shape));
};
