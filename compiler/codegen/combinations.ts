import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import { operandsOf } from '../slots/circuit.ts';

/** Combinations of the same terms that are computed together, where the first of them is; ids ascending. */
export type Group = readonly Id[];

/** Results of one instruction: terms are read once for all of them. Beyond the first the kernel reads them again. */
const SIZES = [128, 64, 32, 16, 8, 4, 2];

/** Polynomials alive at once may become more by this factor: later results of a group wait for their readers. */
const MORE_ALIVE = 1.25;

/**
 * Every combination in exactly one group, keyed by the group's first: as many in each as have the same terms, level and scale, while
 * that keeps not far more alive than each for itself.
 */
export const combinationsOf = (circuit: CkksCircuit): ReadonlyMap<Id, Group> => {
	const alike = combinationsAlike(circuit);
	const alone = groupsOf(alike, 1);
	const allowed = MORE_ALIVE * mostAlive(circuit, alone);
	const groups = SIZES.map((size) => groupsOf(alike, size)).find((found) => mostAlive(circuit, found) <= allowed);
	return new Map((groups ?? alone).map((group) => [group[0] as Id, group]));
};

const combinationsAlike = ({ ops }: CkksCircuit): readonly Group[] => {
	const alike = new Map<string, Id[]>();
	ops.forEach((op, id) => {
		if (op.kind !== 'combine') return;
		const key = `${op.scale} ${op.terms.join(' ')}`;
		const known = alike.get(key);
		if (known === undefined) alike.set(key, [id]);
		else known.push(id);
	});
	return [...alike.values()];
};

/** Cut into groups of at most `size`. */
const groupsOf = (alike: readonly Group[], size: number): readonly Group[] =>
	alike.flatMap((ids) =>
		Array.from({ length: Math.ceil(ids.length / size) }, (_, k) => ids.slice(k * size, (k + 1) * size)),
	);

/** The most polynomials modulo one prime that are alive at once when each group is computed where its first is. */
const mostAlive = ({ ops }: CkksCircuit, groups: readonly Group[]): number => {
	const start = ops.map((_, id) => id);
	for (const group of groups) for (const id of group) start[id] = group[0] as Id;
	const end = [...start];
	ops.forEach((op, id) => {
		for (const operand of operandsOf(op)) end[operand] = Math.max(end[operand] as number, start[id] as number);
	});
	const change = new Float64Array(ops.length + 1);
	ops.forEach(({ level, size }: Op, id) => {
		const polynomials = size * (level + 1);
		change[start[id] as number] = (change[start[id] as number] as number) + polynomials;
		change[(end[id] as number) + 1] = (change[(end[id] as number) + 1] as number) - polynomials;
	});
	let [alive, most] = [0, 0];
	for (const by of change) {
		alive += by;
		most = Math.max(most, alive);
	}
	return most;
};
