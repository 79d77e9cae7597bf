import { InternalError } from '../../errors.ts';
import { type Id, type Kind, type Op, SlotBuilder, type SlotCircuit } from '../circuit.ts';
import { type Choice, choose, fewest, type Keys, type Prices, type RotationCosts, usualChoice } from './choose.ts';
import { demandOf, neededIn, spreadOf, type Turned, turnedOf, waysIn } from './demand.ts';
import { smallerTree, type Tree, walksBy, walkTo } from './walks.ts';

/** A rotation that has no key of its own any more, and the steps it is composed of where nothing can be shared. */
export type Composed = { readonly step: number; readonly by: readonly number[] };

/** What a choice of steps costs. Times of rotations in milliseconds, before and after. */
export type Limited = {
	readonly circuit: SlotCircuit;
	readonly keys: Keys;
	readonly composed: readonly Composed[];
	readonly before: number;
	readonly after: number;
};

/** What the keys of a circuit are measured by. */
export type KeyPrices = {
	/** The level at which each rotation happens. */
	readonly levels: ReadonlyMap<Id, number>;
	readonly costs: RotationCosts;
};

/** A circuit slower than this many times the unlimited one, in rotations, is refused. */
const MOST_TIMES = 8;

/**
 * The same circuit with fewer rotation keys: its rotations are composed of those by a few steps, and intermediate results are
 * shared. Undefined when no choice of steps fits, or only ones that make rotations `MOST_TIMES` as expensive.
 */
export const limitKeys = (
	circuit: SlotCircuit,
	{ levels, costs }: KeyPrices,
	fits: (keys: Keys) => boolean,
): Limited | undefined => {
	const prices: Prices = { slots: circuit.slots, costs, fits };
	const groups = demandOf(circuit, levels);
	const usual = usualChoice(groups, stepsOf(circuit), prices);
	const choice = choose(groups, usual, prices);
	return choice === undefined || choice.price > MOST_TIMES * usual.price ? undefined : limited(circuit, usual, choice);
};

/** The same circuit with as few keys as make its rotations at most `extra` milliseconds slower. */
export const fewerKeys = (circuit: SlotCircuit, { levels, costs }: KeyPrices, extra: number): Limited => {
	const prices = { slots: circuit.slots, costs };
	const groups = demandOf(circuit, levels);
	const usual = usualChoice(groups, stepsOf(circuit), prices);
	return limited(circuit, usual, fewest(groups, usual, prices, usual.price + extra));
};

const limited = (circuit: SlotCircuit, usual: Choice, choice: Choice): Limited => ({
	circuit: composedBy(circuit, choice.among),
	keys: choice.keys,
	composed: compositions(circuit, stepsOf(circuit), choice),
	before: usual.price,
	after: choice.price,
});

/** The steps of all rotations, ascending. */
const stepsOf = (circuit: SlotCircuit): readonly number[] => {
	const needed = neededIn(circuit);
	const steps = circuit.ops.flatMap((op, id) => (op.kind === 'rotate' && needed.has(id) ? [op.steps] : []));
	return [...new Set(steps)].sort((a, b) => a - b);
};

const compositions = ({ slots }: SlotCircuit, steps: readonly number[], choice: Choice): readonly Composed[] => {
	const lost = steps.filter((step) => !choice.steps.includes(step));
	const walks = walksBy(slots, choice.steps, lost);
	// A step inside a chain of rotations may not be needed at all any more.
	const reached = lost.filter((step) => Number.isFinite(walks.length(step)));
	return reached.map((step) => ({ step, by: walkTo(walks, slots, step) }));
};

/** The circuit with every rotation composed of these steps, from which all of its offsets can be reached. */
export const composedBy = (circuit: SlotCircuit, steps: readonly number[]): SlotCircuit => {
	const { slots, ops, plains, outputs } = circuit;
	const builder = new SlotBuilder(slots);
	const turned = turnedOf(circuit);
	const needed = neededIn(circuit);
	const trees = treesOf(circuit, steps);
	const roots = new Map<Id, Id>();
	const reached = (root: Id, offset: number): Id => {
		if (offset === 0) return roots.get(root) as Id;
		const edge = trees.get(root)?.get(offset);
		if (edge === undefined) throw new InternalError('limit-keys', `no way to rotate %${root} by ${offset}`);
		return builder.rotate(reached(root, edge.from), edge.step);
	};
	const at = (id: Id): Id => {
		const { root, offset } = turned[id] as Turned;
		return reached(root, offset);
	};
	ops.forEach((op, id) => {
		if (op.kind === 'rotate' || !needed.has(id)) return;
		builder.origin = op.origin;
		const copy = copies[op.kind] as Copy<Kind>;
		roots.set(
			id,
			copy(builder, op, at, (plain) => plains[plain] as Float64Array),
		);
	});
	return builder.build(outputs.map(({ name, parts }) => ({ name, parts: parts.map(at) })));
};

/** For every value that is rotated the tree to all its offsets that are read. */
const treesOf = (circuit: SlotCircuit, steps: readonly number[]): ReadonlyMap<Id, Tree> => {
	const spread = spreadOf(circuit);
	const ways = waysIn(circuit, spread);
	const walks = walksBy(circuit.slots, steps, new Set([...spread.values()].flatMap((offsets) => [...offsets.keys()])));
	return new Map(
		[...spread].map(([root, offsets]) => [
			root,
			smallerTree(walks, circuit.slots, [...offsets.keys()], ways.get(root) as Tree),
		]),
	);
};

/** The operation on other operands, recorded in a builder. */
type Copy<K extends Kind> = (builder: SlotBuilder, op: Op<K>, at: (id: Id) => Id, plain: At) => Id;
type At = (plain: number) => Float64Array;
const copies: { readonly [K in Exclude<Kind, 'rotate'>]: Copy<K> } = {
	input: (builder, op) => builder.input(op.name, op.part),
	add: (builder, op, at) => builder.add(at(op.a), at(op.b)),
	subtract: (builder, op, at) => builder.subtract(at(op.a), at(op.b)),
	negate: (builder, op, at) => builder.negate(at(op.a)),
	addPlain: (builder, op, at, plain) => builder.addPlain(at(op.a), plain(op.plain)),
	multiplyPlain: (builder, op, at, plain) => builder.multiplyPlain(at(op.a), plain(op.plain)),
	multiply: (builder, op, at) => builder.multiply(at(op.a), at(op.b)),
	combine: (builder, op, at) => builder.combine(op.terms.map(at), op.weights),
};
