import { interleave } from '../../constants.ts';
import { RefusedError } from '../../errors.ts';
import { encodedNumber } from '../../noise.ts';
import { type Instruction, type ServerProgram, virtualSlots } from '../../plan.ts';
import { Rules } from '../../rules.ts';
import { checkMagnitude } from './bounds.ts';

type Combine = Extract<Instruction, { op: 'combine' }>;

const refuse = (why: string): never => {
	throw new RefusedError('program', why, 'Compile the model again: the constants belong to another program.');
};

/** Says which constant it was that the rules refuse. */
const naming = <T>(what: string, f: () => T): T => {
	try {
		return f();
	} catch (error) {
		return refuse(`${what}: ${error instanceof RefusedError ? error.message : String(error)}`);
	}
};

/** The n real slots of a constant that has been checked. */
export const slotsOf = (
	program: Pick<ServerProgram, 'parameters' | 'batch' | 'constants'>,
	values: Float64Array,
	index: number,
): Float64Array => {
	const { offset } = program.constants[index] ?? refuse(`there is no constant ${index}`);
	return interleave(values.subarray(offset, offset + virtualSlots(program)), program.batch);
};

/**
 * The constants of one program as the kernel takes them. Everything is checked once, by the same rules as with the other
 * backends: words exist and are finite, values times scale do not wrap around the modulus, no product is transparent; and by those of
 * exact arithmetic. Throws RefusedError 'program'.
 */
export class KernelConstants {
	readonly #program: ServerProgram;
	readonly #values: Float64Array;
	/** Words of a constant. */
	readonly size: number;

	constructor(program: ServerProgram, values: Float64Array) {
		this.#program = program;
		this.#values = values;
		this.size = virtualSlots(program);
		const rules = new Rules(program.parameters, program.keys);
		const factors = new Set(program.instructions.flatMap((step) => (step.op === 'sumProducts' ? step.constants : [])));
		for (const index of program.constants.keys()) this.#check(index, factors.has(index), rules);
		for (const step of program.instructions) if (step.op === 'combine') this.#checkWeights(step, rules);
	}

	/** The n real slots of a constant. */
	slots(index: number): Float64Array {
		return slotsOf(this.#program, this.#values, index);
	}

	/** round(c * scale) for a constant of one number, never zero for c other than zero. */
	integer(index: number): number {
		return integerOf(this.#words(index)[0] as number, this.#spec(index).scale);
	}

	/** round(c * scale), never zero for c other than zero: the weights of a combination, a row for each result. */
	weights({ offset, terms, to, scale }: Combine): Float64Array {
		return this.#values.subarray(offset, offset + terms.length * to.length).map((c) => integerOf(c, scale));
	}

	#spec(index: number): ServerProgram['constants'][number] {
		return this.#program.constants[index] ?? refuse(`there is no constant ${index}`);
	}

	#words(index: number): Float64Array {
		const { offset } = this.#spec(index);
		return this.#values.subarray(offset, offset + this.size);
	}

	#check(index: number, factor: boolean, rules: Rules): void {
		const { offset, level, scale } = this.#spec(index);
		if (!Number.isInteger(offset) || offset < 0 || offset + this.size > this.#values.length)
			refuse(
				`a constant of ${this.size} values at word ${offset} lies outside the ${this.#values.length} words of constants`,
			);
		const words = this.#words(index);
		const mean = words.reduce((sum, value) => sum + Math.abs(value), 0) / words.length;
		naming(`constant ${index}`, () => {
			const { zero } = rules.encodeNumber(mean, level, scale);
			if (zero && factor) refuse('a plaintext of zeros would make a product transparent');
		});
		checkMagnitude(mean, scale);
	}

	#checkWeights({ offset, terms, to, level, scale }: Combine, rules: Rules): void {
		const end = offset + terms.length * to.length;
		if (end > this.#values.length) refuse(`weights up to word ${end} lie outside the ${this.#values.length} words`);
		for (let row = offset; row < end; row += terms.length) {
			const weights = this.#values.subarray(row, row + terms.length);
			const most = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
			naming(`the weights at word ${row}`, () => {
				const { zero } = rules.encodeNumber(most, level, scale);
				if (zero) refuse('they are all zero, so their sum would be transparent');
			});
		}
	}
}

const integerOf = (value: number, scale: number): number => Math.round(encodedNumber(value, scale) * scale);
