import { sizeOf } from '../../tensor/graph.ts';
import {
	cubicFilter,
	type Filter,
	interpolation,
	linearFilter,
	nearestFilter,
	smoothFilter,
} from '../../tensor/maps/interpolation.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { range } from '../../tensor/maps/selection.ts';
import { separable } from '../../tensor/maps/separable.ts';
import { attributesOf, axisOf, type Call, constantOperand, integersAt, operand, type Run } from '../call.ts';
import { affineOf, malformed, misshapen, unsupported, type Value } from '../value.ts';
import { type Operator, since } from './table.ts';

/**
 * One axis: `output` elements from `length`, by the factor `scale`; `roi` is the part of it that is read, when there is one.
 * Coordinates are rounded to float32 at every step, as in onnxruntime: which element is nearest may depend on it.
 */
type Line = {
	readonly length: number;
	readonly output: number;
	readonly scale: number;
	readonly roi?: readonly [number, number];
};

const f = Math.fround;

/** x with (x + 1/2) / length = (i + 1/2) / output. */
const halfPixel = (i: number, { scale }: Line): number => f(f((i + 0.5) / scale) - 0.5);

/** The coordinate on the operand's axis of element i of the result, by coordinate_transformation_mode. */
type Coordinate = (i: number, line: Line) => number;
const COORDINATES: ReadonlyMap<string, Coordinate> = new Map<string, Coordinate>([
	['half_pixel', halfPixel],
	['pytorch_half_pixel', (i, line) => (line.output > 1 ? halfPixel(i, line) : 0)],
	['asymmetric', (i, { scale }) => f(i / scale)],
	['align_corners', (i, { length, output }) => (output > 1 ? f((i * (length - 1)) / (output - 1)) : 0)],
	['tf_half_pixel_for_nn', (i, { scale }) => f((i + 0.5) / scale)],
	[
		'half_pixel_symmetric',
		(i, line) => {
			const adjustment = f(line.output / f(line.scale * line.length));
			return f(f((line.length / 2) * f(1 - adjustment)) + halfPixel(i, line));
		},
	],
	[
		'tf_crop_and_resize',
		(i, { length, output, roi: [start, end] = [0, 1] }) =>
			output > 1
				? f(f(start * (length - 1)) + f(f(i * f(end - start) * (length - 1)) / (output - 1)))
				: f(0.5 * f(start + end) * (length - 1)),
	],
]);

/** Which neighbour is the nearest, by nearest_mode. */
const ROUNDINGS: ReadonlyMap<string, (x: number) => number> = new Map<string, (x: number) => number>([
	['round_prefer_floor', (x) => Math.ceil(x - 0.5)],
	['round_prefer_ceil', (x) => Math.floor(x + 0.5)],
	['floor', Math.floor],
	['ceil', Math.ceil],
]);

type Resizing = {
	readonly coordinate: Coordinate;
	readonly filterOf: (line: Line) => Filter;
	readonly outside?: number;
};

/** y = x interpolated along every axis; `outside` is what lies beyond the operand's ends, their elements when undefined. */
const resized = (call: Call, lines: readonly Line[], { coordinate, filterOf, outside }: Resizing): Value => {
	const x = operand(call, 0);
	const shape = lines.map(({ output }) => output);
	if (shape.some((length) => !(length >= 1))) return misshapen(`${call.node.op} makes [${shape}] of [${x.shape}].`);
	checkSize(sizeOf(shape));
	const isKept = ({ scale, length, output, roi }: Line) => scale === 1 && length === output && roi === undefined;
	const coordinates = lines.map((line) =>
		range(line.output).map((i) => {
			const at = isKept(line) ? i : coordinate(i, line);
			return outside !== undefined && (at < 0 || at > line.length - 1) ? undefined : at;
		}),
	);
	const factors = lines.map((line, d) => interpolation(coordinates[d] ?? [], line.length, filterOf(line)));
	const matrix = separable(factors);
	const bias = new Float64Array(matrix.rows);
	if (outside !== undefined && outside !== 0) {
		const isOutside = coordinates.reduce<readonly boolean[]>(
			(before, own) => before.flatMap((beyond) => own.map((at) => beyond || at === undefined)),
			[false],
		);
		for (const [i, beyond] of isOutside.entries()) if (beyond) bias[i] = outside;
	}
	return affineOf(call, [{ value: x, matrix }], bias, shape);
};

