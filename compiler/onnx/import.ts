import type { KnownOutput } from '../../runtime/plan.ts';
import { CompileError, type Issue, refuse } from '../errors.ts';
import type { CompileContext, CompileOptions } from '../options.ts';
import type { Graph, Output } from '../tensor/graph.ts';
import { checkRank } from '../tensor/maps/rows.ts';
import { branchOf } from './branches.ts';
import { Budget, BudgetedBuilder } from './budget.ts';
import type { OpNode } from './call.ts';
import { Constants } from './constants.ts';
import { decodeModel, opsetsOf } from './decode.ts';
import { withEncrypted } from './encrypt.ts';
import { labelOf } from './functions.ts';
import { type ImportedInput, inputOf, unknownDimensions } from './input.ts';
import { checkLabels, outputOf } from './labels.ts';
import { checkMasks, refuseInfinite, withCarried } from './masks.ts';
import { liveNodes, readGraph } from './model.ts';
import { opsetsWith, runOf } from './ops/index.ts';
import { plainInputs } from './plain.ts';
import type { GraphProto, ValueInfoProto } from './proto.ts';
import { RECOGNISED } from './recognise/form.ts';
import { recognise } from './recognise.ts';
import { absenceOf, GENERAL_REMEDIES, NOT_IMPORTED, type Refusal, refusalOf } from './refusals.ts';
import type { ModelSource, TracedProgram } from './source.ts';
import { ExternalData, readTensor } from './tensor.ts';
import { type Constant, completing, malformed, type Value } from './value.ts';

export type ImportedModel = {
	readonly graph: Graph;
	readonly name: string;
	/** The encrypted inputs that the outputs depend on, in the model's order. */
	readonly inputs: readonly ImportedInput[];
	/** Outputs that nothing encrypted goes into. */
	readonly knownOutputs: readonly KnownOutput[];
	/** What whoever compiles should know of how the model was read. */
	readonly warnings: readonly string[];
	/** What the ONNX node of an origin in the graph is. */
	readonly operators: ReadonlyMap<string, string>;
};

/**
 * The tensor graph of an ONNX model, or of a traced program: static shapes, constants folded, dead code dropped.
 *
 * Errors: one CompileError with everything that is wrong with the nodes. 'file' for a broken model, 'unsupported' for
 * operators, attributes and types, 'shape' for shapes that do not fit or are not static, 'option' for names in the
 * options that the model does not have, 'size' for linear maps beyond the cap.
 */
export const importModel = (
	source: ModelSource,
	options: Pick<CompileOptions, 'outputs' | 'dimensions' | 'plain' | 'encrypt' | 'maxpool'> = {},
	context: Pick<CompileContext, 'readExternal'> = {},
): ImportedModel => {
	const traced = source instanceof Uint8Array ? undefined : source;
	const model = source instanceof Uint8Array ? decodeModel(source) : source.model;
	const external = new ExternalData(context.readExternal);
	const clear = new Set(options.plain?.keys());
	const { graph: named, values: weights } = withEncrypted(readGraph(model), options.encrypt ?? [], clear, external);
	const wanted = wantedOutputs(named.outputs, options.outputs);
	checkPorts('outputs', wanted.length, 'Choose fewer with --outputs.');
	const plain = plainInputs(named.inputs, options.plain ?? new Map(), options.dimensions);
	if (plain.issues.length > 0) throw new CompileError(plain.issues);
	if (traced !== undefined) checkPlain(traced, plain.constants);
	const constants = new Constants(named, external, plain.constants);
	const recognised = recognise(named.nodes, (name) => constants.number(name));
	const nodes = liveNodes(recognised, wanted);
	const reads = new Set([...wanted, ...nodes.flatMap(({ inputs }) => inputs)]);

	checkPorts('inputs', named.inputs.filter(({ name }) => reads.has(name ?? '')).length, 'Join them before the export.');
	const importer = new Importer(opsetsOf(model), constants, external, reads, options.maxpool);
	importer.issues.push(...unknownDimensions(named.inputs, options.dimensions ?? new Map()));
	for (const info of named.inputs)
		if (reads.has(info.name ?? '') && !plain.constants.has(info.name ?? '')) importer.addInput(info, plain.dimensions);
	for (const node of nodes) importer.addNode(node);
	const outputs = wanted.flatMap((name) => importer.output(name) ?? []);
	if (outputs.length + importer.issues.length === 0) importer.issues.push(...importer.knownOutputs.map(constantOutput));
	if (importer.issues.length > 0) throw new CompileError(withRest(importer.issues, wanted, outputs));
	const { warnings, knownOutputs, operators } = importer;
	const inputs = importer.inputs.map((input) =>
		withKnown(input, traced?.ranges.get(input.name), weights.get(input.name)),
	);
	return { graph: importer.builder.build(outputs), name: named.name, inputs, knownOutputs, warnings, operators };
};

