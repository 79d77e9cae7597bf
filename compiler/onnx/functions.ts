import { refuse } from '../errors.ts';
import type { OpNode } from './call.ts';
import { domainOf, opsetsOf } from './decode.ts';
import { type AttributeProto, type FunctionProto, integerOf, type Model, type NodeProto } from './proto.ts';

/** Caps of the expansion: calls within calls, and nodes in all. */
const MAX_CALLS = 32;
const MAX_NODES = 2 ** 18;

const opNodeOf = (node: NodeProto): OpNode => ({
	name: node.name ?? '',
	op: node.opType ?? '',
	domain: domainOf(node.domain),
	inputs: node.input ?? [],
	outputs: node.output ?? [],
	attributes: node.attribute ?? [],
});

/** What an error calls a node: its name, or the name of its first output. */
export const labelOf = (node: OpNode): string => node.name || (node.outputs.find((name) => name !== '') ?? node.op);

const keyOf = (domain: string, name: string): string => `${domain}\n${name}`;

/**
 * The nodes of the model's graph with every call of a model-local function replaced by the function's body, in place.
 * Names inside a body become unique by a prefix no call shares. The walk keeps its own stack.
 *
 * Errors: 'file' beyond MAX_CALLS or MAX_NODES (recursion is one way there); 'unsupported' for overloaded functions, for
 * bodies under another opset than the model's, and for attributes that a call leaves to the function's defaults, which the decoder drops.
 */
export const inlinedNodes = (model: Model): readonly OpNode[] => {
	const nodes = (model.graph?.node ?? []).map(opNodeOf);
	const functions = Map.groupBy(model.functions ?? [], ({ domain, name }) => keyOf(domainOf(domain), name ?? ''));
	if (functions.size === 0) return nodes;
	const opset = opsetsOf(model).get('') ?? 0;
	const result: OpNode[] = [];
	const pending = nodes.toReversed().map((node) => ({ node, calls: 0 }));
	let expansions = 0;
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		const { node, calls } = next;
		const bodies = functions.get(keyOf(node.domain, node.op));
		const [body] = bodies ?? [];
		if (bodies === undefined || body === undefined) {
			result.push(node);
			continue;
		}
		if (bodies.length > 1) refuseCall(node, 'unsupported', 'the model has several functions of this name.');
		checkOpset(node, body, opset);
		if (calls >= MAX_CALLS) refuseCall(node, 'file', `functions call each other more than ${MAX_CALLS} deep.`);
		const expanded = bodyOf(node, body, `${labelOf(node)}#${expansions++}`);
		if (result.length + pending.length + expanded.length > MAX_NODES)
			refuseCall(node, 'file', `functions expand to more than ${MAX_NODES} nodes.`);
		for (const inner of expanded.toReversed()) pending.push({ node: inner, calls: calls + 1 });
	}
	return result;
};

const refuseCall = (node: OpNode, code: 'file' | 'unsupported', why: string): never =>
	refuse({
		code,
		message: `${labelOf(node)}: the function ${node.op} cannot be expanded: ${why}`,
		node: labelOf(node),
		op: node.op,
		domain: node.domain,
	});

const checkOpset = (node: OpNode, body: FunctionProto, opset: number): void => {
	const own = body.opsetImport?.find(({ domain }) => domainOf(domain) === '');
	if (own !== undefined && integerOf(own.version) !== opset)
		refuseCall(node, 'unsupported', `it is written for opset ${integerOf(own.version)}, the model for ${opset}.`);
};

/** The body with formal names replaced by the call's, and all others made unique. */
const bodyOf = (call: OpNode, body: FunctionProto, prefix: string): readonly OpNode[] => {
	const formalInputs = body.input ?? [];
	const formalOutputs = body.output ?? [];
	const actual = new Map(formalInputs.map((name, i) => [name, call.inputs[i] ?? '']));
	const handedOn = formalOutputs.flatMap((name, i) => {
		const input = actual.get(name);
		const output = call.outputs[i] ?? '';
		return input === undefined || output === ''
			? []
			: [{ name: '', op: 'Identity', domain: '', inputs: [input], outputs: [output], attributes: [] }];
	});
	for (const [i, name] of formalOutputs.entries())
		if (!actual.has(name)) actual.set(name, call.outputs[i] || `${prefix}/${name}`);
	const rename = (name: string) => (name === '' ? '' : (actual.get(name) ?? `${prefix}/${name}`));
	const attributes = new Map(call.attributes.map((attribute) => [attribute.name ?? '', attribute]));
	const nodes = (body.node ?? []).map(opNodeOf).map((node) => ({
		...node,
		name: `${labelOf(call)}/${node.name || node.op}`,
		inputs: node.inputs.map(rename),
		outputs: node.outputs.map(rename),
		attributes: node.attributes.map((attribute) => resolved(call, attribute, attributes)),
	}));
	return [...nodes, ...handedOn];
};

/** An attribute of a body's node, looked up at the call when it refers to one of the function's. */
const resolved = (
	call: OpNode,
	attribute: AttributeProto,
	given: ReadonlyMap<string, AttributeProto>,
): AttributeProto => {
	if (!attribute.refAttrName) return attribute;
	const value = given.get(attribute.refAttrName);
	if (value === undefined)
		return refuseCall(call, 'unsupported', `the call does not give its attribute '${attribute.refAttrName}'.`);
	return { ...value, name: attribute.name ?? '' };
};
