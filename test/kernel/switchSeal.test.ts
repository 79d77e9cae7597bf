import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packCiphertext } from '../../runtime/codec.ts';
import { galoisElement } from '../../runtime/records.ts';
import { loadCiphertext, loadSeeded, type SealCiphertext } from '../../runtime/seal/ciphertext.ts';
import { using } from '../../runtime/seal/handles.ts';
import { ciphertextRecordLength, KEYS_HEADER } from '../../runtime/sizes.ts';
import { makeParameters, maxDifference, rootMeanSquare, sampleOf } from '../runtime/support.ts';
import { openSeal } from '../support/seal.ts';
import { getRows, putRows, type Rows, rowsOfRecord, writeRecord } from './residues.ts';
import { makeKernel } from './support.ts';

/**
 * Rotations and relinearizations of node-seal's ciphertexts with its keys, by SEAL and by the kernel. The special prime is
 * smaller than others, so that the error of key switching is that of the digits, not that of the rounding after it, which is the
 * same for both.
 */
const PARAMETERS = makeParameters(8192, [44, 36, 40, 36], 36);
const { ringDegree } = PARAMETERS;
const SLOTS = ringDegree / 2;
const SCALE = 2 ** 36;
const STEPS = [1, 5, SLOTS - 3];

const { module, context, owner, keys, backend } = await openSeal(PARAMETERS, ...STEPS);
const none = module.seal.ComprModeType.none;
const moduli = [...PARAMETERS.primes, PARAMETERS.specialPrime];
const kernel = makeKernel(Math.log2(ringDegree), moduli, { megabytes: 256, scratch: 32 });
const { exports } = kernel;

const encrypt = (values: Float64Array, level: number): SealCiphertext =>
	loadSeeded(context, owner.encrypt(values, level, SCALE), level, SCALE, 'it');

const recordOf = ({ object }: SealCiphertext): Uint8Array => object.saveToArray(none);

const rowsOf = (ciphertext: SealCiphertext): Rows => {
	const { level, size } = ciphertext.shape;
	const primes = PARAMETERS.primes.slice(0, level + 1);
	const all = Array.from({ length: size }, () => primes).flat();
	return rowsOfRecord(recordOf(ciphertext), 0, ringDegree, all);
};

/** The kernel's rows at an address as SEAL's ciphertext of size 2, shaped like `model`. */
const toSeal = (address: number, model: SealCiphertext): SealCiphertext => {
	const { level, scale } = model.shape;
	const { layout } = context.level(level);
	const record = recordOf(model);
	writeRecord(record, getRows(kernel, address, 2 * (level + 1)), layout.primes);
	return loadCiphertext(context, packCiphertext(record, layout), level, scale, 'the result');
};

/** The kernel's form of a whole key of SEAL's, which begins at `row` of its record. */
const storeKey = (record: Uint8Array, row: number, table: number): number => {
	const keyPrimes = PARAMETERS.primes.length;
	const length = ciphertextRecordLength({ ringDegree, primes: moduli });
	const key = kernel.allocate(exports.keyBytes(Math.log2(ringDegree), keyPrimes));
	for (let digit = 0; digit < keyPrimes; digit++) {
		const start = KEYS_HEADER + 8 * (row + 1) + digit * length;
		const rows = rowsOfRecord(record, start, ringDegree, [...moduli, ...moduli]);
		const address = putRows(kernel, rows);
		for (const [i] of rows.entries()) {
			const [polynomial, modulus] = [Math.floor(i / moduli.length), i % moduli.length];
			exports.storeKeyRow(key, keyPrimes, digit, polynomial, modulus, address + 8 * ringDegree * i, table);
		}
	}
	return key;
};

const rotation = (steps: number): { readonly table: number; readonly key: number } => {
	const element = galoisElement(steps, ringDegree);
	const table = kernel.allocate(4 * ringDegree);
	exports.galoisTable(table, element);
	const record = keys.rotation(steps).saveToArray(none);
	return { table, key: storeKey(record, (element - 1) / 2, table) };
};

