import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CkksCircuit, Fields, Kind, Op } from '../../compiler/ckks/circuit.ts';
import {
	encodeMilliseconds,
	estimateMilliseconds,
	estimateSurroundings,
	kernelCostsOf,
	operationTimes,
	packingCostsOf,
	sealCostsOf,
} from '../../compiler/ckks/cost.ts';
import { decomposeMilliseconds } from '../../compiler/ckks/kernelCosts.ts';
import { at } from '../../compiler/ckks/milliseconds.ts';
import { RING_DEGREES } from '../../compiler/ckks/security.ts';
import { compile } from '../../compiler/index.ts';
import { convolutional } from '../compile/models.ts';

const PRIMES = Array.from({ length: 40 }, (_, i) => i + 1);
const BACKENDS = ['kernel', 'seal'] as const;
const costsOf = { kernel: kernelCostsOf, seal: sealCostsOf };

test('every operation has a cost at every ring degree that the compiler tries, and more primes or a larger ring cost no less', () => {
	for (const backend of BACKENDS)
		for (const [i, ringDegree] of RING_DEGREES.entries())
			for (const [operation, cost] of Object.entries(costsOf[backend](ringDegree))) {
				const what = `${backend}: ${operation} at ${ringDegree}`;
				assert.ok(
					cost.every((c) => c >= 0 && Number.isFinite(c)),
					what,
				);
				for (const p of PRIMES) assert.ok(at(cost, p) > 0 && at(cost, p + 1) >= at(cost, p), `${what}, ${p} primes`);
				const smaller = RING_DEGREES[i - 1];
				if (smaller === undefined) continue;
				const before = new Map(Object.entries(costsOf[backend](smaller))).get(operation) ?? [0, 0, 0];
				for (const p of [2, 3]) assert.ok(at(cost, p) > at(before, p), `${what}, ${p} primes`);
			}
});

test('what switches keys costs most, sums cost least, and a square less than another product', () => {
	for (const ringDegree of RING_DEGREES)
		for (const p of [2, 4, 8]) {
			for (const backend of BACKENDS) {
				const { decomposition, rotation, product, multiply } = packingCostsOf(ringDegree, p, backend);
				assert.ok(
					decomposition + rotation > multiply - decomposition - rotation,
					'a key switch and a product of ciphertexts',
				);
				assert.ok(multiply > product);
				const costs = costsOf[backend](ringDegree);
				assert.ok(product > at(costs.add, p));
				assert.ok(at(costs.square, p) < at(costs.multiply, p));
			}
			// Otherwise nothing would be won by decomposing a value once.
			const { decomposition, rotation } = packingCostsOf(ringDegree, p, 'kernel');
			assert.ok(decomposition > rotation);
		}
});

test('an evaluation takes as long as its operations and its outputs, the first one longer', () => {
	const { circuit } = compile(convolutional()).stages.solution;
	for (const backend of BACKENDS) {
		const operations = operationTimes(circuit, true, backend).reduce((total, ms) => total + ms, 0);
		const whole = estimateMilliseconds(circuit, true, backend);
		assert.is(operationTimes(circuit, true, backend).length, circuit.ops.length);
		// Checking a request counts a millisecond.
		assert.ok(whole > operations && whole < 1.1 * operations + 1);
		const { firstEvaluateMs, keygenMs } = estimateSurroundings(circuit, [1, 1, 1], whole, true, backend);
		const { primes, ringDegree } = circuit.parameters;
		const encoding = circuit.constants.reduce(
			(sum, { level }) => sum + encodeMilliseconds(ringDegree, primes.length, level, backend),
			0,
		);
		assert.ok(Math.abs(firstEvaluateMs - whole - encoding) < 1e-9 * whole);
		const one = estimateSurroundings(circuit, [1], whole, true, backend);
		assert.ok(Math.abs(keygenMs - 3 * one.keygenMs) < 1e-9 * keygenMs);
	}
	assert.ok(estimateMilliseconds(circuit, true, 'kernel') < estimateMilliseconds(circuit, true, 'seal'));
});

type Bare = { [K in Kind]: { readonly kind: K } & Fields[K] }[Kind];

/** A circuit of two primes, its last operation the output; a rescale is to one prime. */
const circuitOf = (bare: readonly Bare[]): CkksCircuit => ({
	slots: 4096,
	parameters: { ringDegree: 8192, primes: [2 ** 40, 2 ** 41], specialPrime: 2 ** 42, security: 128 },
	plains: [],
	constants: [],
	ops: bare.map((op): Op => ({ ...op, slot: 0, origin: '', level: op.kind === 'rescale' ? 0 : 1, scale: 1, size: 2 })),
	outputs: [{ name: 'y', parts: [bare.length - 1] }],
});
const INPUT: Bare = { kind: 'input', name: 'x', part: 0 };

const total = (circuit: CkksCircuit): number => operationTimes(circuit, true, 'kernel').reduce((a, b) => a + b, 0);

test('on the kernel rotations of one value share its decomposition, and a sum of them one division', () => {
	const costs = kernelCostsOf(8192);
	const [load, add] = [at(costs.load, 2), at(costs.add, 3)];
	const [rotation, division] = [at(costs.rotate, 2), at(costs.modDown, 2)];
	const sumOf = (count: number, chained: boolean): CkksCircuit => {
		const ops: Bare[] = [INPUT];
		let [sum, last] = [0, 0];
		for (let step = 1; step <= count; step++) {
			last = ops.push(chained ? { kind: 'rotate', a: last, steps: 1 } : { kind: 'rotate', a: 0, steps: step }) - 1;
			sum = ops.push({ kind: 'add', a: sum, b: last }) - 1;
		}
		return circuitOf(ops);
	};
	const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9 * b, `${a}, not ${b}`);
	const decomposition = decomposeMilliseconds(costs, 2, false);
	near(total(sumOf(1, false)), load + decomposition + rotation + add + division);
	near(total(sumOf(3, false)), load + decomposition + 3 * (rotation + add) + division);
	// What was rotated before is divided to be decomposed.
	const again = decomposeMilliseconds(costs, 2, true);
	near(total(sumOf(3, true)), load + decomposition + 2 * again + 3 * (rotation + add) + division);
	assert.ok(again > decomposition);
});

test('on the kernel a rescale divides by the special prime on the way, and sums of products cost their terms only', () => {
	const costs = kernelCostsOf(8192);
	const circuit = circuitOf([
		INPUT,
		{ kind: 'rotate', a: 0, steps: 1 },
		{ kind: 'rotate', a: 0, steps: 2 },
		{ kind: 'multiplyPlain', a: 1, constant: 0 },
		{ kind: 'multiplyPlain', a: 2, constant: 1 },
		{ kind: 'add', a: 3, b: 4 },
		{ kind: 'rescale', a: 5 },
	]);
	const expected =
		at(costs.load, 2) +
		decomposeMilliseconds(costs, 2, false) +
		2 * at(costs.rotate, 2) +
		2 * at(costs.plainTerm, 3) +
		at(costs.rescaleExtended, 2);
	assert.ok(Math.abs(total(circuit) - expected) < 1e-9 * expected, `${total(circuit)}, not ${expected}`);
});

test('a ring degree that was never measured is refused', () => {
	for (const backend of BACKENDS) assert.throws(() => packingCostsOf(2048, 1, backend), /no costs of ring degree 2048/);
});

test.run();
