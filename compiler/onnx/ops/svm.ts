import { checkSize } from '../../tensor/maps/rows.ts';
import { range } from '../../tensor/maps/selection.ts';
import { activated, power, scaled, summed, weightedSum } from '../algebra.ts';
import { attributesOf, type Call, NO_TEXTS, type Results, type Run } from '../call.ts';
import { type Classes, malformed, misshapen, type Site, unsupported, type Value } from '../value.ts';
import { labelled } from './classes.ts';
import { dense, samplesOf } from './ml.ts';
import { indexOfLargest, votesOf } from './softmax.ts';
import { type Operator, since } from './table.ts';

/** Support vector machines: y = sum_j coefficients[j] k(x, v_j) + rho over the support vectors v_j. */

type Kernel = { readonly type: string; readonly gamma: number; readonly shift: number; readonly degree: number };

const MAX_DEGREE = 16;

/** k(x, v_j) for all support vectors: [samples, vectors]. Errors: 'unsupported' for degrees that are no power. */
const kernelValues = (site: Site, x: Value, vectors: readonly number[], count: number, kernel: Kernel): Value => {
	const { type, gamma, shift, degree } = kernel;
	const products = (factor: number, bias: readonly number[]): Value =>
		dense(
			site,
			x,
			vectors.map((value) => factor * value),
			bias,
		);
	const shifts = new Array<number>(count).fill(shift);
	switch (type) {
		case 'LINEAR':
			return products(1, new Array<number>(count).fill(0));
		case 'POLY':
			if (!Number.isInteger(degree) || degree < 1 || degree > MAX_DEGREE)
				return unsupported(
					`The kernel is a polynomial of degree ${degree}.`,
					`Whole degrees from 1 to ${MAX_DEGREE} can be compiled.`,
				);
			return power(site, products(gamma, shifts), degree);
		case 'RBF': {
			// |x - v|^2 = |x|^2 - 2 x v + |v|^2
			const features = vectors.length / count;
			const lengths = shifts.map((_, j) => {
				const vector = vectors.slice(j * features, (j + 1) * features);
				return vector.reduce((sum, value) => sum + value * value, 0);
			});
			const length = summed(site, power(site, x, 2), [1], true);
			const cross = products(-2, lengths);
			return activated(site, scaled(site, weightedSum(site, cross, length, 1, 1), -gamma), 'exp');
		}
		case 'SIGMOID':
			return activated(site, products(gamma, shifts), 'tanh');
		default:
			return malformed(`The kernel is '${type}'.`);
	}
};

const kernelOf = (call: Call, type: string, parameters: readonly number[]): Kernel => {
	const [gamma, shift, degree] = parameters;
	if (gamma !== undefined && shift !== undefined && degree !== undefined && parameters.length === 3)
		return { type, gamma, shift, degree };
	return type === 'LINEAR' && parameters.length === 0
		? { type, gamma: 0, shift: 0, degree: 0 }
		: malformed(`${call.node.op} has ${parameters.length} kernel parameters instead of gamma, coef0 and degree.`);
};

/** y = sum_j coefficients[j] k(x, v_j) + rho; without support vectors y = coefficients x + rho. */
const SVMRegressor: Run = (call) => {
	const { coefficients, kernel_params, kernel_type, n_supports, one_class, post_transform, rho, support_vectors } =
		attributesOf(call, {
			...{ coefficients: [], kernel_params: [], kernel_type: 'LINEAR', n_supports: 0, one_class: 0 },
			...{ post_transform: 'NONE', rho: [], support_vectors: [] },
		});
	if (one_class !== 0)
		return unsupported('SVMRegressor tells inliers from outliers, which is a jump.', 'Use its decision function.');
	// What a transformation of one value means differs between runtimes.
	if (post_transform !== 'NONE')
		return unsupported(
			`SVMRegressor has post_transform = '${post_transform}'.`,
			'Leave it out, and write a Sigmoid after it if that is meant.',
		);
	if (rho.length !== 1) return misshapen(`SVMRegressor has ${rho.length} values of rho instead of one.`);
	const x = samplesOf(call);
	const features = x.shape[1] as number;
	const kernel = kernelOf(call, kernel_type, kernel_params);
	const isLinear = n_supports === 0;
	if (isLinear && (kernel_type !== 'LINEAR' || support_vectors.length > 0))
		return malformed(`SVMRegressor has the kernel ${kernel_type} and no number of support vectors.`);
	if (coefficients.length !== (isLinear ? features : n_supports) || support_vectors.length !== n_supports * features)
		return misshapen(
			`SVMRegressor has ${coefficients.length} coefficients and ${support_vectors.length} numbers of ${n_supports} support vectors for [${x.shape}].`,
		);
	return dense(call, isLinear ? x : kernelValues(call, x, support_vectors, n_supports, kernel), coefficients, rho);
};

