import type { Shape } from '../tensor/graph.ts';
import { sizeOf } from '../tensor/graph.ts';
import type { SparseMatrix } from '../tensor/sparse.ts';
import type { Placement } from './kernels/diagonals.ts';
import { type Layout, nextPowerOfTwo, periodOf, ZERO } from './layout.ts';

/** Channels of a tensor [batch, channels, ...] as blocks of slots: element r of a channel is `within[r]` slots into its block. */
type Blocks = { readonly inner: number; readonly stride: number; readonly within: Int32Array };

/** A window with more entries than this is no convolution. */
const LARGEST_WINDOW = 256;
/** More diagonals than this are dearer than any other family. */
const MOST_DIAGONALS = 1024;

/**
 * Convolutions and poolings: every row is summed where its window begins, so that an entry's offset depends only on its place in
 * the window and on the distance of the channels. Strides leave gaps between the results, which the next layer reads as they
 * are (multiplexed layouts).
 *
 *     channel blocks    | x . x . x . | x . x . |        a stride of 2: results (x) stay at every second slot
 *     offsets           kernel place + block distance: |kernel| babies, channel distances as giants
 *
 * Undefined when operand or result have no channels, or windows are not the same shape everywhere (clipped ones are matched).
 */
export const anchored = (
	matrix: SparseMatrix,
	layout: Layout,
	operand: Shape,
	result: Shape,
): readonly Placement[] | undefined => {
	const blocks = operand.length >= 3 && result.length >= 3 ? blocksOf(layout, operand) : undefined;
	if (blocks === undefined) return undefined;
	const inner = sizeOf(result.slice(2));
	const channels = matrix.rows / inner;
	const origins = originsOf(matrix, blocks, inner);
	if (origins === undefined || !Number.isInteger(channels)) return undefined;
	const perPart = Math.min(channels, Math.floor(layout.slots / blocks.stride));
	if (perPart < 1 || origins.some((origin) => origin >= blocks.stride)) return undefined;
	const width = Math.min(layout.slots, nextPowerOfTwo(perPart * blocks.stride));
	const period = Math.min(layout.slots, Math.max(width, periodOf(layout)));
	return Array.from({ length: Math.ceil(channels / perPart) }, (_, part) => {
		const held = new Int32Array(layout.slots).fill(ZERO);
		for (let m = part * perPart; m < Math.min(channels, (part + 1) * perPart); m++)
			for (let r = 0; r < inner; r++) {
				const slot = (m - part * perPart) * blocks.stride + (origins[r] as number);
				for (let t = slot; t < layout.slots; t += width) held[t] = m * inner + r;
			}
		return {
			family: 'windows in place',
			groupOf: held.map((element, t) => (element >= 0 ? t : -1)),
			rowOf: held,
			folds: [],
			result: held,
			period,
			window: 'any' as const,
			most: MOST_DIAGONALS,
		};
	});
};

/** The blocks of a layout, if all channels lie alike; by the first copy of each element. */
const blocksOf = (layout: Layout, shape: Shape): Blocks | undefined => {
	const inner = sizeOf(shape.slice(2));
	const places = firstPlaces(layout, sizeOf(shape));
	const channels = places.length / inner;
	const base = places[0];
	if (base === undefined) return undefined;
	const within = Int32Array.from({ length: inner }, (_, r) => (places[r]?.slot ?? 0) - base.slot);
	for (let c = 0; c < channels; c++) {
		const first = places[c * inner];
		for (let r = 0; r < inner; r++) {
			const place = places[c * inner + r];
			if (first === undefined || place?.part !== first.part || place.slot - first.slot !== within[r]) return undefined;
		}
	}
	const second = places[inner];
	const extent = within.reduce((a, b) => Math.max(a, b), 0) + 1;
	const stride = second !== undefined && second.part === base.part ? second.slot - base.slot : nextPowerOfTwo(extent);
	return stride > 0 ? { inner, stride, within } : undefined;
};

type Place = { readonly part: number; readonly slot: number };

const firstPlaces = ({ parts }: Layout, size: number): readonly (Place | undefined)[] => {
	const places = new Array<Place | undefined>(size).fill(undefined);
	parts.forEach((elements, part) => {
		elements.forEach((element, slot) => {
			if (element >= 0 && places[element] === undefined) places[element] = { part, slot };
		});
	});
	return places;
};

/** Where the window of each result element begins, in slots of its block and not negative; no two alike. */
const originsOf = (matrix: SparseMatrix, blocks: Blocks, inner: number): readonly number[] | undefined => {
	const windows = Array.from({ length: inner }, (_, r) => windowOf(matrix, r, blocks));
	const full = windows.reduce((a, b) => (b.length > a.length ? b : a), []);
	const corner = full[0];
	if (corner === undefined || full.length > LARGEST_WINDOW) return undefined;
	const shape = new Set(full.map((offset) => offset - corner));
	const origins: number[] = [];
	for (const window of windows) {
		const [first] = window;
		// A window clipped by the border is a part of the full one: find the shift that makes it so.
		const start =
			first === undefined
				? undefined
				: [...shape].map((k) => first - k).find((s) => window.every((o) => shape.has(o - s)));
		if (start === undefined) return undefined;
		origins.push(start);
	}
	const least = Math.min(...origins);
	return new Set(origins).size === inner ? origins.map((origin) => origin - least) : undefined;
};

/** Slots within their block that row r of the first channel reads in the channel where it reads most, ascending. */
const windowOf = (matrix: SparseMatrix, r: number, { inner, within }: Blocks): readonly number[] => {
	const byChannel = new Map<number, number[]>();
	for (let k = matrix.rowStart[r] as number; k < (matrix.rowStart[r + 1] as number); k++) {
		const column = matrix.columnOf[k] as number;
		const channel = Math.floor(column / inner);
		byChannel.set(channel, [...(byChannel.get(channel) ?? []), within[column % inner] as number]);
	}
	const windows = [...byChannel.values()];
	return windows.reduce((a, b) => (b.length > a.length ? b : a), []).sort((a, b) => a - b);
};
