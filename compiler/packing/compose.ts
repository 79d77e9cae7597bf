import { depths, levelsOf, usesOf } from '../tensor/depth.ts';
import { type CoreKind, composed, type Graph, type Id, type Node, operandsOf, type Term } from '../tensor/graph.ts';
import { productsIn } from '../tensor/sparse.ts';

/** y = sum of terms + bias: an affine node, or several composed. */
export type Affine = { readonly terms: readonly Term[]; readonly bias: Float64Array };

/** A composition may have this many times the entries of its two maps: it saves a level, and entries are not rotations. */
const MOST_GROWTH = 8;
/** More multiplications than this are not spent on finding out. */
const MOST_WORK = 2 ** 26;

/**
 * Consecutive affine maps as one. Composed maps are deeper by nothing and take fewer rotations or more, by layout: so the search
 * tries both. (Where it is never to worse, the graph was composed before.)
 */
export class Compositions {
	readonly #graph: Graph<CoreKind>;
	/** For each node the only node that reads it. */
	readonly #reader: readonly (Id | undefined)[];
	readonly #depths: readonly number[];
	readonly #known = new Map<string, Affine>();
	readonly #names = new WeakMap<Affine, string>();
	readonly #allowed = new Map<Id, boolean>();

	constructor(graph: Graph<CoreKind>) {
		this.#graph = graph;
		const uses = usesOf(graph);
		const reader: (Id | undefined)[] = graph.nodes.map(() => undefined);
		graph.nodes.forEach((node, id) => {
			for (const x of operandsOf(node)) if (uses[x] === 1) reader[x] = id;
		});
		this.#reader = reader;
		this.#depths = depths(graph.nodes);
	}

	/** The only reader of a node. */
	readerOf(id: Id): Id | undefined {
		return this.#reader[id];
	}

	/** May this node be computed together with its only reader? Its operands must not be composed themselves. */
	mayCompose(id: Id): boolean {
		const known = this.#allowed.get(id);
		if (known !== undefined) return known;
		const allowed = this.#isWorthTrying(id);
		this.#allowed.set(id, allowed);
		return allowed;
	}

	/** Node `id` with those of its operands that are composed. */
	of(id: Id, isComposed: (x: Id) => boolean): Affine {
		const node = this.#graph.nodes[id] as Node<'affine'>;
		const operands = node.terms.map(({ x }) => x).filter(isComposed);
		const name = `${id}(${operands.join(' ')})`;
		const known = this.#known.get(name);
		if (known !== undefined) return known;
		const innerOf = ({ x }: Term): Affine | undefined =>
			isComposed(x) ? (this.#graph.nodes[x] as Node<'affine'>) : undefined;
		const made = operands.length === 0 ? node : composed(node, innerOf);
		this.#known.set(name, made);
		this.#names.set(made, name);
		return made;
	}

	/** Names what `of` gave: equal names, equal maps. */
	nameOf(map: Affine): string {
		return this.#names.get(map) ?? '';
	}

	#isWorthTrying(id: Id): boolean {
		const node = this.#graph.nodes[id];
		const reader = this.#reader[id];
		const outer = reader === undefined ? undefined : this.#graph.nodes[reader];
		if (node?.kind !== 'affine' || outer?.kind !== 'affine' || levelsOf(node) === 0) return false;
		if (this.#graph.outputs.some((output) => output.id === id) || this.#deepens(id, outer, reader as Id)) return false;
		const matrix = outer.terms.find(({ x }) => x === id)?.matrix;
		if (matrix === undefined || node.terms.reduce((n, term) => n + productsIn(matrix, term.matrix), 0) > MOST_WORK)
			return false;
		const before = entries(node) + entries(outer);
		return entries(this.of(reader as Id, (x) => x === id)) <= MOST_GROWTH * before;
	}

	/** Would a sum with deeper values become a map, which takes a level more? */
	#deepens(id: Id, outer: Node<'affine'>, reader: Id): boolean {
		const depthOf = (x: Id): number => this.#depths[x] as number;
		return outer.terms.some(({ x }) => x !== id && depthOf(x) + 1 > depthOf(reader));
	}
}

const entries = ({ terms }: Affine): number => terms.reduce((n, { matrix }) => n + matrix.values.length, 0);
