import { CompileError, type Issue, refuse } from '../../errors.ts';
import type { BodyKind, Graph } from '../graph.ts';
import { type Fitted, MOST_DIVISOR_ERROR, percent } from '../passes/fits.ts';
import { type Asked, qualifies } from './judge.ts';
import type { Replacements } from './replay.ts';
import type { Point } from './search.ts';

const THIN_CALIBRATION = 32;

/** A part in digits that tell it from 1. */
const share = (part: number): string => `${Number((100 * part).toFixed(2))} %`;

export const calibrationWarnings = (
	graph: Graph<BodyKind>,
	{ tails }: Asked,
	{ verdict }: Point,
	count: number,
): string[] => {
	const warnings: string[] = [];
	const { decisions, relativeErrors } = verdict.agreement;
	if (count < THIN_CALIBRATION)
		warnings.push(
			`only ${count} calibration sample${count === 1 ? '' : 's'}: the ranges and polynomials may not hold for other inputs; ` +
				`give at least ${THIN_CALIBRATION}, better hundreds`,
		);
	const missed = !qualifies(verdict);
	if (missed)
		warnings.push(
			`the polynomials do less than asked for: they keep the decisions of ${share(decisions)} of the calibration samples, ` +
				`with a relative error of up to ${percent(Math.max(0, ...relativeErrors.values()))}`,
		);
	for (const { name } of graph.outputs) {
		const error = relativeErrors.get(name) ?? 0;
		if (!missed && error > 0.05 && (tails.get(name) ?? []).length === 0)
			warnings.push(
				`output ${name} keeps its largest element, but its values differ by ${percent(error)} (rms): ` +
					'if the values themselves matter, ask for less error (--max-error)',
			);
	}
	return warnings;
};

/** Divisors whose operand ranges too widely for any degree. */
export const divisorWarnings = (fits: readonly Fitted[]): string[] =>
	fits.flatMap(({ fit: { origin, interval, degree }, relative }) =>
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

export const jumpWarnings = (graph: Graph<BodyKind>): string[] =>
	jumpsOf(graph).map(
		({ origin, alpha }) =>
			`${origin}: ThresholdedRelu jumps by ${Math.abs(alpha)} at ${alpha}, and no polynomial does: values near there ` +
			'are off by up to half of it; Relu of x minus the threshold has no jump',
	);

/** Errors: 'range'. Values grow from one polynomial's error to the next until they are no numbers. */
export const refuseOverflow = (): never =>
	refuse({
		code: 'range',
		message: 'With polynomials in the place of its functions, the model overflows on the calibration samples.',
		hint: 'Give calibration data of the size of real inputs, ask for a higher degree (--degree), or limit the values in the model (Clip).',
	});

/** Errors: 'range' for each function that jumps, which no degree follows, else for the model as a whole: the accuracy that was asked for is missed. */
export const refuseError = (graph: Graph<BodyKind>, asked: number, { verdict }: Point, used: Replacements): never => {
	const reached = percent(Math.max(...verdict.agreement.relativeErrors.values()));
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
	const degrees = [...used.values()].map((one) => (one.kind === 'polynomial' ? one.fitted.fit.degree : 0));
	return refuse({
		code: 'range',
		message: `On the calibration samples, outputs are off by ${reached} (rms) with polynomials of degree ${Math.max(...degrees)}; ${percent(asked)} was asked for.`,
		hint: 'Ask for less (--max-error), leave samples out that reach far, or train with smoother activations.',
	});
};
