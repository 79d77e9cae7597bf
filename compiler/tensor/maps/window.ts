import { refuse } from '../../errors.ts';
import { type Shape, sizeOf, type Windows } from '../graph.ts';
import { checkSize } from './rows.ts';

/** A window that slides over the spatial axes of an input; every list has one entry per spatial axis. */
export type Window = {
	readonly input: Shape;
	readonly output: Shape;
	readonly kernel: Shape;
	readonly strides: readonly number[];
	readonly dilations: readonly number[];
	/** Zeros before and after each axis. */
	readonly before: readonly number[];
	readonly after: readonly number[];
};

export type WindowRequest = Pick<Window, 'input' | 'kernel' | 'strides' | 'dilations'> & {
	readonly autoPad: string;
	/** All begins, then all ends; used only when autoPad is NOTSET. */
	readonly pads: readonly number[];
	readonly ceilMode: boolean;
};

const AUTO_PADS: readonly string[] = ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'];

/**
 * The window's output size and padding on every axis. With e = dilation * (kernel - 1) + 1:
 *
 *     NOTSET, VALID  output = floor((input + before + after - e) / stride) + 1; ceilMode rounds up, but a window
 *                    that would start behind input + before does not count
 *     SAME_*         output = ceil(input / stride); the padding that needs is split evenly, an odd one goes to the
 *                    end (SAME_UPPER) or the beginning (SAME_LOWER)
 *
 * Errors: 'file' for lists of the wrong length or nonsensical values, 'shape' for a window larger than its input.
 */
export const windowOf = (request: WindowRequest): Window => {
	const { input, kernel, autoPad, ceilMode } = request;
	const rank = input.length;
	const strides = listOf('strides', request.strides, rank, 1);
	const dilations = listOf('dilations', request.dilations, rank, 1);
	if (kernel.length !== rank || kernel.some((k) => k < 1))
		refuse({ code: 'file', message: `A kernel of shape [${kernel}] does not fit ${rank} spatial axes.` });
	const pads = autoPad === 'NOTSET' ? listOf('pads', request.pads, 2 * rank, 0) : new Array<number>(2 * rank).fill(0);
	const axes = input.map((size, d) => {
		const extent = (dilations[d] as number) * ((kernel[d] as number) - 1) + 1;
		const stride = strides[d] as number;
		if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') {
			const output = Math.ceil(size / stride);
			const total = Math.max(0, (output - 1) * stride + extent - size);
			const before = autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
			return { output, before, after: total - before };
		}
		const before = pads[d] as number;
		const after = pads[rank + d] as number;
		const steps = (size + before + after - extent) / stride;
		const rounded = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
		const output = ceilMode && (rounded - 1) * stride >= size + before ? rounded - 1 : rounded;
		return { output, before, after };
	});
	if (!AUTO_PADS.includes(autoPad))
		refuse({ code: 'file', message: `auto_pad has the value '${autoPad}', which ONNX does not define.` });
	const output = axes.map((axis) => axis.output);
	if (output.some((size) => size < 1))
		refuse({ code: 'shape', message: `A window of [${kernel}] does not fit into the padded input of [${input}].` });
	checkSize(sizeOf(output) * sizeOf(kernel));
	const before = axes.map((axis) => axis.before);
	const after = axes.map((axis) => axis.after);
	return { input, output, kernel, strides, dilations, before, after };
};

export type TransposedRequest = Omit<WindowRequest, 'ceilMode'> & {
	/** Elements added to the end of every axis of the result. */
	readonly outputPadding: readonly number[];
	/** What the result has to be, [] when that follows from the padding. */
	readonly outputShape: readonly number[];
};

/**
 * The window of the convolution whose transpose is asked for, so its `input` is what the transposed one makes of
 * `request.input`, its `output`. With e = dilation * (kernel - 1) + 1 and full = stride * (input - 1) + e + outputPadding:
 *
 *     NOTSET, VALID  result = full - before - after
 *     SAME_*         result = stride * input, unless outputShape says what it is
 *
 * Where the result is given, before + after = full - result; an odd one goes to the end for SAME_UPPER, else to the beginning.
 * Errors: 'file' for lists of the wrong length or nonsensical values, 'shape' where nothing would be left, 'unsupported' for
 * a result longer than full by a stride, which onnxruntime refuses, or at all without outputShape, where it gives a shorter one.
 */
