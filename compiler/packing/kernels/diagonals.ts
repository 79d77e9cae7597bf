import type { SparseMatrix } from '../../tensor/sparse.ts';
import type { Sources } from './sources.ts';

/**
 * Where the rows of one output ciphertext are summed. A group of slots sums one row: products are formed in its slots, the folds
 * then add them up. An element that lies in slot s meets group g in slot `meet(g, s)` of the group, after a rotation by
 * s - meet(g, s).
 *
 *     slot       0    1   ..  r-1   r   r+1 ..           r = 2 rows in 8 slots: groups 0 1 0 1 0 1 0 1,
 *     group      0    1   ..  r-1   0    1  ..           folds 4, 2: slot 0 becomes the sum over slots 0 2 4 6
 */
export type Placement = {
	readonly family: string;
	/** The row that each group sums. */
	readonly rowOf: Int32Array;
	/** A slot of group g, below `period`; s is below the period of the sources. Groups have no slot in common. */
	readonly meet: (group: number, s: number) => number;
	/** Rotations that sum a group: y = y + rot_f(y) for each f, the last first. */
	readonly folds: readonly number[];
	/** The layout of the sum, as in Layout.parts. */
	readonly result: Int32Array;
	/** Plaintexts repeat with this period, a multiple of the sources' period. */
	readonly period: number;
	/** Rotations are taken between `lowest` and `lowest` + the sources' period. */
	readonly lowest: number;
	/** Baby steps worth trying: distances within a window. */
	readonly babies?: readonly number[];
	/** More diagonals than this are not worth looking for. */
	readonly most?: number;
};

/** plain[t] multiplies slot (t + offset) mod v of the source and is added to slot t. */
export type Diagonal = { readonly source: number; readonly offset: number };

/** The diagonals that compute the rows of a placement, by source and offset; their plaintexts are worked out when asked for. */
export type Cover = {
	readonly diagonals: readonly Diagonal[];
	/** By diagonal, its plaintext rotated by `shift(offset)`: result[t + shift] = plain[t]. */
	readonly plains: (shift: (offset: number) => number) => readonly Float64Array[];
	/** Is the result the plain sum of the rotated sources, wherever it holds a row? Then no product is needed. */
	readonly summed: boolean;
};

/** The weight that stands for rows of zeros: a ciphertext is never zero, and this is below what any encoding tells apart from it. */
export const NEXT_TO_NOTHING = 2 ** -60;

/**
 * The diagonals for a placement: each entry M[i, j] of a row is served once in every group of row i. Undefined when an element
 * is in no source, when there are too many diagonals, or no rows. Cost: one step for each entry of each group.
 */
export const coverOf = (
	matrices: readonly SparseMatrix[],
	sources: Sources,
	placement: Placement,
): Cover | undefined => {
	const table = new Table(sources);
	const entries = walk(matrices, sources, placement, table, undefined);
	if (entries === undefined || placement.rowOf.length === 0) return undefined;
	if (table.diagonals.length === 0) return nothing(sources, placement);
	const order = [...table.diagonals.keys()].sort((x, y) =>
		compare(table.diagonals[x] as Diagonal, table.diagonals[y] as Diagonal),
	);
	return {
		diagonals: order.map((k) => table.diagonals[k] as Diagonal),
		plains: (shift) => {
			const plains = table.diagonals.map(() => new Float64Array(sources.slots));
			const shifts = Int32Array.from(table.diagonals, ({ offset }) => shift(offset));
			walk(matrices, sources, placement, new Table(sources), { plains, shifts });
			return order.map((k) => plains[k] as Float64Array);
		},
		summed: isSum(matrices, sources, placement, table.diagonals, entries),
	};
};

/** A ciphertext whose rows have no entries. */
const nothing = ({ slots }: Sources, { rowOf, meet, period }: Placement): Cover => ({
	diagonals: [{ source: 0, offset: 0 }],
	plains: (shift) => {
		const plain = new Float64Array(slots);
		for (let g = 0; g < rowOf.length; g++)
			for (let t = (meet(g, 0) + shift(0)) & (period - 1); t < slots; t += period) plain[t] = NEXT_TO_NOTHING;
		return [plain];
	},
	summed: false,
});

const compare = (a: Diagonal, b: Diagonal): number => a.source - b.source || a.offset - b.offset;

/** Diagonals in the order in which they are first used. */
class Table {
	readonly diagonals: Diagonal[] = [];
	readonly #slots: number;
	/** By source and offset: 1 + the index of the diagonal. */
	readonly #index: Int32Array;

	constructor({ slots, count }: Sources) {
		this.#slots = slots;
		this.#index = new Int32Array(slots * count);
	}

