import { dot, encrypted, trace } from '../../compiler/index.ts';

/** The dot product of two encrypted vectors of 8 numbers in [-1, 1]. One of the original is a constant. */
export const dotProduct = {
	program: trace(({ x, y }) => dot(x, y), { x: encrypted([8]), y: encrypted([8]) }),
	reference: (x: Float64Array, y: Float64Array) => [x.reduce((total, value, i) => total + value * (y[i] ?? 0), 0)],
	range: 16,
};
