import { rotated } from '../../numeric/vectors.ts';
import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import type { Diagonal } from './diagonals.ts';

/**
 * How the offsets of a linear map are split: offset = giant + baby. Rotations by babies are made of the sources, one by
 * giants of each inner sum:  w = sum_g rot_g( sum_b rot_{-g}(P[g + b]) * rot_b(x) ).
 */
export type Split = { readonly stride: number; readonly centered: boolean };

const signed = (offset: number, slots: number): number => (offset > slots / 2 ? offset - slots : offset);

/** baby in [0, stride), or in [-stride / 2, stride / 2) when centered; giant what is left, in (-v / 2, v / 2]. */
export const babyOf = (offset: number, slots: number, { stride, centered }: Split): number => {
	const shift = centered ? Math.floor(stride / 2) : 0;
	return ((((signed(offset, slots) + shift) % stride) + stride) % stride) - shift;
};

const giantOf = (offset: number, slots: number, split: Split): number =>
	signed((offset - babyOf(offset, slots, split) + slots) % slots, slots);

/** Rotations for the given diagonals of one output ciphertext; babies are counted for each source, as numbers that name both. */
export const rotationsOf = (
	diagonals: readonly Diagonal[],
	slots: number,
	split: Split,
): { babies: Set<number>; giants: number } => {
	const babies = new Set<number>();
	const giants = new Set<number>();
	for (const { source, offset } of diagonals) {
		const baby = babyOf(offset, slots, split);
		if (baby !== 0) babies.add(2 * source * slots + baby);
		const giant = giantOf(offset, slots, split);
		if (giant !== 0) giants.add(giant);
	}
	return { babies, giants: giants.size };
};

/** The split with the fewest rotations over all output ciphertexts (babies are shared among them); ties go to the larger stride. */
export const bestSplit = (
	outputs: readonly (readonly Diagonal[])[],
	slots: number,
): Split & { readonly rotations: number } => {
	let best: (Split & { readonly rotations: number }) | undefined;
	for (const stride of stridesFor(outputs, slots)) {
		for (const centered of [false, true]) {
			const babies = new Set<number>();
			let rotations = 0;
			for (const diagonals of outputs) {
				const counted = rotationsOf(diagonals, slots, { stride, centered });
				for (const baby of counted.babies) babies.add(baby);
				rotations += counted.giants;
			}
			rotations += babies.size;
			if (best === undefined || rotations < best.rotations) best = { stride, centered, rotations };
		}
	}
	return best ?? { stride: slots, centered: false, rotations: 0 };
};

/**
 * Strides worth trying, descending: powers of two, every short one (windows of diagonals are short), and the most frequent
 * distances between offsets (channels of a convolution lie that far apart).
 */
const MOST_DISTANCES = 48;
const stridesFor = (outputs: readonly (readonly Diagonal[])[], slots: number): readonly number[] => {
	const strides = new Set(Array.from({ length: Math.min(64, slots) }, (_, k) => k + 1));
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
 * Records w[t] = sum over diagonals of plain[t] * x_source[t + offset]. Babies are chained (rot_{b2} = rot_{b2-b1} of
 * rot_{b1}) and giants summed by Horner's rule, so that steps in arithmetic progression need one key for all of them.
 * Cost: rotations as in `rotationsOf`, one product for each diagonal, one level. Outputs of one map share babies: `chained`
 * holds the diagonals of all of them, so that every output has the same chain.
 */
export const recordLinear = (
	builder: SlotBuilder,
	sources: readonly Id[],
	diagonals: readonly Diagonal[],
	split: Split,
	chained: readonly Diagonal[] = diagonals,
): Id => {
	const { slots } = builder;
	const babies = chains(builder, sources, chained, split);
	const inner = new Map<number, Id>();
	for (const { source, offset, plain } of diagonals) {
		const giant = giantOf(offset, slots, split);
		const baby = babies.get(`${source} ${babyOf(offset, slots, split)}`) as Id;
		const product = builder.multiplyPlain(baby, rotated(plain, -giant));
		const known = inner.get(giant);
		inner.set(giant, known === undefined ? product : builder.add(known, product));
	}
	const steps = [...inner.keys()].sort((a, b) => a - b);
	const up = horner(builder, inner, steps.filter((g) => g > 0).reverse());
	const down = horner(
		builder,
		inner,
		steps.filter((g) => g < 0),
	);
	return [inner.get(0), up, down].filter((id) => id !== undefined).reduce((a, b) => builder.add(a, b));
};

/** The distinct steps of the rotations that `recordLinear` makes for these outputs, each in [1, v): every one needs a key. */
export const stepsOf = (
	outputs: readonly (readonly Diagonal[])[],
	slots: number,
	split: Split,
): ReadonlySet<number> => {
	const steps = new Set<number>();
	const walk = (places: readonly number[]): void => {
		for (const side of [places.filter((p) => p > 0), places.filter((p) => p < 0)]) {
			const ordered = [0, ...side.toSorted((a, b) => Math.abs(a) - Math.abs(b))];
			for (let k = 1; k < ordered.length; k++)
				steps.add(((ordered[k] as number) - (ordered[k - 1] as number) + slots) % slots);
		}
	};
	const all = outputs.flat();
	for (const source of new Set(all.map((diagonal) => diagonal.source)))
		walk([...new Set(all.filter((d) => d.source === source).map((d) => babyOf(d.offset, slots, split)))]);
	for (const diagonals of outputs) walk([...new Set(diagonals.map((d) => giantOf(d.offset, slots, split)))]);
	return steps;
};

/** rot_{g0}(inner_{g0}) + rot_{g1}(inner_{g1}) + ... for giants ordered from the farthest to the nearest to zero. */
const horner = (builder: SlotBuilder, inner: ReadonlyMap<number, Id>, giants: readonly number[]): Id | undefined =>
	giants.reduce<Id | undefined>((sum, giant, k) => {
		const here = inner.get(giant) as Id;
		const total = sum === undefined ? here : builder.add(sum, here);
		return builder.rotate(total, giant - (giants[k + 1] ?? 0));
	}, undefined);

/** All babies of all sources by "source baby", each rotated from its neighbour nearer to zero. */
const chains = (
	builder: SlotBuilder,
	sources: readonly Id[],
	diagonals: readonly Diagonal[],
	split: Split,
): ReadonlyMap<string, Id> => {
	const made = new Map<string, Id>();
	sources.forEach((id, source) => {
		const babies = new Set(
			diagonals.filter((d) => d.source === source).map((d) => babyOf(d.offset, builder.slots, split)),
		);
		made.set(`${source} 0`, id);
		const ordered = [...babies].sort((a, b) => a - b);
		for (const side of [ordered.filter((b) => b > 0), ordered.filter((b) => b < 0).reverse()])
			side.reduce((previous, baby) => {
				const from = made.get(`${source} ${previous}`) as Id;
				made.set(`${source} ${baby}`, builder.rotate(from, baby - previous));
				return baby;
			}, 0);
	});
	return made;
};
