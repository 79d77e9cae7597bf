import { InternalError } from '../errors.ts';
import { add, multiply, rotated, scaled, subtract } from '../numeric/vectors.ts';
import { type Id, type Kind, lastUses, type Op, operandsOf, type SlotCircuit } from './circuit.ts';

/** The slots of every input part: `name` -> one vector of v slots per part. */
export type PackedInputs = ReadonlyMap<string, readonly Float64Array[]>;

type At = (id: Id) => Float64Array;
/** How a value of some kind follows from those of its operands; `plain` reads the circuit's plaintexts. */
export type Rules = {
	readonly [K in Kind]: (op: Op<K>, at: At, plain: At, inputs: PackedInputs) => Float64Array;
};

const rules: Rules = {
	input: (op, _at, _plain, inputs) => {
		const values = inputs.get(op.name)?.[op.part];
		if (values === undefined) throw new InternalError('slots', `no values for part ${op.part} of input ${op.name}`);
		return values;
	},
	rotate: (op, at) => rotated(at(op.a), op.steps),
	add: (op, at) => add(at(op.a), at(op.b)),
	subtract: (op, at) => subtract(at(op.a), at(op.b)),
	negate: (op, at) => scaled(at(op.a), -1),
	addPlain: (op, at, plain) => add(at(op.a), plain(op.plain)),
	multiplyPlain: (op, at, plain) => multiply(at(op.a), plain(op.plain)),
	multiply: (op, at) => multiply(at(op.a), at(op.b)),
};

/**
 * Evaluates with the given rules and shows every value once, in order. Values are dropped after their last reader, so that
 * memory follows the circuit's width and not its length.
 */
export const visitWith = (
	by: Rules,
	circuit: SlotCircuit,
	inputs: PackedInputs,
	visit: (values: Float64Array, id: Id) => void,
): void => {
	const last = lastUses(circuit.ops.map(operandsOf));
	const values: (Float64Array | undefined)[] = [];
	const at: At = (id) => values[id] as Float64Array;
	const plain: At = (id) => circuit.plains[id] as Float64Array;
	circuit.ops.forEach((op, id) => {
		const rule = by[op.kind] as (op: Op, at: At, plain: At, inputs: PackedInputs) => Float64Array;
		const result = rule(op, at, plain, inputs);
		values.push(result);
		visit(result, id);
		for (const operand of operandsOf(op)) if (last[operand] === id) values[operand] = undefined;
	});
};

/** Shows the value of every operation, on float64: the definition of the slot circuit. */
export const visitAll = (
	circuit: SlotCircuit,
	inputs: PackedInputs,
	visit: (values: Float64Array, id: Id) => void,
): void => visitWith(rules, circuit, inputs, visit);

/** The value of every operation. Memory: all of them. */
export const evaluateAll = (circuit: SlotCircuit, inputs: PackedInputs): readonly Float64Array[] => {
	const all: Float64Array[] = [];
	visitAll(circuit, inputs, (values) => {
		all.push(values);
	});
	return all;
};
