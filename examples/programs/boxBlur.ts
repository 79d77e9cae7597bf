import { conv, encrypted, trace } from '../../compiler/index.ts';
import { slide } from './image.ts';

const kernel = [1, 2, 3].map(() => [1 / 9, 1 / 9, 1 / 9]);

/** The mean of the 3 x 3 pixels around each one that has them, of an image of 64 x 64. */
export const boxBlur = {
	program: trace(({ x }) => conv(x, kernel), { x: encrypted([64, 64], { range: [0, 1] }) }),
	reference: (x: Float64Array) => slide(x, 64, kernel),
	range: 1,
};
