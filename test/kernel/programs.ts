import { createKernelEngine } from '../../runtime/backends/kernel/engine.ts';
import { type Client, createClient } from '../../runtime/client.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { EvaluateOptions } from '../../runtime/execute.ts';
import { readMessage, writeMessage } from '../../runtime/message.ts';
import {
	type ConstantSpec,
	type Instruction,
	type KeyNeeds,
	type Program,
	registersWritten,
	type ServerProgram,
} from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';
import { inputLength, keyLengths } from '../../runtime/sizes.ts';
import { valuesOf } from '../../runtime/values.ts';
import { everyKey, makeParameters, makeProgram } from '../runtime/support.ts';

/** N = 8192, four data primes: 202 of the 218 bits that 128-bit security allows. */
export const PARAMETERS = makeParameters(8192, [46, 36, 36, 36], 48);
export const KERNEL_SCALE = 2 ** 36;
export const STEPS = [1, 5, 4095] as const;

/** An instruction with one result, without the register that it writes. */
type Open<T = Instruction> = T extends { readonly to: number } ? Omit<T, 'to'> : never;

/** Writes plans by hand: each result in a register of its own, constants made where they are used, outputs as they come. */
export class Sketchbook {
	readonly instructions: Instruction[] = [];
	readonly #constants: (Omit<ConstantSpec, 'offset'> & { readonly values: Float64Array })[] = [];
	readonly #inputs: { readonly shape: readonly number[]; readonly level: number; readonly scale: number }[] = [];
	readonly #batch: number;
	#registers = 0;
	#outputs = 0;

	constructor(batch = 1) {
		this.#batch = batch;
	}

	get #virtual(): number {
		return PARAMETERS.ringDegree / 2 / this.#batch;
	}

	input(level: number): number {
		const input = this.#inputs.push({ shape: [this.#virtual], level, scale: KERNEL_SCALE }) - 1;
		return this.add({ op: 'input', input, part: 0 });
	}

	add(step: Open): number {
		const to = this.#registers++;
		this.instructions.push({ ...step, to } as Instruction);
		return to;
	}

	output(a: number): void {
		this.instructions.push({ op: 'output', a, output: this.#outputs++, part: 0 });
	}

	/** A vector of values in [-1, 1], different ones each time. */
	constant(level: number, scale: number, extended = false): number {
		const seed = this.#constants.length + 1;
		const values = Float64Array.from({ length: this.#virtual }, (_, t) => Math.cos(seed * (0.7 + t)));
		return this.#constants.push({ level, scale, values, ...(extended ? { extended } : {}) }) - 1;
	}

	/** sum_k numbers[i][k] terms[k] for each i. */
	combine(terms: readonly number[], numbers: readonly (readonly number[])[], level: number, scale: number): number[] {
		const to = numbers.map(() => this.#registers++);
		// Words of the constants: whole vectors, so that they may hold numbers as well.
		const offset = this.#constants.length * this.#virtual;
		const words = numbers.flat();
		for (let first = 0; first < words.length; first += this.#virtual) {
			const values = new Float64Array(this.#virtual);
			values.set(words.slice(first, first + this.#virtual));
			this.#constants.push({ level, scale, values });
		}
		this.instructions.push({ op: 'combine', to, terms, offset, level, scale });
		return to;
	}

	/** The program; levels and scales of its outputs are what arrives there. */
	program(keys = everyKey(PARAMETERS, ...STEPS)): Program {
		const silent = this.instructions.filter(({ op }) => op !== 'output');
		const draft = this.#make(silent, [], keys);
		const values = valuesOf(draft.server);
		const written = new Map(
			silent.flatMap((step, i) => registersWritten(step).map((register, k) => [register, values[i]?.[k]] as const)),
		);
		const outputs = this.instructions.flatMap((step) => {
			const value = step.op === 'output' ? written.get(step.a) : undefined;
			return value?.kind === 'ciphertext' ? [{ level: value.level, scale: value.scale }] : [];
		});
		return this.#make(this.instructions, outputs, keys);
	}

	#make(
		instructions: readonly Instruction[],
		outputs: readonly { readonly level: number; readonly scale: number }[],
		keys: KeyNeeds,
	): Program {
		const program = makeProgram({
			parameters: PARAMETERS,
			batch: this.#batch,
			inputs: this.#inputs,
			keys,
			constants: this.#constants,
			outputs,
			instructions,
		});
		const constants = program.server.constants.map((spec, i) =>
			this.#constants[i]?.extended === true ? { ...spec, extended: true as const } : spec,
		);
		return { ...program, server: { ...program.server, registers: this.#registers, constants } };
	}
}

export const NO_LIMIT = { memoryLimit: 2 ** 32, threads: 1, onNotice: () => {} };

/** A client of a program and what it sends, taken apart. */
export type Sender = {
	readonly client: Client;
	readonly keys: readonly Uint8Array[];
	readonly encrypt: (samples: Parameters<Client['encryptBatch']>[0]) => Promise<readonly (readonly Uint8Array[])[]>;
	readonly decrypt: (outputs: readonly (readonly Uint8Array[])[], samples: number) => Promise<Result[]>;
};

export const senderOf = async ({ client: program, server }: Program): Promise<Sender> => {
	const client = await createClient(program);
	const { fingerprint, parameters, inputs } = server;
	const keyMessage = await client.evaluationKeys();
	const keys = await readMessage(keyMessage, { kind: 'keys', fingerprint }, keyLengths(parameters, server.keys));
	return {
		client,
		keys: keys.parts,
		encrypt: async (samples) => {
			const lengths = inputs.flatMap(({ parts, level }) =>
				new Array<number>(parts).fill(inputLength(parameters, level)),
			);
			const message = await client.encryptBatch(samples);
			const { parts } = await readMessage(message, { kind: 'inputs', fingerprint }, lengths);
			let next = 0;
			return inputs.map((input) => {
				next += input.parts;
				return parts.slice(next - input.parts, next);
			});
		},
		decrypt: async (outputs, samples) =>
			client.decryptBatch(
				await writeMessage({ kind: 'outputs', fingerprint, keySet: keys.keySet, samples }, outputs.flat()),
			),
	};
};

/** An engine with the keys of a sender. */
export const engineOf = async (server: ServerProgram, constants: Float64Array, sender: Sender): Promise<Engine> => {
	const engine = await createKernelEngine(server, constants, NO_LIMIT);
	await engine.loadKeys('it', sender.keys, {});
	return engine;
};

/** The bytes that the engine makes of the same inputs. */
export const evaluated = (
	engine: Engine,
	inputs: readonly (readonly Uint8Array[])[],
	options: EvaluateOptions = {},
): Promise<readonly (readonly Uint8Array[])[]> => engine.evaluate('it', inputs, options);
