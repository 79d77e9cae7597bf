import { CompileError, InternalError, type Issue, refuse } from '../../errors.ts';
import type { Samples } from '../../options.ts';
import { isDivisor } from '../activations.ts';
import { type Agreement, compare, decisionsOf, type OutputSamples } from '../agreement.ts';
import { checkSamples, countOf } from '../calibrate.ts';
import { evaluateNode } from '../evaluate.ts';
import type { BodyKind, ChebyshevSeries, Graph, Id, Node, PolynomialKind } from '../graph.ts';
import { operandsOf, sizeOf } from '../graph.ts';
import { type Bounds, boundsOf, hull, type Interval } from '../ranges.ts';
import { factorsOf, squaresOf } from './factors.ts';
import {
	type ActivationFit,
	DEGREES,
	FINE_DEGREES,
	type Fitted,
	fitData,
	fitInterval,
	LARGEST_DEGREE,
	MOST_DIVISOR_ERROR,
	percent,
} from './fits.ts';
import { domainIssue, frame, MARGIN } from './frame.ts';
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
	/** Largest relative error asked of every output, whether it decides something or not; default: MOST_ERROR, 1 % without samples. */
	readonly maxError?: number | undefined;
};

export type ApproximationReport = {
	readonly activations: readonly ActivationFit[];
	/** Against the exact model on the calibration samples. */
	readonly agreement?: Agreement;
	readonly samples: number;
	readonly warnings: readonly string[];
};
export type Approximated = { readonly graph: Graph<PolynomialKind>; readonly report: ApproximationReport };

/** Part of the calibration samples that must keep their decisions. */
const LEAST_AGREEMENT = 0.995;
/** The same if errors were twice as large: what is seen on calibration must hold beyond it. */
const LEAST_FIRM_AGREEMENT = 0.985;
/** Relative error up to which an output that decides something, or one that does not, is accepted. */
const MOST_ERROR = { decides: 0.3, value: 0.02 };
/** What a divisor may be off by itself, as a part of what the outputs may: errors that have nothing to do with each other add in squares. */
const DIVISOR_SHARE = Math.SQRT1_2;
const THIN_CALIBRATION = 32;
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
 * with errors twice as large, and the relative rms error of every output is at most 2 %, or 30 % for outputs that
 * decide. There the order of the values counts, and the bound only guards against agreement by chance on few samples:
 * the rms error of ReLU falls like degree^(-3/4), from 18 % at degree 2 to 3 % at 31, so a tight bound would cost levels
 * and buy no decisions. When no degree qualifies, the best one is taken, with a warning. What divides (1 / x, x ^ (-1/2))
 * counts the errors of the products that it goes into (see factors.ts), and may get a higher degree than the others: the
 * smallest at which their relative error is 0.7 of what outputs may have.
 *
 * Without samples, intervals come from interval arithmetic, and each activation gets the near-minimax polynomial of the
 * smallest degree with an error of at most 1 % of the function's range there; else of the largest, with a warning. For
 * what divides it is 1 % of its value, and a refusal where no degree comes near.
 *
 * Throws CompileError 'option' for an impossible degree, 'calibration' for samples that do not fit the inputs, and 'range' when
 * the accuracy that was asked for is missed on them or values overflow.
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

