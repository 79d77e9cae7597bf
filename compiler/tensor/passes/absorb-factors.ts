import { isSignedIdentity, usesOf } from '../depth.ts';
import { type CoreKind, type Graph, type Id, type Node, operandsOf } from '../graph.ts';
import type { SparseMatrix } from '../sparse.ts';
import { rewrite } from './rewrite.ts';

/** Factors of one map further apart than this are left where they are: values of very different sizes cost precision. */
const WIDEST = 16;
/** Factors that products raise further from 1 than this are left too: values take as many bits more, and so do later factors. */
const FARTHEST = 2 ** 16;

/**
 * Moves factors into later layers: where every row i of an affine map has one and the same entry d[i], the node computes
 * plain sums y' = y / d, and its readers take their columns times d. Pooling by averages becomes pooling by sums, a scaling of
 * channels disappears: neither needs a product then, nor a level. Products carry the factors of both operands further. Only
 * where all readers can take them; outputs and sums cannot. Exact but for rounding.
 */
export const absorbFactors = (graph: Graph<CoreKind>): Graph<CoreKind> => {
	const powers = absorbers(graph);
	/** By old id, the factor of each element; undefined for 1. */
	const factors: (Float64Array | undefined)[] = [];
	return rewrite('absorb-factors', graph, (node, builder, old) => {
		const given = operandsOf(graph.nodes[old] as Node<CoreKind>).map((x) => factors[x]);
		if (node.kind === 'multiply') {
			factors[old] = product(given[0], given[1]);
			return builder.add(node);
		}
		if (node.kind !== 'affine') return builder.add(node);
		const terms = node.terms.map(({ x, matrix }, k) => ({ x, matrix: withColumns(matrix, given[k]) }));
		const factor = rowFactors(
			terms.map(({ matrix }) => matrix),
			powers[old] as number,
		);
		factors[old] = factor;
		if (factor === undefined) return builder.add({ ...node, terms });
		const inverse = factor.map((d) => 1 / d);
		return builder.add({
			...node,
			terms: terms.map(({ x, matrix }) => ({ x, matrix: allOnes(matrix) })),
			bias: node.bias.map((b, i) => b * (inverse[i] as number)),
		});
	}) as Graph<CoreKind>;
};

/**
 * The power to which products raise the factors of each node before affine readers take them for nothing: those can where they
 * multiply anyhow, products when their own readers can. 0 where some reader cannot.
 */
const absorbers = (graph: Graph<CoreKind>): readonly number[] => {
	const uses = usesOf(graph);
	const readers: Id[][] = graph.nodes.map(() => []);
	graph.nodes.forEach((node, id) => {
		for (const x of operandsOf(node)) readers[x]?.push(id);
	});
	const powers = graph.nodes.map(() => 0);
	const powerAt = (reader: Id, id: Id): number => {
		const node = graph.nodes[reader];
		if (node?.kind !== 'affine') return 2 * (powers[reader] as number);
		return node.terms.every(({ x, matrix }) => x !== id || !isSignedIdentity(matrix)) ? 1 : 0;
	};
	for (let id = graph.nodes.length - 1; id >= 0; id--) {
		const read = readers[id] as Id[];
		const taken = read.map((reader) => powerAt(reader, id));
		// An output has one use more than readers.
		powers[id] = uses[id] === read.length && !taken.includes(0) ? Math.max(1, ...taken) : 0;
	}
	return powers;
};

const product = (a: Float64Array | undefined, b: Float64Array | undefined): Float64Array | undefined =>
	a === undefined || b === undefined ? (a ?? b) : a.map((value, i) => value * (b[i] as number));

/** M diag(d). */
const withColumns = (matrix: SparseMatrix, d: Float64Array | undefined): SparseMatrix =>
	d === undefined
		? matrix
		: { ...matrix, values: matrix.values.map((value, k) => value * (d[matrix.columnOf[k] as number] as number)) };

const allOnes = (matrix: SparseMatrix): SparseMatrix => ({ ...matrix, values: matrix.values.map(() => 1) });

/** The one value of the entries of each row over all matrices; undefined when a row has several, all are 1, or none can be absorbed. */
const rowFactors = (matrices: readonly SparseMatrix[], power: number): Float64Array | undefined => {
	if (power === 0) return undefined;
	const rows = matrices[0]?.rows ?? 0;
	const factors = new Float64Array(rows);
	for (const { rowStart, values } of matrices)
		for (let i = 0; i < rows; i++)
			for (let k = rowStart[i] as number; k < (rowStart[i + 1] as number); k++) {
				if (factors[i] === 0) factors[i] = values[k] as number;
				else if (factors[i] !== values[k]) return undefined;
			}
	const used = factors.map((factor) => (factor === 0 ? 1 : factor));
	const sizes = factors.filter((factor) => factor !== 0).map(Math.abs);
	const least = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
	const most = sizes.reduce((a, b) => Math.max(a, b), 0);
	if (most > WIDEST * least || Math.max(most, 1 / least) ** power > FARTHEST) return undefined;
	return used.every((factor) => factor === 1) ? undefined : used;
};
