import { type Agreement, compare, decisionsOf, expectedFlips, type OutputSamples } from '../agreement.ts';
import type { BodyKind, Graph, Output } from '../graph.ts';
import type { Tail } from '../passes/split.ts';

/** What is asked of the polynomials. */
export type Asked = {
	/** What follows each output on the client: it says which decisions the model makes. */
	readonly tails: ReadonlyMap<string, Tail>;
	/** Points of accuracy that may be lost; default DEFAULT_BUDGET. */
	readonly accuracyBudget?: number | undefined;
	/** Largest relative rms error of every output, whether it decides something or not; default MOST_ERROR. */
	readonly maxError?: number | undefined;
};

/** How a candidate does on samples that it was not fitted to. */
export type Verdict = {
	readonly agreement: Agreement;
	/**
	 * Part of the samples expected to lose a decision: the mean of those that do, and of how often an error of one sample exceeds
	 * the margin of another, which is smooth but a little low, for errors are larger where margins are small; the latter alone where few judge.
	 */
	readonly flips: number;
	/** The part that is expected to if errors were twice as large: how firm decisions are. */
	readonly wavering: number;
	/** The largest error of an output, in units of what is allowed. */
	readonly error: number;
	/** The same of errors and flips; above 1 the candidate does not qualify. */
	readonly badness: number;
};

const DEFAULT_BUDGET = 0.2;
/** Decisions that may flip for each that may be lost: what flips is near the border, where about half of it was wrong before. */
const FLIPS_FOR_A_LOSS = 2;
/** Decisions that may waver for each that may flip. */
const WAVERING = 4;
/** Samples of which one is so large a part that those that lose a decision are not counted. */
const FEW = 200;
/**
 * Relative error up to which an output that decides something, or one that does not, is accepted. What is calibrated with was often
 * trained on, and decided by wider margins than other inputs are: the error bounds what is lost there. Less is asked where a budget is given.
 */
const MOST_ERROR = { decides: 0.1, budgeted: 0.3, value: 0.02 };

/** The judge of candidates: `exact` are the outputs of the model itself on the samples that are judged. */
export const judgeOf = (graph: Graph<BodyKind>, asked: Asked, exact: OutputSamples) => {
	const { tails, accuracyBudget = DEFAULT_BUDGET, maxError } = asked;
	const most = asked.accuracyBudget === undefined ? MOST_ERROR.decides : MOST_ERROR.budgeted;
	const decides = ({ name, ...output }: Output): boolean =>
		decisionsOf(graph, { ...output, name }, tails.get(name) ?? [], exact.get(name)?.[0] ?? new Float64Array()).length >
		0;
	const allowed = new Map(
		graph.outputs.map((output) => [output.name, maxError ?? (decides(output) ? most : MOST_ERROR.value)]),
	);
	const samples = exact.values().next().value?.length ?? 0;
	const mostFlips = (FLIPS_FOR_A_LOSS * accuracyBudget) / 100;
	const judge = (outputs: OutputSamples): Verdict => {
		const agreement = compare(graph, tails, exact, outputs);
		const expected = expectedFlips(graph, tails, exact, outputs);
		const flips = samples < FEW ? expected : (1 - agreement.decisions + expected) / 2;
		const error = Math.max(
			...[...allowed].map(([name, most]) => {
				const relative = agreement.relativeErrors.get(name) ?? 0;
				return Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative / most;
			}),
		);
		const wavering = expectedFlips(graph, tails, exact, outputs, 2);
		return {
			agreement,
			flips,
			wavering,
			error,
			badness: Math.max(flips / mostFlips, wavering / (WAVERING * mostFlips), error),
		};
	};
	return { allowed, judge };
};

export const qualifies = ({ badness }: Verdict): boolean => badness <= 1 + 1e-9;
export const meetsError = ({ error }: Verdict): boolean => error <= 1 + 1e-9;

/** Errors and expected flips so small that better ones would hardly show. */
const NEAR = { error: 0.03, flips: 5e-4 };
export const isNear = (verdict: Verdict): boolean =>
	qualifies(verdict) &&
	verdict.flips <= NEAR.flips &&
	[...verdict.agreement.relativeErrors.values()].every((error) => error <= NEAR.error);

/** What was asked for counts first, decisions after it. */
export const isBetter = (a: Verdict, b: Verdict, { maxError }: Asked): boolean => {
	const [mine, other] = maxError === undefined ? [1, 1] : [Math.max(1, a.error), Math.max(1, b.error)];
	return mine === other ? a.badness < b.badness : mine < other;
};
