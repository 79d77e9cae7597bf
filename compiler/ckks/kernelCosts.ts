import type { CkksCircuit, Id, Kind, Op } from './circuit.ts';
import { at, type Polynomial } from './milliseconds.ts';

/**
 * Measured costs of the kernel at one ring degree, on one thread; p is the number of primes of the operand. An extended value
 * has the special prime beside them: where that makes a difference, it counts as one prime more.
 */
export type KernelCosts = {
	/** The digits of a value, once for all of its rotations. */
	readonly decompose: Polynomial;
	/** Products of digits with a key, and the permutation: the result is extended. */
	readonly rotate: Polynomial;
	/** Decomposition and products with the key. */
	readonly relinearize: Polynomial;
	/** Division of two polynomials by the special prime. */
	readonly modDown: Polynomial;
	readonly rescale: Polynomial;
	/** Division by the last prime and the special one at once. */
	readonly rescaleExtended: Polynomial;
	readonly multiply: Polynomial;
	readonly square: Polynomial;
	/** One term of a sum of products with plaintexts. */
	readonly plainTerm: Polynomial;
	/** One term of a combination, for each of its results: the number is a weight, nothing is encoded. */
	readonly combineTerm: Polynomial;
	readonly add: Polynomial;
	readonly addPlain: Polynomial;
	/** By any number of levels; p of the result. */
	readonly modSwitch: Polynomial;
	/** An input from the bytes that were sent, its uniform half drawn from the seed; an output to bytes. */
	readonly load: Polynomial;
	readonly save: Polynomial;
	/** A vector at the level where it is used, and a number. */
	readonly encode: Polynomial;
	readonly encodeNumber: Polynomial;
	/** One evaluation key; p of the highest level that it serves. */
	readonly loadKey: Polynomial;
	/** The tables of a context; p is the number of all data primes. */
	readonly setUp: Polynomial;
};

/** Division of one polynomial by the special prime: what the decomposition of an extended value begins with. */
const halfModDown = ({ modDown }: KernelCosts, p: number): number => at(modDown, p) / 2;

/** Milliseconds of decomposing a value of p primes. */
export const decomposeMilliseconds = (costs: KernelCosts, p: number, extended: boolean): number =>
	at(costs.decompose, p) + (extended ? halfModDown(costs, p) : 0);

/** Milliseconds of a rescale whose operand has p primes. */
export const rescaleMilliseconds = (costs: KernelCosts, p: number, extended: boolean, size: 2 | 3): number =>
	extended ? at(costs.rescaleExtended, p) : (at(costs.rescale, p) * size) / 2;

/** Rows of a polynomial: the special prime's is one of them where the value is extended. */
export const rowsOf = (p: number, extended: boolean): number => p + (extended ? 1 : 0);

/**
 * Predicted milliseconds of each operation of a circuit, without the encoding of constants, as the plan will do it: the rotations of one value share
 * its decomposition, what key switching gives stays extended until it is rescaled, multiplied or sent, and sums of products
 * with plaintexts are formed in one go. What several operations share is counted at the first.
 */
export const kernelTimes = (circuit: CkksCircuit, costs: KernelCosts): Float64Array => {
	const walk = new Walk(circuit, costs);
	const times = Float64Array.from(circuit.ops, (_, id) => walk.next(id));
	for (const { parts } of circuit.outputs) for (const id of parts) times[id] = (times[id] as number) + walk.reduced(id);
	return times;
};

/** Goes through a circuit once and knows the form that values have by then. */
class Walk {
	readonly #ops: readonly Op[];
	readonly #costs: KernelCosts;
	/** Has it been key-switched and not divided by the special prime yet? */
	readonly #extended: Uint8Array;
	/** Is it a sum of products with plaintexts, and nothing else? */
	readonly #products: Uint8Array;
	readonly #decomposed: Uint8Array;
	readonly #reduced: Uint8Array;

	constructor({ ops }: CkksCircuit, costs: KernelCosts) {
		this.#ops = ops;
		this.#costs = costs;
		this.#extended = new Uint8Array(ops.length);
		this.#products = new Uint8Array(ops.length);
		this.#decomposed = new Uint8Array(ops.length);
		this.#reduced = new Uint8Array(ops.length);
	}

