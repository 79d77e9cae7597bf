/**
 * Elementwise operations on vectors of equal length, each a plain loop: they are the inner loops of every analysis. Results go
 * into `y`, which may be an operand (not of a rotation or combination), or else into a new vector.
 */

/** y[t] = a[t] + b[t]. */
export const add = (a: Float64Array, b: Float64Array, y: Float64Array = new Float64Array(a.length)): Float64Array => {
	for (let t = 0; t < y.length; t++) y[t] = (a[t] as number) + (b[t] as number);
	return y;
};

/** y[t] = a[t] - b[t]. */
export const subtract = (
	a: Float64Array,
	b: Float64Array,
	y: Float64Array = new Float64Array(a.length),
): Float64Array => {
	for (let t = 0; t < y.length; t++) y[t] = (a[t] as number) - (b[t] as number);
	return y;
};

/** y[t] = a[t] * b[t]. */
export const multiply = (
	a: Float64Array,
	b: Float64Array,
	y: Float64Array = new Float64Array(a.length),
): Float64Array => {
	for (let t = 0; t < y.length; t++) y[t] = (a[t] as number) * (b[t] as number);
	return y;
};

/** y[t] = factor * a[t] + shift. */
export const scaled = (
	a: Float64Array,
	factor: number,
	shift = 0,
	y: Float64Array = new Float64Array(a.length),
): Float64Array => {
	for (let t = 0; t < y.length; t++) y[t] = factor * (a[t] as number) + shift;
	return y;
};

/** y[t] = sum_k weights[k] * terms[k][t]. */
export const combined = (
	terms: readonly Float64Array[],
	weights: Float64Array,
	y: Float64Array = new Float64Array(terms[0]?.length ?? 0),
): Float64Array => {
	y.fill(0);
	terms.forEach((x, k) => {
		const weight = weights[k] as number;
		for (let t = 0; t < y.length; t++) y[t] = (y[t] as number) + weight * (x[t] as number);
	});
	return y;
};

/** y[t] = |a[t]|. */
export const absolute = (a: Float64Array, y: Float64Array = new Float64Array(a.length)): Float64Array => {
	for (let t = 0; t < y.length; t++) y[t] = Math.abs(a[t] as number);
	return y;
};

/** y[t] = a[(t + steps) mod length], any integer steps. */
export const rotated = (a: Float64Array, steps: number, y: Float64Array = new Float64Array(a.length)): Float64Array => {
	const start = ((steps % a.length) + a.length) % a.length;
	y.set(a.subarray(start));
	y.set(a.subarray(0, start), a.length - start);
	return y;
};

/** max |a[t]|, 0 for an empty vector. */
export const largest = (a: Float64Array): number => {
	let most = 0;
	for (let t = 0; t < a.length; t++) {
		const size = Math.abs(a[t] as number);
		if (size > most) most = size;
	}
	return most;
};
