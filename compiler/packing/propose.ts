import { type CoreKind, type Graph, type Id, type Node, sizeOf } from '../tensor/graph.ts';
import { identity, isIdentity, type SparseMatrix } from '../tensor/sparse.ts';
import { type Diagonal, diagonalsOf, type Placement, type Source } from './kernels/diagonals.ts';
import { gathersOf } from './kernels/gather.ts';
import { type PackedMap, packedMap } from './kernels/map.ts';
import { type Layout, replicated } from './layout.ts';
import { into, placementsOf } from './placements.ts';

/** How one node is computed, its layout with it. */
export type Choice =
	| { readonly kind: 'input'; readonly layout: Layout }
	/** Sums of values that already lie alike: signs[k] = 1 or -1 for each term. */
	| { readonly kind: 'sum'; readonly signs: readonly number[]; readonly layout: Layout }
	| { readonly kind: 'map'; readonly map: PackedMap; readonly layout: Layout }
	/** Elementwise product; `repack` brings b into a's layout first. */
	| { readonly kind: 'multiply'; readonly repack: PackedMap | undefined; readonly layout: Layout };
export type Choices = ReadonlyMap<Id, Choice>;

/** Relative prices of what a user waits or pays for. */
export type Prices = {
	readonly rotation: number;
	readonly product: number;
	/** One ciphertext from the client. */
	readonly upload: number;
	/** One rotation step that no layer used before: a key. */
	readonly step: number;
	/** Hiding what is left over in the slots of an output. */
	readonly mask: number;
};

/** A way to compute one node, with what it decides about inputs that were open. Its price is without that of keys. */
export type Proposal = { readonly choices: readonly (readonly [Id, Choice])[]; readonly cost: number };

/** What all proposals of one search share. */
export type Search = {
	readonly graph: Graph<CoreKind>;
	readonly slots: number;
	/** Prices at the level where each node is computed. */
	readonly prices: readonly Prices[];
	/** How often each node is read. */
	readonly uses: readonly number[];
	/** Maps that were worked out before, by what they depend on. */
	readonly maps: Map<string, readonly PackedMap[]>;
};

/** All ways to compute node `id`, given the choices for the nodes before; none when nothing serves its operands' layouts. */
export const proposalsFor = (search: Search, id: Id, chosen: Choices): readonly Proposal[] => {
	const node = search.graph.nodes[id] as Node<CoreKind>;
	switch (node.kind) {
		case 'input':
			// An input stays open until its first reader; nobody may read one that is an output.
			return search.graph.outputs.some((output) => output.id === id)
				? [operand(search, id, id, chosen)]
				: [{ choices: [], cost: 0 }];
		case 'multiply':
			return multiplyProposals(search, node, id, chosen);
		case 'affine':
			return [...gatherProposals(search, node, id, chosen), ...affineProposals(search, node, id, chosen)];
	}
};

/** Rotation steps of the maps among some choices. */
export const stepsIn = (choices: Proposal['choices']): readonly number[] =>
	choices.flatMap(([, choice]) => {
		const map = choice.kind === 'map' ? choice.map : choice.kind === 'multiply' ? choice.repack : undefined;
		return map === undefined ? [] : [...map.counts.steps];
	});

const pricesAt = ({ prices }: Search, id: Id): Prices => prices[id] as Prices;

const costOf = (map: PackedMap, prices: Prices): number =>
	map.counts.rotations * prices.rotation + map.counts.products * prices.product;

const remembered = ({ maps }: Search, key: string, compute: () => readonly PackedMap[]): readonly PackedMap[] => {
	const known = maps.get(key);
	if (known !== undefined) return known;
	const computed = compute();
	maps.set(key, computed);
	return computed;
};

/** The layout of an operand of `reader`; an input that nobody has asked for yet is packed plainly, replicated. */
const operand = (search: Search, x: Id, reader: Id, chosen: Choices): Proposal & { readonly layout: Layout } => {
	const known = chosen.get(x);
	if (known !== undefined) return { layout: known.layout, choices: [], cost: 0 };
	const layout = replicated(sizeOf(search.graph.nodes[x]?.shape ?? []), search.slots);
	const cost = layout.parts.length * pricesAt(search, reader).upload;
	return { layout, choices: [[x, { kind: 'input', layout }]], cost };
};

