import { type Id, type Op, operandsOf, type SlotCircuit } from '../circuit.ts';
import type { Tree } from './walks.ts';

/** A value as a rotation of one that is none: rotations of rotations are rotations of what was there first. */
export type Turned = { readonly root: Id; readonly offset: number };

/** For every value what it is a rotation of; itself by 0 when it is none. */
export const turnedOf = ({ ops, slots }: SlotCircuit): readonly Turned[] => {
	const turned: Turned[] = [];
	for (const [id, op] of ops.entries()) {
		const { root, offset } = op.kind === 'rotate' ? (turned[op.a] as Turned) : { root: id, offset: 0 };
		turned.push({ root, offset: op.kind === 'rotate' ? (offset + op.steps) % slots : 0 });
	}
	return turned;
};

/** Values that the outputs follow from, and the inputs, every part of which is sent. */
export const neededIn = ({ ops, outputs }: SlotCircuit): ReadonlySet<Id> => {
	const needed = new Set(outputs.flatMap(({ parts }) => parts));
	for (let id = ops.length - 1; id >= 0; id--) {
		const op = ops[id] as Op;
		if (op.kind === 'input') needed.add(id);
		else if (needed.has(id)) for (const operand of operandsOf(op)) needed.add(operand);
	}
	return needed;
};

/** For every value that is no rotation: its offsets that anything but a rotation reads, ascending, and the values there. */
export const spreadOf = (circuit: SlotCircuit): ReadonlyMap<Id, ReadonlyMap<number, Id>> => {
	const { ops, outputs } = circuit;
	const turned = turnedOf(circuit);
	const needed = neededIn(circuit);
	const read = new Set(outputs.flatMap(({ parts }) => parts));
	ops.forEach((op, id) => {
		if (op.kind !== 'rotate' && needed.has(id)) for (const operand of operandsOf(op)) read.add(operand);
	});
	const byOffset = [...read].sort((a, b) => (turned[a] as Turned).offset - (turned[b] as Turned).offset);
	const spread = new Map<Id, Map<number, Id>>();
	for (const id of byOffset) {
		const { root, offset } = turned[id] as Turned;
		if (offset !== 0) spread.set(root, (spread.get(root) ?? new Map<number, Id>()).set(offset, id));
	}
	return spread;
};

/**
 * How the circuit itself reaches the offsets of each value in `spreadOf`: no more rotations than it has, since each offset is
 * reached by one of its rotations, the first that a way goes through.
 */
export const waysIn = (circuit: SlotCircuit, spread: ReturnType<typeof spreadOf>): ReadonlyMap<Id, Tree> => {
	const turned = turnedOf(circuit);
	const wayTo = (id: Id): readonly Id[] => {
		const op = circuit.ops[id] as Op;
		return op.kind === 'rotate' ? [...wayTo(op.a), id] : [];
	};
	const wayFrom = (offsets: ReadonlyMap<number, Id>): Tree => {
		const tree = new Map<number, { readonly from: number; readonly step: number }>();
		for (const id of [...offsets.values()].flatMap(wayTo)) {
			const { a, steps } = circuit.ops[id] as Op<'rotate'>;
			const [{ offset: from }, { offset: to }] = [turned[a] as Turned, turned[id] as Turned];
			if (to !== 0 && !tree.has(to)) tree.set(to, { from, step: steps });
		}
		return tree;
	};
	return new Map([...spread].map(([root, offsets]) => [root, wayFrom(offsets)]));
};

/** Rotations of `times` values: all to the same offsets, all at one level (the highest that one of them happens at). */
export type Group = {
	readonly targets: readonly number[];
	readonly level: number;
	readonly times: number;
	/** How the circuit has them. */
	readonly way: Tree;
};

/** The rotations of a circuit, alike ones together. `levels`: where each rotation happens. */
export const demandOf = (circuit: SlotCircuit, levels: ReadonlyMap<Id, number>): readonly Group[] => {
	const groups = new Map<string, Group>();
	const spread = spreadOf(circuit);
	const ways = waysIn(circuit, spread);
	for (const [root, offsets] of spread) {
		const targets = [...offsets.keys()];
		const way = ways.get(root) as Tree;
		const level = [...offsets.values()].reduce((most, id) => Math.max(most, levels.get(id) ?? 0), 0);
		const edges = [...way].map(([to, { from }]) => `${from}-${to}`);
		const key = `${level}: ${targets.join(' ')} by ${edges.join(' ')}`;
		groups.set(key, { targets, level, times: (groups.get(key)?.times ?? 0) + 1, way });
	}
	return [...groups.values()];
};