/**
 * Of each pair of classes i < j, the decision d = sum over the vectors of both of coefficient * k(x, v) + rho is above 0
 * for i. The label has most pairs; the scores are the decisions, or what `ofTwo` says.
 */
const SVMClassifier: Run = (call) => {
	const given = attributesOf(call, {
		...{ classlabels_ints: [], classlabels_strings: NO_TEXTS, coefficients: [], kernel_params: [] },
		...{ kernel_type: 'LINEAR', post_transform: 'NONE', prob_a: [], prob_b: [], rho: [] },
		...{ support_vectors: [], vectors_per_class: [] },
	});
	const { coefficients, kernel_type, post_transform, rho, support_vectors, vectors_per_class } = given;
	const classes: Classes = given.classlabels_strings.length > 0 ? given.classlabels_strings : given.classlabels_ints;
	const x = samplesOf(call);
	const count = vectors_per_class.reduce((sum, vectors) => sum + vectors, 0);
	if (!vectors_per_class.every((vectors) => Number.isInteger(vectors) && vectors > 0))
		return malformed(`SVMClassifier has [${vectors_per_class.slice(0, 8)}] vectors of its classes.`);
	if (
		classes.length < 2 ||
		vectors_per_class.length !== classes.length ||
		2 * rho.length !== classes.length * (classes.length - 1)
	)
		return misshapen(
			`SVMClassifier has ${vectors_per_class.length} numbers of vectors and ${rho.length} values of rho for ${classes.length} classes.`,
		);
	if (coefficients.length !== (classes.length - 1) * count || support_vectors.length !== count * (x.shape[1] as number))
		return misshapen(
			`SVMClassifier has ${coefficients.length} coefficients and ${support_vectors.length} numbers of ${count} support vectors for [${x.shape}].`,
		);
	if (post_transform !== 'NONE')
		return unsupported(
			`SVMClassifier has post_transform = '${post_transform}'.`,
			'Leave it out, and write what is meant after it.',
		);
	// Runtimes take a machine whose coefficients have one sign for another kind.
	if (coefficients.every((value) => value >= 0))
		return unsupported('SVMClassifier has no negative coefficient.', 'Train it on samples of all classes.');
	const pairs = range(classes.length).flatMap((i) => range(classes.length - i - 1, i + 1).map((j) => [i, j] as const));
	checkSize(pairs.length * count);
	const kernel = kernelOf(call, kernel_type, given.kernel_params);
	const values = kernelValues(call, x, support_vectors, count, kernel);
	const classOf = vectors_per_class.flatMap((vectors, of) => new Array<number>(vectors).fill(of));
	const weights = pairs.flatMap(([i, j]) =>
		classOf.map((of, v) => {
			const row = of === i ? j - 1 : of === j ? i : undefined;
			return row === undefined ? 0 : (coefficients[row * count + v] as number);
		}),
	);
	const decisions = dense(call, values, weights, rho);
	if (classes.length === 2) return ofTwo(call, decisions, classes, given.prob_a, given.prob_b);
	const label = labelled(indexOfLargest(call, votesOf(call, decisions, classes.length), 1, false), classes);
	// Probabilities of more than two classes are coupled step by step.
	return { kind: 'outputs', values: given.prob_a.length > 0 ? [label] : [label, decisions] };
};

/**
 * Two classes by the decision d: the first where d > 0; the scores are [-d, d], or probabilities 1 / (1 + exp(+-(a d + b))),
 * which runtimes approach in steps until they are within some 0.4 %.
 */
const ofTwo = (
	call: Call,
	d: Value,
	classes: Classes,
	[a, ...moreA]: readonly number[],
	[b, ...moreB]: readonly number[],
): Results => {
	if (moreA.length > 0 || moreB.length > 0 || (a === undefined) !== (b === undefined))
		return malformed('SVMClassifier has not one prob_a and one prob_b for two classes.');
	const label = labelled(indexOfLargest(call, dense(call, d, [1, -1], [0, 0]), 1, false, true), classes);
	if (a === undefined || b === undefined) return { kind: 'outputs', values: [label, dense(call, d, [-1, 1], [0, 0])] };
	return { kind: 'outputs', values: [label, activated(call, dense(call, d, [-a, a], [-b, b]), 'sigmoid')] };
};

const COST = 'kernel LINEAR: linear; POLY: ceil(log2 degree) levels; RBF and SIGMOID: one fitted polynomial';

/** Support vector machines. */
export const SUPPORT_VECTORS: readonly Operator[] = [
	{
		op: 'SVMClassifier',
		how: 'exact',
		cost: COST,
		note: 'labels by the client; probabilities of two classes only',
		versions: since([1, SVMClassifier]),
	},
	{ op: 'SVMRegressor', how: 'exact', cost: COST, note: '', versions: since([1, SVMRegressor]) },
];
