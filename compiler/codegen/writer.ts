import type { Instruction } from '../../runtime/plan.ts';
import type { Id } from '../ckks/circuit.ts';
import type { Extension } from './extension.ts';

/** A constant of the circuit, over P as well or not. */
export type UsedConstant = { readonly constant: number; readonly extended: boolean };

/** Instructions on values, each written once: `to`, `a`, `b`, `digits` and `terms` name values. */
export type Written = {
	readonly instructions: readonly Instruction[];
	/** The operation of the circuit that each instruction is for. */
	readonly sources: readonly Id[];
	/** What constants the instructions name, in the order of the circuit. */
	readonly constants: readonly UsedConstant[];
};

/**
 * Writes instructions and knows the values of operations in every form: as computed, divided by P, and their digits. A
 * form that is not there is made when it is asked for.
 */
export class Writer {
	readonly #extension: Extension;
	readonly #instructions: Instruction[] = [];
	readonly #sources: Id[] = [];
	readonly #computed = new Map<Id, number>();
	readonly #divided = new Map<Id, number>();
	readonly #digits = new Map<Id, number>();
	#values = 0;
	/** The operation that instructions are written for. */
	source: Id = 0;

	constructor(extension: Extension) {
		this.#extension = extension;
	}

	/** Writes one instruction; returns the value of its result. */
	emit(make: (to: number) => Instruction): number {
		const to = this.value();
		this.push(make(to));
		return to;
	}

	push(step: Instruction): void {
		this.#instructions.push(step);
		this.#sources.push(this.source);
	}

	/** A new value. */
	value(): number {
		return this.#values++;
	}

	/** What an operation computed, which is divided by P at once where nobody reads it as it is. */
	computed(id: Id, value: number): void {
		this.#computed.set(id, value);
		if (this.#extension.computed[id] && !this.#extension.passed[id]) this.divided(id);
	}

	/** As linear operations read it. */
	passed(id: Id): number {
		return this.#extension.passed[id] ? this.#computedOf(id) : this.divided(id);
	}

	/** Not extended. */
	divided(id: Id): number {
		if (!this.#extension.computed[id]) return this.#computedOf(id);
		return this.#once(this.#divided, id, (to) => ({ op: 'modDown', to, a: this.#computedOf(id) }));
	}

	/** In the form that is cheaper to decompose, rotate or rescale. */
	reduced(id: Id): number {
		return this.#extension.divided[id] ? this.divided(id) : this.#computedOf(id);
	}

	/** The digits of `reduced`, the same for all who ask. */
	digits(id: Id): number {
		const a = this.reduced(id);
		return this.#once(this.#digits, id, (to) => ({ op: 'decompose', to, a }));
	}

	/** The number by which instructions name a constant until `finish`. */
	constant(constant: number, extended: boolean): number {
		return 2 * constant + (extended ? 1 : 0);
	}

	finish(): Written {
		const used = new Set(this.#instructions.flatMap(constantsOf));
		const order = [...used].sort((a, b) => a - b);
		const places = new Map(order.map((name, index) => [name, index]));
		return {
			instructions: this.#instructions.map((step) => withConstants(step, (name) => places.get(name) as number)),
			sources: this.#sources,
			constants: order.map((name) => ({ constant: name >> 1, extended: name % 2 === 1 })),
		};
	}

	#computedOf(id: Id): number {
		return this.#computed.get(id) as number;
	}

	#once(known: Map<Id, number>, id: Id, make: (to: number) => Instruction): number {
		const value = known.get(id) ?? this.emit(make);
		known.set(id, value);
		return value;
	}
}

const constantsOf = (step: Instruction): readonly number[] => {
	if (step.op === 'addPlain') return [step.constant];
	return step.op === 'sumProducts' ? step.constants : [];
};

const withConstants = (step: Instruction, place: (name: number) => number): Instruction => {
	if (step.op === 'addPlain') return { ...step, constant: place(step.constant) };
	return step.op === 'sumProducts' ? { ...step, constants: step.constants.map(place) } : step;
};
