import { ClearBackend, type ClearCiphertext, type ClearPlaintext } from '../../runtime/backends/clear.ts';
import { Random } from '../../runtime/backends/random.ts';
import { Constants } from '../../runtime/constants.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { Executor } from '../../runtime/execute.ts';
import { expanded } from '../../runtime/expand.ts';
import { pack } from '../../runtime/packing.ts';
import type { InputPacking, OutputPacking, Program } from '../../runtime/plan.ts';

/** What the slots of an output hold in which none of its elements lies, as two evaluations on random inputs showed it. */
export type Masking = {
	readonly output: string;
	/** Slots of all its ciphertexts. */
	readonly slots: number;
	/** Those that the packing names. */
	readonly elements: number;
	readonly zeros: number;
	/** Slots with the value of some element of the outputs. */
	readonly copies: number;
	/** All others: they tell the key owner something beside the outputs. */
	readonly leftovers: number;
};

export type Masks = {
	readonly outputs: readonly Masking[];
	/** The share of the accepted range, around its middle, that the inputs were drawn from: less than 1 where more left the modulus. */
	readonly share: number;
};

type Slots = readonly (readonly Float64Array[])[];

/** Inputs are drawn from half the share for each evaluation that left the modulus, so often. */
const MOST_HALVINGS = 8;
const EVALUATIONS = 2;
/** Of the largest value: what float64 may differ by where the same is summed in another order. */
const TOLERANCE = 1e-9;

/** Uniform values of the accepted range, after the head, for every sample of a batch. */
const drawn = (input: InputPacking, batch: number, share: number, random: Random): Float64Array[] => {
	const [low, high] = input.range;
	const size = input.shape.reduce((product, d) => product * d, 1);
	const [middle, width] = [(low + high) / 2, (high - low) * share];
	return Array.from({ length: batch }, () =>
		Float64Array.from({ length: size }, () => middle + width * (random.uniform() - 0.5)),
	);
};

/** What the owner of the key decrypts: every slot of every part of every output. */
const evaluated = (program: Program, share: number, random: Random): Slots => {
	const { client, server } = program;
	const backend = new ClearBackend(server.parameters, server.keys);
	const simple = expanded(server);
	const constants = new Constants<ClearPlaintext>(simple, program.constants, backend, false);
	const executor = new Executor<ClearCiphertext, ClearPlaintext>(simple, constants, backend);
	const samples = client.inputs.map((input) => drawn(input, client.batch, share, random));
	const slots = client.parameters.ringDegree / 2;
	const decrypted: Float64Array[][] = server.outputs.map(() => []);
	executor.runSync({
		load: (input, part) => {
			const { parts, level, scale } = client.inputs[input] as InputPacking;
			return backend.encrypt(
				pack(parts[part] ?? [], samples[input] as Float64Array[], slots, client.batch),
				level,
				scale,
			);
		},
		store: (output, part, ciphertext) => {
			(decrypted[output] as Float64Array[])[part] = backend.decrypt(ciphertext);
		},
	});
	return decrypted;
};

/** Several evaluations, from the same share of the range. */
const runs = (program: Program, random: Random): { readonly slots: readonly Slots[]; readonly share: number } => {
	for (let halvings = 0; ; halvings++) {
		const share = 2 ** -halvings;
		try {
			return { slots: Array.from({ length: EVALUATIONS }, () => evaluated(program, share, random)), share };
		} catch (error) {
			const left = error instanceof RefusedError && error.code === 'input';
			if (!left || halvings === MOST_HALVINGS) throw error;
		}
	}
};

/** Of each part, which slots hold an element. */
const namedSlots = ({ parts }: OutputPacking, slots: number, batch: number): readonly Uint8Array[] =>
	parts.map((part) => {
		const named = new Uint8Array(slots);
		for (const [slot, length] of part) named.fill(1, slot * batch, (slot + length) * batch);
		return named;
	});

type Known = (value: number) => 'zero' | 'copy' | undefined;

/** Is a value zero, or near one of these? They are sorted; a binary search for each question. */
const among = (values: Float64Array): Known => {
	const sorted = values.slice().sort();
	const near = TOLERANCE * Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted[sorted.length - 1] ?? 0));
	return (value) => {
		if (Math.abs(value) <= near) return 'zero';
		let [low, high] = [0, sorted.length];
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((sorted[middle] as number) < value - near) low = middle + 1;
			else high = middle;
		}
		return Math.abs((sorted[low] ?? Number.POSITIVE_INFINITY) - value) <= near ? 'copy' : undefined;
	};
};

/** Elements of all outputs of one evaluation. */
const elementsOf = (outputs: readonly (readonly Uint8Array[])[], slots: Slots): Float64Array =>
	Float64Array.from(
		outputs.flatMap((parts, o) =>
			parts.flatMap((named, p) => [...(slots[o]?.[p] ?? [])].filter((_, slot) => named[slot] === 1)),
		),
	);

/**
 * Evaluates the plan on random accepted inputs, without encryption, and looks at every slot that the owner of the key decrypts. A slot that is
 * no element must be zero in each evaluation, or equal some element in each. Costs two evaluations on float64.
 * Throws RefusedError 'misuse' or 'program' for a plan that CKKS could not execute, 'input' where even the middle of the range leaves the modulus.
 */
export const maskingOf = (program: Program, seed = 1): Masks => {
	const { batch, outputs, parameters } = program.client;
	const { slots: evaluations, share } = runs(program, new Random(seed));
	const named = outputs.map((output) => namedSlots(output, parameters.ringDegree / 2, batch));
	const known = evaluations.map((slots) => among(elementsOf(named, slots)));
	return {
		share,
		outputs: outputs.map(({ name }, o) => {
			const counts = { elements: 0, zeros: 0, copies: 0, leftovers: 0 };
			(named[o] ?? []).forEach((part, p) => {
				part.forEach((isElement, slot) => {
					const kinds = known.map((kind, run) => kind(evaluations[run]?.[o]?.[p]?.[slot] ?? Number.NaN));
					if (isElement === 1) counts.elements++;
					else if (kinds.every((kind) => kind === 'zero')) counts.zeros++;
					else if (kinds.every((kind) => kind !== undefined)) counts.copies++;
					else counts.leftovers++;
				});
			});
			return { output: name, slots: (named[o] ?? []).length * (parameters.ringDegree / 2), ...counts };
		}),
	};
};
