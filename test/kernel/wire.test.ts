import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { residueBytes } from '../../runtime/sizes.ts';
import { makeKernel, primesOf, randomWords } from './support.ts';

const LOG_N = 12;
const N = 1 << LOG_N;
/** Just below a power of two: of 3, 3, 4, 4, 5, 5, 6 and 6 bytes. */
const MODULI = [20, 24, 25, 32, 33, 40, 41, 48].flatMap((bits) => primesOf(bits, N));
const WIDTHS = [1, 2, 3, 4, 5, 6];

const kernel = makeKernel(LOG_N, MODULI, { megabytes: 4, scratch: 1 });
const row = kernel.allocate(8 * N);
const area = kernel.allocate(6 * N + 64);
const memoryEnd = kernel.memory.buffer.byteLength;

const toBytes = (residues: readonly number[], width: number): Uint8Array => {
	const bytes = new Uint8Array(width * residues.length);
	residues.forEach((residue, i) => {
		for (let b = 0; b < width; b++) bytes[width * i + b] = Math.floor(residue / 256 ** b) % 256;
	});
	return bytes;
};

const unpack = (residues: readonly number[], width: number, modulus: number, at = area): number => {
	kernel.bytes(at, width * N).set(toBytes(residues, width));
	return kernel.exports.unpackRow(row, at, width, modulus);
};

/** Residues below the least of `limits`; every eighth is one of the worst cases. */
const randomResidues = (seed: number, q: number, limit = q): number[] => {
	const word = randomWords(seed);
	const worst = [0, 1, (q - 1) / 2, (q + 1) / 2, q - 1].filter((x) => x < limit);
	return Array.from({ length: N }, () => (word() % 8 === 0 ? (worst[word() % worst.length] ?? 0) : word() % limit));
};

const assertEqual = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void => {
	for (let i = 0; i < expected.length; i++)
		if (!Object.is(actual[i], expected[i])) assert.is(actual[i], expected[i], `${what}, at ${i}`);
};

/** 31 * 8 * 4096 residues there and as many back: a million each way. */
test('residues become balanced numbers, and balanced numbers the same residues again', () => {
	for (let seed = 0; seed < 31; seed++)
		for (const [modulus, q] of MODULI.entries()) {
			const width = residueBytes(q);
			const at = area + (seed % 8);
			const residues = randomResidues(seed, q);
			const what = `modulus ${q}, draw ${seed}`;
			assert.is(unpack(residues, width, modulus, at), 1, what);
			const numbers = kernel.get(row);
			assertEqual(
				numbers,
				residues.map((x) => (2 * x > q ? x - q : x)),
				what,
			);
			kernel.bytes(at, width * N).fill(0xa5);
			kernel.exports.packRow(at, width, row, modulus);
			assertEqual(kernel.bytes(at, width * N), toBytes(residues, width), what);
		}
});

test('residues may have any width from 1 to 6 bytes that they fit', () => {
	for (const width of WIDTHS)
		for (const [modulus, q] of MODULI.entries()) {
			const residues = randomResidues(width, q, Math.min(q, 256 ** width));
			const what = `modulus ${q} in ${width} bytes`;
			unpack(residues, width, modulus);
			assertEqual(
				kernel.get(row),
				residues.map((x) => (2 * x > q ? x - q : x)),
				what,
			);
			kernel.exports.packRow(area, width, row, modulus);
			assertEqual(kernel.bytes(area, width * N), toBytes(residues, width), what);
		}
});

test('nothing is read or written outside the residues', () => {
	for (const width of WIDTHS) {
		const residues = randomResidues(width, 251);
		const end = memoryEnd - width * N;
		assert.is(unpack(residues, width, 0, end), 1, `${width} bytes at the end of the memory`);
		kernel.exports.packRow(end, width, row, 0);
		const guarded = kernel.bytes(area, width * N + 32).fill(0xa5);
		kernel.exports.packRow(area + 16, width, row, 0);
		for (let i = 0; i < 16; i++) {
			assert.is(guarded[i], 0xa5, `${width} bytes: ${16 - i} before`);
			assert.is(guarded[16 + width * N + i], 0xa5, `${width} bytes: ${i} behind`);
		}
		assertEqual(guarded.subarray(16), toBytes(residues, width), `${width} bytes`);
	}
});

const anyPlace = fc.tuple(
	fc.integer({ min: 0, max: N - 1 }),
	fc.nat(MODULI.length - 1),
	fc.double({ min: 0, max: 1, noNaN: true }),
);

test('one residue that is not below its modulus is found, wherever it stands', () => {
	const property = fc.property(anyPlace, ([place, modulus, part]) => {
		const q = MODULI[modulus] as number;
		const width = residueBytes(q);
		const residues = randomResidues(place, q);
		residues[place] = q + Math.floor(part * (256 ** width - 1 - q));
		assert.is(unpack(residues, width, modulus), -1);
		residues[place] = q - 1;
		assert.is(unpack(residues, width, modulus), 1);
	});
	fc.assert(property, { examples: [[[0, 0, 0]], [[1, 7, 1]], [[N - 1, 6, 0]], [[N - 2, 2, 1]]] });
});

test('one residue that is not zero is found, wherever it stands', () => {
	const property = fc.property(anyPlace, ([place, modulus, part]) => {
		const q = MODULI[modulus] as number;
		const residues = new Array<number>(N).fill(0);
		assert.is(unpack(residues, residueBytes(q), modulus), 0);
		residues[place] = 1 + Math.floor(part * (q - 2));
		assert.is(unpack(residues, residueBytes(q), modulus), 1);
	});
	fc.assert(property, { examples: [[[0, 0, 0]], [[1, 7, 1]], [[N - 1, 6, 0]], [[N - 2, 2, 1]]] });
});

test.run();
