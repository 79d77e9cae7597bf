import { activated, quotient, scaled, weightedSum } from '../algebra.ts';
import { attributesOf, operand, type Run } from '../call.ts';
import { unsupported, type Value } from '../value.ts';
import { plainActivation } from './activation.ts';
import { type Operator, since } from './table.ts';

/** y = arctan x */
const Atan = plainActivation('atan');
/** y = ln(x + sqrt(x^2 + 1)) */
const Asinh = plainActivation('asinh');
/** y = (exp(x) - exp(-x)) / 2 */
const Sinh = plainActivation('sinh');
/** y = (exp(x) + exp(-x)) / 2 */
const Cosh = plainActivation('cosh');

/** y = (ln(1 + x) - ln(1 - x)) / 2, between -1 and 1 */
const Atanh: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const log = (sign: number): Value => activated(call, scaled(call, x, sign, 1), 'log');
	return weightedSum(call, log(1), log(-1), 0.5, -0.5);
};

/** y = sin x / cos x, between two poles */
const Tan: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	if (x.kind === 'constant') return { ...x, data: x.data.map(Math.tan) };
	const cosine = activated(call, x, 'cos');
	return cosine.kind === 'constant' ? cosine : quotient(call, activated(call, x, 'sin'), cosine);
};

/**
 * y = x - bias for x > lambd, x + bias for x < -lambd, else 0: a part bias / lambd of x - min(max(x, -lambd), lambd),
 * the rest of x where |x| > lambd, which jumps.
 */
const Shrink: Run = (call) => {
	const { bias, lambd } = attributesOf(call, { bias: 0, lambd: 0.5 });
	const x = operand(call, 0);
	if (lambd < 0 || (lambd === 0 && bias !== 0))
		return unsupported(`Shrink has lambd = ${lambd} and bias = ${bias}.`, 'A lambd above 0 can be compiled.');
	if (lambd === 0) return x;
	const soft = weightedSum(call, x, activated(call, x, 'clip', [-lambd, lambd]), 1, -1);
	if (bias === lambd) return soft;
	const above = activated(call, x, 'thresholdedRelu', [lambd]);
	const below = activated(call, scaled(call, x, -1), 'thresholdedRelu', [lambd]);
	return weightedSum(call, soft, weightedSum(call, above, below, 1, -1), bias / lambd, 1 - bias / lambd);
};

/** Functions of one variable that are no activations of networks as a rule. */
export const FUNCTIONS: readonly Operator[] = [
	{ op: 'Asinh', how: 'approximate', note: '', versions: since([9, Asinh]) },
	{ op: 'Atan', how: 'approximate', note: '', versions: since([7, Atan]) },
	{ op: 'Atanh', how: 'approximate', note: 'on values between -1 and 1', versions: since([9, Atanh]) },
	{ op: 'Cosh', how: 'approximate', note: '', versions: since([9, Cosh]) },
	{ op: 'Shrink', how: 'approximate', note: 'except near the jumps', versions: since([9, Shrink]) },
	{ op: 'Sinh', how: 'approximate', note: '', versions: since([9, Sinh]) },
	{ op: 'Tan', how: 'approximate', note: 'between two poles', versions: since([7, Tan]) },
];
