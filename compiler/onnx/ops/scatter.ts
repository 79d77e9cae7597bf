import { sizeOf } from '../../tensor/graph.ts';
import { boundedWriter, checkSize } from '../../tensor/maps/rows.ts';
import {
	broadcastSource,
	crossSource,
	range,
	type Source,
	selectionMatrix,
	stridesOf,
} from '../../tensor/maps/selection.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import { attributesOf, axisOf, type Call, constantOperand, operand, type Run } from '../call.ts';
import { elementTypeOf, typeName } from '../tensor.ts';
import { affineOf, constant, malformed, misshapen, moved, unsupported, type Value } from '../value.ts';

/** y[at] = the sum of the updates whose target it is. */
const sumsAt = (rows: number, targets: Source): SparseMatrix => {
	const writer = boundedWriter(rows, targets.length, targets.length);
	const target = (update: number) => targets[update] as number;
	const order = Int32Array.from(targets.keys()).sort((a, b) => target(a) - target(b) || a - b);
	let next = 0;
	for (let at = 0; at < rows; at++) {
		for (; next < order.length && target(order[next] as number) === at; next++) writer.entry(order[next] as number, 1);
		writer.endRow();
	}
	return writer.build();
};

/** The last update that each element is the target of, -1 where there is none. */
const lastAt = (rows: number, targets: Source): Source => {
	checkSize(rows);
	const last = new Int32Array(rows).fill(-1);
	for (const [update, at] of targets.entries()) last[at] = update;
	return last;
};

const FOLDED: ReadonlyMap<string, (x: number, y: number) => number> = new Map([
	['mul', (x: number, y: number) => x * y],
	['max', Math.max],
	['min', Math.min],
]);

/**
 * y = data with updates[i] put at targets[i]: in place of what is there, added to it, or on constants combined with it.
 * Of several updates of one element without a reduction the last one counts.
 */
const scattered = (call: Call, updates: Value, targets: Source, reduction: string): Value => {
	const data = operand(call, 0);
	const size = sizeOf(data.shape);
	const last = lastAt(size, targets);
	const placed = (kept: Source, matrix: SparseMatrix): Value => {
		const terms = [
			{ value: data, matrix: selectionMatrix(kept, size) },
			{ value: updates, matrix },
		];
		return { ...affineOf(call, terms, new Float64Array(size), data.shape), type: data.type };
	};
	if (reduction === 'none')
		return placed(
			last.map((update, at) => (update < 0 ? at : -1)),
			selectionMatrix(last, targets.length),
		);
	if (reduction === 'add')
		return placed(
			last.map((_, at) => at),
			sumsAt(size, targets),
		);
	const fn = FOLDED.get(reduction) ?? malformed(`${call.node.op} has reduction = '${reduction}'.`);
	if (data.kind === 'encrypted' || updates.kind === 'encrypted')
		return unsupported(
			`${call.node.op} with reduction = '${reduction}' reads an encrypted value.`,
			"On encrypted values the reductions 'none' and 'add' are compiled.",
		);
	const result = Float64Array.from(data.data);
	for (const [i, at] of targets.entries()) result[at] = fn(result[at] as number, updates.data[i] as number);
	return constant(data.shape, result, data.type);
};

/** An index into an axis, negative ones counted from its end. */
const indexOf = (call: Call, index: number, length: number): number => {
	const positive = index < 0 ? index + length : index;
	return Number.isInteger(positive) && positive >= 0 && positive < length
		? positive
		: misshapen(`${call.node.op} has the index ${index} for an axis of ${length} elements.`);
};

/** y = data, y[i_0, indices[i], i_2] = updates[i] where the index stands at `axis`. */
const scatterElements = (call: Call, axis: number, reduction: string): Value => {
	const { shape } = operand(call, 0);
	const indices = constantOperand(call, 1, 'indices');
	const updates = operand(call, 2);
	const at = axisOf(axis, shape.length);
	const fits = indices.shape.every((length, d) => d === at || length <= (shape[d] as number));
	if (String(indices.shape) !== String(updates.shape) || indices.shape.length !== shape.length || !fits)
		return misshapen(`Indices [${indices.shape}] and updates [${updates.shape}] do not fit the data [${shape}].`);
	const strides = stridesOf(shape);
	const origins = crossSource(
		indices.shape.map((length, d) => ({ stride: d === at ? 0 : (strides[d] as number), indices: range(length) })),
	);
	const step = strides[at] as number;
	const targets = origins.map(
		(origin, i) => origin + step * indexOf(call, indices.data[i] as number, shape[at] as number),
	);
	return scattered(call, updates, targets, reduction);
};
/** Since opset 16 with a reduction; before that, and as Scatter before opset 11, without. */
export const ScatterElements: Run = (call) => {
	const { axis, reduction } = attributesOf(call, { axis: 0, reduction: 'none' });
	return scatterElements(call, axis, reduction);
};
export const ScatterElements9: Run = (call) => scatterElements(call, attributesOf(call, { axis: 0 }).axis, 'none');

