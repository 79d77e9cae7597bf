import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packResidues } from '../../runtime/residues.ts';
import { loadSeeded, type SealCiphertext } from '../../runtime/seal/ciphertext.ts';
import type { SealPlaintext } from '../../runtime/seal/context.ts';
import { CIPHERTEXT_HEADER, PLAINTEXT_HEADER, residueBytes } from '../../runtime/sizes.ts';
import { makeParameters, sampleOf } from '../runtime/support.ts';
import { openSeal } from '../support/seal.ts';
import { makeKernel } from './support.ts';

/**
 * Where SEAL is exact, the kernel gives SEAL's bytes: operands go into the kernel as they are sent, and results come out so, at
 * every level, on ciphertexts and plaintexts of node-seal.
 */
const PARAMETERS = makeParameters(8192, [44, 36, 40, 36], 48);
const { ringDegree } = PARAMETERS;
/** A product of two fits into one prime. */
const SCALE = 2 ** 20;

const { module, context, owner, backend: seal } = await openSeal(PARAMETERS);
const none = module.seal.ComprModeType.none;

/** SEAL's words as they are sent, a row for each of these primes in turn. */
const sentOf = (words: Uint8Array, primes: readonly number[]): readonly Uint8Array[] =>
	Array.from({ length: words.length / (8 * ringDegree) }, (_, row) => {
		const prime = primes[row % primes.length] as number;
		const packed = new Uint8Array(residueBytes(prime) * ringDegree);
		packResidues(words.subarray(8 * ringDegree * row, 8 * ringDegree * (row + 1)), prime, packed);
		return packed;
	});

const primesAt = (level: number): readonly number[] => PARAMETERS.primes.slice(0, level + 1);
const sentCiphertext = ({ object, shape }: SealCiphertext): readonly Uint8Array[] =>
	sentOf(
		object
			.saveToArray(none)
			.subarray(CIPHERTEXT_HEADER)
			.slice(0, 8 * ringDegree * shape.size * (shape.level + 1)),
		primesAt(shape.level),
	);
const sentPlaintext = ({ object, shape }: SealPlaintext): readonly Uint8Array[] =>
	sentOf(object.saveToArray(none).slice(PLAINTEXT_HEADER), primesAt(shape.level));

/** A kernel for one level, rows of which go in and out as they are sent; `moduli` ends with the special prime. */
const roomOf = (level: number, moduli: readonly number[] = [...PARAMETERS.primes, PARAMETERS.specialPrime]) => {
	const kernel = makeKernel(Math.log2(ringDegree), moduli, { megabytes: 32 });
	const { exports, allocate } = kernel;
	const packed = allocate(8 * ringDegree);
	const row = (at: number, i: number): number => at + 8 * ringDegree * i;
	return {
		exports,
		to: allocate(24 * ringDegree * moduli.length),
		addresses: kernel.putAddresses,
		put: (rows: readonly Uint8Array[]): number => {
			const at = allocate(8 * ringDegree * rows.length);
			rows.forEach((bytes, i) => {
				kernel.bytes(packed, bytes.length).set(bytes);
				assert.is(exports.unpackRow(row(at, i), packed, bytes.length / ringDegree, i % (level + 1)), 1);
			});
			return at;
		},
		/** Do the rows there hold what SEAL has? */
		holds: (at: number, expected: SealCiphertext, what: string): void => {
			const primes = expected.shape.level + 1;
			sentCiphertext(expected).forEach((bytes, i) => {
				exports.packRow(packed, bytes.length / ringDegree, row(at, i), i % primes);
				const same = Buffer.compare(kernel.bytes(packed, bytes.length), bytes) === 0;
				assert.ok(same, `${what}, level ${level}: row ${i} differs from SEAL's`);
			});
		},
	};
};

const encrypt = (level: number, seed: number): SealCiphertext =>
	loadSeeded(context, owner.encrypt(sampleOf(ringDegree / 2, seed), level, SCALE), level, SCALE, 'it');

/** Each operation at each level: two million residues. */
for (let level = 0; level < PARAMETERS.primes.length; level++) {
	const primes = level + 1;
	const [a, b] = [encrypt(level, 1), encrypt(level, 2)];
	const third = encrypt(level, 3);
	const plains = [4, 5, 6].map((seed) => context.encode(sampleOf(ringDegree / 2, seed), level, SCALE));
	const [plain] = plains as [SealPlaintext];

	test(`sums are SEAL's byte by byte at level ${level}`, () => {
		const { exports, to, put, holds } = roomOf(level);
		const [x, y] = [put(sentCiphertext(a)), put(sentCiphertext(b))];
		exports.add(to, x, y, 2, primes, 0);
		holds(to, seal.add(a, b), 'add');
		exports.subtract(to, x, y, 2, primes, 0);
		holds(to, seal.subtract(a, b), 'subtract');
		exports.negate(to, x, 2, primes, 0);
		holds(to, seal.negate(a), 'negate');
		exports.addPlain(to, x, put(sentPlaintext(plain)), 2, primes, 0);
		holds(to, seal.addPlain(a, plain), 'addPlain');
	});

	test(`products with plaintexts, and sums of them, are SEAL's byte by byte at level ${level}`, () => {
		const { exports, to, put, holds, addresses } = roomOf(level);
		const terms = [a, b, third];
		const products = terms.map((term, k) => seal.multiplyPlain(term, plains[k] as SealPlaintext));
		const [x, y] = [terms.map(sentCiphertext), plains.map(sentPlaintext)].map((all) => addresses(all.map(put)));
		exports.sumProducts(to, x as number, y as number, 1, 2, primes, 0);
		holds(to, products[0] as SealCiphertext, 'one product');
		exports.sumProducts(to, x as number, y as number, 3, 2, primes, 0);
		holds(
			to,
			products.reduce((sum, product) => seal.add(sum, product)),
			'three products',
		);
	});

	test(`products of ciphertexts are SEAL's byte by byte at level ${level}`, () => {
		const { exports, to, put, holds } = roomOf(level);
		const [x, y] = [put(sentCiphertext(a)), put(sentCiphertext(b))];
		exports.multiply(to, x, y, primes);
		holds(to, seal.multiply(a, b), 'multiply');
		exports.square(to, x, primes);
		holds(to, seal.multiply(a, a), 'square');
	});

	if (level === 0) continue;

	test(`rescaled and at lower levels, ciphertexts of 2 and 3 polynomials are SEAL's byte by byte at level ${level}`, () => {
		const { exports, to, put, holds } = roomOf(level);
		for (const product of [seal.multiply(a, b), seal.relinearize(seal.multiply(a, b))]) {
			const { size } = product.shape;
			const x = put(sentCiphertext(product));
			exports.rescale(to, x, size, primes, 0);
			holds(to, seal.rescale(product), `rescale of ${size}`);
			exports.modSwitch(to, x, size, primes, primes - 1, 0);
			holds(to, seal.modSwitch(product, level - 1), `modSwitch of ${size}`);
		}
	});
}

test("division by the special prime is what SEAL's rescaling by it would be", () => {
	// The same residues at a level of which the last prime is the divisor: P stands where the prime was.
	const level = PARAMETERS.primes.length - 1;
	const a = encrypt(level, 1);
	const { exports, to, put, holds } = roomOf(level, PARAMETERS.primes);
	exports.modDown(to, put(sentCiphertext(a)), level);
	holds(to, seal.rescale(a), 'modDown');
});

test.run();
