import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import {
	crossSource,
	range,
	type Source,
	stridesOf,
	takeSource,
	transposeSource,
} from '../../tensor/maps/selection.ts';
import {
	attributesOf,
	axisOf,
	type Call,
	constantOperand,
	integersAt,
	operand,
	type Results,
	type Run,
} from '../call.ts';
import { malformed, misshapen, moved, reshaped, unsupported, type Value } from '../value.ts';
import { always, type Operator, since } from './table.ts';

/** y_k[i] = x[start_k + i] along an axis, one output for each length. */
const splitBy = (call: Call, axis: number, lengths: readonly number[]): Results => {
	const x = operand(call, 0);
	const at = axisOf(axis, x.shape.length);
	const { outputs } = call.node;
	if (lengths.length !== outputs.length)
		return malformed(`Split makes ${lengths.length} parts, but has ${outputs.length} outputs.`);
	if (lengths.some((length) => length < 0) || lengths.reduce((sum, length) => sum + length, 0) !== x.shape[at])
		return misshapen(`Parts of [${lengths}] are not what axis ${axis} of [${x.shape}] can be split into.`);
	let end = 0;
	const values = lengths.map((length) => {
		end += length;
		return moved(call, x, takeSource(x.shape, at, range(length, end - length)), x.shape.with(at, length));
	});
	return { kind: 'outputs', values };
};

/** `count` parts of ceil(length / count) elements, the last one shorter where that does not come out even. */
const parts = (length: number, count: number): readonly number[] => {
	const each = Math.ceil(length / count);
	return Array.from({ length: count }, (_, i) => (i < count - 1 ? each : length - each * (count - 1)));
};

/** As many equal parts as there are outputs. */
const equalParts = (call: Call, axis: number): readonly number[] => {
	const { shape } = operand(call, 0);
	const length = shape[axisOf(axis, shape.length)] as number;
	const count = call.node.outputs.length;
	return length % count === 0
		? parts(length, count)
		: misshapen(`Axis ${axis} of [${shape}] does not come in ${count} equal parts.`);
};

/** Opset 18 on: lengths as an input, or num_outputs parts, which need not be equal. */
const Split: Run = (call) => {
	const { axis, num_outputs } = attributesOf(call, { axis: 0, num_outputs: 0 });
	const lengths = integersAt(call, 1, 'split');
	if (num_outputs === 0) return splitBy(call, axis, lengths ?? equalParts(call, axis));
	if (lengths !== undefined) return malformed('Split has both lengths and num_outputs.');
	const { shape } = operand(call, 0);
	const outputs = call.node.outputs.length;
	if (num_outputs !== outputs) return malformed(`Split has num_outputs = ${num_outputs} and ${outputs} outputs.`);
	return splitBy(call, axis, parts(shape[axisOf(axis, shape.length)] as number, num_outputs));
};

/** Opsets 13 to 17: lengths as an input, or equal parts. */
const Split13: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 0 });
	return splitBy(call, axis, integersAt(call, 1, 'split') ?? equalParts(call, axis));
};

/** Opsets 6 to 12: lengths as an attribute, or equal parts. */
const Split2: Run = (call) => {
	const { axis, split } = attributesOf(call, { axis: 0, split: [] });
	return splitBy(call, axis, split.length > 0 ? split : equalParts(call, axis));
};

/** y[i] = x[i mod d], where axis d is repeated. */
const Tile: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const repeats = integersAt(call, 1, 'repeats') ?? malformed('Tile has no repeats.');
	if (repeats.length !== x.shape.length || repeats.some((count) => count < 0))
		return misshapen(`Tile cannot repeat [${x.shape}] by [${repeats}].`);
	const shape = x.shape.map((length, d) => length * (repeats[d] as number));
	checkSize(sizeOf(shape));
	const strides = stridesOf(x.shape);
	const axes = x.shape.map((length, d) => ({
		stride: strides[d] as number,
		indices: range(shape[d] as number).map((i) => i % length),
	}));
	return moved(call, x, crossSource(axes), shape);
};

/** An index into an axis, counted from the end when it is negative. Errors: 'shape' outside. */
export const within = (index: number, length: number): number => {
	const positive = index < 0 ? index + length : index;
	return Number.isInteger(positive) && positive >= 0 && positive < length
		? positive
		: misshapen(`The index ${index} lies outside an axis of ${length}.`);
};

