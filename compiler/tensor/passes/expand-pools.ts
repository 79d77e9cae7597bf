import {
	affine,
	type BodyKind,
	type Graph,
	type GraphBuilder,
	type Id,
	type Node,
	type Shape,
	sizeOf,
} from '../graph.ts';
import { selectionMatrix } from '../maps/selection.ts';
import { type Groups, roundOf, roundsOf } from '../tournament.ts';
import { rewrite } from './rewrite.ts';

/** Contender i is the sum over the terms of x[source[i]]; a source of -1 stands for 0. */
type Term = { readonly x: Id; readonly source: Int32Array };

type Place = { readonly builder: GraphBuilder<BodyKind>; readonly node: Node<'pooled'> };

/**
 * Replaces every window by a tournament: max(a, b) = b + max(a - b, 0) for neighbours in all windows at once, one
 * activation in each round, then for the winners, ceil(log2 k) rounds for k members; the function of the window is one more
 * activation on what has won. Exact for what each activation is; as polynomials, the errors of the rounds add up. It is what
 * remains where no data tell how a window's values are distributed, and the most precise way at many levels (see windows.ts).
 *
 * Who has no opponent goes on for nothing: nobody is compared with itself, for the polynomial that max(x, 0) becomes is off
 * most at 0. A contender stays a sum of elements of x and of differences found so far, which the next comparison takes as it is.
 */
export const expandPools = (graph: Graph<BodyKind>): Graph<Exclude<BodyKind, 'pooled'>> =>
	rewrite<Node<BodyKind>, BodyKind>('expand-pools', graph, (node, builder) =>
		node.kind === 'pooled' ? expanded({ builder, node }) : builder.add(node),
	) as Graph<Exclude<BodyKind, 'pooled'>>;

const expanded = ({ builder, node }: Place): Id => {
	const place = { builder, node };
	const { fn, parameters, shape, origin } = node;
	let terms: readonly Term[] = [
		{ x: node.x, source: Int32Array.from({ length: sizeAt(builder, node.x) }, (_, i) => i) },
	];
	for (const groups of stagesOf(node)) terms = decided(place, terms, groups);
	const largest = sumOf(place, [{ terms, contenders: undefined, factor: 1 }], shape);
	if (fn === undefined) return largest;
	return builder.add({ kind: 'activation', x: largest, fn, ...(parameters && { parameters }), shape, origin });
};

const sizeAt = (builder: GraphBuilder<BodyKind>, x: Id): number => sizeOf(builder.nodes[x]?.shape ?? []);

/**
 * Windows as groups of members, or in two stages: their lines first, which windows that overlap have in common, then what has
 * won in each line. In stages where that takes no more rounds.
 */
const stagesOf = ({ windows: { start, members } }: Node<'pooled'>): readonly Groups[] => {
	const groups = Array.from({ length: start.length - 1 }, (_, i) => [...members.subarray(start[i], start[i + 1])]);
	const numbers = new Map<string, number>();
	const lines: (readonly number[])[] = [];
	const whole = groups.map((group) =>
		linesOf(group).map((line) => {
			const key = `${line[0]} ${line.at(-1)} ${line.length}`;
			const known = numbers.get(key);
			if (known !== undefined) return known;
			numbers.set(key, lines.length);
			return lines.push(line) - 1;
		}),
	);
	return roundsOf(lines) + roundsOf(whole) <= roundsOf(groups) ? [lines, whole] : [groups];
};

/** The group cut wherever the distance to the next member changes from that of its first two: an image's rows. */
const linesOf = (group: readonly number[]): readonly (readonly number[])[] => {
	const step = (group[1] ?? 0) - (group[0] as number);
	const lines: number[][] = [];
	group.forEach((member, i) => {
		if (i > 0 && member - (group[i - 1] as number) === step) lines.at(-1)?.push(member);
		else lines.push([member]);
	});
	return lines;
};

/** The winner of every group. */
const decided = (place: Place, contenders: readonly Term[], groups: Groups): readonly Term[] => {
	let terms = contenders;
	let playing = groups;
	while (playing.some(({ length }) => length > 1)) {
		const { left, right, winners } = roundOf(playing);
		const compared = left.flatMap((a, i) => (a === right[i] ? [] : [i]));
		const sides = [left, right].map((side) => compared.map((i) => side[i] as number));
		const shape = shapeOf(place.node.shape, compared.length);
		const difference = sumOf(
			place,
			sides.map((side, k) => ({ terms, contenders: side, factor: k === 0 ? 1 : -1 })),
			shape,
		);
		const { origin } = place.node;
		const excess = place.builder.add({ kind: 'activation', x: difference, fn: 'relu', shape, origin });
		let found = 0;
		terms = [
			...terms.map((term) => takenFrom(term, right)),
			{ x: excess, source: Int32Array.from(left, (a, i) => (a === right[i] ? -1 : found++)) },
		];
		playing = winners;
	}
	const winners = playing.map(([first = 0]) => first);
	return terms.map((term) => takenFrom(term, winners));
};

const takenFrom = ({ x, source }: Term, contenders: readonly number[]): Term => ({
	x,
	source: Int32Array.from(contenders, (i) => source[i] as number),
});

/** Batch and channels of the window's result, where as many values belong to each. */
const shapeOf = (shape: Shape, length: number): Shape => {
	const lead = shape.slice(0, 2);
	return shape.length > 2 && length % sizeOf(lead) === 0 ? [...lead, length / sizeOf(lead)] : [length];
};

type Part = {
	readonly terms: readonly Term[];
	/** Which of them, in order; all when undefined. */
	readonly contenders: readonly number[] | undefined;
	readonly factor: 1 | -1;
};

/** The sum over the parts of factor * contender, element by element. */
const sumOf = ({ builder, node }: Place, parts: readonly Part[], shape: Shape): Id => {
	const terms = parts.flatMap(({ terms, contenders, factor }) =>
		terms.map((term) => {
			const { x, source } = contenders === undefined ? term : takenFrom(term, contenders);
			return { x, matrix: selectionMatrix(source, sizeAt(builder, x), factor) };
		}),
	);
	return builder.add(affine(terms, new Float64Array(sizeOf(shape)), shape, node.origin));
};
