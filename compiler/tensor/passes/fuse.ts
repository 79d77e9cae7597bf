import { refuse } from '../../errors.ts';
import { isSignedIdentity, levelsOf, usesOf } from '../depth.ts';
import {
	affine,
	composed,
	type Graph,
	type GraphBuilder,
	type Id,
	type Kind,
	type Node,
	nodeAt,
	operandsOf,
	type Term,
} from '../graph.ts';
import { diagonal, isIdentity, nonZeros, productsIn, type SparseMatrix } from '../sparse.ts';
import { prune } from './prune.ts';
import { rewrite } from './rewrite.ts';

/**
 * Composes consecutive affine nodes: M (A x + B y + b) + c = (M A) x + (M B) y + (M b + c), term by term. Batch
 * normalisation, biases, scalings, transpositions and pooling by averages disappear into their neighbours this way.
 * Sound because affine maps are closed under composition; the result differs by rounding only.
 *
 * Never to worse, measured in stored products (non-zeros of matrices other than I and -I, which are plain additions):
 * a term is composed when that leaves no more of them, counting the inner node as saved only when nothing else uses it
 * (what saves a level for more products is weighed by the packing). A sum of ciphertexts (all terms I or -I) stays one where
 * absorbing a product would make its result deeper. Also: y = x disappears, terms with an empty matrix disappear, and a
 * product with a constant c * x becomes diag(c) x. Repeated until nothing changes.
 */
export const fuse = <G extends Graph>(graph: G): G => {
	let result = prune(graph);
	for (;;) {
		const round = fuseOnce(result);
		if (!round.changed) return result;
		result = prune(round.graph);
	}
};

/** The part of the new graph that exists so far, with the number of uses and the depth of its nodes. */
type State = { readonly nodes: readonly Node[]; readonly uses: number[]; readonly depth: number[] };

const fuseOnce = <G extends Graph>(graph: G): { readonly graph: G; readonly changed: boolean } => {
	const oldUses = usesOf(graph);
	const uses: number[] = [];
	const depth: number[] = [];
	let changed = false;
	const step = (original: Node, builder: GraphBuilder<Kind>, old: Id): Id => {
		const state: State = { nodes: builder.nodes, uses, depth };
		const node = simplify(original, state);
		if (node !== original) changed = true;
		const wanted = oldUses[old] as number;
		const source = node.kind === 'affine' ? identitySource(node) : undefined;
		if (source !== undefined) {
			changed = true;
			uses[source] = (uses[source] as number) + wanted - 1;
			return source;
		}
		const id = builder.add(node);
		uses[id] = (uses[id] ?? 0) + wanted;
		depth[id] = depthOfNode(node, depth);
		return id;
	};
	return { graph: rewrite('fuse', graph, step) as Graph as G, changed };
};

const depthOfNode = (node: Node, depth: readonly number[]): number =>
	levelsOf(node) + operandsOf(node).reduce((deepest, x) => Math.max(deepest, depth[x] as number), 0);

/** The operand of y = I x + 0, else undefined. */
const identitySource = ({ terms, bias }: Node<'affine'>): Id | undefined => {
	const [term] = terms;
	if (term === undefined || terms.length > 1 || !isIdentity(term.matrix) || bias.some((b) => b !== 0)) return undefined;
	return term.x;
};

const simplify = (node: Node, state: State): Node => {
	if (node.kind === 'multiply') return withoutConstantFactor(node, state);
	if (node.kind !== 'affine') return node;
	const kept = node.terms.filter(({ matrix }) => nonZeros(matrix) > 0);
	let result = kept.length === node.terms.length ? node : { ...node, terms: kept };
	for (;;) {
		const fused = fuseTerms(result, state);
		if (fused === undefined) return result;
		result = fused;
	}
};

/** c * x = diag(c) x for a factor without terms. */
const withoutConstantFactor = (node: Node<'multiply'>, { nodes }: State): Node => {
	for (const [factor, x] of [
		[nodeAt(nodes, node.a), node.b],
		[nodeAt(nodes, node.b), node.a],
	] as const) {
		if (factor.kind !== 'affine' || factor.terms.length > 0) continue;
		const terms = [{ x, matrix: diagonal(factor.bias) }];
		return affine(terms, new Float64Array(factor.bias.length), node.shape, node.origin);
	}
	return node;
};

