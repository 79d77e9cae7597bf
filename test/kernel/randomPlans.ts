import fc from 'fast-check';
import type { Program } from '../../runtime/plan.ts';
import { PARAMETERS, KERNEL_SCALE as S, Sketchbook } from './programs.ts';

/** A register of a random plan and what is in it. */
type Held = {
	readonly register: number;
	readonly level: number;
	readonly scale: number;
	readonly extended: boolean;
};

/** Writes instructions, each kind as a choice says, on registers that earlier ones wrote. */
class Scribe {
	readonly plan = new Sketchbook();
	readonly #held: Held[] = [];

	/** One choice: instructions on values of one level, scale and form, or a new input where there is none. */
	write(choice: number): void {
		const of = this.#held[Math.floor(choice / 16) % Math.max(1, this.#held.length)];
		if (of === undefined || choice % 16 < 2) {
			const level = choice % 4;
			this.#hold(this.plan.input(level), { level, scale: S, extended: false });
			return;
		}
		const same = this.#held.filter(({ level, scale }) => level === of.level && scale === of.scale);
		const alike = same.filter(({ extended }) => extended === of.extended);
		const pick = (list: readonly Held[], k: number): Held => list[(choice + k) % list.length] ?? of;
		const terms = Array.from({ length: 1 + (choice % 11) }, (_, k) => pick(alike, k).register);
		this.#linear(choice % 16, of, pick(same, 1), pick(alike, 2), choice);
		this.#products(choice % 16, of, terms);
	}

	#hold(register: number, value: Omit<Held, 'register'>): void {
		this.#held.push({ ...value, register });
	}

	#linear(kind: number, of: Held, mixed: Held, other: Held, choice: number): void {
		const { plan } = this;
		const { register: a, level, extended } = of;
		if (kind === 2) this.#hold(plan.add({ op: 'add', a, b: other.register }), of);
		else if (kind < 5 && mixed.register !== a) {
			const op = kind === 3 ? 'add' : 'subtract';
			this.#hold(plan.add({ op, a, b: mixed.register }), { ...of, extended: extended || mixed.extended });
		} else if (kind === 5) this.#hold(plan.add({ op: 'negate', a }), of);
		else if (kind === 6 || kind === 7) {
			const digits = plan.add({ op: 'decompose', a });
			for (const steps of [1, 5].slice(0, 1 + (choice % 2)))
				this.#hold(plan.add({ op: 'rotate', a, digits, steps }), { ...of, extended: true });
		} else if (kind === 8 && extended) this.#hold(plan.add({ op: 'modDown', a }), { ...of, extended: false });
		else if (kind === 9 && level > 0)
			this.#hold(plan.add({ op: 'modSwitch', a, level: level - 1 }), { ...of, level: level - 1 });
	}

	#products(kind: number, of: Held, terms: readonly number[]): void {
		const { plan } = this;
		const { register: a, level, scale, extended } = of;
		const rescaled = (product: number, factor: number): void => {
			const rest = { level: level - 1, scale: (scale * factor) / (PARAMETERS.primes[level] as number) };
			this.#hold(plan.add({ op: 'rescale', a: product }), { ...rest, extended: false });
		};
		if (kind >= 10 && kind < 12 && level > 0) {
			const constants = terms.map(() => plan.constant(level, S, extended));
			rescaled(plan.add({ op: 'sumProducts', terms, constants }), S);
		} else if (kind === 12) this.#hold(plan.add({ op: 'addPlain', a, constant: plan.constant(level, scale) }), of);
		else if (kind === 13 && !extended && level > 0) {
			const product = plan.add({ op: 'multiply', a, b: terms[0] ?? a });
			rescaled(plan.add({ op: 'relinearize', a: product }), scale);
		} else if (kind === 14 && !extended) {
			const numbers = [1, -2].map((number) => terms.map((_, k) => number * (1 + (k % 2))));
			for (const result of plan.combine(terms, numbers, level, 1)) this.#hold(result, of);
		} else if (kind === 15 && !extended) plan.output(a);
	}

	/** What is held last goes out. */
	finish(): Program {
		for (const { register, extended } of this.#held.slice(-2))
			this.plan.output(extended ? this.plan.add({ op: 'modDown', a: register }) : register);
		return this.plan.program();
	}
}

/** Legal plans of every instruction; values may grow beyond the modulus. */
export const randomPlans = (maxLength: number): fc.Arbitrary<Program> =>
	fc.array(fc.nat(2 ** 20), { minLength: 1, maxLength }).map((choices) => {
		const scribe = new Scribe();
		for (const choice of choices) scribe.write(choice);
		return scribe.finish();
	});
