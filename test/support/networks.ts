import { type NodeSpec, node, randomNumbers, type TensorSpec } from './onnx.ts';

/** Random draws that are the same for the same seed. */
export class Dice {
	readonly #numbers: Float64Array;
	#position = 0;

	constructor(seed: number) {
		this.#numbers = randomNumbers(seed, 4096, 0, 1);
	}

	/** A whole number in [0, bound). */
	next(bound: number): number {
		const x = this.#numbers[this.#position++ % this.#numbers.length] as number;
		return Math.min(bound - 1, Math.floor(x * bound));
	}

	pick<T>(items: readonly T[]): T {
		return items[this.next(items.length)] as T;
	}

	/** True once in `n` times. */
	once(n: number): boolean {
		return this.next(n) === 0;
	}
}

/** A value of a network that is drawn: [1, channels, ...spatial] or [1, features]. */
export type Value = {
	readonly name: string;
	readonly shape: readonly number[];
	/** Degree as a polynomial of the inputs. */
	readonly degree: number;
};

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export type Limits = {
	/** Products multiply degrees: beyond this the network is too deep. */
	readonly degree: number;
	/** Non-zero entries of one layer's matrix: what a compilation takes follows from it. */
	readonly entries: number;
};

/** The nodes and constants of a network so far. */
export class Sketch {
	readonly dice: Dice;
	readonly limits: Limits;
	readonly nodes: NodeSpec[] = [];
	readonly constants: Record<string, TensorSpec> = {};
	/** Inputs and results of nodes. */
	readonly values: Value[] = [];

	constructor(seed: number, limits: Limits) {
		this.dice = new Dice(seed);
		this.limits = limits;
	}

	input(name: string, shape: readonly number[]): Value {
		const value = { name, shape, degree: 1 };
		this.values.push(value);
		return value;
	}

	/** Appends a node; its result. */
	add(
		op: string,
		inputs: readonly string[],
		shape: readonly number[],
		degree: number,
		attributes: NonNullable<NodeSpec['attributes']> = {},
	): Value {
		const value = { name: `v${this.nodes.length}`, shape, degree };
		this.nodes.push(node(op, inputs, [value.name], { attributes }));
		this.values.push(value);
		return value;
	}

	/** A constant with values in [middle - bound, middle + bound]. */
	weights(shape: readonly number[], bound: number, middle = 0): string {
		const data = randomNumbers(1 + this.dice.next(100_000), sizeOf(shape), middle - bound, middle + bound);
		return this.#constant({ shape, data });
	}

	integers(...data: readonly number[]): string {
		return this.#constant({ shape: [data.length], data, type: 'INT64' });
	}

	number(value: number): string {
		return this.#constant({ shape: [], data: [value] });
	}

	#constant(tensor: TensorSpec): string {
		const name = `c${Object.keys(this.constants).length}`;
		this.constants[name] = tensor;
		return name;
	}
}

/** Weights in [-bound, bound] that keep the size of values: each sums `fan` of about the same size. */
const boundFor = (fan: number): number => Math.sqrt(2.5 / fan);

/** Appends one layer that reads x; undefined, with nothing appended, when it does not fit x or the limits. */
export type Layer = (sketch: Sketch, x: Value) => Value | undefined;

const spatialOf = ({ shape }: Value): readonly number[] => shape.slice(2);
const channelsOf = ({ shape }: Value): number => shape[1] as number;

type WindowSpec = {
	readonly kernel: readonly number[];
	readonly strides: readonly number[];
	readonly dilations: readonly number[];
	/** All begins, then all ends. */
	readonly pads: readonly number[];
};

/** Positions of the window along each axis; undefined where it does not fit. */
const outputOf = (input: readonly number[], window: WindowSpec, ceil = false): readonly number[] | undefined => {
	const output = input.map((size, d) => {
		const { [d]: kernel = 1 } = window.kernel;
		const { [d]: stride = 1 } = window.strides;
		const { [d]: dilation = 1 } = window.dilations;
		const before = window.pads[d] ?? 0;
		const after = window.pads[d + input.length] ?? 0;
		const room = size + before + after - dilation * (kernel - 1) - 1;
		if (room < 0) return 0;
		if (!ceil) return 1 + Math.floor(room / stride);
		// A last window that would start behind the input does not count; onnxruntime's own shape inference counts it.
		const last = Math.ceil(room / stride);
		return last * stride < size + before ? 1 + last : 0;
	});
	return output.some((size) => size < 1) ? undefined : output;
};

