import type { Backend } from './backend.ts';
import type { Constants } from './constants.ts';
import { RefusedError } from './errors.ts';
import type { SimpleInstruction, SimpleProgram } from './expand.ts';
import { checkAborted, Pacer, type RunOptions } from './pace.ts';
import { registersRead, registersWritten } from './plan.ts';

/**
 * Where ciphertexts come from and go to. The handle that `load` returns is the executor's from then on; `store` sees a
 * handle only during the call. So an input exists from the instruction that loads it on, and no output outlives its own.
 */
export type Ports<Ciphertext> = {
	readonly load: (input: number, part: number) => Ciphertext;
	readonly store: (output: number, part: number, ciphertext: Ciphertext) => void;
};

export type EvaluateOptions = RunOptions & {
	/** Told of each instruction of the plan, after it or a part of it, how long that took. */
	readonly onInstruction?: (index: number, milliseconds: number) => void;
};

/** For each instruction, the registers whose value nothing reads after it. */
const deaths = (instructions: readonly SimpleInstruction[]): readonly (readonly number[])[] => {
	const live = new Set<number>();
	const dead: number[][] = [];
	for (let i = instructions.length - 1; i >= 0; i--) {
		const instruction = instructions[i] as SimpleInstruction;
		const writes = registersWritten(instruction);
		const reads = registersRead(instruction);
		dead[i] = [...reads, ...writes].filter((register) => !live.has(register));
		for (const register of writes) live.delete(register);
		for (const register of reads) live.add(register);
	}
	return dead;
};

/**
 * Runs the simple operations of one program on a backend. Every handle it gets or makes is disposed exactly once: when its
 * register is overwritten, after its last use, or when the run ends early by an error or an abort.
 */
export class Executor<Ciphertext, Plaintext> {
	readonly #program: SimpleProgram;
	readonly #constants: Constants<Plaintext>;
	readonly #backend: Backend<Ciphertext, Plaintext>;
	readonly #deaths: readonly (readonly number[])[];

	constructor(program: SimpleProgram, constants: Constants<Plaintext>, backend: Backend<Ciphertext, Plaintext>) {
		this.#program = program;
		this.#constants = constants;
		this.#backend = backend;
		this.#deaths = deaths(program.instructions);
	}

