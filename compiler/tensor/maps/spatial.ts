import { type Shape, sizeOf } from '../graph.ts';
import type { RowWriter, SparseMatrix } from '../sparse.ts';
import { boundedWriter } from './rows.ts';
import { type Taps, tapCount, tapsOf, type Window } from './window.ts';

/**
 * y[n, m, p] = sum over c < C / groups and taps (p, q, s) of weights[m, c, q] * x[n, g C / groups + c, s], g the group of m.
 *
 * x: [batch, channels, ...window.input]; weights: [maps, channels / groups, ...window.kernel];
 * y: [batch, maps, ...window.output]. Entries: batch * maps * (channels / groups) * taps.
 */
export const convolution = (
	{ batch, channels, maps, groups }: Readonly<Record<'batch' | 'channels' | 'maps' | 'groups', number>>,
	weights: Float64Array,
	window: Window,
): SparseMatrix => {
	const input = sizeOf(window.input);
	const output = sizeOf(window.output);
	const kernel = sizeOf(window.kernel);
	const depth = channels / groups;
	const writer = boundedWriter(
		batch * maps * output,
		batch * channels * input,
		batch * maps * depth * tapCount(window),
	);
	const taps = tapsOf(window);
	for (let n = 0; n < batch; n++) {
		for (let m = 0; m < maps; m++) {
			const first = n * channels + Math.floor((m * groups) / maps) * depth;
			for (let p = 0; p < output; p++) {
				for (let c = 0; c < depth; c++)
					writeTaps(writer, taps, p, (first + c) * input, (q) => weights[(m * depth + c) * kernel + q] as number);
				writer.endRow();
			}
		}
	}
	return writer.build();
};

/**
 * y[l, p] = mean of x[l, s] over the taps (p, q, s); with `countPadding` the zeros of the padding count as well.
 *
 * x: [lead, ...window.input]; y: [lead, ...window.output].
 */
export const averagePool = (lead: Shape, window: Window, countPadding: boolean): SparseMatrix => {
	const input = sizeOf(window.input);
	const output = sizeOf(window.output);
	const images = sizeOf(lead);
	const writer = boundedWriter(images * output, images * input, images * tapCount(window));
	const taps = tapsOf(window);
	for (let l = 0; l < images; l++) {
		for (let p = 0; p < output; p++) {
			const met = (taps.start[p + 1] as number) - (taps.start[p] as number);
			const weight = 1 / (countPadding ? (taps.covered[p] as number) : met);
			writeTaps(writer, taps, p, l * input, () => weight);
			writer.endRow();
		}
	}
	return writer.build();
};

/** Writes the entries of output cell p on the image that begins at column `base`. */
const writeTaps = (writer: RowWriter, taps: Taps, p: number, base: number, weight: (q: number) => number): void => {
	const end = taps.start[p + 1] as number;
	for (let t = taps.start[p] as number; t < end; t++)
		writer.entry(base + (taps.inputs[t] as number), weight(taps.kernels[t] as number));
};
