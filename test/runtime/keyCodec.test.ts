import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealBackend } from '../../runtime/backends/seal.ts';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import type { RefusalCode } from '../../runtime/errors.ts';
import { unpackKey } from '../../runtime/keyCodec.ts';
import { keySwitchVariance, slotExponents } from '../../runtime/noise.ts';
import type { KeyNeeds } from '../../runtime/plan.ts';
import { loadSeeded, type SealCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { EvaluationKeys } from '../../runtime/seal/keys.ts';
import { loadSeal, SealModule } from '../../runtime/seal/module.ts';
import { type KeySlot, keyLength, keyLengths, keySlots } from '../../runtime/sizes.ts';
import { makeParameters, maxDifference, refusalOf, refusalOfAsync, sampleOf } from './support.ts';

/** Fails as soon as SEAL is asked for anything while it is armed. */
class Tripwire extends SealModule {
	armed = false;
	override call<T>(what: string, f: () => T, code?: RefusalCode): T {
		if (this.armed) throw new Error('bytes reached SEAL');
		return super.call(what, f, code);
	}
}

/** Residues of 4, 4, 3, 3 and, for the special prime, 6 bytes. */
const PARAMETERS = makeParameters(8192, [31, 30, 24, 24], 44);
const TOP = PARAMETERS.primes.length - 1;
const N = PARAMETERS.ringDegree;
const SCALE = 2 ** 24;
const module = new Tripwire((await loadSeal()).seal, undefined);
/** A rotation key and a relinearization key for each level, by 1 << level and -1 << level. */
const levels = Array.from({ length: TOP + 1 }, (_, level) => level);
const needsAt = (level: number): KeyNeeds => ({
	relinearization: level,
	steps: [
		{ step: 1 << level, level },
		{ step: N / 2 - (1 << level), level },
	],
});
const everything = { relinearization: TOP, steps: levels.flatMap((level) => needsAt(level).steps) };
const context = new SealContext(module, PARAMETERS, everything);
const owner = new SealKeyOwner(context);
const sent = new Map(levels.map((level) => [level, keySlots(needsAt(level)).map((slot) => owner.evaluationKey(slot))]));
const keysOf = (level: number): readonly Uint8Array[] => sent.get(level) as readonly Uint8Array[];
const x = sampleOf(N / 2);

const encrypt = (level: number): SealCiphertext =>
	loadSeeded(context, owner.encrypt(x, level, SCALE), level, SCALE, 'it');

const rotated = (values: Float64Array, steps: number): Float64Array =>
	values.map((_, t) => values[(t + steps + values.length) % values.length] as number);

/** sqrt of the mean over slots of error^2 / variance: about 1 when a whole key could not have done better. */
const noiseRatio = (a: Float64Array, b: Float64Array, level: number): number => {
	const { ringDegree, primes, specialPrime } = PARAMETERS;
	const exponents = slotExponents(ringDegree);
	const ratios = a.map((value, t) => {
		const variance = keySwitchVariance(ringDegree, primes, level, specialPrime, exponents[t] as number);
		return ((value - (b[t] as number)) * SCALE) ** 2 / variance;
	});
	return Math.sqrt(ratios.reduce((sum, ratio) => sum + ratio, 0) / a.length);
};

test('a key that serves levels up to l has l + 1 digits of l + 2 residue polynomials, and one seed for each', () => {
	const bytes = [4, 4, 3, 3];
	for (const level of levels) {
		const residue = bytes.slice(0, level + 1).reduce((a, b) => a + b, 0) + 6;
		const expected = 8 + (level + 1) * (N * residue + 64);
		assert.is(keyLength(PARAMETERS, level), expected);
		assert.equal(
			keysOf(level).map(({ length }) => length),
			[expected, expected, expected],
		);
		assert.equal(keyLengths(PARAMETERS, needsAt(level)), [expected, expected, expected]);
	}
});

for (const level of levels)
	test(`keys for level ${level} rotate and relinearise there and below with the noise of whole ones`, async () => {
		const keys = await EvaluationKeys.load(context, needsAt(level), keysOf(level), {});
		const backend = new SealBackend(context, keys);
		for (let at = 0; at <= level; at++) {
			const a = encrypt(at);
			const before = owner.decrypt(a);
			for (const { step } of needsAt(level).steps) {
				const ratio = noiseRatio(owner.decrypt(backend.rotate(a, step)), rotated(before, step), at);
				assert.ok(ratio > 0.5 && ratio < 2, `level ${at}, rotation by ${step}: ${ratio} of the predicted noise`);
			}
			if (at === 0) continue;
			const square = backend.multiply(a, a);
			const relinearized = owner.decrypt(backend.relinearize(square));
			assert.ok(maxDifference(relinearized, owner.decrypt(square)) < 1e-4);
			assert.ok(
				maxDifference(
					relinearized,
					x.map((value) => value ** 2),
				) < 1e-2,
			);
		}
		keys.dispose();
	});

test('no key is used above the level it serves', async () => {
	const low = new SealContext(module, PARAMETERS, needsAt(1));
	const mine = new SealKeyOwner(low);
	const slots = keySlots(needsAt(1));
	const keys = await EvaluationKeys.load(
		low,
		needsAt(1),
		slots.map((slot) => mine.evaluationKey(slot)),
		{},
	);
	const backend = new SealBackend(low, keys);
	const a = loadSeeded(low, mine.encrypt(x, 2, SCALE), 2, SCALE, 'it');
	const square = backend.multiply(a, a);
	module.armed = true;
	try {
		assert.is(
			refusalOf(() => backend.rotate(a, 2)),
			'misuse',
		);
		assert.is(
			refusalOf(() => backend.relinearize(square)),
			'misuse',
		);
	} finally {
		module.armed = false;
	}
	const b = backend.modSwitch(a, 1);
	assert.ok(maxDifference(mine.decrypt(backend.rotate(b, 2)), rotated(x, 2)) < 1e-2);
	low.dispose();
});

const slot: KeySlot = { kind: 'rotation', steps: 2, level: 1 };
const key = (keysOf(1)[1] as Uint8Array).slice();
const unpack = (bytes: Uint8Array, as: KeySlot = slot): Uint8Array =>
	unpackKey(bytes, PARAMETERS, context.keyLevel, as, 'it');
const DIGIT = N * (4 + 4 + 6) + 64;

test('a key of another length, rotation, kind or level is refused', () => {
	unpack(key);
	const longer = new Uint8Array(key.length + 1);
	longer.set(key);
	const wrong: readonly (() => void)[] = [
		() => unpack(longer),
		() => unpack(new Uint8Array()),
		() => unpack(key, { ...slot, steps: 3 }),
		() => unpack(key, { ...slot, level: 0 }),
		() => unpack(key, { ...slot, level: 2 }),
		() => unpack(key, { kind: 'relinearization', level: 1 }),
		() => unpack(keysOf(1)[0] as Uint8Array),
	];
	for (const f of wrong) assert.is(refusalOf(f), 'message', f.toString());
	fc.assert(
		fc.property(fc.nat(key.length - 1), (length) =>
			assert.is(
				refusalOf(() => unpack(key.subarray(0, length))),
				'message',
			),
		),
	);
});

test('any byte of the head of a key that is changed is found', () => {
	for (let place = 0; place < 8; place++)
		for (const bit of [1, 128]) {
			const bad = key.slice();
			bad[place] = (bad[place] as number) ^ bit;
			assert.is(
				refusalOf(() => unpack(bad)),
				'message',
			);
		}
});

test('a residue that is not below its prime is refused in every digit, and the largest below it is accepted', () => {
	const [q0, q1] = PARAMETERS.primes as [number, number];
	const cases = [
		{ offset: 0, prime: q0, width: 4 },
		{ offset: 4 * N, prime: q1, width: 4 },
		{ offset: 14 * N - 6, prime: PARAMETERS.specialPrime, width: 6 },
	];
	for (const digit of [0, 1])
		for (const { offset, prime, width } of cases) {
			const copy = key.slice();
			const put = (value: number): void => {
				for (let b = 0; b < width; b++) copy[8 + digit * DIGIT + offset + b] = Math.floor(value / 256 ** b) % 256;
			};
			put(prime - 1);
			unpack(copy);
			for (const bad of [prime, 256 ** width - 1]) {
				put(bad);
				assert.is(
					refusalOf(() => unpack(copy)),
					'message',
				);
			}
		}
});

test('a key with a digit of zeros is refused', () => {
	const copy = key.slice();
	copy.fill(0, 8 + DIGIT, 8 + DIGIT + 14 * N);
	assert.is(
		refusalOf(() => unpack(copy)),
		'message',
	);
});

test('refused keys never reach SEAL', async () => {
	module.armed = true;
	try {
		for (const change of [0, 4, 8 + 3]) {
			const bad = key.slice();
			bad[change] = (bad[change] as number) ^ 255;
			const needs = { steps: [{ step: 2, level: 1 }] };
			assert.is((await refusalOfAsync(EvaluationKeys.load(context, needs, [bad], {}))).code, 'message');
		}
	} finally {
		module.armed = false;
	}
});

test.run();
