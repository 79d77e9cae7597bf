import { CompileError, type Issue, refuse } from '../../errors.ts';
import type { Samples } from '../../options.ts';
import type { Agreement } from '../agreement.ts';
import { fitsFromBounds, safeRanges } from '../approximation/bounds.ts';
import { type Exact, exactOn, FINAL_WORK, outputRows, SEARCH_WORK, thinned } from '../approximation/exact.ts';
import { type Asked, judgeOf, meetsError } from '../approximation/judge.ts';
import { type LayerError, type Replacements, replaceIn, replay } from '../approximation/replay.ts';
import { type Point, partsOf, Search } from '../approximation/search.ts';
import * as warn from '../approximation/warnings.ts';
import { checkSamples, countOf } from '../calibrate.ts';
import { depthOf } from '../depth.ts';
import type { BodyKind, Graph, PolynomialKind } from '../graph.ts';
import type { Bounds } from '../ranges.ts';
import type { WindowForm } from '../windows.ts';
import { expandPools } from './expand-pools.ts';
import { type ActivationFit, intervalOf, LARGEST_DEGREE } from './fits.ts';
import { domainIssue } from './frame.ts';

export type ApproximateOptions = Asked & {
	/** Samples of the body's inputs, that is, after the heads. */
	readonly samples?: Samples | undefined;
	/** Bounds of the body's inputs by name: what polynomials are fitted to when there are no samples, and what they can never leave. */
	readonly inputs: ReadonlyMap<string, Bounds>;
	/** Degree of every polynomial; default: searched. */
	readonly degree?: number | undefined;
	/** Levels that the model may take at most; default: as many as it needs. */
	readonly maxLevels?: number | undefined;
	/** Are linear layers fitted anew behind polynomials? Default: they are, where that helps on samples left out. */
	readonly compensation?: boolean | undefined;
	readonly onPoint?: (tried: number) => void;
};

/** One way of replacing the functions: what it takes and what it keeps. */
export type TradeOff = {
	readonly levels: number;
	/** Part of the decisions kept on the samples that judge, and expected to flip. */
	readonly decisions: number;
	readonly flips: number;
	/** Expected to flip if errors were twice as large. */
	readonly wavering: number;
	/** The largest relative rms error of an output. */
	readonly error: number;
	readonly chosen: boolean;
};

export type ApproximationReport = {
	readonly activations: readonly ActivationFit[];
	readonly windows: readonly WindowForm[];
	/** Against the exact model on the calibration samples that judge: those that nothing was fitted to, where there are enough. */
	readonly agreement?: Agreement;
	readonly samples: number;
	/** How many of the samples judge. */
	readonly judged: number;
	/** Points that were looked at, by levels: no other has as few levels and does better. */
	readonly tradeOffs: readonly TradeOff[];
	readonly layers: readonly LayerError[];
	/** Layers that were fitted anew, and what the agreement would be without. */
	readonly compensation?: { readonly layers: number; readonly without: Agreement };
	readonly warnings: readonly string[];
};
export type Approximated = {
	readonly graph: Graph<PolynomialKind>;
	readonly report: ApproximationReport;
	/** Levels of the chosen point, as far as they are known here. */
	readonly levels: number;
	/** The best with at most so many levels; undefined where there is none. */
	readonly within: (maxLevels: number) => Approximated | undefined;
};

/** What a divisor may be off by itself, as a part of what the outputs may: errors that have nothing to do with each other add in squares. */
const DIVISOR_SHARE = Math.SQRT1_2;

/**
 * Replaces every activation by polynomials, every maximum over windows by a symmetric polynomial of the window or by a
 * tournament, and re-fits linear layers behind them. This is the one pass that changes what the model computes; the report
 * says by how much.
 *
 * With calibration samples, the model is evaluated layer by layer on all of them, beside the exact one (approximation/replay.ts),
 * and of the polynomials that do what is asked those with the fewest levels are taken (approximation/search.ts): by default no
 * more than 0.4 % of the decisions may be expected to flip, half of which may be lost, and the relative rms error of every
 * output is at most 2 %, or 30 % for outputs that decide. There the order of the values counts, and the bound only guards
 * against agreement by chance. When nothing qualifies, the best is taken, with a warning. What divides (1 / x, x ^ (-1/2))
 * counts the errors of the products that it goes into (see factors.ts), and may get a higher degree than its rung has: the
 * smallest at which their relative error is 0.7 of what outputs may have.
 *
 * Without samples, intervals come from interval arithmetic, and each activation gets the near-minimax polynomial of the
 * smallest degree with an error of at most 1 % of the function's range there, or what was asked for; else of the largest, with a warning. For
 * what divides it is 1 % of its value, and a refusal where no degree comes near.
 *
 * Throws CompileError 'option' for an impossible degree, 'calibration' for samples that do not fit the inputs, and 'range' when
 * the accuracy that was asked for is missed on them or values overflow.
 */
