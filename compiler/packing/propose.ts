import { remembered } from '../remembered.ts';
import { isSignedIdentity } from '../tensor/depth.ts';
import { type CoreKind, type Graph, type Id, type Node, type Shape, sizeOf } from '../tensor/graph.ts';
import { identity, type SparseMatrix } from '../tensor/sparse.ts';
import type { Affine, Compositions } from './compose.ts';
import { into } from './families/inPlace.ts';
import { coverOf, type Placement } from './kernels/diagonals.ts';
import { gathersOf } from './kernels/gather.ts';
import { type MapOutput, type PackedMap, packedMaps } from './kernels/map.ts';
import { sourcesOf } from './kernels/sources.ts';
import { inChannelBlocks, type Layout, replicated } from './layout.ts';
import { placementsOf } from './placements.ts';
import type { Prices } from './prices.ts';

/** How one node is computed, its layout with it. */
export type Choice =
	| { readonly kind: 'input'; readonly layout: Layout }
	/** Not by itself: its only reader computes both maps at once. */
	| { readonly kind: 'composed'; readonly layout: undefined }
	/** Sums of values that already lie alike: signs[k] = 1 or -1 for each term. */
	| { readonly kind: 'sum'; readonly affine: Affine; readonly signs: readonly number[]; readonly layout: Layout }
	| { readonly kind: 'map'; readonly affine: Affine; readonly map: PackedMap; readonly layout: Layout }
	/** One element in each ciphertext: rows are combinations by numbers, nothing is left to choose. */
	| { readonly kind: 'scalar'; readonly affine: Affine; readonly layout: Layout }
	/** Elementwise product; `repack` brings b into a's layout first. */
	| { readonly kind: 'multiply'; readonly repack: PackedMap | undefined; readonly layout: Layout };
export type Choices = ReadonlyMap<Id, Choice>;

/** A way to compute one node, with what it decides about inputs that were open. Its price is without that of keys and levels. */
export type Proposal = {
	readonly choices: readonly (readonly [Id, Choice])[];
	readonly cost: number;
	/** Products on the longest path through it. */
	readonly levels: number;
};

/** What all proposals of one search share, and what searches of the same graph for other prices share with it. */
export type Search = {
	readonly graph: Graph<CoreKind>;
	readonly slots: number;
	/** May outputs hold nothing but their elements? Else what is left over in their slots is no matter. */
	readonly masked: boolean;
	/** How often each node is read. */
	readonly uses: readonly number[];
	readonly compositions: Compositions;
	/** Maps that were worked out before, by what they depend on. */
	readonly maps: Map<string, readonly PackedMap[]>;
	readonly gathers: Map<string, readonly { readonly layout: Layout; readonly maps: readonly PackedMap[] }[]>;
};

/** All ways to compute node `id`, given the choices for the nodes before; none when nothing serves its operands' layouts. */
export const proposalsFor = (
	search: Search,
	prices: readonly Prices[],
	id: Id,
	chosen: Choices,
): readonly Proposal[] => {
	const node = search.graph.nodes[id] as Node<CoreKind>;
	const here: Here = { search, prices: prices[id] as Prices, chosen };
	switch (node.kind) {
		case 'input':
			// An input stays open until its first reader; nobody may read one that is an output.
			return search.graph.outputs.some((output) => output.id === id)
				? [{ ...operand(here, id), levels: 0 }]
				: [{ choices: [], cost: 0, levels: 0 }];
		case 'multiply':
			return multiplyProposals(here, node, id);
		case 'affine': {
			const affine = search.compositions.of(id, (x) => chosen.get(x)?.kind === 'composed');
			if (search.slots === 1)
				return [...composedProposals(here, node, id), scalarProposal(here, affine, node.shape, id)];
			return [
				...composedProposals(here, node, id),
				...gatherProposals(here, affine, node.shape, id),
				...affineProposals(here, affine, node.shape, id),
			];
		}
	}
};

/** One node's surroundings. */
type Here = { readonly search: Search; readonly prices: Prices; readonly chosen: Choices };

/** Maps that a choice makes. */
export const mapsIn = (choice: Choice): readonly PackedMap[] => {
	const map = choice.kind === 'map' ? choice.map : choice.kind === 'multiply' ? choice.repack : undefined;
	return map === undefined ? [] : [map];
};

