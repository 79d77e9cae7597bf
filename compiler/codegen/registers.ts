import type { Instruction } from '../../runtime/plan.ts';
import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import { lastUses, operandsOf } from '../slots/circuit.ts';

/** The program on registers, and the most bytes of ciphertexts alive at once. */
export type Scheduled = {
	readonly instructions: readonly Instruction[];
	readonly registers: number;
	readonly peakBytes: number;
};

/** Bytes of a ciphertext of `size` polynomials at `level`. */
export const ciphertextBytes = (ringDegree: number, level: number, size: number): number =>
	size * (level + 1) * ringDegree * 8;

/**
 * Writes the circuit as instructions in its own order, outputs as soon as they exist. A register is free again after the
 * last reader of its value, and may be that reader's result.
 */
export const schedule = (circuit: CkksCircuit): Scheduled => {
	const { ringDegree } = circuit.parameters;
	const inputs = inputNames(circuit);
	const outputs = outputPlaces(circuit);
	const last = lastUses(circuit.ops.map(operandsOf));
	const registerOf = new Map<Id, number>();
	const free: number[] = [];
	const instructions: Instruction[] = [];
	let registers = 0;
	let alive = 0;
	let peakBytes = 0;
	circuit.ops.forEach((op, id) => {
		const operands = [...new Set(operandsOf(op))];
		const from = operands.map((operand) => registerOf.get(operand) as number);
		const dying = operands.filter((operand) => last[operand] === id);
		alive += ciphertextBytes(ringDegree, op.level, op.size);
		peakBytes = Math.max(peakBytes, alive);
		for (const operand of dying) {
			free.push(registerOf.get(operand) as number);
			alive -= bytesOf(circuit, operand);
		}
		const to = free.pop() ?? registers++;
		registerOf.set(id, to);
		instructions.push(instructionOf(op, to, from[0] ?? 0, from[from.length - 1] ?? 0, inputs));
		for (const { output, part } of outputs.get(id) ?? []) instructions.push({ op: 'output', a: to, output, part });
		if (last[id] === id) {
			free.push(to);
			if (!outputs.has(id)) alive -= bytesOf(circuit, id);
		}
	});
	return { instructions, registers, peakBytes };
};

const bytesOf = (circuit: CkksCircuit, id: Id): number => {
	const { level, size } = circuit.ops[id] as Op;
	return ciphertextBytes(circuit.parameters.ringDegree, level, size);
};

/** The input tensors in the order of their first part. */
export const inputNames = (circuit: CkksCircuit): readonly string[] => [
	...new Set(circuit.ops.flatMap((op) => (op.kind === 'input' ? [op.name] : []))),
];

const outputPlaces = (circuit: CkksCircuit): ReadonlyMap<Id, readonly { output: number; part: number }[]> => {
	const places = new Map<Id, { output: number; part: number }[]>();
	circuit.outputs.forEach(({ parts }, output) => {
		parts.forEach((id, part) => {
			places.set(id, [...(places.get(id) ?? []), { output, part }]);
		});
	});
	return places;
};

const instructionOf = (op: Op, to: number, a: number, b: number, inputs: readonly string[]): Instruction => {
	switch (op.kind) {
		case 'input':
			return { op: 'input', to, input: inputs.indexOf(op.name), part: op.part };
		case 'add':
		case 'subtract':
		case 'multiply':
			return { op: op.kind, to, a, b: op.a === op.b ? a : b };
		case 'negate':
		case 'relinearize':
		case 'rescale':
			return { op: op.kind, to, a };
		case 'addPlain':
		case 'multiplyPlain':
			return { op: op.kind, to, a, constant: op.constant };
		case 'rotate':
			return { op: 'rotate', to, a, steps: op.steps };
		case 'modSwitch':
			return { op: 'modSwitch', to, a, level: op.level };
	}
};
