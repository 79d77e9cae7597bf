import { isSignedIdentity, longestPaths, levelsOf as ownLevelsOf } from '../depth.ts';
import { type BodyKind, type Graph, type Id, type Node, nodeAt, operandsOf, sizeOf } from '../graph.ts';

/** How precisely a function is replaced: the levels that it may take, and the degrees that these hold, the best first. */
export type Rung = { readonly levels: number; readonly degrees: readonly number[] };

/** A rung for every activation and window. */
export type Plan = ReadonlyMap<Id, Rung>;

const rung = (levels: number): Rung => ({
	levels,
	degrees: levels === 1 ? [2] : [2 ** levels - 1, ...(levels < 5 ? [2 ** levels] : [])],
});

/** One rung for each number of levels: degree 2^k - 1, or 2^k where a layer follows that takes its leading factor. */
const RUNGS: readonly Rung[] = [1, 2, 3, 4, 5].map(rung);
/** One more where an accuracy is asked for and few functions follow each other. */
const FINE_RUNGS: readonly Rung[] = [...RUNGS, rung(6)];
/** Functions one after another up to which FINE_RUNGS are worth their levels. */
const MOST_FINE = 3;

/** The rung of a degree that is given: 2^k takes k levels before a layer that takes a factor, others ceil(log2(d + 1)). */
const rungOf = (degree: number): Rung => ({ levels: Math.ceil(Math.log2(degree)), degrees: [degree] });

export const rungsFor = (
	graph: Graph<BodyKind>,
	degree: number | undefined,
	maxError: number | undefined,
): readonly Rung[] => {
	if (degree !== undefined) return [rungOf(degree)];
	return maxError !== undefined && inRow(graph) <= MOST_FINE ? FINE_RUNGS : RUNGS;
};

type Replaced = Node<'activation' | 'pooled'>;
const isReplaced = (node: Node<BodyKind>): node is Replaced => node.kind === 'activation' || node.kind === 'pooled';

/** Functions on the longest path. */
const inRow = (graph: Graph<BodyKind>): number => longest(graph, (node) => Number(isReplaced(node)));

/** Activations and windows, those of the most elements first: what they cost grows with these. */
export const replacedIn = ({ nodes }: Graph<BodyKind>): readonly Id[] =>
	[...nodes.keys()]
		.filter((id) => isReplaced(nodes[id] as Node<BodyKind>))
		.sort((a, b) => sizeOf(nodeAt(nodes, b).shape) - sizeOf(nodeAt(nodes, a).shape) || a - b);

/** The same rung everywhere. */
export const uniform = (graph: Graph<BodyKind>, rung: Rung): Plan => new Map(replacedIn(graph).map((id) => [id, rung]));

/** Levels of a window's polynomial: each square stands between two affine maps, of which one is part of the layer before or after. */
const ofWindow = (rung: number): number => 2 * rung;

/** Levels on the longest path, if no affine map is composed with another: the packing knows better. */
export const levelsOf = (graph: Graph<BodyKind>, plan: Plan): number =>
	longest(graph, (node, id) => {
		const rung = plan.get(id);
		if (rung === undefined) return ownLevelsOf(node);
		return node.kind === 'pooled' ? ofWindow(rung.levels) : rung.levels;
	});

const longest = ({ nodes }: Graph<BodyKind>, lengthOf: (node: Node<BodyKind>, id: Id) => number): number =>
	longestPaths(nodes, lengthOf).reduce((a, b) => Math.max(a, b), 0);

/** Nodes all of whose readers are affine maps, and that are no outputs: a factor of theirs costs nothing. */
export const absorbed = ({ nodes, outputs }: Graph<BodyKind>): ReadonlySet<Id> => {
	const result = new Set(nodes.keys());
	nodes.forEach((node) => {
		if (node.kind !== 'affine') for (const x of operandsOf(node)) result.delete(x);
		else for (const { x, matrix } of node.terms) if (isSignedIdentity(matrix)) result.delete(x);
	});
	for (const { id } of outputs) result.delete(id);
	return result;
};
