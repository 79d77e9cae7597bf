import { type Id, type Op, SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import type { Convolution, Dense, Grid, Network, Pool } from './network.ts';
import { costsOf, evaluateRecorded, type PeerCosts, type Recorded, ringDegreeFor, sum } from './recorded.ts';

/**
 * Fixed kernels in the way of CHET and EVA (github.com/microsoft/EVA; CHET's kernels as its paper describes them: they are not
 * public). Assumed, and where in doubt in their favour:
 *
 * - HW layout: one ciphertext for each channel, an image row-major in it, gaps where strides leave them;
 * - convolution: one rotation for each channel and kernel offset, shared by all maps; borders masked by the weights, for free;
 * - pooling: sums along rows, then along columns; the factor goes to the next weights;
 * - dense: for each row a product with each channel, `horizontal_sum` of the whole vector (log2 rotations), and a product with the
 *   mask of its slot;
 * - vector size: the smallest power of two that holds the image; an exact key for each step (RotationKeysSelector);
 * - scales of 25 bits for ciphertexts and 15 for constants, lazy waterline rescaling by 60 bits, primes by EncryptionParametersSelector.
 */
const CIPHER_BITS = 25;
const CONSTANT_BITS = 15;
const RESCALE_BITS = 60;

/** Element (y, x) of each channel lies in slot y row + x column of the channel's ciphertext, divided by `factor`. */
type Tensor = {
	readonly channels: readonly Id[];
	readonly grid: Grid;
	readonly row: number;
	readonly column: number;
	readonly factor: number;
};

class Recorder {
	readonly builder: SlotBuilder;

	constructor(slots: number) {
		this.builder = new SlotBuilder(slots);
	}

	vector(entries: Iterable<readonly [slot: number, value: number]>): Float64Array {
		const values = new Float64Array(this.builder.slots);
		for (const [slot, value] of entries) values[slot] = value;
		return values;
	}

	total(terms: readonly Id[]): Id {
		return terms.reduce((a, b) => this.builder.add(a, b));
	}

	convolve(x: Tensor, layer: Convolution): Tensor {
		const { input, output, size, stride, padding, weights, bias } = layer;
		const next = { grid: output, row: x.row * stride, column: x.column * stride, factor: 1 };
		const channels = Array.from(bias, (value, map) => {
			const terms = x.channels.flatMap((channel, from) =>
				Array.from({ length: size * size }, (_, k) => {
					const [dy, dx] = [Math.floor(k / size) - padding, (k % size) - padding];
					const weight = x.factor * (weights[(map * input.channels + from) * size * size + k] as number);
					const entries = places(next).filter(([y, x]) => inside(input, y * stride + dy, x * stride + dx));
					const plain = this.vector(entries.map(([, , slot]) => [slot, weight]));
					return this.builder.multiplyPlain(this.builder.rotate(channel, dy * x.row + dx * x.column), plain);
				}),
			);
			return this.builder.addPlain(this.total(terms), this.vector(places(next).map(([, , slot]) => [slot, value])));
		});
		return { ...next, channels };
	}

	pool(x: Tensor, { output, size }: Pool): Tensor {
		const along = (channel: Id, step: number): Id =>
			this.total(Array.from({ length: size }, (_, k) => this.builder.rotate(channel, k * step)));
		return {
			channels: x.channels.map((channel) => along(along(channel, x.row), x.column)),
			grid: output,
			row: x.row * size,
			column: x.column * size,
			factor: x.factor / (size * size),
		};
	}

	dense(x: Tensor, { rows, columns, weights, bias }: Dense): Tensor {
		const slots = places(x).map(([, , slot]) => slot);
		const results = Array.from(bias, (_, row) => {
			const products = x.channels.map((channel, c) => {
				const start = row * columns + c * slots.length;
				const entries = slots.map((slot, k) => [slot, x.factor * (weights[start + k] as number)] as const);
				return this.builder.multiplyPlain(channel, this.vector(entries));
			});
			let y = this.total(products);
			for (let steps = 1; steps < this.builder.slots; steps *= 2)
				y = this.builder.add(y, this.builder.rotate(y, steps));
			return rows === 1 ? y : this.builder.multiplyPlain(y, this.vector([[row, 1]]));
		});
		const y = this.builder.addPlain(this.total(results), this.vector(bias.entries()));
		return { channels: [y], grid: { channels: 1, height: 1, width: rows }, row: rows, column: 1, factor: 1 };
	}
}

const inside = ({ height, width }: Grid, y: number, x: number): boolean => y >= 0 && y < height && x >= 0 && x < width;

/** Row, column and slot of every element of a channel. */
const places = ({
	grid,
	row,
	column,
}: Pick<Tensor, 'grid' | 'row' | 'column'>): readonly (readonly [y: number, x: number, slot: number])[] =>
	Array.from({ length: grid.height * grid.width }, (_, k) => {
		const [y, x] = [Math.floor(k / grid.width), k % grid.width];
		return [y, x, y * row + x * column];
	});

const record = ({ input, layers }: Network): Recorded => {
	const { channels, height, width } = input;
	const slots = 2 ** Math.ceil(Math.log2(height * width));
	const recorder = new Recorder(slots);
	let x: Tensor = {
		channels: Array.from({ length: channels }, (_, c) => recorder.builder.input('x', c)),
		grid: input,
		row: width,
		column: 1,
		factor: 1,
	};
	for (const layer of layers) {
		if (layer.kind === 'convolution') x = recorder.convolve(x, layer);
		else if (layer.kind === 'pool') x = recorder.pool(x, layer);
		else if (layer.kind === 'dense') x = recorder.dense(x, layer);
		else x = { ...x, factor: x.factor ** 2, channels: x.channels.map((c) => recorder.builder.multiply(c, c)) };
	}
	const [output = 0] = x.channels;
	return {
		circuit: recorder.builder.build([{ name: 'y', parts: x.channels }]),
		pack: (values) =>
			Array.from({ length: channels }, (_, c) => {
				const part = new Float64Array(slots);
				part.set(values.subarray(c * height * width, (c + 1) * height * width));
				return part;
			}),
		output,
		slots: places(x).map(([, , slot]) => slot),
	};
};

/** Bits of scale after each operation, and how often it has been rescaled. */
type Scaled = { readonly bits: number; readonly rescales: number };

const scaleOf = (op: Op, of: (id: Id) => Scaled): Scaled => {
	const product = (a: Scaled, bits: number, rescales = 0): Scaled => {
		let result = { bits: a.bits + bits, rescales: Math.max(a.rescales, rescales) };
		while (result.bits >= RESCALE_BITS + CIPHER_BITS)
			result = { bits: result.bits - RESCALE_BITS, rescales: result.rescales + 1 };
		return result;
	};
	switch (op.kind) {
		case 'input':
			return { bits: CIPHER_BITS, rescales: 0 };
		case 'multiplyPlain':
			return product(of(op.a), CONSTANT_BITS);
		case 'multiply':
			return product(of(op.a), of(op.b).bits, of(op.b).rescales);
		case 'add':
			return {
				bits: Math.max(of(op.a).bits, of(op.b).bits),
				rescales: Math.max(of(op.a).rescales, of(op.b).rescales),
			};
		case 'rotate':
		case 'addPlain':
			return of(op.a);
		default:
			throw new Error(`${op.kind} is not recorded here`);
	}
};

/** Bits of the primes, the special prime last; `range`: bits of the largest output. */
const primesOf = ({ ops }: SlotCircuit, output: Id, range: number): readonly number[] => {
	const scales: Scaled[] = [];
	for (const op of ops) scales.push(scaleOf(op, (id) => scales[id] as Scaled));
	const { bits, rescales } = scales[output] as Scaled;
	const rescaling = Array<number>(rescales).fill(RESCALE_BITS);
	const needed = bits + range;
	if (needed <= RESCALE_BITS) {
		const largest = Math.max(needed, ...rescaling);
		return [largest, ...rescaling, largest];
	}
	const whole = Array<number>(Math.floor(needed / RESCALE_BITS)).fill(RESCALE_BITS);
	const rest = needed % RESCALE_BITS;
	return [...whole, ...(rest > 0 ? [Math.max(20, rest)] : []), ...rescaling, RESCALE_BITS];
};

/** The network by fixed kernels; the range of its outputs is that of this sample. */
export const byEva = (
	network: Network,
	sample: Float64Array,
): { readonly recorded: Recorded; readonly costs: PeerCosts } => {
	const recorded = record(network);
	const outputs = evaluateRecorded(recorded, sample);
	const range = Math.max(0, Math.ceil(Math.log2(Math.max(...outputs.map(Math.abs)))));
	const primes = primesOf(recorded.circuit, recorded.output, range);
	const ringDegree = ringDegreeFor(primes, recorded.circuit.slots);
	if (ringDegree === undefined) throw new Error(`no ring degree of SEAL takes ${sum(primes)} bits`);
	const steps = new Set(recorded.circuit.ops.flatMap((op) => (op.kind === 'rotate' ? [op.steps] : [])));
	return { recorded, costs: costsOf(recorded, { ringDegree, primes, rotationKeys: steps.size }) };
};
