import type { SparseMatrix } from '../../tensor/sparse.ts';

/** One packed operand of a linear map: elementAt[t] is the element of term `term` in slot t of the ciphertext, or negative. */
export type Source = { readonly term: number; readonly part: number; readonly elementAt: Int32Array };

/**
 * Where the rows of one output ciphertext are summed. Products are formed in every slot t with groupOf[t] >= 0; the folds
 * then add up the slots of a group, and slot t ends with row `rowOf[groupOf[t]]` where result[t] says so.
 *
 *     slot       0    1   ..  r-1   r   r+1 ..           r = 2 rows in 8 slots: groups 0 1 0 1 0 1 0 1,
 *     group      0    1   ..  r-1   0    1  ..           folds 4, 2: slot 0 becomes the sum over slots 0 2 4 6
 */
export type Placement = {
	readonly family: string;
	/** The group of each slot; -1 where no product may be. */
	readonly groupOf: Int32Array;
	/** The row that a group sums. */
	readonly rowOf: Int32Array;
	/** Rotations that sum a group: y = y + rot_f(y) for each f in order. */
	readonly folds: readonly number[];
	/** The layout of the sum, as in Layout.parts. */
	readonly result: Int32Array;
	/** Sources repeat with this period; products are found in slots below it and repeated. */
	readonly period: number;
	/** Offsets that may serve a pair: 0 <= d < window; or 'any', the fewest found greedily. */
	readonly window: number | 'any';
	/** With 'any': more diagonals than this are not worth looking for. */
	readonly most?: number;
};

/** plain[t] multiplies slot (t + offset) mod v of the source and is added to slot t. */
export type Diagonal = { readonly source: number; readonly offset: number; readonly plain: Float64Array };

type Entry = (term: number, row: number, column: number) => number;

/** M[row, column] of any term in constant or logarithmic time, by size. */
export const entryOf = (matrices: readonly SparseMatrix[]): Entry => {
	const lookups = matrices.map((matrix) =>
		matrix.rows * matrix.columns <= 2 ** 23 ? denseLookup(matrix) : bisectLookup(matrix),
	);
	return (term, row, column) => lookups[term]?.(row, column) ?? 0;
};

const denseLookup = ({ rows, columns, rowStart, columnOf, values }: SparseMatrix) => {
	const dense = new Float64Array(rows * columns);
	for (let i = 0; i < rows; i++)
		for (let k = rowStart[i] as number; k < (rowStart[i + 1] as number); k++)
			dense[i * columns + (columnOf[k] as number)] = values[k] as number;
	return (row: number, column: number): number => dense[row * columns + column] as number;
};

const bisectLookup =
	({ rowStart, columnOf, values }: SparseMatrix) =>
	(row: number, column: number): number => {
		let low = rowStart[row] as number;
		let high = rowStart[row + 1] as number;
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((columnOf[middle] as number) < column) low = middle + 1;
			else high = middle;
		}
		return columnOf[low] === column && low < (rowStart[row + 1] as number) ? (values[low] as number) : 0;
	};

/**
 * The diagonals that compute the rows of `placement` from the sources: every non-zero M[i, j] is served exactly once in
 * each group of row i, at a slot t and offset d where slot t + d holds element j. Undefined when some entry cannot be
 * served. Cost: |sources| * period * window look-ups.
 */
export const diagonalsOf = (
	matrices: readonly SparseMatrix[],
	sources: readonly Source[],
	placement: Placement,
): readonly Diagonal[] | undefined => {
	const served = new Served(matrices, placement);
	const collected = new Collector(placement);
	if (placement.window === 'any') serveGreedily(matrices, sources, placement, served, collected);
	else serveWindow(entryOf(matrices), sources, placement, placement.window, served, collected);
	return served.complete() ? collected.diagonals() : undefined;
};

const serveWindow = (
	entry: Entry,
	sources: readonly Source[],
	{ groupOf, rowOf, period }: Placement,
	window: number,
	served: Served,
	collected: Collector,
): void => {
	const slots = groupOf.length;
	sources.forEach(({ term, elementAt }, source) => {
		for (let d = 0; d < window; d++)
			for (let t = 0; t < period; t++) {
				const column = elementAt[(t + d) & (slots - 1)] as number;
				const group = groupOf[t] as number;
				if (column < 0 || group < 0) continue;
				const value = entry(term, rowOf[group] as number, column);
				if (value !== 0 && served.claim(group, term, column)) collected.put(source, d, t, value);
			}
	});
};

