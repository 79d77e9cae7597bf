import { sizeOf } from '../tensor/graph.ts';
import { range, selectionMatrix, takeSource } from '../tensor/maps/selection.ts';
import { type Groups, pairsOf, roundOf, roundsOf } from '../tensor/tournament.ts';
import { activated, larger, smaller } from './algebra.ts';
import { affineOf, type Constant, type Site, unsupported, type Value, type ValueTerm } from './value.ts';

/** What is looked for among several values. */
export type Extreme = 'largest' | 'smallest';

/** The largest of some values with broadcasting, or the smallest: neighbours are compared, then the winners, and so on. */
export const extremeOf = (site: Site, values: readonly Value[], extreme: Extreme): Value | undefined => {
	const better = extreme === 'largest' ? larger : smaller;
	const decided = (values: readonly Value[]): readonly Value[] =>
		values.length <= 1 ? values : decided(pairsOf(values).map(([a, b]) => (b === undefined ? a : better(site, a, b))));
	return decided(values)[0];
};

/** Along the axis, contender i is the sum over the terms of sign * value[source[i]]; a source of -1 stands for 0. */
type Term = { readonly value: Value; readonly source: readonly number[]; readonly sign: 1 | -1 };

/**
 * y[.., g, ..] = the largest of x[.., i, ..] over the members i of group g, or the smallest, along one axis.
 *
 * A tournament: max(a, b) = b + max(a - b, 0) and min(a, b) = a - max(a - b, 0) of all neighbours in all groups at once,
 * one activation over one tensor, then of the winners, for `roundsOf(groups)` rounds. A pair that several groups have in
 * common is compared once, so windows that overlap share their work. Who has no opponent goes on for nothing: nobody is
 * compared with itself, for the polynomial that max(x, 0) becomes is off most at 0. A contender stays a sum of
 * elements of x and of differences found so far, which the next comparison takes as it is.
 */
export const extremeAlong = (site: Site, x: Value, axis: number, groups: Groups, extreme: Extreme): Value => {
	if (x.kind === 'constant') return extremeOfConstant(x, axis, groups, extreme);
	const shapeOf = (length: number) => x.shape.with(axis, length);
	const picked = ({ value, source, sign }: Term, contenders: readonly number[], factor: 1 | -1): ValueTerm => {
		const elements = contenders.map((i) => source[i] as number);
		const from = takeSource(value.shape, axis, elements);
		const factors = new Float64Array(from.length).fill(sign * factor);
		return { value, matrix: selectionMatrix(from, sizeOf(value.shape), factors) };
	};
	const sumOf = (terms: readonly ValueTerm[], length: number): Value => {
		const shape = shapeOf(length);
		return affineOf(site, terms, new Float64Array(sizeOf(shape)), shape);
	};
	let terms: readonly Term[] = [{ value: x, source: range(x.shape[axis] as number), sign: 1 }];
	let playing = groups;
	for (let rounds = checkedRounds(roundsOf(groups)); rounds > 0; rounds--) {
		const { left, right, winners } = roundOf(playing);
		const compared = range(left.length).filter((i) => left[i] !== right[i]);
		const sides = [left, right].map((side) => compared.map((i) => side[i] as number)) as [number[], number[]];
		const differences = terms.flatMap((term) => [picked(term, sides[0], 1), picked(term, sides[1], -1)]);
		const excess = activated(site, sumOf(differences, compared.length), 'relu');
		const base = extreme === 'largest' ? right : left;
		let found = 0;
		terms = [
			...terms.map((term) => ({ ...term, source: base.map((i) => term.source[i] as number) })),
			{
				value: excess,
				source: left.map((a, i) => (a === right[i] ? -1 : found++)),
				sign: extreme === 'largest' ? 1 : -1,
			},
		];
		playing = winners;
	}
	const winners = playing.map(([first = -1]) => first);
	const chosen = terms.map((term) => picked(term, winners, 1));
	return { ...sumOf(chosen, winners.length), type: x.type };
};

/** Errors: 'unsupported' for more rounds than any parameters have levels for, at two in each. */
export const checkedRounds = (rounds: number): number =>
	rounds <= MOST_ROUNDS
		? rounds
		: unsupported(
				`Comparing more than ${2 ** MOST_ROUNDS} encrypted values takes ${rounds} polynomials in a row, for which there are not the levels.`,
				'Retrain with a mean in the place of the extreme.',
			);

const MOST_ROUNDS = 14;

const extremeOfConstant = (x: Constant, axis: number, groups: Groups, extreme: Extreme): Constant => {
	const better = extreme === 'largest' ? Math.max : Math.min;
	const worst = better();
	const length = x.shape[axis] as number;
	const shape = x.shape.with(axis, groups.length);
	const inner = sizeOf(shape.slice(axis + 1));
	const data = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
		const line = Math.floor(at / inner);
		const start = Math.floor(line / groups.length) * length;
		const members = groups[line % groups.length] as readonly number[];
		const valueAt = (member: number): number => x.data[(start + member) * inner + (at % inner)] as number;
		return members.reduce((best, member) => better(best, valueAt(member)), worst);
	});
	return { ...x, shape, data };
};
