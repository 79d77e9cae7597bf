import { createHash } from 'node:crypto';
import {
	type ClientProgram,
	type InputPacking,
	type KeyNeeds,
	type OutputPacking,
	PLAN_FORMAT,
	type Port,
	type Program,
	type ServerProgram,
} from '../../runtime/plan.ts';
import { type CkksCircuit, type Op, plainOf } from '../ckks/circuit.ts';
import type { Objective } from '../options.ts';
import { memoryPlanOf } from './memory.ts';
import { schedule } from './registers.ts';

/** What the runtime must know of the ends of the circuit, beyond levels and scales. */
export type Ends = {
	readonly inputs: readonly Omit<InputPacking, 'level' | 'scale'>[];
	readonly outputs: readonly Omit<OutputPacking, 'level' | 'scale'>[];
};

/** The finished program: instructions, constants, both halves under one fingerprint. */
export const programOf = (name: string, circuit: CkksCircuit, ends: Ends, objective: Objective): Program => {
	const { parameters } = circuit;
	const batch = parameters.ringDegree / 2 / circuit.slots;
	const keys = keyNeeds(circuit, batch);
	const { constants, weightsAt, vectors } = collectConstants(circuit);
	const scheduled = schedule(circuit, weightsAt);
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
	};
	const server = {
		...common,
		inputs: inputs.map(({ end, op }) => port(end, op)),
		outputs: outputs.map(({ end, op }) => port(end, op)),
		registers: scheduled.registers,
		instructions: scheduled.instructions.map((step) =>
			step.op === 'rotate' ? { ...step, steps: step.steps * batch } : step,
		),
		constants,
		...memoryPlanOf(circuit, keys, objective),
	};
	const fingerprint = fingerprintOf(client, server, vectors);
	return { client: { ...client, fingerprint }, server: { ...server, fingerprint }, constants: vectors };
};

const inputOp = (circuit: CkksCircuit, name: string): Op =>
	circuit.ops.find((op) => op.kind === 'input' && op.name === name) as Op;

/** The keys that the circuit uses, each with the highest level it is used at. */
export const keyNeeds = ({ ops }: Pick<CkksCircuit, 'ops'>, batch: number): KeyNeeds => {
	const relinearization = ops.reduce((most, op) => (op.kind === 'relinearize' ? Math.max(most, op.level) : most), -1);
	const levels = new Map<number, number>();
	for (const op of ops) if (op.kind === 'rotate') levels.set(op.steps, Math.max(levels.get(op.steps) ?? 0, op.level));
	return {
		...(relinearization < 0 ? {} : { relinearization }),
		steps: [...levels].sort(([a], [b]) => a - b).map(([steps, level]) => ({ step: steps * batch, level })),
	};
};

type Collected = {
	readonly constants: ServerProgram['constants'];
	/** The word where the weights of a combination begin. */
	readonly weightsAt: (weights: Float64Array) => number;
	readonly vectors: Float64Array;
};

/** The constants' vectors, then the weights of combinations, each distinct one stored once, and where each finds its own. */
const collectConstants = ({ constants, ops, plains, slots }: CkksCircuit): Collected => {
	const places = new Map<string, number>();
	const kept: Float64Array[] = [];
	let words = 0;
	const place = (key: string, values: () => Float64Array): number => {
		const known = places.get(key);
		if (known !== undefined) return known;
		const start = words;
		const stored = values();
		kept.push(stored);
		words += stored.length;
		places.set(key, start);
		return start;
	};
	const weightsAt = (weights: Float64Array): number => place(weights.join(' '), () => weights);
	// In the order of the circuit, in which they lie in memory already.
	for (const plain of distinctPlains(constants)) place(`plain ${plain}`, () => plainOf({ slots, plains }, { plain }));
	const placed = constants.map((constant) => ({
		offset: place(`plain ${constant.plain}`, () => plainOf({ slots, plains }, constant)),
		level: constant.level,
		scale: constant.scale,
	}));
	for (const op of ops) if (op.kind === 'combine') weightsAt(op.weights);
	return { constants: placed, weightsAt, vectors: joined(kept, words, plains) };
};

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
const fingerprintOf = (
	client: Omit<ClientProgram, 'fingerprint'>,
	server: Omit<ServerProgram, 'fingerprint'>,
	constants: Float64Array,
): string =>
	createHash('sha256')
		.update(JSON.stringify(client))
		.update(JSON.stringify(server))
		.update(new Uint8Array(constants.buffer, constants.byteOffset, constants.byteLength))
		.digest('hex');
