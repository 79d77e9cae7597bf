import { absolute, add, combined, largest, multiply, rotated } from '../numeric/vectors.ts';
import type { SlotCircuit } from './circuit.ts';
import { type PackedInputs, type Rules, visitAll, visitWith } from './evaluate.ts';

/** The largest |slot| of every value over the given samples, leftovers included. */
export const observedMagnitudes = (circuit: SlotCircuit, samples: readonly PackedInputs[]): Float64Array => {
	const magnitudes = new Float64Array(circuit.ops.length);
	for (const sample of samples)
		visitAll(circuit, sample, (values, id) => {
			magnitudes[id] = Math.max(magnitudes[id] as number, largest(values));
		});
	return magnitudes;
};

/** Bounds of |slot|: every operation on magnitudes. */
const bounds: Rules = {
	input: (op, _, { inputs }) => inputs.get(op.name)?.[op.part] ?? new Float64Array(),
	rotate: (op, at, { make }) => rotated(at(op.a), op.steps, make()),
	add: (op, at, { make }) => add(at(op.a), at(op.b), make()),
	subtract: (op, at, { make }) => add(at(op.a), at(op.b), make()),
	negate: (op, at) => at(op.a),
	addPlain: (op, at, { plain, make }) => {
		const y = absolute(plain(op.plain), make());
		return add(at(op.a), y, y);
	},
	multiplyPlain: (op, at, { plain, make }) => {
		const y = absolute(plain(op.plain), make());
		return multiply(at(op.a), y, y);
	},
	multiply: (op, at, { make }) => multiply(at(op.a), at(op.b), make()),
	combine: (op, at, { make }) => combined(op.terms.map(at), absolute(op.weights), make()),
};

/** A bound of |slot| for every value and any input whose slots are at most `inputs` in magnitude: sound, and loose. */
export const boundedMagnitudes = (circuit: SlotCircuit, inputs: PackedInputs): Float64Array => {
	const magnitudes = new Float64Array(circuit.ops.length);
	visitWith(bounds, circuit, inputs, (values, id) => {
		magnitudes[id] = largest(values);
	});
	return magnitudes;
};
