import { RefusedError } from './errors.ts';
import { type Computation, type Instruction, type Port, registersRead, registersWritten } from './plan.ts';

/** What a ciphertext's register holds. Extended: over P as well, standing for P times the value; then of size 2. */
export type CiphertextValue = {
	readonly kind: 'ciphertext';
	readonly level: number;
	readonly scale: number;
	readonly size: 2 | 3;
	readonly extended: boolean;
};

/** The digits of the second polynomial of a ciphertext: for rotations of this one, and no other. */
export type DigitsValue = { readonly kind: 'digits'; readonly level: number; readonly of: CiphertextValue };

export type Value = CiphertextValue | DigitsValue;

/** Scales that differ by less, relatively, are the same: the difference is below the noise of any 30-bit scale. */
const SCALE_TOLERANCE = 2 ** -30;

export const scalesAgree = (a: number, b: number): boolean => Math.abs(a - b) <= SCALE_TOLERANCE * Math.max(a, b);

/**
 * For each instruction, the values that it writes. Throws RefusedError 'program', naming the instruction, for what no backend
 * could execute: registers that are empty or beyond those declared, levels, scales or sizes that do not meet, an extended value
 * where none is allowed, digits of another value, a key, constant or port that the program does not declare; and unless every part
 * of every input is loaded, and every part of every output stored once.
 */
export const valuesOf = (program: Computation): readonly (readonly Value[])[] => {
	const walk = new Walk(program);
	const held = new Map<number, Value>();
	const values = program.instructions.map((step, k) => {
		const refuse: Refuse = (why) => {
			throw new RefusedError('program', `instruction ${k} (${step.op}): ${why}`, 'Compile the model again.');
		};
		const at: At = (register) => held.get(register) ?? refuse(`register ${register} is empty`);
		for (const register of registersRead(step)) at(register);
		const written = walk.step(step, at, refuse);
		const registers = registersWritten(step);
		if (new Set(registers).size !== written.length) refuse('results in one register');
		registers.forEach((register, i) => {
			if (!(Number.isInteger(register) && register >= 0 && register < program.registers))
				refuse(`writes register ${register} of ${program.registers}`);
			held.set(register, written[i] as Value);
		});
		return written;
	});
	walk.finish();
	return values;
};

type Refuse = (why: string) => never;
type At = (register: number) => Value;

/** What every instruction of one program writes, by what it reads. */
class Walk {
	readonly #program: Computation;
	/** Bits of the modulus of each level. */
	readonly #bits: readonly number[];
	/** The highest level that each rotation's key serves. */
	readonly #rotations: ReadonlyMap<number, number>;
	readonly #loaded = new Set<string>();
	readonly #stored = new Set<string>();

