import { encrypted, matmul, trace } from '../../compiler/index.ts';

/** The product of an encrypted 16 x 16 matrix and an encrypted vector, all in [-1, 1]. The matrix of the original is a constant. */
export const matrixVector = {
	program: trace(({ a, x }) => matmul(a, x), { a: encrypted([16, 16]), x: encrypted([16]) }),
	reference: (a: Float64Array, x: Float64Array) =>
		Array.from(x, (_, i) => x.reduce((total, value, k) => total + (a[16 * i + k] ?? 0) * value, 0)),
	range: 32,
};
