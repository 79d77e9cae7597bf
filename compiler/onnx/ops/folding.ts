import { sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { broadcastSource, range, selectionMatrix, stridesOf } from '../../tensor/maps/selection.ts';
import { commonShape } from '../algebra.ts';
import { attributesOf, axesOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Constant,
	constant,
	type ElementType,
	exact,
	malformed,
	misshapen,
	scalar,
	unsupported,
} from '../value.ts';

/**
 * Operators that are computed on constants while the model is imported: the arithmetic that exporters do on shapes and
 * masks. Integers are exact or refused.
 */
const BETWEEN = 'Let the client decide on the decrypted result: export the model without this node.';
const ROUNDED = 'CKKS computes with real numbers that no polynomial rounds; remove the rounding before the export.';
const EXTREME =
	'Extremes of encrypted values are not compiled: train with means, or export the model without this node.';

/** Operand `i` as a constant. Errors: 'unsupported' with the remedy when it depends on an encrypted input. */
const known = (call: Call, i: number, remedy: string): Constant => {
	const value = operand(call, i);
	return value.kind === 'constant'
		? value
		: unsupported(`${call.node.op} is computed on constants, and here it reads an encrypted value.`, remedy);
};

/** y = fn(a, b) with broadcasting. */
const combined = (a: Constant, b: Constant, type: ElementType, fn: (x: number, y: number) => number): Constant => {
	const shape = commonShape(a, b);
	const right = broadcastSource(b.shape, shape);
	const left = broadcastSource(a.shape, shape);
	const data = Float64Array.from(left, (from, i) => fn(a.data[from] as number, b.data[right[i] as number] as number));
	return constant(shape, data, type);
};

/** y = fn(x), in the type of x. */
const mapped =
	(remedy: string, fn: (x: number) => number): Run =>
	(call) => {
		attributesOf(call, {});
		const x = known(call, 0, remedy);
		return constant(x.shape, x.data.map(fn), x.type);
	};

const truth =
	(fn: (x: number, y: number) => boolean): Run =>
	(call) => {
		attributesOf(call, {});
		const [a, b] = [known(call, 0, BETWEEN), known(call, 1, BETWEEN)];
		const compare = (x: number, y: number) => {
			if (x === y && Number.isFinite(x) && Math.abs(x) > Number.MAX_SAFE_INTEGER && a.type === 'int') exact(a);
			return fn(x, y) ? 1 : 0;
		};
		return combined(a, b, 'bool', compare);
	};

/** y = a == b */
export const Equal = truth((x, y) => x === y);
/** y = a < b */
export const Less = truth((x, y) => x < y);
/** y = a <= b */
export const LessOrEqual = truth((x, y) => x <= y);
/** y = a > b */
export const Greater = truth((x, y) => x > y);
/** y = a >= b */
export const GreaterOrEqual = truth((x, y) => x >= y);
/** y = a && b */
export const And = truth((x, y) => x !== 0 && y !== 0);
/** y = a || b */
export const Or = truth((x, y) => x !== 0 || y !== 0);
/** y = (a != b) on truth values. */
export const Xor = truth((x, y) => (x !== 0) !== (y !== 0));
/** y = !x */
export const Not = mapped(BETWEEN, (x) => (x === 0 ? 1 : 0));

/** y = floor(x) */
export const Floor = mapped(ROUNDED, Math.floor);
/** y = ceil(x) */
export const Ceil = mapped(ROUNDED, Math.ceil);
/** y = -1, 0 or 1 by the sign of x. */
export const Sign = mapped(BETWEEN, Math.sign);

/** The nearest integer, halves to the even one. */
export const roundHalfEven = (x: number): number => {
	const below = Math.floor(x);
	const rest = x - below;
	return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
};
/** y = x rounded, halves to the even integer. */
export const Round = mapped(ROUNDED, (x) => (Number.isFinite(x) ? roundHalfEven(x) : x));

/**
 * y = a mod b with the sign of b, or with fmod = 1 the remainder with the sign of a. Errors: 'file' for an integer
 * divisor of zero and for floats without fmod.
 */
export const Mod: Run = (call) => {
	const { fmod } = attributesOf(call, { fmod: 0 });
	const [a, b] = [0, 1].map((i) => exact(known(call, i, ROUNDED))) as [Constant, Constant];
	if (fmod === 0 && a.type === 'float') return malformed('Mod of floats needs fmod = 1.');
	if (a.type !== 'float' && b.data.includes(0)) return malformed('Mod has a divisor that is zero.');
	const modulo = (x: number, y: number) => {
		const rest = x % y;
		return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest + 0;
	};
	return combined(a, b, a.type, fmod === 0 ? modulo : (x, y) => x % y);
};

const extreme =
	(fn: (x: number, y: number) => number): Run =>
	(call) => {
		attributesOf(call, {});
		const [first, ...others] = call.inputs.map((_, i) => known(call, i, EXTREME));
		return others.reduce((best, value) => combined(best, value, best.type, fn), first ?? known(call, 0, EXTREME));
	};
/** y = min(x_0, x_1, ...) */
export const Min = extreme(Math.min);
/** y = max(x_0, x_1, ...) */
export const Max = extreme(Math.max);

/** y = x where the constant condition holds, else z; x and z are encrypted or not. */
export const Where: Run = (call) => {
	attributesOf(call, {});
	const condition = known(call, 0, BETWEEN);
	const [x, z] = [operand(call, 1), operand(call, 2)];
	const shape = commonShape(condition, { shape: commonShape(x, z) });
	const chosen = broadcastSource(condition.shape, shape).map((from) => condition.data[from] as number);
	const terms = [x, z].map((value, i) => {
		const source = broadcastSource(value.shape, shape).map((from, at) =>
			(chosen[at] === 0) === (i === 1) ? from : -1,
		);
		return { value, matrix: selectionMatrix(source, sizeOf(value.shape)) };
	});
	return { ...affineOf(call, terms, new Float64Array(sizeOf(shape)), shape), type: x.type };
};

/** y[i] = start + i * delta, max(0, ceil((limit - start) / delta)) elements. */
export const RangeOf: Run = (call) => {
	attributesOf(call, {});
	const bounds = ['start', 'limit', 'delta'].map((what, i) => exact(constantOperand(call, i, what)));
	const [start = Number.NaN, limit = Number.NaN, delta = 0] = bounds.map(({ data }) => data[0]);
	if (bounds.some(({ data }) => data.length !== 1 || !Number.isFinite(data[0])) || delta === 0)
		return malformed(`Range goes from ${start} to ${limit} in steps of ${delta}.`);
	const count = Math.max(0, Math.ceil((limit - start) / delta));
	return constant([count], Float64Array.from(range(count, start, delta)), bounds[0]?.type);
};

/** The number of elements of x, encrypted or not. */
export const Size: Run = (call) => {
	attributesOf(call, {});
	return scalar(sizeOf(operand(call, 0).shape), 'int');
};

/** y = fn over the elements along the axes, from `initial` on. */
const reduced = (
	call: Call,
	axes: readonly number[],
	keepDims: boolean,
	initial: number | undefined,
	fn: (x: number, y: number) => number,
): Constant => {
	const x = known(call, 0, EXTREME);
	const along = axesOf(axes, x.shape.length);
	const kept = x.shape.map((length, d) => (along.includes(d) ? 1 : length));
	const target = broadcastSource(kept, x.shape);
	const total: (number | undefined)[] = new Array(sizeOf(kept)).fill(initial);
	for (const [i, at] of target.entries()) {
		const [before, value] = [total[at], x.data[i] as number];
		total[at] = before === undefined ? value : fn(before, value);
	}
	if (total.includes(undefined)) misshapen(`${call.node.op} of no elements: [${x.shape}] along [${along}].`);
	const shape = keepDims ? kept : kept.filter((_, d) => !along.includes(d));
	return constant(shape, Float64Array.from(total as number[]), x.type);
};

/** The axes are an input since opset 18, an attribute before; without any it is all of them. */
const reduction =
	(version: 1 | 18, initial: number | undefined, fn: (x: number, y: number) => number): Run =>
	(call) => {
		const everything = range(operand(call, 0).shape.length);
		const defaults = { keepdims: 1, noop_with_empty_axes: 0 };
		const options = version === 18 ? attributesOf(call, defaults) : attributesOf(call, { axes: [], keepdims: 1 });
		const given = 'axes' in options ? options.axes : integersAt(call, 1, 'axes');
		const empty = given === undefined || given.length === 0;
		if (empty && 'noop_with_empty_axes' in options && options.noop_with_empty_axes !== 0) return operand(call, 0);
		return exact(reduced(call, empty ? everything : given, options.keepdims !== 0, initial, fn));
	};
const multiply = (x: number, y: number): number => x * y;
/** y = the product of the elements along the axes. */
export const ReduceProd = reduction(18, 1, multiply);
export const ReduceProd1 = reduction(1, 1, multiply);
/** y = the largest element along the axes. */
export const ReduceMax = reduction(18, undefined, Math.max);
export const ReduceMax1 = reduction(1, undefined, Math.max);
/** y = the smallest element along the axes. */
export const ReduceMin = reduction(18, undefined, Math.min);
export const ReduceMin1 = reduction(1, undefined, Math.min);

/** The indices of the elements that are not zero, one column each. */
export const NonZero: Run = (call) => {
	attributesOf(call, {});
	const x = known(call, 0, BETWEEN);
	const found = range(x.data.length).filter((i) => x.data[i] !== 0);
	const strides = stridesOf(x.shape);
	const rows = x.shape.flatMap((length, d) => found.map((i) => Math.floor(i / (strides[d] as number)) % length));
	checkSize(rows.length);
	return constant([x.shape.length, found.length], Float64Array.from(rows), 'int');
};
