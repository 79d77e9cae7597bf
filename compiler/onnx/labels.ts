import type { Output } from '../tensor/graph.ts';
import type { OpNode } from './call.ts';
import { type Encrypted, type Site, unsupported, type Value } from './value.ts';

/**
 * Labels of a classifier: an index that ArgMax gives, and what it stands for. The client alone knows the index, so that
 * only what moves labels, or exchanges them one by one, has a meaning here. Strings are labels as well.
 */

/** Operators that move labels or look them up, and If, whose nodes are asked one by one. */
const ON_LABELS: ReadonlySet<string> = new Set([
	...['ArrayFeatureExtractor', 'Cast', 'Flatten', 'Identity', 'If', 'LabelEncoder', 'Reshape'],
	...['Slice', 'Squeeze', 'Transpose', 'Unsqueeze'],
]);

/** Errors: 'unsupported' when the node computes with labels. */
export const checkLabels = ({ op }: OpNode, inputs: readonly (Value | undefined)[]): void => {
	const labels = inputs.find((value) => value?.classes !== undefined);
	if (labels === undefined || ON_LABELS.has(op)) return;
	if (labels.kind === 'constant') unsupported(`${op} has operands of type STRING, which are not computed with.`);
	unsupported(
		`${op} computes with the index of the largest value, which only the client knows, after decryption.`,
		'End the model at the index, or choose outputs with --outputs that do not need what follows it.',
	);
};

/** The output that a value is: the client looks class numbers up; class names stand beside the indices. */
export const outputOf = (site: Site, name: string, { id, shape, classes }: Encrypted): Output => {
	if (classes === undefined || isCounting(classes)) return { name, id, shape };
	if (isNames(classes)) return { name, id, shape, classes };
	const { builder, origin } = site;
	const lookup = { kind: 'tail', fn: 'lookup', values: classes, axis: 0, keepDims: true, selectLast: false } as const;
	return { name, id: builder.add({ ...lookup, x: id, shape, origin }), shape };
};

/** Does every index stand for itself? */
const isCounting = (classes: readonly unknown[]): boolean => classes.every((value, i) => value === i);

export const isNames = (classes: readonly unknown[]): classes is readonly string[] =>
	classes.some((value) => typeof value === 'string');
