import type { Id, Kind, Op, SlotCircuit } from './circuit.ts';
import { evaluateAll, type PackedInputs, rotated } from './evaluate.ts';

/** The largest |slot| of every value over the given samples, leftovers included. */
export const observedMagnitudes = (circuit: SlotCircuit, samples: readonly PackedInputs[]): Float64Array => {
	const largest = new Float64Array(circuit.ops.length);
	for (const sample of samples)
		evaluateAll(circuit, sample).forEach((values, id) => {
			largest[id] = Math.max(largest[id] as number, largestOf(values));
		});
	return largest;
};

type Rules = {
	readonly [K in Kind]: (
		op: Op<K>,
		at: (id: Id) => Float64Array,
		circuit: SlotCircuit,
		inputs: PackedInputs,
	) => Float64Array;
};

const zip = (a: Float64Array, b: Float64Array, f: (x: number, y: number) => number): Float64Array =>
	a.map((x, t) => f(x, b[t] as number));
const plainOf = (circuit: SlotCircuit, id: number): Float64Array => circuit.plains[id] as Float64Array;

const rules: Rules = {
	input: (op, _at, _circuit, inputs) => inputs.get(op.name)?.[op.part] as Float64Array,
	rotate: (op, at) => rotated(at(op.a), op.steps),
	add: (op, at) => zip(at(op.a), at(op.b), (x, y) => x + y),
	subtract: (op, at) => zip(at(op.a), at(op.b), (x, y) => x + y),
	negate: (op, at) => at(op.a),
	addPlain: (op, at, circuit) => zip(at(op.a), plainOf(circuit, op.plain), (x, y) => x + Math.abs(y)),
	multiplyPlain: (op, at, circuit) => zip(at(op.a), plainOf(circuit, op.plain), (x, y) => x * Math.abs(y)),
	multiply: (op, at) => zip(at(op.a), at(op.b), (x, y) => x * y),
};

/** A bound of |slot| for every value and any input whose slots are at most `inputs` in magnitude: sound, and loose. */
export const boundedMagnitudes = (circuit: SlotCircuit, inputs: PackedInputs): Float64Array => {
	const bounds: Float64Array[] = [];
	const at = (id: Id): Float64Array => bounds[id] as Float64Array;
	for (const op of circuit.ops) {
		const rule = rules[op.kind] as (
			op: Op,
			at: (id: Id) => Float64Array,
			circuit: SlotCircuit,
			inputs: PackedInputs,
		) => Float64Array;
		bounds.push(rule(op, at, circuit, inputs));
	}
	return Float64Array.from(bounds, largestOf);
};

const largestOf = (values: Float64Array): number => {
	let largest = 0;
	for (const value of values) largest = Math.max(largest, Math.abs(value));
	return largest;
};
