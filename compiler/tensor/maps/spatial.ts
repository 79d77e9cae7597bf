import { refuse } from '../../errors.ts';
import { type Shape, sizeOf } from '../graph.ts';
import type { RowWriter, SparseMatrix } from '../sparse.ts';
import { boundedWriter, checkSize } from './rows.ts';
import { selectionMatrix } from './selection.ts';
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
 * x: [lead, ...window.input]; y: [lead, ...window.output]. Errors: 'shape' when there is nothing to take the mean of.
 */
export const averagePool = (lead: Shape, window: Window, countPadding: boolean): SparseMatrix =>
	pooled(lead, window, (met, covered) => {
		const count = countPadding ? covered : met;
		return count > 0
			? 1 / count
			: refuse({ code: 'shape', message: `A window of [${window.kernel}] lies in the padding of [${window.input}].` });
	});

/** y[l, p] = sum of x[l, s] over the taps (p, q, s). */
export const sumPool = (lead: Shape, window: Window): SparseMatrix => pooled(lead, window, () => 1);

/** y[l, p] = weight * (sum of x[l, s] over the taps), by how many taps p has and how many cells with the padding. */
const pooled = (lead: Shape, window: Window, weightOf: (met: number, covered: number) => number): SparseMatrix => {
	const input = sizeOf(window.input);
	const output = sizeOf(window.output);
	const images = sizeOf(lead);
	const writer = boundedWriter(images * output, images * input, images * tapCount(window));
	const taps = tapsOf(window);
	for (let l = 0; l < images; l++) {
		for (let p = 0; p < output; p++) {
			const met = (taps.start[p + 1] as number) - (taps.start[p] as number);
			const weight = weightOf(met, taps.covered[p] as number);
			writeTaps(writer, taps, p, l * input, () => weight);
			writer.endRow();
		}
	}
	return writer.build();
};

/** y[l, q, p] = x[l, s] of the tap (p, q, s), 0 in the padding: the blocks that the window cuts every image into. */
export const blocksOf = (images: number, window: Window): SparseMatrix => {
	const input = sizeOf(window.input);
	const output = sizeOf(window.output);
	const cells = sizeOf(window.kernel) * output;
	checkSize(images * cells);
	const taps = tapsOf(window);
	const image = new Int32Array(cells).fill(-1);
	for (let p = 0; p < output; p++) {
		const end = taps.start[p + 1] as number;
		for (let t = taps.start[p] as number; t < end; t++)
			image[(taps.kernels[t] as number) * output + p] = taps.inputs[t] as number;
	}
	const source = new Int32Array(images * cells);
	for (let l = 0; l < images; l++)
		for (let i = 0; i < cells; i++) {
			const at = image[i] as number;
			source[l * cells + i] = at < 0 ? -1 : l * input + at;
		}
	return selectionMatrix(source, images * input);
};

/** Writes the entries of output cell p on the image that begins at column `base`. */
const writeTaps = (writer: RowWriter, taps: Taps, p: number, base: number, weight: (q: number) => number): void => {
	const end = taps.start[p + 1] as number;
	for (let t = taps.start[p] as number; t < end; t++)
		writer.entry(base + (taps.inputs[t] as number), weight(taps.kernels[t] as number));
};
