import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CkksParameters } from '../../runtime/plan.ts';
import { loadCiphertext, loadSeeded, type SealCiphertext, saveCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { inputLength } from '../../runtime/sizes.ts';
import { openSeal } from '../support/seal.ts';
import { findPrimes, makeParameters, maxDifference, refusalOf, SCALE, SMALL, sampleOf } from './support.ts';

const { module, context, owner, backend } = await openSeal(SMALL, 1);
const x = sampleOf(2048);

/** Encrypted, sent and loaded. */
const encrypt = (values: Float64Array, level: number, scale: number): SealCiphertext =>
	loadSeeded(context, owner.encrypt(values, level, scale), level, scale, 'it');

const stillWorks = (): void => {
	const a = encrypt(x, 1, SCALE);
	assert.ok(maxDifference(owner.decrypt(a), x) < 1e-3);
	backend.dispose(a);
};

test('an instance survives 20,000 exceptions, far beyond what its stack would hold', () => {
	assert.ok(module.restoresStack);
	for (let i = 0; i < 20000; i++)
		assert.is(
			refusalOf(() => module.call('make a modulus', () => new module.seal.Modulus(2n ** 62n))),
			'misuse',
		);
	stillWorks();
});

test('values that are not finite or too large are refused before SEAL sees them', () => {
	for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e300])
		assert.is(
			refusalOf(() => backend.encode(x.with(3, bad), 1, SCALE)),
			'misuse',
		);
	stillWorks();
});

test('a transparent result is refused and costs nothing else', () => {
	const a = encrypt(x, 1, SCALE);
	const b = backend.negate(a);
	assert.is(
		refusalOf(() => backend.add(a, b)),
		'misuse',
	);
	assert.is(
		refusalOf(() => backend.subtract(a, a)),
		'misuse',
	);
	const zero = backend.encode(new Float64Array(2048), 1, SCALE);
	assert.is(
		refusalOf(() => backend.multiplyPlain(a, zero)),
		'misuse',
	);
	backend.dispose(a);
	backend.dispose(b);
	backend.disposePlain(zero);
	stillWorks();
});

test('constants too small for the scale multiply to nearly zero instead of being refused', () => {
	const a = encrypt(x, 1, SCALE);
	const tiny = backend.encode(new Float64Array(2048).fill(1e-9), 1, SCALE);
	const product = backend.multiplyPlain(a, tiny);
	assert.ok(owner.decrypt(product).every((value) => Math.abs(value) < 2 ** -15));
	backend.dispose(a);
	backend.dispose(product);
	backend.disposePlain(tiny);
	stillWorks();
});

test('operands whose scales differ by less than 2^-30 add, and keep their own scales', () => {
	const near = SCALE * (1 + 2 ** -40);
	const [a, b] = [encrypt(x, 1, SCALE), encrypt(x, 1, near)];
	const sum = backend.add(a, b);
	assert.ok(
		maxDifference(
			owner.decrypt(sum),
			x.map((value) => 2 * value),
		) < 1e-3,
	);
	assert.is(b.object.scale(), near);
	const far = encrypt(x, 1, SCALE * 1.001);
	assert.is(
		refusalOf(() => backend.add(a, far)),
		'misuse',
	);
	for (const handle of [a, b, sum, far]) backend.dispose(handle);
});

test('what SEAL computes has the level and the scale that the rules say', () => {
	const a = encrypt(x, 1, SCALE);
	const plain = backend.encode(x, 1, SMALL.primes[1] as number);
	const product = backend.multiplyPlain(a, plain);
	const rescaled = backend.rescale(product);
	const square = backend.multiply(a, a);
	const relinearized = backend.relinearize(square);
	const rotated = backend.rotate(a, 1);
	const switched = backend.modSwitch(a, 0);
	for (const { object, shape } of [a, product, rescaled, square, relinearized, rotated, switched]) {
		assert.is(object.scale(), shape.scale);
		assert.is(object.size(), shape.size);
		assert.is(object.coeffModulusSize(), shape.level + 1);
	}
	for (const handle of [a, product, rescaled, square, relinearized, rotated, switched]) backend.dispose(handle);
	backend.disposePlain(plain);
});

test('an input arrives at the level and scale it was encrypted for, also below the top level', () => {
	for (const level of [0, 1]) {
		const scale = SCALE * 1.25;
		const bytes = owner.encrypt(x, level, scale);
		assert.is(bytes.length, inputLength(SMALL, level));
		// Residues of one polynomial in 5 and 3 bytes, and a seed.
		assert.is(bytes.length, 4096 * (level === 0 ? 5 : 8) + 64);
		const { object, shape } = loadSeeded(context, bytes, level, scale, 'it');
		assert.equal(shape, { level, scale, size: 2 });
		assert.equal([object.size(), object.coeffModulusSize(), object.scale()], [2, level + 1, scale]);
		assert.ok(maxDifference(owner.decrypt({ object, shape }), x) < 1e-3);
		release(object);
	}
});

test('the same values encrypted twice share neither seed nor residues', () => {
	const [a, b] = [owner.encrypt(x, 0, SCALE), owner.encrypt(x, 0, SCALE)];
	assert.not.equal(a.subarray(-64), b.subarray(-64));
	assert.not.equal(a.subarray(0, 64), b.subarray(0, 64));
});

test('a ciphertext that does not fit its port is not sent', () => {
	const a = encrypt(x, 1, SCALE);
	for (const [level, scale] of [
		[0, SCALE],
		[1, SCALE * 1.01],
	] as const)
		assert.is(
			refusalOf(() => saveCiphertext(context, a, level, scale)),
			'misuse',
		);
	const bytes = saveCiphertext(context, a, 1, SCALE * (1 + 2 ** -40));
	const b = loadCiphertext(context, bytes, 1, SCALE * (1 + 2 ** -40), 'it');
	assert.ok(maxDifference(owner.decrypt(b), x) < 1e-3);
	backend.dispose(a);
	backend.dispose(b);
});

test('parameters below 128 bits, or that are no CKKS parameters, are refused', () => {
	const composite = { ...SMALL, primes: [8192 * 8193 + 1, SMALL.primes[1] as number] };
	const bad: CkksParameters[] = [
		makeParameters(4096, [40, 40], 40),
		{ ...SMALL, security: 256 },
		{ ...SMALL, ringDegree: 512, primes: findPrimes(512, [20]), specialPrime: findPrimes(512, [20, 20])[1] as number },
		{ ...SMALL, ringDegree: 65536 },
		{ ...SMALL, ringDegree: 5000 },
		{ ...SMALL, primes: [] },
		{ ...SMALL, primes: [SMALL.specialPrime] },
		{ ...SMALL, primes: [(SMALL.primes[0] as number) + 1] },
		composite,
	];
	for (const parameters of bad)
		assert.is(
			refusalOf(() => new SealContext(module, parameters, { steps: [] })),
			'program',
		);
	stillWorks();
});

test('a rotation without its key is refused', () => {
	const a = encrypt(x, 1, SCALE);
	assert.is(
		refusalOf(() => backend.rotate(a, 2)),
		'misuse',
	);
	backend.dispose(a);
});

test.run();
