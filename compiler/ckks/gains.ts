import { VectorPool } from '../numeric/pool.ts';
import { add, rotated, scaled } from '../numeric/vectors.ts';
import { type Id, type Kind, type Op, operandsOf, type SlotCircuit } from '../slots/circuit.ts';
import { isProduct } from '../slots/depths.ts';
import { type PackedInputs, visitAll } from '../slots/evaluate.ts';

/**
 * How errors reach the outputs, to first order: an error of variance w[t] in slot t of a value adds sum_t g[t] w[t] to a
 * weighted sum of the outputs' variances. The gain g depends on the reader, so it is kept by edge (an operand of an operation,
 * numbered from `start[id]`), summed in the three ways in which operations add errors.
 */
export type Gains = {
	/** sum_t g[t]: for errors that are alike in every slot. */
	readonly even: Float64Array;
	/** sum_t g[t] profile[t]: for the part of key switching that lies in few slots. */
	readonly biased: Float64Array;
	/** Of products with plaintexts and numbers, sum_t g'[t] x[t]^2 with g' of the product, x the operand: for rounded plaintexts. */
	readonly rounding: Float64Array;
	/** Mean of x[t]^2 by value. */
	readonly squares: Float64Array;
	/** What the outputs themselves weigh, by value: sum_t weight[t] and sum_t weight[t] profile[t]. */
	readonly outputs: ReadonlyMap<Id, Sums>;
};
export type Sums = readonly [even: number, biased: number];

/** The operands of every operation, and where its edges begin. */
export type Edges = { readonly operands: readonly (readonly Id[])[]; readonly start: Int32Array };

export const edgesOf = (circuit: SlotCircuit): Edges => {
	const operands = circuit.ops.map(operandsOf);
	const start = new Int32Array(operands.length + 1);
	operands.forEach((read, id) => {
		start[id + 1] = (start[id] as number) + read.length;
	});
	return { operands, start };
};

/**
 * The gains for one sample: values forward, then gains backward. `weights` are those of the outputs' variances by value,
 * [slots] each, not negative. Cost: about two evaluations of the circuit, and the values of operands of products.
 */
export const gainsOf = (
	circuit: SlotCircuit,
	edges: Edges,
	profile: Float64Array,
	sample: PackedInputs,
	weights: ReadonlyMap<Id, Float64Array>,
): Gains => {
	const values = new ProductOperands(circuit, sample);
	const sweep = new Sweep(circuit, edges, profile, values);
	const outputs = new Map([...weights].map(([id, weight]) => [id, sweep.seed(id, weight)]));
	for (let id = circuit.ops.length - 1; id >= 0; id--) sweep.step(id);
	const { even, biased, rounding } = sweep;
	return { even, biased, rounding, squares: values.squares, outputs };
};

/** The value of an operand, not rotated: x[t] = values[(t + steps) mod v]. */
type Unrotated = { readonly values: Float64Array; readonly steps: number };

/** Values of what enters a product: those before its rotations are kept, so that all babies of a kernel are one vector. */
class ProductOperands {
	readonly squares: Float64Array;
	readonly #kept = new Map<Id, Float64Array>();
	readonly #root: Int32Array;
	readonly #steps: Int32Array;

