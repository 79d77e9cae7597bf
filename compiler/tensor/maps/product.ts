import type { SparseMatrix } from '../sparse.ts';
import { boundedWriter } from './rows.ts';
import type { Source } from './selection.ts';

/**
 * One factor of a batched matrix product: the element of batch b, own row or column i and contracted index k lies at
 * offsets[b] + i * outer + k * inner. Transposed factors differ in the two strides only.
 */
type Factor = {
	readonly offsets: Int32Array;
	readonly outer: number;
	readonly inner: number;
	readonly size: number;
};

/** y[b, i, j] = sum_k left[b, i, k] * right[b, k, j] with i < rows, j < columns, k < depth. */
export type Product = {
	readonly left: Factor;
	readonly right: Factor;
	readonly rows: number;
	readonly columns: number;
	readonly depth: number;
};

/** The product as a linear map of its left or right factor, the other one given as `data`. */
export const productMatrix = (product: Product, variable: 'left' | 'right', data: Float64Array): SparseMatrix => {
	const { rows, columns, depth } = product;
	const isLeft = variable === 'left';
	const x = isLeft ? product.left : product.right;
	const w = isLeft ? product.right : product.left;
	const cells = x.offsets.length * rows * columns;
	const writer = boundedWriter(cells, x.size, cells * depth);
	for (let b = 0; b < x.offsets.length; b++) {
		for (let i = 0; i < rows; i++) {
			for (let j = 0; j < columns; j++) {
				const column = (x.offsets[b] as number) + (isLeft ? i : j) * x.outer;
				const weight = (w.offsets[b] as number) + (isLeft ? j : i) * w.outer;
				for (let k = 0; k < depth; k++) writer.entry(column + k * x.inner, data[weight + k * w.inner] as number);
				writer.endRow();
			}
		}
	}
	return writer.build();
};

/** Sources of the two factors of every single product, in the order [b, i, j, k]. */
export const productSources = ({ left, right, rows, columns, depth }: Product): { left: Source; right: Source } => {
	const size = left.offsets.length * rows * columns * depth;
	const sources = { left: new Int32Array(size), right: new Int32Array(size) };
	let at = 0;
	for (let b = 0; b < left.offsets.length; b++) {
		for (let i = 0; i < rows; i++) {
			for (let j = 0; j < columns; j++) {
				for (let k = 0; k < depth; k++, at++) {
					sources.left[at] = (left.offsets[b] as number) + i * left.outer + k * left.inner;
					sources.right[at] = (right.offsets[b] as number) + j * right.outer + k * right.inner;
				}
			}
		}
	}
	return sources;
};

/** y[i] = sum of x[i * depth + k] over k < depth. */
export const rowSums = (rows: number, depth: number): SparseMatrix => {
	const writer = boundedWriter(rows, rows * depth, rows * depth);
	for (let i = 0; i < rows; i++) {
		for (let k = 0; k < depth; k++) writer.entry(i * depth + k, 1);
		writer.endRow();
	}
	return writer.build();
};