	/** Runs everything, giving way to the event loop every 50 ms. Throws RefusedError 'aborted' soon after the signal. */
	async run(ports: Ports<Ciphertext>, { onProgress, signal, onInstruction }: EvaluateOptions = {}): Promise<void> {
		const registers: (Ciphertext | undefined)[] = [];
		const total = this.#program.instructions.length;
		const pacer = new Pacer('evaluate', total, { onProgress, signal });
		try {
			for (let i = 0; i < total; i++) {
				const start = performance.now();
				for (const _ of this.#step(i, registers, ports)) {
					checkAborted(signal);
					if (pacer.due()) await pacer.pause(i);
				}
				onInstruction?.(this.#program.sources[i] as number, performance.now() - start);
			}
			pacer.finish();
		} finally {
			this.#clear(registers);
		}
	}

	/** Runs everything at once: for backends so fast that a pause would cost more than the work. */
	runSync(ports: Ports<Ciphertext>): void {
		const registers: (Ciphertext | undefined)[] = [];
		try {
			for (let i = 0; i < this.#program.instructions.length; i++) for (const _ of this.#step(i, registers, ports));
		} finally {
			this.#clear(registers);
		}
	}

	/** One instruction; it may be left, for a while or for good, wherever it yields. */
	*#step(index: number, registers: (Ciphertext | undefined)[], ports: Ports<Ciphertext>): Generator<undefined> {
		yield;
		const instruction = this.#program.instructions[index] as SimpleInstruction;
		try {
			if (instruction.op === 'output')
				ports.store(instruction.output, instruction.part, read(registers, instruction.a));
			else {
				const result =
					instruction.op === 'combine'
						? yield* this.#combine(instruction, registers)
						: this.#compute(instruction, registers, ports);
				this.#drop(registers, instruction.to);
				registers[instruction.to] = result;
			}
		} catch (error) {
			if (!(error instanceof RefusedError) || error.code !== 'misuse') throw error;
			throw new RefusedError('misuse', `instruction ${index} (${instruction.op}): ${error.message}`, error.hint);
		}
		for (const register of this.#deaths[index] as readonly number[]) this.#drop(registers, register);
	}

	#compute(
		instruction: Exclude<SimpleInstruction, { op: 'output' | 'combine' }>,
		registers: readonly (Ciphertext | undefined)[],
		ports: Ports<Ciphertext>,
	): Ciphertext {
		const backend = this.#backend;
		if (instruction.op === 'input') return ports.load(instruction.input, instruction.part);
		const a = read(registers, instruction.a);
		switch (instruction.op) {
			case 'add':
				return backend.add(a, read(registers, instruction.b));
			case 'subtract':
				return backend.subtract(a, read(registers, instruction.b));
			case 'multiply':
				return backend.multiply(a, read(registers, instruction.b));
			case 'negate':
				return backend.negate(a);
			case 'relinearize':
				return backend.relinearize(a);
			case 'rescale':
				return backend.rescale(a);
			case 'rotate':
				return backend.rotate(a, instruction.steps);
			case 'modSwitch':
				return backend.modSwitch(a, instruction.level);
			case 'addPlain':
				return this.#withConstant(instruction.constant, (plain) => backend.addPlain(a, plain));
			case 'multiplyPlain':
				return this.#withConstant(instruction.constant, (plain) => backend.multiplyPlain(a, plain));
		}
	}

	/** sum_k c_k terms[k], a term at a time; yields after each. */
	*#combine(
		{ terms, offset, level, scale }: Extract<SimpleInstruction, { op: 'combine' }>,
		registers: readonly (Ciphertext | undefined)[],
	): Generator<undefined, Ciphertext> {
		let sum: Ciphertext | undefined;
		let complete = false;
		try {
			for (const [k, register] of terms.entries()) {
				const product = this.#timesNumber(read(registers, register), offset + k, level, scale);
				sum = sum === undefined ? product : this.#sumOf(sum, product);
				yield;
			}
			complete = true;
		} finally {
			if (!complete && sum !== undefined) this.#backend.dispose(sum);
		}
		if (sum === undefined) throw new RefusedError('program', 'a combination has no terms', 'Compile the model again.');
		return sum;
	}

	#timesNumber(a: Ciphertext, word: number, level: number, scale: number): Ciphertext {
		const plain = this.#constants.takeNumber(word, level, scale);
		try {
			return this.#backend.multiplyPlain(a, plain);
		} finally {
			this.#constants.releaseNumber(plain);
		}
	}

	/** a + b in place of both; a stays when that fails. */
	#sumOf(a: Ciphertext, b: Ciphertext): Ciphertext {
		try {
			const sum = this.#backend.add(a, b);
			this.#backend.dispose(a);
			return sum;
		} finally {
			this.#backend.dispose(b);
		}
	}

	#withConstant(index: number, use: (plain: Plaintext) => Ciphertext): Ciphertext {
		const plain = this.#constants.take(index);
		try {
			return use(plain);
		} finally {
			this.#constants.release(plain);
		}
	}

	#drop(registers: (Ciphertext | undefined)[], register: number): void {
		const handle = registers[register];
		registers[register] = undefined;
		if (handle !== undefined) this.#backend.dispose(handle);
	}

	#clear(registers: (Ciphertext | undefined)[]): void {
		for (let register = 0; register < registers.length; register++) this.#drop(registers, register);
	}
}

const read = <C>(registers: readonly (C | undefined)[], register: number): C => {
	const handle = registers[register];
	if (handle === undefined)
		throw new RefusedError('program', `register ${register} is read before it is written`, 'Compile the model again.');
	return handle;
};