	constructor(program: Computation) {
		const { parameters, keys } = program;
		this.#program = program;
		let bits = 0;
		this.#bits = parameters.primes.map((prime) => {
			bits += Math.log2(prime);
			return bits;
		});
		this.#rotations = new Map(keys.steps.map(({ step, level }) => [this.#turn(step), level]));
	}

	step(step: Instruction, at: At, refuse: Refuse): readonly Value[] {
		if (step.op === 'output') {
			this.#output(step, plain(at(step.a), refuse), refuse);
			return [];
		}
		const results = step.op === 'combine' ? this.#combine(step, at, refuse) : [this.#result(step, at, refuse)];
		for (const result of results) if (result.kind === 'ciphertext') this.#checkScale(result, refuse);
		return results;
	}

	/** Throws RefusedError 'program' when a part of an input or an output is missing. */
	finish(): void {
		const complete = (ports: readonly Port[], done: ReadonlySet<string>, missing: string): void => {
			ports.forEach(({ name, parts }, index) => {
				for (let part = 0; part < parts; part++)
					if (!done.has(`${index} ${part}`))
						throw new RefusedError('program', `${missing} '${name}', part ${part}`, 'Compile the model again.');
			});
		};
		complete(this.#program.inputs, this.#loaded, 'the plan does not load input');
		complete(this.#program.outputs, this.#stored, 'the plan does not compute output');
	}

	#result(step: Exclude<Instruction, { op: 'output' | 'combine' }>, at: At, refuse: Refuse): Value {
		const { primes } = this.#program.parameters;
		switch (step.op) {
			case 'input':
				return this.#input(step, refuse);
			case 'add':
			case 'subtract':
				return sum(ciphertext(at(step.a), refuse), ciphertext(at(step.b), refuse), refuse);
			case 'negate':
				return { ...ciphertext(at(step.a), refuse) };
			case 'multiply':
				return product(plain(at(step.a), refuse), plain(at(step.b), refuse), refuse);
			case 'addPlain': {
				const a = ciphertext(at(step.a), refuse);
				const { level, scale, extended } = this.#constant(step.constant, refuse);
				if (level !== a.level || !scalesAgree(scale, a.scale)) refuse('the constant has another level or scale');
				if (extended) refuse('the constant is extended');
				return { ...a };
			}
			case 'sumProducts':
				return this.#sumProducts(step, at, refuse);
			case 'decompose': {
				const of = twoPolynomials(at(step.a), refuse);
				return { kind: 'digits', level: of.level, of };
			}
			case 'rotate':
				return this.#rotate(step, at, refuse);
			case 'relinearize': {
				const a = ciphertext(at(step.a), refuse);
				if (a.size !== 3) refuse('the operand is of size 2 already');
				served('relinearization', a.level, this.#program.keys.relinearization, refuse);
				return { ...a, size: 2, extended: true };
			}
			case 'modDown': {
				const a = ciphertext(at(step.a), refuse);
				if (!a.extended) refuse('the operand is not extended');
				return { ...a, extended: false };
			}
			case 'rescale': {
				const a = ciphertext(at(step.a), refuse);
				if (a.level === 0) refuse('no level is left to rescale');
				return { ...a, level: a.level - 1, scale: a.scale / (primes[a.level] as number), extended: false };
			}
			case 'modSwitch': {
				const a = ciphertext(at(step.a), refuse);
				if (!(step.level < a.level)) refuse(`level ${a.level} is not above level ${step.level}`);
				return { ...a, level: step.level };
			}
		}
	}

	#input({ input, part }: Extract<Instruction, { op: 'input' }>, refuse: Refuse): Value {
		const { level, scale } = portOf(this.#program.inputs, input, part, refuse);
		this.#loaded.add(`${input} ${part}`);
		return { kind: 'ciphertext', level, scale, size: 2, extended: false };
	}

	#output({ output, part }: Extract<Instruction, { op: 'output' }>, a: CiphertextValue, refuse: Refuse): void {
		const { name, level, scale } = portOf(this.#program.outputs, output, part, refuse);
		const place = `${output} ${part}`;
		if (this.#stored.has(place)) refuse(`part ${part} of output '${name}' again`);
		this.#stored.add(place);
		if (a.level !== level || !scalesAgree(a.scale, scale)) refuse(`output '${name}' has another level or scale`);
	}

	#sumProducts(
		{ terms, constants }: Extract<Instruction, { op: 'sumProducts' }>,
		at: At,
		refuse: Refuse,
	): CiphertextValue {
		if (terms.length !== constants.length) refuse(`${terms.length} terms and ${constants.length} constants`);
		const products = terms.map((term, k): CiphertextValue => {
			const a = ciphertext(at(term), refuse);
			const { level, scale, extended = false } = this.#constant(constants[k] as number, refuse);
			if (level !== a.level) refuse(`constant ${constants[k]} has level ${level}, its term level ${a.level}`);
			if (extended !== a.extended) refuse(`of term ${k} and its constant, only one is extended`);
			return { ...a, scale: a.scale * scale };
		});
		const [first = refuse('no terms')] = products;
		for (const { extended, size } of products)
			if (extended !== first.extended || size !== first.size) refuse('terms of different kinds');
		return products.reduce((a, b) => sum(a, b, refuse));
	}

	#combine(
		{ to, terms, offset, level, scale }: Extract<Instruction, { op: 'combine' }>,
		at: At,
		refuse: Refuse,
	): readonly CiphertextValue[] {
		if (!(Number.isInteger(offset) && offset >= 0)) refuse(`no word ${offset}`);
		const values = terms.map((term) => plain(at(term), refuse));
		const [first = refuse('no terms')] = values;
		if (first.level !== level) refuse(`terms of level ${first.level}, numbers of level ${level}`);
		const result = values.reduce((a, b) => sum(a, b, refuse));
		return to.map(() => ({ ...result, scale: result.scale * scale }));
	}

	#rotate({ a, digits, steps }: Extract<Instruction, { op: 'rotate' }>, at: At, refuse: Refuse): Value {
		const rotated = twoPolynomials(at(a), refuse);
		const decomposed = at(digits);
		if (decomposed.kind !== 'digits' || decomposed.of !== rotated) refuse(`register ${digits} holds no digits of it`);
		const turn = this.#turn(steps);
		if (!(Number.isInteger(turn) && turn > 0)) refuse(`cannot rotate by ${steps} steps`);
		served(`rotation by ${steps}`, rotated.level, this.#rotations.get(turn), refuse);
		return { ...rotated, extended: true };
	}

	#constant(index: number, refuse: Refuse): Computation['constants'][number] {
		return this.#program.constants[index] ?? refuse(`no constant ${index}`);
	}

	/** The scale is positive and its bits are at most those of the modulus. */
	#checkScale({ level, scale }: CiphertextValue, refuse: Refuse): void {
		const bits = this.#bits[level] ?? refuse(`there is no level ${level}`);
		if (!(scale > 0 && Math.floor(Math.log2(scale)) <= Math.floor(bits)))
			refuse(`a scale of ${scale} at level ${level}, of ${bits.toFixed(2)} bits`);
	}

	/** A rotation's steps in [0, n). */
	#turn(steps: number): number {
		const slots = this.#program.parameters.ringDegree / 2;
		return ((steps % slots) + slots) % slots;
	}
}

