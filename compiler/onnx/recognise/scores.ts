import type { OpNode } from '../call.ts';
import { AttributeType, integerOf } from '../proto.ts';
import { type Model, producerOf, RECOGNISED, type Recogniser, type Replacement } from './form.ts';

/** x, ln sum exp(x) in some shape, and the axis of the sum. */
type Difference = { readonly inputs: readonly string[]; readonly axis: number };

/** The axis of a reduction over one. */
const axisOfReduction = (model: Model, { attributes, inputs }: OpNode): number | undefined => {
	const given = attributes.find(({ name }) => name === 'axes')?.ints?.map(integerOf);
	if (given !== undefined) return given.length === 1 ? given[0] : undefined;
	return inputs[1] === undefined ? undefined : model.number(inputs[1]);
};

/** x - ReduceLogSumExp(x), reshaped or not. */
const differenceOf = (model: Model, { inputs }: OpNode): Difference | undefined => {
	const [x = '', subtracted = ''] = inputs;
	let sum = producerOf(model, subtracted, 'ReduceLogSumExp', 'Reshape', 'Unsqueeze');
	if (sum?.op !== 'ReduceLogSumExp') sum = producerOf(model, sum?.inputs[0] ?? '', 'ReduceLogSumExp');
	if (sum === undefined || sum.inputs[0] !== x) return undefined;
	const axis = axisOfReduction(model, sum);
	return axis === undefined ? undefined : { inputs: [x, subtracted], axis };
};

const replaced = (op: string, found: Difference | undefined): Replacement | undefined =>
	found && {
		op,
		domain: RECOGNISED,
		inputs: found.inputs,
		attributes: [{ name: 'axis', type: AttributeType.INT, i: found.axis }],
	};

/** x - ln sum exp(x) = LogSoftmax(x), as naive Bayes classifiers end; whether shapes fit is seen when it is imported. */
export const recogniseLogShares: Recogniser = (model, node) => replaced('LogShares', differenceOf(model, node));

/** exp(x - ln sum exp(x)) = Softmax(x) */
export const recogniseShares: Recogniser = (model, node) => {
	const difference = producerOf(model, node.inputs[0] ?? '', 'Sub');
	return difference && replaced('Shares', differenceOf(model, difference));
};
