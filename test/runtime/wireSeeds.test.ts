import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import { unpackKey } from '../../runtime/keyCodec.ts';
import { loadSeeded, saveCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { CIPHERTEXT_HEADER, KEYS_HEADER, SEED_BYTES } from '../../runtime/sizes.ts';
import { SMALL } from './support.ts';
import { readCiphertext } from './wireReader.ts';
import { blake2b, draw } from './wireSeeds.ts';

/**
 * A seed and what is drawn from it: the SHA-256 of the residues as u64, row by row, and the first of each row.
 * UPDATE_GOLDEN=1 writes them anew from wireSeeds.ts, which is held against SEAL here.
 */
type SeedVector = {
	readonly ringDegree: number;
	readonly primes: readonly number[];
	readonly seed: string;
	readonly rejected: number;
	readonly first: readonly (readonly number[])[];
	readonly sha256: string;
};

const path = join(import.meta.dirname, 'vectors', 'seeds.json');
const FIRST = 16;
const seedOf = (salt: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => (salt * 31 + i * 7) % 256);

const vectorOf = (ringDegree: number, primes: readonly number[], seed: Uint8Array): SeedVector => {
	const { residues, rejected } = draw(seed, ringDegree, primes);
	const words = BigUint64Array.from(residues.flat(), (residue) => BigInt(residue));
	return {
		ringDegree,
		primes,
		seed: Buffer.from(seed).toString('hex'),
		rejected,
		first: residues.map((row) => row.slice(0, FIRST)),
		sha256: createHash('sha256').update(words).digest('hex'),
	};
};

/** The first fits into a block; the second takes eight and one number more, since one of its numbers is rejected. */
const makeVectors = (): readonly SeedVector[] => [
	vectorOf(16, [1099511627297, 65089, 4294966657, 193, 281474976709249, 16777153, 9007199254740481], seedOf(1)),
	vectorOf(4096, [211104863232001], seedOf(5)),
];

if (process.env.UPDATE_GOLDEN === '1') {
	const text = JSON.stringify(makeVectors(), null, '\t').replace(/\[[\d,\s]+\]/g, (list) =>
		list.replace(/\s+/g, '').replaceAll(',', ', '),
	);
	writeFileSync(path, `${text}\n`);
}

const vectors: readonly SeedVector[] = JSON.parse(readFileSync(path, 'utf8'));
const bytesOf = ({ seed }: SeedVector): Uint8Array => new Uint8Array(Buffer.from(seed, 'hex'));

test('without a tree, BLAKE2b is that of Node', () => {
	const plain = new Uint8Array(64);
	plain.set([64, 0, 1, 1]);
	for (const length of [0, 1, 128, 129, 300]) {
		const data = Uint8Array.from({ length }, (_, i) => i % 251);
		const expected = createHash('blake2b512').update(data).digest('hex');
		assert.is(Buffer.from(blake2b(plain, data)).toString('hex'), expected);
	}
});

test('the vectors are what is drawn from their seeds', () => {
	for (const vector of vectors) assert.equal(vectorOf(vector.ringDegree, vector.primes, bytesOf(vector)), vector);
	assert.equal(
		vectors.map(({ rejected }) => rejected),
		[0, 1],
	);
});

test('SEAL draws the same second polynomial, also where a number is rejected and where there are several primes', async () => {
	const module = await loadSeal();
	const [, rejecting] = vectors as [SeedVector, SeedVector];
	const cases = [
		{ primes: rejecting.primes, specialPrime: 281474976694273, seed: bytesOf(rejecting) },
		{ primes: SMALL.primes, specialPrime: SMALL.specialPrime, seed: seedOf(2) },
	];
	for (const { primes, specialPrime, seed } of cases) {
		const parameters = { ringDegree: SMALL.ringDegree, primes, specialPrime, security: 128 } as const;
		const context = new SealContext(module, parameters, { steps: [] });
		const owner = new SealKeyOwner(context);
		const level = primes.length - 1;
		const sent = owner.encrypt(new Float64Array(parameters.ringDegree / 2).fill(0.5), level, 2 ** 24);
		sent.set(seed, sent.length - seed.length);
		const loaded = loadSeeded(context, sent, level, 2 ** 24, 'it');
		const [, second] = readCiphertext(saveCiphertext(context, loaded, level, 2 ** 24), parameters, level);
		assert.equal(second, draw(seed, parameters.ringDegree, primes).residues);
		release(loaded.object);
		owner.dispose();
		context.dispose();
	}
});

test('the seed of a key is drawn from modulo all primes, though the key serves the lowest level only', async () => {
	const module = await loadSeal();
	const context = new SealContext(module, SMALL, { relinearization: 1, steps: [] });
	const owner = new SealKeyOwner(context);
	const slot = { kind: 'relinearization', level: 0 } as const;
	const sent = owner.evaluationKey(slot);
	const keys = new module.seal.RelinKeys();
	keys.loadFromArray(context.context, unpackKey(sent, SMALL, context.keyLevel, slot, 'it'));
	const record = keys.saveToArray(module.seal.ComprModeType.none);
	const { ringDegree, primes, specialPrime } = SMALL;
	const all = [...primes, specialPrime];
	// One row, with the number of its ciphertexts before it; the second polynomial of the first of them.
	const start = KEYS_HEADER + 8 + CIPHERTEXT_HEADER + 8 * ringDegree * all.length;
	const words = new BigUint64Array(record.slice(start, start + 8 * ringDegree * all.length).buffer);
	assert.equal(Array.from(words, Number), draw(sent.slice(-SEED_BYTES), ringDegree, all).residues.flat());
	release(keys);
	owner.dispose();
	context.dispose();
});

test.run();
