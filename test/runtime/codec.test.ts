import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import {
	checkCiphertext,
	checkPlaintext,
	checkRelinearizationKey,
	checkRotationKey,
	checkSeededCiphertext,
	galoisElement,
} from '../../runtime/codec.ts';
import type { RefusalCode } from '../../runtime/errors.ts';
import { loadSeeded, saveCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { EvaluationKeys } from '../../runtime/seal/keys.ts';
import { loadSeal, SealModule } from '../../runtime/seal/module.ts';
import { keyLength } from '../../runtime/sizes.ts';
import { refusalOf, refusalOfAsync, SCALE, SMALL, sampleOf } from './support.ts';

/** Fails as soon as SEAL is asked for anything while it is armed. */
class Tripwire extends SealModule {
	armed = false;
	override call<T>(what: string, f: () => T, code?: RefusalCode): T {
		if (this.armed) throw new Error('bytes reached SEAL');
		return super.call(what, f, code);
	}
}

const STEPS = 3;
const needs = { relinearization: true, steps: [STEPS] };
const tripwire = new Tripwire((await loadSeal()).seal, undefined);
const context = new SealContext(tripwire, SMALL, needs);
const owner = new SealKeyOwner(context);
const seeded = owner.encrypt(sampleOf(2048), 1, SCALE);
const low = owner.encrypt(sampleOf(2048), 0, SCALE);
const loaded = loadSeeded(context, seeded, 1, SCALE, 'it');
const ciphertext = saveCiphertext(context, loaded, 1, SCALE);
release(loaded.object);
const relinearizationKey = owner.evaluationKey({ kind: 'relinearization' });
const rotationKey = owner.evaluationKey({ kind: 'rotation', steps: STEPS });
const secret = owner.exportSecretKey();
const { layout } = context.level(1);

const HEADER = 113;
const POLYNOMIAL = 8 * 4096;
/** Header and kind of generator before a seed of 64 bytes. */
const BEFORE_SEED = 17;
/** A seeded ciphertext at the level of keys. */
const RECORD = HEADER + 3 * POLYNOMIAL + BEFORE_SEED + 64;
const SEED = HEADER + 2 * POLYNOMIAL;

/** The bytes of a seeded record at `start` that are neither residues nor seed. */
const structureOf = (start: number, primes: number): number[] => [
	...range(start, HEADER),
	...range(start + HEADER + primes * POLYNOMIAL, BEFORE_SEED),
];

type Check = (bytes: Uint8Array) => void;
const checks: readonly (readonly [name: string, bytes: Uint8Array, check: Check, structure: readonly number[]])[] = [
	['an output', ciphertext, (b) => checkCiphertext(b, layout, SCALE, 'it'), range(0, HEADER)],
	['an input', seeded, (b) => checkSeededCiphertext(b, layout, SCALE, 'it'), structureOf(0, 2)],
	[
		'an input below the top level',
		low,
		(b) => checkSeededCiphertext(b, context.level(0).layout, SCALE, 'it'),
		structureOf(0, 1),
	],
	['a secret key', secret, (b) => checkPlaintext(b, context.keyLevel, 1, 'it'), range(0, 88)],
	[
		'a relinearization key',
		relinearizationKey,
		(b) => checkRelinearizationKey(b, context.keyLevel, 'it'),
		[...range(0, 64), ...structureOf(64, 3), ...structureOf(64 + RECORD, 3)],
	],
	[
		'a rotation key',
		rotationKey,
		(b) => checkRotationKey(b, context.keyLevel, STEPS, 'it'),
		[...range(0, 56 + 8 * 4096).filter((i) => i < 8 * galoisElement(STEPS, 4096))],
	],
];

function range(start: number, length: number): number[] {
	return Array.from({ length }, (_, i) => start + i);
}

/** The bytes are refused while the byte at `place` is changed. */
const refusedFlip = (bytes: Uint8Array, check: Check, place: number, change: number): void => {
	const original = bytes[place] as number;
	bytes[place] = original ^ change;
	try {
		const refused = refusalOf(() => check(bytes));
		assert.is(refused, 'message', `byte ${place}`);
	} finally {
		bytes[place] = original;
	}
};

for (const [name, bytes, check, structure] of checks) {
	test(`${name} made by SEAL is accepted`, () => {
		check(bytes);
	});

	test(`${name} with any byte of its structure changed is refused`, () => {
		for (const place of structure.length < 1000 ? structure : []) refusedFlip(bytes, check, place, 1 << (place % 8));
		const property = fc.property(fc.constantFrom(...structure), fc.integer({ min: 1, max: 255 }), (place, change) =>
			refusedFlip(bytes, check, place, change),
		);
		fc.assert(property, { numRuns: 400 });
	});

	test(`${name} that is cut off or too long is refused`, () => {
		const refuses = (length: number): void => {
			const refused = refusalOf(() => check(bytes.subarray(0, length)));
			assert.is(refused, 'message', `${length} bytes`);
		};
		for (const length of [...range(0, 400), ...range(bytes.length - 400, 400)]) refuses(length);
		fc.assert(fc.property(fc.nat(bytes.length - 1), refuses), { numRuns: 100 });
		const longer = new Uint8Array(bytes.length + 1);
		longer.set(bytes);
		assert.is(
			refusalOf(() => check(longer)),
			'message',
		);
	});

	test(`arbitrary bytes in place of ${name} are refused and nothing else happens`, () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), (arbitrary) => {
				assert.is(
					refusalOf(() => check(arbitrary)),
					'message',
				);
			}),
		);
	});
}

