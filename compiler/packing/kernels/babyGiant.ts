import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import type { Diagonal } from './diagonals.ts';

/**
 * How the offsets of a linear map are split: offset = giant + baby. Rotations by babies are made of the sources, one by
 * giants of each inner sum:  w = sum_g rot_g( sum_b rot_{-g}(P[g + b]) * rot_b(x) ). Babies are signed numbers.
 */
export type Split = { readonly babyOf: (offset: number) => number };

const signed = (offset: number, slots: number): number => (offset > slots / 2 ? offset - slots : offset);

/** baby in [0, stride), or in [-stride / 2, stride / 2) when centered; giant what is left, in (-v / 2, v / 2]. */
export const byStride = (slots: number, stride: number, centered: boolean): Split => {
	const shift = centered ? Math.floor(stride / 2) : 0;
	return {
		babyOf: (offset) => {
			const rest = ((offset > slots / 2 ? offset - slots : offset) + shift) % stride;
			return (rest < 0 ? rest + stride : rest) - shift;
		},
	};
};

/**
 * Babies from a given set, as far as they fit: each offset takes the one whose giant serves most offsets. For windows over
 * channels that do not lie at multiples of a stride. An offset that no baby suits is a giant.
 */
const fromSet = (outputs: readonly (readonly Diagonal[])[], slots: number, babies: readonly number[]): Split => {
	const counts = new Map<number, number>();
	const offsets = new Set(outputs.flatMap((diagonals) => diagonals.map(({ offset }) => offset)));
	for (const offset of offsets)
		for (const baby of babies) {
			const giant = (offset - baby) & (slots - 1);
			counts.set(giant, (counts.get(giant) ?? 0) + 1);
		}
	const baby = new Map<number, number>();
	for (const offset of offsets) {
		let [best, most] = [0, 0];
		for (const candidate of babies) {
			const count = counts.get((offset - candidate) & (slots - 1)) ?? 0;
			if (count > most) [best, most] = [candidate, count];
		}
		baby.set(offset, best);
	}
	return { babyOf: (offset) => baby.get(offset) ?? 0 };
};

/** What is left of an offset beside its baby, in (-v / 2, v / 2]. */
export const giantOf = (offset: number, slots: number, split: Split): number =>
	signed((offset - split.babyOf(offset) + slots) & (slots - 1), slots);

/** What each baby and each giant counts where splits are compared. */
export type Weights = { readonly baby: number; readonly giant: number };

/** A split, and its number of rotations by weight. */
export type WeighedSplit = { readonly split: Split; readonly weight: number };

/** Of a split for all output ciphertexts: babies of each source, shared by the outputs, and giants of each output. */
type Rotations = { readonly babies: number; readonly giants: number };

/** Counts the distinct babies and giants of one split after another. */
class Counter {
	readonly #slots: number;
	readonly #outputs: readonly { readonly sources: Int32Array; readonly offsets: Int32Array }[];
	/** By source and baby, and by giant: the last count in which it was seen. */
	readonly #babies: Int32Array;
	readonly #giants: Int32Array;
	#count = 0;

