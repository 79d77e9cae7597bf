import type { SlotRun } from './plan.ts';

/**
 * slots[(slot + i) * batch + b] = samples[b][element + i * step] for every run [slot, length, element, step] and i < length;
 * slots in no run are zero, and so are the slots of samples that are not given.
 *
 * samples: at most `batch` arrays; returns n real slots.
 */
export const pack = (
	runs: readonly SlotRun[],
	samples: readonly ArrayLike<number>[],
	slots: number,
	batch: number,
): Float64Array => {
	const packed = new Float64Array(slots);
	for (let b = 0; b < samples.length; b++) {
		const sample = samples[b] as ArrayLike<number>;
		for (const [slot, length, element, step] of runs)
			for (let i = 0; i < length; i++) packed[(slot + i) * batch + b] = sample[element + i * step] as number;
	}
	return packed;
};

/** element[element + i * step] = parts[p][(slot + i) * batch + sample] for every run of every part p: undoes `pack`. */
export const unpack = (
	packing: readonly (readonly SlotRun[])[],
	parts: readonly Float64Array[],
	size: number,
	sample: number,
	batch: number,
): Float64Array => {
	const elements = new Float64Array(size);
	packing.forEach((runs, p) => {
		const values = parts[p] as Float64Array;
		for (const [slot, length, element, step] of runs)
			for (let i = 0; i < length; i++) elements[element + i * step] = values[(slot + i) * batch + sample] as number;
	});
	return elements;
};