/** The axes with one factor each; lengths are rounded down. */
const linesOf = (call: Call, scales: readonly number[], rois?: readonly (readonly [number, number])[]): Line[] => {
	const { shape } = operand(call, 0);
	if (scales.length !== shape.length || scales.some((scale) => !(scale > 0 && scale < Number.POSITIVE_INFINITY)))
		return misshapen(`${call.node.op} scales [${shape}] by [${scales}].`);
	return shape.map((length, d) => {
		const scale = f(scales[d] as number);
		const roi = rois?.[d];
		if (roi === undefined) return { length, output: Math.floor(f(scale * length)), scale };
		return { length, output: Math.floor(f(f(scale * f(roi[1] - roi[0])) * length)), scale, roi };
	});
};

const numbersAt = (call: Call, i: number, what: string): readonly number[] =>
	call.inputs[i] === undefined ? [] : [...constantOperand(call, i, what).data];

/** The two modes that Upsample and the first Resize have, at coordinates i / scale. */
const simple = (call: Call, mode: string, scales: readonly number[]): Value => {
	if (mode !== 'nearest' && mode !== 'linear')
		return unsupported(`${call.node.op} has the mode '${mode}'.`, 'nearest and linear can be compiled.');
	const nearest = ({ scale }: Line) => nearestFilter(scale < 1 ? Math.ceil : Math.floor);
	return resized(call, linesOf(call, scales), {
		coordinate: (i, { scale }) => f(i / scale),
		filterOf: mode === 'nearest' ? nearest : () => linearFilter,
	});
};

const enlarging = (scales: readonly number[]): readonly number[] =>
	scales.every((scale) => scale >= 1) ? scales : malformed(`Upsample has the factors [${scales}], some below 1.`);

/** y[i] = x[i / scale]; scales are an attribute before opset 9, an input then. */
const Upsample7: Run = (call) => {
	const { mode, scales } = attributesOf(call, { mode: 'nearest', scales: [] });
	return simple(call, mode, enlarging(scales));
};
const Upsample: Run = (call) => {
	const { mode } = attributesOf(call, { mode: 'nearest' });
	return simple(call, mode, enlarging(numbersAt(call, 1, 'scales')));
};

/** Opset 10. */
const Resize10: Run = (call) => {
	const { mode } = attributesOf(call, { mode: 'nearest' });
	return simple(call, mode, numbersAt(call, 1, 'scales'));
};

const RESIZE = {
	coordinate_transformation_mode: 'half_pixel',
	cubic_coeff_a: -0.75,
	exclude_outside: 0,
	extrapolation_value: 0,
	mode: 'nearest',
	nearest_mode: 'round_prefer_floor',
} as const;
type Attributes = { readonly [K in keyof typeof RESIZE]: (typeof RESIZE)[K] extends number ? number : string };
type Sizing = { readonly axes: readonly number[]; readonly policy: string };

/** What is interpolated how. Errors: 'unsupported' for modes that ONNX does not define. */
const resizingOf = (call: Call, attributes: Attributes, antialias: boolean): Resizing => {
	const { coordinate_transformation_mode: transformation, mode, nearest_mode } = attributes;
	const coordinate = COORDINATES.get(transformation);
	const isNew = transformation === 'half_pixel_symmetric';
	const isOld = transformation === 'tf_half_pixel_for_nn';
	if (coordinate === undefined || (isNew && call.opset < 19) || (isOld && call.opset >= 13))
		return unsupported(`Resize of opset ${call.opset} has coordinate_transformation_mode '${transformation}'.`);
	const round = ROUNDINGS.get(nearest_mode) ?? unsupported(`Resize has nearest_mode '${nearest_mode}'.`);
	const filter = new Map([
		['nearest', nearestFilter(round)],
		['linear', linearFilter],
		['cubic', cubicFilter(attributes.cubic_coeff_a, attributes.exclude_outside !== 0)],
	]).get(mode);
	if (filter === undefined)
		return unsupported(`Resize has the mode '${mode}'.`, 'ONNX defines nearest, linear, cubic.');
	const excludes = attributes.exclude_outside !== 0;
	const a = mode === 'cubic' ? attributes.cubic_coeff_a : undefined;
	const filterOf = ({ scale, length }: Line) => {
		if (!antialias || scale >= 1 || mode === 'nearest') return filter;
		return scale * length >= 0.5
			? smoothFilter(a, scale, excludes)
			: unsupported('Resize with antialias = 1 makes less than one element of an axis.', 'Use antialias = 0.');
	};
	const outside = transformation === 'tf_crop_and_resize' ? { outside: attributes.extrapolation_value } : {};
	return { coordinate, filterOf, ...outside };
};

