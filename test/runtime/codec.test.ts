import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import { checkPlaintext, unpackCiphertext, unpackSeeded } from '../../runtime/codec.ts';
import type { RefusalCode } from '../../runtime/errors.ts';
import { loadCiphertext, loadSeeded, saveCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { loadSeal, SealModule } from '../../runtime/seal/module.ts';
import { inputLength, outputLength, residueBytes } from '../../runtime/sizes.ts';
import { maxDifference, refusalOf, SCALE, SMALL, sampleOf } from './support.ts';

/** Fails as soon as SEAL is asked for anything while it is armed. */
class Tripwire extends SealModule {
	armed = false;
	override call<T>(what: string, f: () => T, code?: RefusalCode): T {
		if (this.armed) throw new Error('bytes reached SEAL');
		return super.call(what, f, code);
	}
}

const tripwire = new Tripwire((await loadSeal()).seal, undefined);
const context = new SealContext(tripwire, SMALL, { steps: [] });
const owner = new SealKeyOwner(context);
const x = sampleOf(2048);
const seeded = owner.encrypt(x, 1, SCALE);
const low = owner.encrypt(x, 0, SCALE);
const loaded = loadSeeded(context, seeded, 1, SCALE, 'it');
const ciphertext = saveCiphertext(context, loaded, 1, SCALE);
const secret = owner.exportSecretKey();
const { layout } = context.level(1);
const [q0, q1] = SMALL.primes as [number, number];

/** Residues of the prime of 34 bits take 5 bytes, those of the prime of 24 bits take 3. */
const N = 4096;
const POLYNOMIAL = (5 + 3) * N;

type Check = (bytes: Uint8Array) => void;
const checks: readonly (readonly [name: string, bytes: Uint8Array, check: Check])[] = [
	['an output', ciphertext, (b) => unpackCiphertext(b, layout, SCALE, 'it')],
	['an input', seeded, (b) => unpackSeeded(b, layout, SCALE, 'it')],
	['an input below the top level', low, (b) => unpackSeeded(b, context.level(0).layout, SCALE, 'it')],
	['a secret key', secret, (b) => checkPlaintext(b, context.keyLevel, 1, 'it')],
];

const range = (start: number, length: number): number[] => Array.from({ length }, (_, i) => start + i);

for (const [name, bytes, check] of checks) {
	test(`${name} made by SEAL is accepted`, () => {
		check(bytes);
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

test('a residue takes the fewest bytes that hold its prime', () => {
	for (const [prime, bytes] of [
		[251, 1],
		[257, 2],
		[65537, 3],
		[2 ** 24 - 3, 3],
		[2 ** 24 + 43, 4],
		[2 ** 48 - 59, 6],
		[2 ** 48 + 21, 7],
	] as const)
		assert.is(residueBytes(prime), bytes, String(prime));
});

test('ciphertexts are as long as predicted: no byte but residues and a seed', () => {
	assert.is(seeded.length, inputLength(SMALL, 1));
	assert.is(seeded.length, POLYNOMIAL + 64);
	assert.is(low.length, 5 * N + 64);
	assert.is(low.length, inputLength(SMALL, 0));
	assert.is(ciphertext.length, 2 * POLYNOMIAL);
	assert.is(ciphertext.length, outputLength(SMALL, 1));
});

test('what is received decrypts to what was sent, at the scale of the program', () => {
	for (const scale of [SCALE, 1.5 * SCALE]) {
		const input = loadSeeded(context, owner.encrypt(x, 1, scale), 1, scale, 'it');
		const output = loadCiphertext(context, saveCiphertext(context, input, 1, scale), 1, scale, 'it');
		assert.is(output.object.scale(), scale);
		assert.equal(owner.decrypt(output), owner.decrypt(input));
		assert.ok(maxDifference(owner.decrypt(output), x) < 1e-3);
		release(input.object);
		release(output.object);
	}
});

test('a residue that is not below its prime is refused, and the largest below it is accepted', () => {
	// The first and the last residue of each prime, of both polynomials where both are there.
	const places = [
		{ at: 0, prime: q0, width: 5 },
		{ at: 5 * N - 5, prime: q0, width: 5 },
		{ at: 5 * N, prime: q1, width: 3 },
		{ at: POLYNOMIAL - 3, prime: q1, width: 3 },
	];
	const cases = [
		...places.map((place) => ({ ...place, whole: seeded, check: checks[1]?.[2] as Check })),
		...places.map((place) => ({ ...place, whole: ciphertext, check: checks[0]?.[2] as Check })),
		...places.map((place) => ({
			...place,
			at: POLYNOMIAL + place.at,
			whole: ciphertext,
			check: checks[0]?.[2] as Check,
		})),
	];
	for (const { at, prime, width, whole, check } of cases) {
		const copy = whole.slice();
		const put = (value: number): void => {
			for (let b = 0; b < width; b++) copy[at + b] = Math.floor(value / 256 ** b) % 256;
		};
		put(prime - 1);
		check(copy);
		for (const bad of [prime, 256 ** width - 1]) {
			put(bad);
			assert.is(
				refusalOf(() => check(copy)),
				'message',
			);
		}
	}
});

test('a stored secret key with any byte of its header changed, or a residue too large, is refused', () => {
	const refused = (place: number, value: number): void => {
		const copy = secret.slice();
		copy[place] = value;
		assert.is(
			refusalOf(() => checkPlaintext(copy, context.keyLevel, 1, 'it')),
			'message',
			`byte ${place}`,
		);
	};
	for (const place of range(0, 88)) refused(place, (secret[place] as number) ^ (1 << (place % 8)));
	for (const word of [0, N - 1, N, 3 * N - 1]) refused(88 + 8 * word + 7, 1);
});

test('any seed is accepted and drawn from', () => {
	const property = fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (seed) => {
		const other = seeded.slice();
		other.set(seed, POLYNOMIAL);
		const { object } = loadSeeded(context, other, 1, SCALE, 'it');
		assert.not.ok(object.isTransparent());
		release(object);
	});
	fc.assert(property, { numRuns: 20 });
});

test('an input whose residues are all zero, and a transparent output, are refused', () => {
	const empty = seeded.slice();
	empty.fill(0, 0, POLYNOMIAL);
	const transparent = ciphertext.slice();
	transparent.fill(0, POLYNOMIAL);
	assert.is(
		refusalOf(() => unpackSeeded(empty, layout, SCALE, 'it')),
		'message',
	);
	assert.is(
		refusalOf(() => unpackCiphertext(transparent, layout, SCALE, 'it')),
		'message',
	);
});

test('a ciphertext of another level, or in the other form, is refused', () => {
	const refused = (f: () => void): void => assert.is(refusalOf(f), 'message');
	refused(() => unpackCiphertext(ciphertext, context.level(0).layout, SCALE, 'it'));
	refused(() => unpackSeeded(seeded, context.level(0).layout, SCALE, 'it'));
	refused(() => unpackSeeded(low, layout, SCALE, 'it'));
	refused(() => unpackSeeded(ciphertext, layout, SCALE, 'it'));
	refused(() => unpackCiphertext(seeded, layout, SCALE, 'it'));
});

test('refused bytes never reach SEAL', () => {
	const large = seeded.slice();
	large.fill(255, 0, 5);
	tripwire.armed = true;
	try {
		for (const bad of [large, ...[0, 64, POLYNOMIAL, seeded.length - 1].map((length) => seeded.subarray(0, length))])
			assert.is(
				refusalOf(() => loadSeeded(context, bad, 1, SCALE, 'it')),
				'message',
			);
	} finally {
		tripwire.armed = false;
	}
});

test.run();
