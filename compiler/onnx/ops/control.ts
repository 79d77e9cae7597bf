import { attributesOf, constantOperand, type Run } from '../call.ts';
import { malformed } from '../value.ts';
import { always, type Operator } from './table.ts';

/** The outputs of the branch that a constant condition chooses: exports ask for the length of an axis so. */
const If: Run = (call) => {
	const [condition, ...others] = constantOperand(call, 0, 'condition').data;
	if (condition === undefined || others.length > 0) return malformed('The condition of If is not one value.');
	const name = condition === 0 ? 'else_branch' : 'then_branch';
	const graph = call.node.attributes.find((attribute) => attribute.name === name)?.g;
	if (!graph) return malformed(`If has no ${name}.`);
	const rest = call.node.attributes.filter(
		(attribute) => !['then_branch', 'else_branch'].includes(attribute.name ?? ''),
	);
	attributesOf({ ...call, node: { ...call.node, attributes: rest } }, {});
	const values = call.runGraph(graph);
	if (values.length !== call.node.outputs.length)
		return malformed(`The ${name} has ${values.length} outputs, and If ${call.node.outputs.length}.`);
	return { kind: 'outputs', values };
};

/** What chooses the nodes that run. */
export const CONTROL: readonly Operator[] = [
	{ op: 'If', how: 'constant', note: 'constant condition: the branch that it chooses', versions: always(If) },
];
