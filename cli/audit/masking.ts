import { ClearBackend, type ClearCiphertext, type ClearPlaintext } from '../../runtime/backends/clear.ts';
import { Random } from '../../runtime/backends/random.ts';
import { Constants } from '../../runtime/constants.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { Executor } from '../../runtime/execute.ts';
import { expanded } from '../../runtime/expand.ts';
import { pack } from '../../runtime/packing.ts';
import type { InputPacking, OutputPacking, Program } from '../../runtime/plan.ts';
import { COMPILE_AGAIN } from './findings.ts';

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
	/** The share of the accepted range that the inputs were drawn from: less than 1 where more left the modulus. */
	readonly share: number;
	/** Around its middle, or around zero where those left the modulus. */
	readonly around: Around;
};

type Slots = readonly (readonly Float64Array[])[];

/** Inputs are drawn from half the share where those around the middle and around zero left the modulus, so often. */
const MOST_HALVINGS = 8;
const EVALUATIONS = 2;
/** Of the largest value: what float64 may differ by where the same is summed in another order. */
const TOLERANCE = 1e-9;

/** What inputs are drawn around: the middle of their range, or zero, since grey pictures may be less like the calibration than dark ones. */
type Around = 'middle' | 'zero';
const AROUND: readonly Around[] = ['middle', 'zero'];
type Draw = { readonly share: number; readonly around: Around };

/** Uniform values of a share of the accepted range, after the head, for every sample of a batch. */
const drawn = (input: InputPacking, batch: number, { share, around }: Draw, random: Random): Float64Array[] => {
	const [low, high] = input.range;
	const within = (value: number): number => Math.min(high, Math.max(low, value));
	const size = input.shape.reduce((product, d) => product * d, 1);
	const [middle, width] = [around === 'middle' ? (low + high) / 2 : within(0), (high - low) * share];
	return Array.from({ length: batch }, () =>
		Float64Array.from({ length: size }, () => within(middle + width * (random.uniform() - 0.5))),
	);
};

/** What the owner of the key decrypts: every slot of every part of every output. */
const evaluated = (program: Program, draw: Draw, random: Random): Slots => {
	const { client, server } = program;
	const backend = new ClearBackend(server.parameters, server.keys);
	const simple = expanded(server);
	const constants = new Constants<ClearPlaintext>(simple, program.constants, backend, false);
	const executor = new Executor<ClearCiphertext, ClearPlaintext>(simple, constants, backend);
	const samples = client.inputs.map((input) => drawn(input, client.batch, draw, random));
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

/** Several evaluations, from the same share of the range, or why one of them was refused. */
const attempt = (program: Program, draw: Draw, random: Random): readonly Slots[] | RefusedError => {
	try {
		return Array.from({ length: EVALUATIONS }, () => evaluated(program, draw, random));
	} catch (error) {
		if (error instanceof RefusedError && error.code === 'input') return error;
		throw error;
	}
};

/** The evaluations of the largest share that stays within the modulus. */
const runs = (program: Program, random: Random): Draw & { readonly slots: readonly Slots[] } => {
	let refusal: RefusedError | undefined;
	for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++)
		for (const around of AROUND) {
			const share = 2 ** -halvings;
			const slots = attempt(program, { share, around }, random);
			if (!(slots instanceof RefusedError)) return { slots, share, around };
			refusal = slots;
		}
	throw refusal ?? new RefusedError('input', 'no inputs were drawn', COMPILE_AGAIN);
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
 * Throws RefusedError 'misuse' or 'program' for a plan that CKKS could not execute, 'input' where even inputs near the middle of the range and near zero leave the modulus.
 */
export const maskingOf = (program: Program, seed = 1): Masks => {
	const { batch, outputs, parameters } = program.client;
	const { slots: evaluations, share, around } = runs(program, new Random(seed));
	const named = outputs.map((output) => namedSlots(output, parameters.ringDegree / 2, batch));
	const known = evaluations.map((slots) => among(elementsOf(named, slots)));
	return {
		share,
		around,
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
