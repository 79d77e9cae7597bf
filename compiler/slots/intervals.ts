import { type Id, type Kind, lastUses, type Op, operandsOf, type SlotCircuit } from './circuit.ts';
import type { PackedInputs } from './evaluate.ts';

/** low[t] <= slot t <= high[t]. */
type Interval = { readonly low: Float64Array; readonly high: Float64Array };

type Rules = {
	readonly [K in Kind]: (op: Op<K>, at: (id: Id) => Interval, around: Surroundings) => Interval;
};
type Surroundings = { readonly circuit: SlotCircuit; readonly low: PackedInputs; readonly high: PackedInputs };

const rules: Rules = {
	input: ({ name, part }, _, { low, high }) => ({
		low: low.get(name)?.[part] ?? new Float64Array(),
		high: high.get(name)?.[part] ?? new Float64Array(),
	}),
	rotate: ({ a, steps }, at) => ({ low: turned(at(a).low, steps), high: turned(at(a).high, steps) }),
	add: ({ a, b }, at) => sum([at(a), at(b)], Float64Array.of(1, 1)),
	subtract: ({ a, b }, at) =>
		a === b ? sum([at(a)], Float64Array.of(0)) : sum([at(a), at(b)], Float64Array.of(1, -1)),
	negate: ({ a }, at) => sum([at(a)], Float64Array.of(-1)),
	addPlain: ({ a, plain }, at, { circuit }) => {
		const p = plainAt(circuit, plain);
		return sum([at(a), { low: p, high: p }], Float64Array.of(1, 1));
	},
	multiplyPlain: ({ a, plain }, at, { circuit }) => {
		const p = plainAt(circuit, plain);
		return product(at(a), { low: p, high: p });
	},
	multiply: ({ a, b }, at) => (a === b ? squared(at(a)) : product(at(a), at(b))),
	combine: ({ terms, weights }, at) => sum(terms.map(at), weights),
};

const plainAt = (circuit: SlotCircuit, plain: number): Float64Array => circuit.plains[plain] as Float64Array;

const turned = (a: Float64Array, steps: number): Float64Array => {
	const start = ((steps % a.length) + a.length) % a.length;
	const y = new Float64Array(a.length);
	y.set(a.subarray(start));
	y.set(a.subarray(0, start), a.length - start);
	return y;
};

const sum = (terms: readonly Interval[], weights: Float64Array): Interval => {
	const size = terms[0]?.low.length ?? 0;
	const [low, high] = [new Float64Array(size), new Float64Array(size)];
	terms.forEach((term, k) => {
		const weight = weights[k] as number;
		const [from, to] = weight < 0 ? [term.high, term.low] : [term.low, term.high];
		for (let t = 0; t < size; t++) {
			low[t] = (low[t] as number) + weight * (from[t] as number);
			high[t] = (high[t] as number) + weight * (to[t] as number);
		}
	});
	return { low, high };
};

const product = (a: Interval, b: Interval): Interval => {
	const [low, high] = [new Float64Array(a.low.length), new Float64Array(a.low.length)];
	for (let t = 0; t < low.length; t++) {
		const [a0, a1, b0, b1] = [a.low[t] as number, a.high[t] as number, b.low[t] as number, b.high[t] as number];
		low[t] = Math.min(a0 * b0, a0 * b1, a1 * b0, a1 * b1);
		high[t] = Math.max(a0 * b0, a0 * b1, a1 * b0, a1 * b1);
	}
	return { low, high };
};

const squared = (a: Interval): Interval => {
	const [low, high] = [new Float64Array(a.low.length), new Float64Array(a.low.length)];
	for (let t = 0; t < low.length; t++) {
		const [from, to] = [a.low[t] as number, a.high[t] as number];
		low[t] = from <= 0 && to >= 0 ? 0 : Math.min(from * from, to * to);
		high[t] = Math.max(from * from, to * to);
	}
	return { low, high };
};

/**
 * The largest |slot| of every value for any input whose slots lie between `low` and `high`, by interval arithmetic: sound, and
 * never looser than arithmetic on magnitudes. V_2k = V_k^2 - 2 stays in [-2, 2], where magnitudes alone double their bits with k.
 */
export const intervalMagnitudes = (circuit: SlotCircuit, low: PackedInputs, high: PackedInputs): Float64Array => {
	const operands = circuit.ops.map(operandsOf);
	const last = lastUses(operands);
	const values: (Interval | undefined)[] = [];
	const at = (id: Id): Interval => values[id] as Interval;
	const around = { circuit, low, high };
	return Float64Array.from(circuit.ops, (op, id) => {
		const rule = rules[op.kind] as (op: Op, at: (id: Id) => Interval, around: Surroundings) => Interval;
		const interval = rule(op, at, around);
		values[id] = interval;
		for (const operand of operands[id] as readonly Id[]) if (last[operand] === id) values[operand] = undefined;
		let most = 0;
		for (let t = 0; t < interval.low.length; t++)
			most = Math.max(most, -(interval.low[t] as number), interval.high[t] as number);
		return most;
	});
};
