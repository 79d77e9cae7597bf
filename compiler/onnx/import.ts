import { CompileError, type Issue, refuse } from '../errors.ts';
import type { CompileContext, CompileOptions } from '../options.ts';
import { type Graph, GraphBuilder, type Output } from '../tensor/graph.ts';
import type { OpNode } from './call.ts';
import { Constants } from './constants.ts';
import { decodeModel, opsetsOf } from './decode.ts';
import { labelOf } from './functions.ts';
import { type ImportedInput, inputOf, unknownDimensions } from './input.ts';
import { liveNodes, readGraph } from './model.ts';
import { runOf } from './ops/index.ts';
import type { ValueInfoProto } from './proto.ts';
import { RECOGNISED, recognise } from './recognise.ts';
import { ExternalData, readTensor } from './tensor.ts';
import { completing, type Value } from './value.ts';

export type ImportedModel = {
	readonly graph: Graph;
	readonly name: string;
	/** The inputs that the outputs depend on, in the model's order. */
	readonly inputs: readonly ImportedInput[];
};

/**
 * The tensor graph of an ONNX model: static shapes, constants folded, dead code dropped.
 *
 * Errors: one CompileError with everything that is wrong with the nodes. 'file' for a broken model, 'unsupported' for
 * operators, attributes and types, 'shape' for shapes that do not fit or are not static, 'option' for names in the
 * options that the model does not have, 'size' for linear maps beyond the cap.
 */
export const importModel = (
	bytes: Uint8Array,
	options: Pick<CompileOptions, 'outputs' | 'dimensions'> = {},
	context: Pick<CompileContext, 'readExternal'> = {},
): ImportedModel => {
	const model = decodeModel(bytes);
	const named = readGraph(model);
	const wanted = wantedOutputs(named.outputs, options.outputs);
	const external = new ExternalData(context.readExternal);
	const constants = new Constants(named, external);
	const recognised = recognise(named.nodes, (name) => constants.number(name));
	const nodes = liveNodes(recognised, wanted);
	const reads = new Set([...wanted, ...nodes.flatMap(({ inputs }) => inputs)]);

	const importer = new Importer(opsetsOf(model), constants, external, reads);
	const dimensions = options.dimensions ?? new Map();
	importer.issues.push(...unknownDimensions(named.inputs, dimensions));
	for (const info of named.inputs) if (reads.has(info.name ?? '')) importer.addInput(info, dimensions);
	for (const node of nodes) importer.addNode(node);
	const outputs = wanted.flatMap((name) => importer.output(name) ?? []);
	if (importer.issues.length > 0) throw new CompileError(importer.issues);
	return { graph: importer.builder.build(outputs), name: named.name, inputs: importer.inputs };
};

/** The names to compute, each once. Errors: 'option' for one that is no output of the model. */
const wantedOutputs = (outputs: readonly string[], chosen: CompileOptions['outputs']): readonly string[] => {
	const unknown = chosen?.filter((name) => !outputs.includes(name)) ?? [];
	if (unknown.length > 0)
		throw new CompileError(
			unknown.map((name) => ({
				code: 'option',
				message: `The model has no output named '${name}'.`,
				hint: `Its outputs are ${outputs.map((output) => `'${output}'`).join(', ')}.`,
			})),
		);
	return chosen === undefined || chosen.length === 0 ? outputs : [...new Set(chosen)];
};

/** The graph being built, the values of the names so far, and the issues found; a name without a value was refused. */
class Importer {
	readonly builder = new GraphBuilder();
	readonly issues: Issue[] = [];
	readonly inputs: ImportedInput[] = [];
	readonly #values = new Map<string, Value | undefined>();
	readonly #opsets: ReadonlyMap<string, number>;
	readonly #constants: Constants;
	readonly #external: ExternalData;
	readonly #reads: ReadonlySet<string>;

	constructor(
		opsets: ReadonlyMap<string, number>,
		constants: Constants,
		external: ExternalData,
		reads: ReadonlySet<string>,
	) {
		this.#opsets = opsets;
		this.#constants = constants;
		this.#external = external;
		this.#reads = reads;
	}