export const approximate = (graph: Graph<BodyKind>, options: ApproximateOptions): Approximated => {
	const { degree, samples } = options;
	if (degree !== undefined && (!Number.isInteger(degree) || degree < 1 || degree > LARGEST_DEGREE)) {
		const message = `degree ${degree} is not a whole number from 1 to ${LARGEST_DEGREE}`;
		throw new CompileError([{ code: 'option', message }]);
	}
	if (samples !== undefined) checkSamples(graph, samples);
	if (!graph.nodes.some(({ kind }) => kind === 'activation' || kind === 'pooled')) return unchanged(graph);
	return samples === undefined || countOf(samples) === 0
		? fromBounds(expandPools(graph), options)
		: fromSamples(graph, options, samples);
};

const nothing = { windows: [], samples: 0, judged: 0, tradeOffs: [], layers: [] };

const unchanged = (graph: Graph<BodyKind>): Approximated => ({
	graph: replaceIn(graph, new Map()),
	report: { ...nothing, activations: [], warnings: [] },
	levels: 0,
	within: () => undefined,
});

/** Caps of degrees that are tried in turn, where no parameters hold the levels of higher ones. */
const CAPS = [Number.POSITIVE_INFINITY, 255, 127, 63, LARGEST_DEGREE];

const fromBounds = (graph: Graph<BodyKind>, options: ApproximateOptions, cap = 0): Approximated => {
	const warnings = [
		'no calibration data: activation ranges come from interval arithmetic, wider than real inputs reach; ' +
			'polynomials fitted to typical inputs are of lower degree and nearer',
		...warn.jumpWarnings(graph),
	];
	const fits = fitsFromBounds(graph, { ...options, mostDegree: CAPS[cap] }, warnings);
	const replacements = new Map([...fits].map(([id, fitted]) => [id, { kind: 'polynomial', fitted } as const]));
	const activations = [...fits.values()].map(({ fit }) => fit);
	const replaced = replaceIn(graph, replacements);
	const levels = depthOf(replaced);
	// Only what was asked for takes degrees that a cap lowers.
	const within = (maxLevels: number): Approximated | undefined => {
		for (let lower = cap + 1; lower < CAPS.length && options.maxError !== undefined; lower++) {
			const capped = fromBounds(graph, options, lower);
			if (capped.levels <= maxLevels && capped.levels < levels) return capped;
		}
		return undefined;
	};
	return { graph: replaced, report: { ...nothing, activations, warnings }, levels, within };
};

const fromSamples = (graph: Graph<BodyKind>, options: ApproximateOptions, samples: Samples): Approximated => {
	const exact = exactOn(graph, thinned(graph, samples, SEARCH_WORK));
	refuseDomains(graph, exact);
	const { compensation = true } = options;
	const allowed = judgeOf(
		graph,
		options,
		outputRows(graph, (id) => exact.rows[id] ?? [], [0]),
	).allowed;
	const divisorError = options.degree === undefined ? DIVISOR_SHARE * Math.min(...allowed.values()) : undefined;
	const search = new Search(graph, exact, { ...options, compensation, divisorError });
	const settings = { ...options, samples, compensation, divisorError };
	// Fewer levels than what was asked for takes are no answer where it was asked for as an error.
	const within = (maxLevels: number): Approximated | undefined => {
		const point = search.best(maxLevels);
		return point === undefined || (options.maxError !== undefined && !meetsError(point.verdict))
			? undefined
			: finished(search, point, settings, within);
	};
	const point = search.best(options.maxLevels);
	if (point === undefined) return refuseLevels(search, options.maxLevels ?? 0);
	return finished(search, point, settings, within);
};

type Settings = Asked & {
	readonly inputs: ApproximateOptions['inputs'];
	readonly samples: Samples;
	readonly compensation: boolean;
	readonly divisorError?: number | undefined;
};

