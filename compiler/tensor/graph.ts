import { InternalError } from '../errors.ts';
import { apply, compose, type SparseMatrix, sum } from './sparse.ts';

/**
 * The tensor graph: the model on static shapes. Nodes are immutable records in a flat array, operands are indices below
 * their own. Data are row-major; a reshape is therefore no node at all, only another shape. Whatever is linear (Conv,
 * Gemm, pooling by averages, normalisation, transposition, broadcasting, sums ...) is one kind, `affine`.
 *
 * | kind       | y =                                                              | legal until        |
 * |------------|------------------------------------------------------------------|--------------------|
 * | input      | the input called name                                            | always             |
 * | affine     | sum over terms of matrix * x, plus bias                          | always             |
 * | multiply   | a * b, elementwise, equal sizes (a square when a = b)            | always             |
 * | polynomial | sum_k c[k] T_k((x - center) / radius), by channels (`seriesAt`)  | `lower-polynomials`|
 * | activation | fn(x), elementwise                                               | `approximate`      |
 * | pooled     | fn(max of x[j] over the members j of window i)                   | `approximate`      |
 * | tail       | what only the client can do: softmax, argmax ...                 | `split`            |
 */
export type Id = number;
export type Shape = readonly number[];

export type Activation =
	| ('relu' | 'leakyRelu' | 'thresholdedRelu' | 'clip' | 'abs' | 'hardSwish')
	| ('sigmoid' | 'tanh' | 'silu' | 'gelu' | 'geluTanh' | 'elu' | 'softplus' | 'softsign' | 'mish' | 'erf')
	| ('exp' | 'log' | 'sqrt' | 'reciprocal' | 'power' | 'sin' | 'cos')
	| ('atan' | 'asinh' | 'sinh' | 'cosh');
export type Term = { readonly x: Id; readonly matrix: SparseMatrix };
/** Window i has the members[k] for start[i] <= k < start[i + 1]: at least one, none twice. */
export type Windows = { readonly start: Int32Array; readonly members: Int32Array };
/** A polynomial in the Chebyshev basis of the interval [center - radius, center + radius]. */
export type ChebyshevSeries = {
	readonly center: number;
	readonly radius: number;
	readonly coefficients: readonly number[];
};

export type Fields = {
	input: { readonly name: string };
	affine: { readonly terms: readonly Term[]; readonly bias: Float64Array };
	multiply: { readonly a: Id; readonly b: Id };
	/** Each channel, `inner` elements in a row, has the next of the series, over and over; their coefficients are as many. */
	polynomial: { readonly x: Id; readonly series: readonly ChebyshevSeries[]; readonly inner: number };
	/** `parameters` by function: alpha of leakyRelu, elu and thresholdedRelu, low and high of clip, the exponent of power; all finite. */
	activation: { readonly x: Id; readonly fn: Activation; readonly parameters?: readonly number[] };
	/** Without `fn` the largest itself; `parameters` as those of an activation. */
	pooled: {
		readonly x: Id;
		readonly windows: Windows;
		readonly fn?: Activation;
		readonly parameters?: readonly number[];
	};
	tail: {
		readonly x: Id;
		readonly fn: 'softmax' | 'logSoftmax' | 'hardmax' | 'argMax' | 'l1' | 'votes' | 'lookup' | 'select';
		readonly axis: number;
		readonly keepDims: boolean;
		readonly selectLast: boolean;
		/** What `lookup` gives for 0, 1, ...; the elements that `select` takes. */
		readonly values?: readonly number[];
	};
};
export type Kind = keyof Fields;
/** What is left once head and tail are split off. */
export type BodyKind = Exclude<Kind, 'tail'>;
/** What is left once every activation, pooled ones as well, is a polynomial. */
export type PolynomialKind = Exclude<BodyKind, 'activation' | 'pooled'>;
/** What packing lowers: affine maps and products. */
export type CoreKind = Exclude<PolynomialKind, 'polynomial'>;

/** `origin` names the ONNX node (or the pass) that a node comes from, for reports. */
export type Node<K extends Kind = Kind> = {
	[P in K]: { readonly kind: P; readonly shape: Shape; readonly origin: string } & Fields[P];
}[K];