const SIDES = [1, 2, 3, 3, 3, 4, 5];
const STRIDES = [1, 1, 1, 2, 2, 3];

const drawWindow = ({ dice }: Sketch, rank: number): WindowSpec => {
	const square = dice.next(3) > 0;
	const each = (draw: () => number): readonly number[] => {
		const first = draw();
		return Array.from({ length: rank }, (_, d) => (square || d === 0 ? first : draw()));
	};
	const kernel = each(() => dice.pick(SIDES));
	const pads = Array.from({ length: 2 * rank }, () => 0);
	const padding = dice.next(3);
	kernel.forEach((k, d) => {
		const same = Math.floor((k - 1) / 2);
		pads[d] = padding === 0 ? 0 : padding === 1 ? same : dice.next(k);
		pads[d + rank] = padding === 2 ? dice.next(k) : pads[d];
	});
	return {
		kernel,
		strides: each(() => dice.pick(STRIDES)),
		dilations: dice.once(5) ? each(() => 1 + dice.next(3)) : kernel.map(() => 1),
		pads,
	};
};

const divisors = (n: number): readonly number[] =>
	Array.from({ length: n }, (_, k) => k + 1).filter((d) => n % d === 0);

type ConvSpec = WindowSpec & { readonly maps: number; readonly groups: number };

const convolve = (sketch: Sketch, x: Value, spec: ConvSpec): Value | undefined => {
	const { maps, groups, ...window } = spec;
	const output = outputOf(spatialOf(x), window);
	if (output === undefined || maps % groups !== 0) return undefined;
	const depth = channelsOf(x) / groups;
	const fan = depth * sizeOf(window.kernel);
	if (maps * sizeOf(output) * fan > sketch.limits.entries) return undefined;
	const kernel = sketch.weights([maps, depth, ...window.kernel], boundFor(fan));
	const bias = sketch.dice.once(4) ? [] : [sketch.weights([maps], 0.3)];
	return sketch.add('Conv', [x.name, kernel, ...bias], [1, maps, ...output], x.degree, {
		kernel_shape: window.kernel,
		strides: window.strides,
		dilations: window.dilations,
		pads: window.pads,
		group: groups,
	});
};

/** Any kernel, stride, dilation and padding on one or two axes. */
const convolution: Layer = (sketch, x) =>
	x.shape.length < 3
		? undefined
		: convolve(sketch, x, { ...drawWindow(sketch, x.shape.length - 2), maps: 1 + sketch.dice.next(6), groups: 1 });

/** Groups of channels, often of one channel each (depthwise). */
const grouped: Layer = (sketch, x) => {
	if (x.shape.length < 3 || channelsOf(x) === 1) return undefined;
	const { dice } = sketch;
	const groups = dice.once(2) ? channelsOf(x) : dice.pick(divisors(channelsOf(x)));
	return convolve(sketch, x, { ...drawWindow(sketch, x.shape.length - 2), maps: groups * (1 + dice.next(2)), groups });
};

const averagePool: Layer = (sketch, x) => {
	if (x.shape.length < 3) return undefined;
	const { dice } = sketch;
	const drawn = drawWindow(sketch, x.shape.length - 2);
	// A window must not lie in the padding as a whole.
	const window = dice.once(3) ? drawn : { ...drawn, pads: drawn.pads.map(() => 0) };
	const ceil = dice.once(3);
	const output = outputOf(spatialOf(x), window, ceil);
	if (output === undefined || window.dilations.some((dilation) => dilation > 1)) return undefined;
	if (window.kernel.some((kernel, d) => [d, d + window.kernel.length].some((k) => (window.pads[k] ?? 0) >= kernel)))
		return undefined;
	return sketch.add('AveragePool', [x.name], [1, channelsOf(x), ...output], x.degree, {
		kernel_shape: window.kernel,
		strides: window.strides,
		pads: window.pads,
		ceil_mode: ceil ? 1 : 0,
		count_include_pad: dice.next(2),
	});
};

