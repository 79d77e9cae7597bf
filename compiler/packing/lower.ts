import { InternalError } from '../errors.ts';
import { SlotBuilder, type SlotCircuit, type Id as SlotId } from '../slots/circuit.ts';
import type { CoreKind, Graph, Id, Node } from '../tensor/graph.ts';
import type { Packing } from './choose.ts';
import { recordMap } from './kernels/map.ts';
import { recordRows } from './kernels/scalar.ts';
import { hasUnknown, type Layout, lastCopies } from './layout.ts';
import { type Choice, mapsIn, type Search } from './propose.ts';

/** The slot circuit and the layouts at its ends. */
export type Lowered = {
	readonly circuit: SlotCircuit;
	readonly inputs: ReadonlyMap<string, Layout>;
	readonly outputs: ReadonlyMap<string, Layout>;
};

/**
 * Runs the chosen kernels on symbolic ciphertexts; what they do is the circuit. Results whose free slots hold leftovers are
 * masked, unless the search is for no masks: they would tell the key's owner something of the weights (one product and one level).
 */
export const lower = (
	{ graph, slots, masked }: Pick<Search, 'graph' | 'slots' | 'masked'>,
	packing: Pick<Packing, 'choices'>,
): Lowered => {
	const builder = new SlotBuilder(slots, plaintextsIn(graph, packing));
	const values: (readonly SlotId[])[] = [];
	const inputs = new Map<string, Layout>();
	graph.nodes.forEach((node, id) => {
		const choice = packing.choices[id];
		if (choice === undefined) return;
		builder.origin = node.origin;
		if (node.kind === 'input' && choice.kind === 'input') inputs.set(node.name, choice.layout);
		values[id] = record(builder, node, choice, (x) => values[x] as readonly SlotId[]);
	});
	const outputs = new Map<string, Layout>();
	const parts = graph.outputs.map(({ name, id }) => {
		const { layout } = packing.choices[id] as Choice & { layout: Layout };
		builder.origin = `output ${name}`;
		outputs.set(name, lastCopies(layout));
		return {
			name,
			parts:
				masked && hasUnknown(layout)
					? mask(builder, values[id] as readonly SlotId[], layout)
					: (values[id] as readonly SlotId[]),
		};
	});
	return { circuit: builder.build(parts), inputs, outputs };
};

/** At most as many plaintexts as there are products, biases and masks, and one of ones; fewer where they are equal. */
const plaintextsIn = (graph: Graph<CoreKind>, { choices }: Pick<Packing, 'choices'>): number => {
	const products = choices.flatMap(mapsIn).reduce((total, { counts }) => total + counts.products, 0);
	const parts = (id: Id): number => choices[id]?.layout?.parts.length ?? 0;
	const others = [...choices.keys(), ...graph.outputs.map(({ id }) => id)];
	return others.reduce((total, id) => total + parts(id), products + 1);
};

const record = (
	builder: SlotBuilder,
	node: Node<CoreKind>,
	choice: Choice,
	at: (x: Id) => readonly SlotId[],
): readonly SlotId[] => {
	if (node.kind === 'input' && choice.kind === 'input')
		return choice.layout.parts.map((_, part) => builder.input(node.name, part));
	if (node.kind === 'multiply' && choice.kind === 'multiply') {
		const a = at(node.a);
		const b = choice.repack === undefined ? at(node.b) : recordMap(builder, at(node.b), choice.repack);
		return a.map((x, part) => builder.multiply(x, b[part] as SlotId));
	}
	if (choice.kind === 'composed') return [];
	if (choice.kind === 'sum') {
		const { terms, bias } = choice.affine;
		const operands = terms.map(({ x }) => at(x));
		return withBias(builder, addSigned(builder, operands, choice.signs), bias, choice.layout);
	}
	if (choice.kind === 'scalar') {
		const { terms, bias } = choice.affine;
		const matrices = terms.map(({ matrix }) => matrix);
		const operands = terms.map(({ x }) => at(x));
		return withBias(builder, recordRows(builder, matrices, operands), bias, choice.layout);
	}
	if (choice.kind === 'map') {
		const { terms, bias } = choice.affine;
		const sources = terms.flatMap(({ x }) => at(x));
		return withBias(builder, recordMap(builder, sources, choice.map), bias, choice.layout);
	}
	throw new InternalError('packing', `a ${node.kind} was packed as a ${choice.kind}`);
};

/** sum of signs[k] * terms[k], part by part. */
const addSigned = (
	builder: SlotBuilder,
	terms: readonly (readonly SlotId[])[],
	signs: readonly number[],
): readonly SlotId[] => {
	const ordered = terms.map((parts, k) => ({ parts, sign: signs[k] as number })).sort((a, b) => b.sign - a.sign);
	const [first, ...others] = ordered;
	if (first === undefined) throw new InternalError('packing', 'a sum of nothing');
	return first.parts.map((start, part) =>
		others.reduce(
			(sum, { parts, sign }) =>
				sign > 0 ? builder.add(sum, parts[part] as SlotId) : builder.subtract(sum, parts[part] as SlotId),
			first.sign > 0 ? start : builder.negate(start),
		),
	);
};

const withBias = (
	builder: SlotBuilder,
	parts: readonly SlotId[],
	bias: Float64Array,
	layout: Layout,
): readonly SlotId[] =>
	parts.map((id, part) =>
		builder.addPlain(
			id,
			Float64Array.from(layout.parts[part] as Int32Array, (element) => (element >= 0 ? (bias[element] as number) : 0)),
		),
	);

const mask = (builder: SlotBuilder, parts: readonly SlotId[], layout: Layout): readonly SlotId[] =>
	lastCopies(layout).parts.map((part, k) =>
		builder.multiplyPlain(
			parts[k] as SlotId,
			Float64Array.from(part, (element) => (element >= 0 ? 1 : 0)),
		),
	);
