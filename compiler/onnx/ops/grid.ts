import { sizeOf } from '../../tensor/graph.ts';
import { cubicFilter, type Filter, linearFilter, nearestFilter } from '../../tensor/maps/interpolation.ts';
import { boundedWriter, checkSize } from '../../tensor/maps/rows.ts';
import { range, stridesOf, transposeSource } from '../../tensor/maps/selection.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import { attributesOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { roundHalfEven } from '../conversion.ts';
import {
	affineOf,
	type Constant,
	constant,
	malformed,
	misshapen,
	moved,
	reshaped,
	unsupported,
	type Value,
} from '../value.ts';
import { matrixProduct } from './matrix.ts';
import { type Operator, since } from './table.ts';

/** The coordinates -1 to 1 of the elements of an axis: of their middles, or with aligned corners of the first and last one. */
const coordinates = (length: number, aligned: boolean): readonly number[] =>
	range(length).map((i) => (aligned ? (2 * i) / (length - 1) - 1 : (2 * i + 1) / length - 1));

/**
 * y[n, i, j, :] = theta[n] (x, y, 1) at the coordinates of row i and column j; (x, y, z, 1) in space.
 *
 * theta: [batch, 2, 3] or [batch, 3, 4]; size: [batch, channels, ...spatial].
 */
const AffineGrid: Run = (call) => {
	const { align_corners } = attributesOf(call, { align_corners: 0 });
	const theta = operand(call, 0);
	const [batch, , ...spatial] = integersAt(call, 1, 'size') ?? malformed('AffineGrid has no size.');
	const rank = spatial.length;
	if ((rank !== 2 && rank !== 3) || String(theta.shape) !== String([batch, rank, rank + 1]))
		return misshapen(`A transformation of [${theta.shape}] does not fit ${rank} axes of a batch of ${batch}.`);
	const aligned = align_corners !== 0;
	if (spatial.some((length) => length < (aligned ? 2 : 1)))
		return unsupported(`AffineGrid makes [${spatial}].`, 'With aligned corners every axis needs 2 elements.');
	const cells = sizeOf(spatial);
	checkSize(cells * (rank + 1));
	const axes = spatial.map((length) => coordinates(length, aligned));
	const strides = stridesOf(spatial);
	const points = new Float64Array(cells * (rank + 1)).fill(1);
	for (const [d, axis] of axes.entries())
		for (let cell = 0; cell < cells; cell++)
			points[cell * (rank + 1) + rank - 1 - d] = axis[
				Math.floor(cell / (strides[d] as number)) % axis.length
			] as number;
	const columns = moved(call, theta, transposeSource(theta.shape, [0, 2, 1]), [batch ?? 0, rank + 1, rank]);
	const grid = matrixProduct(call, constant([cells, rank + 1], points), columns);
	return reshaped(grid, [batch ?? 0, ...spatial, rank]);
};

/** Where an axis ends: at the outer edges of its elements, or with aligned corners at their middles. */
type Ends = { readonly low: number; readonly high: number };

/** x thrown back at the ends until it lies between them. */
const reflected = (x: number, { low, high }: Ends): number => {
	const width = high - low;
	if (width <= 0) return 0;
	const beyond = x < low ? low - x : x > high ? x - high : undefined;
	if (beyond === undefined) return x;
	const turns = Math.floor(beyond / width);
	const rest = beyond - turns * width;
	return x < low === (turns % 2 === 0) ? low + rest : high - rest;
};

/** What one coordinate is made of at most: four elements where it is cubic. */
const MOST_TAPS = 4;
type Sampling = { readonly filter: Filter; readonly padding: string; readonly aligned: boolean };

/** What the value at coordinate -1 to 1 of an axis is made of: [position, weight], positions inside. */
const tapsAt = (g: number, length: number, { filter, padding, aligned }: Sampling) => {
	const ends = aligned ? { low: 0, high: length - 1 } : { low: -0.5, high: length - 0.5 };
	const clamped = (x: number) => Math.max(0, Math.min(length - 1, x));
	const exact = aligned ? ((g + 1) / 2) * (length - 1) : ((g + 1) * length - 1) / 2;
	const x = Math.fround(exact);
	const inside = (at: number) => (padding === 'border' ? clamped(at) : clamped(Math.trunc(reflected(at, ends))));
	const start = x >= ends.low && x <= ends.high ? x : padding === 'border' ? clamped(x) : reflected(x, ends);
	if (padding === 'zeros') return filter(x, length).filter(([at]) => at >= 0 && at < length);
	return filter(start, length).map(([at, weight]) => [inside(at), weight] as const);
};

