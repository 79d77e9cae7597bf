import { remembered } from '../remembered.ts';
import type { Node, Term } from './graph.ts';
import type { SparseMatrix } from './sparse.ts';

/**
 * What may move in an affine node, and what must move together. A convolution is a matrix in which each weight stands at
 * many places: entries of equal value within a component are one parameter. A component is a set of rows that share
 * values: the rows of one output channel, or a single row of a dense layer. The channels of a convolution have the same
 * pattern, that is, the same features in different measure, and form one group.
 */
export type Group = { readonly pattern: Pattern; readonly members: readonly Member[] };

/** The rows of a component and what its parameters are, in order of first occurrence. */
export type Member = { readonly rows: Int32Array; readonly weights: number[]; readonly biases: number[] };

/**
 * Row i of a component has the entries starts[i] <= k < starts[i + 1]: parameter[k] times the operand at place[k],
 * counted through the operands of all free terms, one after another; and its bias is parameter bias[i] of the biases.
 */
export type Pattern = {
	readonly starts: Int32Array;
	readonly place: Int32Array;
	readonly parameter: Int32Array;
	readonly bias: Int32Array;
};

/** Does every row have at most one distinct value? Averages, selections, scalings, and additions (I and -I) do. */
const isUniform = ({ rows, rowStart, values }: SparseMatrix): boolean => {
	for (let i = 0; i < rows; i++) {
		const start = rowStart[i] as number;
		for (let k = start + 1; k < (rowStart[i + 1] as number); k++) if (values[k] !== values[start]) return false;
	}
	return true;
};

/** The terms whose weights may move: all but additions and what has a single value in each row. */
export const freeTerms = (node: Node<'affine'>): readonly Term[] =>
	node.terms.filter(({ matrix }) => !isUniform(matrix));

/** Part of the distinct values of a row that it shares with the rows of its component at least; see `componentsOf`. */
const LEAST_SHARED = 0.25;

/** Parameters beyond which a component keeps its weights, and only its biases may move. */
const MOST_PARAMETERS = 1500;

/** Calls `visit` with (term, entry) of row i, by terms, then columns ascending. */
const eachEntry = (terms: readonly Term[], i: number, visit: (term: number, k: number) => void): void => {
	for (const [t, { matrix }] of terms.entries()) {
		const end = matrix.rowStart[i + 1] as number;
		for (let k = matrix.rowStart[i] as number; k < end; k++) visit(t, k);
	}
};

/** Numbers for the values of every term, in order of first occurrence: equal values of different terms have nothing in common. */
const numbering = (terms: readonly Term[]): ((t: number, value: number) => number) => {
	const known = terms.map(() => new Map<number, number>());
	let count = 0;
	return (t, value) => remembered(known[t] as Map<number, number>, value, () => count++);
};

/** The distinct values of every row by number: those that may move, or, where there are none, the others. */
const valuesOf = (node: Node<'affine'>, free: readonly Term[]): readonly (readonly number[])[] => {
	const isFree = node.terms.map((term) => free.includes(term));
	const numberOf = numbering(node.terms);
	return Array.from(node.bias, (_, i) => {
		const [moving, fixed] = [new Set<number>(), new Set<number>()];
		eachEntry(node.terms, i, (t, k) => {
			(isFree[t] ? moving : fixed).add(numberOf(t, node.terms[t]?.matrix.values[k] as number));
		});
		return [...(moving.size > 0 ? moving : fixed)];
	});
};

/**
 * The rows by component, ascending. A row belongs to those that hold a quarter of its distinct values: the corner of a
 * padded convolution has that many, while two of some 50,000 weights in float32 are equal by chance now and then. Rows
 * of nothing are one component.
 */
const componentsOf = (values: readonly (readonly number[])[]): readonly (readonly number[])[] => {
	const parent = values.map((_, i) => i);
	const rootOf = (i: number): number => {
		let root = i;
		while (parent[root] !== root) root = parent[root] as number;
		for (let k = i; k !== root; ) [k, parent[k]] = [parent[k] as number, root];
		return root;
	};
	/** Of every value rows that have it, of different components; some may have become one since. */
	const holders: number[][] = [];
	let empty: number | undefined;
	for (const [i, row] of values.entries()) {
		const shared = new Map<number, number>();
		for (const value of row) {
			const known = holders[value] ?? [];
			const roots = known.length > 1 ? new Set(known.map(rootOf)) : known.map(rootOf);
			for (const root of roots) shared.set(root, (shared.get(root) ?? 0) + 1);
		}
		for (const [root, count] of shared) if (count >= LEAST_SHARED * row.length) parent[rootOf(root)] = rootOf(i);
		const own = rootOf(i);
		for (const value of row) {
			const known = holders[value];
			if (known === undefined) holders[value] = [own];
			else if (!known.some((holder) => rootOf(holder) === own)) known.push(own);
		}
		if (row.length === 0) parent[i] = empty ??= i;
	}
	return [...Map.groupBy(values.keys(), rootOf).values()];
};

type Component = { readonly pattern: Pattern; readonly member: Member };

/** Part of the entries of a row that may be equal by chance. */
const MOST_CHANCE = 0.02;

/** Is the one row of the component a list of weights of its own, of which hardly any two are equal? Then each is a parameter. */
const isPlain = (free: readonly Term[], rows: readonly number[], distinct: number): boolean => {
	let entries = 0;
	eachEntry(free, rows[0] as number, () => entries++);
	return rows.length === 1 && distinct >= (1 - MOST_CHANCE) * entries;
};

