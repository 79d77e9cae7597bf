import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import { type Layout, layoutOf, UNKNOWN } from '../layout.ts';
import {
	bestSplits,
	giantOf,
	recordLinear,
	rotateBabies,
	type Split,
	type Turns,
	turnsOf,
	type Weights,
} from './babyGiant.ts';
import type { Cover, Placement } from './diagonals.ts';

/** One output ciphertext of a map: what is multiplied, and what is then folded. */
export type MapOutput = {
	readonly cover: Cover;
	readonly placement: Pick<Placement, 'family' | 'folds' | 'result' | 'babies'>;
};

/** A linear map with everything decided: ready to be recorded, its cost known. */
export type PackedMap = {
	readonly family: string;
	readonly outputs: readonly MapOutput[];
	/** No products: rotated sources are only added. */
	readonly summed: boolean;
	readonly split: Split;
	/** Babies that are rotations of one value, see `rotateBabies`. */
	readonly reach: number;
	/** Folds done at once, of the same value: y + rot_f(y) + rot_g(y) + rot_{f + g}(y) for two. */
	readonly foldsAtOnce: number;
	readonly layout: Layout;
	readonly counts: Counts;
};

/** What a map costs, in operations. */
export type Counts = Turns & { readonly products: number };

/**
 * What splits are compared by. The first has the fewest rotations. Where a value that was decomposed once is rotated cheaply, a giant,
 * which has a decomposition of its own, is worth several babies: five as time goes, fewer where their keys count.
 */
const WEIGHTS: readonly Weights[] = [
	{ baby: 1, giant: 1 },
	{ baby: 1, giant: 2 },
	{ baby: 1, giant: 5 },
];
/** How babies and folds are made then: more of them of one value, at the price of more keys. */
const REACHES = [1, 2, 3, 4, 5, 7, 8, 16, Number.POSITIVE_INFINITY];
const FOLDS_AT_ONCE = [1, 2, 3];

/**
 * The ways of computing a map that differ in what they take, at least one: the first has the fewest rotations and hardly more
 * keys than needed. All have the same `outputs`.
 */
export const packedMaps = (slots: number, given: readonly MapOutput[]): readonly PackedMap[] => {
	const summed = given.every(({ cover }) => cover.summed);
	const outputs = summed ? given.map((output) => foldedSum(output, slots)) : given;
	const diagonals = outputs.map(({ cover }) => cover.diagonals);
	const products = summed ? 0 : diagonals.reduce((total, { length }) => total + length, 0);
	const common = {
		family: `${outputs[0]?.placement.family ?? 'empty'}${summed ? ', added up' : ''}`,
		outputs,
		summed,
		layout: layoutOf(
			slots,
			outputs.map(({ placement }) => (summed ? withLeftovers(placement.result) : placement.result)),
		),
	};
	const splits = new Set(bestSplits(diagonals, slots, WEIGHTS, outputs[0]?.placement.babies).map(({ split }) => split));
	const babies = leastOf(
		[...splits].flatMap((split) =>
			REACHES.map((reach) => ({ split, reach, turns: turnsOf(diagonals, slots, split, reach) })),
		),
	);
	const folds = leastOf(
		FOLDS_AT_ONCE.map((foldsAtOnce) => ({ foldsAtOnce, turns: foldTurns(outputs, slots, foldsAtOnce) })),
	);
	return babies.flatMap(({ turns, ...made }) =>
		folds.map(
			({ foldsAtOnce, turns: folded }): PackedMap => ({
				...common,
				...made,
				foldsAtOnce,
				counts: { ...together(turns, folded), products },
			}),
		),
	);
};

/** Without those that take as much of everything as another one before them. */
const leastOf = <T extends { readonly turns: Turns }>(ways: readonly T[]): readonly T[] => {
	const kept: T[] = [];
	for (const way of ways) if (!kept.some(({ turns }) => isNoMore(turns, way.turns))) kept.push(way);
	return kept;
};

