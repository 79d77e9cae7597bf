import type { Shape } from '../../tensor/graph.ts';
import { sizeOf } from '../../tensor/graph.ts';
import { crossSource, range, stridesOf } from '../../tensor/maps/selection.ts';
import { summed } from '../algebra.ts';
import { attributesOf, operand, type Run } from '../call.ts';
import { exact, malformed, misshapen, moved, reshaped, type Site, type Value } from '../value.ts';
import { matrixProduct } from './matrix.ts';
import { type Operator, PRODUCT_COST, since } from './table.ts';

/** A value whose axes are named, each differently: letters, and '0', '1' ... for those of an ellipsis, counted from its end. */
type Labelled = { readonly value: Value; readonly labels: readonly string[] };

/** What an equation says: the letters of every operand and of the result, '...' among them. */
type Equation = { readonly operands: readonly string[][]; readonly result: readonly string[] };

const ELLIPSIS = '...';

const lettersOf = (term: string, equation: string): string[] =>
	(/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term) ? undefined : malformed(`Einsum has the equation '${equation}'.`)) ??
	term.match(/\.\.\.|[A-Za-z]/g) ??
	[];

/** Without '->' the result has the ellipsis and then, in alphabetical order, the letters that occur once. */
const equationOf = (text: string): Equation => {
	const [left = '', right, ...more] = text.replaceAll(' ', '').split('->');
	if (more.length > 0) malformed(`Einsum has the equation '${text}'.`);
	const operands = left.split(',').map((term) => lettersOf(term, text));
	const all = operands.flat();
	const isOnce = (label: string) => all.indexOf(label) === all.lastIndexOf(label);
	const implied = () => [
		...(all.includes(ELLIPSIS) ? [ELLIPSIS] : []),
		...all.filter((label) => label !== ELLIPSIS && isOnce(label)).sort(),
	];
	const result = right === undefined ? implied() : lettersOf(right, text);
	if (new Set(result).size !== result.length || result.some((label) => !all.includes(label)))
		malformed(`The result of the equation '${text}' names an axis twice, or one that no operand has.`);
	if (all.includes(ELLIPSIS) && !result.includes(ELLIPSIS))
		malformed(`The equation '${text}' has an ellipsis that its result leaves out.`);
	return { operands, result };
};

/** The letters with a number for each axis of the ellipsis, of which there are `count`. */
const numbered = (letters: readonly string[], count: number): readonly string[] =>
	letters.flatMap((label) => (label === ELLIPSIS ? range(count).map((i) => String(count - 1 - i)) : [label]));

/** The operand with every label once: axes of the same letter become their diagonal. */
const labelled = (site: Site, value: Value, letters: readonly string[], sizes: Map<string, number>): Labelled => {
	const own = letters.filter((label) => label !== ELLIPSIS).length;
	const hidden = value.shape.length - own;
	if (hidden < 0 || (hidden > 0 && !letters.includes(ELLIPSIS)))
		return misshapen(`Einsum names ${own} axes of a tensor of shape [${value.shape}].`);
	const axes = numbered(letters, hidden);
	const labels = [...new Set(axes)];
	const strides = stridesOf(value.shape);
	const lengths = labels.map((label) => {
		const length = Math.max(...value.shape.filter((_, d) => axes[d] === label));
		const known = sizes.get(label) ?? 1;
		if (known !== 1 && length !== 1 && known !== length)
			misshapen(`The axis ${label} of Einsum has ${known} elements in one operand and ${length} in another.`);
		sizes.set(label, known === 1 ? length : known);
		return length;
	});
	const step = (label: string, length: number) =>
		axes.reduce((sum, axis, d) => {
			if (axis !== label) return sum;
			if (value.shape[d] !== length) misshapen(`Einsum takes a diagonal of a tensor of shape [${value.shape}].`);
			return sum + (strides[d] as number);
		}, 0);
	const source = crossSource(
		labels.map((label, i) => ({
			stride: step(label, lengths[i] as number),
			indices: range(lengths[i] as number),
		})),
	);
	return { value: moved(site, value, source, lengths), labels };
};

