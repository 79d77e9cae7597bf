import { add, conv, encrypted, sqrt, square, trace } from '../../compiler/index.ts';
import { cross, slide } from './image.ts';

const [a, b] = cross;

/** Edges of an image of 16 x 16 by Roberts' cross, 0 where it is flat. The original adds gx and gy, not their squares. */
export const roberts = {
	program: trace(({ x }) => sqrt(add(square(conv(x, a)), square(conv(x, b)))), {
		x: encrypted([16, 16], { range: [0, 1] }),
	}),
	reference: (x: Float64Array) => slide(x, 16, a).map((gx, i) => Math.hypot(gx, slide(x, 16, b)[i] ?? 0)),
	range: Math.SQRT2,
};
