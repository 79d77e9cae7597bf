import { type Layout, periodOf, UNKNOWN, ZERO } from '../packing/layout.ts';

/**
 * What the slots of a tensor's ciphertexts hold, as a picture needs it. A part is a text of runs `slot,length,stride,element,step`
 * with `;` between: slot + i * stride holds element + i * step for 0 <= i < length. Element -2 is a leftover, slots in no run
 * are zero, and everything repeats with the period.
 */
export type SlotPicture = {
	readonly slots: number;
	readonly period: number;
	/** Elements of the tensor. */
	readonly elements: number;
	/** Ciphertexts, of which the first few are shown. */
	readonly ciphertexts: number;
	readonly parts: readonly string[];
	/** Are there more runs than the texts hold? */
	readonly cut: boolean;
};

/** Slots that follow each other at one stride, with elements that follow each other at one step. */
type Run = { readonly slot: number; length: number; stride: number; readonly element: number; step: number };

const MOST_PARTS = 3;
const MOST_RUNS = 2500;

/** The first few ciphertexts of a layout as runs; `elements` is the size of the tensor. */
export const slotPicture = (layout: Layout, elements: number): SlotPicture => {
	const period = periodOf(layout);
	const runs = layout.parts.slice(0, MOST_PARTS).map((part) => stridedRuns(part.subarray(0, period)));
	return {
		slots: layout.slots,
		period,
		elements,
		ciphertexts: layout.parts.length,
		parts: runs.map((list) => list.slice(0, MOST_RUNS).map(textOf).join(';')),
		cut: runs.some((list) => list.length > MOST_RUNS),
	};
};

const textOf = ({ slot, length, stride, element, step }: Run): string =>
	[slot, length, stride, element, step].join(',');

/** Every slot that is not zero in exactly one run; elements and leftovers apart, so that gaps between elements end no run. */
const stridedRuns = (part: Int32Array): readonly Run[] => {
	const runs: Run[] = [];
	const open: { element: Run | undefined; leftover: Run | undefined } = { element: undefined, leftover: undefined };
	part.forEach((element, slot) => {
		if (element === ZERO) return;
		const kind = element === UNKNOWN ? 'leftover' : 'element';
		const run = open[kind];
		if (run !== undefined && continues(run, slot, element)) return;
		const next: Run = { slot, length: 1, stride: 1, element, step: 0 };
		open[kind] = next;
		runs.push(next);
	});
	return runs;
};

/** Lengthens the run by this slot if it fits; the second slot of a run decides its stride and step. */
const continues = (run: Run, slot: number, element: number): boolean => {
	if (run.length === 1) {
		run.stride = slot - run.slot;
		run.step = element - run.element;
	}
	const fits = slot === run.slot + run.length * run.stride && element === run.element + run.length * run.step;
	if (fits) run.length++;
	return fits;
};
