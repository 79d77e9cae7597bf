import { uniform } from '../../compiler/numeric/uniform.ts';

/**
 * Small networks and their training in plain JavaScript: what a hospital does with its own rows, nothing of it encrypted. All weights of
 * a network lie in one vector, layer after layer: that vector is what rounds exchange.
 */
export type Layer =
	| { readonly kind: 'dense'; readonly inputs: number; readonly outputs: number }
	| { readonly kind: 'relu' }
	/** Square kernels that are moved over one square image without padding; outputs are [maps, side, side]. */
	| {
			readonly kind: 'convolution';
			readonly side: number;
			readonly maps: number;
			readonly kernel: number;
			readonly stride: number;
	  };

/** The last layer has one output for two classes (1 where it is above 0), or one for each class. */
export type Network = readonly Layer[];

export type Examples = { readonly inputs: readonly Float64Array[]; readonly labels: ArrayLike<number> };

type Convolution = Extract<Layer, { kind: 'convolution' }>;

const outputSide = ({ side, kernel, stride }: Convolution): number => Math.floor((side - kernel) / stride) + 1;

/** Numbers that feed one output: of a dense layer its inputs, of a convolution the window. */
const fanIn = (layer: Exclude<Layer, { kind: 'relu' }>): number =>
	layer.kind === 'dense' ? layer.inputs : layer.kernel ** 2;

/** Weights and biases of a layer: rows of `fanIn` weights, then a bias for each row. */
const countOf = (layer: Layer): number => {
	if (layer.kind === 'relu') return 0;
	return (layer.kind === 'dense' ? layer.outputs : layer.maps) * (fanIn(layer) + 1);
};

export const weightsIn = (network: Network): number => network.reduce((sum, layer) => sum + countOf(layer), 0);

/** Uniform in +-sqrt(3 / fan-in), biases 0; the same for a seed. */
export const initialWeights = (network: Network, seed: number): Float64Array => {
	const next = uniform(seed);
	return Float64Array.from(
		network.flatMap((layer) => {
			if (layer.kind === 'relu') return [];
			const rows = countOf(layer) / (fanIn(layer) + 1);
			const limit = Math.sqrt(3 / fanIn(layer));
			const weights = Array.from({ length: rows * fanIn(layer) }, () => limit * (2 * next() - 1));
			return [...weights, ...new Array<number>(rows).fill(0)];
		}),
	);
};

/** The weights of each layer, as views. */
const split = (network: Network, weights: Float64Array): readonly Float64Array[] => {
	let end = 0;
	return network.map((layer) => {
		const start = end;
		end += countOf(layer);
		return weights.subarray(start, end);
	});
};

/** Calls `visit` for each output of a convolution: its map, its place among the outputs, the first pixel of its window. */
const eachWindow = (layer: Convolution, visit: (map: number, output: number, pixel: number) => void): void => {
	const width = outputSide(layer);
	for (let map = 0; map < layer.maps; map++)
		for (let r = 0; r < width; r++)
			for (let c = 0; c < width; c++) visit(map, (map * width + r) * width + c, (r * layer.side + c) * layer.stride);
};

const dense = (weights: Float64Array, x: Float64Array, outputs: number): Float64Array => {
	const y = weights.slice(-outputs);
	const n = x.length;
	for (let o = 0; o < outputs; o++) {
		let sum = y[o] as number;
		for (let i = 0; i < n; i++) sum += (weights[o * n + i] as number) * (x[i] as number);
		y[o] = sum;
	}
	return y;
};

const convolve = (layer: Convolution, weights: Float64Array, x: Float64Array): Float64Array => {
	const { maps, kernel: k, side } = layer;
	const y = new Float64Array(maps * outputSide(layer) ** 2);
	eachWindow(layer, (map, output, pixel) => {
		let sum = weights[maps * k * k + map] as number;
		for (let r = 0; r < k; r++)
			for (let c = 0; c < k; c++)
				sum += (weights[(map * k + r) * k + c] as number) * (x[pixel + r * side + c] as number);
		y[output] = sum;
	});
	return y;
};

/** What goes into each layer, and what comes out of the last. */
const forward = (network: Network, parts: readonly Float64Array[], x: Float64Array): readonly Float64Array[] => {
	const values = [x];
	network.forEach((layer, i) => {
		const [weights, input] = [parts[i] as Float64Array, values[i] as Float64Array];
		if (layer.kind === 'relu') values.push(input.map((v) => Math.max(v, 0)));
		else if (layer.kind === 'dense') values.push(dense(weights, input, layer.outputs));
		else values.push(convolve(layer, weights, input));
	});
	return values;
};

