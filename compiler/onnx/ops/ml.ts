import { nodeAt } from '../../tensor/graph.ts';
import { productMatrix } from '../../tensor/maps/product.ts';
import { activated, product, weightedSum } from '../algebra.ts';
import { attributesOf, type Call, NO_TEXTS, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Classes,
	constant,
	malformed,
	misshapen,
	reshaped,
	type Site,
	unsupported,
	type Value,
} from '../value.ts';
import { labelled } from './classes.ts';
import { Concat } from './movement.ts';
import { unitLength } from './norms.ts';
import { alongLines, indexOfLargest } from './softmax.ts';
import { type Operator, since } from './table.ts';

/** Scikit-learn's preparation of features and linear models, in the domain ai.onnx.ml. */

/** x as [samples, features]; one axis is one sample. */
export const samplesOf = (call: Call): Value => {
	const x = operand(call, 0);
	if (x.shape.length === 2) return x;
	return x.shape.length === 1
		? reshaped(x, [1, ...x.shape])
		: misshapen(`${call.node.op} takes samples of features, not a tensor of shape [${x.shape}].`);
};

/** y[n, i] = sum_k weights[i, k] x[n, k] + shift[i]; the weights row by row. */
export const dense = (site: Site, x: Value, weights: readonly number[], shift: readonly number[]): Value => {
	const [samples = 1, features = 1] = x.shape;
	const rows = shift.length;
	const offsets = Int32Array.of(0);
	const map = {
		left: { offsets, outer: features, inner: 1, size: samples * features },
		right: { offsets, outer: features, inner: 1, size: rows * features },
		rows: samples,
		columns: rows,
		depth: features,
	};
	const bias = Float64Array.from({ length: samples * rows }, (_, i) => shift[i % rows] as number);
	const term = { value: x, matrix: productMatrix(map, 'left', Float64Array.from(weights)) };
	return { ...affineOf(site, [term], bias, [samples, rows]), type: 'float' };
};

/** y = (x - offset) * scale, one pair for all features or one for each. */
const Scaler: Run = (call) => {
	const { offset, scale } = attributesOf(call, { offset: [], scale: [] });
	const x = operand(call, 0);
	const features = x.shape.at(-1) ?? 1;
	const perFeature = (values: readonly number[], what: string): Value => {
		const fits = values.length === 1 || (values.length === features && x.shape.length <= 2);
		if (!fits) return misshapen(`Scaler has ${values.length} values of ${what} for [${x.shape}].`);
		return constant([values.length], Float64Array.from(values));
	};
	const centered = weightedSum(call, x, perFeature(offset, 'offset'), 1, -1);
	return { ...product(call, centered, perFeature(scale, 'scale')), type: 'float' };
};

const NORMS = ['MAX', 'L1', 'L2'];

/** y = x / sqrt(sum of x^2) over the features, or x / sum of |x|. */
const Normalizer: Run = (call) => {
	const { norm } = attributesOf(call, { norm: 'MAX' });
	const x = { ...operand(call, 0), type: 'float' as const };
	const axis = x.shape.length - 1;
	if (axis < 0 || axis > 1) return misshapen(`Normalizer takes samples of features, not a tensor [${x.shape}].`);
	if (norm === 'L2') return unitLength(call, x, axis, 2);
	if (norm === 'L1') return shares(call, x, axis);
	if (!NORMS.includes(norm)) return malformed(`Normalizer has norm = '${norm}'.`);
	return unsupported('Normalizer divides by the largest feature.', 'Normalizer with L1 or L2 can be compiled.');
};

/** y = x / sum of |x|: after a softmax x itself, after a sigmoid the client's work as well. */
const shares = (site: Site, x: Value, axis: number): Value => {
	const node = x.kind === 'encrypted' ? nodeAt(site.builder.nodes, x.id) : undefined;
	const sameShape = String(node?.shape) === String(x.shape);
	if (node?.kind === 'tail' && node.fn === 'softmax' && node.axis === axis && sameShape) return x;
	const isSigmoid = node?.kind === 'activation' && node.fn === 'sigmoid';
	return isSigmoid ? alongLines(site, x, 'l1', axis) : unitLength(site, x, axis, 1);
};

