import { createHash } from 'node:crypto';
import {
	type ClientProgram,
	type ConstantSpec,
	type InputPacking,
	type KnownOutput,
	type OutputPacking,
	PLAN_FORMAT,
	type Port,
	type Program,
	type ServerProgram,
} from '../../runtime/plan.ts';
import { type CkksCircuit, type Constant, type Op, plainOf } from '../ckks/circuit.ts';
import type { Target } from '../options.ts';
import { budgetOf } from './budget.ts';
import type { Group } from './combinations.ts';
import { keyNeeds } from './draft.ts';
import { sealNeeds } from './memory.ts';
import { type Scheduled, schedule } from './schedule.ts';
import type { UsedConstant } from './writer.ts';

/** What the runtime must know of the ends of the circuit, beyond levels and scales. */
export type Ends = {
	readonly inputs: readonly Omit<InputPacking, 'level' | 'scale'>[];
	readonly outputs: readonly Omit<OutputPacking, 'level' | 'scale'>[];
	readonly knownOutputs: readonly KnownOutput[];
};

/** The program, and for each of its instructions the operation of the circuit that it is for. */
export type Generated = { readonly program: Program; readonly sources: Scheduled['sources'] };

/** The finished program: instructions, constants, both halves under one fingerprint. */
export const programOf = (name: string, circuit: CkksCircuit, ends: Ends, target: Target): Generated => {
	const { parameters } = circuit;
	const batch = parameters.ringDegree / 2 / circuit.slots;
	const keys = keyNeeds(circuit, batch);
	const words = new Words(circuit);
	const scheduled = schedule(circuit, (group) => words.weights(group));
	const constants = scheduled.constants.map((used) => words.constant(used));
	const port = (end: { readonly name: string; readonly parts: readonly unknown[] }, op: Op): Port => ({
		name: end.name,
		parts: end.parts.length,
		level: op.level,
		scale: op.scale,
	});
	const inputs = ends.inputs.map((end) => ({ end, op: inputOp(circuit, end.name) }));
	const outputs = ends.outputs.map((end, k) => ({
		end,
		op: circuit.ops[circuit.outputs[k]?.parts[0] as number] as Op,
	}));
	const common = { format: PLAN_FORMAT, name, parameters, batch, keys } as const;
	const client = {
		...common,
		inputs: inputs.map(({ end, op }) => ({ ...end, level: op.level, scale: op.scale })),
		outputs: outputs.map(({ end, op }) => ({ ...end, level: op.level, scale: op.scale })),
		...(ends.knownOutputs.length === 0 ? {} : { knownOutputs: ends.knownOutputs }),
	};
	const draft = {
		...common,
		inputs: inputs.map(({ end, op }) => port(end, op)),
		outputs: outputs.map(({ end, op }) => port(end, op)),
		registers: scheduled.registers,
		instructions: scheduled.instructions,
		constants,
	};
	const { keepConstants } = budgetOf(draft, target);
	const server = { ...draft, keepConstants, memory: sealNeeds(draft, keepConstants) };
	const vectors = words.joined();
	const fingerprint = fingerprintOf(client, server, vectors);
	const program = { client: { ...client, fingerprint }, server: { ...server, fingerprint }, constants: vectors };
	return { program, sources: scheduled.sources };
};

const inputOp = (circuit: CkksCircuit, name: string): Op =>
	circuit.ops.find((op) => op.kind === 'input' && op.name === name) as Op;

/** The words of the constants: vectors, then the weights of combinations, each distinct one once. */
class Words {
	readonly #circuit: CkksCircuit;
	readonly #places = new Map<string, number>();
	readonly #kept: Float64Array[] = [];
	#words = 0;

	constructor(circuit: CkksCircuit) {
		this.#circuit = circuit;
		// In the order of the circuit, in which they lie in memory already.
		for (const plain of distinctPlains(circuit.constants)) this.#vector(plain);
	}

	/** Where a constant has its vector, and how it is encoded. */
	constant({ constant, extended }: UsedConstant): ConstantSpec {
		const { plain, level, scale } = this.#circuit.constants[constant] as Constant;
		return { offset: this.#vector(plain), level, scale, ...(extended ? { extended } : {}) };
	}

	/** The word where the weights of a group begin: those of its first combination, then those of the next. */
	weights(group: Group): number {
		const all = group.flatMap((id) => [...(this.#circuit.ops[id] as Op<'combine'>).weights]);
		return this.#place(all.join(' '), () => Float64Array.from(all));
	}

	joined(): Float64Array {
		return joined(this.#kept, this.#words, this.#circuit.plains);
	}

	#vector(plain: Constant['plain']): number {
		return this.#place(`plain ${plain}`, () => plainOf(this.#circuit, { plain }));
	}

	#place(key: string, values: () => Float64Array): number {
		const known = this.#places.get(key);
		if (known !== undefined) return known;
		const start = this.#words;
		const stored = values();
		this.#kept.push(stored);
		this.#words += stored.length;
		this.#places.set(key, start);
		return start;
	}
}

/** The plains that constants are made of, ascending, the vector of ones last. */
const distinctPlains = (constants: CkksCircuit['constants']): readonly (number | 'ones')[] => {
	const rank = (plain: number | 'ones'): number => (plain === 'ones' ? Number.POSITIVE_INFINITY : plain);
	return [...new Set(constants.map(({ plain }) => plain))].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
};

/**
 * The vectors one after another. Where the first of them are all the plaintexts of the circuit, which lie so already, and there is
 * room behind them for the others, nothing is copied: plaintexts are the most memory that a compilation takes.
 */
const joined = (vectors: readonly Float64Array[], words: number, plains: readonly Float64Array[]): Float64Array => {
	const { buffer, byteOffset } = plains[0] ?? new Float64Array();
	const inPlace = plains.every((plain, k) => plain === vectors[k] && plain.buffer === buffer) && isAdjacent(plains);
	const fits = inPlace && byteOffset + 8 * words <= buffer.byteLength;
	const all = fits ? new Float64Array(buffer as ArrayBuffer, byteOffset, words) : new Float64Array(words);
	let word = 0;
	vectors.forEach((values, k) => {
		if (!fits || k >= plains.length) all.set(values, word);
		word += values.length;
	});
	return all;
};

const isAdjacent = (vectors: readonly Float64Array[]): boolean =>
	vectors.every((values, k) => {
		const before = vectors[k - 1];
		return before === undefined || values.byteOffset === before.byteOffset + before.byteLength;
	});

/** SHA-256 of everything that both sides must agree on, in hexadecimal. */
export const fingerprintOf = (
	client: Omit<ClientProgram, 'fingerprint'>,
	server: Omit<ServerProgram, 'fingerprint'>,
	constants: Float64Array,
): string =>
	createHash('sha256')
		.update(JSON.stringify(client))
		.update(JSON.stringify(server))
		.update(new Uint8Array(constants.buffer, constants.byteOffset, constants.byteLength))
		.digest('hex');