const costOf = ({ counts }: PackedMap, prices: Prices): number =>
	counts.decompositions * prices.decomposition + counts.rotations * prices.rotation + counts.products * prices.product;

const levelsIn = (map: PackedMap | undefined): number => (map === undefined || map.summed ? 0 : 1);

/** Computed by its reader, unless it computes an operand itself. */
const composedProposals = ({ search, chosen }: Here, node: Node<'affine'>, id: Id): readonly Proposal[] =>
	search.compositions.mayCompose(id) && !node.terms.some(({ x }) => chosen.get(x)?.kind === 'composed')
		? [{ choices: [[id, { kind: 'composed', layout: undefined }]], cost: 0, levels: 0 }]
		: [];

type Operand = { readonly layout: Layout; readonly choices: Proposal['choices']; readonly cost: number };

/** How inputs that nobody has asked for yet are packed: element after element, or each channel in a block of its own. */
type Plainly = (shape: Shape, slots: number) => Layout | undefined;
const ONE_AFTER_ANOTHER: Plainly = (shape, slots) => replicated(sizeOf(shape), slots);

/** The layout of an operand; an input that nobody has asked for yet is packed plainly. */
const operand = ({ search, prices, chosen }: Here, x: Id, plainly = ONE_AFTER_ANOTHER): Operand => {
	const known = chosen.get(x)?.layout;
	if (known !== undefined) return { layout: known, choices: [], cost: 0 };
	const shape = search.graph.nodes[x]?.shape ?? [];
	const layout = plainly(shape, search.slots) ?? replicated(sizeOf(shape), search.slots);
	return { layout, choices: [[x, { kind: 'input', layout }]], cost: layout.parts.length * prices.upload };
};

const scalarProposal = (here: Here, affine: Affine, shape: Shape, id: Id): Proposal => {
	const operands = affine.terms.map(({ x }) => operand(here, x));
	const layout = replicated(sizeOf(shape), 1);
	const products = affine.terms.reduce((n, { matrix }) => n + matrix.values.length, 0);
	return {
		choices: [...operands.flatMap(({ choices }) => choices), [id, { kind: 'scalar', affine, layout }]],
		cost: operands.reduce((total, { cost }) => total + cost, products * here.prices.product),
		levels: affine.terms.every(({ matrix }) => matrix.values.every((value) => Math.abs(value) === 1)) ? 0 : 1,
	};
};

/** A sole reader of an input lets the client pack for it. */
const gatherProposals = (
	{ search, prices, chosen }: Here,
	affine: Affine,
	shape: Shape,
	id: Id,
): readonly Proposal[] => {
	const [term, ...others] = affine.terms;
	if (term === undefined || others.length > 0 || search.graph.nodes[term.x]?.kind !== 'input') return [];
	if (search.uses[term.x] !== 1 || chosen.has(term.x)) return [];
	const gathers = remembered(search.gathers, `${id} ${search.compositions.nameOf(affine)}`, () =>
		gathersOf(term.matrix, search.slots, shape).map(({ layout, outputs }) => ({
			layout,
			maps: packedMaps(search.slots, outputs),
		})),
	);
	return gathers.flatMap(({ layout, maps }) =>
		cheapestWays(maps, prices).map((map) => ({
			choices: [
				[term.x, { kind: 'input', layout }],
				[id, { kind: 'map', affine, map, layout: map.layout }],
			],
			cost: costOf(map, prices) + layout.parts.length * prices.upload,
			levels: 1,
		})),
	);
};

/** Ways of computing one map that are tried, of those that differ only in rotations and keys. */
const MOST_WAYS = 4;

/** Of the ways of each map the cheapest, keys included that other layers may turn out to use as well. */
const cheapestWays = (maps: readonly PackedMap[], prices: Prices): readonly PackedMap[] =>
	[...Map.groupBy(maps, ({ outputs }) => outputs).values()].flatMap((ways) => {
		const price = (map: PackedMap): number => costOf(map, prices) + map.counts.steps.size * prices.step;
		return ways.toSorted((a, b) => price(a) - price(b)).slice(0, MOST_WAYS);
	});

