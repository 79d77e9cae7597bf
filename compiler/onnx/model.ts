import { CompileError, type Issue } from '../errors.ts';
import { withCaptured } from './branches.ts';
import type { OpNode } from './call.ts';
import { inlinedNodes, labelOf } from './functions.ts';
import type { Model, TensorProto, ValueInfoProto } from './proto.ts';
import { RECOGNISED } from './recognise/form.ts';

/** The graph of a model with its names checked: every name is defined once, and everything that is read is defined. */
export type NamedGraph = {
	readonly name: string;
	readonly nodes: readonly OpNode[];
	readonly initializers: ReadonlyMap<string, TensorProto>;
	/** Inputs that are not initializers. */
	readonly inputs: readonly ValueInfoProto[];
	readonly outputs: readonly string[];
};

/** Errors: 'file', all of them at once, for names that are defined twice or not at all. */
export const readGraph = (model: Model): NamedGraph => {
	const graph = model.graph ?? {};
	const issues: Issue[] = [];
	const fail = (message: string, node?: OpNode) =>
		issues.push({ code: 'file', message, ...(node === undefined ? {} : { node: labelOf(node), op: node.op }) });
	const sparse = (graph.sparseInitializer ?? []).map(({ values }) => values?.name ?? '');
	const initializers = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
	const nodes = inlinedNodes(model).map(withCaptured);
	for (const node of nodes)
		if (node.domain === RECOGNISED)
			fail(`Node '${labelOf(node)}' is of the domain ${RECOGNISED}, which is reserved.`, node);
	const inputs = (graph.input ?? []).filter(({ name }) => !initializers.has(name ?? ''));
	const defined = new Set<string>();
	const define = (name: string, node?: OpNode) => {
		if (defined.has(name)) fail(`The name '${name}' is defined twice.`, node);
		defined.add(name);
	};
	for (const { name } of graph.initializer ?? []) define(name ?? '');
	for (const name of sparse) define(name);
	for (const { name } of inputs) define(name ?? '');
	for (const node of nodes) for (const name of node.outputs) if (name !== '') define(name, node);
	for (const node of nodes)
		for (const name of new Set(node.inputs))
			if (name !== '' && !defined.has(name))
				fail(`Node '${labelOf(node)}' reads '${name}', which nothing defines.`, node);
	const outputs = (graph.output ?? []).map(({ name }) => name ?? '');
	for (const name of outputs) if (!defined.has(name)) fail(`The output '${name}' is computed by no node.`);
	if (outputs.length === 0) fail('The model has no outputs.');
	if (issues.length > 0) throw new CompileError(issues);
	return { name: graph.name ?? '', nodes, initializers, inputs, outputs: [...new Set(outputs)] };
};

/**
 * The nodes that the outputs depend on, operands before users: a depth-first walk with an explicit stack.
 * Errors: 'file' for a cycle.
 */
export const liveNodes = (nodes: readonly OpNode[], outputs: readonly string[]): readonly OpNode[] => {
	const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
	const order: OpNode[] = [];
	const state = new Map<OpNode, 'open' | 'done'>();
	type Visit = { readonly node: OpNode; next: number };
	const stack: Visit[] = [];
	const enter = (name: string) => {
		const node = name === '' ? undefined : producers.get(name);
		if (node === undefined || state.get(node) === 'done') return;
		if (state.get(node) === 'open') throw new CompileError([cycleIssue(node)]);
		state.set(node, 'open');
		stack.push({ node, next: 0 });
	};
	for (const output of outputs) {
		enter(output);
		for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
			const input = top.node.inputs[top.next++];
			if (input !== undefined) {
				enter(input);
				continue;
			}
			state.set(top.node, 'done');
			order.push(top.node);
			stack.pop();
		}
	}
	return order;
};

const cycleIssue = (node: OpNode): Issue => ({
	code: 'file',
	message: `Node '${labelOf(node)}' depends on its own result.`,
	hint: 'The nodes of an ONNX graph must be free of cycles.',
	node: labelOf(node),
	op: node.op,
});
