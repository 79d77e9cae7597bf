import { encrypted, polynomial, trace } from '../../compiler/index.ts';

/** 2 x^2 + 3 x + 7 of 8 numbers in [-1, 1]: from 5.875 to 12. */
export const quadratic = {
	program: trace(({ x }) => polynomial(x, [7, 3, 2]), { x: encrypted([8]) }),
	reference: (x: Float64Array) => Array.from(x, (value) => 2 * value ** 2 + 3 * value + 7),
	range: 6.125,
};