/** What the modes that go from end to end mean for a result of 2.4 elements is one thing in ONNX, another in onnxruntime. */
const END_TO_END: readonly string[] = ['align_corners', 'tf_crop_and_resize'];
const refuseFractions = (lines: readonly Line[]): void => {
	for (const { length, output, scale, roi: [start, end] = [0, 1] } of lines) {
		const exact = scale * (end - start) * length;
		if (Math.abs(exact - output) > 1e-4 * exact)
			unsupported(
				`Resize with aligned ends makes ${exact} elements of ${length}, for which ONNX and onnxruntime differ.`,
				'Export the model with sizes, or with scales that give whole numbers.',
			);
	}
};

const resize = (call: Call, attributes: Attributes, antialias: boolean, { axes, policy }: Sizing): Value => {
	const { shape } = operand(call, 0);
	const at = (axes.length > 0 ? axes : range(shape.length)).map((axis) => axisOf(axis, shape.length));
	const spread = <T>(list: readonly T[], rest: (length: number) => T): readonly T[] => {
		if (list.length !== at.length || new Set(at).size !== at.length)
			return misshapen(`Resize has ${list.length} values for the axes [${at}] of [${shape}].`);
		return shape.map((length, d) => (at.includes(d) ? (list[at.indexOf(d)] as T) : rest(length)));
	};
	const roi = numbersAt(call, 1, 'roi');
	const pairs = at.map((_, i) => [roi[i] ?? 0, roi[i + at.length] ?? 1] as const);
	const crops = attributes.coordinate_transformation_mode === 'tf_crop_and_resize' && roi.length > 0;
	if (crops && roi.length !== 2 * at.length)
		return misshapen(`Resize has a roi of ${roi.length} values for [${shape}].`);
	const rois = crops ? spread(pairs, () => [0, 1] as const) : undefined;
	const scales = numbersAt(call, 2, 'scales');
	const sizes = integersAt(call, 3, 'sizes') ?? [];
	if (scales.length > 0 === sizes.length > 0) return malformed('Resize needs either scales or sizes.');
	const resizing = resizingOf(call, attributes, antialias);
	if (scales.length > 0) {
		const scaled = linesOf(
			call,
			spread(scales, () => 1),
			rois,
		);
		if (END_TO_END.includes(attributes.coordinate_transformation_mode)) refuseFractions(scaled);
		return resized(call, scaled, resizing);
	}
	const wanted = spread(sizes, (length) => length);
	const ratios = wanted.map((size, d) => f(size / (shape[d] as number)));
	const own = ratios.filter((_, d) => at.includes(d));
	const common = policy === 'stretch' ? undefined : policy === 'not_larger' ? Math.min(...own) : Math.max(...own);
	const lines = shape.map((length, d) => {
		const isFitted = common !== undefined && at.includes(d);
		const scale = isFitted ? common : (ratios[d] as number);
		const output = isFitted ? Math.floor(f(scale * length) + 0.5) : (wanted[d] as number);
		const roi = rois?.[d];
		return { length, output, scale, ...(roi === undefined ? {} : { roi }) };
	});
	return resized(call, lines, resizing);
};

/** y = x at coordinates of the given mode, with scales or sizes; opsets 11 to 17. */
const Resize11: Run = (call) => resize(call, attributesOf(call, RESIZE), false, { axes: [], policy: 'stretch' });

/** Opset 18 on: on some axes only, and with sizes that keep the proportions. */
const Resize: Run = (call) => {
	const defaults = { ...RESIZE, antialias: 0, axes: [], keep_aspect_ratio_policy: 'stretch' } as const;
	const { antialias, axes, keep_aspect_ratio_policy: policy, ...attributes } = attributesOf(call, defaults);
	if (!['stretch', 'not_larger', 'not_smaller'].includes(policy))
		return unsupported(`Resize has keep_aspect_ratio_policy '${policy}'.`);
	return resize(call, attributes, antialias !== 0, { axes, policy });
};

/** Resampling. */
export const RESIZING: readonly Operator[] = [
	{
		op: 'Resize',
		how: 'exact',
		note: 'constant scales or sizes',
		versions: since([10, Resize10], [11, Resize11], [18, Resize]),
	},
	{
		op: 'Upsample',
		how: 'exact',
		note: 'constant scales',
		versions: since([7, Upsample7], [9, Upsample]),
		until: 9,
	},
];
