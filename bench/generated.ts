import type { Samples } from '../compiler/index.ts';
import { buildModel, type NodeSpec, node, randomNumbers, type TensorSpec } from '../test/support/onnx.ts';
import { applyLinear, type Convolution, type Grid } from './peers/network.ts';

/** A network of random weights, the same on every machine; its only input is called x. */
export type Generated = {
	readonly name: string;
	readonly bytes: Uint8Array;
	readonly weights: number;
	readonly shape: readonly number[];
	readonly samples: readonly Float64Array[];
};

/** Inputs that the weights are scaled on and that calibrate the network; all in [-1, 1]. */
const SAMPLES = 8;

/** A tensor of the graph and what it is for each sample. */
type Value = { readonly name: string; readonly grid: Grid; readonly samples: readonly Float64Array[] };

const sizeOf = ({ channels, height, width }: Grid): number => channels * height * width;
const rms = (values: readonly Float64Array[]): number => {
	const count = values.reduce((sum, { length }) => sum + length, 0);
	return Math.sqrt(values.reduce((sum, x) => sum + x.reduce((a, v) => a + v * v, 0), 0) / count);
};

/** Builds a graph and computes it at once, so that each layer can be scaled to results of a wanted size: squares of squares explode. */
class Generator {
	readonly #nodes: NodeSpec[] = [];
	readonly #constants = new Map<string, TensorSpec>();
	#seed = 1;
	weights = 0;

	input(grid: Grid): Value {
		const samples = Array.from({ length: SAMPLES }, (_, k) => randomNumbers(1000 + k, sizeOf(grid)));
		return { name: 'x', grid, samples };
	}

	/** A convolution with padding size / 2, as large as its stride says; its results have the root mean square `size`. */
	convolve(x: Value, channels: number, kernel: number, stride: number, size = 1): Value {
		const padding = (kernel - 1) / 2;
		const output: Grid = {
			channels,
			height: Math.ceil(x.grid.height / stride),
			width: Math.ceil(x.grid.width / stride),
		};
		const weights = this.#random(channels * x.grid.channels * kernel ** 2);
		const layer: Convolution = {
			kind: 'convolution',
			input: x.grid,
			output,
			size: kernel,
			stride,
			padding,
			weights,
			bias: new Float64Array(channels),
		};
		const raw = x.samples.map((sample) => applyLinear(layer, sample));
		const factor = size / rms(raw);
		const bias = this.#random(channels).map((b) => Math.fround(b * 0.1));
		const area = output.height * output.width;
		const samples = raw.map((s) => s.map((v, i) => v * factor + (bias[Math.floor(i / area)] as number)));
		const attributes = {
			kernel_shape: [kernel, kernel],
			strides: [stride, stride],
			pads: [padding, padding, padding, padding],
		};
		const operands = [
			x.name,
			this.#constant(
				[channels, x.grid.channels, kernel, kernel],
				weights.map((w) => w * factor),
			),
			this.#constant([channels], bias),
		];
		return { name: this.#node('Conv', operands, { attributes }), grid: output, samples };
	}

	square(x: Value): Value {
		return { ...x, name: this.#node('Mul', [x.name, x.name]), samples: x.samples.map((s) => s.map((v) => v * v)) };
	}

	add(a: Value, b: Value): Value {
		const samples = a.samples.map((s, k) => s.map((v, i) => v + (b.samples[k]?.[i] as number)));
		return { ...a, name: this.#node('Add', [a.name, b.name]), samples };
	}

	/** Averages of each channel. */
	average(x: Value): Value {
		const area = x.grid.height * x.grid.width;
		const samples = x.samples.map((s) =>
			Float64Array.from({ length: x.grid.channels }, (_, c) =>
				s.subarray(c * area, (c + 1) * area).reduce((sum, v) => sum + v / area, 0),
			),
		);
		return { name: this.#node('GlobalAveragePool', [x.name]), grid: { ...x.grid, height: 1, width: 1 }, samples };
	}

	/** A dense layer without bias on the flattened tensor; its results have the root mean square 1. */
	dense(x: Value, rows: number): Value {
		const columns = sizeOf(x.grid);
		const weights = this.#random(rows * columns);
		const layer = { kind: 'dense', rows, columns, weights, bias: new Float64Array(rows) } as const;
		const raw = x.samples.map((sample) => applyLinear(layer, sample));
		const factor = 1 / rms(raw);
		const scaled = weights.map((w) => w * factor);
		const operands = [this.#node('Flatten', [x.name]), this.#constant([rows, columns], scaled)];
		return {
			name: this.#node('Gemm', operands, { attributes: { transB: 1 } }),
			grid: { channels: rows, height: 1, width: 1 },
			samples: raw.map((s) => s.map((v) => v * factor)),
		};
	}

	build(name: string, input: Value, output: Value): Generated {
		const { channels, height, width } = input.grid;
		const shape = [1, channels, height, width];
		const bytes = buildModel({
			nodes: this.#nodes,
			inputs: [{ name: 'x', shape }],
			outputs: [output.name],
			initializers: this.#constants,
		});
		return { name, bytes, weights: this.weights, shape, samples: input.samples };
	}

	#random(count: number): Float64Array {
		return randomNumbers(this.#seed++, count);
	}

	#constant(shape: readonly number[], data: Float64Array): string {
		const name = `c${this.#constants.size}`;
		this.#constants.set(name, { shape, data });
		this.weights += data.length;
		return name;
	}

	#node(op: string, inputs: readonly string[], rest: Partial<NodeSpec> = {}): string {
		const name = `${op}${this.#nodes.length}`;
		this.#nodes.push(node(op, inputs, [name], { ...rest, name }));
		return name;
	}
}

/** 784 - hidden - square - 10. */
export const perceptron = (hidden: number): Generated => {
	const generator = new Generator();
	const input = generator.input({ channels: 1, height: 28, width: 28 });
	const output = generator.dense(generator.square(generator.dense(input, hidden)), 10);
	return generator.build(`784-${hidden}-10`, input, output);
};

/**
 * A residual network on 3 x 32 x 32: convolution 3x3, then one block each of w, 2w, 4w and 8w channels (from the second on with
 * stride 2 and a projection), average of each channel, dense 10; 9 squares. A block is x + conv(square(conv(square(x)))), the
 * activations before the convolutions (He et al. 2016), since a square on the path around would grow with each block.
 * Normalisations are folded into the convolutions, as exporters do it. w = 16: 308,000 weights.
 */
export const residual = (width: number): Generated => {
	const generator = new Generator();
	const input = generator.input({ channels: 3, height: 32, width: 32 });
	let x = generator.convolve(input, width, 3, 1);
	[1, 2, 4, 8].forEach((factor, k) => {
		const [channels, stride] = [width * factor, k === 0 ? 1 : 2];
		const active = generator.square(x);
		const inner = generator.square(generator.convolve(active, channels, 3, stride));
		const branch = generator.convolve(inner, channels, 3, 1, 0.5);
		x = generator.add(branch, k === 0 ? x : generator.convolve(active, channels, 1, stride));
	});
	const output = generator.dense(generator.average(generator.square(x)), 10);
	return generator.build(`residual ${width}`, input, output);
};

export const calibrationOf = ({ samples }: Generated): Samples => new Map([['x', samples]]);
