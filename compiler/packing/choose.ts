import { refuse } from '../errors.ts';
import type { Objective } from '../options.ts';
import { depthOf, depths, levelsOf } from '../tensor/depth.ts';
import { type CoreKind, type Graph, type Id, type Node, operandsOf, sizeOf } from '../tensor/graph.ts';
import { identity, isIdentity } from '../tensor/sparse.ts';
import { diagonalsOf, type Placement, type Source } from './kernels/diagonals.ts';
import { gathersOf } from './kernels/gather.ts';
import { type PackedMap, packedMap } from './kernels/map.ts';
import { hasUnknown, type Layout, replicated } from './layout.ts';
import { into, placementsOf } from './placements.ts';

/** How one node is computed, its layout with it. */
export type Choice =
	| { readonly kind: 'input'; readonly layout: Layout }
	/** Sums of values that already lie alike: signs[k] = 1 or -1 for each term. */
	| { readonly kind: 'sum'; readonly signs: readonly number[]; readonly layout: Layout }
	| { readonly kind: 'map'; readonly map: PackedMap; readonly layout: Layout }
	/** Elementwise product; `repack` brings b into a's layout first. */
	| { readonly kind: 'multiply'; readonly repack: PackedMap | undefined; readonly layout: Layout };

/** A choice for every node, inputs included. */
export type Packing = { readonly choices: readonly Choice[]; readonly cost: number };

/** Relative prices of what a user waits or pays for. A rotation is 1, the others are relative to it. */
type Prices = {
	readonly rotation: number;
	readonly product: number;
	readonly upload: number;
	readonly step: number;
	readonly mask: number;
};

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
	readonly choices: ReadonlyMap<Id, Choice>;
	/** Rotation steps so far: each needs one key, whichever layers use it. */
	readonly steps: ReadonlySet<number>;
	readonly cost: number;
};
type Proposal = { readonly choices: readonly (readonly [Id, Choice])[]; readonly cost: number };

/**
 * Chooses how every node is packed, the whole network together: nodes in order, a beam of the cheapest partial packings,
 * one kept for each combination of layouts that later nodes can still see. Deterministic.
 */