	/** The index of a diagonal, or -1. */
	find(source: number, offset: number): number {
		return (this.#index[source * this.#slots + offset] as number) - 1;
	}

	put(source: number, offset: number): number {
		const known = this.find(source, offset);
		if (known >= 0) return known;
		const index = this.diagonals.push({ source, offset }) - 1;
		this.#index[source * this.#slots + offset] = index + 1;
		return index;
	}
}

/** Serves every entry, and writes it where plaintexts are given. The number of entries; undefined when one cannot be served. */
const walk = (
	matrices: readonly SparseMatrix[],
	sources: Sources,
	placement: Placement,
	table: Table,
	written: { readonly plains: readonly Float64Array[]; readonly shifts: Int32Array } | undefined,
): number | undefined => {
	const { rowOf, meet, period, lowest, most = Number.POSITIVE_INFINITY } = placement;
	const { slots } = sources;
	const choose = new Chooser(sources, lowest);
	let entries = 0;
	for (let g = 0; g < rowOf.length; g++) {
		const row = rowOf[g] as number;
		for (let term = 0; term < matrices.length; term++) {
			const { rowStart, columnOf, values } = matrices[term] as SparseMatrix;
			const { start, source, slot } = sources.places[term] as Sources['places'][number];
			const end = rowStart[row + 1] as number;
			for (let k = rowStart[row] as number; k < end; k++) {
				const first = start[columnOf[k] as number] as number;
				const last = start[(columnOf[k] as number) + 1] as number;
				if (first === last) return undefined;
				const place = last - first === 1 ? first : choose.among(term, first, last, g, meet, table);
				const s = slot[place] as number;
				const t = meet(g, s);
				const index = table.put(source[place] as number, choose.offset(s, t));
				entries++;
				if (written === undefined) continue;
				const plain = written.plains[index] as Float64Array;
				const value = values[k] as number;
				// Plaintexts repeat: where the shift begins makes no difference.
				for (let u = (t + (written.shifts[index] as number)) & (period - 1); u < slots; u += period) plain[u] = value;
			}
		}
		if (table.diagonals.length > most) return undefined;
	}
	return entries;
};

/** Which of several copies of an element serves a group: one whose rotation is in use already, or else the nearest. */
class Chooser {
	readonly #sources: Sources;
	readonly #lowest: number;

	constructor(sources: Sources, lowest: number) {
		this.#sources = sources;
		this.#lowest = lowest;
	}

	/** The rotation in [0, v) that brings slot s to slot t. */
	offset(s: number, t: number): number {
		const { slots, period } = this.#sources;
		return (((s - t - this.#lowest) & (period - 1)) + this.#lowest) & (slots - 1);
	}

	among(term: number, first: number, last: number, g: number, meet: Placement['meet'], table: Table): number {
		const { source, slot } = this.#sources.places[term] as Sources['places'][number];
		const { slots } = this.#sources;
		let nearest = first;
		let least = Number.POSITIVE_INFINITY;
		for (let place = first; place < last; place++) {
			const s = slot[place] as number;
			const offset = this.offset(s, meet(g, s));
			if (table.find(source[place] as number, offset) >= 0) return place;
			const distance = Math.min(offset, slots - offset);
			if (distance < least) [nearest, least] = [place, distance];
		}
		return nearest;
	}
}

/**
 * Is every plaintext 1 in every slot of a group, or does it not matter there because the source is zero? (Copies of elements
 * in other places would be added too: each diagonal must serve the group or meet a zero.)
 */
const isSum = (
	matrices: readonly SparseMatrix[],
	{ slots, elementAt }: Sources,
	{ rowOf, meet, folds, period }: Placement,
	diagonals: readonly Diagonal[],
	entries: number,
): boolean => {
	if (folds.length > 0 || matrices.some(({ values }) => values.some((value) => value !== 1))) return false;
	// Most groups are served by every diagonal; of the others, look where they are not.
	let missing = diagonals.length * rowOf.length - entries;
	for (let g = 0; g < rowOf.length && missing > 0; g++) {
		const row = rowOf[g] as number;
		const served = matrices.reduce(
			(n, { rowStart }) => n + (rowStart[row + 1] as number) - (rowStart[row] as number),
			0,
		);
		if (served === diagonals.length) continue;
		const t = meet(g, 0);
		let zeros = 0;
		for (let u = t; u < slots; u += period)
			for (const { source, offset } of diagonals)
				if ((elementAt[source] as Int32Array)[(u + offset) & (slots - 1)] === -1) zeros++;
		if (zeros !== (diagonals.length - served) * (slots / period)) return false;
		missing -= diagonals.length - served;
	}
	return true;
};
