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
import { larger, product, smaller } from '../algebra.ts';
import { attributesOf, axisOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { elementTypeOf, typeName } from '../tensor.ts';
import { affineOf, constant, malformed, misshapen, moved, type Site, unsupported, type Value } from '../value.ts';
import { within } from './rearrangement.ts';
import { type Operator, since } from './table.ts';

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

/** How an update is combined with what is there, on numbers and on values. */
type Reduction = {
	readonly of: (x: number, y: number) => number;
	readonly combined: (site: Site, x: Value, y: Value) => Value;
};
const REDUCTIONS: ReadonlyMap<string, Reduction> = new Map<string, Reduction>([
	['mul', { of: (x, y) => x * y, combined: product }],
	['max', { of: Math.max, combined: larger }],
	['min', { of: Math.min, combined: smaller }],
]);

const MAX_ROUNDS = 16;

/** The positions of the updates in rounds of which none has an element as target twice, in order. */
const roundsOf = (targets: Source): readonly (readonly number[])[] => {
	const seen = new Map<number, number>();
	const rounds: number[][] = [];
	for (const [update, at] of targets.entries()) {
		const round = seen.get(at) ?? 0;
		seen.set(at, round + 1);
		if (round >= MAX_ROUNDS)
			unsupported(
				`An encrypted element is updated more than ${MAX_ROUNDS} times, one after another.`,
				'Combine the updates before they are scattered.',
			);
		const own = rounds[round] ?? [];
		own.push(update);
		rounds[round] = own;
	}
	return rounds;
};

/** y = data with fn(data[targets[i]], updates[i]) at targets[i]. */
const combinedAt = (call: Call, updates: Value, targets: Source, combined: Reduction['combined']): Value =>
	roundsOf(targets).reduce(
		(data: Value, round) => {
			const size = sizeOf(data.shape);
			const places = Int32Array.from(round, (update) => targets[update] as number);
			const shape = [round.length];
			const old = moved(call, data, places, shape);
			const value = combined(call, old, moved(call, updates, Int32Array.from(round), shape));
			const from = lastAt(size, places);
			const kept = from.map((i, at) => (i < 0 ? at : -1));
			const terms = [
				{ value: data, matrix: selectionMatrix(kept, size) },
				{ value, matrix: selectionMatrix(from, round.length) },
			];
			return { ...affineOf(call, terms, new Float64Array(size), data.shape), type: data.type };
		},
		operand(call, 0),
	);

/**
 * y = data with updates[i] put at targets[i]: in place of what is there, added to it, or combined with it one by one.
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
	const known = REDUCTIONS.get(reduction) ?? malformed(`${call.node.op} has reduction = '${reduction}'.`);
	if (data.kind === 'encrypted' || updates.kind === 'encrypted')
		return combinedAt(call, updates, targets, known.combined);
	const result = Float64Array.from(data.data);
	for (const [i, at] of targets.entries()) result[at] = known.of(result[at] as number, updates.data[i] as number);
	return constant(data.shape, result, data.type);
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
	const targets = origins.map((origin, i) => origin + step * within(indices.data[i] as number, shape[at] as number));
	return scattered(call, updates, targets, reduction);
};
/** Since opset 16 with a reduction; before that, and as Scatter before opset 11, without. */
const ScatterElements: Run = (call) => {
	const { axis, reduction } = attributesOf(call, { axis: 0, reduction: 'none' });
	return scatterElements(call, axis, reduction);
};
const ScatterElements9: Run = (call) => scatterElements(call, attributesOf(call, { axis: 0 }).axis, 'none');

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
			(sum, d) => sum + (strides[d] as number) * within(indices.data[tuple * depth + d] as number, shape[d] as number),
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
const ScatterND: Run = (call) => scatterND(call, attributesOf(call, { reduction: 'none' }).reduction);
const ScatterND11: Run = (call) => {
	attributesOf(call, {});
	return scatterND(call, 'none');
};

/** y = cache, y[b, ..., start[b] + s, ...] = update[b, ..., s, ...] along an axis, past whose end a circular cache goes on. */
const TensorScatter: Run = (call) => {
	const { axis, mode } = attributesOf(call, { axis: -2, mode: 'linear' });
	const { shape } = operand(call, 0);
	const update = operand(call, 1);
	const at = axisOf(axis, shape.length);
	const starts = integersAt(call, 2, 'write indices') ?? range(shape[0] ?? 0).map(() => 0);
	if (mode !== 'linear' && mode !== 'circular') return malformed(`TensorScatter has the mode '${mode}'.`);
	const length = shape[at] as number;
	const written = update.shape[at] ?? 0;
	const isSame = update.shape.length === shape.length && String(update.shape.with(at, length)) === String(shape);
	if (at === 0 || !isSame || written > length || starts.length !== shape[0] || starts.some((start) => start < 0))
		return misshapen(`Updates [${update.shape}] at [${starts}] do not fit the cache [${shape}].`);
	const strides = stridesOf(shape);
	const rows = crossSource(
		update.shape.map((d, i) => ({ stride: i === at ? 0 : (strides[i] as number), indices: range(d) })),
	);
	const step = strides[at] as number;
	const inner = stridesOf(update.shape)[at] as number;
	const block = sizeOf(update.shape.slice(1));
	const targets = rows.map((row, i) => {
		const place = (starts[Math.floor(i / block)] as number) + (Math.floor(i / inner) % written);
		return row + step * within(mode === 'circular' && place >= 0 ? place % length : place, length);
	});
	return scattered(call, update, targets, 'none');
};

/** y[..., d, ...] = on where indices[...] = d, else off; indices outside of -depth..depth-1 are off everywhere. */
const OneHot: Run = (call) => {
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

/** Before opset 11 a negative index is off everywhere by the specification, and not by what runs such models. */
const OneHot9: Run = (call) =>
	constantOperand(call, 0, 'indices').data.some((index) => index < 0)
		? unsupported('OneHot has a negative index, whose meaning changed with opset 11.', 'Export it with opset 11.')
		: OneHot(call);

/** y = ones on the k-th diagonal of a matrix of the shape of x, zeros elsewhere; x may be encrypted. */
const EyeLike: Run = (call) => {
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
const Trilu: Run = (call) => {
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

const UPDATES = 'linear; a product (mul) or an activation (max, min) for each update of an element';

/** What writes elements at places. */
export const SCATTERS: readonly Operator[] = [
	{ op: 'EyeLike', how: 'constant', note: '', versions: since([9, EyeLike]) },
	{ op: 'OneHot', how: 'constant', note: '', versions: since([9, OneHot9], [11, OneHot]) },
	{ op: 'Scatter', how: 'exact', note: 'constant indices', versions: since([9, ScatterElements9]), until: 10 },
	{
		op: 'ScatterElements',
		how: 'exact',
		cost: UPDATES,
		note: 'constant indices',
		versions: since([11, ScatterElements9], [16, ScatterElements]),
	},
	{
		op: 'ScatterND',
		how: 'exact',
		cost: UPDATES,
		note: 'constant indices',
		versions: since([11, ScatterND11], [16, ScatterND]),
	},
	{ op: 'TensorScatter', how: 'exact', note: 'constant indices', versions: since([24, TensorScatter]) },
	{ op: 'Trilu', how: 'exact', note: 'constant diagonal', versions: since([14, Trilu]) },
];
