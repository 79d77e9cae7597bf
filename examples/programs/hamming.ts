import { encrypted, square, sub, sum, trace } from '../../compiler/index.ts';

const bits = encrypted([8], { range: [0, 1] });

/** In how many of 8 bits two encrypted words differ: (x - y)^2 is 1 where they do. The original encrypts the same word twice. */
export const hamming = {
	program: trace(({ x, y }) => sum(square(sub(x, y))), { x: bits, y: bits }),
	reference: (x: Float64Array, y: Float64Array) => [x.filter((bit, i) => bit !== y[i]).length],
	range: 8,
};
