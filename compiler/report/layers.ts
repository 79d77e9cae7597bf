import { type CkksCircuit, type Kind, type Op, type Id as OpId, plainProductsOf } from '../ckks/circuit.ts';
import { operationTimes } from '../ckks/cost.ts';
import { deviations, visitNoise } from '../ckks/noise.ts';
import { InternalError } from '../errors.ts';
import { largest } from '../numeric/vectors.ts';
import type { TargetBackend } from '../options.ts';
import type { Considered } from '../packing/considered.ts';
import { describe, type Layout } from '../packing/layout.ts';
import type { Stages } from '../pipeline.ts';
import { operandsOf as ciphertextsOf } from '../slots/circuit.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { type CoreKind, type Id, type Node, operandsOf, type Shape, sizeOf } from '../tensor/graph.ts';
import { type SlotPicture, slotPicture } from './slots.ts';

/** Equal operations of a layer at one level and scale. */
export type OperationGroup = {
	readonly kind: Kind;
	readonly level: number;
	readonly scaleBits: number;
	readonly count: number;
	readonly milliseconds: number;
};

/** A layer that is read, by its index, and how many ciphertexts are taken from it. */
export type Reading = { readonly layer: number; readonly ciphertexts: number };

/** One layer of the model, by the node it comes from. Inputs are layers too, and what is done to an output at the end. */
export type LayerReport = {
	readonly origin: string;
	/** Layers before it that have no result of their own: their maps are composed with its map. */
	readonly composed: readonly string[];
	/** The families of kernels that compute it, or what else it is. */
	readonly kind: string;
	readonly shape: Shape;
	/** Where its result lies, in words. */
	readonly layoutText: string;
	readonly ciphertexts: number;
	readonly reads: readonly Reading[];
	/** The outputs of the model that are its result. */
	readonly outputs: readonly string[];
	readonly rotations: number;
	/** The steps of these, in real slots, ascending. */
	readonly steps: readonly number[];
	readonly plainProducts: number;
	readonly products: number;
	readonly relinearizations: number;
	readonly rescales: number;
	/** Level of its result, the highest where readers take it at several, and log2 of its scale there. */
	readonly level: number;
	readonly scaleBits: number;
	/** Predicted precision of its result: log2(largest value / error bound). */
	readonly bits: number;
	/** Predicted time. */
	readonly milliseconds: number;
	/** What that time is spent on, in the order in which it is first done. */
	readonly operations: readonly OperationGroup[];
	/** Ways to compute it that the search compared, for each node that it became the cheapest first. */
	readonly considered: readonly (Considered & { readonly node: Id })[];
	readonly slots: SlotPicture;
};

/** A layer before its operations are counted. */
type Layer = Pick<LayerReport, 'origin' | 'composed' | 'kind' | 'shape' | 'outputs' | 'reads' | 'considered'> & {
	readonly layout: Layout;
	readonly ops: readonly OpId[];
};

/** Layers in the order of their results; what one node became (several affine maps of a polynomial, say) is one layer. */
export const layersOf = (stages: Stages, backend: TargetBackend): readonly LayerReport[] => {
	const { circuit, samples } = stages.solution;
	const precisions = precisionsOf(circuit, samples[0] ?? new Map());
	const read = readElsewhere(circuit);
	const times = operationTimes(circuit, stages.program.server.keepConstants, backend);
	const reports: LayerReport[] = [];
	for (const { layout, ops, ...layer } of collected(stages)) {
		const count = (kind: Kind): number => ops.filter((id) => circuit.ops[id]?.kind === kind).length;
		reports.push({
			...layer,
			layoutText: describe(layout),
			ciphertexts: layout.parts.length,
			rotations: count('rotate'),
			steps: stepsOf(circuit, ops),
			plainProducts: ops.reduce((sum, id) => sum + plainProductsOf(circuit.ops[id] as Op), 0),
			products: count('multiply'),
			relinearizations: count('relinearize'),
			rescales: count('rescale'),
			...(resultOf(circuit, ops, read, precisions) ?? operandsResult(reports[layer.reads[0]?.layer ?? -1])),
			milliseconds: sumOf(times, ops),
			operations: operationsOf(circuit, times, ops),
			slots: slotPicture(layout, sizeOf(layer.shape)),
		});
	}
	return reports;
};

