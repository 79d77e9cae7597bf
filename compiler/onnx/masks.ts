import { refuse } from '../errors.ts';
import { broadcastSource, type Source } from '../tensor/maps/selection.ts';
import { activated, inverse, product, summed, weightedSum } from './algebra.ts';
import type { OpNode } from './call.ts';
import { RECOGNISED } from './recognise/form.ts';
import {
	type Constant,
	constant,
	type Encrypted,
	type Excluded,
	MAX_MAGNITUDE,
	type Site,
	type Value,
} from './value.ts';

/**
 * Masks of attention: a constant far below zero, or minus infinity, in the place of scores or added to them, so that softmax
 * makes 0 of these elements. No polynomial does. The elements are noted beside the value instead (`Excluded`), and a softmax
 * leaves them out of its sums. Where the constant is too low to be computed with, the tensor graph has 0 there, and
 * only CARRIERS and softmax may read the value.
 */
const EXCLUDED = -1e4;
/** Lower numbers are not computed with, and are as good as minus infinity: beside them, float32 loses any score. */
const INFINITE = -MAX_MAGNITUDE;
/** A constant with numbers between this and EXCLUDED is no mask: nothing tells its values from scores. */
const ORDINARY = -100;
const [LOW, LOWEST] = [1, 2];

/** Operators that hand the note on: they keep elements where they are, or see to it. */
const CARRIERS: readonly string[] = [
	...['Add', 'Where', 'Softmax', 'If'],
	...['Identity', 'Dropout', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'],
];

/** What a constant or an encrypted value excludes. */
const excludedOf = (value: Value): Excluded | undefined => {
	if (value.kind === 'encrypted') return value.excluded;
	if (value.type !== 'float') return undefined;
	const limit = value.data.some((x) => x > EXCLUDED && x < ORDINARY) ? INFINITE : EXCLUDED;
	if (!value.data.some((x) => x <= limit)) return undefined;
	return Uint8Array.from(value.data, (x) => (x < INFINITE ? LOWEST : x <= limit ? LOW : 0));
};

/** The value with what it cannot be computed with replaced by 0, and without the note. */
const computable = (value: Value): Value => {
	if (value.kind === 'constant') return { ...value, data: value.data.map((x) => (x < INFINITE ? 0 : x)) };
	return unmasked(value);
};

/** One operand of an elementwise operator, and the element of it that each element of the result has; -1 for none. */
type Part = { readonly value: Value; readonly source: Source };

/** What is excluded in the result of an elementwise operator: what is so in one of the operands, unless a constant lifts it again. */
const together = (parts: readonly Part[], size: number): Excluded => {
	const elements = new Uint8Array(size);
	for (const { value, source } of parts) {
		const excluded = excludedOf(value);
		source.forEach((from, i) => {
			if (from >= 0) elements[i] = Math.max(elements[i] as number, excluded?.[from] ?? 0);
		});
	}
	for (const { value, source } of parts)
		source.forEach((from, i) => {
			const lifts = from >= 0 && value.kind === 'constant' && (value.data[from] as number) > -ORDINARY;
			if (lifts && elements[i] === LOW) elements[i] = 0;
		});
	return elements;
};

/**
 * `compute` on operands that may exclude elements; `sourceOf` says where each operand goes in the result. Constants alone are
 * computed as they are.
 */
export const withMasks = (
	operands: readonly Value[],
	sourceOf: (i: number, result: Value) => Source,
	compute: (operands: readonly Value[]) => Value,
): Value => {
	const masked = operands.some((value) => excludedOf(value) !== undefined);
	if (!masked || operands.every(({ kind }) => kind === 'constant')) return compute(operands);
	const result = compute(operands.map(computable));
	if (result.kind === 'constant') return compute(operands);
	const parts = operands.map((value, i) => ({ value, source: sourceOf(i, result) }));
	const excluded = together(parts, parts[0]?.source.length ?? 0);
	return excluded.some((element) => element > 0) ? { ...result, excluded } : result;
};

/** y = a + b with broadcasting, where a mask may be one of them. */
export const maskedSum = (site: Site, a: Value, b: Value): Value =>
	withMasks(
		[a, b],
		(i, { shape }) => broadcastSource(i === 0 ? a.shape : b.shape, shape),
		([left = a, right = b]) => weightedSum(site, left, right, 1, 1),
	);

/**
 * y = softmax of x along one axis over the n elements of each line that are not excluded, 0 for the others. With their mean m:
 *
 *     e = exp((x - m) / 2)^2,  s = mean of e,  y = e / (n s)
 *
 * as softmax without a mask is computed, see tensor/passes/inner-softmax.ts. Undefined where nothing is excluded, and where all
 * of a line is: with a finite mask that is a softmax like others. Errors: 'range' for a line that is minus infinity.
 */
export const maskedSoftmax = (site: Site, x: Encrypted, axis: number): Value | undefined => {
	if (x.excluded === undefined) return undefined;
	const kept = constant(
		x.shape,
		Float64Array.from(x.excluded, (element) => Number(element === 0)),
	);
	const counts = summed(site, kept, [axis], true) as Constant;
	if (counts.data.includes(0))
		return isInfinite(x)
			? refuse({ code: 'range', message: 'A mask excludes everything that a softmax goes over.' })
			: undefined;
	const weights = product(site, kept, inverse(site, counts)) as Constant;
	const mean = summed(site, product(site, x, weights), [axis], true);
	const halves = product(site, weightedSum(site, x, mean, 0.5, -0.5), kept);
	const root = activated(site, halves, 'exp');
	const powers = product(site, root, root);
	const sum = summed(site, product(site, powers, weights), [axis], true);
	return product(site, powers, product(site, inverse(site, sum), weights));
};

const isInfinite = (value: Value | undefined): boolean =>
	value?.kind === 'encrypted' && value.excluded?.includes(LOWEST) === true;

/** Errors: 'range' for a value that is minus infinity somewhere. */
export const refuseInfinite = (value: Value | undefined): void => {
	if (isInfinite(value))
		refuse({
			code: 'range',
			message: 'A mask of minus infinity, or nearly so, is read by something else than a softmax.',
			hint: 'Mask with zeros after the softmax, or leave the outputs out that are masked.',
		});
};

const carries = ({ domain, op }: OpNode): boolean =>
	(domain === '' && CARRIERS.includes(op)) || (domain === RECOGNISED && op === 'Softmax');

/** Errors: 'range' for an operand that is minus infinity somewhere, of an operator that cannot do with it. */
export const checkMasks = (node: OpNode, operands: readonly (Value | undefined)[]): void => {
	if (!carries(node)) operands.forEach(refuseInfinite);
};

/** The results of a node, notes of masks kept only where elements stay in their places. */
export const withCarried = (node: OpNode, results: readonly Value[]): readonly Value[] =>
	carries(node) ? results : results.map(unmasked);

const unmasked = (value: Value): Value => {
	if (value.kind === 'constant' || value.excluded === undefined) return value;
	const { excluded: _, ...rest } = value;
	return rest;
};