/** Adds to `gradient` that of a dense layer with the error `delta` of its outputs; returns that of its inputs. */
const denseBack = (weights: Float64Array, x: Float64Array, delta: Float64Array, gradient: Float64Array) => {
	const n = x.length;
	const back = new Float64Array(n);
	delta.forEach((d, o) => {
		if (d === 0) return;
		for (let i = 0; i < n; i++) {
			back[i] = (back[i] as number) + d * (weights[o * n + i] as number);
			gradient[o * n + i] = (gradient[o * n + i] as number) + d * (x[i] as number);
		}
		gradient[delta.length * n + o] = (gradient[delta.length * n + o] as number) + d;
	});
	return back;
};

/** The same of a convolution, which is the first layer: nobody asks for the error of its inputs. */
const convolutionBack = (layer: Convolution, x: Float64Array, delta: Float64Array, gradient: Float64Array): void => {
	const { maps, kernel: k, side } = layer;
	eachWindow(layer, (map, output, pixel) => {
		const d = delta[output] as number;
		if (d === 0) return;
		for (let r = 0; r < k; r++)
			for (let c = 0; c < k; c++) {
				const at = (map * k + r) * k + c;
				gradient[at] = (gradient[at] as number) + d * (x[pixel + r * side + c] as number);
			}
		gradient[maps * k * k + map] = (gradient[maps * k * k + map] as number) + d;
	});
};

/** Of the cross-entropy, by the outputs: probabilities minus what is right. */
const errorOf = (logits: Float64Array, label: number): Float64Array => {
	if (logits.length === 1) return Float64Array.of(1 / (1 + Math.exp(-(logits[0] as number))) - label);
	const largest = Math.max(...logits);
	const powers = logits.map((v) => Math.exp(v - largest));
	const total = powers.reduce((sum, v) => sum + v, 0);
	return powers.map((v, k) => v / total - (k === label ? 1 : 0));
};

export type Training = {
	readonly epochs: number;
	readonly batch: number;
	readonly rate: number;
	/** Of the squared norm of the weights in the loss, times two. */
	readonly decay: number;
	/** Of the order in which rows are seen. */
	readonly seed: number;
};

/** Indices 0 to n - 1 in an order that follows from `next`. */
export const shuffled = (n: number, next: () => number): readonly number[] => {
	const order = Array.from({ length: n }, (_, i) => i);
	for (let i = n - 1; i > 0; i--) {
		const j = Math.floor(next() * (i + 1));
		[order[i], order[j]] = [order[j] as number, order[i] as number];
	}
	return order;
};

/** Weights after stochastic gradient descent from `start`; what was given stays as it is. */
export const train = (network: Network, start: Float64Array, { inputs, labels }: Examples, how: Training) => {
	const weights = start.slice();
	const gradient = new Float64Array(weights.length);
	const [parts, gradients] = [split(network, weights), split(network, gradient)];
	const next = uniform(how.seed);
	for (let epoch = 0; epoch < how.epochs; epoch++) {
		const order = shuffled(inputs.length, next);
		for (let from = 0; from < order.length; from += how.batch) {
			const rows = order.slice(from, from + how.batch);
			gradient.fill(0);
			for (const row of rows) {
				const values = forward(network, parts, inputs[row] as Float64Array);
				backward(network, parts, gradients, values, labels[row] as number);
			}
			for (let i = 0; i < weights.length; i++) {
				const w = weights[i] as number;
				weights[i] = w - how.rate * ((gradient[i] as number) / rows.length + how.decay * w);
			}
		}
	}
	return weights;
};

const backward = (
	network: Network,
	parts: readonly Float64Array[],
	gradients: readonly Float64Array[],
	values: readonly Float64Array[],
	label: number,
): void => {
	let delta = errorOf(values.at(-1) as Float64Array, label);
	for (let i = network.length - 1; i >= 0; i--) {
		const [layer, x, gradient] = [network[i] as Layer, values[i] as Float64Array, gradients[i] as Float64Array];
		if (layer.kind === 'relu') delta = delta.map((d, k) => ((x[k] as number) > 0 ? d : 0));
		else if (layer.kind === 'dense') delta = denseBack(parts[i] as Float64Array, x, delta, gradient);
		else convolutionBack(layer, x, delta, gradient);
	}
};

/** The share of examples that are classified right. */
export const accuracy = (network: Network, weights: Float64Array, { inputs, labels }: Examples): number => {
	const parts = split(network, weights);
	const right = inputs.filter((x, row) => {
		const logits = forward(network, parts, x).at(-1) as Float64Array;
		const found = logits.length === 1 ? Number((logits[0] as number) > 0) : logits.indexOf(Math.max(...logits));
		return found === labels[row];
	});
	return right.length / inputs.length;
};
