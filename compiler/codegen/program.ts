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
import { schedule } from './registers.ts';

/** What the runtime must know of the ends of the circuit, beyond levels and scales. */
export type Ends = {
	readonly inputs: readonly Omit<InputPacking, 'level' | 'scale'>[];
	readonly outputs: readonly Omit<OutputPacking, 'level' | 'scale'>[];
};

/** The finished program: instructions, constants, both halves under one fingerprint. */
export const programOf = (name: string, circuit: CkksCircuit, ends: Ends): Program => {
	const { parameters } = circuit;
	const batch = parameters.ringDegree / 2 / circuit.slots;
	const scheduled = schedule(circuit);
	const keys = keyNeeds(circuit, batch);
	const { constants, vectors } = collectConstants(circuit);
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
		memory: {
			ciphertexts: scheduled.peakBytes,
			keys: (keys.steps.length + (keys.relinearization ? 1 : 0)) * keyBytes(circuit),
			constants: constants.reduce((bytes, { level }) => bytes + (level + 1) * parameters.ringDegree * 8, 0),
		},
	};
	const fingerprint = fingerprintOf(client, server, vectors);
	return { client: { ...client, fingerprint }, server: { ...server, fingerprint }, constants: vectors };
};

/** Bytes of one key-switching key in the server's memory: a pair of polynomials over all primes for each data prime. */
const keyBytes = ({ parameters: { primes, ringDegree } }: Pick<CkksCircuit, 'parameters'>): number =>
	2 * primes.length * (primes.length + 1) * ringDegree * 8;

const inputOp = (circuit: CkksCircuit, name: string): Op =>
	circuit.ops.find((op) => op.kind === 'input' && op.name === name) as Op;

const keyNeeds = (circuit: CkksCircuit, batch: number): KeyNeeds => ({
	relinearization: circuit.ops.some((op) => op.kind === 'relinearize'),
	steps: [...new Set(circuit.ops.flatMap((op) => (op.kind === 'rotate' ? [op.steps * batch] : [])))].sort(
		(a, b) => a - b,
	),
});

/** The constants' vectors, each distinct one stored once, and where each constant finds its own. */
const collectConstants = (circuit: CkksCircuit): { constants: ServerProgram['constants']; vectors: Float64Array } => {
	const place = new Map<number | 'ones', number>();
	const kept: Float64Array[] = [];
	const constants = circuit.constants.map((constant) => {
		const { plain, level, scale } = constant;
		const offset = place.get(plain) ?? kept.length * circuit.slots;
		if (!place.has(plain)) {
			place.set(plain, offset);
			kept.push(plainOf(circuit, constant));
		}
		return { offset, level, scale };
	});
	const vectors = new Float64Array(kept.length * circuit.slots);
	kept.forEach((values, k) => {
		vectors.set(values, k * circuit.slots);
	});
	return { constants, vectors };
};

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
