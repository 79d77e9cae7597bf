import type { Backend } from './backend.ts';
import { RefusedError } from './errors.ts';
import { type ServerProgram, virtualSlots } from './plan.ts';
import { checkShape, serverComplaint } from './programShape.ts';

/** real[t * batch + b] = virtual[t] for every sample b: a constant serves all samples of a ciphertext alike. */
export const interleave = (values: Float64Array, batch: number): Float64Array => {
	if (batch === 1) return values;
	const real = new Float64Array(values.length * batch);
	for (let t = 0; t < values.length; t++) real.fill(values[t] as number, t * batch, (t + 1) * batch);
	return real;
};

/**
 * The constants of a program from their bytes, little-endian float64 as in `build/server/constants.bin`.
 * Throws RefusedError 'program' when they are cut off or not finite, and for a program that lacks fields.
 */
export const readConstants = (program: ServerProgram, bytes: Uint8Array): Float64Array => {
	const refuse = (why: string): never => {
		throw new RefusedError('program', `the constants ${why}`, 'Compile the model again.');
	};
	checkShape(serverComplaint(program));
	if (bytes.length % 8 !== 0) refuse('are cut off');
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	const constants = Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
	const end = endOf(program);
	if (constants.length < end) refuse(`hold ${constants.length} numbers where the program uses ${end}`);
	if (!constants.every(Number.isFinite)) refuse('hold numbers that are not finite');
	return constants;
};

/** The words after the last one that the program reads. */
const endOf = (program: ServerProgram): number => {
	const size = virtualSlots(program);
	const vectors = program.constants.reduce((most, { offset }) => Math.max(most, offset + size), 0);
	return program.instructions.reduce(
		(most, step) => (step.op === 'combine' ? Math.max(most, step.offset + step.to.length * step.terms.length) : most),
		vectors,
	);
};

/** What of a program says where its constants are. */
type Vectors = Pick<ServerProgram, 'parameters' | 'batch' | 'constants'>;

type Encoder<Plaintext> = Pick<Backend<unknown, Plaintext>, 'encode' | 'encodeNumber' | 'disposePlain'>;

/**
 * The encoded constants of a program. With `cache`, each vector is encoded once, at its first use, and kept until `dispose`;
 * without, it is encoded at every use and released after it: slower, in the memory of one plaintext. Numbers, which is what
 * vectors of one virtual slot are too, are never kept: there may be 100,000, and encoding one costs next to nothing.
 */
export class Constants<Plaintext> {
	readonly #program: Vectors;
	readonly #values: Float64Array;
	readonly #backend: Encoder<Plaintext>;
	readonly #cache: Map<number, Plaintext> | undefined;

	/** Throws RefusedError 'program' when the values do not hold every constant. */
	constructor(program: Vectors, values: Float64Array, backend: Encoder<Plaintext>, cache: boolean) {
		const size = virtualSlots(program);
		for (const { offset } of program.constants)
			if (!Number.isInteger(offset) || offset < 0 || offset + size > values.length)
				throw new RefusedError(
					'program',
					`a constant of ${size} values at word ${offset} lies outside the ${values.length} words of constants`,
					'Compile the model again: the constants belong to another program or are cut off.',
				);
		this.#program = program;
		this.#values = values;
		this.#backend = backend;
		this.#cache = cache && size > 1 ? new Map() : undefined;
	}

	/** The plaintext of a constant, to be given back with `release`. */
	take(index: number): Plaintext {
		const known = this.#cache?.get(index);
		if (known !== undefined) return known;
		const spec = this.#program.constants[index];
		if (spec === undefined) throw new RefusedError('program', `there is no constant ${index}`);
		const size = virtualSlots(this.#program);
		if (size === 1) return this.takeNumber(spec.offset, spec.level, spec.scale);
		const values = this.#values.subarray(spec.offset, spec.offset + size);
		const plain = this.#backend.encode(interleave(values, this.#program.batch), spec.level, spec.scale);
		this.#cache?.set(index, plain);
		return plain;
	}

	/** The plaintext of one word of the constants, to be given back with `releaseNumber`. */
	takeNumber(word: number, level: number, scale: number): Plaintext {
		const value = this.#values[word];
		if (value === undefined) throw new RefusedError('program', `there is no word ${word} of constants`);
		return this.#backend.encodeNumber(value, level, scale);
	}

	releaseNumber(plain: Plaintext): void {
		this.#backend.disposePlain(plain);
	}

	release(plain: Plaintext): void {
		if (this.#cache === undefined) this.#backend.disposePlain(plain);
	}

	/** Releases what is cached; a later `take` encodes again. */
	dispose(): void {
		for (const plain of this.#cache?.values() ?? []) this.#backend.disposePlain(plain);
		this.#cache?.clear();
	}
}
