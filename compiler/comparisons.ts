import type { ImportedModel } from './onnx/import.ts';
import { depthOf, levelsOf } from './tensor/depth.ts';
import { type CoreKind, type Graph, operandsOf } from './tensor/graph.ts';

/**
 * Operators that choose among encrypted values. Each round of comparisons is one polynomial, so where they occur they
 * take most of a model's levels: whoever compiles is told how many, and what takes none.
 */
const POOLS: readonly string[] = ['MaxPool', 'GlobalMaxPool'];
const EXTREMES: readonly string[] = ['ReduceMax', 'ReduceMin', 'Max', 'Min'];

/** A node of the model that compares, and the levels from its operands to its result. */
export type Comparison = { readonly node: string; readonly op: string; readonly levels: number };

/** The nodes that compare, deepest first. One round of Max or Min costs what Relu does: it is not worth a word. */
export const comparisonsIn = (
	core: Graph<CoreKind>,
	{ graph, operators }: Pick<ImportedModel, 'graph' | 'operators'>,
): readonly Comparison[] => {
	const rounds = Map.groupBy(
		graph.nodes.filter(({ kind }) => kind === 'activation' || kind === 'pooled'),
		({ origin }) => origin,
	);
	return [...rounds]
		.flatMap(([node, { length }]) => {
			const op = operators.get(node) ?? '';
			const compares = POOLS.includes(op) || (EXTREMES.includes(op) && length > 1);
			return compares ? [{ node, op, levels: levelsAt(core, node) }] : [];
		})
		.sort((a, b) => b.levels - a.levels);
};

/** Levels that the nodes of one origin use on the deepest path. */
const levelsAt = ({ nodes }: Graph<CoreKind>, origin: string): number => {
	const used: number[] = [];
	for (const node of nodes) {
		const before = operandsOf(node).reduce((most, x) => Math.max(most, used[x] as number), 0);
		used.push(before + (node.origin === origin ? levelsOf(node) : 0));
	}
	return used.reduce((most, levels) => Math.max(most, levels), 0);
};

/** So many nodes are named. */
const NAMED = 4;

/** What helps where the levels do not suffice; undefined when nothing compares. */
export const comparisonHint = (comparisons: readonly Comparison[]): string | undefined => {
	if (comparisons.length === 0) return undefined;
	const named = comparisons.slice(0, NAMED).map(({ node, op, levels }) => `${op} '${node}' about ${levels}`);
	const others = comparisons.length > NAMED ? `, ${comparisons.length - NAMED} others as well` : '';
	return `Of these levels, comparisons of encrypted values take: ${named.join(', ')}${others}. ${sentence(remedyOf(comparisons))}`;
};

const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}.`;

const remedyOf = (comparisons: readonly Comparison[]): string =>
	[
		...(comparisons.some(({ op }) => POOLS.includes(op))
			? ['retrain with AveragePool, or pass --maxpool average to replace MaxPool by it']
			: []),
		...(comparisons.some(({ op }) => EXTREMES.includes(op)) ? ['retrain with means in the place of extremes'] : []),
	].join('; ');

/** Levels from which a node that compares is worth a warning: the polynomial of a window takes one or a few. */
const MANY_LEVELS = 8;

/** One for each node that compares at many levels, with its part of them. */
export const comparisonWarnings = (comparisons: readonly Comparison[], core: Graph<CoreKind>): readonly string[] =>
	comparisons
		.filter(({ levels }) => levels >= MANY_LEVELS)
		.map(
			(comparison) =>
				`${comparison.node}: ${comparison.op} over encrypted values takes about ${comparison.levels} of ${depthOf(core)} levels; ` +
				remedyOf([comparison]),
		);
