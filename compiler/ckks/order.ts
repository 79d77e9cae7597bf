import type { Objective } from '../options.ts';
import { operandsOf } from '../slots/circuit.ts';
import type { CkksCircuit, Id, Op } from './circuit.ts';

/**
 * The other order is taken only where it needs less than this share of the memory, since layers in turn are easier to read; where
 * memory is what is to be cheap, wherever it needs less.
 */
const worthIt = (objective: Objective): number => (objective === 'memory' ? 1 : 0.75);

/**
 * The same circuit in the order in which values are asked for, where that keeps far fewer of them alive at once: each is
 * computed just before its first reader, so wide layers stay narrow (inputs are loaded, and products made, one by one).
 * Sound: operands still come before their readers. Saves memory, not time.
 */
export const narrowed = (circuit: CkksCircuit, objective: Objective): CkksCircuit => {
	const recorded = [...circuit.ops.keys()];
	const demanded = demandOrder(circuit);
	return peakOf(circuit, demanded) < worthIt(objective) * peakOf(circuit, recorded)
		? reordered(circuit, demanded)
		: circuit;
};

/**
 * What a value asks for, in turn. Of two operands the one first that needs more values at once, by `needsOf`: a sum so far before
 * the next product, which would wait for it. Of the terms of a combination those first that need the first inputs only: so that these are no longer needed soon.
 */
const askedBy = (op: Op, furthest: Int32Array, needs: Int32Array): readonly Id[] => {
	if (op.kind === 'combine')
		return op.terms.toSorted((a, b) => (furthest[a] as number) - (furthest[b] as number) || a - b);
	const need = (id: Id): number => needs[id] as number;
	return operandsOf(op).toSorted((a, b) => need(b) - need(a) || b - a);
};

/**
 * Values alive at once while each is computed, were nothing shared (Sethi and Ullman): operands in turn, the one that needs most
 * first, each waiting for those after it.
 */
const needsOf = (ops: readonly Op[]): Int32Array => {
	const needs = new Int32Array(ops.length);
	ops.forEach((op, id) => {
		const own = [...new Set(operandsOf(op))].map((operand) => needs[operand] as number).sort((a, b) => b - a);
		needs[id] = own.reduce((most, need, waiting) => Math.max(most, need + waiting), 1);
	});
	return needs;
};

/** The last input that each value depends on. */
const furthestInputs = (ops: readonly Op[]): Int32Array => {
	const furthest = new Int32Array(ops.length);
	ops.forEach((op, id) => {
		furthest[id] = operandsOf(op).reduce((last, operand) => Math.max(last, furthest[operand] as number), 0);
		if (op.kind === 'input') furthest[id] = id;
	});
	return furthest;
};

/** Each value after its operands and just before its first reader, outputs in turn. */
const demandOrder = ({ ops, outputs }: CkksCircuit): readonly Id[] => {
	const order: Id[] = [];
	const asked = new Uint8Array(ops.length);
	const furthest = furthestInputs(ops);
	const needs = needsOf(ops);
	const path: { readonly id: Id; readonly operands: readonly Id[]; next: number }[] = [];
	const ask = (id: Id): void => {
		if (asked[id] === 1) return;
		asked[id] = 1;
		path.push({ id, operands: askedBy(ops[id] as Op, furthest, needs), next: 0 });
	};
	// Inputs that nobody reads come last: the client sends them nevertheless.
	for (const root of [...outputs.flatMap(({ parts }) => parts), ...ops.keys()]) {
		ask(root);
		for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
			const operand = top.operands[top.next++];
			if (operand !== undefined) {
				ask(operand);
				continue;
			}
			order.push(top.id);
			path.pop();
		}
	}
	return order;
};

/**
 * Polynomials, counted for each prime, of the values alive at once: for each size of values the most there ever are, since SEAL's
 * pool keeps the memory of one size from the others.
 */
const peakOf = ({ ops, outputs }: CkksCircuit, order: readonly Id[]): number => {
	const last = Int32Array.from(ops, (_, id) => id);
	for (const id of order) for (const operand of operandsOf(ops[id] as Op)) last[operand] = id;
	const stays = new Set(outputs.flatMap(({ parts }) => parts));
	const sizeOf = (id: Id): number => (ops[id] as Op).size * ((ops[id] as Op).level + 1);
	const alive = new Map<number, number>();
	const most = new Map<number, number>();
	const change = (size: number, by: number): void => {
		const count = (alive.get(size) ?? 0) + by;
		alive.set(size, count);
		most.set(size, Math.max(most.get(size) ?? 0, count));
	};
	for (const id of order) {
		change(sizeOf(id), 1);
		for (const dead of new Set([...operandsOf(ops[id] as Op), id]))
			if (last[dead] === id && !stays.has(dead)) change(sizeOf(dead), -1);
	}
	return [...most].reduce((total, [size, count]) => total + size * count, 0);
};

const reordered = (circuit: CkksCircuit, order: readonly Id[]): CkksCircuit => {
	const places = new Int32Array(order.length);
	order.forEach((id, place) => {
		places[id] = place;
	});
	const to = (id: Id): Id => places[id] as Id;
	return {
		...circuit,
		ops: order.map((id) => withOperands(circuit.ops[id] as Op, to)),
		outputs: circuit.outputs.map(({ name, parts }) => ({ name, parts: parts.map(to) })),
	};
};

/** The operation with its operands renumbered. */
export const withOperands = (op: Op, to: (id: Id) => Id): Op => {
	if (op.kind === 'input') return op;
	if (op.kind === 'combine') return { ...op, terms: op.terms.map(to) };
	return 'b' in op ? { ...op, a: to(op.a), b: to(op.b) } : { ...op, a: to(op.a) };
};
