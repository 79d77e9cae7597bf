import type { Shape } from '../tensor/graph.ts';
import type { Expression, Operand } from './expression.ts';
import { add, mul, op, pow, reduction, square, unary } from './operations.ts';

/**
 * Functions that are no polynomials: the compiler fits one to each, on the values that calibration shows, as accurate as the
 * options ask (`maxError`, `degree`).
 */

/** 1 / x, on values of one sign. */
export const inverse = unary('Reciprocal');
/** 1 / (1 + exp(-x)); by the client where it is the last operation. */
export const sigmoid = unary('Sigmoid');
/** x^(1/2), on values not below 0; where these reach 0, degree d is off by 0.14 / d of the range: 255, in 8 levels, for 0.0006. */
export const sqrt = unary('Sqrt');
/** |x| */
export const abs = unary('Abs');
export const tanh = unary('Tanh');
/** e^x */
export const exp = unary('Exp');
/** ln x, on values above 0. */
export const log = unary('Log');
/** max(x, 0) */
export const relu = unary('Relu');

/** The largest of the operands, element by element: one fitted polynomial for each two. */
export const max = (...operands: readonly Operand[]): Expression => op('Max', operands);
/** The smallest of the operands. */
export const min = (...operands: readonly Operand[]): Expression => op('Min', operands);
/** The largest element, or those along axes: a tournament of ceil(log2 n) rounds. */
export const largest = reduction('ReduceMax');
/** The smallest element, or those along axes. */
export const smallest = reduction('ReduceMin');

/**
 * c[0] + c[1] x + c[2] x^2 + ... At degree 2 one product; else ceil(log2(d + 1)) products after each other and
 * about 2 sqrt(d) in all, with a level for the coefficients where these do not go into a neighbour.
 */
export const polynomial = <S extends Shape>(x: Expression<S>, coefficients: readonly number[]): Expression<S> => {
	const degree = coefficients.findLastIndex((c) => c !== 0);
	const [c0 = 0, c1 = 0, c2 = 0] = coefficients;
	if (degree <= 1) return add(mul(x, c1), c0);
	if (degree > 2) return split(x, coefficients.slice(0, degree + 1));
	// c2 (x + s)^2 + c0 - c2 s^2
	const shift = c1 / (2 * c2);
	return add(mul(square(add(x, shift)), c2), c0 - c2 * shift ** 2);
};

/** low(x) + x^m high(x), m the largest power of two that is no more than the degree. */
const split = <S extends Shape>(x: Expression<S>, coefficients: readonly number[]): Expression<S> => {
	if (coefficients.length <= 2) return add(mul(x, coefficients[1] ?? 0), coefficients[0] ?? 0);
	const m = 2 ** Math.floor(Math.log2(coefficients.length - 1));
	const [low, high] = [coefficients.slice(0, m), coefficients.slice(m)];
	const power = repeatedSquare(x, m);
	const upper = high.length === 1 ? mul(power, high[0] as number) : mul(power, split(x, high));
	return low.every((c) => c === 0) ? upper : add(upper, split(x, low));
};

const repeatedSquare = <S extends Shape>(x: Expression<S>, m: number): Expression<S> =>
	m <= 16 ? pow(x, m) : square(repeatedSquare(x, m / 2));
