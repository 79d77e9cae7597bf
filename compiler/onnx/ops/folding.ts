import { sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { broadcastSource, range, type Source, selectionMatrix, stridesOf } from '../../tensor/maps/selection.ts';
import { commonShape } from '../algebra.ts';
import { attributesOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import { asStored, roundHalfEven } from '../conversion.ts';
import { withMasks } from '../masks.ts';
import {
	affineOf,
	type Constant,
	constant,
	type ElementType,
	exact,
	malformed,
	scalar,
	unsupported,
} from '../value.ts';
import { explicitBroadcast } from './arithmetic.ts';
import { always, type Operator, since } from './table.ts';

/**
 * Operators that are computed on constants while the model is imported: the arithmetic that exporters do on shapes and
 * masks. Integers are exact or refused.
 */
const BETWEEN =
	'Use an activation (Relu, LeakyRelu, Clip) in place of Where and a comparison, or export the model up to here and let the client decide.';
const ROUNDED = 'CKKS computes with real numbers that no polynomial rounds; remove the rounding before the export.';

/** Operand `i` as a constant. Errors: 'unsupported' with the remedy when it depends on an encrypted input. */
const known = (call: Call, i: number, remedy: string): Constant => {
	const value = operand(call, i);
	return value.kind === 'constant'
		? asStored(value)
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
const Equal = truth((x, y) => x === y);
/** y = a < b */
const Less = truth((x, y) => x < y);
/** y = a <= b */
const LessOrEqual = truth((x, y) => x <= y);
/** y = a > b */
const Greater = truth((x, y) => x > y);
/** y = a >= b */
const GreaterOrEqual = truth((x, y) => x >= y);
/** y = a && b */
const And = truth((x, y) => x !== 0 && y !== 0);
/** y = a || b */
const Or = truth((x, y) => x !== 0 || y !== 0);
/** y = (a != b) on truth values. */
const Xor = truth((x, y) => (x !== 0) !== (y !== 0));
/** y = !x */
const Not = mapped(BETWEEN, (x) => (x === 0 ? 1 : 0));

/** Which elements are no numbers; none of what is encrypted is anything but a finite number. */
const notFinite = (call: Call, test: (x: number) => boolean): Constant => {
	const x = operand(call, 0);
	const found =
		x.kind === 'constant' ? x.data.map((value) => (test(value) ? 1 : 0)) : new Float64Array(sizeOf(x.shape));
	return constant(x.shape, found, 'bool');
};
const IsNaN: Run = (call) => {
	attributesOf(call, {});
	return notFinite(call, Number.isNaN);
};
const IsInf: Run = (call) => {
	const { detect_negative, detect_positive } = attributesOf(call, { detect_negative: 1, detect_positive: 1 });
	return notFinite(
		call,
		(x) =>
			(detect_positive !== 0 && x === Number.POSITIVE_INFINITY) ||
			(detect_negative !== 0 && x === Number.NEGATIVE_INFINITY),
	);
};

/** y = floor(x) */
const Floor = mapped(ROUNDED, Math.floor);
/** y = ceil(x) */
const Ceil = mapped(ROUNDED, Math.ceil);
/** y = -1, 0 or 1 by the sign of x. */
const Sign = mapped(BETWEEN, Math.sign);

/** y = x rounded, halves to the even integer. */
const Round = mapped(ROUNDED, (x) => (Number.isFinite(x) ? roundHalfEven(x) : x));

/**
 * y = a mod b with the sign of b, or with fmod = 1 the remainder with the sign of a. Errors: 'file' for an integer
 * divisor of zero.
 */
const Mod: Run = (call) => {
	const { fmod } = attributesOf(call, { fmod: 0 });
	const [a, b] = [0, 1].map((i) => exact(known(call, i, ROUNDED))) as [Constant, Constant];
	if (a.type !== 'float' && b.data.includes(0)) return malformed('Mod has a divisor that is zero.');
	const modulo = (x: number, y: number) => {
		const rest = x % y;
		return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest + 0;
	};
	return combined(a, b, a.type, fmod === 0 ? modulo : (x, y) => x % y);
};
/** Before opset 28 floats need fmod = 1. Errors: 'file' without it. */
const Mod10: Run = (call) =>
	operand(call, 0).type === 'float' && attributesOf(call, { fmod: 0 }).fmod === 0
		? malformed('Mod of floats needs fmod = 1.')
		: Mod(call);

/** y = x where the constant condition holds, else z; x and z are encrypted or not. */
const Where: Run = (call) => {
	attributesOf(call, {});
	const condition = known(call, 0, BETWEEN);
	const [x, z] = [operand(call, 1), operand(call, 2)];
	const shape = commonShape(condition, { shape: commonShape(x, z) });
	const chosen = broadcastSource(condition.shape, shape).map((from) => condition.data[from] as number);
	const sources = [x, z].map(({ shape: from }, i) =>
		broadcastSource(from, shape).map((at, to) => ((chosen[to] === 0) === (i === 1) ? at : -1)),
	);
	const result = withMasks(
		[x, z],
		(i) => sources[i] as Source,
		(values) => {
			const terms = values.map((value, i) => ({
				value,
				matrix: selectionMatrix(sources[i] as Source, sizeOf(value.shape)),
			}));
			return affineOf(call, terms, new Float64Array(sizeOf(shape)), shape);
		},
	);
	return { ...result, type: x.type };
};

/** y[i] = start + i * delta, max(0, ceil((limit - start) / delta)) elements; what stash_type asks for is less precise. */
const RangeOf: Run = (call) => {
	attributesOf(call, { stash_type: 1 });
	const bounds = ['start', 'limit', 'delta'].map((what, i) => exact(asStored(constantOperand(call, i, what))));
	const [start = Number.NaN, limit = Number.NaN, delta = 0] = bounds.map(({ data }) => data[0]);
	if (bounds.some(({ data }) => data.length !== 1 || !Number.isFinite(data[0])) || delta === 0)
		return malformed(`Range goes from ${start} to ${limit} in steps of ${delta}.`);
	const count = Math.max(0, Math.ceil((limit - start) / delta));
	return constant([count], Float64Array.from(range(count, start, delta)), bounds[0]?.type);
};

/** The number of elements of x, encrypted or not. */
const Size: Run = (call) => {
	attributesOf(call, {});
	return scalar(sizeOf(operand(call, 0).shape), 'int');
};

/** The indices of the elements that are not zero, one column each. */
const NonZero: Run = (call) => {
	attributesOf(call, {});
	const x = known(call, 0, BETWEEN);
	const found = range(x.data.length).filter((i) => x.data[i] !== 0);
	const strides = stridesOf(x.shape);
	const rows = x.shape.flatMap((length, d) => found.map((i) => Math.floor(i / (strides[d] as number)) % length));
	checkSize(rows.length);
	return constant([x.shape.length, found.length], Float64Array.from(rows), 'int');
};

/** What is computed on constants. */
export const FOLDING: readonly Operator[] = [
	{ op: 'And', how: 'constant', note: '', versions: since([6, explicitBroadcast(And)], [7, And]) },
	{ op: 'Ceil', how: 'constant', note: '', versions: always(Ceil) },
	{ op: 'Equal', how: 'constant', note: '', versions: since([6, explicitBroadcast(Equal)], [7, Equal]) },
	{ op: 'Floor', how: 'constant', note: '', versions: always(Floor) },
	{ op: 'Greater', how: 'constant', note: '', versions: since([6, explicitBroadcast(Greater)], [7, Greater]) },
	{ op: 'GreaterOrEqual', how: 'constant', note: '', versions: since([12, GreaterOrEqual]) },
	{ op: 'IsInf', how: 'constant', note: 'nowhere on encrypted values', versions: since([10, IsInf]) },
	{ op: 'IsNaN', how: 'constant', note: 'nowhere on encrypted values', versions: since([9, IsNaN]) },
	{ op: 'Less', how: 'constant', note: '', versions: since([6, explicitBroadcast(Less)], [7, Less]) },
	{ op: 'LessOrEqual', how: 'constant', note: '', versions: since([12, LessOrEqual]) },
	{ op: 'Mod', how: 'constant', note: '', versions: since([10, Mod10], [28, Mod]) },
	{ op: 'NonZero', how: 'constant', note: '', versions: since([9, NonZero]) },
	{ op: 'Not', how: 'constant', note: '', versions: always(Not) },
	{ op: 'Or', how: 'constant', note: '', versions: since([6, explicitBroadcast(Or)], [7, Or]) },
	{ op: 'Range', how: 'constant', note: '', versions: since([11, RangeOf]) },
	{ op: 'Round', how: 'constant', note: '', versions: since([11, Round]) },
	{ op: 'Sign', how: 'constant', note: '', versions: since([9, Sign]) },
	{ op: 'Size', how: 'constant', note: '', versions: always(Size) },
	{ op: 'Where', how: 'exact', note: 'constant condition', versions: since([9, Where]) },
	{ op: 'Xor', how: 'constant', note: '', versions: since([6, explicitBroadcast(Xor)], [7, Xor]) },
];
