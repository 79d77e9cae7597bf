import { MAX_ELEMENTS } from './maps/rows.ts';

/** Members of every group: indices of contenders, none twice in a group. */
export type Groups = readonly (readonly number[])[];

/** Rounds in which groups are decided: ceil(log2 k) for k members, of the largest group. */
export const roundsOf = (groups: Groups): number =>
	Math.ceil(Math.log2(groups.reduce((most, members) => Math.max(most, members.length), 1)));

/** Neighbours two by two; the last of an odd number is alone. */
export const pairsOf = <T>(list: readonly T[]): (readonly [T, T | undefined])[] =>
	list.flatMap((a, i) => (i % 2 === 0 ? [[a, list[i + 1]] as const] : []));

/** Who meets whom, left[i] and right[i], by ascending left; one who is alone meets itself. The winners are numbered as the pairs are. */
export type Round = { readonly left: readonly number[]; readonly right: readonly number[]; readonly winners: Groups };

/**
 * One round: neighbours of every group meet, and a pair that several groups have in common meets once. In the order of the
 * left ones, differences of an image are an image again, with the same distance from left to right everywhere.
 */
export const roundOf = (groups: Groups): Round => {
	const pairOf = (a: number, b: number): number => a * MAX_ELEMENTS + b;
	const met = new Set<number>();
	for (const members of groups) for (const [a, b = a] of pairsOf(members)) met.add(pairOf(a, b));
	const pairs = Float64Array.from(met).sort();
	const numbers = new Map<number, number>();
	pairs.forEach((pair, i) => {
		numbers.set(pair, i);
	});
	return {
		left: Array.from(pairs, (pair) => Math.floor(pair / MAX_ELEMENTS)),
		right: Array.from(pairs, (pair) => pair % MAX_ELEMENTS),
		winners: groups.map((members) => pairsOf(members).map(([a, b = a]) => numbers.get(pairOf(a, b)) as number)),
	};
};
