import { add, encrypted, mul, trace } from '../../compiler/index.ts';

/** 3 x + 7 of 8 numbers in [-1, 1]. */
export const linear = {
	program: trace(({ x }) => add(mul(x, 3), 7), { x: encrypted([8]) }),
	reference: (x: Float64Array) => Array.from(x, (value) => 3 * value + 7),
	range: 6,
};