/** The nodes of the graph by what they come from, then the outputs that something is done to. */
const collected = (stages: Stages): readonly Layer[] => {
	const { core, lowered } = stages;
	const opsOf = opsByLayer(stages);
	const considered = stages.packing.considered();
	const groups = groupsOf(stages);
	const layerOf = new Map(groups.flatMap(({ nodes }, index) => nodes.map((id) => [id, index] as const)));
	const layers = groups.map(({ key, nodes }, index): Layer => {
		const last = nodes.at(-1) as Id;
		const { origin, shape } = core.nodes[last] as Node<CoreKind>;
		const own = nodes.filter((id) => layoutOf(stages, id) !== undefined);
		const composed = nodes.filter((id) => !own.includes(id)).map((id) => core.nodes[id]?.origin ?? '');
		return {
			origin,
			composed: [...new Set(composed)].filter((name) => name !== origin),
			kind: [...new Set(own.map((id) => familyOf(stages, id)))].join(', '),
			shape,
			outputs: core.outputs.filter(({ id }) => nodes.includes(id)).map(({ name }) => name),
			reads: readsOf(stages, nodes, layerOf).filter(({ layer }) => layer !== index),
			considered: nodes.flatMap((id) => (considered.get(id) ?? []).map((way) => ({ ...way, node: id }))),
			layout: layoutAt(stages, last),
			ops: opsOf.get(key) ?? [],
		};
	});
	const ends = core.outputs.flatMap(({ name, id, shape }): readonly Layer[] => {
		const origin = outputKey(name);
		const ops = opsOf.get(origin);
		const layout = lowered.outputs.get(name);
		if (ops === undefined || layout === undefined || groups.some(({ key }) => key === origin)) return [];
		const masked = ops.some((op) => stages.solution.circuit.ops[op]?.kind === 'multiplyPlain');
		const reads = [{ layer: layerOf.get(id) as number, ciphertexts: layoutAt(stages, id).parts.length }];
		const kind = masked ? 'mask' : 'output';
		return [{ origin, composed: [], kind, shape, outputs: [name], reads, considered: [], layout, ops }];
	});
	const ended = new Set(ends.flatMap(({ outputs }) => outputs));
	return [...layers.map((layer) => ({ ...layer, outputs: layer.outputs.filter((name) => !ended.has(name)) })), ...ends];
};

const inputKey = (name: string): string => `input ${name}`;
const outputKey = (name: string): string => `output ${name}`;

type Group = { readonly key: string; readonly nodes: readonly Id[] };

/** Nodes with the same origin, inputs by themselves, composed nodes with their reader; in the order of the last node of each. */
const groupsOf = (stages: Stages): readonly Group[] => {
	const { nodes } = stages.core;
	const keys: string[] = [];
	for (let id = nodes.length - 1; id >= 0; id--) {
		const node = nodes[id] as Node<CoreKind>;
		const reader = layoutOf(stages, id) === undefined ? nodes.findIndex((other) => operandsOf(other).includes(id)) : -1;
		keys[id] = keys[reader] ?? (node.kind === 'input' ? inputKey(node.name) : node.origin);
	}
	const last = ({ nodes: ids }: Group): Id => ids.at(-1) as Id;
	return [...Map.groupBy(nodes.keys(), (id) => keys[id] as string)]
		.map(([key, ids]) => ({ key, nodes: ids }))
		.sort((a, b) => last(a) - last(b));
};

/** The operations of the CKKS circuit by the layer that first asked for them. */
const opsByLayer = ({ solution }: Stages): ReadonlyMap<string, readonly OpId[]> => {
	const ops = new Map<string, OpId[]>();
	solution.circuit.ops.forEach((op, id) => {
		const key = op.kind === 'input' ? inputKey(op.name) : op.origin;
		const list = ops.get(key);
		if (list === undefined) ops.set(key, [id]);
		else list.push(id);
	});
	return ops;
};

/** Where the result of a node lies; undefined for a node that is composed with its reader. */
const layoutOf = ({ packing }: Stages, id: Id): Layout | undefined => packing.choices[id]?.layout;

const layoutAt = (stages: Stages, id: Id): Layout => {
	const layout = layoutOf(stages, id);
	if (layout === undefined) throw new InternalError('report', `node ${id} has no layout`);
	return layout;
};

