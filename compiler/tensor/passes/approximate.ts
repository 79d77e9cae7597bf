import { CompileError, InternalError, type Issue } from '../../errors.ts';
import { clenshaw, degreeOf, trim } from '../../numeric/chebyshev.ts';
import { fit, minimax } from '../../numeric/fit.ts';
import type { Samples } from '../../options.ts';
import { functionOf } from '../activations.ts';
import { type Agreement, compare, decisionsOf, type OutputSamples } from '../agreement.ts';
import { checkSamples, countOf } from '../calibrate.ts';
import { evaluateNode } from '../evaluate.ts';
import type { Activation, BodyKind, ChebyshevSeries, Graph, Id, Node, PolynomialKind } from '../graph.ts';
import { operandsOf, sizeOf } from '../graph.ts';
import { type Bounds, boundsOf, hull, type Interval } from '../ranges.ts';
import { domainIssue, type Frame, frame, MARGIN } from './frame.ts';
import { rewrite } from './rewrite.ts';
import type { Tail } from './split.ts';

export type ApproximateOptions = {
	/** Samples of the body's inputs, that is, after the heads. */
	readonly samples?: Samples | undefined;
	/** Bounds of the body's inputs by name, used when there are no samples. */
	readonly inputs: ReadonlyMap<string, Bounds>;
	/** What follows each output on the client: it says which decisions the model makes. */
	readonly tails: ReadonlyMap<string, Tail>;
	/** Degree of every polynomial; default: searched. */
	readonly degree?: number | undefined;
	/** Largest relative error asked of every output, whether it decides something or not; default: MOST_ERROR, MOST_UNIFORM_ERROR. */
	readonly maxError?: number | undefined;
};

/** One activation and the polynomial that replaces it. */
export type ActivationFit = {
	readonly origin: string;
	readonly fn: Activation;
	readonly degree: number;
	readonly interval: Interval;
	readonly source: 'calibration' | 'propagated';
	/** Largest error over the interval. */
	readonly maxError: number;
	/** Root mean square error over the calibration values, or over the interval when there are none. */
	readonly rmsError: number;
	/** Points of a plot over the interval: [x, function, polynomial]. */
	readonly curve: readonly (readonly [x: number, exact: number, polynomial: number])[];
};

export type ApproximationReport = {
	readonly activations: readonly ActivationFit[];
	/** Against the exact model on the calibration samples. */
	readonly agreement?: Agreement;
	readonly samples: number;
	readonly warnings: readonly string[];
};
export type Approximated = { readonly graph: Graph<PolynomialKind>; readonly report: ApproximationReport };

/** Degrees that are tried: 2^k and 2^k - 1, the most for their depth with and without a layer after (see lower-polynomials). */
const DEGREES = [2, 3, 4, 7, 8, 15, 16, 31];
const LARGEST_DEGREE = 31;
/** Part of the calibration samples that must keep their decisions. */
const LEAST_AGREEMENT = 0.995;
/** The same if errors were twice as large: what is seen on calibration must hold beyond it. */
const LEAST_FIRM_AGREEMENT = 0.985;
/** Relative error up to which an output that decides something, or one that does not, is accepted. */
const MOST_ERROR = { decides: 0.3, value: 0.02 };
/** Without calibration: error relative to the function's range on its interval. */
const MOST_UNIFORM_ERROR = 0.01;
/** Weight of the uniform grid beside the data, so that a polynomial stays near the function where few data are. */
const UNIFORM_WEIGHT = 0.02;
const BINS = 1024;
const THIN_CALIBRATION = 32;
const CURVE_POINTS = 81;
/** Multiplications that one evaluation of the calibration samples may cost before samples are left out. */
const MOST_WORK = 1e9;

/**
 * Replaces every activation by one polynomial for all its elements. This is the one pass that changes what the model
 * computes; the report says by how much.
 *
 * With calibration samples, the model is evaluated layer by layer on all of them. Each activation is fitted by weighted
 * least squares in the Chebyshev basis to the values that reach it *through the polynomials before it* (with a light
 * uniform grid), on an interval that holds these values, the exact model's, and a margin of 10 %. All activations get
 * the same degree: the smallest for which 99.5 % of the samples keep all their decisions (see agreement.ts), 98.5 % even
 * with errors twice as large, and the relative rms error of every output is at most 2 %, or 30 % for outputs that decide. There the order of the values
 * counts, and the bound only guards against agreement by chance on few samples: the rms error of ReLU falls like
 * degree^(-3/4), from 18 % at degree 2 to 3 % at 31, so a tight bound would cost levels and buy no decisions. When no
 * degree qualifies, the best one is taken, with a warning.
 *
 * Without samples, intervals come from interval arithmetic, and each activation gets the near-minimax polynomial of the
 * smallest degree with an error of at most 1 % of the function's range there; else of the largest, with a warning.
 *
 * Throws CompileError 'option' for an impossible degree and 'calibration' for samples that do not fit the inputs.
 */
