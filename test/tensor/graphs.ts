import * as fc from 'fast-check';
import {
	type Activation,
	affine,
	type BodyKind,
	type Graph,
	GraphBuilder,
	type Id,
	type Shape,
	sizeOf,
	type Term,
} from '../../compiler/tensor/graph.ts';
import { diagonal, identity, SparseBuilder, type SparseMatrix, selection } from '../../compiler/tensor/sparse.ts';

/** Seeds and counts of every property test here, so that two runs do the same. */
export const REPEATABLE = { seed: 20240607, numRuns: 150 } as const;

/** Whole numbers from a list, over and over: what a random graph is built from. */
export class Choices {
	readonly #values: readonly number[];
	#next = 0;

	constructor(values: readonly number[]) {
		this.#values = values;
	}

	/** 0 <= result < bound. */
	below(bound: number): number {
		const value = this.#values[this.#next++ % this.#values.length] ?? 0;
		return (value + this.#next) % bound;
	}

	/** A number in [-2, 2], sometimes 0, 1 or -1. */
	value(): number {
		return (this.below(17) - 8) / 4;
	}
}

export const choices = (): fc.Arbitrary<Choices> =>
	fc.array(fc.nat(9973), { minLength: 5, maxLength: 200 }).map((values) => new Choices(values));

const randomMatrix = (rows: number, columns: number, from: Choices): SparseMatrix => {
	const form = from.below(rows === columns ? 6 : 3);
	if (form === 3) return identity(rows);
	if (form === 4) return diagonal(Float64Array.from({ length: rows }, () => -1));
	if (form === 5) return diagonal(Float64Array.from({ length: rows }, () => from.value()));
	if (form === 2)
		return selection(
			Array.from({ length: rows }, () => from.below(columns + 1) - 1),
			columns,
		);
	const builder = new SparseBuilder(rows, columns);
	for (let i = 0; i < rows; i++)
		for (let j = 0; j < columns; j++) if (from.below(3) === 0) builder.add(i, j, from.value());
	return builder.build();
};

const SIZES = [2, 3, 3, 4];

/** Two inputs and `steps` random affine, multiply, activation or polynomial nodes on tensors of 2 to 4 elements. */
export const randomGraph = (from: Choices, steps = 8, functions: readonly Activation[] = []): Graph<BodyKind> => {
	const builder = new GraphBuilder<BodyKind>();
	const sizes: number[] = [];
	const record = (id: Id, size: number): void => {
		sizes[id] = size;
	};
	for (const [name, size] of [
		['x', 3],
		['y', 4],
	] as const)
		record(builder.add({ kind: 'input', name, shape: [size], origin: name }), size);
	for (let step = 0; step < steps; step++) {
		const origin = `node ${step}`;
		const a = from.below(sizes.length);
		const size = sizes[a] as number;
		const kind = from.below(5);
		if (kind === 3) {
			const sameSize = sizes.flatMap((s, id) => (s === size ? [id] : []));
			const b = sameSize[from.below(sameSize.length)] as Id;
			record(builder.add({ kind: 'multiply', a, b, shape: [size], origin }), size);
		} else if (kind === 4 && functions.length > 0) {
			const fn = functions[from.below(functions.length)] as Activation;
			record(builder.add({ kind: 'activation', x: a, fn, shape: [size], origin }), size);
		} else if (kind === 4) {
			const coefficients = Array.from({ length: 1 + from.below(6) }, () => from.value());
			const one = { center: from.value(), radius: 1 + from.below(5), coefficients };
			const channels = size % 2 === 0 ? 2 : 1;
			const series = Array.from({ length: channels }, (_, c) =>
				c === 0 ? one : { ...one, center: from.value(), coefficients: coefficients.map(() => from.value()) },
			);
			const inner = size / channels / (1 + from.below(size / channels));
			record(builder.add({ kind: 'polynomial', x: a, series, inner, shape: [size], origin }), size);
		} else {
			const rows = SIZES[from.below(SIZES.length)] as number;
			const terms: Term[] = Array.from({ length: 1 + from.below(2) }, (_, i) => {
				const x = i === 0 ? a : from.below(sizes.length);
				return { x, matrix: randomMatrix(rows, sizes[x] as number, from) };
			});
			const bias = Float64Array.from({ length: rows }, () => (from.below(2) === 0 ? 0 : from.value()));
			record(builder.add(affine(terms, bias, [rows], origin)), rows);
		}
	}
	const last = sizes.length - 1;
	const other = from.below(sizes.length);
	return builder.build([
		{ name: 'last', id: last, shape: [1, sizes[last] as number] },
		{ name: 'other', id: other, shape: [sizes[other] as number] },
	]);
};

export const randomInputs = (from: Choices): Map<string, Float64Array> =>
	new Map([
		['x', Float64Array.from({ length: 3 }, () => from.value() / 2)],
		['y', Float64Array.from({ length: 4 }, () => from.value() / 2)],
	]);

/** Largest |a - b| over all outputs, relative to the largest |a| (at least 1). */
export const difference = (a: ReadonlyMap<string, Float64Array>, b: ReadonlyMap<string, Float64Array>): number => {
	let [error, scale] = [a.size === b.size ? 0 : Number.POSITIVE_INFINITY, 1];
	for (const [name, values] of a)
		values.forEach((v, i) => {
			error = Math.max(error, Math.abs(v - (b.get(name)?.[i] ?? Number.POSITIVE_INFINITY)));
			scale = Math.max(scale, Math.abs(v));
		});
	return error / scale;
};

/** A dense matrix, given by rows, as a sparse one. */
export const dense = (rows: readonly (readonly number[])[]): SparseMatrix => {
	const builder = new SparseBuilder(rows.length, rows[0]?.length ?? 0);
	rows.forEach((row, i) => {
		row.forEach((value, j) => {
			builder.add(i, j, value);
		});
	});
	return builder.build();
};

/** Adds inputs and maps with little ceremony; every method returns the id. */
export class Sketch {
	readonly builder = new GraphBuilder();

	input(name: string, shape: Shape): Id {
		return this.builder.add({ kind: 'input', name, shape, origin: name });
	}

	affine(terms: readonly Term[], shape: Shape, bias?: readonly number[], origin = 'affine'): Id {
		return this.builder.add(affine(terms, Float64Array.from(bias ?? new Array(sizeOf(shape)).fill(0)), shape, origin));
	}

	multiply(a: Id, b: Id, shape: Shape): Id {
		return this.builder.add({ kind: 'multiply', a, b, shape, origin: 'multiply' });
	}

	activation(x: Id, fn: Activation, shape: Shape): Id {
		return this.builder.add({ kind: 'activation', x, fn, shape, origin: fn });
	}

	tail(x: Id, fn: 'softmax' | 'logSoftmax' | 'argMax', shape: Shape, axis: number, keepDims = false): Id {
		return this.builder.add({ kind: 'tail', x, fn, axis, keepDims, selectLast: false, shape, origin: fn });
	}

	graph(outputs: Readonly<Record<string, readonly [id: Id, shape: Shape]>>): Graph {
		return this.builder.build(Object.entries(outputs).map(([name, [id, shape]]) => ({ name, id, shape })));
	}
}