const familyOf = ({ core, packing }: Stages, id: Id): string => {
	const choice = packing.choices[id];
	if (choice?.kind === 'map') return choice.map.family;
	if (choice?.kind === 'scalar') return 'scalar products';
	return choice?.kind === 'sum' ? 'sum' : (core.nodes[id]?.kind ?? '');
};

/** What the nodes of a layer read; of one layer the most ciphertexts that one of its values has. */
const readsOf = (stages: Stages, nodes: readonly Id[], layerOf: ReadonlyMap<Id, number>): readonly Reading[] => {
	const most = new Map<number, number>();
	for (const id of nodes)
		for (const x of operandsOf(stages.core.nodes[id] as Node<CoreKind>)) {
			const layer = layerOf.get(x) as number;
			const ciphertexts = layoutOf(stages, x)?.parts.length ?? 0;
			most.set(layer, Math.max(most.get(layer) ?? 0, ciphertexts));
		}
	return [...most].map(([layer, ciphertexts]) => ({ layer, ciphertexts }));
};

type Result = Pick<LayerReport, 'level' | 'scaleBits' | 'bits'>;

/** Of the values that others read, the one of the highest level. */
const resultOf = (
	circuit: CkksCircuit,
	ops: readonly OpId[],
	read: ReadonlySet<OpId>,
	precisions: readonly number[],
): Result | undefined => {
	const levelOf = (id: OpId): number => circuit.ops[id]?.level ?? 0;
	const results = ops.filter((id) => read.has(id));
	const highest = results.reduce((level, result) => Math.max(level, levelOf(result)), 0);
	const id = results.findLast((result) => levelOf(result) === highest) ?? ops.at(-1) ?? -1;
	const op = circuit.ops[id];
	return op && { level: op.level, scaleBits: rounded(Math.log2(op.scale)), bits: rounded(precisions[id] ?? 0) };
};

/** Values that an operation of another layer reads, and outputs. */
const readElsewhere = ({ ops, outputs }: CkksCircuit): ReadonlySet<OpId> =>
	new Set([
		...ops.flatMap((op) => ciphertextsOf(op).filter((id) => ops[id]?.origin !== op.origin)),
		...outputs.flatMap(({ parts }) => parts),
	]);

/** A layer without an operation of its own is what it reads. */
const operandsResult = (operand: LayerReport | undefined): Result => ({
	level: operand?.level ?? 0,
	scaleBits: operand?.scaleBits ?? 0,
	bits: operand?.bits ?? 0,
});

const stepsOf = ({ ops, slots, parameters }: CkksCircuit, ids: readonly OpId[]): readonly number[] => {
	const batch = parameters.ringDegree / 2 / slots;
	const steps = ids.flatMap((id) => {
		const op = ops[id];
		return op?.kind === 'rotate' ? [op.steps * batch] : [];
	});
	return [...new Set(steps)].sort((a, b) => a - b);
};

const sumOf = (times: Float64Array, ops: readonly OpId[]): number =>
	Number(ops.reduce((sum, id) => sum + (times[id] as number), 0).toFixed(1));

const operationsOf = (circuit: CkksCircuit, times: Float64Array, ops: readonly OpId[]): readonly OperationGroup[] => {
	const groups = new Map<string, OpId[]>();
	for (const id of ops) {
		const { kind, level, scale } = circuit.ops[id] as CkksCircuit['ops'][number];
		const key = `${kind} ${level} ${rounded(Math.log2(scale))}`;
		const known = groups.get(key);
		if (known === undefined) groups.set(key, [id]);
		else known.push(id);
	}
	return [...groups.values()].map((ids) => {
		const { kind, level, scale } = circuit.ops[ids[0] as OpId] as CkksCircuit['ops'][number];
		const scaleBits = rounded(Math.log2(scale));
		return { kind, level, scaleBits, count: ids.length, milliseconds: sumOf(times, ids) };
	});
};

/** log2(largest value / error bound) of every value; 0 where the sample is all zero. */
const precisionsOf = (circuit: CkksCircuit, sample: PackedInputs): readonly number[] => {
	const precisions: number[] = [];
	visitNoise(circuit, sample, (_, value, variance) => {
		const [most, error] = [largest(value), deviations(value.length) * Math.sqrt(largest(variance))];
		precisions.push(most === 0 ? 0 : Math.log2(most / error));
	});
	return precisions;
};

const rounded = (bits: number): number => Number(bits.toFixed(2));
