import type { Samples } from '../../options.ts';
import type { BodyKind, Graph, Id } from '../graph.ts';
import { expandPools } from '../passes/expand-pools.ts';
import { type Exact, exactOn, outputRows } from './exact.ts';
import { type Asked, isBetter, isNear, judgeOf, qualifies, type Verdict } from './judge.ts';
import { levelsOf, type Plan, type Rung, replacedIn, rungsFor, uniform } from './plan.ts';
import { replay } from './replay.ts';

/** A form of the model, windows as such or as tournaments, and what it makes of the samples. */
export type Variant = { readonly graph: Graph<BodyKind>; readonly exact: Exact; readonly tournaments: boolean };

/** One way of replacing all functions, and how it did on samples that it was not fitted to. */
export type Point = {
	readonly variant: Variant;
	readonly plan: Plan;
	readonly levels: number;
	readonly verdict: Verdict;
	/** Relative rms errors of what was replaced. */
	readonly errors: ReadonlyMap<Id, number>;
};

export type SearchOptions = Asked & {
	readonly degree?: number | undefined;
	readonly compensation: boolean;
	readonly divisorError?: number | undefined;
	/** Told of every point. */
	readonly onPoint?: (tried: number) => void;
};

/** With few samples all do both; then a quarter judge and are left out of the fits, and half of many, for a rate of flips takes many. */
const FEW = 96;
const MANY = 512;

/**
 * Which samples polynomials and layers are fitted to, and which judge them. Scattered, and the former in no order: samples
 * often come class by class, or in turns.
 */
export const partsOf = (count: number): { readonly fitted: readonly number[]; readonly judged: readonly number[] } => {
	const mixed = Array.from({ length: count }, (_, i) => i).sort((a, b) => scattered(a) - scattered(b));
	if (count < FEW) return { fitted: mixed, judged: mixed };
	const judging = Math.floor(count < MANY ? count / 4 : count / 2);
	return { fitted: mixed.slice(judging), judged: mixed.slice(0, judging) };
};

/** An integer that looks random, another one for each i. */
const scattered = (i: number): number => {
	const bits = Math.imul(i + 1, 0x9e3779b1);
	return Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 0;
};

/** A model of at most so many levels is shallow: up to NEAR_LEVELS are spent on being nearer to it, since they cost milliseconds. */
const SHALLOW = 10;
const NEAR_LEVELS = 12;

/** More levels than this no parameters hold: 881 bits at the largest ring degree. */
const MOST_LEVELS = 32;

/** Points after the first that qualifies which are looked at for one with fewer levels; as many for one within given levels. */
const MOST_TRIALS = 12;

/**
 * Looks for the polynomials with the fewest levels that do what is asked. All functions get one more level at a time until
 * that is enough; then single ones go back, those of the largest tensors first, as long as it stays enough. Where windows
 * do not do, tournaments take their place (see expand-pools.ts). All points that were looked at are kept: they are the
 * trade-off between accuracy and levels.
 */
export class Search {
	readonly #points: Point[] = [];
	readonly #options: SearchOptions;
	readonly #tried = new Set<string>();

	constructor(graph: Graph<BodyKind>, exact: Exact, options: SearchOptions) {
		this.#options = options;
		const enough = this.#climb({ graph, exact, tournaments: false }) ?? this.#climbTournaments(graph, exact.samples);
		if (enough === undefined) return;
		const fewest = this.#descend(enough);
		if (options.accuracyBudget === undefined) this.#enrich(fewest);
	}

	get points(): readonly Point[] {
		return this.#points;
	}

	/** The point with the fewest levels that does what is asked, else the best within so many levels; undefined where none is. */
	best(maxLevels = Number.POSITIVE_INFINITY): Point | undefined {
		const chosen = this.#chosen(maxLevels);
		if (chosen === undefined || qualifies(chosen.verdict) || !Number.isFinite(maxLevels)) return chosen;
		this.#ascend(chosen, maxLevels, qualifies);
		return this.#chosen(maxLevels);
	}