type Rows = readonly Float64Array[];
type Visit = (node: Node<'activation'>, id: Id, operand: Rows, at: (id: Id) => Rows) => ChebyshevSeries | undefined;

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
			const series = visit(original, id, at(x), at);
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
		// After one issue, values that are no numbers are its consequence.
		if (issues.length === 0 || interval.every(Number.isFinite))
			issues.push(...domainIssue(node, interval, 'calibration'));
		return undefined;
	});
	if (issues.length > 0) throw new CompileError(issues);
	const allowed = allowedErrors(graph, options, exact);
	const accuracy = DIVISOR_SHARE * Math.min(...allowed.values());
	const factors = new Map(
		graph.nodes.flatMap((node, id) =>
			node.kind === 'activation' && isDivisor(node) ? [[id, factorsOf(graph, id)] as const] : [],
		),
	);
	const attempt = (degree: number): Candidate => {
		const fits = new Map<Id, Fitted>();
		const outputs = sweep(graph, samples, (node, id, operand, at) => {
			const met = factors.get(id) ?? [];
			const squares =
				met.length === 0
					? undefined
					: operand.map((row, i) => squaresOf(met, row.length, (factor) => at(factor)[i] as Float64Array));
			const own = intervals.get(id) ?? intervalOf(operand);
			const place = frame(node.fn, own, intervalOf(operand, own), MARGIN);
			const asked = options.degree === undefined ? accuracy : undefined;
			const fitted = fitData(node, { operand, squares }, place, degree, asked);
			fits.set(id, fitted);
			return fitted.series;
		});
		return { fits, agreement: compare(graph, options.tails, exact, outputs) };
	};
	/** The largest error in units of what is allowed. */
	const errorOf = ({ agreement }: Candidate): number =>
		Math.max(
			...[...allowed].map(([name, most]) => {
				const error = agreement.relativeErrors.get(name) ?? 0;
				return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / most;
			}),
		);
	/** The same of errors and lost decisions; above 1 the candidate does not qualify. */
	const badness = (candidate: Candidate): number =>
		Math.max(
			(1 - candidate.agreement.decisions) / (1 - LEAST_AGREEMENT),
			(1 - candidate.agreement.firmDecisions) / (1 - LEAST_FIRM_AGREEMENT),
			errorOf(candidate),
		);
	/** What was asked for counts first, decisions after it. */
	const isBetter = (a: Candidate, b: Candidate): boolean => {
		const [mine, other] = options.maxError === undefined ? [1, 1] : [a, b].map((one) => Math.max(1, errorOf(one)));
		return mine === other ? badness(a) < badness(b) : Number(mine) < Number(other);
	};
	let best: Candidate | undefined;
	for (const degree of degreesFor(graph, options)) {
		const candidate = attempt(degree);
		if (best === undefined || isBetter(candidate, best)) best = candidate;
		if (badness(candidate) <= 1 + 1e-9) break;
	}
	if (best === undefined) throw new InternalError('approximate', 'no degree was tried');
	const missed = badness(best) > 1 + 1e-9;
	if (!Number.isFinite(errorOf(best))) refuseOverflow();
	if (options.maxError !== undefined && errorOf(best) > 1 + 1e-9) refuseError(graph, options.maxError, best);
	const activations = [...best.fits.values()].map(({ fit }) => fit);
	const count = countOf(samples);
	const warnings = [
		...calibrationWarnings(graph, options, best.agreement, missed, count),
		...divisorWarnings(best.fits),
		...jumpWarnings(graph),
	];
	return {
		graph: replace(graph, best.fits),
		report: { activations, agreement: best.agreement, samples: count, warnings },
	};
};

/** Activations one after another up to which degrees beyond 31 are worth their levels. */
const MOST_FINE = 3;

/** The degrees to try, in order: beyond 31 where an accuracy is asked for and few activations follow each other. */
const degreesFor = (graph: Graph<BodyKind>, { degree, maxError }: ApproximateOptions): readonly number[] => {
	if (degree !== undefined) return [degree];
	const inRow: number[] = [];
	for (const node of graph.nodes) {
		const before = operandsOf(node).reduce((most, x) => Math.max(most, inRow[x] as number), 0);
		inRow.push(before + Number(node.kind === 'activation'));
	}
	return maxError !== undefined && inRow.every((count) => count <= MOST_FINE) ? FINE_DEGREES : DEGREES;
};