	constructor(outputs: readonly (readonly Diagonal[])[], slots: number) {
		this.#slots = slots;
		this.#outputs = outputs.map((diagonals) => ({
			sources: Int32Array.from(diagonals, ({ source }) => source),
			offsets: Int32Array.from(diagonals, ({ offset }) => offset),
		}));
		const sources = this.#outputs.reduce((n, output) => output.sources.reduce((m, s) => Math.max(m, s + 1), n), 0);
		this.#babies = new Int32Array(2 * slots * sources);
		this.#giants = new Int32Array(4 * slots);
	}

	/** The rotations of a split, or some of them when these are too many already. */
	rotations({ babyOf }: Split, tooMany: (babies: number, giants: number) => boolean): Rotations {
		const slots = this.#slots;
		const babiesSeen = ++this.#count;
		let [babies, giants] = [0, 0];
		for (const { sources, offsets } of this.#outputs) {
			const giantsSeen = ++this.#count;
			for (let k = 0; k < offsets.length; k++) {
				const offset = offsets[k] as number;
				const baby = babyOf(offset);
				if (baby !== 0) {
					const at = 2 * slots * (sources[k] as number) + baby + slots;
					if ((this.#babies[at] as number) < babiesSeen) {
						this.#babies[at] = babiesSeen;
						babies++;
					}
				}
				const giant = (offset - baby) & (slots - 1);
				if (giant !== 0 && (this.#giants[giant] as number) < giantsSeen) {
					this.#giants[giant] = giantsSeen;
					giants++;
				}
				if (tooMany(babies, giants)) return { babies, giants };
			}
		}
		return { babies, giants };
	}
}

/**
 * For each of several weights the split whose rotations, over all output ciphertexts, weigh least; ties go to the larger stride.
 * `babies`: a set worth trying.
 */
export const bestSplits = (
	outputs: readonly (readonly Diagonal[])[],
	slots: number,
	weights: readonly Weights[],
	babies: readonly number[] = [],
): readonly WeighedSplit[] => {
	const counter = new Counter(outputs, slots);
	const best = weights.map(() => ({ split: byStride(slots, slots, false), weight: Number.POSITIVE_INFINITY }));
	const weigh = (k: number, small: number, large: number): number => {
		const { baby, giant } = weights[k] as Weights;
		return baby * small + giant * large;
	};
	const tooMany = (small: number, large: number): boolean =>
		best.every(({ weight }, k) => weigh(k, small, large) >= weight);
	const consider = (split: Split): void => {
		const found = counter.rotations(split, tooMany);
		for (let k = 0; k < best.length; k++) {
			const weight = weigh(k, found.babies, found.giants);
			if (weight < (best[k] as WeighedSplit).weight) best[k] = { split, weight };
		}
	};
	for (const stride of stridesFor(outputs, slots))
		for (const centered of [false, true]) consider(byStride(slots, stride, centered));
	if (babies.length > 0) consider(fromSet(outputs, slots, babies));
	return best;
};

/**
 * Strides worth trying, descending: powers of two, the most frequent distances between offsets (channels of a convolution lie
 * that far apart), and, unless there are so many diagonals that it hardly matters, every short one.
 */
const MOST_DISTANCES = 48;
const MANY_DIAGONALS = 1024;
const stridesFor = (outputs: readonly (readonly Diagonal[])[], slots: number): readonly number[] => {
	const few = outputs.reduce((total, { length }) => total + length, 0) <= MANY_DIAGONALS;
	const strides = new Set(Array.from({ length: few ? Math.min(64, slots) : 0 }, (_, k) => k + 1));
	for (let stride = slots; stride >= 1; stride /= 2) strides.add(stride);
	const distances = new Map<number, number>();
	for (const diagonals of outputs) {
		const offsets = [...new Set(diagonals.map(({ offset }) => signed(offset, slots)))].sort((a, b) => a - b);
		for (let k = 1; k < offsets.length; k++) {
			for (const from of [k - 1, 0]) {
				const distance = (offsets[k] as number) - (offsets[from] as number);
				distances.set(distance, (distances.get(distance) ?? 0) + 1);
			}
		}
	}
	const frequent = [...distances].sort((a, b) => b[1] - a[1] || b[0] - a[0]).slice(0, MOST_DISTANCES);
	for (const [distance] of frequent) strides.add(distance);
	return [...strides].sort((a, b) => b - a);
};

/**
 * Records w[t] = sum over diagonals of plain[t] * x_source[t + offset]; without plaintexts the plain sum. Plaintexts come as the products
 * need them, rotated by their giants (see `giantOf`). Giants are summed by Horner's rule, so that steps in arithmetic progression
 * need one key for all of them. Cost: as in `turnsOf`, one product for each diagonal, one level. Outputs of one
 * map share `babies`.
 */
export const recordLinear = (
	builder: SlotBuilder,
	diagonals: readonly Diagonal[],
	plains: readonly Float64Array[] | undefined,
	split: Split,
	babies: Babies,
): Id => {
	const { slots } = builder;
	const inner = new Map<number, Id>();
	diagonals.forEach(({ source, offset }, k) => {
		const giant = giantOf(offset, slots, split);
		const baby = babies.get(`${source} ${split.babyOf(offset)}`) as Id;
		const product = plains === undefined ? baby : builder.multiplyPlain(baby, plains[k] as Float64Array);
		const known = inner.get(giant);
		inner.set(giant, known === undefined ? product : builder.add(known, product));
	});
	const steps = [...inner.keys()].sort((a, b) => a - b);
	const up = horner(builder, inner, steps.filter((g) => g > 0).reverse());
	const down = horner(
		builder,
		inner,
		steps.filter((g) => g < 0),
	);
	return [inner.get(0), up, down].filter((id) => id !== undefined).reduce((a, b) => builder.add(a, b));
};

/**
 * The babies of one source in the order in which they are made, each with the place that it is rotated from; 0 is the source.
 * Those at most `reach` places further from zero are all rotated from one of them, which needs to be decomposed only once.
 *
 *     reach 1       0 > 1 > 2 > 3 > 4 > 5 > 6 ..                  steps in arithmetic progression: one key for all
 *     reach 3       0 > 1, 0 > 2, 0 > 3 > 4, 3 > 5, 3 > 6 > ..    three keys, a third of the decompositions
 *     no limit      0 > 1, 0 > 2, 0 > 3 ..                        a key for each, one decomposition
 */
const walksOf = (babies: ReadonlySet<number>, reach: number): readonly Turn[] => {
	const ordered = [...babies].sort((a, b) => Math.abs(a) - Math.abs(b));
	return [ordered.filter((b) => b > 0), ordered.filter((b) => b < 0)].flatMap((side) =>
		side.map((to, k) => ({ from: k < reach ? 0 : (side[k - 1 - (k % reach)] as number), to })),
	);
};
type Turn = { readonly from: number; readonly to: number };

/** What `recordLinear` takes for all outputs together. */
export type Turns = {
	readonly rotations: number;
	/** The values that are rotated. */
	readonly decompositions: number;
	/** The distinct steps, each in [1, v): every one needs a key. */
	readonly steps: ReadonlySet<number>;
};

export const turnsOf = (
	outputs: readonly (readonly Diagonal[])[],
	slots: number,
	split: Split,
	reach: number,
): Turns => {
	const steps = new Set<number>();
	let [rotations, decompositions] = [0, 0];
	const walk = (places: ReadonlySet<number>, by: number): number => {
		const made = walksOf(places, by);
		rotations += made.length;
		for (const { from, to } of made) steps.add((to - from + slots) % slots);
		return new Set(made.map(({ from }) => from)).size;
	};
	for (const babies of babiesBySource(outputs.flat(), split).values()) decompositions += walk(babies, reach);
	for (const diagonals of outputs) {
		const giants = new Set(diagonals.map((d) => giantOf(d.offset, slots, split)));
		// Horner's rule takes the steps of a chain, but what it rotates is a new sum each time.
		walk(giants, 1);
		decompositions += giants.size - (giants.has(0) ? 1 : 0);
	}
	return { rotations, decompositions, steps };
};

const babiesBySource = (diagonals: readonly Diagonal[], split: Split): ReadonlyMap<number, ReadonlySet<number>> => {
	const bySource = new Map<number, Set<number>>();
	for (const { source, offset } of diagonals) {
		const known = bySource.get(source);
		if (known === undefined) bySource.set(source, new Set([split.babyOf(offset)]));
		else known.add(split.babyOf(offset));
	}
	return bySource;
};

/** rot_{g0}(inner_{g0}) + rot_{g1}(inner_{g1}) + ... for giants ordered from the farthest to the nearest to zero. */
const horner = (builder: SlotBuilder, inner: ReadonlyMap<number, Id>, giants: readonly number[]): Id | undefined =>
	giants.reduce<Id | undefined>((sum, giant, k) => {
		const here = inner.get(giant) as Id;
		const total = sum === undefined ? here : builder.add(sum, here);
		return builder.rotate(total, giant - (giants[k + 1] ?? 0));
	}, undefined);

/** Rotated sources by "source baby". */
export type Babies = ReadonlyMap<string, Id>;

/** All babies of all sources. */
export const rotateBabies = (
	builder: SlotBuilder,
	sources: readonly Id[],
	diagonals: readonly Diagonal[],
	split: Split,
	reach: number,
): Babies => {
	const made = new Map<string, Id>();
	const wanted = babiesBySource(diagonals, split);
	sources.forEach((id, source) => {
		made.set(`${source} 0`, id);
		for (const { from, to } of walksOf(wanted.get(source) ?? new Set(), reach))
			made.set(`${source} ${to}`, builder.rotate(made.get(`${source} ${from}`) as Id, to - from));
	});
	return made;
};
