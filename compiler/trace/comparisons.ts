import { refuse } from '../errors.ts';
import { signStages } from '../numeric/sign.ts';
import type { Shape } from '../tensor/graph.ts';
import { Expression, type Nested, type Operand } from './expression.ts';
import { polynomial } from './functions.ts';
import { add, mul, sub } from './operations.ts';
import { callerSite } from './site.ts';
import { atSite } from './tracer.ts';

/**
 * Comparisons. No polynomial jumps, so what has to be told apart is stated: differences from `gap` to `most`. In between, results lie
 * between those on both sides, and beyond `most` they are far off. With calibration, the client accepts inputs that reach a quarter of their
 * width further than it: give a `most` that is half as large again as the largest difference there.
 */
export type ComparisonOptions = {
	/** The smallest difference that has to be told apart. */
	readonly gap: number;
	/** The largest difference that occurs; default: the largest that the ranges of the inputs allow, where these are declared. */
	readonly most?: number;
	/** How far the result may be from -1 and 1, or half of that from 0 and 1; default 0.01. */
	readonly error?: number;
};

/**
 * -1 for -most <= x <= -gap and 1 for gap <= x <= most, within `error`. Polynomials of degrees 3, 7 and 15 one after another: 6 levels
 * for a gap of a tenth of `most`, 10 for a hundredth, 14 for a thousandth.
 * Errors: 'option' for what is no gap, 'parameters' where no levels suffice.
 */
export const sign = <S extends Shape>(x: Expression<S>, options: ComparisonOptions): Expression<S> =>
	scaledSign(x, options, 1, 0);

/** factor sign(x) + shift: the last polynomial takes both for nothing. */
const scaledSign = <S extends Shape>(
	x: Expression<S>,
	{ gap, most = x.tracer.largest(x), error = DEFAULT_ERROR }: ComparisonOptions,
	factor: number,
	shift: number,
): Expression<S> => {
	const stages = stagesOf(x, { gap, most, error });
	return stages.reduce((value: Expression<S>, coefficients, k) => {
		const [none = 0, ...others] = k + 1 < stages.length ? coefficients : coefficients.map((c) => factor * c);
		return polynomial(value, [none + (k + 1 < stages.length ? 0 : shift), ...others]);
	}, x);
};

const DEFAULT_ERROR = 0.01;
/** Less than this is lost among the rounding errors of the coefficients. */
const LEAST_ERROR = 1e-6;

type Asked = { readonly gap: number; readonly most: number | undefined; readonly error: number };

const stagesOf = (x: Expression, { gap, most, error }: Asked): readonly (readonly number[])[] => {
	if (most === undefined)
		return wrong(x, 'how large differences can be is not known: say it (most), or declare the ranges of all inputs.');
	if (!(gap > 0 && gap < most && Number.isFinite(most)))
		return wrong(x, `a gap of ${gap} is not between 0 and the largest difference, ${most}.`);
	if (!(error >= LEAST_ERROR && error <= 1))
		return wrong(x, `an error of ${error} is not between ${LEAST_ERROR} and 1.`);
	const found = signStages(gap, most, error);
	if (found !== undefined) return found.stages;
	return atSite(callerSite(), 'sign', [x], () =>
		refuse({
			code: 'parameters',
			message: `no polynomials that fit tell differences of ${gap} from those of ${-gap}, of up to ${most}.`,
			hint: 'Ask for a wider gap, or for more error.',
		}),
	);
};

const wrong = (x: Expression, message: string): never =>
	atSite(callerSite(), 'sign', [x], () => refuse({ code: 'option', message }));

/** 1 where a is larger than b by `gap` at least, 0 where it is smaller by as much: the sign of their difference, moved and halved. */
export const greater = (a: Expression, b: Expression | Nested, options: ComparisonOptions): Expression =>
	scaledSign(sub(a, b), options, 0.5, 0.5);

/** 1 where a is smaller than b by `gap` at least, 0 where it is larger by as much. */
export const less = (a: Expression, b: Expression | Nested, options: ComparisonOptions): Expression =>
	scaledSign(sub(a, b), options, -0.5, 0.5);

/** -1, 0 or 1 as a is smaller, equal or larger than b: the sign of a - b. Nearer than `gap` it is in between. */
export const compare = (a: Expression, b: Expression | Nested, options: ComparisonOptions): Expression =>
	sign(sub(a, b), options);

/** a where the condition is 1, b where it is 0: b + condition (a - b), a level more where the condition is encrypted. */
export const where = (condition: Expression, a: Operand, b: Operand): Expression => {
	// A difference of two constants is not traced.
	if (a instanceof Expression || b instanceof Expression) return add(mul(condition, sub(a, b)), b);
	return add(mul(condition, a), mul(sub(1, condition), b));
};
