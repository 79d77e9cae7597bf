import { evaluateNode } from '../../compiler/tensor/evaluate.ts';
import { affine, type Id, type Node, type Term } from '../../compiler/tensor/graph.ts';
import { SparseBuilder, type SparseMatrix } from '../../compiler/tensor/sparse.ts';

/** Layers and what they compute on random samples, for tests of what is fitted to them. */
export type Rows = readonly Float64Array[];

/** Numbers in (-1, 1), the same for the same seed. */
export const numbers = (seed: number, count: number): Float64Array => {
	let state = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
	return Float64Array.from({ length: count }, () => {
		state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x297a2d39) | 0;
		return (state ^ (state >>> 13)) / 2 ** 31;
	});
};

export const samplesOf = (seed: number, count: number, size: number): Rows =>
	Array.from({ length: count }, (_, s) => numbers(1000 * seed + s, size));

/** [channels, side, side] -> [kernels, out, out] with out = side - k + 1 + 2 padding; weights: [kernels, channels, k, k]. */
export type Convolution = {
	readonly channels: number;
	readonly side: number;
	readonly k: number;
	readonly padding: number;
};

export const convolution = ({ channels, side, k, padding }: Convolution, weights: Float64Array): SparseMatrix => {
	const out = side - k + 1 + 2 * padding;
	const size = channels * k * k;
	const kernels = weights.length / size;
	const result = new SparseBuilder(kernels * out * out, channels * side * side);
	for (let row = 0; row < kernels * out * out; row++) {
		const [kernel, y, x] = [Math.floor(row / (out * out)), Math.floor(row / out) % out, row % out];
		for (let w = 0; w < size; w++) {
			const [channel, i, j] = [Math.floor(w / (k * k)), y + (Math.floor(w / k) % k) - padding, x + (w % k) - padding];
			if (i < 0 || j < 0 || i >= side || j >= side) continue;
			result.add(row, (channel * side + i) * side + j, weights[kernel * size + w] as number);
		}
	}
	return result.build();
};

export const matrixOf = (rows: number, columns: number, values: ArrayLike<number>): SparseMatrix => {
	const result = new SparseBuilder(rows, columns);
	for (let k = 0; k < rows * columns; k++) result.add(Math.floor(k / columns), k % columns, values[k] as number);
	return result.build();
};

export const layer = (terms: readonly Term[], bias: ArrayLike<number>): Node<'affine'> =>
	affine(terms, Float64Array.from(bias), [bias.length], 'layer');

/** What a node makes of each sample of its operands. */
export const resultsOf = (node: Node<'affine'>, at: (x: Id) => Rows): Rows =>
	Array.from({ length: at(node.terms[0]?.x ?? 0).length }, (_, s) =>
		evaluateNode(node, { value: (x) => at(x)[s] as Float64Array, input: () => undefined }),
	);

/** Mean square of a - b. */
export const distance = (a: Rows, b: Rows): number => {
	let [sum, count] = [0, 0];
	for (const [s, row] of a.entries())
		for (const [i, v] of row.entries()) {
			sum += (v - (b[s]?.[i] ?? Number.NaN)) ** 2;
			count++;
		}
	return sum / count;
};