/** y[i_0, ..., i_a, ...] = x[i_0, ..., indices[i], ...]: y has the shape of the indices. */
const GatherElements: Run = (call) => {
	const { axis } = attributesOf(call, { axis: 0 });
	const x = operand(call, 0);
	const { shape, data } = constantOperand(call, 1, 'indices');
	const at = axisOf(axis, x.shape.length);
	const fits = shape.length === x.shape.length && shape.every((d, i) => i === at || d <= (x.shape[i] as number));
	if (!fits) return misshapen(`Indices of [${shape}] do not fit [${x.shape}] along axis ${axis}.`);
	const [length, strides] = [x.shape[at] as number, stridesOf(x.shape)];
	const step = strides[at] as number;
	const rows = crossSource(shape.map((d, i) => ({ stride: i === at ? 0 : (strides[i] as number), indices: range(d) })));
	const source = rows.map((start, i) => start + within(data[i] as number, length) * step);
	return moved(call, x, source, shape);
};

/** y[b, i, rest] = x[b, indices[b, i, 0], indices[b, i, 1], ..., rest]; batch_dims since opset 12. */
const gathered = (call: Call, batchDims: number): Value => {
	const x = operand(call, 0);
	const { shape, data } = constantOperand(call, 1, 'indices');
	const depth = shape.at(-1) ?? 0;
	const from = batchDims + depth;
	const batch = x.shape.slice(0, batchDims);
	const fits = batchDims >= 0 && batchDims < shape.length && depth > 0 && from <= x.shape.length;
	if (!fits || String(shape.slice(0, batchDims)) !== String(batch))
		return misshapen(`Indices of [${shape}] do not fit [${x.shape}] with ${batchDims} batch axes.`);
	const strides = stridesOf(x.shape).slice(batchDims);
	const rest = x.shape.slice(from);
	const [block, image] = [sizeOf(rest), sizeOf(x.shape.slice(batchDims))];
	const tuples = sizeOf(shape) / depth;
	checkSize(tuples * block);
	const source: Source = new Int32Array(tuples * block);
	for (let t = 0; t < tuples; t++) {
		let start = Math.floor((t * sizeOf(batch)) / tuples) * image;
		for (let k = 0; k < depth; k++)
			start += within(data[t * depth + k] as number, x.shape[batchDims + k] as number) * (strides[k] as number);
		for (let i = 0; i < block; i++) source[t * block + i] = start + i;
	}
	return moved(call, x, source, [...shape.slice(0, -1), ...rest]);
};

const GatherND: Run = (call) => {
	const { batch_dims } = attributesOf(call, { batch_dims: 0 });
	return gathered(call, batch_dims);
};
const GatherND11: Run = (call) => {
	attributesOf(call, {});
	return gathered(call, 0);
};

/** x seen as `shape`, its axes put into the order `perm`, seen as `result`. */
const shuffled = (call: Call, shape: Shape, perm: readonly number[], result: Shape): Value =>
	moved(call, operand(call, 0), transposeSource(shape, perm), result);

/** [batch, channels, height, width] and the block size, which must be given. */
const blocksOf = (call: Call, size: number): readonly [number, number, number, number] => {
	const { shape } = operand(call, 0);
	if (!Number.isInteger(size) || size < 1) return malformed(`${call.node.op} has blocksize = ${size}.`);
	return shape.length === 4
		? (shape as readonly [number, number, number, number])
		: misshapen(`${call.node.op} needs [batch, channels, height, width]; the input is [${shape}].`);
};

/** y[n, c, h b + i, w b + j] = x[n, c', h, w], where c' is (i b + j) C + c (DCR) or c b b + i b + j (CRD). */
const depthToSpace = (call: Call, b: number, mode: string): Value => {
	const [batch, channels, height, width] = blocksOf(call, b);
	const depth = channels / (b * b);
	if (!Number.isInteger(depth)) return misshapen(`${channels} channels are no multiple of ${b} * ${b}.`);
	const result = [batch, depth, height * b, width * b];
	if (mode === 'DCR') return shuffled(call, [batch, b, b, depth, height, width], [0, 3, 4, 1, 5, 2], result);
	if (mode === 'CRD') return shuffled(call, [batch, depth, b, b, height, width], [0, 1, 4, 2, 5, 3], result);
	return unsupported(`DepthToSpace has the mode '${mode}'.`, 'ONNX defines DCR and CRD.');
};

/** The mode since opset 11. */
const DepthToSpace: Run = (call) => {
	const { blocksize, mode } = attributesOf(call, { blocksize: 0, mode: 'DCR' });
	return depthToSpace(call, blocksize, mode);
};
const DepthToSpace1: Run = (call) => {
	const { blocksize } = attributesOf(call, { blocksize: 0 });
	return depthToSpace(call, blocksize, 'DCR');
};

