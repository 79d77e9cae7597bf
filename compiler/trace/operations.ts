import { refuse } from '../errors.ts';
import type { Shape } from '../tensor/graph.ts';
import type { Constant, Expression, Operand } from './expression.ts';
import type { AttributeValues } from './proto.ts';
import { callerSite } from './site.ts';
import { atSite, type Integers, tracerOf } from './tracer.ts';

/** Exact operations: arithmetic with broadcasting as in ONNX, movements, sums and products. */

/** The operands of an operator, and lists of integers where it takes axes, shapes or indices; undefined where one is left out. */
export type OperatorInputs = readonly (Operand | Integers | undefined)[];

/**
 * The first output of any operator that is compiled (`onnx-seal ops`), under the newest operator set.
 * Errors: those of the operator, at the caller's line.
 */
export const op = (name: string, inputs: OperatorInputs, attributes: AttributeValues = {}, domain = ''): Expression =>
	tracerOf(name, inputs).record(name, inputs, { attributes, outputs: 1, domain })[0] as Expression;

/** The first `count` outputs of an operator that has several. */
export const outputsOf = (
	name: string,
	count: number,
	inputs: OperatorInputs,
	attributes: AttributeValues = {},
): readonly Expression[] => tracerOf(name, inputs).record(name, inputs, { attributes, outputs: count, domain: '' });

/** A constant of any shape, for what nested lists are too long for; data are row-major. */
export const constant = <const S extends Shape>(shape: S, data: ArrayLike<number>): Constant<S> => ({ shape, data });

/** Elementwise operations of two operands: those of one shape keep it, others broadcast. */
type Elementwise = {
	<S extends Shape>(x: Expression<S>, y: Expression<S> | number): Expression<S>;
	<S extends Shape>(x: number, y: Expression<S>): Expression<S>;
	(x: Operand, y: Operand): Expression;
};

const elementwise = (name: string): Elementwise => ((x: Operand, y: Operand) => op(name, [x, y])) as Elementwise;

/** Operations of one operand that keep its shape. */
export const unary =
	(name: string) =>
	<S extends Shape>(x: Expression<S>): Expression<S> =>
		op(name, [x]) as Expression<S>;

/** x + y */
export const add = elementwise('Add');
/** x - y */
export const sub = elementwise('Sub');
/** x y, element by element; a level where both depend on encrypted inputs. */
export const mul = elementwise('Mul');
/** x / y; where y is encrypted, a product with a fitted reciprocal, on values of y of one sign. */
export const div = elementwise('Div');
/** -x */
export const neg = unary('Neg');
/** x^2: one level. */
export const square = <S extends Shape>(x: Expression<S>): Expression<S> => mul(x, x);

/** x^n: ceil(log2 n) levels for a whole n from 1 to 16; other exponents are fitted on values above 0. */
export const pow = <S extends Shape>(x: Expression<S>, n: number): Expression<S> => op('Pow', [x, n]) as Expression<S>;

/** [x, x^2, ..., x^n]: ceil(log2 n) levels, n at most 16. */
export const powers = <S extends Shape>(x: Expression<S>, n: number): readonly Expression<S>[] =>
	Array.from({ length: n }, (_, k) => (k === 0 ? x : pow(x, k + 1)));

/** The length of an axis, negative ones counted from the end. Errors: 'shape' where there is none, at the caller's line. */
const lengthOf = (what: string, x: Expression, axis: number): number =>
	x.shape.at(axis) ??
	atSite(callerSite(), what, [x], () => refuse({ code: 'shape', message: `there is no axis ${axis}.` }));

/** y[i] = x[(i + steps) mod n] along an axis, the last by default: to the left for positive steps. */
export const rotate = <S extends Shape>(x: Expression<S>, steps: number, axis = -1): Expression<S> => {
	const n = lengthOf('rotate', x, axis);
	const from = Array.from({ length: n }, (_, i) => (((i + steps) % n) + n) % n);
	return op('Gather', [x, { integers: from }], { axis }) as Expression<S>;
};

