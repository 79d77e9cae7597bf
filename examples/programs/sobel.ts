import { conv, encrypted, trace } from '../../compiler/index.ts';
import { slide } from './image.ts';

const kernel = [1, 2, 1].map((k) => [k, 0, -k]);

/** How much darker an image of 64 x 64 becomes to the right: Sobel's Gx. */
export const sobel = {
	program: trace(({ x }) => conv(x, kernel), { x: encrypted([64, 64], { range: [0, 1] }) }),
	reference: (x: Float64Array) => slide(x, 64, kernel),
	range: 8,
};