/** The point with everything fitted to all samples. */
const finished = (search: Search, point: Point, settings: Settings, within: Approximated['within']): Approximated => {
	const { verdict, plan, levels } = point;
	const { graph } = point.variant;
	if (!Number.isFinite(verdict.error)) warn.refuseOverflow();
	const samples = thinned(graph, settings.samples, FINAL_WORK);
	const exact = countOf(samples) === point.variant.exact.count ? point.variant.exact : exactOn(graph, samples);
	const { fitted, judged } = partsOf(exact.count);
	const all = [...new Set([...judged, ...fitted])];
	const { replacements, layers } = replay(graph, exact, plan, { ...settings, fitted: all, judged });
	if (settings.maxError !== undefined && !meetsError(verdict))
		warn.refuseError(graph, settings.maxError, point, replacements);
	const fits = [...replacements.values()].flatMap((one) => (one.kind === 'polynomial' ? [one.fitted] : []));
	return {
		graph: replaceIn(graph, replacements),
		report: {
			activations: activationsOf(graph, replacements, settings.inputs),
			windows: [...replacements.values()].flatMap((one) => (one.kind === 'window' ? [one.form] : [])),
			agreement: verdict.agreement,
			samples: exact.count,
			judged: partsOf(point.variant.exact.count).judged.length,
			tradeOffs: tradeOffsOf(search.points, point),
			layers,
			...compensationOf(point, settings, replacements),
			warnings: [
				...warn.calibrationWarnings(graph, settings, point, exact.count),
				...warn.divisorWarnings(fits),
				...warn.jumpWarnings(graph),
			],
		},
		levels,
		within,
	};
};

const activationsOf = (
	graph: Graph<BodyKind>,
	replacements: Replacements,
	inputs: ApproximateOptions['inputs'],
): readonly ActivationFit[] => {
	const ranges = safeRanges(graph, inputs);
	return [...replacements].flatMap(([id, one]) => {
		const bounds = ranges.get(id);
		if (one.kind !== 'polynomial') return [];
		return [bounds === undefined ? one.fitted.fit : { ...one.fitted.fit, bounds }];
	});
};

/** What the same polynomials would keep without layers fitted anew. */
const compensationOf = (
	{ variant: { graph, exact }, plan }: Point,
	settings: Settings,
	replacements: Replacements,
): Pick<ApproximationReport, 'compensation'> => {
	const count = [...replacements.values()].filter(({ kind }) => kind === 'layer').length;
	if (count === 0) return {};
	const parts = partsOf(exact.count);
	const { at } = replay(graph, exact, plan, { ...settings, ...parts, compensation: false });
	const original = outputRows(graph, (id) => exact.rows[id] ?? [], parts.judged);
	const { agreement } = judgeOf(graph, settings, original).judge(outputRows(graph, at, parts.judged));
	return { compensation: { layers: count, without: agreement } };
};

/** The points than which no other has as few levels and a smaller badness, the chosen one among them, by levels. */
const tradeOffsOf = (points: readonly Point[], chosen: Point): readonly TradeOff[] =>
	points
		.filter((point) => point === chosen || !points.some((other) => dominates(other, point)))
		.sort((a, b) => a.levels - b.levels)
		.map((point) => ({
			levels: point.levels,
			decisions: point.verdict.agreement.decisions,
			flips: point.verdict.flips,
			wavering: point.verdict.wavering,
			error: Math.max(0, ...point.verdict.agreement.relativeErrors.values()),
			chosen: point === chosen,
		}));

const dominates = (a: Point, b: Point): boolean =>
	a.levels <= b.levels &&
	a.verdict.badness <= b.verdict.badness &&
	(a.levels < b.levels || a.verdict.badness < b.verdict.badness);

/** Errors: 'range' where what reaches a function leaves its domain. */
const refuseDomains = (graph: Graph<BodyKind>, exact: Exact): void => {
	const issues: Issue[] = [];
	for (const node of graph.nodes) {
		if (node.kind !== 'activation') continue;
		const interval = intervalOf(exact.rows[node.x] ?? []);
		// After one issue, values that are no numbers are its consequence.
		if (issues.length === 0 || interval.every(Number.isFinite))
			issues.push(...domainIssue(node, interval, 'calibration'));
	}
	if (issues.length > 0) throw new CompileError(issues);
};

const refuseLevels = (search: Search, asked: number): never => {
	const fewest = Math.min(...search.points.map(({ levels }) => levels));
	return refuse({
		code: 'option',
		message: `With polynomials of the lowest degrees this model takes ${fewest} levels; at most ${asked} were asked for.`,
		hint: 'Allow more levels (--max-levels).',
	});
};
