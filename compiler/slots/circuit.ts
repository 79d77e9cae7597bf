import { createHash } from 'node:crypto';
import { InternalError } from '../errors.ts';

/**
 * The slot circuit: additions, products and rotations on vectors of v virtual slots. Flat array of immutable records,
 * operands are indices below their own; an interning builder, so that no value exists twice.
 *
 * | kind          | y[t] =                                   |
 * |---------------|------------------------------------------|
 * | input         | part `part` of the packed input `name`   |
 * | rotate        | a[(t + steps) mod v], 0 < steps < v      |
 * | add, subtract | a[t] + b[t], a[t] - b[t]                 |
 * | negate        | -a[t]                                    |
 * | addPlain      | a[t] + plain[t]                          |
 * | multiplyPlain | a[t] * plain[t], plain not all zero      |
 * | multiply      | a[t] * b[t] (a square when a = b)        |
 * | combine       | sum_k weights[k] * terms[k][t]           |
 */
export type Id = number;

export type Fields = {
	input: { readonly name: string; readonly part: number };
	rotate: { readonly a: Id; readonly steps: number };
	add: { readonly a: Id; readonly b: Id };
	subtract: { readonly a: Id; readonly b: Id };
	negate: { readonly a: Id };
	addPlain: { readonly a: Id; readonly plain: number };
	multiplyPlain: { readonly a: Id; readonly plain: number };
	multiply: { readonly a: Id; readonly b: Id };
	combine: { readonly terms: readonly Id[]; readonly weights: Float64Array };
};
export type Kind = keyof Fields;
/** `origin` is the layer that first asked for the value. */
export type Op<K extends Kind = Kind> = { [P in K]: { readonly kind: P; readonly origin: string } & Fields[P] }[K];

export type SlotCircuit = {
	/** v, a power of two. */
	readonly slots: number;
	readonly plains: readonly Float64Array[];
	readonly ops: readonly Op[];
	readonly outputs: readonly { readonly name: string; readonly parts: readonly Id[] }[];
};

type Operands = { readonly kind: string; readonly a?: Id; readonly b?: Id; readonly terms?: readonly Id[] };

/** What an operation of this circuit, or of the CKKS circuit, reads: its fields a and b, or its terms. */
export const operandsOf = ({ a, b, terms }: Operands): readonly Id[] => {
	if (a === undefined) return terms ?? [];
	return b === undefined ? [a] : [a, b];
};

/** For each value the last one that reads it; itself when none does. `operands` by value. */
export const lastUses = (operands: readonly (readonly Id[])[]): Int32Array => {
	const last = Int32Array.from(operands, (_, id) => id);
	operands.forEach((read, id) => {
		for (const operand of read) last[operand] = id;
	});
	return last;
};

/**
 * Records a circuit. Equal operations are one value; `x * 1 == x`, `rotate(x, 0) == x` and `x + 0 == x` are applied on the way.
 * `origin` labels what is recorded until it is set again.
 */
export class SlotBuilder {
	readonly slots: number;
	origin = '';
	readonly #ops: Op[] = [];
	readonly #plains: Float64Array[] = [];
	/** Room for plaintexts, one after another. */
	readonly #room: Float64Array;
	readonly #knownOps = new Map<string, Id>();
	readonly #knownPlains = new Map<string, number>();

	/** `plaintexts`: about how many there will be, where known; these are kept one after another. */
	constructor(slots: number, plaintexts = 0) {
		this.slots = slots;
		this.#room = new Float64Array(slots * plaintexts);
	}

	input(name: string, part: number): Id {
		return this.#record(`input ${part} ${name}`, { kind: 'input', name, part, origin: this.origin });
	}

	rotate(a: Id, steps: number): Id {
		const normal = ((steps % this.slots) + this.slots) % this.slots;
		if (normal === 0) return a;
		return this.#record(`rotate ${a} ${normal}`, { kind: 'rotate', a, steps: normal, origin: this.origin });
	}

	add(a: Id, b: Id): Id {
		const [low, high] = a <= b ? [a, b] : [b, a];
		return this.#record(`add ${low} ${high}`, { kind: 'add', a: low, b: high, origin: this.origin });
	}

	subtract(a: Id, b: Id): Id {
		return this.#record(`subtract ${a} ${b}`, { kind: 'subtract', a, b, origin: this.origin });
	}

	negate(a: Id): Id {
		return this.#record(`negate ${a}`, { kind: 'negate', a, origin: this.origin });
	}

	addPlain(a: Id, values: Float64Array): Id {
		if (values.every((value) => value === 0)) return a;
		const plain = this.#plain(values);
		return this.#record(`addPlain ${a} ${plain}`, { kind: 'addPlain', a, plain, origin: this.origin });
	}

	multiplyPlain(a: Id, values: Float64Array): Id {
		if (values.every((value) => value === 1)) return a;
		if (values.every((value) => value === 0)) throw new InternalError('slots', 'a product with an all-zero plaintext');
		const plain = this.#plain(values);
		return this.#record(`multiplyPlain ${a} ${plain}`, { kind: 'multiplyPlain', a, plain, origin: this.origin });
	}

	multiply(a: Id, b: Id): Id {
		const [low, high] = a <= b ? [a, b] : [b, a];
		return this.#record(`multiply ${low} ${high}`, { kind: 'multiply', a: low, b: high, origin: this.origin });
	}

	/**
	 * sum_k weights[k] * terms[k], terms distinct, no weight zero: one product with a number for each term. Numbers need no
	 * encoding of slots, and one operation for all terms keeps circuits of many thousand products small.
	 */
	combine(terms: readonly Id[], weights: Float64Array): Id {
		if (terms.length === 0 || terms.length !== weights.length || weights.includes(0))
			throw new InternalError('slots', `a combination of ${terms.length} terms by ${weights.length} weights`);
		if (terms.length === 1 && weights[0] === 1) return terms[0] as Id;
		const key = createHash('sha1').update(bytesOf(weights)).digest('base64');
		return this.#record(`combine ${terms.join(' ')} ${key}`, { kind: 'combine', terms, weights, origin: this.origin });
	}

	build(outputs: SlotCircuit['outputs']): SlotCircuit {
		return { slots: this.slots, plains: this.#plains, ops: this.#ops, outputs };
	}

	#record(key: string, op: Op): Id {
		const known = this.#knownOps.get(key);
		if (known !== undefined) return known;
		const id = this.#ops.push(op) - 1;
		this.#knownOps.set(key, id);
		return id;
	}

	#plain(values: Float64Array): number {
		if (values.length !== this.slots) throw new InternalError('slots', `a plaintext of ${values.length} slots`);
		const key = createHash('sha1').update(bytesOf(values)).digest('base64');
		const known = this.#knownPlains.get(key);
		if (known !== undefined) return known;
		const place = this.#room.subarray(this.#plains.length * this.slots, (this.#plains.length + 1) * this.slots);
		const id = this.#plains.push(place.length === this.slots ? place : values) - 1;
		if (place.length === this.slots) place.set(values);
		this.#knownPlains.set(key, id);
		return id;
	}
}

const bytesOf = (values: Float64Array): Uint8Array =>
	new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