export const approximate = (graph: Graph<BodyKind>, options: ApproximateOptions): Approximated => {
	const { degree } = options;
	if (degree !== undefined && (!Number.isInteger(degree) || degree < 1 || degree > LARGEST_DEGREE)) {
		const message = `degree ${degree} is not a whole number from 1 to ${LARGEST_DEGREE}`;
		throw new CompileError([{ code: 'option', message }]);
	}
	if (options.samples !== undefined) checkSamples(graph, options.samples);
	if (!graph.nodes.some(({ kind }) => kind === 'activation'))
		return { graph: replace(graph, new Map()), report: { activations: [], samples: 0, warnings: [] } };
	return options.samples === undefined || countOf(options.samples) === 0
		? fromBounds(graph, options)
		: fromSamples(graph, options, thin(graph, options.samples));
};

type Fitted = { readonly series: ChebyshevSeries; readonly fit: ActivationFit };
type Fits = ReadonlyMap<Id, Fitted>;

/** The graph with the fitted polynomials in place of its activations. */
const replace = (graph: Graph<BodyKind>, fits: Fits): Graph<PolynomialKind> =>
	rewrite<Node<BodyKind>, PolynomialKind>('approximate', graph, (node, builder, old) => {
		if (node.kind !== 'activation') return builder.add(node);
		const series = fits.get(old)?.series;
		if (series === undefined) throw new InternalError('approximate', `activation ${old} was not fitted`);
		return builder.add({ kind: 'polynomial', x: node.x, series, shape: node.shape, origin: node.origin });
	});

/** Every k-th sample, so that one evaluation of all stays within MOST_WORK; at least 64 stay. */
const thin = (graph: Graph<BodyKind>, samples: Samples): Samples => {
	const work = graph.nodes.reduce((total, node) => {
		const terms = node.kind === 'affine' ? node.terms : [];
		return total + sizeOf(node.shape) + terms.reduce((sum, { matrix }) => sum + matrix.values.length, 0);
	}, 0);
	const step = Math.ceil(countOf(samples) / Math.max(64, Math.floor(MOST_WORK / work)));
	return new Map([...samples].map(([name, values]) => [name, values.filter((_, i) => i % step === 0)]));
};

type Visit = (node: Node<'activation'>, id: Id, operand: readonly Float64Array[]) => ChebyshevSeries | undefined;

/**
 * Evaluates the graph on all samples, node by node. `visit` sees what reaches each activation and may return the
 * polynomial to use instead of it. Values are dropped after their last use.
 */
const sweep = (graph: Graph<BodyKind>, samples: Samples, visit: Visit): OutputSamples => {
	const values = new Map<Id, readonly Float64Array[]>();
	const at = (id: Id): readonly Float64Array[] => values.get(id) as readonly Float64Array[];
	const lastUse = graph.nodes.map((_, id) => id);
	graph.nodes.forEach((node, id) => {
		for (const x of operandsOf(node)) lastUse[x] = id;
	});
	for (const { id } of graph.outputs) lastUse[id] = graph.nodes.length;
	const count = countOf(samples);
	graph.nodes.forEach((original, id) => {
		let node: Node = original;
		if (original.kind === 'activation') {
			const { x, shape, origin } = original;
			const series = visit(original, id, at(x));
			if (series !== undefined) node = { kind: 'polynomial', x, series, shape, origin };
		}
		const rows = Array.from({ length: count }, (_, i) =>
			evaluateNode(node, {
				value: (operand) => at(operand)[i] as Float64Array,
				input: (name) => samples.get(name)?.[i],
			}),
		);
		values.set(id, rows);
		for (const x of [...operandsOf(node), id]) if (lastUse[x] === id) values.delete(x);
	});
	return new Map(graph.outputs.map(({ name, id }) => [name, at(id)]));
};

/** Smallest and largest of all values, and of an interval known before. */
const intervalOf = (rows: readonly Float64Array[], before?: Interval): Interval => {
	let [low, high] = before ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const row of rows)
		for (const v of row) {
			low = Math.min(low, v);
			high = Math.max(high, v);
		}
	return [low, high];
};

type Candidate = { readonly fits: Fits; readonly agreement: Agreement };

