import { InternalError } from '../errors.ts';
import type { Target } from '../options.ts';
import { usesOf } from '../tensor/depth.ts';
import { type CoreKind, type Graph, type Id, type Node, operandsOf } from '../tensor/graph.ts';
import { Compositions } from './compose.ts';
import type { Considered } from './considered.ts';
import { describe, hasUnknown } from './layout.ts';
import { levelPrice, type Prices, pricesOf } from './prices.ts';
import { type Choice, type Choices, mapsIn, type Proposal, proposalsFor, type Search } from './propose.ts';

/** A choice for every node, inputs included, and what else was looked at. */
export type Packing = {
	readonly choices: readonly Choice[];
	/** By node, the cheapest ways of computing it, worked out when asked for. */
	readonly considered: () => ReadonlyMap<Id, readonly Considered[]>;
	/** Predicted milliseconds, and what else counts for the objective. */
	readonly cost: number;
};

/** Partial packings kept after each node. */
const BEAM = 12;
/** Ways of computing a node that reports show. */
const MOST_SHOWN = 6;

/** Choices for the nodes so far; layouts of inputs stay open until their first reader. */
type Partial = {
	readonly choices: Choices;
	/** Rotation steps so far: each needs one key, whichever layers use it. */
	readonly steps: ReadonlySet<number>;
	/** Products on the longest path to each node; to the operands of one that its reader computes. */
	readonly depths: ReadonlyMap<Id, number>;
	/** The largest of them. */
	readonly depth: number;
	readonly cost: number;
};

/**
 * Chooses how every node is packed, the whole network together: nodes in order, a beam of the cheapest partial packings,
 * one kept for each combination of layouts that later nodes can still see. Done twice, because what a level costs is known only
 * when the rest is. Deterministic.
 */
export const choosePacking = (search: Search, ringDegree: number, target: Target): Packing => {
	const prices = pricesOf(search.graph, ringDegree, target);
	const first = beamSearch(search, prices, 0);
	const best = beamSearch(search, prices, levelPrice(search.graph, first.cost));
	const choices = search.graph.nodes.map((_, id) => best.choices.get(id) as Choice);
	return { choices, considered: () => consideredIn(search, prices, choices), cost: best.cost };
};

/** Do two packings by one search compute the same? Its maps are worked out once, so equal ones are the same object. */
export const isSamePacking = (a: readonly Choice[], b: readonly Choice[]): boolean =>
	a.every((choice, id) => {
		const other = b[id];
		if (other?.kind !== choice.kind || other.layout?.key !== choice.layout?.key) return false;
		return mapsIn(choice).every((map, k) => map === mapsIn(other)[k]);
	});

/** What searches of one graph share: maps are worked out once for all objectives. */
export const newSearch = (graph: Graph<CoreKind>, slots: number, masked = true): Search => ({
	graph,
	slots,
	masked,
	uses: usesOf(graph),
	compositions: new Compositions(graph),
	maps: new Map(),
	gathers: new Map(),
});

const beamSearch = (search: Search, prices: readonly Prices[], level: number): Partial => {
	const { graph } = search;
	const lastUse = lastUses(search);
	let beam: readonly Partial[] = [{ choices: new Map(), steps: new Set(), depths: new Map(), depth: 0, cost: 0 }];
	graph.nodes.forEach((node, id) => {
		const next = unlessRepacked(node, beam).flatMap((partial) =>
			proposalsFor(search, prices, id, partial.choices).map((proposal) =>
				extend(search, prices[id] as Prices, level, partial, proposal, id),
			),
		);
		beam = prune(next, id, lastUse);
	});
	const [best] = beam;
	if (best === undefined) throw new InternalError('packing', 'no family of kernels serves some node');
	return best;
};

/** The partial packings in which the factors of a product lie alike, if there are any: moving one would cost a level. */
const unlessRepacked = (node: Node<CoreKind>, beam: readonly Partial[]): readonly Partial[] => {
	if (node.kind !== 'multiply') return beam;
	const keyOf = (partial: Partial, x: Id): string => partial.choices.get(x)?.layout?.key ?? '';
	const alike = beam.filter((partial) => keyOf(partial, node.a) === keyOf(partial, node.b));
	return alike.length > 0 ? alike : beam;
};

