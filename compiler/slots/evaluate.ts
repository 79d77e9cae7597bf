import { InternalError } from '../errors.ts';
import { VectorPool } from '../numeric/pool.ts';
import { add, combined, multiply, rotated, scaled, subtract } from '../numeric/vectors.ts';
import { type Id, type Kind, lastUses, type Op, operandsOf, type SlotCircuit } from './circuit.ts';

/** The slots of every input part: `name` -> one vector of v slots per part. */
export type PackedInputs = ReadonlyMap<string, readonly Float64Array[]>;

type At = (id: Id) => Float64Array;
/** How a value of some kind follows from those of its operands. */
export type Rules = { readonly [K in Kind]: (op: Op<K>, at: At, around: Surroundings) => Float64Array };
/** `plain` reads the circuit's plaintexts, `make` gives a vector of any contents for a result. */
type Surroundings = { readonly plain: At; readonly inputs: PackedInputs; readonly make: () => Float64Array };

const rules: Rules = {
	input: (op, _, { inputs }) => {
		const values = inputs.get(op.name)?.[op.part];
		if (values === undefined) throw new InternalError('slots', `no values for part ${op.part} of input ${op.name}`);
		return values;
	},
	rotate: (op, at, { make }) => rotated(at(op.a), op.steps, make()),
	add: (op, at, { make }) => add(at(op.a), at(op.b), make()),
	subtract: (op, at, { make }) => subtract(at(op.a), at(op.b), make()),
	negate: (op, at, { make }) => scaled(at(op.a), -1, 0, make()),
	addPlain: (op, at, { plain, make }) => add(at(op.a), plain(op.plain), make()),
	multiplyPlain: (op, at, { plain, make }) => multiply(at(op.a), plain(op.plain), make()),
	multiply: (op, at, { make }) => multiply(at(op.a), at(op.b), make()),
	combine: (op, at, { make }) => combined(op.terms.map(at), op.weights, make()),
};

/**
 * Evaluates with the given rules and shows every value once, in order. Vectors are used again after the last reader of their
 * value, so that memory follows the circuit's width and not its length: what `visit` keeps it must copy.
 */
export const visitWith = (
	by: Rules,
	circuit: SlotCircuit,
	inputs: PackedInputs,
	visit: (values: Float64Array, id: Id) => void,
): void => {
	const operands = circuit.ops.map(operandsOf);
	const last = lastUses(operands);
	const pool = new VectorPool(circuit.slots);
	const values: (Float64Array | undefined)[] = [];
	const at: At = (id) => values[id] as Float64Array;
	const plain: At = (id) => circuit.plains[id] as Float64Array;
	const around: Surroundings = { plain, inputs, make: () => pool.make() };
	const drop = (id: Id): void => {
		pool.release(at(id));
		values[id] = undefined;
	};
	circuit.ops.forEach((op, id) => {
		const rule = by[op.kind] as (op: Op, at: At, around: Surroundings) => Float64Array;
		const result = rule(op, at, around);
		values.push(pool.hold(result));
		visit(result, id);
		const read = operands[id] as readonly Id[];
		for (const operand of new Set(read)) if (last[operand] === id) drop(operand);
		if (last[id] === id) drop(id);
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
		all.push(values.slice());
	});
	return all;
};
