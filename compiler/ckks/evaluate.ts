import { InternalError } from '../errors.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { rotated } from '../slots/evaluate.ts';
import { type CkksCircuit, type Kind, type Op, plainOf } from './circuit.ts';

type Values = {
	readonly at: (id: number) => Float64Array;
	readonly circuit: CkksCircuit;
	readonly inputs: PackedInputs;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, values: Values) => Float64Array };

const constantOf = (circuit: CkksCircuit, id: number): Float64Array => {
	const constant = circuit.constants[id];
	if (constant === undefined) throw new InternalError('ckks circuit', `no constant ${id}`);
	return plainOf(circuit, constant);
};

const zip = (a: Float64Array, b: Float64Array, f: (x: number, y: number) => number): Float64Array =>
	a.map((x, t) => f(x, b[t] as number));

const rules: Rules = {
	input: (op, { inputs }) => {
		const values = inputs.get(op.name)?.[op.part];
		if (values === undefined) throw new InternalError('ckks circuit', `no values for input ${op.name}`);
		return values;
	},
	rotate: (op, { at }) => rotated(at(op.a), op.steps),
	add: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x + y),
	subtract: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x - y),
	negate: (op, { at }) => at(op.a).map((x) => -x),
	addPlain: (op, { at, circuit }) => zip(at(op.a), constantOf(circuit, op.constant), (x, y) => x + y),
	multiplyPlain: (op, { at, circuit }) => zip(at(op.a), constantOf(circuit, op.constant), (x, y) => x * y),
	multiply: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x * y),
	relinearize: (op, { at }) => at(op.a),
	rescale: (op, { at }) => at(op.a),
	modSwitch: (op, { at }) => at(op.a),
};

/** The slots of every value, on float64 without noise: the definition of the CKKS circuit. */
export const evaluateAll = (circuit: CkksCircuit, inputs: PackedInputs): readonly Float64Array[] => {
	const values: Float64Array[] = [];
	const at = (id: number): Float64Array => values[id] as Float64Array;
	for (const op of circuit.ops) {
		const rule = rules[op.kind] as (op: Op, values: Values) => Float64Array;
		values.push(rule(op, { at, circuit, inputs }));
	}
	return values;
};
