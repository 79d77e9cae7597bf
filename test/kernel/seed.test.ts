import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unpackKey } from '../../runtime/keyCodec.ts';
import type { CkksParameters } from '../../runtime/plan.ts';
import { seededHeader, seedHeader } from '../../runtime/records.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { using } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import {
	CIPHERTEXT_HEADER,
	ciphertextRecordLength,
	KEY_HEADER,
	KEYS_HEADER,
	keyLength,
	residuesOf,
	SEED_BYTES,
	seededRecordLength,
} from '../../runtime/sizes.ts';
import { makeParameters } from '../runtime/support.ts';
import { makeKernel } from './support.ts';

const module = await loadSeal();

/** The same parameters in SEAL and in the kernel, and a place for a seed and for what is drawn from it. */
const makePair = (parameters: CkksParameters) => {
	const moduli = [...parameters.primes, parameters.specialPrime];
	const kernel = makeKernel(Math.log2(parameters.ringDegree), moduli, { megabytes: 32 });
	const seed = kernel.allocate(SEED_BYTES);
	const rows = kernel.allocate(8 * parameters.ringDegree * moduli.length);
	return { seal: new SealContext(module, parameters, { steps: [] }), kernel, seed, rows };
};
type Pair = ReturnType<typeof makePair>;

const small = makePair(makeParameters(4096, [34, 24], 44));
const middle = makePair(makeParameters(8192, [48, 36, 36, 36], 48));
/** Primes just above 2^64 / 70,000, ...: SEAL rejects about one word in so many, one in each polynomial. */
const rejecting = makePair({
	ringDegree: 16384,
	primes: [263524915347457, 230584301486081, 204963823747073],
	specialPrime: 245956588044289,
	security: 128,
});

/** The rows that the kernel draws, as SEAL stores residues: in [0, q), little-endian words of 8 bytes. */
const drawn = ({ kernel, seed, rows }: Pair, bytes: Uint8Array, primes: number, special: 0 | 1): Uint8Array => {
	const { exports, ringDegree, moduli } = kernel;
	kernel.bytes(seed, SEED_BYTES).set(bytes);
	exports.expandSeed(rows, seed, primes, special);
	const words = new BigUint64Array(ringDegree * (primes + special));
	kernel.get(rows, words.length).forEach((x, i) => {
		const row = Math.floor(i / ringDegree);
		words[i] = BigInt(x < 0 ? x + (moduli.at(row < primes ? row : -1) as number) : x);
	});
	return new Uint8Array(words.buffer);
};

/** What SEAL draws for a ciphertext at this level: it loads a seeded one and saves it whole. */
const sealCiphertext = ({ seal }: Pair, bytes: Uint8Array, level: number): Uint8Array => {
	const { layout } = seal.level(level);
	const record = new Uint8Array(seededRecordLength(layout));
	record.set(seededHeader(layout, 1));
	record.fill(1, CIPHERTEXT_HEADER, CIPHERTEXT_HEADER + 1);
	record.set(seedHeader(), CIPHERTEXT_HEADER + 8 * residuesOf(layout));
	record.set(bytes, record.length - SEED_BYTES);
	const whole = using(new module.seal.Ciphertext(), (ciphertext) => {
		ciphertext.loadFromArray(seal.context, record);
		return ciphertext.saveToArray(module.seal.ComprModeType.none);
	});
	return whole.slice(CIPHERTEXT_HEADER + 8 * residuesOf(layout));
};

/** What SEAL draws for each digit of a key up to this level: the rows of primes 0..level and of the special prime. */
const sealKey = ({ seal }: Pair, bytes: Uint8Array, level: number): readonly Uint8Array[] => {
	const { parameters, keyLevel } = seal;
	const packed = new Uint8Array(keyLength(parameters, level)).fill(1, KEY_HEADER);
	new DataView(packed.buffer).setUint32(4, level, true);
	const digitLength = (packed.length - KEY_HEADER) / (level + 1);
	for (let digit = 0; digit <= level; digit++) packed.set(bytes, KEY_HEADER + (digit + 1) * digitLength - SEED_BYTES);
	const record = unpackKey(packed, parameters, keyLevel, { kind: 'relinearization', level }, 'the key');
	const whole = using(new module.seal.RelinKeys(), (keys) => {
		keys.loadFromArray(seal.context, record);
		return keys.saveToArray(module.seal.ComprModeType.none);
	});
	const row = 8 * parameters.ringDegree;
	const last = keyLevel.primes.length - 1;
	return Array.from({ length: level + 1 }, (_, digit) => {
		const start = KEYS_HEADER + 8 + digit * ciphertextRecordLength(keyLevel);
		const second = whole.subarray(start + CIPHERTEXT_HEADER + 8 * residuesOf(keyLevel));
		return Uint8Array.from([
			...second.subarray(0, (level + 1) * row),
			...second.subarray(last * row, (last + 1) * row),
		]);
	});
};

const assertSame = (actual: Uint8Array, expected: Uint8Array, what: string): void => {
	assert.is(actual.length, expected.length, what);
	assert.is(Buffer.compare(actual, expected), 0, what);
};

const anySeed = fc.uint8Array({ minLength: SEED_BYTES, maxLength: SEED_BYTES });

for (const [pair, runs] of [
	[small, 60],
	[middle, 30],
	[rejecting, 20],
] as const) {
	const { ringDegree, primes } = pair.seal.parameters;
	const anyLevel = fc.integer({ min: 0, max: primes.length - 1 });

	test(`a ciphertext's second polynomial is what SEAL draws from its seed, N = ${ringDegree}`, () => {
		const property = fc.property(anySeed, anyLevel, (seed, level) =>
			assertSame(drawn(pair, seed, level + 1, 0), sealCiphertext(pair, seed, level), `level ${level}`),
		);
		fc.assert(property, { numRuns: runs });
	});

	test(`a key's rows are what SEAL draws from its seed for all primes, N = ${ringDegree}`, () => {
		const property = fc.property(anySeed, anyLevel, (seed, level) => {
			const mine = drawn(pair, seed, level + 1, 1);
			for (const expected of sealKey(pair, seed, level)) assertSame(mine, expected, `level ${level}`);
		});
		fc.assert(property, { numRuns: Math.ceil(runs / 10) });
	});
}

test('threads that draw at the same time work in parts of the scratch that do not overlap', () => {
	const { exports, scratch, bytes, allocate } = middle.kernel;
	const [threads, primes, size] = [3, 4, 2 ** 20];
	const area = bytes(scratch, size);
	const seed = Uint8Array.from({ length: SEED_BYTES }, (_, i) => 37 * i);
	const barrier = allocate(16);
	const alone = drawn(middle, seed, primes, 1);
	const owners = new Map<number, number>();
	for (let thread = 0; thread < threads; thread++) {
		area.fill(0xa5);
		exports.setThreads(thread, threads, barrier);
		assertSame(drawn(middle, seed, primes, 1), alone, `thread ${thread}`);
		area.forEach((byte, i) => {
			if (byte === 0xa5) return;
			assert.ok(i < exports.scratchBytes(13, primes, threads), `thread ${thread} leaves the scratch`);
			assert.not.ok(owners.has(i), `threads ${owners.get(i)} and ${thread} use byte ${i}`);
			owners.set(i, thread);
		});
	}
	exports.setThreads(0, 1, barrier);
	assert.is(new Set(owners.values()).size, threads);
});

test.run();
