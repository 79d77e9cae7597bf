import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBounds, checkMagnitude, checkParameters, weightBits } from '../../runtime/backends/kernel/bounds.ts';
import { KernelConstants } from '../../runtime/backends/kernel/constants.ts';
import type { CkksParameters } from '../../runtime/plan.ts';
import { everyOperation, makeParameters, makeProgram, refusalOf, SMALL } from '../runtime/support.ts';

const refused = (f: () => unknown): void => assert.is(refusalOf(f), 'program');
const withPrimes = (primes: readonly number[], rest: Partial<CkksParameters> = {}): CkksParameters => ({
	...SMALL,
	primes,
	...rest,
});

test('primes of 20 to 48 bits are accepted', () => {
	for (const bits of [20, 30, 40, 48]) checkParameters(makeParameters(4096, [bits, 24], 48));
	for (const ringDegree of [1024, 2048, 8192, 16384, 32768]) checkParameters(makeParameters(ringDegree, [47, 48], 48));
});

test('numbers that arithmetic would not be exact for are refused', () => {
	const [q0, q1] = SMALL.primes as [number, number];
	const [above] = makeParameters(4096, [49], 44).primes as [number];
	assert.ok(above > 2 ** 48 && above < 2 ** 49);
	refused(() => checkParameters(withPrimes([q0, above])));
	refused(() => checkParameters(withPrimes([q0, q1], { specialPrime: above })));
	for (const bad of [0, 1, -q1, q1 + 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
		refused(() => checkParameters(withPrimes([q0, bad])));
});

test('a modulus that is no prime, or not 1 modulo 2N, or there twice, is refused', () => {
	const [q0, q1] = SMALL.primes as [number, number];
	// 1 modulo 8192 and a product of primes that are, too.
	refused(() => checkParameters(withPrimes([q0, 40961 * 65537])));
	refused(() => checkParameters(withPrimes([q0, 65537 * 65537])));
	// A Carmichael number, 1 modulo 2N for no N of these, and a prime that is not 1 modulo 2N.
	refused(() => checkParameters(withPrimes([q0, 3215031751])));
	refused(() => checkParameters(withPrimes([q0, 2147483647])));
	refused(() => checkParameters(withPrimes([q0, q1, q0])));
	refused(() => checkParameters(withPrimes([q0], { specialPrime: q0 })));
});

test('ring degrees and numbers of primes that the kernel has no room for are refused', () => {
	for (const ringDegree of [0, 512, 4096.5, 6144, 65536, 2 ** 31])
		refused(() => checkParameters({ ...SMALL, ringDegree }));
	refused(() => checkParameters(withPrimes([])));
	const many = makeParameters(1024, new Array<number>(64).fill(28), 30);
	checkParameters({ ...many, primes: many.primes.slice(0, 61) });
	refused(() => checkParameters({ ...many, primes: many.primes.slice(0, 62) }));
});

test('the bits of weights hold the largest magnitude, and weights of more than 128 bits or that are no integers are refused', () => {
	for (const [weights, bits] of [
		[[0], 1],
		[[1, -1], 1],
		[[2, 0], 2],
		[[-(2 ** 20 - 1)], 20],
		[[2 ** 20], 21],
		[[3, -(2 ** 40) + 1], 40],
		[[3, 2 ** 53 - 2 ** 30 + 1], 53],
		[[3, -(2 ** 128) + 2 ** 100], 128],
	] as const)
		assert.is(weightBits(Float64Array.from(weights)), bits);
	for (let bits = 1; bits <= 128; bits++) assert.is(weightBits(Float64Array.of(2 ** (bits - 1))), bits);
	for (const bad of [2 ** 128, -(2 ** 128), 0.5, Number.NaN, Number.POSITIVE_INFINITY])
		refused(() => weightBits(Float64Array.of(1, bad)));
});

test('plaintexts with coefficients of 150 bits and more are refused, also where the modulus would hold them', () => {
	for (const [mean, scale] of [
		[0, 2 ** 200],
		[1, 2 ** 149],
		[2 ** 60, 2 ** 89.9],
	] as const)
		checkMagnitude(mean, scale);
	for (const [mean, scale] of [
		[1, 2 ** 150],
		[2 ** -50, 2 ** 200],
	] as const)
		refused(() => checkMagnitude(mean, scale));
	const wide = { ...SMALL, ...makeParameters(16384, [48, 48, 48, 48], 48) };
	const load = (bits: number): unknown => {
		const specs = [{ level: 3, scale: 2 ** bits, values: Float64Array.of(1) }];
		const { server, constants } = makeProgram({
			parameters: wide,
			batch: 8192,
			inputs: [],
			outputs: [],
			constants: specs,
			instructions: [],
		});
		return new KernelConstants(server, constants);
	};
	load(149);
	refused(() => load(151));
});

test('a plan whose samples, rotations or levels do not exist is refused', () => {
	const { server } = everyOperation();
	checkBounds(server);
	for (const batch of [0, 3, 0.5, 4096, Number.NaN]) refused(() => checkBounds({ ...server, batch }));
	for (const step of [0, -1, 2048, 0.5, 1e15])
		refused(() => checkBounds({ ...server, keys: { steps: [{ step, level: 1 }] } }));
	for (const level of [-1, 2, 0.5]) {
		refused(() => checkBounds({ ...server, keys: { ...server.keys, relinearization: level } }));
		refused(() => checkBounds({ ...server, keys: { steps: [{ step: 1, level }] } }));
		refused(() => checkBounds({ ...server, constants: [{ offset: 0, level, scale: 1 }] }));
	}
});

test.run();
