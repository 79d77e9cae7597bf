import { CompileError, type Issue } from '../errors.ts';
import type { NamedGraph } from './model.ts';
import { DataType, type ValueInfoProto } from './proto.ts';
import { type ExternalData, readTensor } from './tensor.ts';
import { completing } from './value.ts';

/** A graph in which some initializers are inputs, and what these held. */
export type EncryptedWeights = {
	readonly graph: NamedGraph;
	readonly values: ReadonlyMap<string, Float64Array>;
};

/**
 * The graph with the named initializers as inputs, which the client encrypts like any other; an input among the names stays what
 * it is. Whoever holds the key sees data and weights: model owner and data owner are one, or trust each other with both.
 * Errors: 'option' for names that are neither, and for inputs that are to stay in the clear at the same time; 'unsupported' for
 * what is no tensor of floats.
 */
export const withEncrypted = (
	graph: NamedGraph,
	names: readonly string[],
	plain: ReadonlySet<string>,
	external: ExternalData,
): EncryptedWeights => {
	const issues: Issue[] = [];
	const values = new Map<string, Float64Array>();
	const inputs: ValueInfoProto[] = [];
	for (const name of new Set(names)) {
		const tensor = graph.initializers.get(name);
		if (plain.has(name)) issues.push(bothWays(name));
		if (tensor === undefined) {
			if (!graph.inputs.some((input) => input.name === name)) issues.push(unknownName(name, graph));
			continue;
		}
		const { shape, type, data } = completing(
			(issue) => ({ ...issue, message: `initializer '${name}': ${issue.message}` }),
			() => readTensor(tensor, external),
		);
		if (type !== 'float' || data.length === 0) {
			issues.push(noFloats(name));
			continue;
		}
		const dim = shape.map((dimValue) => ({ dimValue }));
		inputs.push({ name, type: { tensorType: { elemType: DataType.DOUBLE, shape: { dim } } } });
		values.set(name, data);
	}
	if (issues.length > 0) throw new CompileError(issues);
	const initializers = new Map([...graph.initializers].filter(([name]) => !values.has(name)));
	return { graph: { ...graph, initializers, inputs: [...graph.inputs, ...inputs] }, values };
};

/** Names that are listed in a hint. */
const MOST_NAMED = 20;

const unknownName = (name: string, { inputs, initializers }: NamedGraph): Issue => {
	const known = [...inputs.map((input) => input.name ?? ''), ...initializers.keys()];
	const listed = known.slice(0, MOST_NAMED).map((one) => `'${one}'`);
	return {
		code: 'option',
		message: `The model has no input or initializer named '${name}' that could be encrypted.`,
		hint: `It has ${listed.join(', ')}${known.length > MOST_NAMED ? ' and others' : ''}.`,
	};
};

const bothWays = (name: string): Issue => ({
	code: 'option',
	message: `The input '${name}' cannot be encrypted and stay in the clear.`,
	hint: 'Leave one of the two options out.',
});

const noFloats = (name: string): Issue => ({
	code: 'unsupported',
	message: `The initializer '${name}' cannot be encrypted: only tensors of floats can.`,
	hint: 'Encrypt weights and biases; shapes, axes and indices have to be known.',
});