const ciphertext = (value: Value, refuse: Refuse): CiphertextValue =>
	value.kind === 'ciphertext' ? value : refuse('digits in place of a ciphertext');

const twoPolynomials = (value: Value, refuse: Refuse): CiphertextValue => {
	const a = ciphertext(value, refuse);
	return a.size === 2 ? a : refuse('an operand of size 3 must be relinearized first');
};

const plain = (value: Value, refuse: Refuse): CiphertextValue => {
	const a = twoPolynomials(value, refuse);
	return a.extended ? refuse('an extended operand must be divided by P first') : a;
};

const sum = (a: CiphertextValue, b: CiphertextValue, refuse: Refuse): CiphertextValue => {
	if (a.level !== b.level) refuse(`operands of levels ${a.level} and ${b.level}`);
	if (!scalesAgree(a.scale, b.scale)) refuse(`operands of scales ${a.scale} and ${b.scale}`);
	const size = a.size === 3 || b.size === 3 ? 3 : 2;
	const extended = a.extended || b.extended;
	if (extended && size === 3) refuse('an extended operand beside one of size 3');
	return { ...a, size, extended };
};

const product = (a: CiphertextValue, b: CiphertextValue, refuse: Refuse): CiphertextValue => {
	if (a.level !== b.level) refuse(`operands of levels ${a.level} and ${b.level}`);
	return { ...a, scale: a.scale * b.scale, size: 3 };
};

const served = (what: string, level: number, highest: number | undefined, refuse: Refuse): void => {
	if (highest === undefined) refuse(`no key for ${what}`);
	else if (level > highest) refuse(`no key for ${what} at level ${level}: it serves levels up to ${highest}`);
};

const portOf = (ports: readonly Port[], index: number, part: number, refuse: Refuse): Port => {
	const port = ports[index];
	if (port === undefined || !(Number.isInteger(part) && part >= 0 && part < port.parts))
		return refuse(`no part ${part} of port ${index}`);
	return port;
};
