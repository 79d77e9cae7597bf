import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import { lastUses, operandsOf } from '../slots/circuit.ts';
import type { Extension } from './extension.ts';
import type { Writer } from './writer.ts';

/**
 * The sums of a circuit: trees of additions, and of products with plaintexts below them, whose values nobody else reads.
 * For each operation that is a part of a larger sum, the addition at its root. Sums of exact residues associate.
 */
type Roots = ReadonlyMap<Id, Id>;

const rootsOf = ({ ops, outputs }: CkksCircuit, { computed, passed }: Extension): Roots => {
	const readers = ops.map((): Id[] => []);
	ops.forEach((op, id) => {
		for (const operand of operandsOf(op)) readers[operand]?.push(id);
	});
	const shown = new Set(outputs.flatMap(({ parts }) => parts));
	const roots = new Map<Id, Id>();
	for (let id = ops.length - 1; id >= 0; id--) {
		const op = ops[id] as Op;
		const [reader, ...others] = readers[id] as readonly Id[];
		if (reader === undefined || others.length > 0 || shown.has(id)) continue;
		if (op.kind !== 'add' && op.kind !== 'multiplyPlain') continue;
		const { kind, size } = ops[reader] as Op;
		// What is divided by P before it is added is a value of its own.
		if (kind !== 'add' || size !== op.size || computed[id] !== passed[id]) continue;
		roots.set(id, roots.get(reader) ?? reader);
	}
	return roots;
};

/** Of one sum and one form (extended or not): what is added up, and the products that are still to be, with their operations. */
type Partial = {
	value: number | undefined;
	readonly terms: number[];
	readonly constants: number[];
	readonly products: Id[];
};

const nothing = (): Partial => ({ value: undefined, terms: [], constants: [], products: [] });

/** A sum that is being written, and how many of its terms wait for nothing else. */
type Pending = { readonly extended: Partial; readonly plain: Partial; waiting: number };

/** With so many terms that only wait for their sum, those that are there are added up and need not be kept. */
const MOST_WAITING = 8;

/** Writes products with plaintexts and additions: of each sum, the products in as few instructions as pays, then the other terms. */
export class SumWriter {
	readonly #writer: Writer;
	readonly #extension: Extension;
	readonly #roots: Roots;
	readonly #last: Int32Array;
	readonly #pending = new Map<Id, Pending>();

	constructor(circuit: CkksCircuit, extension: Extension, writer: Writer) {
		this.#writer = writer;
		this.#extension = extension;
		this.#roots = rootsOf(circuit, extension);
		this.#last = lastUses(circuit.ops.map(operandsOf));
	}

	multiplyPlain(id: Id, { a, constant }: Op<'multiplyPlain'>): void {
		const extended = this.#extension.passed[a] === true;
		const root = this.#roots.get(id) ?? id;
		const sum = this.#sumOf(root);
		const { terms, constants, products } = extended ? sum.extended : sum.plain;
		terms.push(this.#writer.passed(a));
		constants.push(this.#writer.constant(constant, extended));
		products.push(id);
		if (this.#last[a] === id) sum.waiting++;
		if (root === id) this.#finish(id, sum);
		else if (sum.waiting === MOST_WAITING) this.#addUp(sum);
	}

	add(id: Id, op: Op<'add'>): void {
		const root = this.#roots.get(id) ?? id;
		const sum = this.#sumOf(root);
		for (const operand of [op.a, op.b]) {
			if (this.#roots.has(operand)) continue;
			const extended = op.size === 2 && this.#extension.passed[operand] === true;
			const value = extended ? this.#writer.passed(operand) : this.#writer.divided(operand);
			this.#accumulate(extended ? sum.extended : sum.plain, value);
		}
		if (root === id) this.#finish(id, sum);
	}

	#sumOf(root: Id): Pending {
		const sum = this.#pending.get(root) ?? { extended: nothing(), plain: nothing(), waiting: 0 };
		this.#pending.set(root, sum);
		return sum;
	}

	#finish(root: Id, sum: Pending): void {
		this.#addUp(sum);
		const { extended, plain } = sum;
		if (extended.value !== undefined && plain.value !== undefined) this.#accumulate(extended, plain.value);
		this.#writer.computed(root, (extended.value ?? plain.value) as number);
		this.#pending.delete(root);
	}

	/** What is written is for the first of the products: it may be of another layer than their sum. */
	#addUp(sum: Pending): void {
		const { source } = this.#writer;
		for (const part of [sum.extended, sum.plain]) {
			if (part.terms.length === 0) continue;
			const [terms, constants] = [part.terms.splice(0), part.constants.splice(0)];
			const [first = source] = part.products.splice(0);
			this.#writer.source = first;
			this.#accumulate(
				part,
				this.#writer.emit((to) => ({ op: 'sumProducts', to, terms, constants })),
			);
		}
		this.#writer.source = source;
		sum.waiting = 0;
	}

	#accumulate(part: Partial, b: number): void {
		const a = part.value;
		part.value = a === undefined ? b : this.#writer.emit((to) => ({ op: 'add', to, a, b }));
	}
}
