import type { OpNode } from '../call.ts';
import { AttributeType } from '../proto.ts';

/** The domain of operators that stand for several standard nodes and have no standard name in every operator set. */
export const RECOGNISED = 'onnx-seal';

/** What a recogniser sees of a model: who computes a name, and the number that a name is constantly, if it is one. */
export type Model = {
	readonly producer: (name: string) => OpNode | undefined;
	readonly number: (name: string) => number | undefined;
};

/** What computes the same as a node; of ai.onnx only operators that mean the same in every operator set. */
export type Replacement = Pick<OpNode, 'op' | 'domain' | 'inputs' | 'attributes'>;

/** `op` of the operands, with numbers as attributes. */
const replacement = (
	domain: string,
	op: string,
	inputs: readonly string[],
	numbers: Readonly<Record<string, number>>,
): Replacement => ({
	op,
	domain,
	inputs,
	attributes: Object.entries(numbers).map(([name, f]) => ({ name, type: AttributeType.FLOAT, f })),
});
export const standard = (op: string, x: string, numbers: Readonly<Record<string, number>> = {}): Replacement =>
	replacement('', op, [x], numbers);
export const own = (op: string, x: string, numbers: Readonly<Record<string, number>> = {}): Replacement =>
	replacement(RECOGNISED, op, [x], numbers);

/** The float attribute of a node, or its default. */
export const floatOf = ({ attributes }: OpNode, name: string, absent: number): number =>
	attributes.find((given) => given.name === name)?.f ?? absent;

/** What a node computes when it ends a pattern. */
export type Recogniser = (model: Model, node: OpNode) => Replacement | undefined;

/** How far a name is followed through operators with numbers. */
const MAX_STEPS = 8;
const MAX_DEGREE = 3;
/** How many names, counted at each reading, a polynomial is looked for in; the tanh form of GELU has about ten. */
const MAX_NAMES = 48;

/** The node behind `name` when it is one of `ops`. */
export const producerOf = (model: Model, name: string, ...ops: readonly string[]): OpNode | undefined => {
	const node = model.producer(name);
	return node !== undefined && node.domain === '' && ops.includes(node.op) ? node : undefined;
};

/** The operands of the node behind `name` when it is an `op`. */
export const operandsOf = (model: Model, name: string, op: string): readonly string[] | undefined =>
	producerOf(model, name, op)?.inputs;

/** The value scale * x + shift of the name `x`. */
export type Affine = { readonly x: string; readonly scale: number; readonly shift: number };

/** `name` by one operator with a number: scale * x + shift of an operand. */
const step = (model: Model, name: string): Affine | undefined => {
	const node = producerOf(model, name, 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Identity');
	if (node === undefined) return undefined;
	const [a = '', b = ''] = node.inputs;
	if (node.op === 'Identity') return { x: a, scale: 1, shift: 0 };
	if (node.op === 'Neg') return { x: a, scale: -1, shift: 0 };
	const left = model.number(a);
	const right = model.number(b);
	if (node.op === 'Div') return right === undefined || right === 0 ? undefined : { x: a, scale: 1 / right, shift: 0 };
	const number = right ?? left;
	if (number === undefined) return undefined;
	const x = right === undefined ? b : a;
	if (node.op === 'Mul') return { x, scale: number, shift: 0 };
	if (node.op === 'Add') return { x, scale: 1, shift: number };
	return right === undefined ? { x, scale: -1, shift: number } : { x, scale: 1, shift: -number };
};

/** The ways to write `name` as scale * x + shift: of itself, and of every name that it is made of with numbers only. */
export const affineForms = (model: Model, name: string): readonly Affine[] => {
	const forms: Affine[] = [{ x: name, scale: 1, shift: 0 }];
	for (let last = forms[0]; last !== undefined && forms.length <= MAX_STEPS; ) {
		const inner = step(model, last.x);
		if (inner === undefined) break;
		last = { x: inner.x, scale: last.scale * inner.scale, shift: last.scale * inner.shift + last.shift };
		forms.push(last);
	}
	return forms;
};

/** The same without a shift: name = scale * x. */
export const multiples = (model: Model, name: string): readonly Affine[] =>
	affineForms(model, name).filter(({ shift }) => shift === 0);

type Polynomial = readonly number[];

const plus = (a: Polynomial, b: Polynomial, sign: number): Polynomial =>
	Array.from({ length: Math.max(a.length, b.length) }, (_, k) => (a[k] ?? 0) + sign * (b[k] ?? 0));

const times = (a: Polynomial, b: Polynomial): Polynomial | undefined => {
	const length = a.length + b.length - 1;
	if (length > MAX_DEGREE + 1) return undefined;
	const product = new Array<number>(length).fill(0);
	a.forEach((x, i) => {
		b.forEach((y, j) => {
			product[i + j] = (product[i + j] as number) + x * y;
		});
	});
	return product;
};

/** The coefficients of `name` as a polynomial in `x` of degree at most 3, constant first; undefined where it is none. */
export const polynomialIn = (
	model: Model,
	name: string,
	x: string,
	left = { names: MAX_NAMES },
): Polynomial | undefined => {
	if (left.names-- <= 0) return undefined;
	if (name === x) return [0, 1];
	const number = model.number(name);
	if (number !== undefined) return [number];
	const node = producerOf(model, name, 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Identity', 'Pow');
	if (node === undefined) return undefined;
	const [first = '', second = ''] = node.inputs;
	const a = polynomialIn(model, first, x, left);
	if (a === undefined) return undefined;
	if (node.op === 'Identity') return a;
	if (node.op === 'Neg') return plus([], a, -1);
	const b = polynomialIn(model, second, x, left);
	if (b === undefined) return undefined;
	if (node.op === 'Add') return plus(a, b, 1);
	if (node.op === 'Sub') return plus(a, b, -1);
	if (node.op === 'Mul') return times(a, b);
	const [constant = 0] = b;
	if (b.length > 1) return undefined;
	if (node.op === 'Div') return constant === 0 ? undefined : times(a, [1 / constant]);
	if (constant === 2) return times(a, a);
	const square = constant === 3 ? times(a, a) : undefined;
	return square && times(square, a);
};

/** Equal to float16 accuracy: half-precision exports round the constants. */
export const isAbout = (value: number | undefined, expected: number): boolean =>
	value !== undefined && Math.abs(value - expected) <= 1e-3 * Math.abs(expected);

/** Equal to float32 accuracy: for numbers such as 1 and 1/2, which no format rounds. */
export const isNearly = (value: number, expected: number): boolean =>
	Math.abs(value - expected) <= 1e-6 * Math.abs(expected);

/** Whether the polynomial has about these coefficients. */
export const isPolynomial = (polynomial: Polynomial | undefined, expected: Polynomial): boolean =>
	polynomial !== undefined &&
	polynomial.length <= expected.length &&
	expected.every((coefficient, k) => isAbout(polynomial[k] ?? 0, coefficient));
