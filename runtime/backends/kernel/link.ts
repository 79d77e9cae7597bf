import { RefusedError } from '../../errors.ts';
import { aligned, TERMS_AT_ONCE } from '../../kernel/arena.ts';
import type { KernelExports } from '../../kernel/exports.ts';
import { keyUses } from '../../kernel/residency.ts';
import type { Instruction, ServerProgram } from '../../plan.ts';
import { weightBits } from './bounds.ts';
import type { KernelConstants } from './constants.ts';
import type { KeyPlace, Layout } from './layout.ts';
import { withStages } from './stages.ts';

/** The functions of the kernel that all threads call alike. */
export type KernelCall = Extract<
	keyof KernelExports,
	| 'add'
	| 'subtract'
	| 'negate'
	| 'addMixed'
	| 'modSwitch'
	| 'addPlain'
	| 'sumProducts'
	| 'combine'
	| 'multiply'
	| 'square'
	| 'decompose'
	| 'rotate'
	| 'relinearize'
	| 'modDown'
	| 'rescale'
	| 'encodeNumber'
>;

/** A part of an input into its place, or a result out of it. */
export type PortStep = {
	readonly kind: 'input' | 'output';
	readonly port: number;
	readonly part: number;
	readonly at: number;
	readonly primes: number;
	/** The thread that does it. */
	readonly owner: number;
	/** Do all threads meet after it? */
	readonly meets: boolean;
};

export type Step =
	/** `key`: which argument is relative to the key set in use. Keys outside are called at the stage. */
	| { readonly kind: 'call'; readonly call: KernelCall; readonly args: readonly number[]; readonly key?: number }
	/** A key from outside, copied. */
	| { readonly kind: 'stage'; readonly key: number; readonly to: number; readonly bytes: number }
	/** The slots of a constant, encoded. */
	| { readonly kind: 'encode'; readonly constant: number; readonly to: number }
	| PortStep;

/** Addresses and weights that calls read. */
export type List = { readonly at: number; readonly values: Uint32Array | Float64Array };

/** A program with an address for everything: plain data, which depends on the plan, the constants and the layout alone. */
export type Linked = {
	/** Encodes the constants that are kept: once, before the first evaluation. */
	readonly setUp: readonly Step[];
	/** The steps of each instruction. */
	readonly steps: readonly (readonly Step[])[];
	/** The same for a key set that lies outside as a whole. */
	readonly outside: readonly (readonly Step[])[];
	/** To be written before the first evaluation. */
	readonly lists: readonly List[];
};

/** A value of the plan at its address. */
type Operand = {
	readonly at: number;
	readonly primes: number;
	readonly polynomials: number;
	readonly extended: boolean;
};

/** Steps for each instruction of a program. Throws RefusedError 'program' for what the kernel cannot compute exactly. */
export const linkProgram = (program: ServerProgram, constants: KernelConstants, layout: Layout): Linked => {
	const linker = new Linker(program, constants, layout);
	const steps = inTurns(
		program.instructions.map((instruction, i) => linker.link(instruction, i)),
		layout.threads,
		16 * program.parameters.ringDegree,
	);
	const setUp = (layout.constants ?? []).map((to, constant): Step => ({ kind: 'encode', constant, to }));
	return { setUp, ...withStages(steps, linker.uses, layout), lists: linker.lists };
};

const call = (name: KernelCall, ...args: readonly (number | boolean)[]): Step => ({
	kind: 'call',
	call: name,
	args: args.map(Number),
});

const portStep = (
	kind: PortStep['kind'],
	port: number,
	part: number,
	{ at, primes }: Pick<Operand, 'at' | 'primes'>,
): Step => ({ kind, port, part, at, primes, owner: 0, meets: true });

/**
 * Threads take the ports that follow each other in turns and meet after the last of them. Two inputs of which one may lie
 * where the other does (nothing reads it) are not done at once. `rowBytes`: of a row of both polynomials.
 */
const inTurns = (
	steps: readonly (readonly Step[])[],
	threads: number,
	rowBytes: number,
): readonly (readonly Step[])[] => {
	let group: PortStep[] = [];
	const apart = (a: PortStep, b: PortStep): boolean =>
		a.at + a.primes * rowBytes <= b.at || b.at + b.primes * rowBytes <= a.at;
	const fits = (next: Step | undefined): boolean =>
		(next?.kind === 'output' && group.every(({ kind }) => kind === 'output')) ||
		(next?.kind === 'input' && group.every((other) => other.kind === 'input' && apart(other, next)));
	return steps.map((all, i) => {
		const [step] = all;
		if (step === undefined || (step.kind !== 'input' && step.kind !== 'output')) return all;
		group.push(step);
		const turn = { owner: (group.length - 1) % threads, meets: !fits(steps[i + 1]?.[0]) };
		if (turn.meets) group = [];
		return [{ ...step, ...turn }];
	});
};

