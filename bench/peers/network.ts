import { decodeModel } from '../../compiler/onnx/decode.ts';
import { integerOf, type Model, type NodeProto, type TensorProto } from '../../compiler/onnx/proto.ts';

/** What the kernels of peers are written for: [channels, height, width], row-major. */
export type Grid = { readonly channels: number; readonly height: number; readonly width: number };

export type Convolution = {
	readonly kind: 'convolution';
	readonly input: Grid;
	readonly output: Grid;
	/** Of the square kernel. */
	readonly size: number;
	readonly stride: number;
	readonly padding: number;
	/** [out, in, size, size] */
	readonly weights: Float64Array;
	readonly bias: Float64Array;
};
/** Averages of size x size windows that do not overlap. */
export type Pool = { readonly kind: 'pool'; readonly input: Grid; readonly output: Grid; readonly size: number };
/** weights: [rows, columns] */
export type Dense = {
	readonly kind: 'dense';
	readonly rows: number;
	readonly columns: number;
	readonly weights: Float64Array;
	readonly bias: Float64Array;
};
export type Linear = Convolution | Pool | Dense;
export type Layer = Linear | { readonly kind: 'square' };

/** A chain of layers; the client standardises the input, and does what follows the layers (a sigmoid). */
export type Network = {
	readonly input: Grid;
	readonly layers: readonly Layer[];
	readonly standardise: (x: Float64Array) => Float64Array;
};

type GraphProto = NonNullable<Model['graph']>;

const floatsOf = ({ rawData }: TensorProto): Float64Array => {
	const bytes = Uint8Array.from(rawData ?? []);
	return Float64Array.from(new Float32Array(bytes.buffer));
};

const attribute = (node: NodeProto, name: string, otherwise: readonly number[]): readonly number[] => {
	const found = node.attribute?.find((candidate) => candidate.name === name);
	if (found === undefined) return otherwise;
	return found.ints?.length ? found.ints.map(integerOf) : [integerOf(found.i)];
};

const sizeOf = ({ channels, height, width }: Grid): number => channels * height * width;
const flat = (size: number): Grid => ({ channels: 1, height: 1, width: size });

/** Reads one chain of nodes; `grid` is the shape of what the last one computes. */
class Reader {
	readonly input: Grid;
	readonly layers: Layer[] = [];
	#mean: Float64Array | undefined;
	#deviation: Float64Array | undefined;
	#grid: Grid;
	readonly #constants: ReadonlyMap<string, TensorProto>;

	constructor({ input = [], initializer = [] }: GraphProto) {
		const dims = (input?.[0]?.type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => integerOf(dimValue));
		const [channels = 0, height, width] = dims.slice(1);
		this.input = height === undefined || width === undefined ? flat(channels) : { channels, height, width };
		this.#grid = this.input;
		this.#constants = new Map((initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
	}

