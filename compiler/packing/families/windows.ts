import { remembered } from '../../remembered.ts';
import { type Shape, sizeOf } from '../../tensor/graph.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import type { Placement } from '../kernels/diagonals.ts';
import { type Layout, nextPowerOfTwo, UNKNOWN, ZERO } from '../layout.ts';
import { type Blocks, blocksOf } from './blocks.ts';
import { held } from './inPlace.ts';
import { doublings } from './rows.ts';

/** A window with more entries than this is no convolution. */
const LARGEST_WINDOW = 256;
/** More diagonals than this are dearer than any other family. */
const MOST_DIAGONALS = 4096;
/** Channels that may share a block. */
const MOST_PHASES = 16;

/** The result of a convolution: `channels` of `origins.length` elements, each where its window begins in the channel's block. */
type Windows = {
	readonly channels: number;
	readonly origins: readonly number[];
	readonly stride: number;
	/** Distances of the places in a full window from the first one. */
	readonly babies: readonly number[];
	/** The shortest rotation that a window needs, negative when results moved forward to begin in slot 0. */
	readonly lowest: number;
};

/**
 * Convolutions and poolings: every row is summed where its window begins, so that an entry's offset depends only on its place in
 * the window and on the distance of the channels. Strides leave gaps between the results, which the next layer reads as they
 * are, or which other channels fill (multiplexed layouts).
 *
 *     channel blocks    | x . x . x . | x . x . |        a stride of 2: results (x) stay at every second slot
 *     offsets           kernel place + block distance: |kernel| babies, channel distances as giants
 *
 * `period` is that of all operands. None when operand or result have no channels, or windows are not the same shape everywhere (clipped ones are matched).
 */
export const windows = (
	matrix: SparseMatrix,
	layout: Layout,
	operand: Shape,
	result: Shape,
	period: number,
): readonly (readonly Placement[])[] => {
	const blocks = operand.length >= 3 && result.length >= 3 ? blocksOf(layout, operand) : undefined;
	if (blocks === undefined) return [];
	const inner = sizeOf(result.slice(2));
	const channels = matrix.rows / inner;
	const found = originsOf(matrix, blocks, result.slice(2));
	if (found === undefined || !Number.isInteger(channels)) return [];
	const extent = found.origins.reduce((a, b) => Math.max(a, b), 0) + 1;
	const stride =
		blocks.stride !== undefined && blocks.stride >= extent
			? blocks.stride
			: nextPowerOfTwo(Math.max(extent, blocks.extent));
	if (stride > layout.slots) return [];
	const shape: Windows = { ...found, channels, stride };
	return [
		...phasesFor(shape, layout.slots).map((shifts) => inBlocks(shape, layout.slots, period, shifts)),
		...folded(shape, layout.slots, period, blocks),
	];
};

/** Shifts by which channels may share a block: none but 0, as few as save ciphertexts, and as many as there is room for. */
const phasesFor = ({ channels, origins, stride }: Windows, slots: number): readonly (readonly number[])[] => {
	const all = shiftsOf(origins, stride);
	const parts = (phases: number): number => Math.ceil(channels / (Math.floor(slots / stride) * phases));
	const counts = Array.from({ length: 1 + Math.log2(MOST_PHASES) }, (_, k) => 2 ** k).filter(
		(phases) => phases <= Math.min(all.length, nextPowerOfTwo(channels)),
	);
	const enough = counts.find((phases) => parts(phases) === 1) ?? counts.at(-1) ?? 1;
	return [...new Set([1, enough, counts.at(-1) ?? 1])].map((count) => all.slice(0, count));
};

/** Shifts s >= 0 for which the sets origins + s have no slot of the block in common, smallest first. */
const shiftsOf = (origins: readonly number[], stride: number): readonly number[] => {
	const taken = new Uint8Array(stride);
	const shifts: number[] = [];
	for (let shift = 0; shift < stride && shifts.length < MOST_PHASES; shift++) {
		if (origins.some((origin) => origin + shift >= stride || taken[origin + shift] === 1)) continue;
		for (const origin of origins) taken[origin + shift] = 1;
		shifts.push(shift);
	}
	return shifts;
};

/** Channel m in block floor(m / shifts), shifted by shifts[m mod shifts]; the offsets are whatever the channels need. */
const inBlocks = (
	{ channels, origins, stride, babies, lowest }: Windows,
	slots: number,
	period: number,
	shifts: readonly number[],
): readonly Placement[] => {
	const perPart = Math.min(channels, Math.floor(slots / stride) * shifts.length);
	const width = Math.min(slots, nextPowerOfTwo(Math.ceil(perPart / shifts.length) * stride));
	const family = shifts.length === 1 ? 'windows in place' : 'windows, channels interleaved';
	return Array.from({ length: Math.ceil(channels / perPart) }, (_, part) => {
		const rows = new Int32Array(slots).fill(ZERO);
		for (let m = part * perPart; m < Math.min(channels, (part + 1) * perPart); m++) {
			const place = m - part * perPart;
			const base = Math.floor(place / shifts.length) * stride + (shifts[place % shifts.length] as number);
			origins.forEach((origin, r) => {
				for (let t = base + origin; t < slots; t += width) rows[t] = m * origins.length + r;
			});
		}
		return { ...held(family, rows, period, Math.max(width, period), MOST_DIAGONALS), babies, lowest };
	});
};

