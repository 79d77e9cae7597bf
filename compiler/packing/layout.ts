import { createHash } from 'node:crypto';
import type { SlotRun } from '../../runtime/plan.ts';
import { type Shape, sizeOf } from '../tensor/graph.ts';

/** A slot that is exactly zero. */
export const ZERO = -1;
/** A slot that holds something of no use: partial sums, other samples' leftovers. */
export const UNKNOWN = -2;

/**
 * Where the elements of a tensor are: parts[p][t] is the element in virtual slot t of ciphertext p, or ZERO, or UNKNOWN.
 * An element may be in several slots (copies); each is in at least one.
 */
export type Layout = {
	readonly slots: number;
	readonly parts: readonly Int32Array[];
	/** Equal keys exactly for equal layouts (a hash of the parts). */
	readonly key: string;
};

export const layoutOf = (slots: number, parts: readonly Int32Array[]): Layout => {
	const hash = createHash('sha1').update(`${slots} ${parts.length}`);
	for (const part of parts) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
	return { slots, parts, key: hash.digest('base64') };
};

/** Element e in slots e, e + period, e + 2 period ...; the smallest power-of-two period that holds `size` elements, several parts when v is too small. */
export const replicated = (size: number, slots: number): Layout => {
	const period = Math.min(slots, nextPowerOfTwo(size));
	const parts = Array.from({ length: Math.ceil(size / slots) }, (_, part) =>
		Int32Array.from({ length: slots }, (_, t) => {
			const element = part * slots + (t % period);
			return element < size ? element : ZERO;
		}),
	);
	return layoutOf(slots, parts);
};

/**
 * Channels of a tensor [batch, channels, ...] in blocks of a power of two slots, none of them in two ciphertexts; repeated where
 * one ciphertext holds all. Undefined when that is no different from `replicated`, or a channel needs several ciphertexts.
 */
export const inChannelBlocks = (shape: Shape, slots: number): Layout | undefined => {
	const inner = sizeOf(shape.slice(2));
	const channels = sizeOf(shape) / inner;
	const block = nextPowerOfTwo(inner);
	if (shape.length < 3 || channels === 1 || block === inner || block > slots) return undefined;
	const perPart = slots / block;
	const period = Math.min(perPart, nextPowerOfTwo(channels));
	const parts = Array.from({ length: Math.ceil(channels / perPart) }, (_, part) =>
		Int32Array.from({ length: slots }, (__, t) => {
			const channel = part * perPart + (Math.floor(t / block) % period);
			const place = t % block;
			return channel < channels && place < inner ? channel * inner + place : ZERO;
		}),
	);
	return layoutOf(slots, parts);
};

/** The smallest p, a power of two, with part[t] = part[t mod p] for every slot of every part. */
export const periodOf = ({ slots, parts }: Layout): number => {
	let period = slots;
	const repeats = (half: number): boolean =>
		parts.every((part) => {
			for (let t = 0; t < half; t++) if (part[t] !== part[t + half]) return false;
			return true;
		});
	while (period > 1 && repeats(period / 2)) period /= 2;
	return period;
};

/** Does any slot hold leftovers that the owner of the result should not see? */
export const hasUnknown = (layout: Layout): boolean => layout.parts.some((part) => part.includes(UNKNOWN));

/** The vectors of v slots that hold `data` in this layout; zero where no element is. */
export const packInto = (layout: Layout, data: ArrayLike<number>): readonly Float64Array[] =>
	layout.parts.map((part) => Float64Array.from(part, (element) => (element >= 0 ? (data[element] as number) : 0)));

/** The elements as arithmetic runs, each slot that holds one in exactly one run. */
export const runsOf = (part: Int32Array): readonly SlotRun[] => {
	const runs: SlotRun[] = [];
	for (let t = 0; t < part.length; ) {
		const element = part[t] as number;
		if (element < 0) {
			t++;
			continue;
		}
		const next = part[t + 1] ?? ZERO;
		const step = next >= 0 ? next - element : 0;
		const continues = (length: number): boolean => {
			const expected = element + length * step;
			return next >= 0 && expected >= 0 && part[t + length] === expected;
		};
		let length = 1;
		while (continues(length)) length++;
		runs.push([t, length, element, step]);
		t += length;
	}
	return runs;
};

/**
 * The layout with one slot for each element, the last that has it; what a reader of the result needs. The last, because key
 * switching is noisiest in the first few slots (runtime/noise.ts).
 */
export const lastCopies = (layout: Layout): Layout => {
	const seen = new Set<number>();
	const parts = layout.parts.map((part) => new Int32Array(part.length).fill(ZERO));
	for (let p = parts.length - 1; p >= 0; p--)
		for (let t = layout.slots - 1; t >= 0; t--) {
			const element = layout.parts[p]?.[t] ?? ZERO;
			if (element < 0 || seen.has(element)) continue;
			seen.add(element);
			(parts[p] as Int32Array)[t] = element;
		}
	return layoutOf(layout.slots, parts);
};

/** In words, for reports: "845 elements in 1 ciphertext, 4 copies with period 1024". */
export const describe = (layout: Layout): string => {
	const elements = new Set(layout.parts.flatMap((part) => [...part].filter((element) => element >= 0))).size;
	const filled = layout.parts.reduce((count, part) => count + part.filter((element) => element >= 0).length, 0);
	const period = periodOf(layout);
	const copies = filled / Math.max(1, elements);
	return [
		`${elements} element${elements === 1 ? '' : 's'} in ${layout.parts.length} ciphertext${layout.parts.length === 1 ? '' : 's'}`,
		copies === 1 ? '' : `, ${Number(copies.toFixed(2))} copies each`,
		period === layout.slots ? '' : `, period ${period}`,
		hasUnknown(layout) ? ', leftovers between' : '',
	].join('');
};

export const nextPowerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, size)));