	/** Milliseconds of the next operation. */
	next(id: Id): number {
		const op = this.#ops[id] as Op;
		const rule = rules[op.kind] as Rule<Kind>;
		return rule(op, id, op.level + 1, this, this.#costs);
	}

	isExtended(id: Id): boolean {
		return this.#extended[id] === 1;
	}

	isProducts(id: Id): boolean {
		return this.#products[id] === 1;
	}

	/** The value `id` is extended if one of these is. */
	inherit(id: Id, operands: readonly Id[]): void {
		if (operands.some((operand) => this.isExtended(operand))) this.#extended[id] = 1;
	}

	extend(id: Id): void {
		this.#extended[id] = 1;
	}

	markProducts(id: Id): void {
		this.#products[id] = 1;
	}

	/** Milliseconds of dividing a value by the special prime where it is extended and that was not done before. */
	reduced(id: Id): number {
		if (!this.isExtended(id) || this.#reduced[id] === 1) return 0;
		this.#reduced[id] = 1;
		return at(this.#costs.modDown, (this.#ops[id] as Op).level + 1);
	}

	/** Milliseconds of decomposing a value where that was not done before. */
	decomposed(id: Id): number {
		if (this.#decomposed[id] === 1) return 0;
		this.#decomposed[id] = 1;
		return decomposeMilliseconds(this.#costs, (this.#ops[id] as Op).level + 1, this.isExtended(id));
	}

	/** A result like its operand, which is worked on row by row. */
	through(id: Id, a: Id, cost: Polynomial): number {
		this.inherit(id, [a]);
		const { level, size } = this.#ops[id] as Op;
		return (at(cost, rowsOf(level + 1, this.isExtended(id))) * size) / 2;
	}

	sum(id: Id, a: Id, b: Id): number {
		const { level, size } = this.#ops[id] as Op;
		// Nothing extended has three polynomials.
		const before = size === 3 ? this.reduced(a) + this.reduced(b) : 0;
		if (size === 2) this.inherit(id, [a, b]);
		if (this.isProducts(a) && this.isProducts(b) && this.isExtended(a) === this.isExtended(b)) {
			this.markProducts(id);
			return before;
		}
		return before + (at(this.#costs.add, rowsOf(level + 1, this.isExtended(id))) * size) / 2;
	}
}

type Rule<K extends Kind> = (op: Op<K>, id: Id, p: number, walk: Walk, costs: KernelCosts) => number;

const rules: { readonly [K in Kind]: Rule<K> } = {
	input: (_, __, p, ___, { load }) => at(load, p),
	rotate: ({ a }, id, p, walk, { rotate }) => {
		walk.extend(id);
		return walk.decomposed(a) + at(rotate, p);
	},
	relinearize: (_, id, p, walk, { relinearize }) => {
		walk.extend(id);
		return at(relinearize, p);
	},
	multiply: ({ a, b }, _, p, walk, { square, multiply }) =>
		walk.reduced(a) + walk.reduced(b) + at(a === b ? square : multiply, p),
	multiplyPlain: ({ a }, id, _, walk, { plainTerm }) => {
		walk.markProducts(id);
		return walk.through(id, a, plainTerm);
	},
	combine: ({ terms }, _, p, walk, { combineTerm }) =>
		terms.reduce((total, term) => total + walk.reduced(term), terms.length * at(combineTerm, p)),
	addPlain: ({ a }, id, _, walk, { addPlain }) => walk.through(id, a, addPlain),
	add: ({ a, b }, id, _, walk) => walk.sum(id, a, b),
	subtract: ({ a, b }, id, _, walk) => walk.sum(id, a, b),
	negate: ({ a }, id, _, walk, { add }) => walk.through(id, a, add),
	rescale: ({ a, size }, _, p, walk, costs) => rescaleMilliseconds(costs, p + 1, walk.isExtended(a), size),
	modSwitch: ({ a }, id, _, walk, { modSwitch }) => walk.through(id, a, modSwitch),
};