const globalPool: Layer = (sketch, x) =>
	x.shape.length < 3
		? undefined
		: sketch.add('GlobalAveragePool', [x.name], [1, channelsOf(x), ...spatialOf(x).map(() => 1)], x.degree);

const normalization: Layer = (sketch, x) => {
	const channels = [channelsOf(x)];
	const scale = sketch.weights(channels, 0.4, 1);
	const constants = [scale, sketch.weights(channels, 0.3), sketch.weights(channels, 0.3)];
	const variance = sketch.weights(channels, 0.3, 1);
	return sketch.add('BatchNormalization', [x.name, ...constants, variance], x.shape, x.degree);
};

const square: Layer = (sketch, x) =>
	2 * x.degree > sketch.limits.degree ? undefined : sketch.add('Mul', [x.name, x.name], x.shape, 2 * x.degree);

/** a x^2 + b x + c with numbers, or with one a, b and c for each channel. */
const quadratic: Layer = (sketch, x) => {
	if (2 * x.degree > sketch.limits.degree) return undefined;
	const shape = sketch.dice.once(2) ? [] : [channelsOf(x), ...spatialOf(x).map(() => 1)];
	const [a, b, c] = [sketch.weights(shape, 0.3), sketch.weights(shape, 0.3, 0.6), sketch.weights(shape, 0.3)];
	const squared = sketch.add('Pow', [x.name, sketch.number(2)], x.shape, 2 * x.degree);
	const first = sketch.add('Mul', [squared.name, a], x.shape, squared.degree);
	const second = sketch.add('Mul', [x.name, b], x.shape, x.degree);
	const both = sketch.add('Add', [first.name, second.name], x.shape, squared.degree);
	return sketch.add('Add', [both.name, c], x.shape, squared.degree);
};

const cube: Layer = (sketch, x) =>
	3 * x.degree > sketch.limits.degree
		? undefined
		: sketch.add('Pow', [x.name, sketch.number(3)], x.shape, 3 * x.degree);

/** The product with another value of the same shape. */
const product: Layer = (sketch, x) => {
	const other = sketch.values.find((y) => y !== x && String(y.shape) === String(x.shape));
	if (other === undefined || x.degree + other.degree > sketch.limits.degree) return undefined;
	return sketch.add('Mul', [other.name, x.name], x.shape, x.degree + other.degree);
};

const DENSE = [1, 2, 5, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257];

const dense: Layer = (sketch, x) => {
	const features = sizeOf(x.shape);
	const flat = x.shape.length === 2 ? x : sketch.add('Flatten', [x.name], [1, features], x.degree);
	const width = sketch.dice.pick(DENSE.filter((width) => width === 1 || width * features <= sketch.limits.entries));
	const bound = boundFor(features);
	if (sketch.dice.once(3))
		return sketch.add('MatMul', [flat.name, sketch.weights([features, width], bound)], [1, width], x.degree);
	const weights = sketch.weights([width, features], bound);
	return sketch.add('Gemm', [flat.name, weights, sketch.weights([width], 0.3)], [1, width], x.degree, { transB: 1 });
};

/** x + f(x), f one or two convolutions that keep the shape, often with a square between them. */
const residual: Layer = (sketch, x) => {
	if (x.shape.length < 3) return undefined;
	const rank = x.shape.length - 2;
	const maps = channelsOf(x);
	const inner = convolve(sketch, x, { ...plainWindow(rank, 3, 1), maps, groups: 1 });
	if (inner === undefined) return undefined;
	const active = sketch.dice.once(2) ? (square(sketch, inner) ?? inner) : inner;
	const outer = sketch.dice.once(2)
		? convolve(sketch, active, { ...plainWindow(rank, 3, 1), maps, groups: 1 })
		: active;
	const last = outer ?? active;
	return sketch.add('Add', [x.name, last.name], x.shape, last.degree);
};

