import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import {
	checkCiphertext,
	checkPlaintext,
	checkRelinearizationKey,
	checkRotationKey,
	galoisElement,
	keyLength,
} from '../../runtime/codec.ts';
import type { RefusalCode } from '../../runtime/errors.ts';
import { loadCiphertext, saveCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { EvaluationKeys } from '../../runtime/seal/keys.ts';
import { loadSeal, SealModule } from '../../runtime/seal/module.ts';
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
const fresh = owner.encrypt(sampleOf(2048), 1, SCALE);
const ciphertext = saveCiphertext(context, fresh, 1, SCALE);
release(fresh.object);
const relinearizationKey = owner.evaluationKey({ kind: 'relinearization' });
const rotationKey = owner.evaluationKey({ kind: 'rotation', steps: STEPS });
const secret = owner.exportSecretKey();
const { layout } = context.level(1);

const HEADER = 113;
const RECORD = HEADER + 16 * 4096 * 3;
type Check = (bytes: Uint8Array) => void;
const checks: readonly (readonly [name: string, bytes: Uint8Array, check: Check, structure: readonly number[]])[] = [
	['a ciphertext', ciphertext, (b) => checkCiphertext(b, layout, SCALE, 'it'), range(0, HEADER)],
	['a secret key', secret, (b) => checkPlaintext(b, context.keyLevel, 1, 'it'), range(0, 88)],
	[
		'a relinearization key',
		relinearizationKey,
		(b) => checkRelinearizationKey(b, context.keyLevel, 'it'),
		[...range(0, 64 + HEADER), ...range(64 + RECORD, HEADER)],
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

for (const [name, bytes, check, structure] of checks) {
	test(`${name} made by SEAL is accepted`, () => {
		check(bytes);
	});

	test(`${name} with any byte of its structure changed is refused`, () => {
		const property = fc.property(fc.constantFrom(...structure), fc.integer({ min: 1, max: 255 }), (place, change) => {
			const original = bytes[place] as number;
			bytes[place] = original ^ change;
			try {
				assert.is(
					refusalOf(() => check(bytes)),
					'message',
				);
			} finally {
				bytes[place] = original;
			}
		});
		fc.assert(property, { numRuns: 400 });
	});

	test(`${name} that is cut off or too long is refused`, () => {
		const property = fc.property(fc.nat(bytes.length - 1), (length) => {
			assert.is(
				refusalOf(() => check(bytes.subarray(0, length))),
				'message',
			);
		});
		fc.assert(property, { numRuns: 100 });
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
	// Polynomial, prime and coefficient of the last residue of each prime.
	for (const [index, prime] of [
		[4095, q0],
		[8191, q1],
		[2 * 8192 - 1, q1],
	] as const) {
		const copy = ciphertext.slice();
		const view = new DataView(copy.buffer);
		view.setBigUint64(HEADER + 8 * index, BigInt(prime - 1), true);
		checkCiphertext(copy, layout, SCALE, 'it');
		for (const bad of [BigInt(prime), 2n ** 32n * BigInt(prime), 2n ** 64n - 1n]) {
			view.setBigUint64(HEADER + 8 * index, bad, true);
			assert.is(
				refusalOf(() => checkCiphertext(copy, layout, SCALE, 'it')),
				'message',
			);
		}
	}
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
	refused(() => checkRotationKey(rotationKey, context.keyLevel, STEPS + 1, 'it'));
	refused(() => checkRelinearizationKey(rotationKey, context.keyLevel, 'it'));
	assert.is(rotationKey.length, keyLength(context.keyLevel, 4096));
});

test('refused bytes never reach SEAL, neither ciphertexts nor keys', async () => {
	tripwire.armed = true;
	try {
		for (const place of [0, 5, 16, 48, 49, 57, 73, 105]) {
			const bad = ciphertext.slice();
			bad[place] = (bad[place] as number) ^ 2;
			assert.is(
				refusalOf(() => loadCiphertext(context, bad, 1, SCALE, 'it')),
				'message',
			);
		}
		const bad = relinearizationKey.slice();
		bad[5] = 2;
		const error = await refusalOfAsync(EvaluationKeys.load(context, needs, [bad, rotationKey], {}));
		assert.is(error.code, 'message');
		assert.match(error.message, /compression/);
	} finally {
		tripwire.armed = false;
	}
});

test.run();
