import { type Computation, type ConstantSpec, type Instruction, registersWritten, type ServerProgram } from './plan.ts';
import { allocated } from './registers.ts';
import { valuesOf } from './values.ts';

/** An operation as backends know it: nothing extended, no digits, one result. */
export type SimpleInstruction =
	| { readonly op: 'input'; readonly to: number; readonly input: number; readonly part: number }
	| { readonly op: 'output'; readonly a: number; readonly output: number; readonly part: number }
	| { readonly op: 'add' | 'subtract' | 'multiply'; readonly to: number; readonly a: number; readonly b: number }
	| { readonly op: 'negate' | 'relinearize' | 'rescale'; readonly to: number; readonly a: number }
	| { readonly op: 'addPlain' | 'multiplyPlain'; readonly to: number; readonly a: number; readonly constant: number }
	/** sum_k c_k terms[k]: the number c_k is word offset + k of the constants. */
	| {
			readonly op: 'combine';
			readonly to: number;
			readonly terms: readonly number[];
			readonly offset: number;
			readonly level: number;
			readonly scale: number;
	  }
	| { readonly op: 'rotate'; readonly to: number; readonly a: number; readonly steps: number }
	| { readonly op: 'modSwitch'; readonly to: number; readonly a: number; readonly level: number };

/** A program of simple operations. */
export type Simple<P extends Computation> = Omit<P, 'instructions'> & {
	readonly instructions: readonly SimpleInstruction[];
	/** The instruction of the plan that each is a part of. */
	readonly sources: readonly number[];
};
export type SimpleProgram = Simple<ServerProgram>;

/**
 * The same computation by simple operations: a sum of products is products and additions, a combination of several results
 * one for each, and what is extended is what it stands for, so that digits and divisions by P are nothing at all. No more
 * registers than values are alive at once; a constant is there once, extended or not. Throws RefusedError 'program' for a plan
 * that is not legal.
 */
export const expanded = <P extends Computation>(program: P): Simple<P> => {
	valuesOf(program);
	const { constants, placeOf } = distinctConstants(program.constants);
	const expansion = new Expansion(placeOf);
	program.instructions.forEach((step, k) => {
		expansion.add(step, k);
	});
	const { steps, sources } = expansion;
	return { ...program, ...allocated(steps), sources, constants };
};

/** Constants but for what is extended, each once, and where each is then. */
const distinctConstants = (
	specs: readonly ConstantSpec[],
): { readonly constants: readonly ConstantSpec[]; readonly placeOf: (constant: number) => number } => {
	const places = new Map<string, number>();
	const constants: ConstantSpec[] = [];
	const place = specs.map(({ offset, level, scale }) => {
		const key = `${offset} ${level} ${scale}`;
		const known = places.get(key) ?? constants.push({ offset, level, scale }) - 1;
		places.set(key, known);
		return known;
	});
	return { constants, placeOf: (constant) => place[constant] as number };
};

/** Simple operations on values, each written once. */
class Expansion {
	readonly steps: SimpleInstruction[] = [];
	readonly sources: number[] = [];
	readonly #placeOf: (constant: number) => number;
	/** The value that each register of the plan holds. */
	readonly #holds = new Map<number, number>();
	#values = 0;

	constructor(placeOf: (constant: number) => number) {
		this.#placeOf = placeOf;
	}

	add(step: Instruction, source: number): void {
		const results = this.#results(step);
		registersWritten(step).forEach((register, i) => {
			this.#holds.set(register, results[i] as number);
		});
		while (this.sources.length < this.steps.length) this.sources.push(source);
	}

	/** Writes the operations of one instruction; the values of its results. */
	#results(step: Instruction): readonly number[] {
		switch (step.op) {
			case 'input':
				return [this.#write((to) => ({ ...step, to }))];
			case 'output':
				this.steps.push({ ...step, a: this.#at(step.a) });
				return [];
			case 'add':
			case 'subtract':
			case 'multiply':
				return [this.#write((to) => ({ ...step, to, a: this.#at(step.a), b: this.#at(step.b) }))];
			case 'negate':
			case 'relinearize':
			case 'rescale': {
				const { op } = step;
				return [this.#write((to) => ({ op, to, a: this.#at(step.a) }))];
			}
			case 'modSwitch':
				return [this.#write((to) => ({ ...step, to, a: this.#at(step.a) }))];
			case 'rotate':
				return [this.#write((to) => ({ op: 'rotate', to, a: this.#at(step.a), steps: step.steps }))];
			case 'decompose':
			case 'modDown':
				return [this.#at(step.a)];
			case 'addPlain':
				return [this.#withPlain('addPlain', step.a, step.constant)];
			case 'sumProducts':
				return [this.#sumProducts(step)];
			case 'combine': {
				const { op, level, scale } = step;
				const terms = step.terms.map((term) => this.#at(term));
				return step.to.map((_, i) => {
					const offset = step.offset + i * terms.length;
					return this.#write((to) => ({ op, to, terms, offset, level, scale }));
				});
			}
		}
	}

	#withPlain(op: 'addPlain' | 'multiplyPlain', a: number, constant: number): number {
		return this.#write((to) => ({ op, to, a: this.#at(a), constant: this.#placeOf(constant) }));
	}

	/** Each product is added as soon as it is there: two are alive at most. */
	#sumProducts({ terms, constants }: Extract<Instruction, { op: 'sumProducts' }>): number {
		const product = (k: number): number => this.#withPlain('multiplyPlain', terms[k] as number, constants[k] as number);
		let sum = product(0);
		for (let k = 1; k < terms.length; k++) {
			const [a, b] = [sum, product(k)];
			sum = this.#write((to) => ({ op: 'add', to, a, b }));
		}
		return sum;
	}

	#write(make: (to: number) => SimpleInstruction): number {
		const to = this.#values++;
		this.steps.push(make(to));
		return to;
	}

	#at(register: number): number {
		return this.#holds.get(register) as number;
	}
}