/** The input with what is known of its values. */
const withKnown = (
	input: ImportedInput,
	range: ImportedInput['range'],
	weights: ImportedInput['weights'],
): ImportedInput => ({
	...input,
	...(range === undefined ? {} : { range }),
	...(weights === undefined ? {} : { weights }),
});

/** Errors: 'option' for inputs of a traced program that are declared plain and have no value. */
const checkPlain = ({ plain }: TracedProgram, given: ReadonlyMap<string, Constant>): void => {
	const issues = [...plain]
		.filter((name) => !given.has(name))
		.map(
			(name): Issue => ({
				code: 'option',
				message: `The input '${name}' stays in the clear and has no value.`,
				hint: `Give it one in the option 'plain', or declare it encrypted.`,
			}),
		);
	if (issues.length > 0) throw new CompileError(issues);
};

/** The issues, those of nodes with the outputs that do not need them, if there are any: none that was refused goes into these. */
const withRest = (
	issues: readonly Issue[],
	wanted: readonly string[],
	computed: readonly Output[],
): readonly Issue[] => {
	if (computed.length === 0 || computed.length === wanted.length) return issues;
	const rest = `Without it: --outputs ${computed.map(({ name }) => name).join(',')}.`;
	return issues.map((issue) =>
		issue.node === undefined ? issue : { ...issue, hint: issue.hint === undefined ? rest : `${issue.hint} ${rest}` },
	);
};

/** Each becomes a message and a line of the report. */
const MAX_PORTS = 1024;

const checkPorts = (what: string, count: number, hint: string): void => {
	if (count > MAX_PORTS)
		refuse({ code: 'size', message: `The model has ${count} ${what}; at most ${MAX_PORTS} are compiled.`, hint });
};

