import { type AttributeProto, AttributeType, integerOf } from './proto.ts';
import { type Constant, malformed, type Site, unsupported, type Value } from './value.ts';

/** A node of the model, names resolved no further; '' stands for an absent optional input or output. */
export type OpNode = {
	readonly name: string;
	readonly op: string;
	readonly domain: string;
	readonly inputs: readonly string[];
	readonly outputs: readonly string[];
	readonly attributes: readonly AttributeProto[];
};

/** One node being imported, its operands as values. */
export type Call = Site & {
	readonly node: OpNode;
	readonly opset: number;
	readonly inputs: readonly (Value | undefined)[];
	/** The constant in a tensor attribute. */
	readonly tensorOf: (attribute: AttributeProto) => Constant;
};

/** The value of a node's first output, or of its outputs in order; others are refused when something reads them. */
export type Results = Value | { readonly kind: 'outputs'; readonly values: readonly Value[] };

/** How one operator is imported. */
export type Run = (call: Call) => Results;

type Default = number | string | readonly number[];
type Attributes<D> = {
	[K in keyof D]: D[K] extends number ? number : D[K] extends string ? string : readonly number[];
};

/**
 * The node's attributes over the specification's defaults; an absent list is []. What a default is decides the type that
 * is read. Errors: 'file' for an attribute of another type, 'unsupported' for one that is not in `defaults`.
 */
export const attributesOf = <const D extends Readonly<Record<string, Default>>>(
	call: Call,
	defaults: D,
): Attributes<D> => {
	const given = new Map(call.node.attributes.map((attribute) => [attribute.name ?? '', attribute]));
	for (const name of given.keys())
		if (!Object.hasOwn(defaults, name))
			unsupported(`${call.node.op} has the attribute '${name}', which is not supported.`);
	const read = Object.entries(defaults).map(([name, fallback]) => {
		const attribute = given.get(name);
		return [name, attribute === undefined ? fallback : attributeValue(attribute, fallback)];
	});
	return Object.fromEntries(read) as Attributes<D>;
};

const attributeValue = (attribute: AttributeProto, like: Default): Default => {
	const { type } = attribute;
	if (attribute.refAttrName) malformed(`The attribute '${attribute.name}' refers to a function's attribute.`);
	if (typeof like === 'string' && type === AttributeType.STRING) return textOf(attribute);
	if (typeof like === 'number' && type === AttributeType.INT) return integerOf(attribute.i);
	if (typeof like === 'number' && type === AttributeType.FLOAT) return attribute.f ?? 0;
	if (typeof like === 'object' && type === AttributeType.INTS) return (attribute.ints ?? []).map(integerOf);
	if (typeof like === 'object' && type === AttributeType.FLOATS) return attribute.floats ?? [];
	const expected = typeof like === 'object' ? 'list of numbers' : typeof like;
	return malformed(`The attribute '${attribute.name}' is not the ${expected} that it should be.`);
};

const textOf = (attribute: AttributeProto): string => new TextDecoder().decode(attribute.s ?? new Uint8Array());

/** Operand `i`, which the operator needs. Errors: 'file' when it is absent. */
export const operand = (call: Call, i: number): Value =>
	call.inputs[i] ?? malformed(`${call.node.op} has no input ${i + 1}, which it needs.`);

/** The constant at operand `i`. Errors: 'unsupported' when it depends on an encrypted input. */
export const constantOperand = (call: Call, i: number, what: string): Constant => {
	const value = operand(call, i);
	return value.kind === 'constant'
		? value
		: unsupported(`The ${what} of ${call.node.op} depends on an encrypted input; it must be a constant.`);
};

/** The integers at operand `i`, undefined when it is absent. */
export const integersAt = (call: Call, i: number, what: string): readonly number[] | undefined => {
	if (call.inputs[i] === undefined) return undefined;
	const { data } = constantOperand(call, i, what);
	return data.every(Number.isInteger) ? [...data] : malformed(`The ${what} of ${call.node.op} are not integers.`);
};

/** An axis in 0..rank-1, negative ones counted from the end. Errors: 'file' outside. */
export const axisOf = (axis: number, rank: number): number => {
	const positive = axis < 0 ? axis + rank : axis;
	return Number.isInteger(positive) && positive >= 0 && positive < rank
		? positive
		: malformed(`Axis ${axis} lies outside a tensor of ${rank} axes.`);
};

/** The axes of a list, each once, ascending. */
export const axesOf = (axes: readonly number[], rank: number): readonly number[] => {
	const positive = axes.map((axis) => axisOf(axis, rank));
	return new Set(positive).size === axes.length
		? positive.sort((a, b) => a - b)
		: malformed(`The axes [${axes}] name one twice.`);
};
