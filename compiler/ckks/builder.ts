import { InternalError } from '../errors.ts';
import type { Id as SlotId } from '../slots/circuit.ts';
import type { Chain } from './chain.ts';
import type { Constant, Id, Op, ValueType } from './circuit.ts';

/** Records CKKS values; equal operations are one value. Types (level, scale, size) follow from the operands. */
export class CkksBuilder {
	readonly ops: Op[] = [];
	readonly constants: Constant[] = [];
	/** The slot value and layer that is being computed. */
	slot: SlotId = 0;
	origin = '';
	readonly #chain: Chain;
	readonly #knownOps = new Map<string, Id>();
	readonly #knownConstants = new Map<string, number>();
	/** Products by their relinearised form, where something asked for it. */
	readonly #relinearized = new Map<Id, Id>();

	constructor(chain: Chain) {
		this.#chain = chain;
	}

	type(id: Id): ValueType {
		const op = this.ops[id];
		if (op === undefined) throw new InternalError('ckks', `no value ${id}`);
		return op;
	}

	input(name: string, part: number, level: number, scale: number): Id {
		return this.#record(`input ${part} ${name}`, { kind: 'input', name, part, level, scale, size: 2, ...this.#here() });
	}

	rotate(a: Id, steps: number): Id {
		return this.#record(`rotate ${a} ${steps}`, { kind: 'rotate', a, steps, ...this.#like(a), ...this.#here() });
	}

	/** Operands that are relinearised for another reader are taken so: their sum then needs no relinearisation of its own. */
	sum(kind: 'add' | 'subtract', x: Id, y: Id): Id {
		const [a, b] = [this.#relinearized.get(x) ?? x, this.#relinearized.get(y) ?? y];
		const size = Math.max(this.type(a).size, this.type(b).size) as 2 | 3;
		return this.#record(`${kind} ${a} ${b}`, { kind, a, b, ...this.#like(a), size, ...this.#here() });
	}

	negate(a: Id): Id {
		return this.#record(`negate ${a}`, { kind: 'negate', a, ...this.#like(a), ...this.#here() });
	}

	addPlain(a: Id, plain: number): Id {
		const { level, scale } = this.type(a);
		const constant = this.#constant({ plain, level, scale });
		return this.#record(`addPlain ${a} ${constant}`, {
			kind: 'addPlain',
			a,
			constant,
			...this.#like(a),
			...this.#here(),
		});
	}

	/** The product whose scale is exactly `scale`: the constant's scale makes up the difference. */
	multiplyPlain(a: Id, plain: number | 'ones', scale: number): Id {
		const type = this.#like(a);
		const constant = this.#constant({ plain, level: type.level, scale: scale / type.scale });
		return this.#record(`multiplyPlain ${a} ${constant}`, {
			kind: 'multiplyPlain',
			a,
			constant,
			...type,
			scale,
			...(plain === 'ones' ? this.#sameValue(a) : this.#here()),
		});
	}

	/** The combination whose scale is exactly `scale`; terms have one level and one scale. */
	combine(terms: readonly Id[], weights: Float64Array, scale: number): Id {
		const type = this.#like(terms[0] as Id);
		// One slot value has one combination that begins with this term: neither the others nor the weights need a look.
		return this.#record(`combine ${this.slot} ${terms[0]} ${scale}`, {
			kind: 'combine',
			terms,
			weights,
			...type,
			scale,
			...this.#here(),
		});
	}

	multiply(a: Id, b: Id): Id {
		const scale = this.type(a).scale * this.type(b).scale;
		return this.#record(`multiply ${a} ${b}`, {
			kind: 'multiply',
			a,
			b,
			...this.#like(a),
			scale,
			size: 3,
			...this.#here(),
		});
	}

	relinearized(a: Id): Id {
		if (this.type(a).size === 2) return a;
		const id = this.#record(`relinearize ${a}`, {
			kind: 'relinearize',
			a,
			...this.#like(a),
			size: 2,
			...this.#sameValue(a),
		});
		this.#relinearized.set(a, id);
		return id;
	}

	/** Divided by its level's prime; `scale` is the exact result, as the chain defines it. */
	rescale(a: Id, scale: number): Id {
		const { level, size } = this.type(a);
		return this.#record(`rescale ${a}`, { kind: 'rescale', a, level: level - 1, size, scale, ...this.#sameValue(a) });
	}

	atLevel(a: Id, level: number): Id {
		const type = this.#like(a);
		if (type.level === level) return a;
		return this.#record(`modSwitch ${a} ${level}`, { kind: 'modSwitch', a, ...type, level, ...this.#sameValue(a) });
	}

	get chain(): Chain {
		return this.#chain;
	}

	/** The value of a itself, in another form. */
	#sameValue(a: Id): { readonly slot: SlotId; readonly origin: string } {
		return { slot: (this.ops[a] as Op).slot, origin: this.origin };
	}

	#here(): { readonly slot: SlotId; readonly origin: string } {
		return { slot: this.slot, origin: this.origin };
	}

	#like(a: Id): ValueType {
		const { level, scale, size } = this.type(a);
		return { level, scale, size };
	}

	#record(key: string, op: Op): Id {
		const known = this.#knownOps.get(key);
		if (known !== undefined) return known;
		const id = this.ops.push(op) - 1;
		this.#knownOps.set(key, id);
		return id;
	}

	#constant(constant: Constant): number {
		const key = `${constant.plain} ${constant.level} ${constant.scale}`;
		const known = this.#knownConstants.get(key);
		if (known !== undefined) return known;
		const id = this.constants.push(constant) - 1;
		this.#knownConstants.set(key, id);
		return id;
	}
}