const together = (a: Turns, b: Turns): Turns => ({
	rotations: a.rotations + b.rotations,
	decompositions: a.decompositions + b.decompositions,
	steps: new Set([...b.steps, ...a.steps]),
});

const isNoMore = (a: Turns, b: Turns): boolean =>
	a.rotations <= b.rotations && a.decompositions <= b.decompositions && [...a.steps].every((step) => b.steps.has(step));

const foldTurns = (outputs: readonly MapOutput[], slots: number, atOnce: number): Turns => {
	const groups = outputs.flatMap(({ placement }) => foldGroups(placement.folds, atOnce));
	const steps = groups.flatMap((group) => group.map((step) => step & (slots - 1)));
	return { rotations: steps.length, decompositions: groups.length, steps: new Set(steps) };
};

/** The rotations y = y + rot_s(y) + .. of each group of folds, in the order in which they are done: the last fold first. */
const foldGroups = (folds: readonly number[], atOnce: number): readonly (readonly number[])[] =>
	Array.from({ length: Math.ceil(folds.length / atOnce) }, (_, k) =>
		sumsOf(folds.toReversed().slice(k * atOnce, (k + 1) * atOnce)),
	);

/** The sums of some of the folds: a, b, a + b .. */
const sumsOf = (folds: readonly number[]): readonly number[] =>
	Array.from({ length: 2 ** folds.length - 1 }, (_, k) =>
		folds.reduce((sum, fold, bit) => (((k + 1) >> bit) & 1 ? sum + fold : sum), 0),
	);

/** A plain sum over offsets o + (0 or f1) + (0 or f2) .. of one source takes a rotation for each f: log2 of their number. */
const foldedSum = (output: MapOutput, slots: number): MapOutput => {
	const { cover, placement } = output;
	const source = cover.diagonals[0]?.source ?? 0;
	if (cover.diagonals.some((diagonal) => diagonal.source !== source)) return output;
	const offsets = cover.diagonals
		.map(({ offset }) => (offset >= slots / 2 ? offset - slots : offset))
		.sort((a, b) => a - b);
	const folds = foldsOf(offsets);
	if (folds === undefined) return output;
	const first = ((offsets[0] as number) + slots) & (slots - 1);
	return { cover: { ...cover, diagonals: [{ source, offset: first }] }, placement: { ...placement, folds } };
};

/** f1, f2 .. when the ascending offsets are all sums of o and some of the f; undefined otherwise. */
const foldsOf = (offsets: readonly number[]): readonly number[] | undefined => {
	if (offsets.length === 1) return [];
	const [first, second] = offsets as readonly [number, number];
	const fold = second - first;
	const left = new Set(offsets);
	const kept: number[] = [];
	for (const offset of offsets) {
		if (!left.delete(offset)) continue;
		if (!left.delete(offset + fold)) return undefined;
		kept.push(offset);
	}
	const others = foldsOf(kept);
	return others && [fold, ...others];
};

/** Where no plaintext is zero, sums of anything are left in all slots. */
const withLeftovers = (result: Int32Array): Int32Array => result.map((element) => (element >= 0 ? element : UNKNOWN));

/** Records y = folds(w) for each output ciphertext; `sources` in the order the diagonals count them. */
export const recordMap = (builder: SlotBuilder, sources: readonly Id[], map: PackedMap): readonly Id[] => {
	const all = map.outputs.flatMap(({ cover }) => cover.diagonals);
	const babies = rotateBabies(builder, sources, all, map.split, map.reach);
	return map.outputs.map(({ cover, placement }) => {
		const plains = map.summed ? undefined : cover.plains((offset) => giantOf(offset, builder.slots, map.split));
		const w = recordLinear(builder, cover.diagonals, plains, map.split, babies);
		return foldGroups(placement.folds, map.foldsAtOnce).reduce((y, steps) => addRotated(builder, y, steps), w);
	});
};

/** y + rot_s(y) + .. for each of the steps. */
const addRotated = (builder: SlotBuilder, y: Id, steps: readonly number[]): Id =>
	steps.map((step) => builder.rotate(y, step)).reduce((sum, rotated) => builder.add(sum, rotated), y);