/** The parameters of the given rows; the first has so many distinct values. */
const componentOf = (
	node: Node<'affine'>,
	free: readonly Term[],
	rows: readonly number[],
	distinct: number,
): Component => {
	const numberOf = numbering(free);
	const plain = isPlain(free, rows, distinct);
	const [starts, place, parameter, weights]: [number[], number[], number[], number[]] = [[0], [], [], []];
	const offsets = offsetsOf(free);
	for (const i of rows) {
		eachEntry(free, i, (t, k) => {
			const { columnOf, values } = (free[t] as Term).matrix;
			const value = values[k] as number;
			const number = plain ? weights.length : numberOf(t, value);
			if (number === weights.length) weights.push(value);
			place.push((offsets[t] as number) + (columnOf[k] as number));
			parameter.push(number);
		});
		starts.push(place.length);
	}
	const biases = [...new Set(rows.map((i) => node.bias[i] as number))];
	const biasOf = new Map(biases.map((value, b) => [value, b]));
	const pattern = {
		starts: Int32Array.from(starts),
		place: Int32Array.from(place),
		parameter: Int32Array.from(parameter),
		bias: Int32Array.from(rows, (i) => biasOf.get(node.bias[i] as number) ?? 0),
	};
	const component = { pattern, member: { rows: Int32Array.from(rows), weights, biases } };
	return weights.length > MOST_PARAMETERS ? withoutWeights(component) : component;
};

/** Where the elements of each term's operand begin among those of all. */
const offsetsOf = (terms: readonly Term[]): readonly number[] => {
	let next = 0;
	return terms.map(({ matrix }) => {
		const offset = next;
		next += matrix.columns;
		return offset;
	});
};

const withoutWeights = ({ pattern, member }: Component): Component => ({
	pattern: {
		...pattern,
		starts: new Int32Array(pattern.starts.length),
		place: new Int32Array(),
		parameter: new Int32Array(),
	},
	member: { ...member, weights: [] },
});

/** The same group with its biases alone. */
export const biasesOf = ({ pattern, members }: Group): Group => {
	const bare = members.map((member) => withoutWeights({ pattern, member }));
	return { pattern: bare[0]?.pattern ?? pattern, members: bare.map(({ member }) => member) };
};

const equal = (a: Int32Array, b: Int32Array): boolean => a.length === b.length && a.every((value, k) => value === b[k]);

const isSame = (a: Pattern, b: Pattern): boolean =>
	equal(a.starts, b.starts) && equal(a.bias, b.bias) && equal(a.place, b.place) && equal(a.parameter, b.parameter);

/** A number that patterns have in common when they are the same, and rarely otherwise (FNV-1a, word by word). */
const hashOf = ({ starts, place, parameter, bias }: Pattern): number => {
	let hash = 0x811c9dc5;
	for (const part of [starts, place, parameter, bias])
		for (const word of part) hash = Math.imul(hash ^ word, 0x01000193);
	return hash;
};

/** All rows of the node, by components, by patterns. Cost: a few look-ups for each entry. */
export const groupsOf = (node: Node<'affine'>, free: readonly Term[]): readonly Group[] => {
	const groups: { readonly pattern: Pattern; readonly members: Member[] }[] = [];
	const byHash = new Map<number, typeof groups>();
	const values = valuesOf(node, free);
	for (const rows of componentsOf(values)) {
		const { pattern, member } = componentOf(node, free, rows, values[rows[0] as number]?.length ?? 0);
		const hash = hashOf(pattern);
		const alike = byHash.get(hash) ?? [];
		const known = alike.find((group) => isSame(group.pattern, pattern));
		if (known !== undefined) {
			known.members.push(member);
			continue;
		}
		const group = { pattern, members: [member] };
		groups.push(group);
		byHash.set(hash, [...alike, group]);
	}
	return groups;
};

/** New values of a member's parameters. */
export type Moved = {
	readonly rows: Int32Array;
	readonly pattern: Pattern;
	readonly weights: Float64Array;
	readonly biases: Float64Array;
};

/**
 * The node with new values of parameters, at the same places. A weight that would become 0, and so no entry, stays a
 * small part of what it was.
 */
export const withParameters = (
	node: Node<'affine'>,
	free: readonly Term[],
	moved: readonly Moved[],
): Node<'affine'> => {
	const bias = node.bias.slice();
	const values = free.map(({ matrix }) => matrix.values.slice());
	for (const { rows, pattern, weights, biases } of moved)
		for (const [i, row] of rows.entries()) {
			bias[row] = biases[pattern.bias[i] as number] as number;
			let at = pattern.starts[i] as number;
			if (at === pattern.starts[i + 1]) continue;
			eachEntry(free, row, (t, k) => {
				const into = values[t] as Float64Array;
				const value = weights[pattern.parameter[at++] as number] as number;
				into[k] = value === 0 ? (into[k] as number) * Number.EPSILON || (into[k] as number) : value;
			});
		}
	const terms = node.terms.map((term) => {
		const t = free.indexOf(term);
		return t < 0 ? term : { x: term.x, matrix: { ...term.matrix, values: values[t] as Float64Array } };
	});
	return { ...node, terms, bias };
};