/** A sole reader of an input lets the client pack for it. */
const gatherProposals = (search: Search, node: Node<'affine'>, id: Id, chosen: Choices): readonly Proposal[] => {
	const [term, ...others] = node.terms;
	if (term === undefined || others.length > 0 || search.graph.nodes[term.x]?.kind !== 'input') return [];
	if (search.uses[term.x] !== 1 || chosen.has(term.x)) return [];
	const prices = pricesAt(search, id);
	return gathersOf(term.matrix, search.slots, node.shape).map(({ layout, placement, diagonals }) => {
		const map = packedMap(search.slots, [{ placement, diagonals }]);
		return {
			choices: [
				[term.x, { kind: 'input', layout }],
				[id, { kind: 'map', map, layout: map.layout }],
			],
			cost: costOf(map, prices) + layout.parts.length * prices.upload,
		};
	});
};

const affineProposals = (search: Search, node: Node<'affine'>, id: Id, chosen: Choices): readonly Proposal[] => {
	const operands = node.terms.map(({ x }) => operand(search, x, id, chosen));
	const before = operands.flatMap(({ choices }) => choices);
	const upload = operands.reduce((total, { cost }) => total + cost, 0);
	const layouts = operands.map(({ layout }) => layout);
	const sum = sumChoice(node, layouts);
	if (sum !== undefined) return [{ choices: [...before, [id, sum]], cost: upload }];
	const matrices = node.terms.map(({ matrix }) => matrix);
	const shapes = { operand: search.graph.nodes[node.terms[0]?.x ?? -1]?.shape ?? [], result: node.shape };
	const maps = remembered(search, `${id} ${layouts.map(({ key }) => key).join('&')}`, () =>
		placementsOf(matrices, layouts, search.slots, shapes).flatMap((placements) =>
			mapThrough(matrices, layouts, placements, search.slots),
		),
	);
	return maps.map((map) => ({
		choices: [...before, [id, { kind: 'map', map, layout: map.layout }] as const],
		cost: upload + costOf(map, pricesAt(search, id)),
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

/** The map by these placements, one for each output ciphertext; empty when one of them cannot be served. */
const mapThrough = (
	matrices: readonly SparseMatrix[],
	layouts: readonly Layout[],
	placements: readonly Placement[],
	slots: number,
): readonly PackedMap[] => {
	const sources: readonly Source[] = layouts.flatMap(({ parts }, term) =>
		parts.map((elementAt, part) => ({ term, part, elementAt })),
	);
	const outputs: { readonly placement: Placement; readonly diagonals: readonly Diagonal[] }[] = [];
	for (const placement of placements) {
		const diagonals = diagonalsOf(matrices, sources, placement);
		if (diagonals === undefined || diagonals.length === 0) return [];
		outputs.push({ placement, diagonals });
	}
	return [packedMap(slots, outputs)];
};

const multiplyProposals = (search: Search, node: Node<'multiply'>, id: Id, chosen: Choices): readonly Proposal[] => {
	const prices = pricesAt(search, id);
	const a = operand(search, node.a, id, chosen);
	const b = node.b === node.a ? { ...a, choices: [], cost: 0 } : operand(search, node.b, id, chosen);
	const before = [...a.choices, ...b.choices];
	const cost = a.cost + b.cost + a.layout.parts.length * prices.rotation;
	if (a.layout.key === b.layout.key)
		return [{ choices: [...before, [id, { kind: 'multiply', repack: undefined, layout: a.layout }]], cost }];
	const size = sizeOf(node.shape);
	const repacks = remembered(search, `${size} ${b.layout.key} into ${a.layout.key}`, () =>
		mapThrough([identity(size)], [b.layout], into(a.layout, b.layout), search.slots),
	);
	return repacks.map((repack) => ({
		choices: [...before, [id, { kind: 'multiply', repack, layout: a.layout }] as const],
		cost: cost + costOf(repack, prices),
	}));
};
