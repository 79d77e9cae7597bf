import { InternalError } from '../errors.ts';
import { operandsOf, type SlotCircuit } from './circuit.ts';

/**
 * Throws InternalError unless
 * - v is a power of two and every plaintext has v finite slots;
 * - operands are below their operation (order, no cycles);
 * - rotations are by 0 < steps < v;
 * - products with a plaintext have one that is not all zero, combinations one finite weight other than zero for each term;
 * - outputs exist.
 */
export const verify = (circuit: SlotCircuit): void => {
	const fail = (message: string): never => {
		throw new InternalError('slot circuit', message);
	};
	const { slots, plains, ops, outputs } = circuit;
	if (slots < 1 || (slots & (slots - 1)) !== 0) fail(`${slots} slots is not a power of two`);
	plains.forEach((plain, id) => {
		if (plain.length !== slots) fail(`plaintext ${id} has ${plain.length} slots`);
		if (!plain.every(Number.isFinite)) fail(`plaintext ${id} is not finite`);
	});
	ops.forEach((op, id) => {
		if (!operandsOf(op).every((operand) => operand >= 0 && operand < id)) fail(`%${id} reads a value not yet computed`);
		if (op.kind === 'rotate' && !(op.steps > 0 && op.steps < slots)) fail(`%${id} rotates by ${op.steps}`);
		if ('plain' in op && plains[op.plain] === undefined) fail(`%${id} reads plaintext ${op.plain}`);
		if (op.kind === 'multiplyPlain' && plains[op.plain]?.every((value) => value === 0))
			fail(`%${id} multiplies by zero`);
		if (op.kind !== 'combine') return;
		if (op.terms.length === 0 || op.terms.length !== op.weights.length) fail(`%${id} has not one weight for each term`);
		if (!op.weights.every((weight) => weight !== 0 && Number.isFinite(weight))) fail(`%${id} combines by zero`);
	});
	for (const output of outputs)
		for (const id of output.parts)
			if (ops[id] === undefined) fail(`output ${output.name} is %${id}, which does not exist`);
};