const fromSamples = (graph: Graph<BodyKind>, options: ApproximateOptions, samples: Samples): Approximated => {
	const intervals = new Map<Id, Interval>();
	const issues: Issue[] = [];
	const exact = sweep(graph, samples, (node, id, operand) => {
		const interval = intervalOf(operand);
		intervals.set(id, interval);
		issues.push(...domainIssue(node, interval, 'calibration'));
		return undefined;
	});
	if (issues.length > 0) throw new CompileError(issues);
	const attempt = (degree: number): Candidate => {
		const fits = new Map<Id, Fitted>();
		const outputs = sweep(graph, samples, (node, id, operand) => {
			const own = intervals.get(id) ?? intervalOf(operand);
			const fitted = fitData(node, operand, frame(node.fn, own, intervalOf(operand, own), MARGIN), degree);
			fits.set(id, fitted);
			return fitted.series;
		});
		return { fits, agreement: compare(graph.outputs, options.tails, exact, outputs) };
	};
	/** The largest error in units of what is allowed; above 1 the candidate does not qualify. */
	const badness = ({ agreement }: Candidate): number =>
		Math.max(
			(1 - agreement.decisions) / (1 - LEAST_AGREEMENT),
			(1 - agreement.firmDecisions) / (1 - LEAST_FIRM_AGREEMENT),
			...graph.outputs.map((output) => {
				const decides =
					decisionsOf(output, options.tails.get(output.name) ?? [], firstOf(exact, output.name)).length > 0;
				const error = agreement.relativeErrors.get(output.name) ?? 0;
				const most = options.maxError ?? (decides ? MOST_ERROR.decides : MOST_ERROR.value);
				return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / most;
			}),
		);
	let best: Candidate | undefined;
	for (const degree of options.degree === undefined ? DEGREES : [options.degree]) {
		const candidate = attempt(degree);
		if (best === undefined || badness(candidate) < badness(best)) best = candidate;
		if (badness(candidate) <= 1 + 1e-9) break;
	}
	if (best === undefined) throw new InternalError('approximate', 'no degree was tried');
	const activations = [...best.fits.values()].map(({ fit }) => fit);
	const count = countOf(samples);
	const warnings = [
		...calibrationWarnings(graph, options, best.agreement, badness(best) > 1 + 1e-9, count),
		...jumpWarnings(graph),
	];
	return {
		graph: replace(graph, best.fits),
		report: { activations, agreement: best.agreement, samples: count, warnings },
	};
};

const firstOf = (outputs: OutputSamples, name: string): Float64Array => outputs.get(name)?.[0] ?? new Float64Array();

const percent = (part: number): string => `${Number((100 * part).toPrecision(3))} %`;

const calibrationWarnings = (
	graph: Graph<BodyKind>,
	{ tails }: ApproximateOptions,
	{ decisions, relativeErrors }: Agreement,
	missed: boolean,
	count: number,
): string[] => {
	const warnings: string[] = [];
	if (count < THIN_CALIBRATION)
		warnings.push(
			`only ${count} calibration samples: the ranges and polynomials may not hold for other inputs; ` +
				`give at least ${THIN_CALIBRATION}, better hundreds`,
		);
	if (missed)
		warnings.push(
			`the polynomials keep the decisions of ${percent(decisions)} of the calibration samples, with a relative error ` +
				`of up to ${percent(Math.max(0, ...relativeErrors.values()))}: less than asked for`,
		);
	for (const { name } of graph.outputs) {
		const error = relativeErrors.get(name) ?? 0;
		if (!missed && error > 0.05 && (tails.get(name) ?? []).length === 0)
			warnings.push(
				`output ${name} keeps its largest element, but its values differ by ${percent(error)} (rms): ` +
					'if the values themselves matter, ask for a higher degree',
			);
	}
	return warnings;
};

/** A polynomial is continuous: what jumps is not followed where it does. */
const jumpWarnings = (graph: Graph<BodyKind>): string[] =>
	graph.nodes.flatMap((node) => {
		if (node.kind !== 'activation' || node.fn !== 'thresholdedRelu') return [];
		const alpha = node.parameters?.[0] ?? 0;
		return [
			`${node.origin}: ThresholdedRelu jumps by ${Math.abs(alpha)} at ${alpha}, and no polynomial does: values near there ` +
				'are off by up to half of it; Relu of x minus the threshold has no jump',
		];
	});