/** y = data, y[indices[i]] = updates[i], where the last axis of the indices holds positions on the first axes. */
const scatterND = (call: Call, reduction: string): Value => {
	const { shape } = operand(call, 0);
	const indices = constantOperand(call, 1, 'indices');
	const updates = operand(call, 2);
	const depth = indices.shape.at(-1) ?? 0;
	const tuples = indices.shape.slice(0, -1);
	const expected = [...tuples, ...shape.slice(depth)];
	if (indices.shape.length === 0 || depth > shape.length || String(updates.shape) !== String(expected))
		return misshapen(`Indices [${indices.shape}] and updates [${updates.shape}] do not fit the data [${shape}].`);
	const strides = stridesOf(shape);
	const starts = range(sizeOf(tuples)).map((tuple) =>
		range(depth).reduce(
			(sum, d) =>
				sum + (strides[d] as number) * indexOf(call, indices.data[tuple * depth + d] as number, shape[d] as number),
			0,
		),
	);
	const block = range(sizeOf(shape.slice(depth)));
	const targets = crossSource([
		{ stride: 1, indices: starts },
		{ stride: 1, indices: block },
	]);
	return scattered(call, updates, targets, reduction);
};
/** Since opset 16 with a reduction. */
export const ScatterND: Run = (call) => scatterND(call, attributesOf(call, { reduction: 'none' }).reduction);
export const ScatterND11: Run = (call) => {
	attributesOf(call, {});
	return scatterND(call, 'none');
};

/** y[..., d, ...] = on where indices[...] = d, else off; indices outside of -depth..depth-1 are off everywhere. */
export const OneHot: Run = (call) => {
	const { axis } = attributesOf(call, { axis: -1 });
	const indices = constantOperand(call, 0, 'indices');
	const depth = constantOperand(call, 1, 'depth').data[0] ?? 0;
	const values = constantOperand(call, 2, 'values');
	if (!Number.isInteger(depth) || depth < 1 || values.data.length !== 2)
		return malformed(`OneHot has the depth ${depth} and ${values.data.length} values.`);
	const at = axisOf(axis, indices.shape.length + 1);
	const shape = indices.shape.toSpliced(at, 0, depth);
	checkSize(sizeOf(shape));
	const inner = sizeOf(indices.shape.slice(at));
	const y = new Float64Array(sizeOf(shape)).fill(values.data[0] as number);
	for (const [i, index] of indices.data.entries()) {
		const d = index < 0 ? index + depth : index;
		if (d < 0 || d >= depth || !Number.isInteger(d)) continue;
		y[(Math.floor(i / inner) * depth + d) * inner + (i % inner)] = values.data[1] as number;
	}
	return constant(shape, y, values.type);
};

/** y = ones on the k-th diagonal of a matrix of the shape of x, zeros elsewhere; x may be encrypted. */
export const EyeLike: Run = (call) => {
	const { dtype, k } = attributesOf(call, { dtype: 0, k: 0 });
	const { shape, type } = operand(call, 0);
	const [rows = 0, columns = 0] = shape;
	if (shape.length !== 2) return misshapen(`EyeLike needs a matrix, not [${shape}].`);
	const wanted = dtype === 0 ? type : (elementTypeOf(dtype) ?? unsupported(`EyeLike of ${typeName(dtype)}.`));
	const y = new Float64Array(rows * columns);
	for (let i = 0; i < rows; i++) if (i + k >= 0 && i + k < columns) y[i * columns + i + k] = 1;
	return constant(shape, y, wanted);
};

/** y[..., i, j] = x[..., i, j] where j - i >= k, or j - i <= k for the lower triangle, else 0. */
export const Trilu: Run = (call) => {
	const { upper } = attributesOf(call, { upper: 1 });
	const x = operand(call, 0);
	const k = call.inputs[1] === undefined ? 0 : (constantOperand(call, 1, 'diagonal').data[0] ?? 0);
	const columns = x.shape.at(-1) ?? 1;
	const rows = x.shape.at(-2) ?? misshapen(`Trilu needs a matrix, not [${x.shape}].`);
	const stays = (at: number) => {
		const distance = (at % columns) - (Math.floor(at / columns) % rows);
		return upper === 0 ? distance <= k : distance >= k;
	};
	return moved(
		call,
		x,
		broadcastSource(x.shape, x.shape).map((at) => (stays(at) ? at : -1)),
		x.shape,
	);
};
