import { encrypted, sqrt, square, sub, sum, trace } from '../../compiler/index.ts';

const point = encrypted([8], { range: [0, 1] });

/** The Euclidean distance of two encrypted points, equal ones included. The original does not sum, and encrypts the same point twice. */
export const distance = {
	program: trace(({ x, y }) => sqrt(sum(square(sub(x, y)))), { x: point, y: point }),
	reference: (x: Float64Array, y: Float64Array) => [Math.hypot(...x.map((value, i) => value - (y[i] ?? 0)))],
	range: Math.sqrt(8),
};