/** The weighted least-squares fit of one activation to the distribution of its operand. */
const fitData = (
	node: Node<'activation'>,
	operand: readonly Float64Array[],
	{ center, radius }: Frame,
	degree: number,
): Fitted => {
	const counts = new Float64Array(BINS);
	let total = 0;
	for (const row of operand)
		for (const v of row) {
			const bin = Math.min(BINS - 1, Math.max(0, Math.floor(((v - center + radius) / (2 * radius)) * BINS)));
			counts[bin] = (counts[bin] as number) + 1;
			total++;
		}
	const fn = functionOf(node);
	const points = Array.from(counts, (n, i) => {
		const x = center - radius + ((i + 0.5) * 2 * radius) / BINS;
		return { x, y: fn(x), weight: ((1 - UNIFORM_WEIGHT) * n) / total + UNIFORM_WEIGHT / BINS };
	});
	return describe(node, { center, radius, coefficients: trim(fit(points, degree, center, radius)) }, counts);
};

/** The fit with its errors; `counts` weighs the cells of the interval in the rms error. */
const describe = (node: Node<'activation'>, series: ChebyshevSeries, counts?: Float64Array): Fitted => {
	const { center, radius, coefficients } = series;
	const fn = functionOf(node);
	const errorAt = (t: number): number => Math.abs(fn(center + radius * t) - clenshaw(coefficients, t));
	let [maxError, squares, total] = [0, 0, 0];
	for (let i = 0; i < BINS; i++) {
		const weight = counts?.[i] ?? 1;
		squares += weight * errorAt((2 * i + 1) / BINS - 1) ** 2;
		total += weight;
	}
	for (let i = 0; i <= BINS; i++) maxError = Math.max(maxError, errorAt((2 * i) / BINS - 1));
	const fit: ActivationFit = {
		origin: node.origin,
		fn: node.fn,
		degree: degreeOf(coefficients),
		interval: [center - radius, center + radius],
		source: counts === undefined ? 'propagated' : 'calibration',
		maxError,
		rmsError: Math.sqrt(squares / total),
		curve: Array.from({ length: CURVE_POINTS }, (_, i) => {
			const t = (2 * i) / (CURVE_POINTS - 1) - 1;
			const x = center + radius * t;
			return [x, fn(x), clenshaw(coefficients, t)];
		}),
	};
	return { series, fit };
};

const fromBounds = (graph: Graph<BodyKind>, options: ApproximateOptions): Approximated => {
	const fits = new Map<Id, Fitted>();
	const bounds: Bounds[] = [];
	const warnings = [
		'no calibration data: activation ranges come from interval arithmetic, wider than real inputs reach; ' +
			'polynomials fitted to typical inputs are of lower degree and nearer',
		...jumpWarnings(graph),
	];
	graph.nodes.forEach((original, id) => {
		let node: Node<BodyKind> = original;
		if (original.kind === 'activation') {
			const fitted = fitInterval(original, hull(bounds[original.x] as Bounds), options, warnings);
			fits.set(id, fitted);
			const { x, shape, origin } = original;
			node = { kind: 'polynomial', x, series: fitted.series, shape, origin };
		}
		bounds.push(boundsOf(node, (x) => bounds[x] as Bounds, options.inputs));
	});
	const activations = [...fits.values()].map(({ fit }) => fit);
	return { graph: replace(graph, fits), report: { activations, samples: 0, warnings } };
};

/** The near-minimax polynomial of the smallest sufficient degree, or of the given one. */
const fitInterval = (
	node: Node<'activation'>,
	interval: Interval,
	{ degree, maxError = MOST_UNIFORM_ERROR }: Pick<ApproximateOptions, 'degree' | 'maxError'>,
	warnings: string[],
): Fitted => {
	const issues = domainIssue(node, interval, 'propagated');
	if (issues.length > 0) throw new CompileError(issues);
	const [low, high] = interval;
	const { center, radius } = frame(node.fn, interval, interval, 0);
	const fn = functionOf(node);
	const samples = Array.from({ length: BINS + 1 }, (_, i) => fn(center + radius * ((2 * i) / BINS - 1)));
	const [least, most] = [Math.min(...samples), Math.max(...samples)];
	const range = most - least;
	const accepted = Math.max(maxError * range, 1e-12 * Math.max(Math.abs(least), Math.abs(most)));
	const attempt = (d: number): Fitted =>
		describe(node, { center, radius, coefficients: trim(minimax(fn, d, center, radius)) });
	if (degree !== undefined) return attempt(degree);
	let fitted = attempt(DEGREES[0] as number);
	for (const d of DEGREES) {
		fitted = attempt(d);
		if (fitted.fit.maxError <= accepted) return fitted;
	}
	warnings.push(
		`${node.origin}: ${node.fn} on [${Number(low.toPrecision(4))}, ${Number(high.toPrecision(4))}] is off by up to ` +
			`${percent(fitted.fit.maxError / range)} of its range even at degree ${LARGEST_DEGREE}: give calibration data`,
	);
	return fitted;
};
