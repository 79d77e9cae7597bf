import { ClearBackend, type ClearCiphertext, type ClearPlaintext } from './backends/clear.ts';
import { SimulateBackend } from './backends/simulate.ts';
import { Constants } from './constants.ts';
import { Executor } from './execute.ts';
import { expanded } from './expand.ts';
import { packSamples, type Sample } from './inputs.ts';
import { Pacer, type RunOptions } from './pace.ts';
import type { InputPacking, Program } from './plan.ts';
import { type Result, readResults } from './results.ts';

export type LocalBackend = 'clear' | 'simulate';
export type LocalOptions = RunOptions & {
	/** Seed of the simulated keys and noise; default 1. */
	readonly seed?: number;
};

/** Bytes of constants that are kept; beyond, each is written out when it is used. */
const MOST_CACHED = 2 ** 29;

/** A program with both halves in one place and nothing encrypted; constants are encoded once. */
export class LocalEvaluator {
	readonly #program: Program;
	readonly #backend: ClearBackend;
	readonly #executor: Executor<ClearCiphertext, ClearPlaintext>;

	constructor(program: Program, backend: LocalBackend, { seed = 1 }: { readonly seed?: number } = {}) {
		const { parameters, keys } = program.server;
		this.#program = program;
		this.#backend =
			backend === 'clear' ? new ClearBackend(parameters, keys) : new SimulateBackend(parameters, keys, seed);
		const simple = expanded(program.server);
		const encoded = 4 * parameters.ringDegree * simple.constants.length;
		const constants = new Constants(simple, program.constants, this.#backend, encoded <= MOST_CACHED);
		this.#executor = new Executor(simple, constants, this.#backend);
	}

	/** Evaluates 1 to `batch` samples that share their ciphertexts. */
	run(samples: readonly Sample[]): Result[] {
		const { client, server } = this.#program;
		const packed = packSamples(client, samples);
		const decrypted: Float64Array[][] = server.outputs.map(() => []);
		this.#executor.runSync({
			load: (input, part) => {
				const { level, scale } = client.inputs[input] as InputPacking;
				return this.#backend.encrypt((packed[input] as Float64Array[])[part] as Float64Array, level, scale);
			},
			store: (output, part, ciphertext) => {
				(decrypted[output] as Float64Array[])[part] = this.#backend.decrypt(ciphertext);
			},
		});
		return readResults(client, decrypted, samples.length);
	}
}

/** Evaluates all samples, `batch` at a time, on a backend that needs no keys; one result a sample. */
export const evaluateLocally = async (
	program: Program,
	backend: LocalBackend,
	samples: readonly Sample[],
	{ seed, ...options }: LocalOptions = {},
): Promise<Result[]> => {
	const local = new LocalEvaluator(program, backend, seed === undefined ? {} : { seed });
	const { batch } = program.client;
	const pacer = new Pacer('evaluate', samples.length, options);
	const results: Result[] = [];
	for (let first = 0; first < samples.length; first += batch) {
		results.push(...local.run(samples.slice(first, first + batch)));
		if (pacer.due()) await pacer.pause(results.length);
	}
	pacer.finish();
	return results;
};
