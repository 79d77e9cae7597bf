import { type Id, SlotBuilder } from '../../compiler/slots/circuit.ts';
import { depthOf } from '../../compiler/slots/depths.ts';
import { type Convolution, type Dense, type Linear, type Matrix, matrixOf, type Network } from './network.ts';
import { costsOf, type PeerCosts, type Recorded, ringDegreeFor } from './recorded.ts';

/**
 * TenSEAL's way (github.com/OpenMined/TenSEAL, tenseal/cpp/tensors and tutorial 4), operation by operation:
 *
 * - `im2col_encoding`: slot k windows + w holds element k of window w, kernels padded to a power of two, the whole repeated;
 * - `conv2d_im2col`: one product for each map, then log2(kernel) folds; `pack_vectors`: a masking product for each map;
 * - `mm`: y[t] = sum_i x[t + i] M[(t + i) mod inputs, t mod outputs], one product and one rotation for each i < inputs;
 * - `dot`: one product, then `sum_vector`;
 * - rotations by steps that have no key are made of powers of two, by the non-adjacent form, as SEAL does it;
 * - keys for all powers of two, primes of 31, depth times 26, and 31 bits.
 *
 * TenSEAL convolves images of one channel only, and only before anything else; other convolutions and pools, and
 * those whose windows do not fit the slots, are done here as the matrices they are. Biases are repeated through the slots: TenSEAL itself leaves them out
 * beyond the vector's size, from where `mm` reads them.
 */
export const SCALE_BITS = 26;
const END_BITS = 31;
const RING_DEGREES = [4096, 8192, 16384, 32768];

const repeated = (values: ArrayLike<number>, slots: number): Float64Array =>
	Float64Array.from({ length: slots }, (_, t) => values[t % values.length] as number);

const nextPowerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(size));

/** Signed powers of two that sum to the value, no two neighbouring ones. */
const nonAdjacentForm = (value: number): readonly number[] => {
	const powers: number[] = [];
	for (let [rest, power] = [value, 1]; rest !== 0; power *= 2) {
		const digit = rest % 2 === 0 ? 0 : 2 - (rest & 3);
		if (digit !== 0) powers.push(digit * power);
		rest = (rest - digit) / 2;
	}
	return powers;
};

/** Records on one ciphertext of a fixed number of slots. */
class Recorder {
	readonly builder: SlotBuilder;

	constructor(slots: number) {
		this.builder = new SlotBuilder(slots);
	}

	rotate(x: Id, steps: number): Id {
		return nonAdjacentForm(steps).reduce((y, power) => this.builder.rotate(y, power), x);
	}

	fold(x: Id, steps: number): Id {
		return this.builder.add(x, this.rotate(x, steps));
	}

	/** sum_{t < size} x[t] in slot 0. */
	sumVector(x: Id, size: number): Id {
		const below = 2 ** Math.floor(Math.log2(size));
		const rest = below === size ? undefined : this.sumVector(this.rotate(x, below), size - below);
		let y = x;
		for (let steps = below / 2; steps >= 1; steps /= 2) y = this.fold(y, steps);
		return rest === undefined ? y : this.builder.add(y, rest);
	}

	bias(x: Id, bias: ArrayLike<number>): Id {
		return this.builder.addPlain(x, repeated(bias, this.builder.slots));
	}

	convolve(x: Id, { weights, bias, size, output }: Convolution): Id {
		const { slots } = this.builder;
		const windows = output.height * output.width;
		const length = nextPowerOfTwo(size * size);
		const maps = Array.from(bias, (value, map) => {
			const kernel = Float64Array.from({ length: length * windows }, (_, t) => {
				const k = Math.floor(t / windows);
				return k < size * size ? (weights[map * size * size + k] as number) : 0;
			});
			let y = this.builder.multiplyPlain(x, repeated(kernel, slots));
			for (let chunks = length / 2; chunks >= 1; chunks /= 2) y = this.fold(y, windows * chunks);
			return this.bias(y, [value]);
		});
		return this.pack(maps, windows);
	}

	/** The first `size` slots of each vector, one after another. */
	pack(vectors: readonly Id[], size: number): Id {
		const masked = vectors.map((x, k) => {
			const mask = Float64Array.from({ length: vectors.length * size }, (_, t) => Number(Math.floor(t / size) === k));
			return this.builder.multiplyPlain(x, repeated(mask, this.builder.slots));
		});
		return masked.reduce((a, b) => this.builder.add(a, b));
	}

