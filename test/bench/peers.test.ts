import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { byEva } from '../../bench/peers/eva.ts';
import { applyNetwork, readNetwork } from '../../bench/peers/network.ts';
import { evaluateRecorded, type PeerCosts, type Recorded } from '../../bench/peers/recorded.ts';
import { byTenseal } from '../../bench/peers/tenseal.ts';
import { floats, model } from '../compile/models.ts';
import { node, randomNumbers, reference } from '../support/onnx.ts';

/** The circuits that stand for TenSEAL and EVA compute the network, and cost what can be counted by hand. */
type Peer = { readonly recorded: Recorded; readonly costs: PeerCosts };

const conv = (stride: number, padding: number, size: number) => ({
	attributes: { kernel_shape: [size, size], strides: [stride, stride], pads: [padding, padding, padding, padding] },
});

/** 3@4x4 stride 3 on 13x13, square, dense 16 (3 x 16 inputs), square, dense 5. */
const single = model(
	[
		node('Conv', ['x', 'k', 'kb'], ['c'], conv(3, 0, 4)),
		node('Mul', ['c', 'c'], ['s']),
		node('Flatten', ['s'], ['f']),
		node('Gemm', ['f', 'w', 'wb'], ['h'], { attributes: { transB: 1 } }),
		node('Mul', ['h', 'h'], ['t']),
		node('Gemm', ['t', 'v', 'vb'], ['y'], { attributes: { transB: 1 } }),
	],
	{ x: [1, 1, 13, 13] },
	['y'],
	{
		k: floats([3, 1, 4, 4], 1),
		kb: floats([3], 2),
		w: floats([16, 48], 3),
		wb: floats([16], 4),
		v: floats([5, 16], 5),
		vb: floats([5], 6),
	},
);

/** 2@3x3 pad 1 on 8x8, square, pool, 3@3x3 pad 1, square, pool, dense 4. */
const pooled = model(
	[
		node('Conv', ['x', 'k', 'kb'], ['c'], conv(1, 1, 3)),
		node('Mul', ['c', 'c'], ['s']),
		node('AveragePool', ['s'], ['p'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
		node('Conv', ['p', 'l', 'lb'], ['d'], conv(1, 1, 3)),
		node('Mul', ['d', 'd'], ['t']),
		node('AveragePool', ['t'], ['q'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
		node('Flatten', ['q'], ['f']),
		node('Gemm', ['f', 'w', 'wb'], ['y'], { attributes: { transB: 1 } }),
	],
	{ x: [1, 1, 8, 8] },
	['y'],
	{
		k: floats([2, 1, 3, 3], 1),
		kb: floats([2], 2),
		l: floats([3, 2, 3, 3], 3),
		lb: floats([3], 4),
		w: floats([4, 12], 5),
		wb: floats([4], 6),
	},
);

const networks = [
	{ name: 'a convolution and two dense layers', bytes: single, shape: [1, 1, 13, 13] },
	{ name: 'two convolutions with pools', bytes: pooled, shape: [1, 1, 8, 8] },
];

const agrees = (stage: string, actual: Float64Array, expected: Float64Array, relative: number): void => {
	const worst = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN))));
	assert.ok(worst <= relative * Math.max(1, ...expected.map(Math.abs)), `${stage}: off by ${worst}`);
};

for (const { name, bytes, shape } of networks)
	test(`${name}: both peers compute what onnxruntime computes`, async () => {
		const x = randomNumbers(
			1,
			shape.reduce((a, b) => a * b),
		);
		const expected =
			(await reference(bytes, new Map([['x', { shape, data: x }]]))).get('y')?.data ?? new Float64Array();
		const network = readNetwork(bytes);
		agrees('network', applyNetwork(network, x), expected, 1e-5);
		agrees('TenSEAL', evaluateRecorded(byTenseal(network).recorded, x), expected, 1e-5);
		agrees('EVA', evaluateRecorded(byEva(network, x).recorded, x), expected, 1e-5);
	});

const rotations = ({ recorded }: Peer): number => recorded.circuit.ops.filter(({ kind }) => kind === 'rotate').length;

test('TenSEAL folds each map, and rotates by non-adjacent forms in its matrix products', () => {
	// Kernels of 16 elements: 4 folds of 16 windows for each of 3 maps. Sums of the numbers of signed digits of 1..47 and 1..15.
	const digits = (below: number): number =>
		Array.from({ length: below - 1 }, (_, k) => {
			let [count, rest] = [0, k + 1];
			for (; rest > 0; rest >>= 1) {
				if (rest % 2 === 0) continue;
				count++;
				if (rest % 4 === 3) rest += 1;
			}
			return count;
		}).reduce((a, b) => a + b, 0);
	const peer = byTenseal(readNetwork(single));
	assert.is(rotations(peer), 3 * 4 + digits(48) + digits(16));
	assert.is(peer.costs.plainProducts, 3 + 3 + 48 + 16);
	// Six levels: the parameters of the tutorial.
	assert.equal(peer.costs.primes, [31, 26, 26, 26, 26, 26, 26, 31]);
	assert.is(peer.costs.ringDegree, 8192);
});

test('EVA rotates once for each channel and kernel offset, and folds the whole vector for each row', () => {
	// 8 x 8 = 64 slots. Offsets but the middle one: 8, then 2 x 8; pools: two rotations a channel; 4 rows of 6 folds.
	const network = readNetwork(pooled);
	assert.is(rotations(byEva(network, randomNumbers(1, 64))), 8 + 2 * 2 + 2 * 8 + 3 * 2 + 4 * 6);
});

test.run();