test('a residue that is not below its prime is refused, and the largest below it is accepted', () => {
	const [q0, q1] = SMALL.primes as [number, number];
	// The last residue of each prime, of both polynomials where both are there.
	const cases: readonly (readonly [whole: Uint8Array, check: Check, index: number, prime: number])[] = [
		[ciphertext, (b) => checkCiphertext(b, layout, SCALE, 'it'), 4095, q0],
		[ciphertext, (b) => checkCiphertext(b, layout, SCALE, 'it'), 8191, q1],
		[ciphertext, (b) => checkCiphertext(b, layout, SCALE, 'it'), 2 * 8192 - 1, q1],
		[seeded, (b) => checkSeededCiphertext(b, layout, SCALE, 'it'), 4095, q0],
		[seeded, (b) => checkSeededCiphertext(b, layout, SCALE, 'it'), 8191, q1],
	];
	for (const [whole, check, index, prime] of cases) {
		const copy = whole.slice();
		const view = new DataView(copy.buffer);
		view.setBigUint64(HEADER + 8 * index, BigInt(prime - 1), true);
		check(copy);
		for (const bad of [BigInt(prime), 2n ** 32n * BigInt(prime), 2n ** 64n - 1n]) {
			view.setBigUint64(HEADER + 8 * index, bad, true);
			const refused = refusalOf(() => check(copy));
			assert.is(refused, 'message');
		}
	}
});

test('a residue of any record of a key is checked', () => {
	const [q0] = SMALL.primes as [number];
	for (const digit of [0, 1]) {
		const copy = relinearizationKey.slice();
		new DataView(copy.buffer).setBigUint64(64 + digit * RECORD + HEADER, BigInt(q0), true);
		const refused = refusalOf(() => checkRelinearizationKey(copy, context.keyLevel, 'it'));
		assert.is(refused, 'message');
	}
});

test('any seed is accepted and drawn from, and only of the generator that SEAL uses here', () => {
	const property = fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (seed) => {
		const other = seeded.slice();
		other.set(seed, SEED + BEFORE_SEED);
		const { object } = loadSeeded(context, other, 1, SCALE, 'it');
		assert.not.ok(object.isTransparent());
		release(object);
	});
	fc.assert(property, { numRuns: 20 });
	for (const generator of [0, 2, 3, 255]) {
		const other = seeded.slice();
		other[SEED + BEFORE_SEED - 1] = generator;
		assert.throws(() => checkSeededCiphertext(other, layout, SCALE, 'it'), /generator/);
	}
});

test('an input or key whose stored residues are all zero is refused', () => {
	const empty = seeded.slice();
	empty.fill(0, HEADER, SEED);
	assert.is(
		refusalOf(() => checkSeededCiphertext(empty, layout, SCALE, 'it')),
		'message',
	);
	const key = relinearizationKey.slice();
	key.fill(0, 64 + RECORD + HEADER, 64 + RECORD + HEADER + 3 * POLYNOMIAL);
	assert.is(
		refusalOf(() => checkRelinearizationKey(key, context.keyLevel, 'it')),
		'message',
	);
});

test('a transparent ciphertext is refused', () => {
	const transparent = ciphertext.slice();
	transparent.fill(0, HEADER + 8 * 2 * 4096);
	assert.is(
		refusalOf(() => checkCiphertext(transparent, layout, SCALE, 'it')),
		'message',
	);
});

test('a ciphertext of another level or scale, and a key of another rotation, are refused', () => {
	const refused = (f: () => void): void => assert.is(refusalOf(f), 'message');
	refused(() => checkCiphertext(ciphertext, layout, SCALE * (1 + 2 ** -50), 'it'));
	refused(() => checkCiphertext(ciphertext, context.level(0).layout, SCALE, 'it'));
	refused(() => checkSeededCiphertext(seeded, layout, SCALE * (1 + 2 ** -50), 'it'));
	refused(() => checkSeededCiphertext(seeded, context.level(0).layout, SCALE, 'it'));
	refused(() => checkSeededCiphertext(low, layout, SCALE, 'it'));
	// The other form of the same ciphertext, each way.
	refused(() => checkSeededCiphertext(ciphertext, layout, SCALE, 'it'));
	refused(() => checkCiphertext(seeded, layout, SCALE, 'it'));
	refused(() => checkRotationKey(rotationKey, context.keyLevel, STEPS + 1, 'it'));
	refused(() => checkRelinearizationKey(rotationKey, context.keyLevel, 'it'));
	assert.is(rotationKey.length, keyLength(context.keyLevel, 4096));
});

test('refused bytes never reach SEAL, neither ciphertexts nor keys', async () => {
	tripwire.armed = true;
	try {
		for (const place of structureOf(0, 2)) {
			const load: Check = (bytes) => loadSeeded(context, bytes, 1, SCALE, 'it');
			refusedFlip(seeded, load, place, 2);
		}
		for (const length of [0, HEADER, SEED, SEED + BEFORE_SEED, seeded.length - 1])
			assert.is(
				refusalOf(() => loadSeeded(context, seeded.subarray(0, length), 1, SCALE, 'it')),
				'message',
			);
		for (const place of [0, 5, 16, 48, 56, ...structureOf(64 + RECORD, 3)]) {
			const bad = relinearizationKey.slice();
			bad[place] = (bad[place] as number) ^ 2;
			const error = await refusalOfAsync(EvaluationKeys.load(context, needs, [bad, rotationKey], {}));
			assert.is(error.code, 'message');
			if (place === 5) assert.match(error.message, /compression/);
		}
	} finally {
		tripwire.armed = false;
	}
});

test.run();