/** y[n, c', h, w] = x[n, c, h b + i, w b + j], where c' is (i b + j) C + c (DCR) or c b b + i b + j (CRD). */
const spaceToDepth = (call: Call, b: number, mode: string): Value => {
	const [batch, channels, height, width] = blocksOf(call, b);
	const [rows, columns] = [height / b, width / b];
	if (!Number.isInteger(rows) || !Number.isInteger(columns))
		return misshapen(`An image of ${height} x ${width} does not come in blocks of ${b} x ${b}.`);
	const blocks = [batch, channels, rows, b, columns, b];
	const result = [batch, channels * b * b, rows, columns];
	if (mode === 'DCR') return shuffled(call, blocks, [0, 3, 5, 1, 2, 4], result);
	if (mode === 'CRD') return shuffled(call, blocks, [0, 1, 3, 5, 2, 4], result);
	return unsupported(`SpaceToDepth has the mode '${mode}'.`, 'ONNX defines DCR and CRD.');
};

/** The mode since opset 28. */
const SpaceToDepth: Run = (call) => {
	const { blocksize, mode } = attributesOf(call, { blocksize: 0, mode: 'DCR' });
	return spaceToDepth(call, blocksize, mode);
};
const SpaceToDepth1: Run = (call) => {
	const { blocksize } = attributesOf(call, { blocksize: 0 });
	return spaceToDepth(call, blocksize, 'DCR');
};

/** y[t, b] = x[lengths[b] - 1 - t, b] for t below lengths[b], the rest as it is; the axes of t and b are the first two. */
const ReverseSequence: Run = (call) => {
	const { batch_axis, time_axis } = attributesOf(call, { batch_axis: 1, time_axis: 0 });
	const x = operand(call, 0);
	const lengths = integersAt(call, 1, 'lengths') ?? malformed('ReverseSequence has no lengths.');
	if (x.shape.length < 2 || batch_axis + time_axis !== 1 || batch_axis * time_axis !== 0)
		return malformed(`ReverseSequence has time axis ${time_axis} and batch axis ${batch_axis} of [${x.shape}].`);
	const [times, batches] = [x.shape[time_axis] as number, x.shape[batch_axis] as number];
	if (lengths.length !== batches || lengths.some((length) => length < 0 || length > times))
		return misshapen(`Sequences of lengths [${lengths}] do not fit [${x.shape}].`);
	const [outer, inner] = stridesOf(x.shape) as [number, number];
	const [timeStride, batchStride] = time_axis === 0 ? [outer, inner] : [inner, outer];
	const source = range(sizeOf(x.shape)).map((at) => {
		const time = Math.floor(at / timeStride) % times;
		const length = lengths[Math.floor(at / batchStride) % batches] as number;
		return time < length ? at + (length - 1 - 2 * time) * timeStride : at;
	});
	return moved(call, x, Int32Array.from(source), x.shape);
};

/** The axis of Compress that is none. */
const IN_A_ROW = Number.MAX_SAFE_INTEGER;

/** The elements of an axis, or of x in a row, where the condition holds; beyond its end it does not. */
const Compress: Run = (call) => {
	const { axis } = attributesOf(call, { axis: IN_A_ROW });
	const given = operand(call, 0);
	const x = axis === IN_A_ROW ? reshaped(given, [sizeOf(given.shape)]) : given;
	const at = axis === IN_A_ROW ? 0 : axisOf(axis, x.shape.length);
	const { data, shape } = constantOperand(call, 1, 'condition');
	if (shape.length !== 1 || data.length > (x.shape[at] as number))
		return misshapen(`A condition of [${shape}] does not fit axis ${at} of [${x.shape}].`);
	const kept = range(data.length).filter((i) => data[i] !== 0);
	return moved(call, x, takeSource(x.shape, at, kept), x.shape.with(at, kept.length));
};
/** What takes elements apart and puts them in another order. */
export const REARRANGEMENTS: readonly Operator[] = [
	{ op: 'Compress', how: 'exact', note: 'constant condition', versions: since([9, Compress]) },
	{ op: 'DepthToSpace', how: 'exact', note: '', versions: since([6, DepthToSpace1], [11, DepthToSpace]) },
	{ op: 'GatherElements', how: 'exact', note: 'constant indices', versions: since([11, GatherElements]) },
	{ op: 'GatherND', how: 'exact', note: 'constant indices', versions: since([11, GatherND11], [12, GatherND]) },
	{ op: 'ReverseSequence', how: 'exact', note: 'constant lengths', versions: since([10, ReverseSequence]) },
	{ op: 'SpaceToDepth', how: 'exact', note: '', versions: since([6, SpaceToDepth1], [28, SpaceToDepth]) },
	{ op: 'Split', how: 'exact', note: 'constant lengths', versions: since([6, Split2], [13, Split13], [18, Split]) },
	{ op: 'Tile', how: 'exact', note: 'constant repeats', versions: always(Tile) },
];