/** Missing values, NaN, become `imputed_value_floats`: nothing to do, since only finite numbers are encrypted. */
const Imputer: Run = (call) => {
	const { imputed_value_floats, replaced_value_float } = attributesOf(call, {
		imputed_value_floats: [],
		replaced_value_float: 0,
	});
	const x = operand(call, 0);
	const features = x.shape.at(-1) ?? 1;
	const { length } = imputed_value_floats;
	if (length !== 1 && length !== features) return misshapen(`Imputer has ${length} values for ${features} features.`);
	const isMissing = (value: number): boolean =>
		Number.isNaN(replaced_value_float) ? Number.isNaN(value) : value === replaced_value_float;
	if (x.kind === 'constant') {
		const imputed = (i: number): number => imputed_value_floats[i % length] as number;
		return { ...x, data: x.data.map((value, i) => (isMissing(value) ? imputed(i) : value)) };
	}
	if (!Number.isNaN(replaced_value_float))
		return unsupported(
			`Imputer replaces ${replaced_value_float} wherever it occurs, which is a jump.`,
			'Mark missing values by NaN, and fill them before encryption.',
		);
	call.warn('missing values (NaN) are not filled in: only finite numbers are encrypted.');
	return x;
};

/** y = x_0, x_1, ... feature after feature. */
const FeatureVectorizer: Run = (call) => {
	const { inputdimensions } = attributesOf(call, { inputdimensions: [] });
	const parts = call.inputs.map((_, i) => samplesOf({ ...call, inputs: [operand(call, i)] }));
	const widths = parts.map(({ shape }) => shape[1] as number);
	const samples = parts[0]?.shape[0] ?? 1;
	if (String(widths) !== String(inputdimensions) || parts.some(({ shape }) => shape[0] !== samples))
		return misshapen(`FeatureVectorizer joins [${inputdimensions}] features, but its inputs have [${widths}].`);
	const y = Concat({ ...call, node: { ...call.node, attributes: [] }, inputs: parts });
	return y.kind === 'outputs' ? y : { ...y, type: 'float' };
};

/** y = x > threshold, on constants. */
const Binarizer: Run = (call) => {
	const { threshold } = attributesOf(call, { threshold: 0 });
	const x = operand(call, 0);
	if (x.kind === 'constant') return { ...x, type: 'float', data: x.data.map((value) => (value > threshold ? 1 : 0)) };
	return unsupported(
		'Binarizer is a jump, which no polynomial follows.',
		'Leave it out, or put a Sigmoid of a steep slope in its place and train again.',
	);
};

/** f(scores) elementwise or along the classes, as attributes name it. */
const transformed = (call: Call, scores: Value, transform: string): Value => {
	if (transform === 'NONE') return scores;
	if (transform === 'LOGISTIC') return activated(call, scores, 'sigmoid');
	if (transform === 'SOFTMAX') return alongLines(call, scores, 'softmax', 1);
	if (transform !== 'SOFTMAX_ZERO' && transform !== 'PROBIT')
		return malformed(`${call.node.op} has post_transform = '${transform}'.`);
	return unsupported(
		`${call.node.op} has post_transform = '${transform}'.`,
		'NONE, LOGISTIC and SOFTMAX can be compiled.',
	);
};

/** The shift of each row: one for each, or none at all. */
const shiftOf = (call: Call, intercepts: readonly number[], rows: number): readonly number[] => {
	if (intercepts.length === 0) return new Array<number>(rows).fill(0);
	return intercepts.length === rows
		? intercepts
		: misshapen(`${call.node.op} has ${intercepts.length} intercepts for ${rows} rows of coefficients.`);
};