/** For each pair the first offset already in use, or else the shortest rotation to a copy. */
const serveGreedily = (
	matrices: readonly SparseMatrix[],
	sources: readonly Source[],
	{ groupOf, rowOf, period, most = Number.POSITIVE_INFINITY }: Placement,
	served: Served,
	collected: Collector,
): void => {
	const places = new Places(matrices, sources);
	for (let t = 0; t < period; t++) {
		const group = groupOf[t] as number;
		if (group < 0) continue;
		if (collected.size > most) return;
		const row = rowOf[group] as number;
		matrices.forEach((matrix, term) => {
			for (let k = matrix.rowStart[row] as number; k < (matrix.rowStart[row + 1] as number); k++) {
				const column = matrix.columnOf[k] as number;
				const place = places.reach(term, column, t, k - (matrix.rowStart[row] as number));
				if (place !== undefined && served.claim(group, term, column))
					collected.put(place.source, place.offset, t, matrix.values[k] as number);
			}
		});
	}
};

type Place = { readonly source: number; readonly offset: number };

/** Finds elements from slots, by few different offsets. */
class Places {
	readonly #sources: readonly Source[];
	/** By term and column: slots that hold the element, as [source, slot]. */
	readonly #slots: readonly (readonly (readonly [number, number])[])[][];
	/** Offsets used so far, by term. */
	readonly #used: Place[][];
	/** What served the entry at the same place of an earlier row, by term: regular maps use it again. */
	readonly #recent: Place[][];

	constructor(matrices: readonly SparseMatrix[], sources: readonly Source[]) {
		const slots = matrices.map((matrix) => Array.from({ length: matrix.columns }, (): [number, number][] => []));
		sources.forEach(({ term, elementAt }, source) => {
			elementAt.forEach((element, slot) => {
				if (element >= 0) slots[term]?.[element]?.push([source, slot]);
			});
		});
		this.#sources = sources;
		this.#slots = slots;
		this.#used = matrices.map(() => []);
		this.#recent = matrices.map(() => []);
	}

	/** An offset d from slot t to a copy of the element, the `nth` of its row; undefined when no source holds it. */
	reach(term: number, column: number, t: number, nth: number): Place | undefined {
		const used = this.#used[term] as Place[];
		const recent = this.#recent[term] as Place[];
		const holds = ({ source, offset }: Place): boolean => {
			const { elementAt } = this.#sources[source] as Source;
			return elementAt[(t + offset) & (elementAt.length - 1)] === column;
		};
		const last = recent[nth];
		if (last !== undefined && holds(last)) return last;
		let place = used.find(holds);
		if (place === undefined) {
			place = this.#nearest(term, column, t);
			if (place === undefined) return undefined;
			used.push(place);
		}
		recent[nth] = place;
		return place;
	}

	#nearest(term: number, column: number, t: number): Place | undefined {
		let nearest: Place | undefined;
		for (const [source, slot] of this.#slots[term]?.[column] ?? []) {
			const slots = (this.#sources[source] as Source).elementAt.length;
			const offset = (slot - t + slots) % slots;
			const distance = (d: number): number => Math.min(d, slots - d);
			if (nearest === undefined || distance(offset) < distance(nearest.offset)) nearest = { source, offset };
		}
		return nearest;
	}
}

/** Which entries of each group are served, and how many there must be. */
class Served {
	readonly #claimed = new Set<number>();
	readonly #base: readonly number[];
	readonly #stride: number;
	readonly #expected: number;

	constructor(matrices: readonly SparseMatrix[], { groupOf, rowOf, period }: Placement) {
		this.#base = matrices.map((_, term) =>
			matrices.slice(0, term).reduce((total, matrix) => total + matrix.columns, 0),
		);
		this.#stride = matrices.reduce((total, matrix) => total + matrix.columns, 0);
		const groups = new Set(groupOf.subarray(0, period));
		groups.delete(-1);
		let expected = 0;
		for (const group of groups) {
			const row = rowOf[group] as number;
			for (const { rowStart } of matrices) expected += (rowStart[row + 1] as number) - (rowStart[row] as number);
		}
		this.#expected = expected;
	}

	/** True the first time. */
	claim(group: number, term: number, column: number): boolean {
		const key = group * this.#stride + (this.#base[term] as number) + column;
		if (this.#claimed.has(key)) return false;
		this.#claimed.add(key);
		return true;
	}

	complete(): boolean {
		return this.#claimed.size === this.#expected;
	}
}

/** Plaintexts by source and offset, repeated with the placement's period at the end. */
class Collector {
	readonly #plains = new Map<string, { source: number; offset: number; plain: Float64Array }>();
	readonly #slots: number;
	readonly #period: number;

	constructor({ groupOf, period }: Placement) {
		this.#slots = groupOf.length;
		this.#period = period;
	}

	get size(): number {
		return this.#plains.size;
	}

	put(source: number, offset: number, slot: number, value: number): void {
		const key = `${source} ${offset}`;
		let diagonal = this.#plains.get(key);
		if (diagonal === undefined) {
			diagonal = { source, offset, plain: new Float64Array(this.#slots) };
			this.#plains.set(key, diagonal);
		}
		for (let t = slot; t < this.#slots; t += this.#period) diagonal.plain[t] = value;
	}

	diagonals(): readonly Diagonal[] {
		return [...this.#plains.values()].sort((a, b) => a.source - b.source || a.offset - b.offset);
	}
}
