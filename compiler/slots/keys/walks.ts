import { InternalError } from '../../errors.ts';

/** Shortest ways around the slots by rotations of given steps: a walk to `offset` composes the rotation by `offset`. */
export type Walks = {
	/** Rotations on the shortest walk; Infinity where there is none, or none was looked for. */
	readonly length: (offset: number) => number;
	/** The step that a shortest walk ends with. */
	readonly last: (offset: number) => number;
};

/**
 * Walks over Z_v from 0, by breadth: to all `targets`, and to everything that is no further than the furthest of them.
 * Among walks of one length the one by earlier steps counts. Cost: offsets seen times steps.
 */
export const walksBy = (slots: number, steps: readonly number[], targets: Iterable<number>): Walks => {
	const lengths = new Int32Array(slots).fill(-1);
	const lasts = new Int32Array(slots);
	const missing = new Set(targets);
	missing.delete(0);
	lengths[0] = 0;
	let frontier = [0];
	for (let length = 1; frontier.length > 0 && missing.size > 0; length++) {
		const next: number[] = [];
		for (const from of frontier)
			for (const step of steps) {
				const to = (from + step) & (slots - 1);
				if (lengths[to] !== -1) continue;
				lengths[to] = length;
				lasts[to] = step;
				next.push(to);
				missing.delete(to);
			}
		frontier = next;
	}
	return {
		length: (offset) => (lengths[offset] === -1 ? Number.POSITIVE_INFINITY : (lengths[offset] as number)),
		last: (offset) => lasts[offset] as number,
	};
};

/** The steps of a shortest walk, in any order; there must be one. */
export const walkTo = (walks: Walks, slots: number, offset: number): readonly number[] => {
	if (!Number.isFinite(walks.length(offset))) throw new InternalError('limit-keys', `no walk to ${offset}`);
	const steps: number[] = [];
	for (let at = offset; at !== 0; at = (at - walks.last(at) + slots) % slots) steps.push(walks.last(at));
	return steps.reverse();
};

/** How each offset of one value's rotations is reached: from another offset (0: the value itself), by one step. */
export type Tree = ReadonlyMap<number, { readonly from: number; readonly step: number }>;

/**
 * A small tree of rotations that reaches all targets (not 0, walks to them known): the nearest target first, each from the
 * nearest offset that is there already. Where steps are those of a chain, the tree is the chain. Its size is what it costs.
 */
export const treeTo = (walks: Walks, slots: number, targets: readonly number[]): Tree => {
	const tree = new Map<number, { readonly from: number; readonly step: number }>();
	const nearest = new Map(targets.map((target) => [target, { from: 0, length: walks.length(target) }]));
	while (nearest.size > 0) {
		let [target, found] = [-1, { from: 0, length: Number.POSITIVE_INFINITY }];
		for (const [offset, known] of nearest)
			if (known.length < found.length || target < 0) [target, found] = [offset, known];
		let at = found.from;
		for (const step of walkTo(walks, slots, (target - found.from + slots) % slots)) {
			const to = (at + step) % slots;
			if (!tree.has(to)) tree.set(to, { from: at, step });
			nearest.delete(to);
			for (const [offset, { length }] of nearest) {
				const shorter = walks.length((offset - to + slots) % slots);
				if (shorter < length) nearest.set(offset, { from: to, length: shorter });
			}
			at = to;
		}
	}
	return tree;
};

/** `treeTo`, or the tree `known` to the same targets where that is smaller and all its steps are those of the walks. */
export const smallerTree = (walks: Walks, slots: number, targets: readonly number[], known: Tree): Tree => {
	const found = treeTo(walks, slots, targets);
	const mayUse = [...known.values()].every(({ step }) => walks.length(step) === 1);
	return mayUse && known.size < found.size ? known : found;
};