/** The value with its axes in the order of `labels`; one that it lacks, or has with one element, is repeated to the size. */
const arranged = (site: Site, { value, labels }: Labelled, wanted: readonly string[], sizes: Shape): Value => {
	const strides = stridesOf(value.shape);
	const source = crossSource(
		wanted.map((label, i) => {
			const at = labels.indexOf(label);
			const isRepeated = at < 0 || value.shape[at] === 1;
			return { stride: isRepeated ? 0 : (strides[at] as number), indices: range(sizes[i] as number) };
		}),
	);
	return moved(site, value, source, sizes);
};

/** The value summed over the axes that `keeps` does not hold for. */
const reduced = (site: Site, { value, labels }: Labelled, keeps: (label: string) => boolean): Labelled => {
	const axes = range(labels.length).filter((d) => !keeps(labels[d] as string));
	if (axes.length === 0) return { value, labels };
	return { value: exact(summed(site, value, axes, false)), labels: labels.filter(keeps) };
};

/**
 * Two operands as one batched product of matrices: shared axes that are kept are its batch, shared ones that are not its
 * depth. What only one of them has and nothing keeps is summed before.
 */
const multiplied = (
	site: Site,
	left: Labelled,
	right: Labelled,
	isKept: (label: string) => boolean,
	sizes: ReadonlyMap<string, number>,
): Labelled => {
	const a = reduced(site, left, (label) => isKept(label) || right.labels.includes(label));
	const b = reduced(site, right, (label) => isKept(label) || left.labels.includes(label));
	const shared = a.labels.filter((label) => b.labels.includes(label));
	const [batch, depth] = [shared.filter(isKept), shared.filter((label) => !isKept(label))];
	const rows = a.labels.filter((label) => !shared.includes(label));
	const columns = b.labels.filter((label) => !shared.includes(label));
	const lengthsOf = (labels: readonly string[]) => labels.map((label) => sizes.get(label) ?? 1);
	const matrices = (x: Labelled, outer: readonly string[], inner: readonly string[]) => {
		const labels = [...batch, ...outer, ...inner];
		const shape = [batch, outer, inner].map((part) => sizeOf(lengthsOf(part)));
		return reshaped(arranged(site, x, labels, lengthsOf(labels)), shape);
	};
	const product = matrixProduct(site, matrices(a, rows, depth), matrices(b, depth, columns));
	const labels = [...batch, ...rows, ...columns];
	return { value: reshaped(product, lengthsOf(labels)), labels };
};

/**
 * y[result] = sum over the other letters of the product of the operands at their letters, two operands at a time from left
 * to right. A letter twice in one operand is its diagonal; an axis of one element goes with any length.
 */
const Einsum: Run = (call) => {
	const { equation } = attributesOf(call, { equation: '' });
	const { operands, result } = equationOf(equation);
	if (operands.length !== call.inputs.length)
		return malformed(`The equation '${equation}' has ${operands.length} operands, the node ${call.inputs.length}.`);
	const sizes = new Map<string, number>();
	const values = operands.map((letters, i) => labelled(call, exact(operand(call, i)), letters, sizes));
	const hidden = [...sizes.keys()].filter((label) => /\d/.test(label)).length;
	const wanted = numbered(result, hidden);
	const [first, ...others] = values;
	if (first === undefined) return malformed('Einsum has no operands.');
	const joined = others.reduce((left, right, i) => {
		const rest = others.slice(i + 1).flatMap(({ labels }) => labels);
		return multiplied(call, left, right, (label) => wanted.includes(label) || rest.includes(label), sizes);
	}, first);
	const shape = wanted.map((label) => sizes.get(label) ?? 1);
	return arranged(
		call,
		reduced(call, joined, (label) => wanted.includes(label)),
		wanted,
		shape,
	);
};

/** Sums of products by an equation. */
export const SUMS_OF_PRODUCTS: readonly Operator[] = [
	{
		op: 'Einsum',
		how: 'exact',
		cost: PRODUCT_COST,
		note: '',
		versions: since([12, Einsum]),
	},
];