/** y[n, t] = post_transform(sum_k coefficients[t, k] x[n, k] + intercepts[t]) */
const LinearRegressor: Run = (call) => {
	const { coefficients, intercepts, post_transform, targets } = attributesOf(call, {
		coefficients: [],
		intercepts: [],
		post_transform: 'NONE',
		targets: 1,
	});
	const x = samplesOf(call);
	if (!Number.isInteger(targets) || targets < 1 || coefficients.length !== targets * (x.shape[1] as number))
		return misshapen(`LinearRegressor has ${coefficients.length} coefficients for ${targets} targets of [${x.shape}].`);
	// What a transformation of one value means differs between runtimes.
	if (targets === 1 && post_transform !== 'NONE')
		return unsupported(
			`LinearRegressor has post_transform = '${post_transform}' with one target.`,
			'Leave it out, and write a Sigmoid after it if that is meant.',
		);
	return transformed(call, dense(call, x, coefficients, shiftOf(call, intercepts, targets)), post_transform);
};

/** scores = post_transform(coefficients x + intercepts); label = the class of the largest score. */
const LinearClassifier: Run = (call) => {
	const { classlabels_ints, classlabels_strings, coefficients, intercepts, post_transform } = attributesOf(call, {
		...{ classlabels_ints: [], classlabels_strings: NO_TEXTS, coefficients: [], intercepts: [] },
		...{ multi_class: 0, post_transform: 'NONE' },
	});
	const classes: Classes = classlabels_strings.length > 0 ? classlabels_strings : classlabels_ints;
	if (classlabels_strings.length > 0 && classlabels_ints.length > 0)
		return malformed('LinearClassifier names its classes twice.');
	const x = samplesOf(call);
	const rows = coefficients.length / (x.shape[1] as number);
	if (classes.length < 2 || (rows !== classes.length && !(rows === 1 && classes.length === 2)))
		return misshapen(
			`LinearClassifier has ${coefficients.length} coefficients, ${classes.length} classes and [${x.shape}].`,
		);
	const scores = dense(call, x, coefficients, shiftOf(call, intercepts, rows));
	if (rows === 1) return twoClasses(call, scores, classes, post_transform);
	const label = labelled(indexOfLargest(call, scores, 1, false), classes);
	return { kind: 'outputs', values: [label, transformed(call, scores, post_transform)] };
};

/** Two classes by one score s: the second where s > 0; the scores are [1 - s, s], or of LOGISTIC [f(-s), f(s)]. */
const twoClasses = (
	call: Call,
	s: Value,
	classes: Classes,
	transform: string,
): { kind: 'outputs'; values: Value[] } => {
	if (transform !== 'NONE' && transform !== 'LOGISTIC')
		return unsupported(
			`LinearClassifier has post_transform = '${transform}' with one row of coefficients.`,
			'Give each class a row.',
		);
	const both = dense(call, s, [-1, 1], [0, 0]);
	const label = labelled(indexOfLargest(call, both, 1, false), classes);
	const scores = transform === 'NONE' ? dense(call, s, [-1, 1], [1, 0]) : transformed(call, both, transform);
	return { kind: 'outputs', values: [label, scores] };
};

/** Preparation of features, linear models. */
export const LINEAR_MODELS: readonly Operator[] = [
	{ op: 'Binarizer', how: 'constant', note: '', versions: since([1, Binarizer]) },
	{ op: 'FeatureVectorizer', how: 'exact', note: '', versions: since([1, FeatureVectorizer]) },
	{ op: 'Imputer', how: 'exact', note: 'of NaN, which is never encrypted', versions: since([1, Imputer]) },
	{
		op: 'LinearClassifier',
		how: 'exact',
		note: 'labels and probabilities by the client',
		versions: since([1, LinearClassifier]),
	},
	{
		op: 'LinearRegressor',
		how: 'exact',
		note: 'LOGISTIC and SOFTMAX by the client',
		versions: since([1, LinearRegressor]),
	},
	{
		op: 'Normalizer',
		how: 'approximate',
		note: 'L1 or L2; L1 of probabilities by the client',
		versions: since([1, Normalizer]),
	},
	{ op: 'Scaler', how: 'exact', note: '', versions: since([1, Scaler]) },
];
