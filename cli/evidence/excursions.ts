import { type Graph, type Id, operandsOf } from '../../compiler/tensor/graph.ts';

/** Values that leave the interval a polynomial was fitted on: beyond it, it goes its own way. */
export type Excursion = {
	readonly origin: string;
	readonly fn: string;
	readonly interval: readonly [low: number, high: number];
	/** Smallest and largest value that the model has there. */
	readonly seen: readonly [low: number, high: number];
	/** How many samples have such values, and how many values these are of all. */
	readonly samples: number;
	readonly share: number;
	/** The farthest one beyond the interval, as a part of the interval's width. */
	readonly farthest: number;
	/** How many values lie in each of so many equal parts of the interval. */
	readonly histogram: readonly number[];
};

const BINS = 60;

/** What polynomials were made for: an activation, or the maximum over windows. */
export type Replaced = {
	readonly kind: 'activation' | 'pooled';
	readonly origin: string;
	readonly fn: string;
	readonly interval: readonly [low: number, high: number];
};

/** What is counted of one function. */
type Watch = {
	readonly fit: Replaced;
	readonly operand: Id;
	seen: readonly [low: number, high: number];
	samples: number;
	beyond: number;
	total: number;
	readonly histogram: Float64Array;
};

/** Counts, over samples, what reaches the functions of the model itself. */
export class Excursions {
	readonly #watches: readonly Watch[];

	/** `graph` is the model before polynomials; its nodes of one kind and origin are in the order of what replaces them. */
	constructor(graph: Graph, replaced: readonly Replaced[]) {
		const nodes = Map.groupBy(graph.nodes.keys(), (id) => keyOf(graph.nodes[id]));
		this.#watches = [...Map.groupBy(replaced, keyOf)].flatMap(([key, list]) => {
			const ids = nodes.get(key) ?? [];
			return ids.length === list.length ? ids.flatMap((id, i) => watchOf(graph, id, list[i])) : [];
		});
	}

	/** One sample more: the values of all nodes. */
	add(values: readonly Float64Array[]): void {
		for (const watch of this.#watches) addTo(watch, values[watch.operand] as Float64Array);
	}

	get list(): readonly Excursion[] {
		return this.#watches.map(({ fit: { origin, fn, interval }, seen, samples, beyond, total, histogram }) => ({
			...{ origin, fn, interval, seen, samples },
			share: beyond / total,
			farthest: Math.max(0, interval[0] - seen[0], seen[1] - interval[1]) / (interval[1] - interval[0]),
			histogram: [...histogram],
		}));
	}
}

const keyOf = (one: { readonly kind: string; readonly origin: string } | undefined): string =>
	`${one?.kind} ${one?.origin}`;

const watchOf = (graph: Graph, id: Id, fit: Replaced | undefined): readonly Watch[] => {
	const node = graph.nodes[id];
	const [operand] = node === undefined ? [] : operandsOf(node);
	if (operand === undefined || fit === undefined) return [];
	const nothing = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;
	const histogram = new Float64Array(BINS);
	return [{ fit, operand, seen: nothing, samples: 0, beyond: 0, total: 0, histogram }];
};

const addTo = (watch: Watch, values: Float64Array): void => {
	let [low, high] = watch.seen;
	let beyond = 0;
	const [first, last] = watch.fit.interval;
	for (const value of values) {
		if (value < low) low = value;
		if (value > high) high = value;
		if (value >= first && value <= last) {
			const bin = Math.min(BINS - 1, Math.floor(((value - first) / (last - first)) * BINS));
			watch.histogram[bin] = (watch.histogram[bin] as number) + 1;
		} else beyond++;
	}
	watch.seen = [low, high];
	watch.samples += beyond > 0 ? 1 : 0;
	watch.beyond += beyond;
	watch.total += values.length;
};