	constructor(circuit: SlotCircuit, sample: PackedInputs) {
		const { ops, slots } = circuit;
		this.squares = new Float64Array(ops.length);
		this.#root = Int32Array.from(ops, (_, id) => id);
		this.#steps = new Int32Array(ops.length);
		ops.forEach((op, id) => {
			if (op.kind !== 'rotate') return;
			this.#root[id] = this.#root[op.a] as number;
			this.#steps[id] = ((this.#steps[op.a] as number) + op.steps) % slots;
		});
		const kept = new Set(ops.flatMap((op) => (isProduct(op) ? operandsOf(op).map((a) => this.#root[a]) : [])));
		visitAll(circuit, sample, (values, id) => {
			const root = this.#root[id] as number;
			this.squares[id] = root === id ? meanSquare(values) : (this.squares[root] as number);
			if (kept.has(id)) this.#kept.set(id, values.slice());
		});
	}

	at(id: Id): Unrotated {
		return { values: this.#kept.get(this.#root[id] as number) as Float64Array, steps: this.#steps[id] as number };
	}
}

const meanSquare = (x: Float64Array): number => {
	let sum = 0;
	for (let t = 0; t < x.length; t++) sum += (x[t] as number) ** 2;
	return sum / x.length;
};

type Rules = { readonly [K in Kind]: (op: Op<K>, gain: Float64Array, edge: number, sweep: Sweep) => void };

/** Gains are those of the rules in noise.ts, read backward. */
const rules: Rules = {
	input: () => {},
	rotate: (op, gain, edge, sweep) => sweep.give(edge, op.a, rotated(gain, -op.steps, sweep.make())),
	add: (op, gain, edge, sweep) => sweep.sum(op.a, op.b, gain, edge),
	subtract: (op, gain, edge, sweep) => sweep.sum(op.a, op.b, gain, edge),
	negate: (op, gain, edge, sweep) => sweep.give(edge, op.a, gain),
	addPlain: (op, gain, edge, sweep) => sweep.give(edge, op.a, gain),
	multiplyPlain: (op, gain, edge, sweep) => {
		const plain = sweep.circuit.plains[op.plain] as Float64Array;
		const given = sweep.make();
		for (let t = 0; t < given.length; t++) given[t] = (plain[t] as number) ** 2 * (gain[t] as number);
		sweep.rounding[edge] = weighted(gain, sweep.values.at(op.a));
		sweep.give(edge, op.a, given);
	},
	multiply: (op, gain, edge, sweep) => {
		if (op.a === op.b) sweep.give(edge, op.a, timesSquares(gain, sweep.values.at(op.a), 4, sweep.make()));
		else {
			sweep.give(edge, op.a, timesSquares(gain, sweep.values.at(op.b), 1, sweep.make()));
			sweep.give(edge + 1, op.b, timesSquares(gain, sweep.values.at(op.a), 1, sweep.make()));
		}
	},
	combine: (op, gain, edge, sweep) => {
		op.terms.forEach((term, k) => {
			sweep.rounding[edge + k] = weighted(gain, sweep.values.at(term));
			sweep.give(edge + k, term, scaled(gain, (op.weights[k] as number) ** 2, 0, sweep.make()));
		});
	},
};

/** sum_t gain[t] x[t]^2. */
const weighted = (gain: Float64Array, { values, steps }: Unrotated): number => {
	const mask = gain.length - 1;
	let sum = 0;
	for (let t = 0; t < gain.length; t++) sum += (gain[t] as number) * (values[(t + steps) & mask] as number) ** 2;
	return sum;
};

/** y[t] = factor gain[t] x[t]^2. */
const timesSquares = (
	gain: Float64Array,
	{ values, steps }: Unrotated,
	factor: number,
	y: Float64Array,
): Float64Array => {
	const mask = gain.length - 1;
	for (let t = 0; t < y.length; t++) y[t] = factor * (gain[t] as number) * (values[(t + steps) & mask] as number) ** 2;
	return y;
};

/** The gains of values while they are collected from their readers. Equal gains are one vector: sums cost nothing. */
class Sweep {
	readonly circuit: SlotCircuit;
	readonly values: ProductOperands;
	readonly even: Float64Array;
	readonly biased: Float64Array;
	readonly rounding: Float64Array;
	readonly #edges: Edges;
	readonly #profile: Float64Array;
	readonly #gains: (Float64Array | undefined)[];
	readonly #sums = new Map<Float64Array, Sums>();
	readonly #pool: VectorPool;

	constructor(circuit: SlotCircuit, edges: Edges, profile: Float64Array, values: ProductOperands) {
		const count = edges.start[circuit.ops.length] as number;
		this.circuit = circuit;
		this.values = values;
		this.even = new Float64Array(count);
		this.biased = new Float64Array(count);
		this.rounding = new Float64Array(count);
		this.#edges = edges;
		this.#profile = profile;
		this.#gains = circuit.ops.map(() => undefined);
		this.#pool = new VectorPool(circuit.slots);
	}

	/** A vector of any contents. */
	make(): Float64Array {
		const vector = this.#pool.make();
		this.#sums.delete(vector);
		return vector;
	}

	seed(id: Id, weight: Float64Array): Sums {
		this.#add(id, weight);
		return this.#sumsOf(weight);
	}

	step(id: Id): void {
		const gain = this.#gains[id];
		if (gain === undefined) return;
		const op = this.circuit.ops[id] as Op;
		const rule = rules[op.kind] as (op: Op, gain: Float64Array, edge: number, sweep: Sweep) => void;
		rule(op, gain, this.#edges.start[id] as number, this);
		this.#gains[id] = undefined;
		this.#pool.release(gain);
	}

	/** What an error of the operand of an edge weighs. */
	give(edge: number, operand: Id, gain: Float64Array): void {
		const [even, biased] = this.#sumsOf(gain);
		this.even[edge] = even;
		this.biased[edge] = biased;
		this.#add(operand, gain);
	}

	/** One value added to itself has the same error twice. */
	sum(a: Id, b: Id, gain: Float64Array, edge: number): void {
		if (a === b) {
			this.give(edge, a, scaled(gain, 4, 0, this.make()));
			return;
		}
		this.give(edge, a, gain);
		this.give(edge + 1, b, gain);
	}

	#add(id: Id, gain: Float64Array): void {
		this.#pool.hold(gain);
		const known = this.#gains[id];
		if (known === undefined) {
			this.#gains[id] = gain;
			return;
		}
		if (this.#pool.isOwned(known)) {
			this.#sums.delete(known);
			add(known, gain, known);
		} else {
			this.#gains[id] = this.#pool.hold(add(known, gain, this.make()));
			this.#pool.release(known);
		}
		this.#pool.release(gain);
	}

	#sumsOf(gain: Float64Array): Sums {
		const known = this.#sums.get(gain);
		if (known !== undefined) return known;
		let [even, biased] = [0, 0];
		for (let t = 0; t < gain.length; t++) {
			even += gain[t] as number;
			biased += (gain[t] as number) * (this.#profile[t] as number);
		}
		this.#sums.set(gain, [even, biased]);
		return [even, biased];
	}
}
