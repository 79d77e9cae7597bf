import { refuse } from '../errors.ts';
import type { OpNode } from './call.ts';
import { domainOf, OPSETS, opsetsOf } from './decode.ts';
import type { AttributeProto, FunctionProto, Model, NodeProto } from './proto.ts';

/** Caps of the expansion: calls within calls, and nodes of all bodies together, those that become calls again counted too. */
const MAX_CALLS = 32;
const MAX_NODES = 2 ** 18;
/** So many characters of names count as a node; a name has 16 at least. */
const TEXT = 256;

/** A node as it is stored: with the overload that it calls, if it calls a function. */
type Call = OpNode & { readonly overload: string };

export const opNodeOf = (node: NodeProto): OpNode => ({
	name: node.name ?? '',
	op: node.opType ?? '',
	domain: domainOf(node.domain),
	inputs: node.input ?? [],
	outputs: node.output ?? [],
	attributes: node.attribute ?? [],
});
const callOf = (node: NodeProto): Call => ({ ...opNodeOf(node), overload: node.overload ?? '' });

/** What an error calls a node: its name, or the name of its first output. */
export const labelOf = (node: OpNode): string => node.name || (node.outputs.find((name) => name !== '') ?? node.op);

const keyOf = (domain: string, name: string, overload: string): string => `${domain}\n${name}\n${overload}`;

/**
 * The nodes of the model's graph with every call of a model-local function replaced by the function's body, in place.
 * Names inside a body become unique by a prefix no call shares. The walk keeps its own stack.
 *
 * A body keeps the operator sets that it is written for: its nodes carry their version where the model's is another.
 *
 * Errors: 'file' beyond MAX_CALLS or MAX_NODES (recursion is one way there), for two functions of one name, domain and
 * overload, and for what a call gives that the function does not declare; 'unsupported' for bodies under an operator set
 * that is not read, for graphs inside them, and for attributes that have neither a value nor a default.
 */
export const inlinedNodes = (model: Model): readonly OpNode[] => {
	const nodes = (model.graph?.node ?? []).map(callOf);
	const functions = Map.groupBy(model.functions ?? [], ({ domain, name, overload }) =>
		keyOf(domainOf(domain), name ?? '', overload ?? ''),
	);
	if (functions.size === 0) return nodes;
	const opsets = opsetsOf(model);
	const result: OpNode[] = [];
	const pending = nodes.toReversed().map((node) => ({ node, calls: 0 }));
	const weights = new Map((model.functions ?? []).map((body) => [body, weightOf(body)]));
	let expansions = 0;
	let weight = 0;
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		const { node, calls } = next;
		const bodies = functions.get(keyOf(node.domain, node.op, node.overload));
		const [body] = bodies ?? [];
		if (bodies === undefined || body === undefined) {
			result.push(node);
			continue;
		}
		if (bodies.length > 1) refuseCall(node, 'file', 'the model has several functions of this name and overload.');
		weight += (weights.get(body) ?? 0) * (1 + labelOf(node).length / TEXT);
		if (weight > MAX_NODES) refuseCall(node, 'file', `functions expand to more than ${MAX_NODES} nodes.`);
		checkCall(node, body);
		if (calls >= MAX_CALLS) refuseCall(node, 'file', `functions call each other more than ${MAX_CALLS} deep.`);
		const expanded = bodyOf(node, body, opsets, `${labelOf(node)}#${expansions++}`);
		for (const inner of expanded.toReversed()) pending.push({ node: inner, calls: calls + 1 });
	}
	return result;
};

/** What one expansion of the body takes, in nodes: the call, its own nodes and the names in it. */
const weightOf = (body: FunctionProto): number => {
	const nodes = body.node ?? [];
	const attributes = [...(body.attributeProto ?? []), ...nodes.flatMap(({ attribute }) => attribute ?? [])];
	const names = [
		...[...(body.input ?? []), ...(body.output ?? []), ...(body.attribute ?? [])],
		...nodes.flatMap(({ name, input, output }) => [name, ...(input ?? []), ...(output ?? [])]),
		...[...attributes, ...(body.opsetImport ?? [])].map((entry) => ('name' in entry ? entry.name : '')),
	];
	return names.reduce((sum, name) => sum + Math.max(16, name?.length ?? 0) / TEXT, 1 + nodes.length);
};

const refuseCall = (node: OpNode, code: 'file' | 'unsupported', why: string): never =>
	refuse({
		code,
		message: `${labelOf(node)}: the function ${node.op} cannot be expanded: ${why}`,
		node: labelOf(node),
		op: node.op,
		domain: node.domain,
	});

const checkCall = (node: OpNode, body: FunctionProto): void => {
	const own = opsetsOf(body).get('') ?? OPSETS.min;
	if (own < OPSETS.min || own > OPSETS.max)
		refuseCall(node, 'unsupported', `it is for opset ${own}; opsets ${OPSETS.min} to ${OPSETS.max} are read.`);
	if (node.inputs.length > (body.input ?? []).length)
		refuseCall(node, 'file', 'the call gives it more inputs than it has.');
	if (node.outputs.length > (body.output ?? []).length)
		refuseCall(node, 'file', 'the call takes more outputs from it than it has.');
	if (body.node?.some(({ attribute }) => attribute?.some(({ g, graphs }) => g || graphs?.length)))
		refuseCall(node, 'unsupported', 'it has graphs inside its nodes (If, Loop, Scan).');
	const declared = new Set([...(body.attribute ?? []), ...(body.attributeProto ?? []).map(({ name }) => name ?? '')]);
	const unknown = node.attributes.find(({ name }) => !declared.has(name ?? ''));
	if (unknown !== undefined) refuseCall(node, 'file', `it has no attribute '${unknown.name}'.`);
};

/** The body with formal names replaced by the call's, all others made unique, and the operator sets of the function. */
const bodyOf = (
	call: OpNode,
	body: FunctionProto,
	opsets: ReadonlyMap<string, number>,
	prefix: string,
): readonly Call[] => {
	const own = opsetsOf(body);
	const formalInputs = body.input ?? [];
	const formalOutputs = body.output ?? [];
	const actual = new Map(formalInputs.map((name, i) => [name, call.inputs[i] ?? '']));
	const handedOn = formalOutputs.flatMap((name, i) => {
		const input = actual.get(name);
		const output = call.outputs[i] ?? '';
		return input === undefined || output === ''
			? []
			: [{ name: '', op: 'Identity', domain: '', inputs: [input], outputs: [output], attributes: [], overload: '' }];
	});
	for (const [i, name] of formalOutputs.entries())
		if (!actual.has(name)) actual.set(name, call.outputs[i] || `${prefix}/${name}`);
	const rename = (name: string) => (name === '' ? '' : (actual.get(name) ?? `${prefix}/${name}`));
	const attributes = new Map(
		[...(body.attributeProto ?? []), ...call.attributes].map((attribute) => [attribute.name ?? '', attribute]),
	);
	const opsetOf = (domain: string): Pick<OpNode, 'opset'> => {
		const opset = own.get(domain);
		return opset === undefined || opset === opsets.get(domain) ? {} : { opset };
	};
	const nodes = (body.node ?? []).map(callOf).map((node) => ({
		...node,
		...opsetOf(node.domain),
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
		return refuseCall(
			call,
			'unsupported',
			`its attribute '${attribute.refAttrName}' has neither a value nor a default.`,
		);
	return { ...value, name: attribute.name ?? '' };
};
