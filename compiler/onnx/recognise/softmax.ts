import type { OpNode } from '../call.ts';
import { AttributeType, integerOf } from '../proto.ts';
import { affineForms, type Model, operandsOf, producerOf, RECOGNISED, type Recogniser } from './form.ts';

/** The one axis that a reduction goes over and keeps as an axis of length 1. */
const axisOf = (model: Model, { inputs, attributes }: OpNode): number | undefined => {
	const attribute = (name: string) => attributes.find((given) => given.name === name);
	const axes = attribute('axes')?.ints ?? [];
	const keepdims = attribute('keepdims');
	if (keepdims !== undefined && integerOf(keepdims.i) === 0) return undefined;
	if (axes.length === 1 && inputs.length === 1) return integerOf(axes[0]);
	return axes.length === 0 && inputs[1] ? model.number(inputs[1]) : undefined;
};

/** v of v - ReduceMax(v), which exp is taken of to keep it small; the name itself where it is none. */
const unshifted = (model: Model, name: string, axis: number): string => {
	const [v = '', shift = ''] = operandsOf(model, name, 'Sub') ?? [];
	const largest = producerOf(model, shift, 'ReduceMax');
	return largest?.inputs[0] === v && axisOf(model, largest) === axis ? v : name;
};

/** What softmax along an axis is taken of, where `sum` is the sum of exp of it. */
const scoresOf = (model: Model, exponentials: string, sum: string) => {
	const [u] = operandsOf(model, exponentials, 'Exp') ?? [];
	const total = producerOf(model, sum, 'ReduceSum');
	const axis = total?.inputs[0] === exponentials ? axisOf(model, total) : undefined;
	return u === undefined || axis === undefined ? undefined : { x: unshifted(model, u, axis), axis };
};

/** Exp(x) / ReduceSum(Exp(x)) = Softmax(x), with or without ReduceMax(x) taken from x. */
export const recogniseSoftmax: Recogniser = (model, node) => {
	const [a = '', b = ''] = node.inputs;
	const found = scoresOf(model, a, b);
	if (found === undefined) return undefined;
	const axis = { name: 'axis', type: AttributeType.INT, i: found.axis };
	return { op: 'Softmax', domain: RECOGNISED, inputs: [found.x], attributes: [axis] };
};

/** Log(Softmax(x)) = LogSoftmax(x): both mean the same in every operator set, if it is one, which functions may change. */
export const recogniseLogSoftmax: Recogniser = (model, node) => {
	const softmax = affineForms(model, node.inputs[0] ?? '')
		.filter(({ scale, shift }) => scale === 1 && shift === 0)
		.flatMap(({ x }) => producerOf(model, x, 'Softmax') ?? [])[0];
	if (softmax?.opset !== node.opset) return undefined;
	return softmax && { op: 'LogSoftmax', domain: '', inputs: softmax.inputs, attributes: softmax.attributes };
};