const x = sampleOf(SLOTS);
const rotatedBy = (values: Float64Array, steps: number): Float64Array =>
	values.map((_, t) => values[(t + steps) % SLOTS] as number);

/**
 * How far what the kernel gave, and what SEAL gave, is from `values` when decrypted: worst slot and mean of squares. The
 * values are what the operand decrypts to, so the noise of its encryption is no part of it.
 */
const compare = (ours: SealCiphertext, theirs: SealCiphertext, values: Float64Array, what: string): void => {
	const [a, b] = [owner.decrypt(ours), owner.decrypt(theirs)];
	const [worst, mean] = [maxDifference(a, values), rootMeanSquare(a, values)];
	const [worstOfSeal, meanOfSeal] = [maxDifference(b, values), rootMeanSquare(b, values)];
	assert.ok(mean <= meanOfSeal, `${what}: mean error ${mean}, SEAL's ${meanOfSeal}`);
	assert.ok(worst <= worstOfSeal, `${what}: largest error ${worst}, SEAL's ${worstOfSeal}`);
	using(ours.object, () => undefined);
	using(theirs.object, () => undefined);
};

test("rotations with SEAL's keys have no more error than SEAL's, at every level", () => {
	for (const steps of STEPS) {
		const { table, key } = rotation(steps);
		for (let level = 0; level < PARAMETERS.primes.length; level++) {
			const primes = level + 1;
			const a = encrypt(x, level);
			const address = putRows(kernel, rowsOf(a));
			const digits = kernel.allocate(exports.digitBytes(Math.log2(ringDegree), primes));
			const to = kernel.allocate(16 * ringDegree * (primes + 1));
			exports.decompose(digits, address, primes, 0);
			exports.rotate(to, address, digits, key, PARAMETERS.primes.length, table, primes, 0);
			exports.modDown(to, to, primes);
			const theirs = backend.rotate(a, steps);
			compare(toSeal(to, a), theirs, rotatedBy(owner.decrypt(a), steps), `rotation by ${steps} at level ${level}`);
			using(a.object, () => undefined);
		}
	}
});

test('two rotations one after another, divided by P once, are two rotations', () => {
	const [first, second] = [rotation(1), rotation(5)];
	const primes = PARAMETERS.primes.length;
	const a = encrypt(x, primes - 1);
	const address = putRows(kernel, rowsOf(a));
	const digits = kernel.allocate(exports.digitBytes(Math.log2(ringDegree), primes));
	const [once, twice] = [0, 1].map(() => kernel.allocate(16 * ringDegree * (primes + 1))) as [number, number];
	exports.decompose(digits, address, primes, 0);
	exports.rotate(once, address, digits, first.key, primes, first.table, primes, 0);
	exports.decompose(digits, once, primes, 1);
	exports.rotate(twice, once, digits, second.key, primes, second.table, primes, 1);
	exports.modDown(twice, twice, primes);
	compare(toSeal(twice, a), backend.rotate(backend.rotate(a, 1), 5), rotatedBy(owner.decrypt(a), 6), 'two rotations');
});

test("relinearization with SEAL's key has no more error than SEAL's, at every level", () => {
	const key = storeKey(keys.relinearization.saveToArray(none), 0, 0);
	for (let level = 1; level < PARAMETERS.primes.length; level++) {
		const primes = level + 1;
		const a = encrypt(x, level);
		const product = backend.multiply(a, a);
		const to = kernel.allocate(16 * ringDegree * (primes + 1));
		exports.relinearize(to, putRows(kernel, rowsOf(product)), key, PARAMETERS.primes.length, primes);
		exports.modDown(to, to, primes);
		const theirs = backend.relinearize(product);
		compare(toSeal(to, theirs), theirs, owner.decrypt(product), `square at level ${level}`);
	}
});

test.run();
