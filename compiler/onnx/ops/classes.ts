import { range, takeSource } from '../../tensor/maps/selection.ts';
import { attributesOf, type Call, integersAt, NO_TEXTS, operand, type Run } from '../call.ts';
import { isNames } from '../labels.ts';
import {
	type Classes,
	type Constant,
	malformed,
	misshapen,
	moved,
	reshaped,
	unsupported,
	type Value,
} from '../value.ts';
import { type Operator, since } from './table.ts';

/** Labels of classifiers: what becomes of them before the client looks them up. */

/** The labels at an index: classes[index]. */
export const labelled = (index: Value, classes: Classes): Value => {
	if (index.kind === 'encrypted') return { ...index, classes };
	return isNames(classes)
		? { ...index, type: 'int', classes }
		: { ...index, data: index.data.map((i) => classes[i] as number) };
};

/** y = table[x], x labels or constants. */
const exchanged = (call: Call, x: Value, table: (label: string | number) => string | number): Value => {
	const { type: _, ...rest } = x;
	const labels = x.classes ?? (x.kind === 'constant' ? [...x.data] : undefined);
	if (labels === undefined)
		return unsupported(
			`${call.node.op} exchanges encrypted values one by one.`,
			'What it exchanges must be the label that a classifier ends with, which the client looks up.',
		);
	const results = labels.map(table);
	const type = results.every(Number.isInteger) || isNames(results) ? 'int' : 'float';
	const classes = results as Classes;
	if (x.kind === 'encrypted') return { ...rest, type, classes } as Value;
	const index: Constant = {
		...x,
		type,
		data: x.classes === undefined ? Float64Array.from(range(x.data.length)) : x.data,
	};
	return labelled(index, classes);
};

/** The strings or the numbers of the one list that is not empty. */
const oneOf = (call: Call, what: string, ...lists: readonly Classes[]): Classes => {
	const [first, ...others] = lists.filter(({ length }) => length > 0);
	return first !== undefined && others.length === 0 ? first : malformed(`${call.node.op} needs one list of ${what}.`);
};

/** Version 1: strings to their positions, or positions to strings. */
const LabelEncoder1: Run = (call) => {
	const { classes_strings, default_int64, default_string } = attributesOf(call, {
		classes_strings: NO_TEXTS,
		default_int64: -1,
		default_string: '_Unused',
	});
	const positions = new Map(classes_strings.map((name, i) => [name, i]));
	return exchanged(call, operand(call, 0), (label) =>
		typeof label === 'string' ? (positions.get(label) ?? default_int64) : (classes_strings[label] ?? default_string),
	);
};

/** y = values[i] where keys[i] = x, or the default. */
const LabelEncoder: Run = (call) => {
	const given = attributesOf(call, {
		...{ keys_strings: NO_TEXTS, keys_int64s: [], keys_floats: [] },
		...{ values_strings: NO_TEXTS, values_int64s: [], values_floats: [] },
		...{ default_string: '_Unused', default_int64: -1, default_float: -0 },
	});
	const keys = oneOf(call, 'keys', given.keys_strings, given.keys_int64s, given.keys_floats);
	const values = oneOf(call, 'values', given.values_strings, given.values_int64s, given.values_floats);
	if (keys.length !== values.length)
		return malformed(`LabelEncoder has ${keys.length} keys and ${values.length} values.`);
	const absent = isNames(values)
		? given.default_string
		: given.values_int64s.length > 0
			? given.default_int64
			: given.default_float;
	const table = new Map<string | number, string | number>(keys.map((key, i) => [key, values[i] as string | number]));
	return exchanged(call, operand(call, 0), (label) => table.get(label) ?? absent);
};

/** y[..., j] = x[..., indices[j]] for constant indices; constants at the index of a classifier are its labels. */
const ArrayFeatureExtractor: Run = (call) => {
	attributesOf(call, {});
	const data = operand(call, 0);
	const x = data.shape.length === 1 ? reshaped(data, [1, ...data.shape]) : data;
	const rank = x.shape.length;
	const length = x.shape[rank - 1] ?? 0;
	const index = operand(call, 1);
	if (index.kind === 'encrypted') {
		const positions = index.classes;
		if (x.kind === 'encrypted' || positions === undefined || isNames(positions) || rank !== 2 || x.shape[0] !== 1)
			return unsupported(
				'ArrayFeatureExtractor takes elements at encrypted indices.',
				'The index must be an ArgMax at the end of the model, and the elements a constant list.',
			);
		const taken = positions.map((i) => elementAt(x, i, length));
		return labelled(reshaped(index, [1, index.shape.reduce((product, d) => product * d, 1)]), taken as Classes);
	}
	const indices = integersAt(call, 1, 'indices') ?? [];
	if (indices.length === 0 || indices.some((i) => i < 0 || i >= length))
		return misshapen(`ArrayFeatureExtractor takes the elements [${indices}] of ${length}.`);
	return moved(call, x, takeSource(x.shape, rank - 1, indices), x.shape.with(rank - 1, indices.length));
};

const elementAt = ({ data, classes }: Constant, i: number, length: number): string | number => {
	if (!Number.isInteger(i) || i < 0 || i >= length) return misshapen(`There is no element ${i} among ${length}.`);
	const value = data[i] as number;
	return classes === undefined ? value : (classes[value] as string | number);
};

/** The columns of x by name. The names go to the report: the client gets the array. */
const ZipMap: Run = (call) => {
	const { classlabels_strings, classlabels_int64s } = attributesOf(call, {
		classlabels_strings: NO_TEXTS,
		classlabels_int64s: [],
	});
	const x = operand(call, 0);
	const names = oneOf(call, 'class labels', classlabels_strings, classlabels_int64s);
	const columns = x.shape.at(-1) ?? 1;
	if (names.length !== columns) return misshapen(`ZipMap names ${names.length} classes of ${columns} columns.`);
	call.warn(`the maps of ZipMap are given as an array; its columns are ${names.join(', ')}.`);
	return x;
};

export const CLASSES: readonly Operator[] = [
	{
		op: 'ArrayFeatureExtractor',
		how: 'exact',
		note: 'constant indices, or constants at the index of an ArgMax',
		versions: since([1, ArrayFeatureExtractor]),
	},
	{ op: 'LabelEncoder', how: 'client', note: 'labels', versions: since([1, LabelEncoder1], [2, LabelEncoder]) },
	{ op: 'ZipMap', how: 'client', note: 'an array instead of maps', versions: since([1, ZipMap]) },
];
