/** Milliseconds of an operation on p primes: c0 + c1 p + c2 p^2. */
export type Polynomial = readonly [c0: number, c1: number, c2: number];

export const at = ([c0, c1, c2]: Polynomial, p: number): number => c0 + c1 * p + c2 * p * p;