/** The elements start, start + step, ... before end, along one axis; negative places are counted from its end. */
export const slice = (x: Expression, start: number, end: number, axis = 0, step = 1): Expression =>
	op('Slice', [x, ...[start, end, axis, step].map((value) => ({ integers: [value] }))]);

/** The operands one after another along an axis. */
export const concat = (list: readonly Operand[], axis = 0): Expression => op('Concat', list, { axis });

/** The same elements, row-major, in another shape. */
export const reshape = <const S extends Shape>(x: Expression, shape: S): Expression<S> =>
	op('Reshape', [x, { integers: shape }]) as Expression<S>;

/** Axis k of the result is axis order[k] of x; without an order the axes are reversed. */
export const transpose = (x: Expression, order?: readonly number[]): Expression =>
	op('Transpose', [x], order === undefined ? {} : { perm: order });

/** How sums are taken. */
export type Along = {
	/** Default: all axes. */
	readonly axes?: readonly number[];
	/** Whether the axes stay, with length 1. */
	readonly keepAxes?: boolean;
};

type Reduction = {
	(x: Expression): Expression<readonly []>;
	(x: Expression, along: Along): Expression;
};

/** An operator that takes several elements together. */
export const reduction = (name: string): Reduction =>
	((x: Expression, { axes, keepAxes = false }: Along = {}) =>
		op(name, [x, axes === undefined ? undefined : { integers: axes }], {
			keepdims: keepAxes ? 1 : 0,
		})) as Reduction;

/** The sum of all elements, or along axes. */
export const sum = reduction('ReduceSum');
/** The mean of all elements, or along axes. */
export const mean = reduction('ReduceMean');

/** sum_i x[i] y[i]: one level where both depend on encrypted inputs. */
export const dot = <S extends Shape>(x: Expression<S>, y: Expression<S> | Operand): Expression<readonly []> =>
	sum(mul(x, y));

/** Products of matrices and vectors: [n, k] [k, m], [n, k] [k], [k] [k, m] and [k] [k]; leading axes broadcast. */
type MatrixProduct = {
	<N extends number, K extends number, M extends number>(
		a: Expression<readonly [N, K]>,
		b: Expression<readonly [K, M]>,
	): Expression<readonly [N, M]>;
	<N extends number, K extends number>(
		a: Expression<readonly [N, K]>,
		b: Expression<readonly [K]>,
	): Expression<readonly [N]>;
	<K extends number, M extends number>(
		a: Expression<readonly [K]>,
		b: Expression<readonly [K, M]>,
	): Expression<readonly [M]>;
	(a: Operand, b: Operand): Expression;
};

/** y = a b; one level where both depend on encrypted inputs. */
export const matmul = ((a: Operand, b: Operand) => op('MatMul', [a, b])) as MatrixProduct;

/** How a kernel is moved over an image. */
export type ConvolutionOptions = {
	/** Zeros on every side; default 0. 'same' keeps height and width where the stride is 1. */
	readonly padding?: number | 'same';
	readonly stride?: number;
	readonly dilation?: number;
	readonly groups?: number;
};

/**
 * The sliding products of a kernel with an image, as neural networks call convolution (the kernel is not turned):
 * y[p] = sum_d kernel[d] x[stride p + dilation d - padding]. An image [h, w] with a kernel [kh, kw], or batches:
 * x [n, c, h, w], kernel [m, c / groups, kh, kw]. The kernel is a constant.
 */
export const conv = (
	x: Expression,
	kernel: Operand,
	{ padding = 0, stride = 1, dilation = 1, groups = 1 }: ConvolutionOptions = {},
): Expression => {
	const attributes: AttributeValues = {
		...(padding === 'same' ? { auto_pad: 'SAME_UPPER' } : { pads: [padding, padding, padding, padding] }),
		strides: [stride, stride],
		dilations: [dilation, dilation],
		group: groups,
	};
	if (x.shape.length !== 2) return op('Conv', [x, kernel], attributes);
	const axes = { integers: [0, 1] };
	const batch = op('Unsqueeze', [x, axes]);
	const kernels = x.tracer.record('Unsqueeze', [kernel, axes], { attributes: {}, outputs: 1, domain: '' });
	return op('Squeeze', [op('Conv', [batch, kernels[0]], attributes), axes]);
};