/** The relative error that every output may have, by name. */
const allowedErrors = (
	graph: Graph<BodyKind>,
	{ tails, maxError }: ApproximateOptions,
	exact: OutputSamples,
): ReadonlyMap<string, number> =>
	new Map(
		graph.outputs.map((output) => {
			const values = firstOf(exact, output.name);
			const decides = decisionsOf(graph, output, tails.get(output.name) ?? [], values).length > 0;
			return [output.name, maxError ?? (decides ? MOST_ERROR.decides : MOST_ERROR.value)];
		}),
	);

const firstOf = (outputs: OutputSamples, name: string): Float64Array => outputs.get(name)?.[0] ?? new Float64Array();

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
			`only ${count} calibration sample${count === 1 ? '' : 's'}: the ranges and polynomials may not hold for other inputs; ` +
				`give at least ${THIN_CALIBRATION}, better hundreds`,
		);
	if (missed)
		warnings.push(
			`the polynomials do less than asked for: they keep the decisions of ${percent(decisions)} of the calibration samples, ` +
				`with a relative error of up to ${percent(Math.max(0, ...relativeErrors.values()))}`,
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

/** Divisors whose operand ranges too widely for any degree. */
const divisorWarnings = (fits: Fits): string[] =>
	[...fits.values()].flatMap(({ fit: { origin, interval, degree }, relative }) =>
		relative === undefined || relative.max <= MOST_DIVISOR_ERROR
			? []
			: [
					`${origin}: the polynomial of degree ${degree} that divides by values from ${Number(interval[0].toPrecision(4))} to ` +
						`${Number(interval[1].toPrecision(4))} is off by up to ${percent(relative.max)}, ${percent(relative.rms)} on the samples (rms)`,
				],
	);

/** Functions that jump, and by how much: a polynomial is continuous, and does not follow them there. */
const jumpsOf = (graph: Graph<BodyKind>): readonly { readonly origin: string; readonly alpha: number }[] =>
	graph.nodes.flatMap((node) => {
		const alpha = node.kind === 'activation' && node.fn === 'thresholdedRelu' ? (node.parameters?.[0] ?? 0) : 0;
		return alpha === 0 ? [] : [{ origin: node.origin, alpha }];
	});

const jumpWarnings = (graph: Graph<BodyKind>): string[] =>
	jumpsOf(graph).map(
		({ origin, alpha }) =>
			`${origin}: ThresholdedRelu jumps by ${Math.abs(alpha)} at ${alpha}, and no polynomial does: values near there ` +
			'are off by up to half of it; Relu of x minus the threshold has no jump',
	);

/** Values grow from one polynomial's error to the next until they are no numbers. */
const refuseOverflow = (): never =>
	refuse({
		code: 'range',
		message: 'With polynomials in the place of its functions, the model overflows on the calibration samples.',
		hint: 'Give calibration data of the size of real inputs, ask for a higher degree (--degree), or limit the values in the model (Clip).',
	});

/** Errors: 'range' for each function that jumps, which no degree follows, else for the model as a whole: the accuracy that was asked for is missed. */
const refuseError = (graph: Graph<BodyKind>, asked: number, { agreement, fits }: Candidate): never => {
	const reached = percent(Math.max(...agreement.relativeErrors.values()));
	const issues = jumpsOf(graph).map(
		({ origin, alpha }): Issue => ({
			code: 'range',
			message: `${origin}: ThresholdedRelu jumps at ${alpha}, and no polynomial does: outputs are off by ${reached} instead of ${percent(asked)}.`,
			hint: 'Use Relu of x minus the threshold, which has no jump, or ask for less (--max-error).',
			node: origin,
			op: 'ThresholdedRelu',
		}),
	);
	if (issues.length > 0) throw new CompileError(issues);
	const degree = Math.max(...[...fits.values()].map(({ fit }) => fit.degree));
	return refuse({
		code: 'range',
		message: `On the calibration samples, outputs are off by ${reached} (rms) with polynomials of degree ${degree}; ${percent(asked)} was asked for.`,
		hint: 'Ask for less (--max-error), leave samples out that reach far, or train with smoother activations.',
	});
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
