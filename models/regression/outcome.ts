/** What the measurement of one point means: its checks, what has become better, and the baseline it would have. */
import { absoluteChecks, type Baseline, baselineOf, type Check, improvements, relativeChecks } from './judge.ts';
import { type Point, toleranceOf } from './points.ts';
import type { Outcome } from './pool.ts';

export type Verdict = {
	readonly checks: readonly Check[];
	readonly better: readonly string[];
	/** What accepting it would write; nothing where it was not measured. */
	readonly baseline: Baseline | undefined;
};

/** With `accepting`, what a baseline says is replaced and not compared with. */
export const verdictOf = (
	point: Point,
	outcome: Outcome,
	before: Baseline | undefined,
	accepting: boolean,
): Verdict => {
	if (typeof outcome === 'string')
		return { checks: [{ what: `not measured: ${outcome}`, passed: false }], better: [], baseline: undefined };
	const tolerance = toleranceOf(point);
	const baseline = baselineOf(outcome, point.options, tolerance);
	const relative = accepting ? [] : relativeChecks(baseline, before);
	return {
		checks: [...absoluteChecks(outcome, tolerance), ...relative],
		better: improvements(baseline, before),
		baseline,
	};
};

/** A failed check for every baseline that no point has: the file says what is so. */
export const strayChecks = (names: readonly string[], baselines: ReadonlyMap<string, Baseline>): readonly Check[] =>
	[...baselines.keys()]
		.filter((name) => !names.includes(name))
		.map((name) => ({ what: `${name} has a baseline, but is no point of the zoo`, passed: false }));

/** The baselines with those that were measured in place of the old ones, in the order of the points; of others, what there was. */
export const accepted = (
	names: readonly string[],
	before: ReadonlyMap<string, Baseline>,
	measured: ReadonlyMap<string, Baseline>,
): ReadonlyMap<string, Baseline> =>
	new Map(
		names.flatMap((name) => {
			const baseline = measured.get(name) ?? before.get(name);
			return baseline === undefined ? [] : [[name, baseline] as const];
		}),
	);
