import { checkRank } from '../tensor/maps/rows.ts';
import { type AttributeProto, AttributeType, type GraphProto, integerOf } from './proto.ts';
import { remedyForOperand } from './refusals.ts';
import { type Constant, malformed, type Site, unsupported, type Value } from './value.ts';

/** A node of the model, names resolved no further; '' stands for an absent optional input or output. */
export type OpNode = {
	readonly name: string;
	readonly op: string;
	readonly domain: string;
	readonly inputs: readonly string[];
	readonly outputs: readonly string[];
	readonly attributes: readonly AttributeProto[];
	/** The version of its operator set where that is not the model's: in the body of a function. */
	readonly opset?: number;
};

/** One node being imported, its operands as values. */
export type Call = Site & {
	readonly node: OpNode;
	readonly opset: number;
	readonly inputs: readonly (Value | undefined)[];
	/** What MaxPool of encrypted values is replaced by, where the user asks for that. */
	readonly maxpool?: 'average' | undefined;
	/** The constant in a tensor attribute. */
	readonly tensorOf: (attribute: AttributeProto) => Constant;
	/** The outputs of a graph inside the node, whose nodes are imported with it. Errors: those of its nodes. */
	readonly runGraph: (graph: GraphProto) => readonly Value[];
	/** Notes what whoever compiles should know: a warning of the report, which says the node's name by itself. */
	readonly warn: (text: string) => void;
};

/** The value of a node's first output, or of its outputs in order; others are refused when something reads them. */
export type Results = Value | { readonly kind: 'outputs'; readonly values: readonly Value[] };

/** How one operator is imported. */
export type Run = (call: Call) => Results;

type Default = number | string | readonly number[] | readonly string[];
type Attributes<D> = { [K in keyof D]: AttributeLike<D[K]> };
type AttributeLike<D> = D extends number
	? number
	: D extends string
		? string
		: D extends readonly number[]
			? readonly number[]
			: readonly string[];

/** The default of a list of strings; [] is that of a list of numbers. */
export const NO_TEXTS: readonly string[] = [];

/**
 * The node's attributes over the specification's defaults; an absent list is []. What a default is decides the type that
 * is read. Errors: 'file' for an attribute of another type, 'unsupported' for one that is not in `defaults`.
 */
export const attributesOf = <const D extends Readonly<Record<string, Default>>>(
	call: Call,
	defaults: D,
): Attributes<D> => {
	const given = new Map<string, AttributeProto>();
	for (const attribute of call.node.attributes) {
		if (given.has(attribute.name ?? '')) malformed(`${call.node.op} has the attribute '${attribute.name}' twice.`);
		given.set(attribute.name ?? '', attribute);
	}
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
	if (like === NO_TEXTS && type === AttributeType.STRINGS) return (attribute.strings ?? []).map(decodeText);
	if (like === NO_TEXTS) return malformed(`The attribute '${attribute.name}' is no list of strings.`);
	if (typeof like === 'object' && type === AttributeType.INTS) return (attribute.ints ?? []).map(integerOf);
	if (typeof like === 'object' && type === AttributeType.FLOATS) return attribute.floats ?? [];
	const expected = typeof like === 'object' ? 'list of numbers' : typeof like;
	return malformed(`The attribute '${attribute.name}' is not the ${expected} that it should be.`);
};

const decodeText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const textOf = (attribute: AttributeProto): string => decodeText(attribute.s ?? new Uint8Array());

/** Operand `i`, which the operator needs. Errors: 'file' when it is absent. */
export const operand = (call: Call, i: number): Value =>
	call.inputs[i] ?? malformed(`${call.node.op} has no input ${i + 1}, which it needs.`);

/** The constant at operand `i`. Errors: 'unsupported' when it depends on an encrypted input. */
export const constantOperand = (call: Call, i: number, what: string): Constant => {
	const value = operand(call, i);
	return value.kind === 'constant'
		? value
		: unsupported(
				`${call.node.op} takes its ${what} from a value that depends on an encrypted input; it has to be a constant.`,
				remedyForOperand(call.node.op),
			);
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
	checkRank(rank);
	const positive = axes.map((axis) => axisOf(axis, rank));
	return new Set(positive).size === axes.length
		? positive.sort((a, b) => a - b)
		: malformed(`The axes [${axes}] name one twice.`);
};