/** conv 1x1 / s of x, plus conv 3x3 / s of x: a residual block that halves its resolution. */
const projected: Layer = (sketch, x) => {
	if (x.shape.length < 3 || spatialOf(x).some((size) => size < 3)) return undefined;
	const rank = x.shape.length - 2;
	const maps = 1 + sketch.dice.next(5);
	const main = convolve(sketch, x, { ...plainWindow(rank, 3, 2), maps, groups: 1 });
	const skip = convolve(sketch, x, { ...plainWindow(rank, 1, 2), maps, groups: 1 });
	if (main === undefined || skip === undefined) return undefined;
	const active = sketch.dice.once(2) ? (square(sketch, main) ?? main) : main;
	return sketch.add('Add', [active.name, skip.name], active.shape, active.degree);
};

const plainWindow = (rank: number, kernel: number, stride: number): WindowSpec => {
	const each = (value: number, length = rank): readonly number[] => Array.from({ length }, () => value);
	return { kernel: each(kernel), strides: each(stride), dilations: each(1), pads: each((kernel - 1) / 2, 2 * rank) };
};

/** Channels of x and of another value with the same spatial axes, one after the other. */
const concat: Layer = (sketch, x) => {
	const alike = sketch.values.filter((y) => String(y.shape.slice(2)) === String(x.shape.slice(2)));
	const other = sketch.dice.pick(alike.filter((y) => y.shape.length === x.shape.length));
	const shape = [1, channelsOf(other) + channelsOf(x), ...spatialOf(x)];
	return sketch.add('Concat', [other.name, x.name], shape, Math.max(x.degree, other.degree), { axis: 1 });
};

/** A part of one axis, perhaps every second element. */
const slice: Layer = (sketch, x) => {
	const { dice } = sketch;
	const axis = 1 + dice.next(x.shape.length - 1);
	const extent = x.shape[axis] as number;
	if (extent < 2) return undefined;
	const start = dice.next(extent - 1);
	const end = start + 1 + dice.next(extent - start);
	const step = 1 + dice.next(2);
	const shape = x.shape.map((size, d) => (d === axis ? Math.ceil((Math.min(end, extent) - start) / step) : size));
	const bounds = [start, end, axis, step].map((bound) => sketch.integers(bound));
	return sketch.add('Slice', [x.name, ...bounds], shape, x.degree);
};

/** Axes behind the first in another order. */
const transpose: Layer = (sketch, x) => {
	if (x.shape.length < 3) return undefined;
	const axes = x.shape.map((_, d) => d).slice(1);
	const turn = 1 + sketch.dice.next(axes.length - 1);
	const perm = [0, ...axes.slice(turn), ...axes.slice(0, turn)];
	const shape = perm.map((axis) => x.shape[axis] as number);
	return sketch.add('Transpose', [x.name], shape, x.degree, { perm });
};

/** Zeros around the spatial axes. */
const pad: Layer = (sketch, x) => {
	const before = x.shape.map((_, d) => (d < 2 ? 0 : sketch.dice.next(2)));
	const after = x.shape.map((_, d) => (d < 2 ? 0 : sketch.dice.next(3)));
	const shape = x.shape.map((size, d) => size + (before[d] as number) + (after[d] as number));
	if (x.shape.length < 3) return undefined;
	return sketch.add('Pad', [x.name, sketch.integers(...before, ...after)], shape, x.degree);
};

/** The sum or difference with another value of the same shape. */
const sum: Layer = (sketch, x) => {
	const alike = sketch.values.filter((y) => y !== x && String(y.shape) === String(x.shape));
	if (alike.length === 0) return undefined;
	const other = sketch.dice.pick(alike);
	return sketch.add(sketch.dice.pick(['Add', 'Sub']), [other.name, x.name], x.shape, Math.max(x.degree, other.degree));
};

/** An activation for which a polynomial of degree 2 is fitted. */
const activation: Layer = (sketch, x) =>
	2 * x.degree > sketch.limits.degree
		? undefined
		: sketch.add(sketch.dice.pick(['Relu', 'Tanh', 'Sigmoid']), [x.name], x.shape, 2 * x.degree);

/** Every kind of layer, by what it is called in the text of a network. */
export const LAYERS = {
	convolution,
	grouped,
	averagePool,
	globalPool,
	normalization,
	square,
	quadratic,
	cube,
	product,
	dense,
	residual,
	projected,
	concat,
	slice,
	transpose,
	pad,
	sum,
	activation,
} as const satisfies Readonly<Record<string, Layer>>;
export type LayerKind = keyof typeof LAYERS;
