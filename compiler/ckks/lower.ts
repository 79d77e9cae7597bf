import { InternalError } from '../errors.ts';
import {
	operandsOf,
	type SlotCircuit,
	type Id as SlotId,
	type Kind as SlotKind,
	type Op as SlotOp,
} from '../slots/circuit.ts';
import { isProduct } from '../slots/depths.ts';
import { CkksBuilder } from './builder.ts';
import type { Chain, Demand } from './chain.ts';
import { type CkksCircuit, type Id, type Op, sameScale } from './circuit.ts';
import { withOperands } from './order.ts';

/** A slot value as it exists so far: pending (its product not rescaled yet) or settled. */
type Value = { readonly id: Id; readonly depth: number; readonly pending: boolean };

/**
 * Makes levels, scales, rescales and relinearisations explicit.
 * - Values are rescaled where the chain says, and as late as possible: where they enter a product (see `Rotations`). Sums and rotations happen before the rescale,
 *   where the noise of key switching is divided away with the prime and many products share one rescale.
 * - Relinearisation happens as late as possible too: before a rotation, a rescale or the end; sums of products share one.
 * - Values are switched down to the level of their latest consumer before anything is done with them.
 * - Scales meet exactly: a product with a plaintext takes the scale its sum needs from the plaintext's encoding; where no
 *   product is at hand, a product with one is inserted, at a level that was being dropped anyhow.
 */
export const lower = (circuit: SlotCircuit, demand: Demand, chain: Chain, rotations: Rotations): CkksCircuit => {
	const builder = new CkksBuilder(chain);
	const states = new States(builder, chain);
	const enters = rotations === 'settled' ? productOperands(circuit) : new Set<SlotId>();
	const values: Value[] = [];
	circuit.ops.forEach((op, slot) => {
		builder.slot = slot;
		builder.origin = op.origin;
		const rule = rules[op.kind] as Rule<SlotKind>;
		values.push(rule(op, demand.depths[slot] as number, (id) => values[id] as Value, states, enters));
	});
	const outputs = circuit.outputs.map(({ name, parts }) => {
		builder.origin = `output ${name}`;
		const alike = states.alike(parts.map((slot) => values[slot] as Value));
		return { name, parts: alike.map((id) => builder.relinearized(id)) };
	});
	return pruned({
		slots: circuit.slots,
		parameters: chain.parameters,
		plains: circuit.plains,
		constants: builder.constants,
		ops: builder.ops,
		outputs,
	});
};

/**
 * Which form of a product is rotated when some of its consumers are products: the one still `pending` (least noise, but every
 * rotated copy is rescaled by itself and the rotation is done one level higher) or the `settled` one that is needed anyhow.
 */
export type Rotations = 'pending' | 'settled';

/** Values that enter a product as they are; asked only of values that are rotated. */
const productOperands = ({ ops }: SlotCircuit): ReadonlySet<SlotId> => {
	const rotated = new Set(ops.flatMap((op) => (op.kind === 'rotate' ? [op.a] : [])));
	if (rotated.size === 0) return rotated;
	return new Set(ops.flatMap((op) => (isProduct(op) ? operandsOf(op) : [])));
};

type Rule<K extends SlotKind> = (
	op: SlotOp<K>,
	depth: number,
	at: (id: SlotId) => Value,
	states: States,
	enters: ReadonlySet<SlotId>,
) => Value;

const rules: { readonly [K in SlotKind]: Rule<K> } = {
	input: (op, depth, _, states) => states.input(op.name, op.part, depth),
	rotate: (op, depth, at, states, enters) =>
		states.through(enters.has(op.a) ? states.settle(at(op.a)) : at(op.a), depth, (builder, a) =>
			builder.rotate(builder.relinearized(a), op.steps),
		),
	negate: (op, depth, at, states) => states.through(at(op.a), depth, (builder, a) => builder.negate(a)),
	addPlain: (op, depth, at, states) => states.through(at(op.a), depth, (builder, a) => builder.addPlain(a, op.plain)),
	add: (op, depth, at, states) => states.sum('add', at(op.a), at(op.b), depth),
	subtract: (op, depth, at, states) => states.sum('subtract', at(op.a), at(op.b), depth),
	multiplyPlain: (op, depth, at, states) => states.multiplyPlain(at(op.a), op.plain, depth),
	multiply: (op, depth, at, states) => states.multiply(at(op.a), at(op.b), depth),
	combine: (op, depth, at, states) => states.combine(op.terms.map(at), op.weights, depth),
};

