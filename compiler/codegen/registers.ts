import type { Instruction } from '../../runtime/plan.ts';
import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import { lastUses, operandsOf } from '../slots/circuit.ts';

/** The program on registers. */
export type Scheduled = {
	readonly instructions: readonly Instruction[];
	readonly registers: number;
};

/** Word of the constants where the weights of a combination begin. */
type WeightsAt = (weights: Float64Array) => number;

/**
 * Writes the circuit as instructions in its own order, outputs as soon as they exist. A register is free again after the
 * last reader of its value, and may be that reader's result.
 */
export const schedule = (circuit: CkksCircuit, weightsAt: WeightsAt): Scheduled => {
	const inputs = inputNames(circuit);
	const outputs = outputPlaces(circuit);
	const last = lastUses(circuit.ops.map(operandsOf));
	const registerOf = new Map<Id, number>();
	const free: number[] = [];
	const instructions: Instruction[] = [];
	let registers = 0;
	circuit.ops.forEach((op, id) => {
		const operands = [...new Set(operandsOf(op))];
		const from = operands.map((operand) => registerOf.get(operand) as number);
		const dying = operands.filter((operand) => last[operand] === id);
		for (const operand of dying) free.push(registerOf.get(operand) as number);
		const to = free.pop() ?? registers++;
		registerOf.set(id, to);
		instructions.push(instructionOf(circuit, op, to, from, inputs, weightsAt));
		for (const { output, part } of outputs.get(id) ?? []) instructions.push({ op: 'output', a: to, output, part });
		if (last[id] === id) free.push(to);
	});
	return { instructions, registers };
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

const instructionOf = (
	{ ops }: CkksCircuit,
	op: Op,
	to: number,
	from: readonly number[],
	inputs: readonly string[],
	weightsAt: WeightsAt,
): Instruction => {
	const a = from[0] ?? 0;
	switch (op.kind) {
		case 'input':
			return { op: 'input', to, input: inputs.indexOf(op.name), part: op.part };
		case 'add':
		case 'subtract':
		case 'multiply':
			return { op: op.kind, to, a, b: from[1] ?? a };
		case 'negate':
		case 'relinearize':
		case 'rescale':
			return { op: op.kind, to, a };
		case 'addPlain':
		case 'multiplyPlain':
			return { op: op.kind, to, a, constant: op.constant };
		case 'combine': {
			const scale = op.scale / (ops[op.terms[0] as Id] as Op).scale;
			return { op: 'combine', to, terms: from, offset: weightsAt(op.weights), level: op.level, scale };
		}
		case 'rotate':
			return { op: 'rotate', to, a, steps: op.steps };
		case 'modSwitch':
			return { op: 'modSwitch', to, a, level: op.level };
	}
};
