import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import { type Layout, layoutOf, UNKNOWN } from '../layout.ts';
import { bestSplit, chainBabies, giantOf, recordLinear, type Split, stepsOf } from './babyGiant.ts';
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
	readonly layout: Layout;
	readonly counts: Counts;
};

/** What a map costs, in operations; steps are the distinct rotation steps (each is a key). */
export type Counts = { readonly rotations: number; readonly products: number; readonly steps: ReadonlySet<number> };

export const packedMap = (slots: number, given: readonly MapOutput[]): PackedMap => {
	const summed = given.every(({ cover }) => cover.summed);
	const outputs = summed ? given.map((output) => foldedSum(output, slots)) : given;
	const diagonals = outputs.map(({ cover }) => cover.diagonals);
	const { rotations, split } = bestSplit(diagonals, slots, outputs[0]?.placement.babies);
	const folds = outputs.flatMap(({ placement }) => placement.folds);
	const products = diagonals.reduce((total, { length }) => total + length, 0);
	return {
		family: `${outputs[0]?.placement.family ?? 'empty'}${summed ? ', added up' : ''}`,
		outputs,
		summed,
		split,
		layout: layoutOf(
			slots,
			outputs.map(({ placement }) => (summed ? withLeftovers(placement.result) : placement.result)),
		),
		counts: {
			rotations: rotations + folds.length,
			products: summed ? 0 : products,
			steps: new Set([...folds, ...stepsOf(diagonals, slots, split)]),
		},
	};
};

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
	const babies = chainBabies(builder, sources, all, map.split);
	return map.outputs.map(({ cover, placement }) => {
		const plains = map.summed ? undefined : cover.plains((offset) => giantOf(offset, builder.slots, map.split));
		const w = recordLinear(builder, sources, cover.diagonals, plains, map.split, babies);
		return placement.folds.reduceRight((y, fold) => builder.add(y, builder.rotate(y, fold)), w);
	});
};
