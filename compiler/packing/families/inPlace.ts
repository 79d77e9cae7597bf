import type { Placement } from '../kernels/diagonals.ts';
import { type Layout, periodOf, ZERO } from '../layout.ts';

/** Rows that lie irregularly to their operands would take thousands of diagonals in place; another family is cheaper then. */
const MOST_DIAGONALS = 256;

/** Each row in the slots of a given layout, without folds; the offsets are whatever the matrix needs. Sources repeat with `period`. */
export const inPlace = (layout: Layout, period: number, most = MOST_DIAGONALS): readonly Placement[] => {
	const tile = Math.max(period, periodOf(layout));
	return layout.parts.map((part) => held('in place', part, period, tile, most));
};

/** Every row is summed in each slot that holds it in `part`; other slots become zero. Plaintexts repeat with `tile`. */
export const held = (family: string, part: Int32Array, period: number, tile: number, most: number): Placement => {
	const places = [...part.subarray(0, tile).keys()].filter((t) => (part[t] as number) >= 0);
	const slotOf = Int32Array.from(places);
	return {
		family,
		rowOf: slotOf.map((t) => part[t] as number),
		meet: (g) => slotOf[g] as number,
		folds: [],
		result: part.map((element) => (element >= 0 ? element : ZERO)),
		period: tile,
		lowest: -(period >> 1),
		most,
	};
};

/** Placements that give exactly `layout` of what lies in `source`: for operands that must meet elsewhere. */
export const into = (layout: Layout, source: Layout): readonly Placement[] =>
	inPlace(layout, periodOf(source), Number.POSITIVE_INFINITY);
