import { InternalError } from '../errors.ts';
import { add, combined, multiply, rotated, scaled, subtract } from '../numeric/vectors.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { type CkksCircuit, type Id, type Kind, type Op, plainOf } from './circuit.ts';

export type Values = {
	readonly at: (id: Id) => Float64Array;
	readonly circuit: CkksCircuit;
	readonly inputs: PackedInputs;
	/** A vector of any contents for a result. */
	readonly make: () => Float64Array;
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
	rotate: (op, { at, make }) => rotated(at(op.a), op.steps, make()),
	add: (op, { at, make }) => add(at(op.a), at(op.b), make()),
	subtract: (op, { at, make }) => subtract(at(op.a), at(op.b), make()),
	negate: (op, { at, make }) => scaled(at(op.a), -1, 0, make()),
	addPlain: (op, { at, circuit, make }) => add(at(op.a), constantValues(circuit, op.constant), make()),
	multiplyPlain: (op, { at, circuit, make }) =>
		circuit.constants[op.constant]?.plain === 'ones'
			? at(op.a)
			: multiply(at(op.a), constantValues(circuit, op.constant), make()),
	multiply: (op, { at, make }) => multiply(at(op.a), at(op.b), make()),
	combine: (op, { at, make }) => combined(op.terms.map(at), op.weights, make()),
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
	const make = (): Float64Array => new Float64Array(circuit.slots);
	for (const op of circuit.ops) values.push(evaluateOp(op, { at, circuit, inputs, make }));
	return values;
};
