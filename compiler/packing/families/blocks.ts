import { type Shape, sizeOf } from '../../tensor/graph.ts';
import type { Layout } from '../layout.ts';

/**
 * Channels of a tensor [batch, channels, ...] as blocks of slots that are alike: element r of a channel is `within[r]` slots
 * after its first one, in every channel.
 */
export type Blocks = {
	/** Elements of a channel. */
	readonly inner: number;
	readonly within: Int32Array;
	/** Slots from the first to the last element of a channel. */
	readonly extent: number;
	/** Distance of the blocks, where all are equally far from each other and do not overlap. */
	readonly stride: number | undefined;
	/** Does channel c lie in block c mod (blocks of a ciphertext), from slot 0 on? */
	readonly regular: boolean;
};

/** The blocks of a layout, if all channels lie alike; by the first copy of each element. */
export const blocksOf = (layout: Layout, shape: Shape): Blocks | undefined => {
	const inner = sizeOf(shape.slice(2));
	const { part, slot } = firstPlaces(layout, sizeOf(shape));
	const channels = slot.length / inner;
	const within = Int32Array.from({ length: inner }, (_, r) => (slot[r] as number) - (slot[0] as number));
	for (let c = 0; c < channels; c++) {
		const first = c * inner;
		for (let r = 0; r < inner; r++) {
			const alike =
				part[first + r] === part[first] && (slot[first + r] as number) - (slot[first] as number) === within[r];
			if (!alike || part[first + r] === -1) return undefined;
		}
	}
	const extent = within.reduce((a, b) => Math.max(a, b), 0) + 1;
	const bases = Array.from({ length: channels }, (_, c) => ({
		part: part[c * inner] as number,
		slot: slot[c * inner] as number,
	}));
	const stride = strideOf(bases, extent);
	const perPart = stride === undefined ? 0 : Math.floor(layout.slots / stride);
	const regular = bases.every(
		({ part: p, slot: s }, c) => p === Math.floor(c / perPart) && s === (c % perPart) * (stride ?? 0),
	);
	return { inner, within, extent, stride, regular };
};

/** The distance of neighbours, if it is the same for all in one ciphertext and no two overlap. */
const strideOf = (
	bases: readonly { readonly part: number; readonly slot: number }[],
	extent: number,
): number | undefined => {
	let stride: number | undefined;
	for (let c = 1; c < bases.length; c++) {
		const [before, base] = [bases[c - 1], bases[c]];
		if (before === undefined || base === undefined || before.part !== base.part) continue;
		stride ??= base.slot - before.slot;
		if (base.slot - before.slot !== stride) return undefined;
	}
	return stride !== undefined && stride >= extent ? stride : undefined;
};

/** The part and the slot of the first copy of each element; -1 where there is none. */
const firstPlaces = ({ parts }: Layout, size: number): { readonly part: Int32Array; readonly slot: Int32Array } => {
	const part = new Int32Array(size).fill(-1);
	const slot = new Int32Array(size).fill(-1);
	parts.forEach((elements, p) => {
		elements.forEach((element, t) => {
			if (element < 0 || part[element] !== -1) return;
			part[element] = p;
			slot[element] = t;
		});
	});
	return { part, slot };
};
