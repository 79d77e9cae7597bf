import { add, constant, conv, type Expression, encrypted, matmul, type Nested, polynomial, reshape, trace } from '../../compiler/index.ts'; // biome-ignore format: one import
import { cross, slide } from './image.ts';

const [a, b] = cross;
const w = Float64Array.from({ length: 225 * 15 }, (_, i) => (2 * (i + 1)) / 3375 / 225);
const p = (x: number): number => 2 * x ** 2 + 3 * x + 7;
const layer = (x: Expression, kernel: Nested) => polynomial(conv(x, kernel), [7, 3, 2]);

/** Two convolutions of an image of 16 x 16, 2 x^2 + 3 x + 7 of each, added, then a matrix of 225 x 15: weighted means. */
export const network = {
	program: trace(({ x }) => matmul(reshape(add(layer(x, a), layer(x, b)), [225]), constant([225, 15], w)), {
		x: encrypted([16, 16], { range: [0, 1] }),
	}),
	reference: (x: Float64Array) => {
		const [f, g] = [slide(x, 16, a).map(p), slide(x, 16, b).map(p)];
		return Array.from({ length: 15 }, (_, j) => f.reduce((t, v, i) => t + (v + (g[i] ?? 0)) * (w[15 * i + j] ?? 0), 0));
	},
	range: 4,
};
