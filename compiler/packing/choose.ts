import { refuse } from '../errors.ts';
import type { Objective } from '../options.ts';
import { depthOf, depths, levelsOf } from '../tensor/depth.ts';
import { type CoreKind, type Graph, type Id, type Node, operandsOf } from '../tensor/graph.ts';
import { hasUnknown } from './layout.ts';
import {
	type Choice,
	type Choices,
	type Prices,
	type Proposal,
	proposalsFor,
	type Search,
	stepsIn,
} from './propose.ts';

/** A choice for every node, inputs included. */
export type Packing = { readonly choices: readonly Choice[]; readonly cost: number };

/** By objective. A rotation is 1 where time counts, the others are relative to it. */
const PRICES: { readonly [O in Objective]: Prices } = {
	latency: { rotation: 1, product: 0.1, upload: 0.8, step: 0.05, mask: 6 },
	upload: { rotation: 1, product: 0.1, upload: 40, step: 0.5, mask: 6 },
	keys: { rotation: 0.2, product: 0.02, upload: 0.8, step: 4, mask: 6 },
	memory: { rotation: 1, product: 1, upload: 2, step: 4, mask: 6 },
};

/**
 * Prices at the level where each node is computed: key switching costs about l(l + 2) with l primes left, products l. The first
 * layer has the prices as they stand.
 */
const pricesByNode = (graph: Graph<CoreKind>, prices: Prices): readonly Prices[] => {
	const after = depths(graph.nodes);
	const top = depthOf(graph) + 1;
	return graph.nodes.map((node, id) => {
		const primes = Math.max(1, top - (after[id] as number) + levelsOf(node));
		const product = prices.product * (primes / top);
		const rotation = prices.rotation * ((primes * (primes + 2)) / (top * (top + 2)));
		return { ...prices, product, rotation };
	});
};

/** Partial packings kept after each node. */
const BEAM = 12;

/** Choices for the nodes so far; layouts of inputs stay open until their first reader. */
type Partial = {
	readonly choices: Choices;
	/** Rotation steps so far: each needs one key, whichever layers use it. */
	readonly steps: ReadonlySet<number>;
	readonly cost: number;
};

/**
 * Chooses how every node is packed, the whole network together: nodes in order, a beam of the cheapest partial packings,
 * one kept for each combination of layouts that later nodes can still see. Deterministic.
 */
export const choosePacking = (graph: Graph<CoreKind>, slots: number, objective: Objective): Packing => {
	const lastUse = lastUses(graph);
	const prices = pricesByNode(graph, PRICES[objective]);
	const search: Search = { graph, slots, prices, uses: useCounts(graph), maps: new Map() };
	let beam: readonly Partial[] = [{ choices: new Map(), steps: new Set(), cost: 0 }];
	graph.nodes.forEach((node, id) => {
		const next = unlessRepacked(node, beam).flatMap((partial) =>
			proposalsFor(search, id, partial.choices).map((proposal) => extend(search, partial, proposal, id)),
		);
		beam = prune(next, id, lastUse);
	});
	const best = beam[0];
	if (best === undefined)
		return refuse({
			code: 'unsupported',
			message: 'A whole ciphertext of some intermediate tensor would be zero, whatever the input.',
			hint: 'Remove padding or unused channels that are larger than the slots of a ciphertext.',
		});
	return { choices: graph.nodes.map((_, id) => best.choices.get(id) as Choice), cost: best.cost };
};

/** The partial packings in which the factors of a product lie alike, if there are any: moving one would cost a level. */
const unlessRepacked = (node: Node<CoreKind>, beam: readonly Partial[]): readonly Partial[] => {
	if (node.kind !== 'multiply') return beam;
	const keyOf = (partial: Partial, x: Id): string => partial.choices.get(x)?.layout.key ?? '';
	const alike = beam.filter((partial) => keyOf(partial, node.a) === keyOf(partial, node.b));
	return alike.length > 0 ? alike : beam;
};

/** The partial packing with one node more: masks of outputs and keys that are new are paid for here. */
const extend = ({ graph, prices }: Search, partial: Partial, proposal: Proposal, id: Id): Partial => {
	const { mask, step } = prices[id] as Prices;
	const choices = new Map([...partial.choices, ...proposal.choices]);
	const layout = choices.get(id)?.layout;
	const shown = graph.outputs.some((output) => output.id === id) && layout !== undefined && hasUnknown(layout);
	const steps = new Set([...partial.steps, ...stepsIn(proposal.choices)]);
	const keys = (steps.size - partial.steps.size) * step;
	return { choices, steps, cost: partial.cost + proposal.cost + (shown ? mask : 0) + keys };
};

/** The cheapest partial packing for each combination of live layouts, the BEAM cheapest of those. */
const prune = (partials: readonly Partial[], id: Id, lastUse: readonly number[]): readonly Partial[] => {
	const byLayouts = new Map<string, Partial>();
	for (const partial of [...partials].sort((a, b) => a.cost - b.cost)) {
		const live = [...partial.choices].filter(([value]) => (lastUse[value] ?? -1) > id);
		const key = live.map(([value, choice]) => `${value}:${choice.layout.key}`).join(';');
		if (!byLayouts.has(key)) byLayouts.set(key, partial);
	}
	return [...byLayouts.values()].slice(0, BEAM);
};

/** The last node that reads each value; outputs are read by the world. */
const lastUses = (graph: Graph<CoreKind>): readonly number[] => {
	const last = graph.nodes.map(() => -1);
	graph.nodes.forEach((node, id) => {
		for (const x of operandsOf(node)) last[x] = id;
	});
	for (const output of graph.outputs) last[output.id] = graph.nodes.length;
	return last;
};

const useCounts = (graph: Graph<CoreKind>): readonly number[] => {
	const counts = graph.nodes.map(() => 0);
	for (const node of graph.nodes) for (const x of new Set(operandsOf(node))) counts[x] = (counts[x] as number) + 1;
	for (const output of graph.outputs) counts[output.id] = (counts[output.id] as number) + 1;
	return counts;
};