export const choosePacking = (graph: Graph<CoreKind>, slots: number, objective: Objective): Packing => {
	const lastUse = lastUses(graph);
	const uses = useCounts(graph);
	const prices = pricesByNode(graph, PRICES[objective]);
	const memo = new Map<string, readonly PackedMap[]>();
	let beam: readonly Partial[] = [{ choices: new Map(), steps: new Set(), cost: 0 }];
	graph.nodes.forEach((node, id) => {
		const final = graph.outputs.some((output) => output.id === id);
		const next = unlessRepacked(node, beam).flatMap((partial) =>
			proposalsFor(graph, node, id, partial, slots, prices[id] as Prices, uses, memo).map((proposal) =>
				extend(partial, proposal, id, final, prices[id] as Prices),
			),
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

const extend = (partial: Partial, proposal: Proposal, id: Id, final: boolean, prices: Prices): Partial => {
	const choices = new Map([...partial.choices, ...proposal.choices]);
	const layout = choices.get(id)?.layout;
	const mask = final && layout !== undefined && hasUnknown(layout) ? prices.mask : 0;
	const steps = new Set([...partial.steps, ...stepsIn(proposal.choices)]);
	const keys = (steps.size - partial.steps.size) * prices.step;
	return { choices, steps, cost: partial.cost + proposal.cost + mask + keys };
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

const proposalsFor = (
	graph: Graph<CoreKind>,
	node: Node<CoreKind>,
	id: Id,
	partial: Partial,
	slots: number,
	prices: Prices,
	uses: readonly number[],
	memo: Map<string, readonly PackedMap[]>,
): readonly Proposal[] => {
	switch (node.kind) {
		case 'input':
			// Nobody may read an input that is an output.
			return graph.outputs.some((output) => output.id === id)
				? [operandLayout(graph, id, partial, slots, prices)]
				: [{ choices: [], cost: 0 }];
		case 'multiply':
			return multiplyProposals(graph, node, id, partial, slots, prices, memo);
		case 'affine':
			return [
				...gatherProposals(graph, node, id, partial, slots, prices, uses),
				...affineProposals(graph, node, id, partial, slots, prices, memo),
			];
	}
};

/** Price of a map but for its keys, which it may share with the layers before. */
const costOf = (map: PackedMap, prices: Prices): number =>
	map.counts.rotations * prices.rotation + map.counts.products * prices.product;

/** Rotation steps of the maps among some choices. */
const stepsIn = (choices: Proposal['choices']): readonly number[] =>
	choices.flatMap(([, choice]) => {
		const map = choice.kind === 'map' ? choice.map : choice.kind === 'multiply' ? choice.repack : undefined;
		return map === undefined ? [] : [...map.counts.steps];
	});

/** The layout of an operand; an input that nobody has asked for yet is packed plainly, replicated. */
const operandLayout = (
	graph: Graph<CoreKind>,
	x: Id,
	partial: Partial,
	slots: number,
	prices: Prices,
): { layout: Layout; choices: readonly (readonly [Id, Choice])[]; cost: number } => {
	const known = partial.choices.get(x);
	if (known !== undefined) return { layout: known.layout, choices: [], cost: 0 };
	const layout = replicated(sizeOf(graph.nodes[x]?.shape ?? []), slots);
	return { layout, choices: [[x, { kind: 'input', layout }]], cost: layout.parts.length * prices.upload };
};

/** A sole reader of an input lets the client pack for it. */
const gatherProposals = (
	graph: Graph<CoreKind>,
	node: Node<'affine'>,
	id: Id,
	partial: Partial,
	slots: number,
	prices: Prices,
	uses: readonly number[],
): readonly Proposal[] => {
	const [term, ...others] = node.terms;
	if (term === undefined || others.length > 0 || graph.nodes[term.x]?.kind !== 'input') return [];
	if (uses[term.x] !== 1 || partial.choices.has(term.x)) return [];
	return gathersOf(term.matrix, slots, node.shape).map(({ layout, placement, diagonals }) => {
		const map = packedMap(slots, [{ placement, diagonals }]);
		return {
			choices: [
				[term.x, { kind: 'input', layout }],
				[id, { kind: 'map', map, layout: map.layout }],
			],
			cost: costOf(map, prices) + layout.parts.length * prices.upload,
		};
	});
};

const affineProposals = (
	graph: Graph<CoreKind>,
	node: Node<'affine'>,
	id: Id,
	partial: Partial,
	slots: number,
	prices: Prices,
	memo: Map<string, readonly PackedMap[]>,
): readonly Proposal[] => {
	const operands = node.terms.map(({ x }) => operandLayout(graph, x, partial, slots, prices));
	const before = operands.flatMap((operand) => operand.choices);
	const upload = operands.reduce((total, operand) => total + operand.cost, 0);
	const layouts = operands.map((operand) => operand.layout);
	const sum = sumChoice(node, layouts);
	if (sum !== undefined) return [{ choices: [...before, [id, sum]], cost: upload }];
	const key = `${id} ${layouts.map((layout) => layout.key).join('&')}`;
	let maps = memo.get(key);
	if (maps === undefined) {
		const matrices = node.terms.map((term) => term.matrix);
		maps = placementsOf(matrices, layouts, slots, {
			operand: graph.nodes[node.terms[0]?.x ?? -1]?.shape ?? [],
			result: node.shape,
		}).flatMap((placements) => mapThrough(matrices, layouts, placements, slots) ?? []);
		memo.set(key, maps);
	}
	return maps.map((map) => ({
		choices: [...before, [id, { kind: 'map', map, layout: map.layout }] as const],
		cost: upload + costOf(map, prices),
	}));
};

/** A map whose terms are all plus or minus identities on equal layouts is only additions. */
const sumChoice = (node: Node<'affine'>, layouts: readonly Layout[]): Choice | undefined => {
	const [layout] = layouts;
	if (layout === undefined || layouts.some((other) => other.key !== layout.key)) return undefined;
	const signs = node.terms.map(({ matrix }) => {
		if (isIdentity(matrix)) return 1;
		return isIdentity({ ...matrix, values: matrix.values.map((value) => -value) }) ? -1 : 0;
	});
	return signs.includes(0) ? undefined : { kind: 'sum', signs, layout };
};

/** The ciphertexts of all terms, in the order the diagonals count them. */
const sourcesOf = (layouts: readonly Layout[]): readonly Source[] =>
	layouts.flatMap(({ parts }, term) => parts.map((elementAt, part) => ({ term, part, elementAt })));

const mapThrough = (
	matrices: Parameters<typeof diagonalsOf>[0],
	layouts: readonly Layout[],
	placements: readonly Placement[],
	slots: number,
): readonly PackedMap[] | undefined => {
	const sources = sourcesOf(layouts);
	const outputs: { placement: Placement; diagonals: NonNullable<ReturnType<typeof diagonalsOf>> }[] = [];
	for (const placement of placements) {
		const diagonals = diagonalsOf(matrices, sources, placement);
		if (diagonals === undefined || diagonals.length === 0) return undefined;
		outputs.push({ placement, diagonals });
	}
	return [packedMap(slots, outputs)];
};

const multiplyProposals = (
	graph: Graph<CoreKind>,
	node: Node<'multiply'>,
	id: Id,
	partial: Partial,
	slots: number,
	prices: Prices,
	memo: Map<string, readonly PackedMap[]>,
): readonly Proposal[] => {
	const a = operandLayout(graph, node.a, partial, slots, prices);
	const b = node.b === node.a ? { ...a, choices: [], cost: 0 } : operandLayout(graph, node.b, partial, slots, prices);
	const before = [...a.choices, ...b.choices];
	const cost = a.cost + b.cost + a.layout.parts.length * prices.rotation;
	if (a.layout.key === b.layout.key)
		return [{ choices: [...before, [id, { kind: 'multiply', repack: undefined, layout: a.layout }]], cost }];
	const key = `${sizeOf(node.shape)} ${b.layout.key} into ${a.layout.key}`;
	let repacks = memo.get(key);
	if (repacks === undefined) {
		repacks = mapThrough([identity(sizeOf(node.shape))], [b.layout], into(a.layout, b.layout), slots) ?? [];
		memo.set(key, repacks);
	}
	return repacks.map((repack) => ({
		choices: [...before, [id, { kind: 'multiply', repack, layout: a.layout }] as const],
		cost: cost + costOf(repack, prices),
	}));
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
