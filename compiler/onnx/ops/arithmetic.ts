import { broadcast, commonShape, computed, power, product, quotient, weightedSum } from '../algebra.ts';
import { attributesOf, axisOf, type Call, operand, type Run } from '../call.ts';
import { malformed, misshapen, reshaped, scalar, unsupported, type Value } from '../value.ts';

/** y = a + b */
export const Add: Run = (call) => {
	attributesOf(call, {});
	return weightedSum(call, operand(call, 0), operand(call, 1), 1, 1);
};

/** y = a - b */
export const Sub: Run = (call) => {
	attributesOf(call, {});
	return weightedSum(call, operand(call, 0), operand(call, 1), 1, -1);
};

/** y = a * b */
export const Mul: Run = (call) => {
	attributesOf(call, {});
	return product(call, operand(call, 0), operand(call, 1));
};

/** y = a / b, or a times a fitted reciprocal of an encrypted b of one sign; quotients of integers are truncated toward zero. */
export const Div: Run = (call) => {
	attributesOf(call, {});
	const a = operand(call, 0);
	const b = operand(call, 1);
	if (a.type === 'int' && (a.kind === 'encrypted' || b.kind === 'encrypted'))
		return unsupported('Integer division of an encrypted value.', 'Cast it to float first.');
	if (b.kind === 'encrypted') return quotient(call, a, b);
	if (a.type === 'int' && b.data.includes(0)) return malformed('Integer division by zero.');
	if (a.kind === 'constant') return computed(a, b, a.type === 'int' ? (x, y) => Math.trunc(x / y) : (x, y) => x / y);
	if (b.data.some((value) => value === 0)) return malformed('Division by a constant that is zero.');
	return product(call, a, { ...b, data: b.data.map((value) => 1 / value) });
};

/** y = -x */
export const Neg: Run = (call) => {
	attributesOf(call, {});
	return product(call, operand(call, 0), scalar(-1, operand(call, 0).type));
};

/** y = x_0 + x_1 + ... */
export const Sum: Run = (call) => {
	attributesOf(call, {});
	return totalOf(call);
};

/** y = (x_0 + x_1 + ...) / n */
export const Mean: Run = (call) => {
	attributesOf(call, {});
	return product(call, totalOf(call), scalar(1 / call.inputs.length));
};

const totalOf = (call: Call): Value => {
	const [first, ...others] = call.inputs.map((_, i) => operand(call, i));
	return others.reduce((total, value) => weightedSum(call, total, value, 1, 1), first ?? operand(call, 0));
};

const MAX_EXPONENT = 16;

/** y = x ^ n; on encrypted values for one integer n in 1..16, ceil(log2 n) products deep. */
export const Pow: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const exponents = operand(call, 1);
	if (exponents.kind === 'encrypted') return unsupported('The exponent of Pow depends on an encrypted input.');
	if (x.kind === 'constant') return computed(x, exponents, (base, n) => base ** n);
	const n = exponents.data[0] as number;
	if (exponents.data.some((other) => other !== n) || !Number.isInteger(n) || n < 1 || n > MAX_EXPONENT)
		return unsupported(
			`Pow raises an encrypted value to [${[...exponents.data.slice(0, 4)]}].`,
			`Exponents that are one integer from 1 to ${MAX_EXPONENT} can be compiled.`,
		);
	return power(call, broadcast(call, x, commonShape(x, exponents)), n);
};

/**
 * An operator before opset 7, where broadcasting has to be asked for: with broadcast = 1 the second operand is
 * aligned with the first at `axis` (at its end by default), else the shapes are equal.
 */
export const explicitBroadcast =
	(run: Run): Run =>
	(call) => {
		const { broadcast, axis } = attributesOf(call, { broadcast: 0, axis: -1 });
		const a = operand(call, 0);
		const b = operand(call, 1);
		const bare: Call = { ...call, node: { ...call.node, attributes: [] } };
		if (broadcast === 0) {
			if (String(a.shape) !== String(b.shape))
				misshapen(`Shapes [${a.shape}] and [${b.shape}] differ and 'broadcast' is not set.`);
			return run(bare);
		}
		const start = axis === -1 ? a.shape.length - b.shape.length : axisOf(axis, Math.max(1, a.shape.length));
		const trailing = a.shape.length - start - b.shape.length;
		if (start < 0 || trailing < 0) return misshapen(`[${b.shape}] does not fit [${a.shape}] at axis ${axis}.`);
		return run({ ...bare, inputs: [a, reshaped(b, [...b.shape, ...new Array<number>(trailing).fill(1)])] });
	};