	addInput(info: ValueInfoProto, dimensions: ReadonlyMap<string, number>): void {
		const input = this.#attempt(() => inputOf(info, dimensions));
		this.#values.set(info.name ?? '', undefined);
		if (input === undefined) return;
		const { name, shape, type } = input;
		const id = this.builder.add({ kind: 'input', name, shape, origin: name });
		this.inputs.push(input);
		this.#values.set(name, { kind: 'encrypted', id, shape, type });
	}

	addNode(node: OpNode): void {
		for (const name of node.outputs) this.#values.set(name, undefined);
		const opset = this.#opsets.get(node.domain === RECOGNISED ? '' : node.domain);
		const values = this.#attempt(
			() => this.#run(node, opset),
			(issue) => ({
				...issue,
				message: `${labelOf(node)}: ${issue.message}`,
				node: labelOf(node),
				op: node.op,
				domain: node.domain === '' ? 'ai.onnx' : node.domain,
				...(opset === undefined ? {} : { opset }),
			}),
		);
		for (const [i, name] of node.outputs.entries()) this.#values.set(name, values?.[i]);
	}

	/** Errors: 'unsupported' for an output that needs no encryption, because nothing encrypted goes into it. */
	output(name: string): Output | undefined {
		return this.#attempt(() => {
			const value = this.#value(name);
			if (value === undefined) return undefined;
			if (value.kind === 'encrypted') return { name, id: value.id, shape: value.shape };
			return refuse({
				code: 'unsupported',
				message: `The output '${name}' does not depend on any input.`,
				hint: 'Leave it out: choose the other outputs with --outputs.',
			});
		});
	}

	/** The values of the node's outputs that are computed; undefined when an operand was refused already. */
	#run(node: OpNode, opset: number | undefined): readonly Value[] | undefined {
		const run = opset === undefined ? undefined : runOf(node.domain, node.op, opset);
		if (run === undefined || opset === undefined) return refuse(unsupportedNode(node, opset));
		const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#value(name)));
		if (inputs.some((value, i) => value === undefined && node.inputs[i] !== '')) return undefined;
		const results = run({
			builder: this.builder,
			origin: labelOf(node),
			node,
			opset,
			inputs,
			tensorOf: ({ t }) => readTensor(t ?? {}, this.#external),
		});
		const values = results.kind === 'outputs' ? results.values : [results];
		const extra = node.outputs.find((name, i) => i >= values.length && name !== '' && this.#reads.has(name));
		if (extra !== undefined)
			refuse({ code: 'unsupported', message: `only the first output of ${node.op} is computed, not '${extra}'.` });
		return values;
	}

	#value(name: string): Value | undefined {
		if (!this.#values.has(name)) {
			this.#values.set(name, undefined);
			const value = this.#constants.value(name) ?? refuse(sparseInitializer(name));
			this.#values.set(name, value);
		}
		return this.#values.get(name);
	}

	/** The result of `body`, or undefined with its issues noted. */
	#attempt<T>(body: () => T, complete: (issue: Issue) => Issue = (issue) => issue): T | undefined {
		try {
			return completing(complete, body);
		} catch (error) {
			if (!(error instanceof CompileError)) throw error;
			this.issues.push(...error.issues);
			return undefined;
		}
	}
}

const sparseInitializer = (name: string): Issue => ({
	code: 'unsupported',
	message: `'${name}' is a sparse initializer, which is not read.`,
	hint: 'Store it as an ordinary initializer; zeros cost nothing once the model is compiled.',
});

const unsupportedNode = (node: OpNode, opset: number | undefined): Issue => {
	const domain = node.domain === '' ? 'ai.onnx' : node.domain;
	return {
		code: 'unsupported',
		message:
			opset === undefined
				? `the operator ${node.op} is of the domain ${domain}, which the model does not import.`
				: `the operator ${node.op} of ${domain}, opset ${opset}, is not supported.`,
		hint: 'onnx-seal ops lists the operators that are; --outputs leaves out what the result does not need.',
	};
};