/** The node with every term composed that the rule allows; undefined when there is none. */
const fuseTerms = (node: Node<'affine'>, state: State): Node<'affine'> | undefined => {
	const free = levelsOf(node) === 0;
	const allowed = new Set(node.terms.filter((term) => isWorthwhile(term, state)));
	if (allowed.size === 0) return undefined;
	const fused = compose(node, allowed, state);
	if (!free || depthOfNode(fused, state.depth) <= depthOfNode(node, state.depth))
		return release(node, allowed, fused, state);
	const sums = new Set([...allowed].filter(({ x }) => levelsOf(nodeAt(state.nodes, x)) === 0));
	return sums.size === 0 ? undefined : release(node, sums, compose(node, sums, state), state);
};

/** The rule of the head comment for one term. */
const isWorthwhile = ({ x, matrix }: Term, { nodes, uses }: State): boolean => {
	const inner = nodeAt(nodes, x);
	if (inner.kind !== 'affine') return false;
	const shared = (uses[x] as number) > 1;
	const innerWork = inner.terms.reduce((total, term) => total + work(term.matrix), 0);
	const before = work(matrix) + (shared ? 0 : innerWork);
	let left = before;
	for (const term of inner.terms) {
		left -= isSignedIdentity(matrix) ? work(term.matrix) : productWork(matrix, term.matrix, left);
		if (left < 0) return false;
	}
	return true;
};

const compose = (node: Node<'affine'>, chosen: ReadonlySet<Term>, { nodes }: State): Node<'affine'> => {
	const { terms, ...merged } = composed(node, (term) => {
		const inner = nodeAt(nodes, term.x);
		return chosen.has(term) && inner.kind === 'affine' ? inner : undefined;
	});
	const kept = terms.filter(({ matrix }) => nonZeros(matrix) > 0);
	const result = { ...merged, terms: kept, origin: leadOrigin(node, chosen, nodes) };
	checkFinite(result);
	return result;
};

/** Errors: 'range' where a chain of large factors leaves the floating-point numbers. */
const checkFinite = ({ terms, bias, origin }: Node<'affine'>): void => {
	if (bias.every(Number.isFinite) && terms.every(({ matrix }) => matrix.values.every(Number.isFinite))) return;
	refuse({
		code: 'range',
		message: `${origin}: the linear operations here multiply to factors that are not finite.`,
		hint: 'Check the weights: each of these operations makes its values many times larger.',
		node: origin,
	});
};

/** The name of the largest map that is merged: a layer keeps its name when only scalings or shifts join it. */
const leadOrigin = (node: Node<'affine'>, chosen: ReadonlySet<Term>, nodes: State['nodes']): string => {
	const workOf = (terms: readonly Term[]): number => terms.reduce((total, { matrix }) => total + nonZeros(matrix), 0);
	let lead = node;
	for (const { x } of chosen) {
		const inner = nodeAt(nodes, x);
		if (inner.kind === 'affine' && workOf(inner.terms) > workOf(lead.terms)) lead = inner;
	}
	return lead.origin;
};

/** Counts the uses that `fused` has instead of those of `node`. */
const release = (
	node: Node<'affine'>,
	chosen: ReadonlySet<Term>,
	fused: Node<'affine'>,
	{ nodes, uses }: State,
): Node<'affine'> => {
	const add = (id: Id, count: number): void => {
		uses[id] = (uses[id] as number) + count;
	};
	for (const { x } of fused.terms) add(x, 1);
	for (const { x } of node.terms) add(x, -1);
	for (const { x } of chosen) if (uses[x] === 0) for (const operand of operandsOf(nodeAt(nodes, x))) add(operand, -1);
	return fused;
};

const work = (matrix: SparseMatrix): number => (isSignedIdentity(matrix) ? 0 : nonZeros(matrix));

/** An upper bound of the non-zeros of a b, exact once it matters: more than `limit` only if their pattern has more. */
const productWork = (a: SparseMatrix, b: SparseMatrix, limit: number): number => {
	const bound = productsIn(a, b);
	if (bound <= limit) return bound;
	const lastRow = new Int32Array(b.columns).fill(-1);
	let count = 0;
	for (let i = 0; i < a.rows && count <= limit; i++)
		for (let k = a.rowStart[i] as number; k < (a.rowStart[i + 1] as number); k++) {
			const j = a.columnOf[k] as number;
			for (let l = b.rowStart[j] as number; l < (b.rowStart[j + 1] as number); l++) {
				const column = b.columnOf[l] as number;
				if (lastRow[column] !== i) count++;
				lastRow[column] = i;
			}
		}
	return count;
};