/**
 * Blocks as the hybrid method has slots: r channels of the result, r block distances, folds r, 2r .. over the blocks of a
 * period. With copies of the operand each copy may compute channels of its own, with fewer distances; leftovers stay then.
 */
const folded = (
	{ channels, origins, stride }: Windows,
	slots: number,
	period: number,
	blocks: Blocks,
): readonly (readonly Placement[])[] => {
	if (!blocks.regular || blocks.stride !== stride || !Number.isInteger(Math.log2(stride)) || period <= stride)
		return [];
	const count = period / stride;
	const copies = slots / period;
	const proposals: (readonly Placement[])[] = [];
	const rowAt = (t: number, r: number, split: boolean): number => {
		const block = Math.floor(t / stride);
		const m = split ? Math.floor(t / period) * r + (block % r) : block % r;
		const e = placeOf[t % stride] as number;
		return m < channels && e >= 0 ? m * origins.length + e : ZERO;
	};
	const placeOf = new Int32Array(stride).fill(-1);
	origins.forEach((origin, e) => {
		placeOf[origin] = e;
	});
	const rowOf = Int32Array.from({ length: channels * origins.length }, (_, row) => row);
	for (let r = nextPowerOfTwo(channels); r >= 1; r /= 2) {
		const split = r < channels;
		if (r >= count && !split) continue;
		if (split && r * copies < channels) break;
		if (r > count) continue;
		proposals.push([
			{
				family: split ? 'windows, channels split among copies' : 'windows, channels folded',
				rowOf,
				meet: (row, s) => {
					const m = Math.floor(row / origins.length);
					const block = Math.floor(s / stride);
					const at = (block - ((block - (m % r)) & (r - 1))) & (count - 1);
					const copy = split ? Math.floor(m / r) * period : 0;
					return copy + at * stride + (origins[row % origins.length] as number);
				},
				folds: doublings(r * stride, period),
				result: Int32Array.from({ length: slots }, (_, t) => {
					const leftover = split && t % period >= r * stride && (placeOf[t % stride] as number) >= 0;
					return leftover ? UNKNOWN : rowAt(t, r, split);
				}),
				period: split ? slots : period,
				lowest: -stride,
				most: MOST_DIAGONALS,
			},
		]);
	}
	return proposals;
};

/**
 * Where the window of each result element begins, in slots of its block and not negative; no two alike. Windows clipped by the
 * border are parts of a full one, and begin where the distances of the full ones say.
 */
const originsOf = (
	matrix: SparseMatrix,
	blocks: Blocks,
	spatial: Shape,
): Pick<Windows, 'origins' | 'babies' | 'lowest'> | undefined => {
	const found = Array.from({ length: sizeOf(spatial) }, (_, r) => windowOf(matrix, r, blocks));
	const most = found.reduce((n, { length }) => Math.max(n, length), 0);
	const first = found.findIndex(({ length }) => length === most);
	const full = found[first];
	if (full?.[0] === undefined || most > LARGEST_WINDOW) return undefined;
	const shape = new Set(full.map((offset) => offset - (full[0] as number)));
	const place = coordinates(first, spatial);
	const distances = distancesOf(found, most, spatial);
	const origins = found.map((_, r) =>
		coordinates(r, spatial).reduce(
			(origin, at, d) => origin + (at - (place[d] as number)) * (distances[d] as number),
			full[0] as number,
		),
	);
	if (found.some((window, r) => window.some((offset) => !shape.has(offset - (origins[r] as number))))) return undefined;
	const least = Math.min(...origins);
	if (new Set(origins).size < origins.length) return undefined;
	return { origins: origins.map((origin) => origin - least), babies: [...shape], lowest: Math.min(0, least) };
};

/** How far apart the full windows of neighbours in each dimension begin; 0 where no two are neighbours. */
const distancesOf = (found: readonly (readonly number[])[], most: number, spatial: Shape): readonly number[] =>
	spatial.map((extent, d) => {
		const step = sizeOf(spatial.slice(d + 1));
		const isPair = (r: number): boolean =>
			(coordinates(r, spatial)[d] as number) + 1 < extent &&
			found[r]?.length === most &&
			found[r + step]?.length === most;
		const r = [...found.keys()].find(isPair);
		return r === undefined ? 0 : (found[r + step]?.[0] ?? 0) - (found[r]?.[0] ?? 0);
	});

/** The place of element r of an array of this shape. */
const coordinates = (r: number, shape: Shape): readonly number[] =>
	shape.map((extent, d) => Math.floor(r / sizeOf(shape.slice(d + 1))) % extent);

/** Slots within their block that row r of the first channel reads in the channel where it reads most, ascending. */
const windowOf = (matrix: SparseMatrix, r: number, { inner, within }: Blocks): readonly number[] => {
	const byChannel = new Map<number, number[]>();
	for (let k = matrix.rowStart[r] as number; k < (matrix.rowStart[r + 1] as number); k++) {
		const column = matrix.columnOf[k] as number;
		const channel = Math.floor(column / inner);
		remembered(byChannel, channel, () => [] as number[]).push(within[column % inner] as number);
	}
	const found = [...byChannel.values()];
	return found.reduce((a, b) => (b.length > a.length ? b : a), []).sort((a, b) => a - b);
};