export const transposedWindowOf = (request: TransposedRequest): Window => {
	const { input: output, kernel, autoPad } = request;
	const rank = output.length;
	const strides = listOf('strides', request.strides, rank, 1);
	const dilations = listOf('dilations', request.dilations, rank, 1);
	const added = listOf('output_padding', request.outputPadding, rank, 0);
	if (kernel.length !== rank || kernel.some((k) => k < 1))
		refuse({ code: 'file', message: `A kernel of shape [${kernel}] does not fit ${rank} spatial axes.` });
	if (!AUTO_PADS.includes(autoPad))
		refuse({ code: 'file', message: `auto_pad has the value '${autoPad}', which ONNX does not define.` });
	const pads = autoPad === 'NOTSET' ? listOf('pads', request.pads, 2 * rank, 0) : new Array<number>(2 * rank).fill(0);
	const isSame = autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
	const same = isSame ? output.map((size, d) => size * (strides[d] as number)) : [];
	const given = request.outputShape.length > 0 ? listOf('output_shape', request.outputShape, rank, 1) : same;
	const axes = output.map((size, d) => {
		const extent = (dilations[d] as number) * ((kernel[d] as number) - 1) + 1;
		const full = (strides[d] as number) * (size - 1) + extent + (added[d] as number);
		const wanted = given[d];
		if (wanted === undefined) {
			const [before, after] = [pads[d] as number, pads[rank + d] as number];
			return { input: full - before - after, before, after };
		}
		const isImplied = request.outputShape.length === 0;
		if (wanted - full >= (isImplied ? 1 : (strides[d] as number)))
			refuse({
				code: 'unsupported',
				message: `A window of [${kernel}] makes ${full} elements of ${size} on an axis, and ${wanted} are asked for.`,
				hint: 'Ask with output_shape for less than a stride more, or pad the result with Pad.',
			});
		const padding = Math.max(0, full - wanted);
		const before = autoPad === 'SAME_UPPER' ? Math.floor(padding / 2) : Math.ceil(padding / 2);
		return { input: wanted, before, after: padding - before };
	});
	const input = axes.map((axis) => axis.input);
	if (input.some((size) => size < 1))
		refuse({ code: 'shape', message: `A window of [${kernel}] makes nothing of [${output}] with pads [${pads}].` });
	checkSize(sizeOf(input));
	checkSize(sizeOf(output) * sizeOf(kernel));
	const before = axes.map((axis) => axis.before);
	const after = axes.map((axis) => axis.after);
	return { input, output, kernel, strides, dilations, before, after };
};

/** An attribute list with its default: `empty` everywhere when absent. */
const listOf = (name: string, list: readonly number[], length: number, empty: number): readonly number[] => {
	if (list.length === 0) return new Array<number>(length).fill(empty);
	if (list.length !== length || list.some((value) => value < empty))
		return refuse({
			code: list.some((value) => value < 0) && name === 'pads' ? 'unsupported' : 'file',
			message: `${name} is [${list}], where ${length} values of at least ${empty} are expected.`,
		});
	return list;
};

/**
 * Which kernel cell meets which input cell: output cell p meets input cell inputs[t] with kernel cell kernels[t] for
 * start[p] <= t < start[p + 1], input cells ascending; padding is left out. All cells are row-major spatial indices.
 * `covered[p]` counts the kernel cells of p that lie inside the padded input.
 */
export type Taps = {
	readonly start: Int32Array;
	readonly kernels: Int32Array;
	readonly inputs: Int32Array;
	readonly covered: Int32Array;
};

/** How many taps there are, without making them: the product over the axes of the kernel cells that meet an input cell. */
export const tapCount = ({ input, output, kernel, strides, dilations, before }: Window): number =>
	input.reduce((product, size, d) => {
		let count = 0;
		for (let o = 0; o < (output[d] as number); o++) {
			const first = o * (strides[d] as number) - (before[d] as number);
			for (let k = 0; k < (kernel[d] as number); k++) {
				const at = first + k * (dilations[d] as number);
				if (at >= 0 && at < size) count += 1;
			}
		}
		return product * count;
	}, 1);

export const tapsOf = (window: Window): Taps => {
	const { output, kernel } = window;
	const count = tapCount(window);
	const start = new Int32Array(sizeOf(output) + 1);
	const covered = new Int32Array(sizeOf(output));
	const kernels = new Int32Array(count);
	const inputs = new Int32Array(count);
	const outputAt = new Array<number>(output.length).fill(0);
	let t = 0;
	for (let p = 0; p < covered.length; p++, advance(outputAt, output)) {
		const kernelAt = new Array<number>(output.length).fill(0);
		for (let q = 0; q < sizeOf(kernel); q++, advance(kernelAt, kernel)) {
			const { inside, cell } = meet(window, outputAt, kernelAt);
			if (inside) covered[p] = (covered[p] as number) + 1;
			if (cell < 0) continue;
			kernels[t] = q;
			inputs[t++] = cell;
		}
		start[p + 1] = t;
	}
	return { start, kernels, inputs, covered };
};

/** The cells of every window in every one of `images` inputs, one after another; padding is left out. */
export const windowsIn = (images: number, window: Window): Windows => {
	const { start, inputs } = tapsOf(window);
	const places = start.length - 1;
	const result = { start: new Int32Array(images * places + 1), members: new Int32Array(images * inputs.length) };
	const input = sizeOf(window.input);
	for (let l = 0; l < images; l++) {
		for (let p = 1; p <= places; p++) result.start[l * places + p] = l * inputs.length + (start[p] as number);
		for (let t = 0; t < inputs.length; t++) result.members[l * inputs.length + t] = l * input + (inputs[t] as number);
	}
	return result;
};

/** The input cell under a kernel cell, -1 in the padding; `inside` while it is in the padded input. */
const meet = (window: Window, outputAt: readonly number[], kernelAt: readonly number[]) => {
	let cell = 0;
	let inside = true;
	for (let d = 0; d < outputAt.length; d++) {
		const size = window.input[d] as number;
		const at =
			(outputAt[d] as number) * (window.strides[d] as number) +
			(kernelAt[d] as number) * (window.dilations[d] as number) -
			(window.before[d] as number);
		if (at >= size + (window.after[d] as number)) inside = false;
		cell = cell < 0 || at < 0 || at >= size ? -1 : cell * size + at;
	}
	return { inside, cell };
};

/** Steps a row-major multi-index, wrapping to zero at the end. */
const advance = (at: number[], shape: Shape): void => {
	for (let d = shape.length - 1; d >= 0; d--) {
		const next = (at[d] as number) + 1;
		at[d] = next < (shape[d] as number) ? next : 0;
		if (at[d] !== 0) return;
	}
};
