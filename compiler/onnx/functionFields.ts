import protobuf from 'protobufjs/minimal.js';
import { AttributeProto, type FunctionProto, type Model, type NodeProto } from './proto.ts';

/** Fields of onnx.proto by number; those of functions that onnx-proto does not declare, and where they lie. */
const MODEL = { graph: 7, function: 25 };
const GRAPH = { node: 1 };
const FUNCTION = { node: 7, attributeProto: 11, overload: 13 };
const NODE = { overload: 8 };

const LENGTH = 2;
const text = new TextDecoder();

/** The fields called `number` of a message, those that are messages or strings. */
const fieldsOf = (message: Uint8Array, number: number): readonly Uint8Array[] => {
	const reader = protobuf.Reader.create(message);
	const found: Uint8Array[] = [];
	while (reader.pos < reader.len) {
		const tag = reader.uint32();
		if (tag >>> 3 === number && (tag & 7) === LENGTH) found.push(reader.bytes());
		else reader.skipType(tag & 7);
	}
	return found;
};

const textOf = (message: Uint8Array, number: number): string => text.decode(fieldsOf(message, number).at(-1));

const withOverloads = (nodes: readonly NodeProto[], messages: readonly Uint8Array[]): NodeProto[] =>
	nodes.map((node, i) => ({ ...node, overload: textOf(messages[i] ?? new Uint8Array(), NODE.overload) }));

const completedFunction = (body: FunctionProto, message: Uint8Array): FunctionProto => ({
	...body,
	node: withOverloads(body.node ?? [], fieldsOf(message, FUNCTION.node)),
	attributeProto: fieldsOf(message, FUNCTION.attributeProto).map((field) => AttributeProto.decode(field)),
	overload: textOf(message, FUNCTION.overload),
});

/**
 * The decoded model with what the decoder drops of functions: default values of attributes, and the overloads that
 * functions define and nodes call. `bytes` have passed `guardModel`. A model without functions has neither.
 */
export const withFunctionFields = (model: Model, bytes: Uint8Array): Model => {
	if (!model.functions?.length) return model;
	const messages = fieldsOf(bytes, MODEL.function);
	const functions = model.functions.map((body, i) => completedFunction(body, messages[i] ?? new Uint8Array()));
	if (!model.graph) return { ...model, functions };
	const graph = fieldsOf(bytes, MODEL.graph).at(-1) ?? new Uint8Array();
	const node = withOverloads(model.graph.node ?? [], fieldsOf(graph, GRAPH.node));
	return { ...model, functions, graph: { ...model.graph, node } };
};