/** Through any layout of the operands: where one of them is an open input with channels, two layouts are tried. */
const affineProposals = (here: Here, affine: Affine, shape: Shape, id: Id): readonly Proposal[] => {
	const { graph, slots } = here.search;
	const hasBlocks = affine.terms.some(
		({ x }) => !here.chosen.has(x) && inChannelBlocks(graph.nodes[x]?.shape ?? [], slots) !== undefined,
	);
	return (hasBlocks ? [ONE_AFTER_ANOTHER, inChannelBlocks] : [ONE_AFTER_ANOTHER]).flatMap((plainly) =>
		proposalsThrough(here, affine, shape, id, plainly),
	);
};

const proposalsThrough = (here: Here, affine: Affine, shape: Shape, id: Id, plainly: Plainly): readonly Proposal[] => {
	const { search, prices } = here;
	const operands = affine.terms.map(({ x }) => operand(here, x, plainly));
	const before = operands.flatMap(({ choices }) => choices);
	const upload = operands.reduce((total, { cost }) => total + cost, 0);
	const layouts = operands.map(({ layout }) => layout);
	const sum = sumChoice(affine, layouts);
	if (sum !== undefined) return [{ choices: [...before, [id, sum]], cost: upload, levels: 0 }];
	const matrices = affine.terms.map(({ matrix }) => matrix);
	const shapes = { operands: affine.terms.map(({ x }) => search.graph.nodes[x]?.shape ?? []), result: shape };
	const key = `${id} ${search.compositions.nameOf(affine)} ${layouts.map((layout) => layout.key).join('&')}`;
	const maps = remembered(search.maps, key, () => {
		const through = (thorough: boolean): readonly PackedMap[] =>
			mapsThrough(matrices, layouts, placementsOf(matrices, layouts, search.slots, shapes, thorough), search.slots);
		const found = through(false);
		return found.length > 0 ? found : through(true);
	});
	return cheapestWays(maps, prices).map((map) => ({
		choices: [...before, [id, { kind: 'map', affine, map, layout: map.layout }] as const],
		cost: upload + costOf(map, prices),
		levels: levelsIn(map),
	}));
};

/** A map whose terms are all plus or minus identities on equal layouts is only additions. */
const sumChoice = (affine: Affine, layouts: readonly Layout[]): Choice | undefined => {
	const [layout] = layouts;
	if (layout === undefined || layouts.some((other) => other.key !== layout.key)) return undefined;
	if (!affine.terms.every(({ matrix }) => isSignedIdentity(matrix))) return undefined;
	const signs = affine.terms.map(({ matrix }) => matrix.values[0] ?? 1);
	return { kind: 'sum', affine, signs, layout };
};

/** The maps by these placements (one for each output ciphertext), without those that cannot be served. */
const mapsThrough = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	proposals: readonly (readonly Placement[])[],
	slots: number,
): readonly PackedMap[] => {
	const sources = sourcesOf(
		layouts,
		matrices.map(({ columns }) => columns),
	);
	return proposals.flatMap((placements) => {
		const outputs: MapOutput[] = [];
		for (const placement of placements) {
			const cover = coverOf(matrices, sources, placement);
			if (cover === undefined) return [];
			outputs.push({ cover, placement });
		}
		return packedMaps(slots, outputs);
	});
};

const multiplyProposals = (here: Here, node: Node<'multiply'>, id: Id): readonly Proposal[] => {
	const { search, prices } = here;
	const a = operand(here, node.a);
	const b = node.b === node.a ? { ...a, choices: [], cost: 0 } : operand(here, node.b);
	const before = [...a.choices, ...b.choices];
	const cost = a.cost + b.cost + a.layout.parts.length * prices.multiply;
	if (a.layout.key === b.layout.key) {
		const choice: Choice = { kind: 'multiply', repack: undefined, layout: a.layout };
		return [{ choices: [...before, [id, choice]], cost, levels: 1 }];
	}
	const size = sizeOf(node.shape);
	const repacks = remembered(search.maps, `${size} ${b.layout.key} into ${a.layout.key}`, () =>
		mapsThrough([identity(size)], [b.layout], [into(a.layout, b.layout)], search.slots),
	);
	return cheapestWays(repacks, prices).map((repack) => ({
		choices: [...before, [id, { kind: 'multiply', repack, layout: a.layout }] as const],
		cost: cost + costOf(repack, prices),
		levels: 1 + levelsIn(repack),
	}));
};