	convolution(node: NodeProto): void {
		const [size = 1] = attribute(node, 'kernel_shape', []);
		const [stride = 1] = attribute(node, 'strides', [1]);
		const [padding = 0] = attribute(node, 'pads', [0]);
		const [weights, bias] = [this.#constant(node, 1), this.#constant(node, 2)];
		const [input, output] = this.#windows(bias.length, size, stride, padding);
		this.layers.push({ kind: 'convolution', input, output, size, stride, padding, weights, bias });
	}

	pool(node: NodeProto): void {
		const [size = 1] = attribute(node, 'kernel_shape', []);
		const [input, output] = this.#windows(this.#grid.channels, size, size, 0);
		this.layers.push({ kind: 'pool', input, output, size });
	}

	dense(node: NodeProto): void {
		const [weights, bias] = [this.#constant(node, 1), this.#constant(node, 2)];
		this.layers.push({ kind: 'dense', rows: bias.length, columns: sizeOf(this.#grid), weights, bias });
		this.#grid = flat(bias.length);
	}

	square(): void {
		this.layers.push({ kind: 'square' });
	}

	subtract(node: NodeProto): void {
		this.#mean = this.#constant(node, 1);
	}

	divide(node: NodeProto): void {
		this.#deviation = this.#constant(node, 1);
	}

	standardise(x: Float64Array): Float64Array {
		return x.map((value, i) => (value - (this.#mean?.[i] ?? 0)) / (this.#deviation?.[i] ?? 1));
	}

	#constant(node: NodeProto, k: number): Float64Array {
		const tensor = this.#constants.get(node.input?.[k] ?? '');
		if (tensor === undefined) throw new Error(`${node.opType}: operand ${k} is no constant`);
		return floatsOf(tensor);
	}

	/** The grid before and after windows of this size. */
	#windows(channels: number, size: number, stride: number, padding: number): readonly [Grid, Grid] {
		const before = this.#grid;
		const count = (length: number): number => Math.floor((length + 2 * padding - size) / stride) + 1;
		this.#grid = { channels, height: count(before.height), width: count(before.width) };
		return [before, this.#grid];
	}
}

/** How each operator is read. A Pad of the zoo is all zero, for the sake of its exporter. */
const readers = new Map<string, (reader: Reader, node: NodeProto) => void>([
	['Conv', (reader, node) => reader.convolution(node)],
	['AveragePool', (reader, node) => reader.pool(node)],
	['Gemm', (reader, node) => reader.dense(node)],
	['Mul', (reader) => reader.square()],
	['Sub', (reader, node) => reader.subtract(node)],
	['Div', (reader, node) => reader.divide(node)],
	...['Pad', 'Constant', 'Flatten', 'Sigmoid'].map((op) => [op, () => undefined] as const),
]);

/** The network in an .onnx file of one chain of Conv, AveragePool, Gemm, Mul of a value with itself, and Sub and Div of the input. */
export const readNetwork = (bytes: Uint8Array): Network => {
	const graph = decodeModel(bytes).graph ?? {};
	const reader = new Reader(graph);
	for (const node of graph.node ?? []) {
		const read = readers.get(node.opType ?? '');
		if (read === undefined) throw new Error(`${node.opType} has no kernel here`);
		read(reader, node);
	}
	return { input: reader.input, layers: reader.layers, standardise: (x) => reader.standardise(x) };
};

/** y = layer(x), row-major, with or without the bias: the definition that circuits of peers are checked against. */
export const applyLinear = (layer: Linear, x: Float64Array, withBias = true): Float64Array => {
	if (layer.kind === 'dense')
		return Float64Array.from({ length: layer.rows }, (_, row) => {
			let sum = withBias ? (layer.bias[row] as number) : 0;
			for (let k = 0; k < layer.columns; k++)
				sum += (layer.weights[row * layer.columns + k] as number) * (x[k] as number);
			return sum;
		});
	const { input, output, size } = layer;
	const y = new Float64Array(sizeOf(output));
	const [stride, padding] = layer.kind === 'pool' ? [size, 0] : [layer.stride, layer.padding];
	for (let at = 0; at < y.length; at++) {
		const channel = Math.floor(at / (output.height * output.width));
		const top = (Math.floor(at / output.width) % output.height) * stride - padding;
		const left = (at % output.width) * stride - padding;
		let sum = withBias && layer.kind === 'convolution' ? (layer.bias[channel] as number) : 0;
		for (let from = 0; from < input.channels; from++) {
			if (layer.kind === 'pool' && from !== channel) continue;
			for (let k = 0; k < size * size; k++) {
				const [row, column] = [top + Math.floor(k / size), left + (k % size)];
				if (row < 0 || row >= input.height || column < 0 || column >= input.width) continue;
				const weight =
					layer.kind === 'pool'
						? 1 / (size * size)
						: (layer.weights[(channel * input.channels + from) * size * size + k] as number);
				sum += weight * (x[(from * input.height + row) * input.width + column] as number);
			}
		}
		y[at] = sum;
	}
	return y;
};

export const applyNetwork = ({ layers }: Network, x: Float64Array): Float64Array =>
	layers.reduce((y, layer) => (layer.kind === 'square' ? y.map((v) => v * v) : applyLinear(layer, y)), x);

/** y[j] = sum_i x[i] matrix[i, j] + bias[j]; matrix: [columns, rows] of the linear map, that is: its transpose. */
export type Matrix = {
	readonly inputs: number;
	readonly outputs: number;
	readonly values: Float64Array;
	readonly bias: Float64Array;
};

const inputSize = (layer: Linear): number => (layer.kind === 'dense' ? layer.columns : sizeOf(layer.input));

/** Consecutive linear layers as one matrix: each row is what a unit vector becomes. */
export const matrixOf = (layers: readonly Linear[]): Matrix => {
	const inputs = inputSize(layers[0] as Linear);
	const apply = (x: Float64Array, withBias: boolean): Float64Array =>
		layers.reduce((y, layer) => applyLinear(layer, y, withBias), x);
	const bias = apply(new Float64Array(inputs), true);
	const values = new Float64Array(inputs * bias.length);
	const unit = new Float64Array(inputs);
	for (let i = 0; i < inputs; i++) {
		unit[i] = 1;
		values.set(apply(unit, false), i * bias.length);
		unit[i] = 0;
	}
	return { inputs, outputs: bias.length, values, bias };
};
