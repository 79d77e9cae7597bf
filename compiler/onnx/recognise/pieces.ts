import {
	affineForms,
	isNearly,
	type Model,
	multiples,
	operandsOf,
	own,
	producerOf,
	type Recogniser,
	type Replacement,
	standard,
} from './form.ts';

/** Beyond this ln(1 + exp(x)) is x to seven digits. */
const SOFTPLUS_LINEAR = 15;

/** Where(condition, positive, negative) with the condition x > threshold. */
type Choice = {
	readonly x: string;
	readonly threshold: number;
	readonly above: string;
	readonly below: string;
};

const choiceOf = (model: Model, inputs: readonly string[]): Choice | undefined => {
	const [condition = '', yes = '', no = ''] = inputs;
	const comparison = producerOf(model, condition, 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual');
	const [a = '', b = ''] = comparison?.inputs ?? [];
	const left = model.number(a);
	const right = model.number(b);
	const threshold = right ?? left;
	if (comparison === undefined || threshold === undefined) return undefined;
	const isAbove = comparison.op.startsWith('Greater') === (right !== undefined);
	return { x: right === undefined ? b : a, threshold, above: isAbove ? yes : no, below: isAbove ? no : yes };
};

/** name = scale * x + shift, where there is such a form. */
const inTermsOf = (model: Model, name: string, x: string) => affineForms(model, name).find((form) => form.x === x);

/** What is x above 0, and below 0 a multiple of x or of exp(x) - 1. */
const rectifier = (model: Model, { x, threshold, above, below }: Choice): Replacement | undefined => {
	if (threshold !== 0 || above !== x) return undefined;
	if (model.number(below) === 0) return standard('Relu', x);
	const line = inTermsOf(model, below, x);
	if (line?.shift === 0) return standard('LeakyRelu', x, { alpha: line.scale });
	const curve = affineForms(model, below).find((form) => operandsOf(model, form.x, 'Exp')?.[0] === x);
	return curve !== undefined && curve.shift === -curve.scale ? standard('Elu', x, { alpha: curve.scale }) : undefined;
};

/**
 * Functions in two pieces, chosen by the sign of x or where x is large; with Less as well as with Greater:
 *
 *     Where(x > 0, x, 0)                        = Relu(x)
 *     Where(x > 0, x, alpha x)                  = LeakyRelu(x)
 *     Where(x > 0, x, alpha (Exp(x) - 1))       = Elu(x)
 *     Where(b x > 20, x, Softplus(b x) / b)     = Softplus(b x) / b, which is x there
 */
export const recogniseChoice: Recogniser = (model, node) => {
	const choice = choiceOf(model, node.inputs);
	if (choice === undefined) return undefined;
	const { x, threshold, above, below } = choice;
	if (threshold < SOFTPLUS_LINEAR) return rectifier(model, choice);
	const soft = affineForms(model, below).find((form) => operandsOf(model, form.x, 'Softplus')?.[0] === x);
	if (soft === undefined || soft.shift !== 0) return undefined;
	const line = multiples(model, x).find((form) => form.x === above);
	return line !== undefined && isNearly(line.scale * soft.scale, 1) ? standard('Identity', below) : undefined;
};

/** ln(1 + exp(x)) = Softplus(x) */
export const recogniseLogarithm: Recogniser = (model, node) => {
	const x = exponentOf(model, node.inputs[0] ?? '');
	return x === undefined ? undefined : standard('Softplus', x);
};

/** x of 1 + exp(x). */
const exponentOf = (model: Model, name: string): string | undefined => {
	for (const { x, scale, shift } of affineForms(model, name))
		if (scale === 1 && shift === 1) {
			const [exponent] = operandsOf(model, x, 'Exp') ?? [];
			if (exponent !== undefined) return exponent;
		}
	return undefined;
};

/** x of 1 + |x|. */
const magnitudeOf = (model: Model, name: string): string | undefined => {
	const found = affineForms(model, name).find(({ x }) => producerOf(model, x, 'Abs') !== undefined);
	return found?.scale === 1 && found.shift === 1 ? operandsOf(model, found.x, 'Abs')?.[0] : undefined;
};

/** 1 / (1 + exp(-x)) = Sigmoid(x), of the name -x. */
const negated = (model: Model, name: string): string | undefined =>
	affineForms(model, name).find(({ scale, shift }) => scale === -1 && shift === 0)?.x;

/**
 *     1 / (1 + exp(-x)) = Sigmoid(x)
 *     x / (1 + exp(-x)) = Swish(x)
 *     x / (1 + |x|)     = Softsign(x)
 */
export const recogniseQuotient: Recogniser = (model, node) => {
	const [numerator, denominator = ''] = node.op === 'Reciprocal' ? [undefined, node.inputs[0]] : node.inputs;
	const one = numerator === undefined || model.number(numerator) === 1;
	const exponent = exponentOf(model, denominator);
	const x = exponent === undefined ? undefined : negated(model, exponent);
	if (x !== undefined) return one ? standard('Sigmoid', x) : x === numerator ? own('Swish', x) : undefined;
	const magnitude = magnitudeOf(model, denominator);
	return magnitude !== undefined && magnitude === numerator ? standard('Softsign', magnitude) : undefined;
};