	multiplyMatrix(x: Id, { inputs, outputs, values, bias }: Matrix): Id {
		const { slots } = this.builder;
		const length = Math.min(slots, inputs * outputs);
		let sum: Id | undefined;
		for (let i = 0; i < inputs; i++) {
			const plain = new Float64Array(slots);
			for (let t = 0; t < slots; t++) {
				const at = t % length;
				plain[(t + i) % slots] = values[((at + i) % inputs) * outputs + (at % outputs)] as number;
			}
			if (plain.every((value) => value === 0)) continue;
			const product = this.rotate(this.builder.multiplyPlain(x, plain), i);
			sum = sum === undefined ? product : this.builder.add(sum, product);
		}
		return this.bias(sum ?? x, bias);
	}

	dot(x: Id, { weights, bias, columns }: Dense): Id {
		return this.bias(
			this.sumVector(this.builder.multiplyPlain(x, repeated(weights, this.builder.slots)), columns),
			bias,
		);
	}
}

/** Slot k windows + w of the input: element k of window w, zero where the window leaves the image. */
const im2col = ({ input, output, size, stride, padding }: Convolution, x: Float64Array): Float64Array => {
	const windows = output.height * output.width;
	return Float64Array.from({ length: nextPowerOfTwo(size * size) * windows }, (_, t) => {
		const [k, window] = [Math.floor(t / windows), t % windows];
		const row = Math.floor(window / output.width) * stride + Math.floor(k / size) - padding;
		const column = (window % output.width) * stride + (k % size) - padding;
		const inside = k < size * size && row >= 0 && row < input.height && column >= 0 && column < input.width;
		return inside ? (x[row * input.width + column] as number) : 0;
	});
};

/** Runs of linear layers, and the squares between them. */
const stagesOf = ({ layers }: Network): readonly (readonly Linear[])[] => {
	const stages: Linear[][] = [[]];
	for (const layer of layers) {
		if (layer.kind === 'square') stages.push([]);
		else stages.at(-1)?.push(layer);
	}
	return stages;
};

type Plan = { readonly stages: readonly (readonly Linear[])[]; readonly matrices: readonly Matrix[] };
/** The layers, each with a square before it but the first, which may be a convolution. */
export type TensealWay = Plan & { readonly first: Convolution | undefined };

/** Undefined when a vector does not fit the slots. */
const record = ({ stages, matrices }: Plan, first: Convolution | undefined, slots: number): Recorded | undefined => {
	const windows = first === undefined ? 0 : first.output.height * first.output.width;
	const sizes = [
		first === undefined ? 0 : windows * nextPowerOfTwo(first.size ** 2),
		...matrices.slice(first === undefined ? 0 : 1).flatMap(({ inputs, outputs }) => [inputs, outputs]),
	];
	if (Math.max(...sizes) > slots) return undefined;
	const recorder = new Recorder(slots);
	let value = recorder.builder.input('x', 0);
	stages.forEach(([layer], k) => {
		if (k > 0) value = recorder.builder.multiply(value, value);
		if (k === 0 && first !== undefined) value = recorder.convolve(value, first);
		else if (layer?.kind === 'dense' && layer.rows === 1) value = recorder.dot(value, layer);
		else value = recorder.multiplyMatrix(value, matrices[k] as Matrix);
	});
	return {
		circuit: recorder.builder.build([{ name: 'y', parts: [value] }]),
		pack: (x) => [repeated(first === undefined ? x : im2col(first, x), slots)],
		output: value,
		slots: Array.from({ length: matrices.at(-1)?.outputs ?? 0 }, (_, i) => i),
	};
};

/** The network by the smallest ring degree that holds it; by `conv2d_im2col` if its windows fit any, else by matrices alone. */
export const byTenseal = (
	network: Network,
): { readonly recorded: Recorded; readonly costs: PeerCosts; readonly way: TensealWay } => {
	const stages = stagesOf(network);
	const plan: Plan = { stages, matrices: stages.map(matrixOf) };
	const [layer, ...others] = stages[0] ?? [];
	const convolution =
		layer?.kind === 'convolution' && layer.input.channels === 1 && others.length === 0 ? layer : undefined;
	for (const first of convolution === undefined ? [undefined] : [convolution, undefined])
		for (const ringDegree of RING_DEGREES) {
			const recorded = record(plan, first, ringDegree / 2);
			if (recorded === undefined) continue;
			const levels = Array<number>(depthOf(recorded.circuit)).fill(SCALE_BITS);
			const primes = [END_BITS, ...levels, END_BITS];
			if (ringDegreeFor(primes, ringDegree / 2) !== ringDegree) continue;
			const rotationKeys = 2 * (Math.log2(ringDegree) - 1);
			const costs = costsOf(recorded, { ringDegree, primes, rotationKeys });
			return { recorded, costs, way: { ...plan, first } };
		}
	throw new Error('no ring degree of SEAL holds this network in the way of TenSEAL');
};