/** One instruction with the places of what it works on. */
type Scene = {
	readonly index: number;
	readonly read: (register: number) => Operand;
	readonly writes: readonly Operand[];
	readonly plaintexts: readonly number[];
	readonly partial: number | undefined;
};

class Linker {
	readonly lists: List[] = [];
	readonly #program: ServerProgram;
	readonly #constants: KernelConstants;
	readonly #layout: Layout;
	/** The key of each instruction. */
	readonly uses: readonly (number | undefined)[];

	constructor(program: ServerProgram, constants: KernelConstants, layout: Layout) {
		this.#program = program;
		this.#constants = constants;
		this.#layout = layout;
		this.uses = keyUses(program);
	}

	link(step: Instruction, index: number): readonly Step[] {
		const scene = this.#scene(index);
		const { read, writes } = scene;
		const to = writes[0]?.at ?? 0;
		switch (step.op) {
			case 'input':
				return [portStep('input', step.input, step.part, { at: to, primes: writes[0]?.primes ?? 0 })];
			case 'output':
				return [portStep('output', step.output, step.part, read(step.a))];
			case 'add':
			case 'subtract':
				return this.#sum(step.op, to, read(step.a), read(step.b));
			case 'negate': {
				const { at, polynomials, primes, extended } = read(step.a);
				return [call('negate', to, at, polynomials, primes, extended)];
			}
			case 'multiply': {
				const [a, b] = [read(step.a), read(step.b)];
				return [step.a === step.b ? call('square', to, a.at, a.primes) : call('multiply', to, a.at, b.at, a.primes)];
			}
			case 'addPlain':
				return this.#addPlain(step, to, scene);
			case 'sumProducts':
				return this.#sumProducts(step, to, scene);
			case 'combine':
				return this.#combine(step, scene);
			case 'decompose': {
				const a = read(step.a);
				return [call('decompose', to, a.at, a.primes, a.extended)];
			}
			case 'rotate':
				return this.#rotate(step, to, scene);
			case 'relinearize': {
				const { at, primes } = read(step.a);
				const key = this.#key(index, 'relinearization');
				return [{ kind: 'call', call: 'relinearize', args: [to, at, key.at ?? 0, key.primes, primes], key: 2 }];
			}
			case 'modDown': {
				const a = read(step.a);
				return [call('modDown', to, a.at, a.primes)];
			}
			case 'rescale': {
				const a = read(step.a);
				return [call('rescale', to, a.at, a.polynomials, a.primes, a.extended)];
			}
			case 'modSwitch': {
				const a = read(step.a);
				return [call('modSwitch', to, a.at, a.polynomials, a.primes, step.level + 1, a.extended)];
			}
		}
	}

