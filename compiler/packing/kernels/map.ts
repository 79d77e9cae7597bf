import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import { type Layout, layoutOf } from '../layout.ts';
import { bestSplit, recordLinear, type Split, stepsOf } from './babyGiant.ts';
import type { Diagonal, Placement } from './diagonals.ts';

/** A linear map with everything decided: ready to be recorded, its cost known. */
export type PackedMap = {
	readonly family: string;
	readonly outputs: readonly { readonly placement: Placement; readonly diagonals: readonly Diagonal[] }[];
	readonly split: Split;
	readonly layout: Layout;
	readonly counts: Counts;
};

/** What a map costs, in operations; steps are the distinct rotation steps (each is a key). */
export type Counts = { readonly rotations: number; readonly products: number; readonly steps: ReadonlySet<number> };

export const packedMap = (slots: number, outputs: PackedMap['outputs']): PackedMap => {
	const { rotations, ...split } = bestSplit(
		outputs.map((output) => output.diagonals),
		slots,
	);
	return {
		family: outputs[0]?.placement.family ?? 'empty',
		outputs,
		split,
		layout: layoutOf(
			slots,
			outputs.map((output) => output.placement.result),
		),
		counts: {
			rotations: rotations + outputs.reduce((sum, output) => sum + output.placement.folds.length, 0),
			products: outputs.reduce((sum, output) => sum + output.diagonals.length, 0),
			steps: new Set([
				...outputs.flatMap((output) => output.placement.folds),
				...stepsOf(
					outputs.map((output) => output.diagonals),
					slots,
					split,
				),
			]),
		},
	};
};

/** Records y = folds(w) for each output ciphertext; `sources` in the order the diagonals count them. */
export const recordMap = (builder: SlotBuilder, sources: readonly Id[], map: PackedMap): readonly Id[] => {
	const all = map.outputs.flatMap((output) => output.diagonals);
	return map.outputs.map(({ placement, diagonals }) => {
		const w = recordLinear(builder, sources, diagonals, map.split, all);
		return placement.folds.reduceRight((y, fold) => builder.add(y, builder.rotate(y, fold)), w);
	});
};
