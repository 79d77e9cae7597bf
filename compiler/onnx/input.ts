import { type Issue, refuse } from '../errors.ts';
import type { CompileOptions } from '../options.ts';
import { type Shape, sizeOf } from '../tensor/graph.ts';
import { checkRank } from '../tensor/maps/rows.ts';
import { integerOf, type ValueInfoProto } from './proto.ts';
import { inputTypeOf, typeName } from './tensor.ts';
import type { ElementType } from './value.ts';

/** An input of the model whose dimensions are known. */
export type ImportedInput = {
	readonly name: string;
	readonly shape: Shape;
	readonly type: ElementType;
	/** Where its elements lie, if the program says that. */
	readonly range?: readonly [low: number, high: number];
	/** The values of an initializer that is encrypted: the input is these, or others of their size. */
	readonly weights?: Float64Array;
};

type Dimensions = NonNullable<CompileOptions['dimensions']>;
type Dimension = { readonly name: string; readonly value: number | undefined };

/** Inputs of more elements are refused: they would be hundreds of ciphertexts. */
const MAX_INPUT = 2 ** 22;

/** What an input may be besides a tensor. */
const OTHER_TYPES = ['sequenceType', 'mapType', 'optionalType', 'sparseTensorType'] as const;

/** The dimensions as declared; one without a name is called after its place: x[1]. */
export const declared = (info: ValueInfoProto): readonly Dimension[] | undefined =>
	info.type?.tensorType?.shape?.dim?.map(({ dimValue, dimParam }, axis) => {
		const value = integerOf(dimValue);
		return { name: dimParam || `${info.name}[${axis}]`, value: value > 0 && !dimParam ? value : undefined };
	}) ?? (info.type?.tensorType?.shape ? [] : undefined);

/**
 * The input with every dimension fixed: declared, or set by the options, or 1 when it is the first (the batch).
 * Errors: 'shape' when a dimension stays open, 'unsupported' for inputs that are not tensors of numbers.
 */
export const inputOf = (info: ValueInfoProto, dimensions: Dimensions): ImportedInput => {
	const name = info.name ?? '';
	const elements = info.type?.tensorType?.elemType ?? 0;
	const type = inputTypeOf(elements);
	const other = OTHER_TYPES.find((kind) => info.type?.[kind] != null);
	if (other !== undefined)
		return refuse({
			code: 'unsupported',
			message: `The input '${name}' is no tensor: its type is ${other}.`,
			hint: 'Export the model with tensors as its inputs.',
		});
	if (type === undefined)
		return refuse({
			code: 'unsupported',
			message: `The input '${name}' holds elements of type ${typeName(elements)}, not numbers.`,
		});
	const declaration = declared(info);
	if (declaration === undefined)
		return refuse({
			code: 'shape',
			message: `The input '${name}' declares no shape.`,
			hint: 'Export the model with a fixed input shape.',
		});
	const shape = declaration.map(
		(d, axis) => dimensions.get(d.name) ?? d.value ?? (axis === 0 ? 1 : openDimension(name, d)),
	);
	checkRank(shape.length);
	if (shape.some((d) => !Number.isInteger(d) || d < 1))
		return refuse({ code: 'shape', message: `The input '${name}' would have the shape [${shape}].` });
	if (sizeOf(shape) > MAX_INPUT)
		return refuse({
			code: 'size',
			message: `The input '${name}' would have the shape [${shape}], more than ${MAX_INPUT} elements.`,
		});
	return { name, shape, type };
};

const openDimension = (input: string, dimension: Dimension): never =>
	refuse({
		code: 'shape',
		message: `Dimension '${dimension.name}' of the input '${input}' is not fixed.`,
		hint: `Give it a value: --set '${dimension.name}=...'.`,
	});

/** An 'option' issue for every dimension in the options that no input has. */
export const unknownDimensions = (inputs: readonly ValueInfoProto[], dimensions: Dimensions): readonly Issue[] => {
	const known = new Set(inputs.flatMap((info) => (declared(info) ?? []).map(({ name }) => name)));
	return [...dimensions.keys()]
		.filter((name) => !known.has(name))
		.map((name) => ({
			code: 'option',
			message: `The model has no input dimension named '${name}'.`,
			hint: `Its dimensions are ${[...known].map((known) => `'${known}'`).join(', ') || 'none'}.`,
		}));
};
