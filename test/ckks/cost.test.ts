import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Kind } from '../../compiler/ckks/circuit.ts';
import {
	costsOf,
	estimateMilliseconds,
	estimateSurroundings,
	operationMilliseconds,
	operationTimes,
} from '../../compiler/ckks/cost.ts';
import { RING_DEGREES } from '../../compiler/ckks/security.ts';
import { compile } from '../../compiler/index.ts';
import { convolutional } from '../compile/models.ts';

const KINDS = Object.keys({
	input: 0,
	rotate: 0,
	relinearize: 0,
	multiply: 0,
	multiplyPlain: 0,
	combine: 0,
	addPlain: 0,
	add: 0,
	subtract: 0,
	negate: 0,
	rescale: 0,
	modSwitch: 0,
} satisfies { readonly [K in Kind]: 0 }) as readonly Kind[];
const PRIMES = Array.from({ length: 40 }, (_, i) => i + 1);

test('every operation has a positive cost at every ring degree that the compiler tries, for any number of primes', () => {
	for (const ringDegree of RING_DEGREES) {
		for (const kind of KINDS)
			for (const p of PRIMES) {
				const ms = operationMilliseconds(kind, ringDegree, p);
				assert.ok(ms > 0 && Number.isFinite(ms), `${kind} at ${ringDegree} with ${p} primes: ${ms}`);
			}
		for (const [operation, [c0, c1, c2]] of Object.entries(costsOf(ringDegree)))
			assert.ok(c0 >= 0 && c1 >= 0 && c2 >= 0 && c0 + c1 + c2 > 0, `${operation} at ${ringDegree}`);
	}
});

test('more primes and larger rings cost more', () => {
	for (const kind of KINDS) {
		for (const ringDegree of RING_DEGREES)
			for (const p of PRIMES.slice(1))
				assert.ok(operationMilliseconds(kind, ringDegree, p) >= operationMilliseconds(kind, ringDegree, p - 1));
		for (const [i, ringDegree] of RING_DEGREES.slice(1).entries())
			for (const p of [1, 2, 3])
				assert.ok(
					operationMilliseconds(kind, ringDegree, p) > operationMilliseconds(kind, RING_DEGREES[i] as number, p),
					`${kind} at ${ringDegree} with ${p} primes`,
				);
	}
});

test('what switches keys costs most, sums cost least, and a square less than another product', () => {
	for (const ringDegree of RING_DEGREES)
		for (const p of [2, 4, 8]) {
			const ms = (kind: Kind): number => operationMilliseconds(kind, ringDegree, p);
			assert.ok(Math.min(ms('rotate'), ms('relinearize')) > ms('multiply'));
			assert.ok(ms('multiply') > ms('multiplyPlain'));
			assert.ok(ms('multiplyPlain') > ms('add'));
			const [square, product] = [costsOf(ringDegree).square, costsOf(ringDegree).multiply].map(
				([c0, c1, c2]) => c0 + c1 * p + c2 * p * p,
			);
			assert.ok((square as number) < (product as number));
		}
});

test('an evaluation takes as long as its operations and its outputs, the first one longer', () => {
	const { circuit } = compile(convolutional()).stages.solution;
	const operations = operationTimes(circuit).reduce((total, ms) => total + ms, 0);
	const whole = estimateMilliseconds(circuit);
	assert.is(operationTimes(circuit).length, circuit.ops.length);
	assert.ok(whole > operations && whole < 1.1 * operations);
	const { firstEvaluateMs, keygenMs } = estimateSurroundings(circuit, 3);
	assert.ok(firstEvaluateMs > whole);
	assert.ok(Math.abs(keygenMs - 3 * estimateSurroundings(circuit, 1).keygenMs) < 1e-9 * keygenMs);
});

test('a ring degree that was never measured is refused', () => {
	assert.throws(() => operationMilliseconds('add', 2048, 1), /no costs of ring degree 2048/);
});

test.run();
