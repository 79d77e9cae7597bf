import { CompileError, type Issue, refuse } from '../errors.ts';
import { affine, type GraphBuilder, type Id, type Shape, sizeOf } from '../tensor/graph.ts';
import { isInPlace, type Source, selectionMatrix, takeData } from '../tensor/maps/selection.ts';
import { apply, nonZeros, type SparseMatrix } from '../tensor/sparse.ts';

/** What a name of the model stands for while it is imported; data are row-major. */
export type ElementType = 'float' | 'int' | 'bool';
/** What indices stand for: the labels of a classifier. Strings are read in this form only. */
export type Classes = readonly string[] | readonly number[];
export type Constant = {
	readonly kind: 'constant';
	readonly shape: Shape;
	readonly type: ElementType;
	readonly data: Float64Array;
	/** The ONNX type that the elements are stored in, where a tensor or a Cast says it: what QuantizeLinear saturates to. */
	readonly dataType?: number;
	/** Of strings: each element is the index of one of these. */
	readonly classes?: Classes;
};
export type Encrypted = {
	readonly kind: 'encrypted';
	readonly id: Id;
	readonly shape: Shape;
	readonly type: ElementType;
	/** Of an index that only the client knows: what it stands for. */
	readonly classes?: Classes;
	/** The elements that a mask takes out of a softmax, see masks.ts. */
	readonly excluded?: Excluded;
};
/** For each element 0, 1 when it is excluded, or 2 when moreover the graph has 0 in place of a number far too low. */
export type Excluded = Uint8Array;
export type Value = Constant | Encrypted;

/** Where new nodes go and which ONNX node they come from. */
export type Site = { readonly builder: GraphBuilder; readonly origin: string };

export const constant = (shape: Shape, data: Float64Array, type: ElementType = 'float'): Constant => ({
	kind: 'constant',
	shape,
	type,
	data,
});

export const scalar = (value: number, type: ElementType = 'float'): Constant =>
	constant([], Float64Array.of(value), type);

/** Reasons for which a node cannot be imported; the importer adds node, operator, domain and opset. */
export const unsupported = (message: string, hint?: string): never =>
	refuse({ code: 'unsupported', message, ...(hint === undefined ? {} : { hint }) });
export const misshapen = (message: string): never => refuse({ code: 'shape', message });
export const malformed = (message: string): never => refuse({ code: 'file', message });

/** Runs `body`; every issue of a CompileError that it throws is completed by `complete`. */
export const completing = <T>(complete: (issue: Issue) => Issue, body: () => T): T => {
	try {
		return body();
	} catch (error) {
		throw error instanceof CompileError ? new CompileError(error.issues.map(complete)) : error;
	}
};

/**
 * The value itself. Errors: 'unsupported' for a constant with an integer beyond 2^53: such integers are read as the
 * nearest double, which is enough to compare and to cut by (INT64_MAX as "to the end") but not to compute with.
 */
export const exact = <V extends Value>(value: V): V =>
	value.kind === 'encrypted' ||
	value.type !== 'int' ||
	value.data.every((element) => Math.abs(element) <= Number.MAX_SAFE_INTEGER)
		? value
		: unsupported('This operation computes with an integer beyond 2^53.', 'Use smaller integers, or floats.');

/** The same data in another shape; no node. */
export const reshaped = (value: Value, shape: Shape): Value => ({ ...value, shape });

/** y[i] = x[source[i]], zero where the source is -1. */
export const moved = (site: Site, value: Value, source: Source, shape: Shape): Value => {
	const size = sizeOf(value.shape);
	if (isInPlace(source, size)) return reshaped(value, shape);
	if (value.kind === 'constant') return { ...value, shape, data: takeData(value.data, source) };
	const terms = [{ value, matrix: selectionMatrix(source, size) }];
	const { type, classes } = value;
	const result = { ...affineOf(site, terms, new Float64Array(source.length), shape), type };
	return classes === undefined ? result : { ...result, classes };
};

/** Weights and biases beyond this are refused: no modulus holds what comes of them beside values of ordinary size. */
export const MAX_MAGNITUDE = 1e20;

/** Errors: 'range' for numbers that are not finite, or beyond MAX_MAGNITUDE. */
const checkMagnitude = (numbers: Float64Array): void => {
	let at = 0;
	while (at < numbers.length && Math.abs(numbers[at] as number) <= MAX_MAGNITUDE) at++;
	const found = numbers[at];
	if (found === undefined) return;
	if (Number.isFinite(found))
		refuse({
			code: 'range',
			message: `This operation multiplies or adds the number ${found}; at most ${MAX_MAGNITUDE} is compiled.`,
			hint: 'Check the weights; a mask of large numbers is better left to the client.',
		});
	refuse({
		code: 'range',
		message: 'This operation multiplies or adds an infinite value or one that is not a number.',
	});
};

/** Either kind of operand under a matrix. */
export type ValueTerm = { readonly value: Value; readonly matrix: SparseMatrix };

/**
 * y = sum over terms of matrix * value, plus bias: the one way in which linear operations enter the graph. Constant
 * operands are folded into the bias; the result is a constant when no encrypted operand is left.
 * Errors: 'range' when a matrix or the bias of an encrypted result is not finite, or too large.
 */
export const affineOf = (site: Site, terms: readonly ValueTerm[], bias: Float64Array, shape: Shape): Value => {
	const total = Float64Array.from(bias);
	for (const { value, matrix } of terms) {
		if (value.kind !== 'constant') continue;
		const product = apply(matrix, value.data);
		for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (product[i] as number);
	}
	const encrypted = terms.flatMap(({ value, matrix }) => (value.kind === 'encrypted' ? [{ x: value.id, matrix }] : []));
	const node = affine(encrypted, total, shape, site.origin);
	const remaining = node.terms.filter(({ matrix }) => nonZeros(matrix) > 0);
	const type = terms.length > 0 && terms.every(({ value }) => value.type !== 'float') ? 'int' : 'float';
	if (remaining.length === 0) return constant(shape, total, type);
	for (const numbers of [total, ...remaining.map(({ matrix }) => matrix.values)]) checkMagnitude(numbers);
	return { kind: 'encrypted', id: site.builder.add({ ...node, terms: remaining }), shape, type };
};

/** y = a * b elementwise, for operands of one shape. */
export const multiplied = (site: Site, a: Encrypted, b: Encrypted): Encrypted => ({
	kind: 'encrypted',
	id: site.builder.add({ kind: 'multiply', a: a.id, b: b.id, shape: a.shape, origin: site.origin }),
	shape: a.shape,
	type: a.type,
});