	#scene(index: number): Scene {
		const { arena, places } = this.#layout;
		const place = places[index];
		if (place === undefined) throw new RefusedError('program', `instruction ${index} has no place`);
		const operand = ({ value, at }: (typeof place.writes)[number]): Operand => ({
			at: arena + at,
			primes: value.level + 1,
			polynomials: value.kind === 'ciphertext' ? value.size : 0,
			extended: value.kind === 'ciphertext' && value.extended,
		});
		return {
			index,
			read: (register) => {
				const found = place.reads.get(register);
				if (found === undefined) throw new RefusedError('program', `register ${register} is empty`);
				return operand(found);
			},
			writes: place.writes.map(operand),
			plaintexts: place.plaintexts.map((at) => arena + at),
			partial: place.partial === undefined ? undefined : arena + place.partial,
		};
	}

	/** to = a + b or a - b. Of operands of sizes 2 and 3 the larger one's third polynomial is copied or negated. */
	#sum(op: 'add' | 'subtract', to: number, a: Operand, b: Operand): readonly Step[] {
		const { primes, extended } = a;
		const sign = op === 'add' ? 1 : -1;
		if (a.extended && !b.extended) return [call('addMixed', to, a.at, b.at, 1, sign, primes)];
		if (b.extended && !a.extended) return [call('addMixed', to, b.at, a.at, sign, 1, primes)];
		const common = Math.min(a.polynomials, b.polynomials);
		const steps = [call(op, to, a.at, b.at, common, primes, extended)];
		if (a.polynomials === b.polynomials) return steps;
		const third = 2 * primes * this.#rowBytes;
		const larger = a.polynomials === 3 ? a : b;
		if (larger === b && op === 'subtract') steps.push(call('negate', to + third, b.at + third, 1, primes, 0));
		else if (larger.at !== to) steps.push(call('modSwitch', to + third, larger.at + third, 1, primes, primes, 0));
		return steps;
	}

	#addPlain({ a, constant }: Extract<Instruction, { op: 'addPlain' }>, to: number, scene: Scene): readonly Step[] {
		const { at, polynomials, primes, extended } = scene.read(a);
		const { steps, plain } = this.#plain(constant, scene.plaintexts[0]);
		return [...steps, call('addPlain', to, at, plain, polynomials, primes, extended)];
	}

	/** Where the plaintext of a constant is once these steps are done: in its own place, or encoded anew into the given one. */
	#plain(constant: number, place: number | undefined): { readonly steps: readonly Step[]; readonly plain: number } {
		const kept = this.#layout.constants?.[constant];
		if (kept !== undefined) return { steps: [], plain: kept };
		const spec = this.#program.constants[constant];
		if (spec === undefined || place === undefined)
			throw new RefusedError('program', `there is no place for constant ${constant}`);
		if (this.#constants.size > 1) return { steps: [{ kind: 'encode', constant, to: place }], plain: place };
		const integer = this.#constants.integer(constant);
		return {
			steps: [call('encodeNumber', place, integer, spec.level + 1, spec.extended === true)],
			plain: place,
		};
	}

	/** At once where all plaintexts are there; else so many terms at a time as have places for plaintexts. */
	#sumProducts(
		{ terms, constants }: Extract<Instruction, { op: 'sumProducts' }>,
		to: number,
		{ index, read, plaintexts, partial }: Scene,
	): readonly Step[] {
		const first = read(terms[0] as number);
		const { polynomials, primes, extended } = first;
		const plains = constants.map((constant, k) => this.#plain(constant, plaintexts[k % TERMS_AT_ONCE]));
		const termList = this.#layout.lists[index] as number;
		const plainList = termList + aligned(4 * terms.length);
		this.#list(
			termList,
			Uint32Array.from(terms, (term) => read(term).at),
		);
		this.#list(
			plainList,
			Uint32Array.from(plains, ({ plain }) => plain),
		);
		const most = plaintexts.length === 0 ? terms.length : TERMS_AT_ONCE;
		const steps: Step[] = [];
		for (let k = 0; k < terms.length; k += most) {
			const count = Math.min(most, terms.length - k);
			const result = k === 0 ? to : (partial ?? to);
			steps.push(...plains.slice(k, k + count).flatMap((plain) => plain.steps));
			steps.push(
				call('sumProducts', result, termList + 4 * k, plainList + 4 * k, count, polynomials, primes, extended),
			);
			if (k > 0) steps.push(call('add', to, to, result, polynomials, primes, extended));
		}
		return steps;
	}

	#combine(step: Extract<Instruction, { op: 'combine' }>, { index, read, writes }: Scene): readonly Step[] {
		const { terms, level } = step;
		const weights = this.#constants.weights(step);
		const bits = weightBits(weights);
		const termList = this.#layout.lists[index] as number;
		const resultList = termList + aligned(4 * terms.length);
		const weightList = resultList + aligned(4 * writes.length);
		this.#list(
			termList,
			Uint32Array.from(terms, (term) => read(term).at),
		);
		this.#list(
			resultList,
			Uint32Array.from(writes, ({ at }) => at),
		);
		this.#list(weightList, weights);
		const { polynomials } = read(terms[0] as number);
		return [
			call('combine', resultList, writes.length, termList, terms.length, weightList, bits, polynomials, level + 1),
		];
	}

	#rotate(
		{ a, digits, steps }: Extract<Instruction, { op: 'rotate' }>,
		to: number,
		{ index, read }: Scene,
	): readonly Step[] {
		const { at, primes, extended } = read(a);
		const key = this.#key(index, `a rotation by ${steps}`);
		const args = [to, at, read(digits).at, key.at ?? 0, key.primes, key.table, primes, Number(extended)];
		return [{ kind: 'call', call: 'rotate', args, key: 3 }];
	}

	#key(instruction: number, what: string): KeyPlace {
		const place = this.#layout.keys[this.uses[instruction] ?? -1];
		if (place === undefined) throw new RefusedError('program', `the program declares no key for ${what}`);
		return place;
	}

	#list(at: number, values: List['values']): void {
		this.lists.push({ at, values });
	}

	get #rowBytes(): number {
		return 8 * this.#program.parameters.ringDegree;
	}
}