	#chosen(maxLevels: number): Point | undefined {
		const within = this.#points.filter(({ levels }) => levels <= maxLevels);
		const enough = within.filter(({ verdict }) => qualifies(verdict));
		if (enough.length > 0) {
			const least = fewest(enough);
			if (this.#options.accuracyBudget !== undefined) return least;
			const paid = enough.filter(({ levels }) => levels <= affordable(least.levels));
			const near = paid.filter(({ verdict }) => isNear(verdict));
			return near.length > 0 ? fewest(near) : paid.reduce((a, b) => (b.verdict.badness < a.verdict.badness ? b : a));
		}
		return within.length === 0
			? undefined
			: within.reduce((a, b) => (isBetter(b.verdict, a.verdict, this.#options) ? b : a));
	}

	#rungs({ graph }: Variant): readonly Rung[] {
		return rungsFor(graph, this.#options.degree, this.#options.maxError);
	}

	/** The first rung that is enough everywhere, of those that some parameters hold. */
	#climb(variant: Variant): Point | undefined {
		for (const rung of this.#rungs(variant)) {
			const plan = uniform(variant.graph, rung);
			if (this.#points.length > 0 && levelsOf(variant.graph, plan) > MOST_LEVELS) return undefined;
			const point = this.#try(variant, plan);
			if (point !== undefined && qualifies(point.verdict)) return point;
		}
		return undefined;
	}

	#climbTournaments(graph: Graph<BodyKind>, samples: Samples): Point | undefined {
		if (!graph.nodes.some(({ kind }) => kind === 'pooled')) return undefined;
		const expanded = expandPools(graph);
		return this.#climb({ graph: expanded, exact: exactOn(expanded, samples), tournaments: true });
	}

	#descend(from: Point): Point {
		let best = from;
		let trials = 0;
		const rungs = this.#rungs(from.variant);
		for (const id of replacedIn(from.variant.graph))
			for (;;) {
				const lower = rungs[rungs.indexOf(best.plan.get(id) as Rung) - 1];
				if (lower === undefined || ++trials > MOST_TRIALS) break;
				const point = this.#try(from.variant, new Map(best.plan).set(id, lower));
				if (point === undefined || !qualifies(point.verdict)) break;
				best = point;
			}
		return best;
	}

	/** More levels for what is nearer to the model, where they cost little. */
	#enrich(from: Point): void {
		const most = affordable(from.levels);
		if (most > from.levels && !isNear(from.verdict)) this.#ascend(from, most, isNear);
	}

	/** Raises single functions, the one that is off most first, while that fits, helps and is not enough. */
	#ascend(from: Point, maxLevels: number, enough: (verdict: Verdict) => boolean): void {
		const rungs = this.#rungs(from.variant);
		if (rungs.length === 1) return;
		let best = from;
		for (let trials = 0; trials < MOST_TRIALS; ) {
			const next = byError(best).find((id) => {
				const higher = rungs[rungs.indexOf(best.plan.get(id) as Rung) + 1];
				const plan = higher && new Map(best.plan).set(id, higher);
				if (plan === undefined || levelsOf(from.variant.graph, plan) > maxLevels) return false;
				const point = ++trials > MOST_TRIALS ? undefined : this.#try(from.variant, plan);
				const helps = point !== undefined && isBetter(point.verdict, best.verdict, this.#options);
				if (helps) best = point;
				return helps;
			});
			if (next === undefined || enough(best.verdict)) return;
		}
	}

	/** The point of a plan; undefined where it was looked at before. */
	#try(variant: Variant, plan: Plan): Point | undefined {
		const key = JSON.stringify([variant.tournaments, [...plan].map(([id, { degrees }]) => [id, degrees])]);
		if (this.#tried.has(key)) return undefined;
		this.#tried.add(key);
		const { graph, exact } = variant;
		const parts = partsOf(exact.count);
		const { at, errors } = replay(graph, exact, plan, { ...parts, ...this.#options });
		const original = outputRows(graph, (id) => exact.rows[id] ?? [], parts.judged);
		const verdict = judgeOf(graph, this.#options, original).judge(outputRows(graph, at, parts.judged));
		const point = { variant, plan, levels: levelsOf(graph, plan), verdict, errors };
		this.#points.push(point);
		this.#options.onPoint?.(this.#points.length);
		return point;
	}
}

const affordable = (levels: number): number => (levels > SHALLOW ? levels : NEAR_LEVELS);

/** What was replaced, the one that is off most first. */
const byError = ({ errors }: Point): readonly Id[] => [...errors].sort(([, a], [, b]) => b - a).map(([id]) => id);

/** The point with the fewest levels. */
const fewest = (points: readonly Point[]): Point => points.reduce((a, b) => (b.levels < a.levels ? b : a));
