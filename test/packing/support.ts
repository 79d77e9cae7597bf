import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Turns } from '../../compiler/packing/kernels/babyGiant.ts';
import { coverOf, type Placement } from '../../compiler/packing/kernels/diagonals.ts';
import { type MapOutput, type PackedMap, packedMaps, recordMap } from '../../compiler/packing/kernels/map.ts';
import { sourcesOf } from '../../compiler/packing/kernels/sources.ts';
import { type Layout, layoutOf, replicated, UNKNOWN, ZERO } from '../../compiler/packing/layout.ts';
import { SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { verify } from '../../compiler/slots/verify.ts';
import { apply, SparseBuilder, type SparseMatrix } from '../../compiler/tensor/sparse.ts';

/** Whole numbers in a list as choices, over and over. */
export class Dice {
	readonly #values: readonly number[];
	#next = 0;

	constructor(values: readonly number[]) {
		this.#values = values;
	}

	below(bound: number): number {
		return ((this.#values[this.#next++ % this.#values.length] as number) + this.#next) % bound;
	}

	/** In [-2, 2] without 0. */
	value(): number {
		return (1 + this.below(16)) / (this.below(2) === 0 ? 8 : -8);
	}
}

export const dice = (): fc.Arbitrary<Dice> =>
	fc.array(fc.nat(99991), { minLength: 20, maxLength: 150 }).map((values) => new Dice(values));

export const randomMatrix = (rows: number, columns: number, from: Dice): SparseMatrix => {
	const builder = new SparseBuilder(rows, columns);
	const density = 1 + from.below(4);
	for (let i = 0; i < rows; i++)
		for (let j = 0; j < columns; j++) if (from.below(density) === 0) builder.add(i, j, from.value());
	return builder.build();
};

/** Every element somewhere: replicated, or scattered with copies, zeros and leftovers, perhaps repeated with a period. */
export const randomLayout = (size: number, slots: number, from: Dice): Layout => {
	if (from.below(3) === 0) return replicated(size, slots);
	const count = Math.ceil(size / slots) + from.below(2);
	const parts = Array.from({ length: count }, () =>
		Int32Array.from({ length: slots }, () => [ZERO, UNKNOWN, from.below(size)][from.below(3)] as number),
	);
	const free = parts.flatMap((_, p) => Array.from({ length: slots }, (__, t) => [p, t] as const));
	for (let element = 0; element < size; element++) {
		const [[p, t] = [0, 0]] = free.splice(from.below(free.length), 1);
		(parts[p] as Int32Array)[t] = element;
	}
	return layoutOf(slots, parts);
};

/** Slots that hold `data` in this layout, and something of no meaning where the layout says so. */
const withLeftovers = (layout: Layout, data: Float64Array, from: Dice): readonly Float64Array[] =>
	layout.parts.map((part) =>
		Float64Array.from(part, (element) =>
			element >= 0 ? (data[element] as number) : element === UNKNOWN ? 100 + from.below(50) : 0,
		),
	);

/** The ways of computing a map: there is at least one. */
export const waysOf = (slots: number, outputs: readonly MapOutput[]): readonly [PackedMap, ...PackedMap[]] => {
	const [first, ...others] = packedMaps(slots, outputs);
	if (first === undefined) throw new Error('a map cannot be computed in any way');
	return [first, ...others];
};

/** The ways of computing a map by the given placements; undefined when they cannot serve it. */
export const waysBy = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	placements: readonly Placement[],
	slots: number,
): ReturnType<typeof waysOf> | undefined => {
	const sources = sourcesOf(
		layouts,
		matrices.map(({ columns }) => columns),
	);
	const outputs: MapOutput[] = [];
	for (const placement of placements) {
		const cover = coverOf(matrices, sources, placement);
		if (cover === undefined) return undefined;
		outputs.push({ cover, placement });
	}
	return waysOf(slots, outputs);
};

/** The one of them with the fewest rotations. */
export const mapBy = (...given: Parameters<typeof waysBy>): PackedMap | undefined => waysBy(...given)?.[0];

/** The circuit of a map alone, its sources as inputs in order. */
const circuitOf = (map: PackedMap, layouts: readonly Layout[], slots: number): SlotCircuit => {
	const builder = new SlotBuilder(slots);
	const sources = layouts.flatMap(({ parts }, term) => parts.map((_, part) => builder.input(`x${term}`, part)));
	return builder.build([{ name: 'y', parts: recordMap(builder, sources, map) }]);
};

/** y = sum of M_k x_k in the slots that the map's layout names, exactly zero where it says zero. */
export const checkMap = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	map: PackedMap,
	slots: number,
	from: Dice,
): SlotCircuit => {
	const data = matrices.map((matrix) => Float64Array.from({ length: matrix.columns }, () => from.value()));
	const rows = matrices[0]?.rows ?? 0;
	const expected = new Float64Array(rows);
	matrices.forEach((matrix, k) => {
		apply(matrix, data[k] as Float64Array).forEach((value, i) => {
			expected[i] = (expected[i] as number) + value;
		});
	});
	const circuit = circuitOf(map, layouts, slots);
	verify(circuit);
	const inputs = new Map(layouts.map((layout, k) => [`x${k}`, withLeftovers(layout, data[k] as Float64Array, from)]));
	const values = evaluateAll(circuit, inputs);
	const found = new Set<number>();
	map.layout.parts.forEach((part, p) => {
		const actual = values[circuit.outputs[0]?.parts[p] as number] as Float64Array;
		part.forEach((element, t) => {
			if (element === ZERO) assert.is(Math.abs(actual[t] as number), 0, `${map.family}: slot ${t} is not zero`);
			if (element < 0) return;
			found.add(element);
			const error = Math.abs((actual[t] as number) - (expected[element] as number));
			assert.ok(error < 1e-9, `${map.family}: slot ${t} of part ${p} is ${actual[t]}, not ${expected[element]}`);
		});
	});
	assert.is(found.size, rows, `${map.family}: rows that are in no slot`);
	return circuit;
};

export const countOf = (circuit: SlotCircuit, kind: string): number =>
	circuit.ops.filter((op) => op.kind === kind).length;

/** The rotations of a circuit, the values that are rotated and the steps. */
export const turnsIn = ({ ops }: SlotCircuit): Turns => {
	const rotations = ops.filter((op) => op.kind === 'rotate');
	return {
		rotations: rotations.length,
		decompositions: new Set(rotations.map(({ a }) => a)).size,
		steps: new Set(rotations.map(({ steps }) => steps)),
	};
};