/** Moves values between the states of the chain and computes on them there. */
class States {
	readonly #builder: CkksBuilder;
	readonly #chain: Chain;
	/** Products by what they became: wide layers ask for each of theirs many times. */
	readonly #settledOf = new Map<Id, Id>();

	constructor(builder: CkksBuilder, chain: Chain) {
		this.#builder = builder;
		this.#chain = chain;
	}

	input(name: string, part: number, depth: number): Value {
		const id = this.#builder.input(name, part, this.#level(depth), this.#settledScale(depth));
		return { id, depth, pending: false };
	}

	/** An operation that keeps level and scale, done where `a` is if that is the depth wanted. */
	through(a: Value, depth: number, record: (builder: CkksBuilder, id: Id) => Id): Value {
		if (a.pending && a.depth === depth) return { id: record(this.#builder, a.id), depth, pending: true };
		return { id: record(this.#builder, this.#settledAt(a, depth)), depth, pending: false };
	}

	sum(kind: 'add' | 'subtract', a: Value, b: Value, depth: number): Value {
		const [pendingA, pendingB] = [a, b].map((value) => value.pending && value.depth === depth);
		const lifts = (value: Value): boolean => (value.pending && value.depth === depth) || value.depth < depth;
		if ((pendingA || pendingB) && lifts(a) && lifts(b))
			return {
				id: this.#builder.sum(kind, this.#pendingAt(a, depth), this.#pendingAt(b, depth)),
				depth,
				pending: true,
			};
		return { id: this.#builder.sum(kind, this.#settledAt(a, depth), this.#settledAt(b, depth)), depth, pending: false };
	}

	multiplyPlain(a: Value, plain: number, depth: number): Value {
		const operand = this.#builder.atLevel(this.#settled(a), this.#level(depth - 1));
		return { id: this.#builder.multiplyPlain(operand, plain, this.#pendingScale(depth)), depth, pending: true };
	}

	multiply(a: Value, b: Value, depth: number): Value {
		const id = this.#builder.multiply(this.#settledAt(a, depth - 1), this.#settledAt(b, depth - 1));
		return { id, depth, pending: true };
	}

	/** Terms of different scales are summed apart: the results have the same one. */
	combine(values: readonly Value[], weights: Float64Array, depth: number): Value {
		const level = this.#level(depth - 1);
		const terms = values.map((value) => this.#builder.atLevel(this.#settled(value), level));
		const scales = terms.map((id) => this.#builder.type(id).scale);
		const distinct = new Set(scales);
		const target = this.#pendingScale(depth);
		if (distinct.size === 1) return { id: this.#builder.combine(terms, weights, target), depth, pending: true };
		const sums = [...distinct].map((scale) => {
			const alike = (_: unknown, k: number): boolean => scales[k] === scale;
			return this.#builder.combine(terms.filter(alike), weights.filter(alike), target);
		});
		return { id: sums.reduce((a, b) => this.#builder.sum('add', a, b)), depth, pending: true };
	}

	/** The parts of one output: they share a level and a scale, those of the deepest. */
	alike(values: readonly Value[]): readonly Id[] {
		const depth = values.reduce((deepest, value) => Math.max(deepest, value.depth), 0);
		const pending = values.every((value) => value.pending || value.depth < depth);
		return values.map((value) => (pending ? this.#pendingAt(value, depth) : this.#settledAt(value, depth)));
	}

	/** The value relinearised and, where its depth is one that is rescaled, rescaled. */
	settle(value: Value): Value {
		return { id: this.#settled(value), depth: value.depth, pending: false };
	}

	#settled({ id, depth, pending }: Value): Id {
		if (!pending) return id;
		const known = this.#settledOf.get(id);
		if (known !== undefined) return known;
		const settled = this.#divided(this.#builder.relinearized(id), depth);
		this.#settledOf.set(id, settled);
		return settled;
	}

	/** A product of this depth divided by the prime of the depth, if it has one. */
	#divided(product: Id, depth: number): Id {
		return this.#chain.rescaled[depth] ? this.#builder.rescale(product, this.#settledScale(depth)) : product;
	}

	/** The value settled at `depth`, with the canonical scale there. */
	#settledAt(value: Value, depth: number): Id {
		const settled = this.#settled(value);
		const scale = this.#settledScale(depth);
		if (value.depth === depth) return settled;
		if (sameScale(this.#builder.type(settled).scale, scale)) return this.#builder.atLevel(settled, this.#level(depth));
		return this.#divided(this.#timesOne(settled, depth), depth);
	}

	/** The value pending at `depth`, as if its product were made there. */
	#pendingAt(value: Value, depth: number): Id {
		if (value.pending && value.depth === depth) return value.id;
		return this.#timesOne(this.#settled(value), depth);
	}

	#timesOne(settled: Id, depth: number): Id {
		const operand = this.#builder.atLevel(settled, this.#level(depth - 1));
		return this.#builder.multiplyPlain(operand, 'ones', this.#pendingScale(depth));
	}

	/** Level of settled values, and of the products that are made of them. */
	#level(depth: number): number {
		return known(this.#chain.levels[depth], `no level for depth ${depth}`);
	}

	#settledScale(depth: number): number {
		return known(this.#chain.settled[depth], `no settled values of depth ${depth}`);
	}

	#pendingScale(depth: number): number {
		return known(this.#chain.pending[depth], `no pending values of depth ${depth}`);
	}
}

const known = <T>(value: T | undefined, message: string): T => {
	if (value === undefined) throw new InternalError('ckks lowering', message);
	return value;
};

/** Drops values and constants that no output needs; ids are renumbered in order. Inputs stay: the client sends every part. */
const pruned = (circuit: CkksCircuit): CkksCircuit => {
	const needed = new Uint8Array(circuit.ops.length);
	for (const { parts } of circuit.outputs) for (const id of parts) needed[id] = 1;
	for (let id = circuit.ops.length - 1; id >= 0; id--) {
		const op = circuit.ops[id] as Op;
		if (op.kind === 'input') needed[id] = 1;
		if (needed[id] === 1) for (const operand of operandsOf(op)) needed[operand] = 1;
	}
	if (!needed.includes(0)) return circuit;
	const kept = [...circuit.ops.keys()].filter((id) => needed[id] === 1);
	const renumbered = new Map(kept.map((id, index) => [id, index]));
	const usedConstants = [...new Set(kept.flatMap((id) => constantOf(circuit, id)))].sort((a, b) => a - b);
	const constantIndex = new Map(usedConstants.map((id, index) => [id, index]));
	const to = (id: Id): Id => renumbered.get(id) as Id;
	return {
		...circuit,
		constants: usedConstants.map((id) => circuit.constants[id] as CkksCircuit['constants'][number]),
		ops: kept.map((id) => {
			const op = circuit.ops[id] as CkksCircuit['ops'][number];
			if (op.kind === 'addPlain' || op.kind === 'multiplyPlain')
				return { ...op, a: to(op.a), constant: constantIndex.get(op.constant) as number };
			return withOperands(op, to);
		}),
		outputs: circuit.outputs.map(({ name, parts }) => ({ name, parts: parts.map(to) })),
	};
};

const constantOf = (circuit: CkksCircuit, id: Id): readonly number[] => {
	const op = circuit.ops[id];
	return op !== undefined && 'constant' in op ? [op.constant] : [];
};
