/**
 * Integers with the discrete Gaussian distribution, exactly: P(x) is proportional to exp(-x^2 / (2 sigma^2)). The sampler of Canonne,
 * Kamath and Steinke ("The Discrete Gaussian for Differential Privacy", 2020, algorithms 1 to 3) computes with integers alone, so
 * that no rounding of floating-point numbers shows what the noise was added to. A few draws each; the time depends on what is drawn.
 */

/** An integer from 0 to bound - 1, all of them equally likely. */
export type Draw = (bound: bigint) => bigint;

/** From the platform's cryptographic generator, by rejection. */
export const drawSecurely: Draw = (bound) => {
	const bits = (bound - 1n).toString(2).length;
	const bytes = new Uint8Array(Math.ceil(bits / 8));
	const mask = (1n << BigInt(bits)) - 1n;
	for (;;) {
		globalThis.crypto.getRandomValues(bytes);
		const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) & mask;
		if (value < bound) return value;
	}
};

/** True with probability exp(-n / d), 0 <= n <= d. */
const withExpOfFraction = (draw: Draw, n: bigint, d: bigint): boolean => {
	let k = 1n;
	while (draw(d * k) < n) k++;
	return k % 2n === 1n;
};

/** True with probability exp(-n / d), n >= 0. */
const withExp = (draw: Draw, n: bigint, d: bigint): boolean => {
	for (let whole = n / d; whole > 0n; whole--) if (!withExpOfFraction(draw, 1n, 1n)) return false;
	return withExpOfFraction(draw, n % d, d);
};

/** P(x) proportional to exp(-|x| / t), t >= 1. */
const discreteLaplace = (draw: Draw, t: bigint): bigint => {
	for (;;) {
		const rest = draw(t);
		if (!withExpOfFraction(draw, rest, t)) continue;
		let whole = 0n;
		while (withExpOfFraction(draw, 1n, 1n)) whole++;
		const magnitude = rest + t * whole;
		const negative = draw(2n) === 1n;
		if (!negative || magnitude > 0n) return negative ? -magnitude : magnitude;
	}
};

/** sigma: a positive whole number. */
export const discreteGaussian = (sigma: number, draw: Draw = drawSecurely): number => {
	const s = BigInt(sigma);
	const t = s + 1n;
	for (;;) {
		const x = discreteLaplace(draw, t);
		const distance = (x < 0n ? -x : x) * t - s * s;
		if (withExp(draw, distance * distance, 2n * s * s * t * t)) return Number(x);
	}
};
