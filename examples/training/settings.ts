/**
 * How a logistic regression is trained: Nesterov's gradient descent on all rows, with a constant momentum, so that every round
 * computes the same circuit. Chosen by cross-validation on the training rows.
 */
export type Settings = {
	/** Step length: v moves by `rate` times the mean gradient. */
	readonly rate: number;
	readonly momentum: number;
	/** Rows that count; more may be there as zeros, which change nothing. */
	readonly rows: number;
};

/** The settings that were chosen for the breast cancer data. */
export const chosen = { rate: 0.3, momentum: 0.8 } as const;

/** Iterations of the whole training. */
export const ITERATIONS = 24;

/**
 * sigmoid(z) = 1/2 + c[0] z + c[1] z^3 + c[2] z^5 about: least squares on [-8, 8], as in Kim, Song, Wang, Xia and Jiang
 * (ia.cr/2018/074). It is off by less than 0.05 there. The factor of z^5 is positive: beyond 8 the polynomial grows, which pulls
 * a score that went too far back, where those of degree 3 and 7 push it away.
 */
export const SIGMOID = [1.53048 / 8, -2.3533056 / 8 ** 3, 1.3511295 / 8 ** 5] as const;