/** The names of a model's inputs, initializers left out. Errors: 'file' for a broken model. */
export const inputNames = (bytes: Uint8Array): readonly string[] =>
	readGraph(decodeModel(bytes)).inputs.map(({ name }) => name ?? '');

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
	readonly #budget = new Budget();
	readonly builder = new BudgetedBuilder(this.#budget);
	readonly issues: Issue[] = [];
	readonly warnings: string[] = [];
	readonly knownOutputs: KnownOutput[] = [];
	readonly inputs: ImportedInput[] = [];
	readonly operators = new Map<string, string>();
	readonly #values = new Map<string, Value | undefined>();
	readonly #opsets: ReadonlyMap<string, number>;
	readonly #constants: Constants;
	readonly #external: ExternalData;
	readonly #reads: Set<string>;
	readonly #maxpool: CompileOptions['maxpool'];

	constructor(
		opsets: ReadonlyMap<string, number>,
		constants: Constants,
		external: ExternalData,
		reads: Set<string>,
		maxpool: CompileOptions['maxpool'],
	) {
		this.#opsets = opsets;
		this.#constants = constants;
		this.#external = external;
		this.#reads = reads;
		this.#maxpool = maxpool;
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
		this.operators.set(labelOf(node), node.op);
		if (this.#budget.isExceeded) return;
		const opset = node.opset ?? this.#opsets.get(node.domain === RECOGNISED ? '' : node.domain);
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

	/** The output, if it is computed under encryption; one that nothing encrypted goes into is noted as known. */
	output(name: string): Output | undefined {
		return this.#attempt(() => {
			const value = this.#value(name);
			if (value === undefined) return undefined;
			refuseInfinite(value);
			if (value.kind === 'encrypted') return outputOf({ builder: this.builder, origin: name }, name, value);
			this.knownOutputs.push(knownOutput(name, value));
			return undefined;
		});
	}

	/** The values of the node's outputs that are computed; undefined when an operand was refused already. */
	#run(node: OpNode, opset: number | undefined): readonly Value[] | undefined {
		const run = opset === undefined ? undefined : runOf(node.domain, node.op, opset);
		if (run === undefined || opset === undefined) return refuse(unsupportedNode(node, opset));
		const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#value(name)));
		for (const [what, { length }] of Object.entries({ inputs: node.inputs, outputs: node.outputs }))
			if (length > MAX_PORTS)
				refuse({ code: 'size', message: `it has ${length} ${what}; at most ${MAX_PORTS} are compiled.` });
		if (inputs.some((value, i) => value === undefined && node.inputs[i] !== '')) return undefined;
		checkLabels(node, inputs);
		checkMasks(node, inputs);
		const results = run({
			builder: this.builder,
			origin: labelOf(node),
			node,
			opset,
			inputs,
			maxpool: this.#maxpool,
			tensorOf: ({ t }) => readTensor(t ?? {}, this.#external),
			runGraph: (graph) => this.#runGraph(labelOf(node), graph),
			warn: (text) => this.warnings.push(`${labelOf(node)}: ${text}`),
		});
		const values = results.kind === 'outputs' ? results.values : [results];
		for (const { shape } of values) checkRank(shape.length);
		this.#budget.addValues(values);
		const extra = node.outputs.find((name, i) => i >= values.length && name !== '' && this.#reads.has(name));
		if (extra !== undefined)
			refuse({ code: 'unsupported', message: `only the first output of ${node.op} is computed, not '${extra}'.` });
		return withCarried(node, values);
	}

	/** The outputs of a graph inside a node; its names hide those around it while it is imported. */
	#runGraph(label: string, graph: GraphProto): readonly Value[] {
		if (graph.input?.length) malformed('The graph inside this node has inputs.');
		const { nodes, outputs, own, twice } = branchOf(graph);
		if (twice !== undefined) malformed(`The graph inside this node defines '${twice}' twice.`);
		const hidden = [...own]
			.filter((name) => this.#values.has(name))
			.map((name) => [name, this.#values.get(name)] as const);
		for (const name of [...outputs, ...nodes.flatMap(({ inputs }) => inputs)]) this.#reads.add(name);
		try {
			for (const tensor of graph.initializer ?? [])
				this.#values.set(tensor.name ?? '', readTensor(tensor, this.#external));
			for (const node of liveNodes(nodes, outputs)) this.addNode({ ...node, name: `${label}/${node.name || node.op}` });
			// What has no value was refused, and the issues are noted.
			return outputs.map((name) => this.#value(name) ?? stop());
		} finally {
			for (const name of own) this.#values.delete(name);
			for (const [name, value] of hidden) this.#values.set(name, value);
		}
	}

	#value(name: string): Value | undefined {
		if (!this.#values.has(name)) {
			this.#values.set(name, undefined);
			const value = this.#constants.value(name) ?? refuse(sparseInitializer(name));
			this.#budget.addValues([value]);
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
			this.issues.push(...error.issues.map(withRemedy));
			return undefined;
		}
	}
}

const stop = (): never => {
	throw new CompileError([]);
};

/** Numbers of an output that is a constant of the client's program. */
const MOST_KNOWN = 2 ** 20;

/** Errors: 'unsupported' for what a program of the client does not hold: text, NaN, infinities, a million numbers. */
const knownOutput = (name: string, { shape, data, classes }: Constant): KnownOutput =>
	classes === undefined && data.length <= MOST_KNOWN && data.every(Number.isFinite)
		? { name, shape, values: [...data] }
		: refuse(constantOutput({ name }));

const constantOutput = ({ name }: { readonly name: string }): Issue => ({
	code: 'unsupported',
	message: `The output '${name}' does not depend on any input that is encrypted.`,
	hint: 'Leave it out: choose the other outputs with --outputs.',
});

const sparseInitializer = (name: string): Issue => ({
	code: 'unsupported',
	message: `'${name}' is a sparse initializer, which is not read.`,
	hint: 'Store it as an ordinary initializer; zeros cost nothing once the model is compiled.',
});

const withRemedy = (issue: Issue): Issue => {
	const hint = issue.hint ?? GENERAL_REMEDIES[issue.code];
	return hint === undefined ? issue : { ...issue, hint };
};

const unsupportedNode = ({ domain, op }: OpNode, opset: number | undefined): Issue => {
	const range = opsetsWith(domain, op);
	const name = domain === '' ? 'ai.onnx' : domain;
	const refused = (what: string, { reason, remedy }: Refusal): Issue => ({
		code: 'unsupported',
		message: `the operator ${op} ${what}: ${reason}.`,
		hint: remedy,
	});
	if (opset === undefined)
		return refused(
			`is of the domain ${name}, which the model does not import`,
			range === undefined ? refusalOf(domain, op) : NOT_IMPORTED,
		);
	return refused(
		`of ${name}, opset ${opset}, is not supported`,
		range === undefined ? refusalOf(domain, op) : absenceOf(op, opset, range.since, range.until),
	);
};
