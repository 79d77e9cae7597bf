import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { broadcastShape, broadcastSource, selectionMatrix } from '../../tensor/maps/selection.ts';
import { attributesOf, axisOf, type Call, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Constant,
	constant,
	type Encrypted,
	exact,
	malformed,
	misshapen,
	moved,
	multiplied,
	reshaped,
	type Site,
	scalar,
	unsupported,
	type Value,
} from '../value.ts';

/** The shape that both operands broadcast to. Errors: 'shape' when they do not, 'size'. */
export const commonShape = (a: Pick<Value, 'shape'>, b: Pick<Value, 'shape'>): Shape => {
	const shape = broadcastShape(a.shape, b.shape);
	if (shape === undefined)
		return misshapen(`Operands of shapes [${a.shape}] and [${b.shape}] do not broadcast together.`);
	checkSize(sizeOf(shape));
	return shape;
};

/** The term factors * broadcast(value). */
const broadcastTerm = (value: Value, shape: Shape, factors: ArrayLike<number>) => ({
	value,
	matrix: selectionMatrix(broadcastSource(value.shape, shape), sizeOf(value.shape), factors),
});

/** y = weightA * a + weightB * b with broadcasting. */
const weightedSum = (site: Site, a: Value, b: Value, weightA: number, weightB: number): Value => {
	const shape = commonShape(a, b);
	const size = sizeOf(shape);
	const terms = [
		broadcastTerm(a, shape, new Float64Array(size).fill(weightA)),
		broadcastTerm(b, shape, new Float64Array(size).fill(weightB)),
	];
	return exact(affineOf(site, terms, new Float64Array(size), shape));
};

/** y = x * factors with broadcasting. */
const scaled = (site: Site, x: Encrypted, factors: Constant): Value => {
	const shape = commonShape(x, factors);
	const spread = moved(site, factors, broadcastSource(factors.shape, shape), shape) as Constant;
	return affineOf(site, [broadcastTerm(x, shape, spread.data)], new Float64Array(sizeOf(shape)), shape);
};

/** y = fn(a, b) on constants with broadcasting. */
const computed = (a: Constant, b: Constant, fn: (x: number, y: number) => number): Constant => {
	const shape = commonShape(a, b);
	const left = broadcastSource(a.shape, shape);
	const right = broadcastSource(b.shape, shape);
	const data = Float64Array.from(left, (from, i) => fn(a.data[from] as number, b.data[right[i] as number] as number));
	return exact(constant(shape, data, a.type));
};

const product = (site: Site, a: Value, b: Value): Value => {
	if (a.kind === 'constant') return b.kind === 'constant' ? computed(a, b, (x, y) => x * y) : scaled(site, b, a);
	if (b.kind === 'constant') return scaled(site, a, b);
	const shape = commonShape(a, b);
	const spread = (value: Value) => moved(site, value, broadcastSource(value.shape, shape), shape) as Encrypted;
	return multiplied(site, spread(a), spread(b));
};

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

/** y = a / b, b a constant; quotients of integers are truncated toward zero. */
export const Div: Run = (call) => {
	attributesOf(call, {});
	const a = operand(call, 0);
	const b = operand(call, 1);
	if (b.kind === 'encrypted')
		return unsupported('Division by a value that depends on an encrypted input.', 'Divide by constants only.');
	if (a.type === 'int' && b.data.includes(0)) return malformed('Integer division by zero.');
	if (a.kind === 'constant') return computed(a, b, a.type === 'int' ? (x, y) => Math.trunc(x / y) : (x, y) => x / y);
	if (a.type === 'int') return unsupported('Integer division of an encrypted value.', 'Cast it to float first.');
	if (b.data.some((value) => value === 0)) return malformed('Division by a constant that is zero.');
	return scaled(call, a, { ...b, data: b.data.map((value) => 1 / value) });
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
	const shape = commonShape(x, exponents);
	return power(call, moved(call, x, broadcastSource(x.shape, shape), shape) as Encrypted, n);
};

/** x ^ n as (x ^ ceil(n/2)) (x ^ floor(n/2)): ceil(log2 n) products deep; equal powers are interned. */
const power = (site: Site, x: Encrypted, n: number): Encrypted =>
	n === 1 ? x : multiplied(site, power(site, x, Math.ceil(n / 2)), power(site, x, Math.floor(n / 2)));

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
