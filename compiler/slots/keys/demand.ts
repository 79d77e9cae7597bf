import { type Id, type Op, operandsOf, type SlotCircuit } from '../circuit.ts';

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

/** Rotations of `times` values: all to the same offsets, all at one level (the highest that one of them happens at). */
export type Group = { readonly targets: readonly number[]; readonly level: number; readonly times: number };

/** The rotations of a circuit, alike ones together. `levels`: where each rotation happens. */
export const demandOf = (circuit: SlotCircuit, levels: ReadonlyMap<Id, number>): readonly Group[] => {
	const groups = new Map<string, Group>();
	for (const offsets of spreadOf(circuit).values()) {
		const targets = [...offsets.keys()];
		const level = [...offsets.values()].reduce((most, id) => Math.max(most, levels.get(id) ?? 0), 0);
		const key = `${level}: ${targets.join(' ')}`;
		groups.set(key, { targets, level, times: (groups.get(key)?.times ?? 0) + 1 });
	}
	return [...groups.values()];
};