/** Linear maps from every image to its values at the points of its grid, one row for each. */
const samples = (x: Value, grid: Constant, sampling: Sampling): SparseMatrix => {
	const [batch = 0, channels = 0, ...spatial] = x.shape;
	const [image, points] = [sizeOf(spatial), sizeOf(grid.shape.slice(1, -1))];
	const strides = stridesOf(spatial);
	const rows = batch * channels * points;
	checkSize(rows * MOST_TAPS ** spatial.length);
	const writer = boundedWriter(rows, batch * channels * image, rows);
	const rowOf = (n: number, p: number): readonly (readonly [number, number])[] => {
		const row = spatial.reduce<readonly (readonly [number, number])[]>(
			(before, length, d) => {
				const g = grid.data[(n * points + p + 1) * spatial.length - 1 - d] as number;
				const taps = tapsAt(g, length, sampling);
				return before.flatMap(([at, weight]) =>
					taps.map(([i, own]) => [at + i * (strides[d] as number), weight * own] as const),
				);
			},
			[[0, 1]],
		);
		const merged = new Map<number, number>();
		for (const [at, weight] of row) merged.set(at, (merged.get(at) ?? 0) + weight);
		return [...merged].sort(([a], [b]) => a - b);
	};
	for (let n = 0; n < batch; n++) {
		const own = range(points).map((p) => rowOf(n, p));
		for (let c = 0; c < channels; c++) {
			const start = (n * channels + c) * image;
			for (const row of own) {
				for (const [at, weight] of row) writer.entry(start + at, weight);
				writer.endRow();
			}
		}
	}
	return writer.build();
};

/** y[n, c, p] = x[n, c] at the coordinates grid[n, p], the last axis first, each from -1 to 1 over its axis. */
const sampled = (call: Call, filters: ReadonlyMap<string, Filter>, usual: string): Value => {
	const defaults = { align_corners: 0, mode: usual, padding_mode: 'zeros' };
	const { align_corners, mode, padding_mode } = attributesOf(call, defaults);
	const x = operand(call, 0);
	const grid = constantOperand(call, 1, 'grid');
	const filter = filters.get(mode) ?? unsupported(`GridSample has the mode '${mode}'.`, `Use ${[...filters.keys()]}.`);
	if (!['zeros', 'border', 'reflection'].includes(padding_mode))
		return unsupported(`GridSample has the padding_mode '${padding_mode}'.`, 'Use zeros, border or reflection.');
	if (mode.endsWith('cubic') && padding_mode === 'border')
		return unsupported(
			'GridSample is cubic with padding_mode border, for which ONNX and onnxruntime differ.',
			'Use linear, or padding_mode zeros or reflection.',
		);
	const [batch, channels, ...spatial] = x.shape;
	const fits = grid.shape.length === x.shape.length && grid.shape[0] === batch && grid.shape.at(-1) === spatial.length;
	if (spatial.length === 0 || !fits) return misshapen(`A grid of [${grid.shape}] does not fit [${x.shape}].`);
	if (!grid.data.every(Number.isFinite)) return malformed('GridSample has coordinates that are not finite.');
	const shape = [batch ?? 0, channels ?? 0, ...grid.shape.slice(1, -1)];
	const matrix = samples(x, grid, { filter, padding: padding_mode, aligned: align_corners !== 0 });
	return affineOf(call, [{ value: x, matrix }], new Float64Array(matrix.rows), shape);
};

/** The modes have other names since opset 20. */
const filtersNamed = (linear: string, cubic: string): ReadonlyMap<string, Filter> =>
	new Map([
		[linear, linearFilter],
		[cubic, cubicFilter(-0.75, false)],
		['nearest', nearestFilter(roundHalfEven)],
	]);
const GridSample: Run = (call) => sampled(call, filtersNamed('linear', 'cubic'), 'linear');
const GridSample16: Run = (call) => sampled(call, filtersNamed('bilinear', 'bicubic'), 'bilinear');

/** Sampling at coordinates. */
export const SAMPLING: readonly Operator[] = [
	{ op: 'AffineGrid', how: 'exact', note: 'constant size', versions: since([20, AffineGrid]) },
	{ op: 'GridSample', how: 'exact', note: 'constant grid', versions: since([16, GridSample16], [20, GridSample]) },
];