/** The partial packing with one node more: levels, masks of outputs and keys that are new are paid for here. */
const extend = (
	{ graph, masked }: Search,
	prices: Prices,
	level: number,
	partial: Partial,
	proposal: Proposal,
	id: Id,
): Partial => {
	const choices = new Map([...partial.choices, ...proposal.choices]);
	const choice = choices.get(id);
	const steps = new Set(partial.steps);
	for (const [, made] of proposal.choices)
		for (const { counts } of mapsIn(made)) for (const step of counts.steps) steps.add(step);
	const shown =
		masked &&
		graph.outputs.some((output) => output.id === id) &&
		choice?.layout !== undefined &&
		hasUnknown(choice.layout);
	const reads = operandsOf(graph.nodes[id] as Node<CoreKind>);
	const before = reads.reduce((d, x) => Math.max(d, partial.depths.get(x) ?? 0), 0);
	const own = before + proposal.levels + (shown ? 1 : 0);
	const depth = Math.max(partial.depth, own);
	const masks = shown ? prices.mask * choice.layout.parts.length : 0;
	const keys = (steps.size - partial.steps.size) * prices.step;
	const levels = (depth - partial.depth) * level;
	const depths = new Map(partial.depths).set(id, own);
	return { choices, steps, depths, depth, cost: partial.cost + proposal.cost + masks + keys + levels };
};

/** The cheapest partial packing for each combination of live layouts, the BEAM cheapest of those. */
const prune = (partials: readonly Partial[], id: Id, lastUse: readonly number[]): readonly Partial[] => {
	const byLayouts = new Map<string, Partial>();
	for (const partial of [...partials].sort((a, b) => a.cost - b.cost)) {
		const live = [...partial.choices].filter(([value]) => (lastUse[value] ?? -1) > id);
		const key = live.map(([value, choice]) => `${value}:${choice.layout?.key ?? 'composed'}`).join(';');
		if (!byLayouts.has(key)) byLayouts.set(key, partial);
	}
	return [...byLayouts.values()].slice(0, BEAM);
};

/** The last node that may read each value, perhaps in the place of an operand that is composed; outputs are read by the world. */
const lastUses = ({ graph, compositions }: Search): readonly number[] => {
	const last = graph.nodes.map(() => -1);
	graph.nodes.forEach((node, id) => {
		const reader = compositions.mayCompose(id) ? compositions.readerOf(id) : undefined;
		for (const x of operandsOf(node)) last[x] = Math.max(last[x] as number, reader ?? id);
	});
	for (const output of graph.outputs) last[output.id] = graph.nodes.length;
	return last;
};

/** For each node the cheapest ways of computing it from what it reads, the chosen one among them. */
const consideredIn = (
	search: Search,
	prices: readonly Prices[],
	choices: readonly Choice[],
): ReadonlyMap<Id, readonly Considered[]> => {
	const before = new Map<Id, Choice>();
	const considered = new Map<Id, readonly Considered[]>();
	choices.forEach((choice, id) => {
		const node = search.graph.nodes[id];
		if (node?.kind === 'affine' && choice.kind === 'map') {
			const found = proposalsFor(search, prices, id, before).flatMap((proposal) => {
				const own = proposal.choices.find(([made]) => made === id)?.[1];
				if (own?.kind !== 'map') return [];
				const { rotations, products, steps } = own.map.counts;
				return [
					{
						family: own.map.family,
						layout: own.layout,
						rotations,
						products,
						keys: steps.size,
						cost: proposal.cost,
						chosen: own.map === choice.map,
					},
				];
			});
			const sorted = found.toSorted((a, b) => a.cost - b.cost);
			const shown = sorted.filter(({ chosen }, k) => chosen || k < MOST_SHOWN);
			considered.set(
				id,
				shown.map(({ layout, ...way }) => ({ ...way, layoutText: describe(layout) })),
			);
		}
		if (choice.kind !== 'input') before.set(id, choice);
		// Inputs are packed by their first reader.
		if (node !== undefined)
			for (const x of operandsOf(node)) if (choices[x]?.kind === 'input') before.set(x, choices[x] as Choice);
	});
	return considered;
};