export type Output = {
	readonly name: string;
	readonly id: Id;
	readonly shape: Shape;
	/** Of an index: the names of the classes that it counts. */
	readonly classes?: readonly string[];
};
export type Graph<K extends Kind = Kind> = {
	readonly nodes: readonly Node<K>[];
	readonly outputs: readonly Output[];
};

export const sizeOf = (shape: Shape): number => shape.reduce((product, d) => product * d, 1);

/** The polynomial of element e: series[floor(e / inner) % number of series]. Cost O(1). */
export const seriesAt = (
	{ series, inner }: Pick<Node<'polynomial'>, 'series' | 'inner'>,
	e: number,
): ChebyshevSeries => {
	const one = series[Math.floor(e / inner) % series.length];
	if (one === undefined) throw new InternalError('tensor graph', `no polynomial for element ${e}`);
	return one;
};

export const nodeAt = <K extends Kind>(nodes: readonly Node<K>[], id: Id): Node<K> => {
	const node = nodes[id];
	if (node === undefined) throw new InternalError('tensor graph', `no node ${id}`);
	return node;
};

/** The operands of a node, in order. */
export const operandsOf = (node: Node): readonly Id[] => {
	switch (node.kind) {
		case 'input':
			return [];
		case 'affine':
			return node.terms.map((term) => term.x);
		case 'multiply':
			return [node.a, node.b];
		default:
			return [node.x];
	}
};

/**
 * Builds a graph node by node. Affine terms on one operand are merged, and equal nodes without matrices or windows exist once.
 * Every method returns the id of a node that computes the equation in its name.
 */
export class GraphBuilder<K extends Kind = Kind> {
	readonly #nodes: Node<K>[] = [];
	readonly #interned = new Map<string, Id>();

	get nodes(): readonly Node<K>[] {
		return this.#nodes;
	}

	/** Adds a node as it is; an equal one that exists already is returned instead (but for matrices and windows: too large to compare). */
	add(node: Node<K>): Id {
		const key = node.kind === 'affine' || node.kind === 'pooled' ? undefined : keyOf(node);
		const known = key === undefined ? undefined : this.#interned.get(key);
		if (known !== undefined) return known;
		const id = this.#nodes.push(node) - 1;
		if (key !== undefined) this.#interned.set(key, id);
		return id;
	}

	build(outputs: readonly Output[]): Graph<K> {
		return { nodes: this.#nodes, outputs };
	}
}

/** Equal exactly for nodes that compute the same, whatever they come from; a * b = b * a. */
const keyOf = (node: object): string => {
	const { a, b, ...rest } = node as Partial<Node<'multiply'>>;
	const factors = a === undefined || b === undefined ? [] : [Math.min(a, b), Math.max(a, b)];
	return JSON.stringify([{ ...rest, origin: '' }, factors]);
};

/** An affine node of the given terms; terms on the same operand are summed. */
export const affine = (terms: readonly Term[], bias: Float64Array, shape: Shape, origin: string): Node<'affine'> => {
	const byOperand = new Map<Id, SparseMatrix>();
	for (const { x, matrix } of terms) {
		const known = byOperand.get(x);
		byOperand.set(x, known === undefined ? matrix : sum(known, matrix));
	}
	return { kind: 'affine', terms: [...byOperand].map(([x, matrix]) => ({ x, matrix })), bias, shape, origin };
};

/**
 * The node with affine maps in the place of operands: M x + b of x = (sum of A y) + c is (sum of M A y) + (M c + b).
 * `innerOf` gives the map that computes a term's operand, or undefined where the term stays.
 */
export const composed = (
	node: Node<'affine'>,
	innerOf: (term: Term) => Pick<Node<'affine'>, 'terms' | 'bias'> | undefined,
): Node<'affine'> => {
	const bias = Float64Array.from(node.bias);
	const terms = node.terms.flatMap((term) => {
		const inner = innerOf(term);
		if (inner === undefined) return [term];
		apply(term.matrix, inner.bias).forEach((b, i) => {
			bias[i] = (bias[i] as number) + b;
		});
		return inner.terms.map(({ x, matrix }) => ({ x, matrix: compose(term.matrix, matrix) }));
	});
	return affine(terms, bias, node.shape, node.origin);
};
