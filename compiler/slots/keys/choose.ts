import type { Group } from './demand.ts';
import { smallerTree, walksBy } from './walks.ts';

/** What rotations cost. */
type Costs = {
	readonly slots: number;
	readonly costs: RotationCosts;
};

/** Milliseconds at a level: once for each value that is rotated, and of each rotation beside that. */
export type RotationCosts = (level: number) => { readonly decomposition: number; readonly rotation: number };

/** And whether the keys that are left are few and small enough. */
export type Prices = Costs & {
	/** Are these keys within the limit? The highest level at which each step is used. */
	readonly fits: (keys: Keys) => boolean;
};
export type Keys = ReadonlyMap<number, number>;

/** Steps to make all rotations from: those that are used, each with its highest level, and the time of all rotations. */
export type Choice = {
	readonly steps: readonly number[];
	readonly keys: Keys;
	readonly price: number;
	/** The steps among which ways were looked for: those that are used, and perhaps others. The same ways are found by the same steps. */
	readonly among: readonly number[];
};

/** Beyond this many times the price of the rotations as they are, trees are not looked at: the sum of walks will do. */
const CRUDE_BEYOND = 32;
/** Improvements smaller than this part of the price are none. */
const WORTHWHILE = 0.001;
/** Exchanges that are made, and those that are looked at for each. */
const MOST_EXCHANGES = 8;
const MOST_TRIES = 600;

const priceOf = (rotations: number, rotated: number, { decomposition, rotation }: ReturnType<RotationCosts>): number =>
	rotations * rotation + rotated * decomposition;

/** What the rotations cost when only these steps have keys. */
const rate = (groups: readonly Group[], steps: readonly number[], { slots, costs }: Costs, usual: number): Choice => {
	const walks = walksBy(slots, steps, new Set(groups.flatMap(({ targets }) => targets)));
	const apart = ({ targets, level, times }: Group): number =>
		times *
		priceOf(
			targets.reduce((sum, target) => sum + walks.length(target), 0),
			1,
			costs(level),
		);
	const crude = groups.reduce((sum, group) => sum + apart(group), 0);
	if (!(crude < CRUDE_BEYOND * usual))
		return { steps, keys: new Map(steps.map((step) => [step, 0])), price: crude, among: steps };
	const keys = new Map<number, number>();
	let price = 0;
	for (const { targets, level, times, way } of groups) {
		const tree = smallerTree(walks, slots, targets, way);
		const rotated = new Set([...tree.values()].map(({ from }) => from)).size;
		price += times * priceOf(tree.size, rotated, costs(level));
		for (const { step } of tree.values()) keys.set(step, Math.max(keys.get(step) ?? 0, level));
	}
	return { steps: steps.filter((step) => keys.has(step)), keys, price, among: steps };
};

/** The price with these steps, all keys counted: what `choose` is measured against. */
export const usualChoice = (groups: readonly Group[], steps: readonly number[], costs: Costs): Choice =>
	rate(groups, steps, costs, Number.POSITIVE_INFINITY);

/**
 * Steps whose keys fit the limit, and from which all rotations are composed at little cost. From `usual`, the step that is
 * missed least is given up until the rest fits; then single steps are exchanged for others (powers of two, differences of
 * steps, either sign) while that helps. Undefined when not even one key fits. Slots are a power of two, so one step with the
 * fewest factors 2 reaches, slowly, whatever all of them reach.
 */
export const choose = (groups: readonly Group[], usual: Choice, prices: Prices): Choice | undefined => {
	let choice = usual;
	while (!prices.fits(choice.keys)) {
		if (choice.steps.length <= 1) return undefined;
		choice = oneFewer(groups, usual, choice, prices);
	}
	return exchanged(groups, usual, choice, prices);
};

/** The fewest steps found by giving up one after the other while all rotations cost no more than `most`. */
export const fewest = (groups: readonly Group[], usual: Choice, costs: Costs, most: number): Choice => {
	let choice = usual;
	while (choice.steps.length > 1) {
		const next = oneFewer(groups, usual, choice, costs);
		if (next.price > most) break;
		choice = next;
	}
	return exchanged(groups, usual, choice, { ...costs, fits: (keys) => keys.size <= choice.steps.length });
};

/** Without the step that is missed least. */
const oneFewer = (groups: readonly Group[], usual: Choice, { steps }: Choice, costs: Costs): Choice =>
	steps
		.map((step) => rate(groups, without(steps, step), costs, usual.price))
		.reduce((best, other) => (other.price < best.price ? other : best));

const without = (steps: readonly number[], step: number): readonly number[] => steps.filter((other) => other !== step);

/** Exchanges one step for one that is not there, the best exchange first, while the price falls. */
const exchanged = (groups: readonly Group[], usual: Choice, start: Choice, prices: Prices): Choice => {
	const others = candidates(usual.steps, prices.slots);
	let choice = start;
	for (let round = 0; round < MOST_EXCHANGES; round++) {
		let best = choice;
		for (const steps of exchanges(choice.steps, others)) {
			const next = rate(groups, steps, prices, usual.price);
			if (next.price < best.price && prices.fits(next.keys)) best = next;
		}
		if (best.price > (1 - WORTHWHILE) * choice.price) return choice;
		choice = best;
	}
	return choice;
};

/** The steps with one exchanged for another; of others only the first where there are many steps. */
const exchanges = (steps: readonly number[], others: readonly number[]): readonly (readonly number[])[] => {
	const tried = others.slice(0, Math.ceil(MOST_TRIES / steps.length)).filter((other) => !steps.includes(other));
	return steps.flatMap((step) => tried.map((other) => [...without(steps, step), other].sort((a, b) => a - b)));
};

/** Differences are tried of this many steps at most: their number is squared. */
const MOST_DIFFERENCES = 12;

/** Steps that may serve better than those there are, the likeliest first. */
const candidates = (steps: readonly number[], slots: number): readonly number[] => {
	const powers: number[] = [];
	for (let power = 1; power < slots; power *= 2) powers.push(power);
	const few = steps.slice(0, MOST_DIFFERENCES);
	const differences = few.flatMap((a) => few.map((b) => Math.abs(a - b)));
	const all = [...steps, ...powers, ...differences].filter((step) => step !== 0);
	return [...new Set([...all, ...all.map((step) => slots - step)])];
};
