import { sizeOf } from '../../tensor/graph.ts';
import { broadcastSource, range, selectionMatrix } from '../../tensor/maps/selection.ts';
import { attributesOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import { affineOf, constant, misshapen, unsupported, type Value } from '../value.ts';
import { normalizedByBatch } from './norms.ts';
import { COSTS, NO_COST, type Operator, since } from './table.ts';

/** y[n, c, p] = scale[c] * (x[n, c, p] - mean[c]) / sqrt(variance[c] + epsilon) + shift[c] */
const normalized = (call: Call, epsilon: number): Value => {
	const x = operand(call, 0);
	const channels = x.shape[1] ?? misshapen(`BatchNormalization needs a channel axis; the input is [${x.shape}].`);
	const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'variance'].map((name, i) => {
		const values = constantOperand(call, i + 1, name);
		return values.data.length === channels
			? values.data
			: misshapen(`The ${name} has ${values.data.length} values for ${channels} channels.`);
	}) as [Float64Array, Float64Array, Float64Array, Float64Array];
	const factor = scale.map((value, c) => value / Math.sqrt((variance[c] as number) + epsilon));
	const offset = shift.map((value, c) => value - (mean[c] as number) * (factor[c] as number));
	const size = sizeOf(x.shape);
	const channelOf = broadcastSource([channels, ...x.shape.slice(2).map(() => 1)], x.shape);
	const spread = (perChannel: Float64Array) => Float64Array.from(channelOf, (c) => perChannel[c] as number);
	const matrix = selectionMatrix(Int32Array.from(range(size)), size, spread(factor));
	return affineOf(call, [{ value: x, matrix }], spread(offset), x.shape);
};

const refuseTraining = (training: boolean): void => {
	if (training)
		unsupported('The node is in training mode.', 'Export the model for inference (model.eval() in PyTorch).');
};
const outputCount = (call: Call): number => call.node.outputs.filter((name) => name !== '').length;

/** Opset 14 on. */
const BatchNormalization: Run = (call) => {
	const defaults = { epsilon: 1e-5, momentum: 0.9, training_mode: 0 };
	const { epsilon, momentum, training_mode } = attributesOf(call, defaults);
	return training_mode === 0 ? normalized(call, epsilon) : normalizedByBatch(call, epsilon, momentum);
};

/** Opsets 7 to 13, where more than one output means training. */
const BatchNormalization7: Run = (call) => {
	const { epsilon, spatial } = attributesOf(call, { epsilon: 1e-5, momentum: 0.9, spatial: 1 });
	refuseTraining(outputCount(call) > 1);
	if (spatial === 0) unsupported('BatchNormalization with spatial = 0 (statistics for every position).');
	return normalized(call, epsilon);
};

/** Opset 6. */
const BatchNormalization6: Run = (call) => {
	const { epsilon, spatial, is_test } = attributesOf(call, { epsilon: 1e-5, momentum: 0.9, spatial: 1, is_test: 0 });
	refuseTraining(is_test === 0);
	if (spatial === 0) unsupported('BatchNormalization with spatial = 0 (statistics for every position).');
	return normalized(call, epsilon);
};

/** y = x: dropout does nothing at inference. Opsets 7 to 11. */
const Dropout7: Run = (call) => {
	attributesOf(call, { ratio: 0.5 });
	return operand(call, 0);
};

/** Opset 6. */
const Dropout6: Run = (call) => {
	const { is_test } = attributesOf(call, { ratio: 0.5, is_test: 0 });
	refuseTraining(is_test === 0);
	return operand(call, 0);
};

/** Opset 12 on: ratio and training mode are inputs, and the mask keeps everything. */
const Dropout: Run = (call) => {
	attributesOf(call, { seed: 0 });
	if (call.inputs[2] !== undefined) {
		const training = constantOperand(call, 2, 'training mode').data[0] !== 0;
		const ratio = call.inputs[1] === undefined ? 0.5 : constantOperand(call, 1, 'ratio').data[0];
		refuseTraining(training && ratio !== 0);
	}
	const x = operand(call, 0);
	const mask = constant(x.shape, new Float64Array(sizeOf(x.shape)).fill(1), 'bool');
	return { kind: 'outputs', values: [x, mask] };
};

/** Normalisation and dropout. */
export const NORMALIZATIONS: readonly Operator[] = [
	{
		op: 'BatchNormalization',
		how: 'exact',
		cost: `${COSTS.exact}; in training one fitted x ^ (-1/2) and 2 products`,
		note: 'inference; from opset 14 on also in training, with the statistics of the batch',
		versions: since([6, BatchNormalization6], [7, BatchNormalization7], [14, BatchNormalization]),
	},
	{
		op: 'Dropout',
		how: 'exact',
		cost: NO_COST,
		note: 'inference',
		versions: since([6, Dropout6], [7, Dropout7], [12, Dropout]),
	},
];
