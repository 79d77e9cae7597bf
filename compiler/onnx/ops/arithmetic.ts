import { computed, product, quotient, weightedSum } from '../algebra.ts';
import { attributesOf, axisOf, type Call, operand, type Run } from '../call.ts';
import { maskedSum } from '../masks.ts';
import { malformed, misshapen, reshaped, scalar, unsupported, type Value } from '../value.ts';
import { always, type Operator, PRODUCT_COST, since } from './table.ts';

/** y = a + b */
const Add: Run = (call) => {
	attributesOf(call, {});
	return maskedSum(call, operand(call, 0), operand(call, 1));
};

/** y = a - b */
const Sub: Run = (call) => {
	attributesOf(call, {});
	return weightedSum(call, operand(call, 0), operand(call, 1), 1, -1);
};

/** y = a * b */
const Mul: Run = (call) => {
	attributesOf(call, {});
	return product(call, operand(call, 0), operand(call, 1));
};

/** y = a / b, or a times a fitted reciprocal of an encrypted b of one sign; quotients of integers are truncated toward zero. */
const Div: Run = (call) => {
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
const Neg: Run = (call) => {
	attributesOf(call, {});
	return product(call, operand(call, 0), scalar(-1, operand(call, 0).type));
};

/** y = x_0 + x_1 + ... */
const Sum: Run = (call) => {
	attributesOf(call, {});
	return totalOf(call);
};

/** y = (x_0 + x_1 + ...) / n */
const Mean: Run = (call) => {
	attributesOf(call, {});
	return product(call, totalOf(call), scalar(1 / call.inputs.length));
};

const totalOf = (call: Call): Value => {
	const [first, ...others] = call.inputs.map((_, i) => operand(call, i));
	return others.reduce((total, value) => weightedSum(call, total, value, 1, 1), first ?? operand(call, 0));
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

/** Arithmetic element by element. */
export const ARITHMETIC: readonly Operator[] = [
	{ op: 'Add', how: 'exact', note: '', versions: since([6, explicitBroadcast(Add)], [7, Add]) },
	{
		op: 'Div',
		how: 'exact',
		cost: 'linear by a constant; by an encrypted value a fitted reciprocal and a product',
		note: 'encrypted divisors of one sign',
		versions: since([6, explicitBroadcast(Div)], [7, Div]),
	},
	{ op: 'Mean', how: 'exact', note: '', versions: always(Mean) },
	{ op: 'Mul', how: 'exact', cost: PRODUCT_COST, note: '', versions: since([6, explicitBroadcast(Mul)], [7, Mul]) },
	{ op: 'Neg', how: 'exact', note: '', versions: always(Neg) },
	{ op: 'Sub', how: 'exact', note: '', versions: since([6, explicitBroadcast(Sub)], [7, Sub]) },
	{ op: 'Sum', how: 'exact', note: '', versions: always(Sum) },
];
