import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { type Product, productMatrix, productSources, rowSums } from '../../tensor/maps/product.ts';
import { MAX_ENTRIES } from '../../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, selectionMatrix } from '../../tensor/maps/selection.ts';
import { attributesOf, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Constant,
	type Encrypted,
	exact,
	misshapen,
	moved,
	multiplied,
	type Site,
	unsupported,
	type Value,
	type ValueTerm,
} from '../value.ts';
import { always, type Operator, PRODUCT_COST, since } from './table.ts';

/** alpha * a b as one term; two encrypted factors become a multiply node first. */
const productTerm = (site: Site, product: Product, a: Value, b: Value, alpha: number): ValueTerm => {
	const data = ({ data }: Constant) => (alpha === 1 ? data : data.map((value) => alpha * value));
	if (b.kind === 'constant') return { value: a, matrix: productMatrix(product, 'left', data(b)) };
	if (a.kind === 'constant') return { value: b, matrix: productMatrix(product, 'right', data(a)) };
	const cells = product.left.offsets.length * product.rows * product.columns;
	if (cells * product.depth > MAX_ENTRIES / 64)
		unsupported(`A product of two encrypted matrices takes ${cells * product.depth} products, which is too many.`);
	const sources = productSources(product);
	const shape = [cells, product.depth];
	const left = moved(site, a, sources.left, shape) as Encrypted;
	const right = moved(site, b, sources.right, shape) as Encrypted;
	const sums = rowSums(cells, product.depth);
	const value = multiplied(site, left, right);
	return { value, matrix: alpha === 1 ? sums : { ...sums, values: sums.values.map((one) => alpha * one) } };
};

/** y = alpha a' b' + beta c, a' and b' transposed on request; c broadcasts to [rows, columns]. */
const Gemm: Run = (call) => {
	const { alpha, beta, transA, transB } = attributesOf(call, { alpha: 1, beta: 1, transA: 0, transB: 0 });
	const a = operand(call, 0);
	const b = operand(call, 1);
	const c = call.inputs[2];
	const [aRows, aColumns] = matrixShape(a);
	const [bRows, bColumns] = matrixShape(b);
	const [rows, depth] = transA === 0 ? [aRows, aColumns] : [aColumns, aRows];
	const [inner, columns] = transB === 0 ? [bRows, bColumns] : [bColumns, bRows];
	if (depth !== inner) misshapen(`Gemm multiplies ${rows} x ${depth} by ${inner} x ${columns}.`);
	const offsets = Int32Array.of(0);
	const product: Product = {
		left: { offsets, size: rows * depth, ...(transA === 0 ? { outer: depth, inner: 1 } : { outer: 1, inner: rows }) },
		right: {
			offsets,
			size: depth * columns,
			...(transB === 0 ? { outer: 1, inner: columns } : { outer: depth, inner: 1 }),
		},
		rows,
		columns,
		depth,
	};
	const shape = [rows, columns];
	const terms = [productTerm(call, product, exact(a), exact(b), alpha)];
	if (c !== undefined && beta !== 0) {
		if (String(broadcastShape(c.shape, shape)) !== String(shape))
			misshapen(`The addend of shape [${c.shape}] does not broadcast to [${shape}].`);
		const factors = new Float64Array(rows * columns).fill(beta);
		terms.push({ value: c, matrix: selectionMatrix(broadcastSource(c.shape, shape), sizeOf(c.shape), factors) });
	}
	return exact(affineOf(call, terms, new Float64Array(rows * columns), shape));
};

/** Gemm before opset 7: C broadcasts only when asked to, in the same way. */
const LegacyGemm: Run = (call) =>
	Gemm({
		...call,
		node: { ...call.node, attributes: call.node.attributes.filter(({ name }) => name !== 'broadcast') },
	});

const matrixShape = ({ shape }: Value): readonly [number, number] => {
	const [rows, columns] = shape;
	return shape.length === 2 && rows !== undefined && columns !== undefined
		? [rows, columns]
		: misshapen(`Gemm takes matrices, not a tensor of shape [${shape}].`);
};

/** y[..., i, j] = sum_k a[..., i, k] b[..., k, j]; leading axes broadcast, a missing row or column axis is dropped again. */
export const matrixProduct = (site: Site, a: Value, b: Value): Value => {
	const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
	const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
	const [rows, depth] = left.slice(-2) as [number, number];
	const [inner, columns] = right.slice(-2) as [number, number];
	const batch = broadcastShape(left.slice(0, -2), right.slice(0, -2));
	if (depth !== inner || batch === undefined) return misshapen(`[${a.shape}] cannot be multiplied by [${b.shape}].`);
	const product: Product = {
		left: { offsets: offsetsOf(left, batch), outer: depth, inner: 1, size: sizeOf(left) },
		right: { offsets: offsetsOf(right, batch), outer: 1, inner: columns, size: sizeOf(right) },
		rows,
		columns,
		depth,
	};
	const shape = [...batch, ...(a.shape.length === 1 ? [] : [rows]), ...(b.shape.length === 1 ? [] : [columns])];
	const term = productTerm(site, product, exact(a), exact(b), 1);
	return exact(affineOf(site, [term], new Float64Array(sizeOf(shape)), shape));
};

const MatMul: Run = (call) => {
	attributesOf(call, {});
	const [a, b] = [operand(call, 0), operand(call, 1)];
	if (a.shape.length === 0 || b.shape.length === 0) return misshapen('MatMul takes no scalars.');
	return matrixProduct(call, a, b);
};

/** Where the matrix of every batch element starts. */
const offsetsOf = (shape: Shape, batch: Shape): Int32Array => {
	const [rows, columns] = shape.slice(-2) as [number, number];
	return broadcastSource(shape.slice(0, -2), batch).map((index) => index * rows * columns);
};

/** Products of matrices. */
export const PRODUCTS: readonly Operator[] = [
	{ op: 'Gemm', how: 'exact', cost: PRODUCT_COST, note: '', versions: since([6, LegacyGemm], [7, Gemm]) },
	{ op: 'MatMul', how: 'exact', cost: PRODUCT_COST, note: '', versions: always(MatMul) },
];
