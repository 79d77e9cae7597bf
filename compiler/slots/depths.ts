import { type Id, type Op, operandsOf, type SlotCircuit } from './circuit.ts';

/** Does the operation use up a level (its result must be rescaled)? */
export const isProduct = ({ kind }: Op): boolean =>
	kind === 'multiply' || kind === 'multiplyPlain' || kind === 'combine';

/** depth[id]: products on the longest path from an input to the value. */
export const earliestDepths = (circuit: SlotCircuit): readonly number[] => {
	const depths: number[] = [];
	for (const op of circuit.ops) {
		const before = operandsOf(op).reduce((depth, operand) => Math.max(depth, depths[operand] as number), 0);
		depths.push(isProduct(op) ? before + 1 : before);
	}
	return depths;
};

/** Products on the longest path from an input to an output. */
export const depthOf = (circuit: SlotCircuit): number => {
	const depths = earliestDepths(circuit);
	return circuit.outputs.reduce(
		(depth, { parts }) => parts.reduce((d, id) => Math.max(d, depths[id] as number), depth),
		0,
	);
};

/**
 * depth[id]: the greatest depth at which each value may be computed without making the circuit deeper. Everything is done
 * as late as it can be: the cost of an operation falls with the level. Parts of one input are encrypted alike: the earliest counts.
 */
export const latestDepths = (circuit: SlotCircuit): readonly number[] => {
	const depth = depthOf(circuit);
	const latest = circuit.ops.map(() => depth);
	for (let id: Id = circuit.ops.length - 1; id >= 0; id--) {
		const op = circuit.ops[id] as Op;
		const allowed = (latest[id] as number) - (isProduct(op) ? 1 : 0);
		for (const operand of operandsOf(op)) latest[operand] = Math.min(latest[operand] as number, allowed);
	}
	const first = new Map<string, number>();
	circuit.ops.forEach((op, id) => {
		if (op.kind === 'input') first.set(op.name, Math.min(first.get(op.name) ?? depth, latest[id] as number));
	});
	return circuit.ops.map((op, id) => (op.kind === 'input' ? first.get(op.name) : undefined) ?? (latest[id] as number));
};
