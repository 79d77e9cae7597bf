import { InternalError } from '../errors.ts';
import { add, multiply, rotated, scaled, subtract } from '../numeric/vectors.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { type CkksCircuit, type Id, type Kind, type Op, plainOf } from './circuit.ts';

export type Values = {
	readonly at: (id: Id) => Float64Array;
	readonly circuit: CkksCircuit;
	readonly inputs: PackedInputs;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, values: Values) => Float64Array };

/** The slots of constant `id`. */
export const constantValues = (circuit: CkksCircuit, id: number): Float64Array => {
	const constant = circuit.constants[id];
	if (constant === undefined) throw new InternalError('ckks circuit', `no constant ${id}`);
	return plainOf(circuit, constant);
};

const rules: Rules = {
	input: (op, { inputs }) => {
		const values = inputs.get(op.name)?.[op.part];
		if (values === undefined) throw new InternalError('ckks circuit', `no values for input ${op.name}`);
		return values;
	},
	rotate: (op, { at }) => rotated(at(op.a), op.steps),
	add: (op, { at }) => add(at(op.a), at(op.b)),
	subtract: (op, { at }) => subtract(at(op.a), at(op.b)),
	negate: (op, { at }) => scaled(at(op.a), -1),
	addPlain: (op, { at, circuit }) => add(at(op.a), constantValues(circuit, op.constant)),
	multiplyPlain: (op, { at, circuit }) => multiply(at(op.a), constantValues(circuit, op.constant)),
	multiply: (op, { at }) => multiply(at(op.a), at(op.b)),
	relinearize: (op, { at }) => at(op.a),
	rescale: (op, { at }) => at(op.a),
	modSwitch: (op, { at }) => at(op.a),
};

/** The slots of one value from those of its operands. */
export const evaluateOp = (op: Op, values: Values): Float64Array =>
	(rules[op.kind] as (op: Op, values: Values) => Float64Array)(op, values);

/** The slots of every value, on float64 without noise: the definition of the CKKS circuit. Memory: all of them. */
export const evaluateAll = (circuit: CkksCircuit, inputs: PackedInputs): readonly Float64Array[] => {
	const values: Float64Array[] = [];
	const at = (id: Id): Float64Array => values[id] as Float64Array;
	for (const op of circuit.ops) values.push(evaluateOp(op, { at, circuit, inputs }));
	return values;
};
