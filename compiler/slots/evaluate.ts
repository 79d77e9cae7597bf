import { InternalError } from '../errors.ts';
import type { Id, Kind, Op, SlotCircuit } from './circuit.ts';

/** The slots of every input part: `name` -> one vector of v slots per part. */
export type PackedInputs = ReadonlyMap<string, readonly Float64Array[]>;

type Values = {
	readonly at: (id: Id) => Float64Array;
	readonly plain: (id: number) => Float64Array;
	readonly inputs: PackedInputs;
};
type Rules = { readonly [K in Kind]: (op: Op<K>, values: Values, slots: number) => Float64Array };

const zip = (a: Float64Array, b: Float64Array, f: (x: number, y: number) => number): Float64Array => {
	const y = new Float64Array(a.length);
	for (let t = 0; t < a.length; t++) y[t] = f(a[t] as number, b[t] as number);
	return y;
};

/** y[t] = x[(t + steps) mod v]. */
export const rotated = (x: Float64Array, steps: number): Float64Array => {
	const y = new Float64Array(x.length);
	y.set(x.subarray(steps));
	y.set(x.subarray(0, steps), x.length - steps);
	return y;
};

const rules: Rules = {
	input: (op, { inputs }) => {
		const values = inputs.get(op.name)?.[op.part];
		if (values === undefined) throw new InternalError('slots', `no values for part ${op.part} of input ${op.name}`);
		return values;
	},
	rotate: (op, { at }) => rotated(at(op.a), op.steps),
	add: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x + y),
	subtract: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x - y),
	negate: (op, { at }) => at(op.a).map((x) => -x),
	addPlain: (op, { at, plain }) => zip(at(op.a), plain(op.plain), (x, y) => x + y),
	multiplyPlain: (op, { at, plain }) => zip(at(op.a), plain(op.plain), (x, y) => x * y),
	multiply: (op, { at }) => zip(at(op.a), at(op.b), (x, y) => x * y),
};

/** The value of every operation, on float64: the definition of the slot circuit. */
export const evaluateAll = (circuit: SlotCircuit, inputs: PackedInputs): readonly Float64Array[] => {
	const values: Float64Array[] = [];
	const at = (id: Id): Float64Array => values[id] as Float64Array;
	const plain = (id: number): Float64Array => circuit.plains[id] as Float64Array;
	for (const op of circuit.ops) {
		const rule = rules[op.kind] as (op: Op, values: Values, slots: number) => Float64Array;
		values.push(rule(op, { at, plain, inputs }, circuit.slots));
	}
	return values;
};
