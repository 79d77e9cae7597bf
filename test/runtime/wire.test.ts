import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPlaintext, unpackCiphertext, unpackSeeded } from '../../runtime/codec.ts';
import { checkKey, unpackKey } from '../../runtime/keyCodec.ts';
import { readMessage } from '../../runtime/message.ts';
import { galoisElement } from '../../runtime/records.ts';
import { CIPHERTEXT_HEADER, KEYS_HEADER, SEED_BYTES, seededRecordLength } from '../../runtime/sizes.ts';
import { readMessageParts } from '../../runtime/stream.ts';
import { refusalOf, refusalOfAsync } from './support.ts';
import {
	ciphertextLength,
	digestOf,
	keyLength,
	type Parameters,
	readCiphertext,
	readEnvelope,
	readKey,
	readSecret,
	readSeeded,
	secretLength,
	seededLength,
	WireError,
} from './wireReader.ts';
import {
	layoutOf,
	makeVectors,
	type PartVector,
	placesOf,
	runtimeParameters,
	slotOf,
	type Vector,
	write,
} from './wireVectors.ts';

/**
 * docs/wire.md three times over: the vectors, a reader that follows the document and shares no code with the runtime, and
 * the runtime must agree.
 * UPDATE_GOLDEN=1 writes the vectors anew; the difference is a change of the format, which takes a new version.
 */
const pathOf = (name: string): string => join(import.meta.dirname, 'vectors', `${name}.json`);

if (process.env.UPDATE_GOLDEN === '1')
	for (const [name, text] of await makeVectors()) writeFileSync(pathOf(name), text);

const vectors = ['keys', 'inputs', 'outputs', 'private', 'input'].map(
	(name): Vector => JSON.parse(readFileSync(pathOf(name), 'utf8')),
);
const messageOf = ({ message }: Vector): Uint8Array => new Uint8Array(Buffer.from(message, 'base64'));

const readPart = (bytes: Uint8Array, part: PartVector, parameters: Parameters): unknown => {
	switch (part.form) {
		case 'seeded':
			return { form: part.form, level: part.level, ...readSeeded(bytes, parameters, part.level) };
		case 'ciphertext':
			return { form: part.form, level: part.level, polynomials: readCiphertext(bytes, parameters, part.level) };
		case 'key': {
			const { form, steps, level } = part;
			return { form, steps, level, digits: readKey(bytes, parameters, steps, level) };
		}
		case 'secret':
			return { form: part.form, parmsId: part.parmsId, residues: readSecret(bytes, parameters, part.parmsId) };
	}
};

const lengthOf = (part: PartVector, parameters: Parameters): number => {
	switch (part.form) {
		case 'seeded':
			return seededLength(parameters, part.level);
		case 'ciphertext':
			return ciphertextLength(parameters, part.level);
		case 'key':
			return keyLength(parameters, part.level);
		case 'secret':
			return secretLength(parameters);
	}
};

const wordsAt = (record: Uint8Array, at: number, count: number): number[] => {
	const view = new DataView(record.buffer, record.byteOffset, record.length);
	return Array.from({ length: count }, (_, i) => Number(view.getBigUint64(at + 8 * i, true)));
};
const seedAtEnd = (record: Uint8Array): string => Buffer.from(record.subarray(-SEED_BYTES)).toString('hex');

/** What the runtime hands to SEAL of a part, in the form of the vector. */
const unpackPart = (bytes: Uint8Array, part: PartVector, parameters: Parameters): unknown => {
	const n = parameters.ringDegree;
	switch (part.form) {
		case 'seeded': {
			const record = unpackSeeded(bytes, layoutOf(parameters, part.level), 1, 'it');
			const residues = part.residues.map((_, i) => wordsAt(record, CIPHERTEXT_HEADER + 8 * n * i, n));
			return { form: part.form, level: part.level, residues, seed: seedAtEnd(record) };
		}
		case 'ciphertext': {
			const record = unpackCiphertext(bytes, layoutOf(parameters, part.level), 1, 'it');
			const rows = part.level + 1;
			const polynomials = [0, 1].map((half) =>
				Array.from({ length: rows }, (_, i) => wordsAt(record, CIPHERTEXT_HEADER + 8 * n * (half * rows + i), n)),
			);
			return { form: part.form, level: part.level, polynomials };
		}
		case 'key': {
			const { form, steps, level } = part;
			const whole = layoutOf(parameters);
			checkKey(bytes, runtimeParameters(parameters), slotOf(steps, level), 'it');
			const record = unpackKey(bytes, runtimeParameters(parameters), whole, slotOf(steps, level), 'it');
			const first = KEYS_HEADER + 8 * (steps === 0 ? 1 : (galoisElement(steps, n) - 1) / 2 + 1);
			const digits = part.digits.map((_, j) => {
				const start = first + j * seededRecordLength(whole);
				const digit = record.subarray(start, start + seededRecordLength(whole));
				const places = placesOf(parameters, level);
				const residues = places.map((place) => wordsAt(digit, CIPHERTEXT_HEADER + 8 * n * place, n));
				return { residues, seed: seedAtEnd(digit) };
			});
			return { form, steps, level, digits };
		}
		case 'secret': {
			const layout = layoutOf(parameters, undefined, part.parmsId);
			checkPlaintext(bytes, layout, 1, 'it');
			const residues = layout.primes.map((_, i) => wordsAt(bytes, 88 + 8 * n * i, n));
			return { form: part.form, parmsId: part.parmsId, residues };
		}
	}
};

/** The field that the reader of the document refuses. */
const fieldOf = (read: () => unknown): string => {
	try {
		read();
	} catch (error) {
		if (error instanceof WireError) return error.field;
		throw error;
	}
	throw new Error('nothing was refused');
};

const inPieces = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
};

const readStream = async (bytes: Uint8Array, vector: Vector): Promise<unknown[]> => {
	const pieces: unknown[] = [];
	for await (const piece of readMessageParts(inPieces(bytes), vector, vector.lengths)) pieces.push(piece);
	return pieces;
};

const changed = (bytes: Uint8Array, at: number, mask = 1): Uint8Array => bytes.with(at, (bytes[at] as number) ^ mask);

/** With the digest that belongs to the rest: damage that it would hide is then seen for itself. */
const sealed = (bytes: Uint8Array, lengths: readonly number[]): Uint8Array => {
	const copy = bytes.slice();
	copy.set(digestOf(bytes, lengths), bytes.length - 32);
	return copy;
};

test('the widths of residues in the vectors are all that there are', () => {
	const { primes, specialPrime } = (vectors[0] as Vector).parameters;
	const widths = [...primes, specialPrime].map((prime) => Math.ceil(Math.log2(prime) / 8));
	assert.equal(widths.toSorted(), [1, 2, 3, 4, 5, 6, 7]);
});

for (const vector of vectors) {
	const { kind, parameters, lengths, keySet, samples } = vector;
	const message = messageOf(vector);
	const { parts } = readEnvelope(message, vector);

	test(`${kind}: the reader of the document finds the known values`, () => {
		assert.equal(readEnvelope(message, vector), { keySet, samples, parts });
		assert.equal(
			vector.parts.map((part) => lengthOf(part, parameters)),
			[...lengths],
		);
		assert.equal(
			parts.map((bytes, i) => readPart(bytes, vector.parts[i] as PartVector, parameters)),
			vector.parts,
		);
		assert.is(Buffer.from(message.subarray(-32)).toString('hex'), vector.digest);
	});

	test(`${kind}: the runtime writes these bytes, and reads the known values, whole and streamed`, async () => {
		assert.is(Buffer.from((await write(vector)).message).toString('base64'), vector.message);
		const read = await readMessage(message, vector, lengths);
		assert.is(Buffer.from(read.keySet).toString('hex'), keySet);
		assert.is(read.samples, samples);
		assert.equal(
			read.parts.map((bytes, i) => unpackPart(bytes, vector.parts[i] as PartVector, parameters)),
			vector.parts,
		);
		assert.equal(await readStream(message, vector), [
			{ type: 'head', keySet, samples },
			...read.parts.map((bytes, part) => ({ type: 'part', part, bytes })),
		]);
	});

	/** Both refuse it: the reader for this field, the runtime in these words. */
	const refused = async (bytes: Uint8Array, field: string, words: RegExp): Promise<void> => {
		assert.is(
			fieldOf(() => readEnvelope(bytes, vector)),
			field,
		);
		const whole = await refusalOfAsync(readMessage(bytes, vector, lengths));
		assert.is(whole.code, 'message');
		assert.match(whole.message, words);
		assert.is((await refusalOfAsync(readStream(bytes, vector))).code, 'message');
	};

	test(`${kind}: each field of the envelope is refused for itself, under a digest that fits`, async () => {
		const last = 64 + 8 * (lengths.length - 1);
		for (const [at, field, words] of [
			[0, 'magic', /begin with ONSL/],
			[3, 'magic', /begin with ONSL/],
			[4, 'version', /version/],
			[5, 'kind', /instead of/],
			[6, 'input', /reserved|holds input/],
			[7, 'input', /reserved|holds input/],
			[8, 'fingerprint', /program/],
			[39, 'fingerprint', /program/],
			[60, 'number of parts', /parts instead of/],
			[63, 'number of parts', /parts instead of/],
			[64, 'length of a part', /part 0 has/],
			[last + 7, 'length of a part', /part \d has/],
		] as const)
			for (const mask of [1, 128]) await refused(sealed(changed(message, at, mask), lengths), field, words);
	});

	test(`${kind}: damage to what nothing else guards is found by the digest`, async () => {
		const start = 64 + 8 * lengths.length;
		for (const at of [40, 55, start, message.length - 33, message.length - 32, message.length - 1])
			await refused(changed(message, at), 'digest', /digest/);
	});

	test(`${kind}: a message that is cut off or goes on is refused`, async () => {
		for (const length of [0, 63, 64, 71, message.length - 33, message.length - 1])
			await refused(message.subarray(0, length), 'length of the message', /bytes/);
		const longer = new Uint8Array(message.length + 1);
		longer.set(message);
		await refused(longer, 'length of the message', /bytes/);
	});

	for (const [i, part] of vector.parts.entries())
		test(`${kind}: part ${i} is refused where it is not what the document says`, () => {
			const bytes = new Uint8Array(parts[i] as Uint8Array);
			const both = (bad: Uint8Array, field: string): void => {
				assert.is(
					fieldOf(() => readPart(bad, part, parameters)),
					field,
				);
				assert.is(
					refusalOf(() => unpackPart(bad, part, parameters)),
					'message',
				);
			};
			both(bytes.subarray(1), 'length of a part');
			const longer = new Uint8Array(bytes.length + 1);
			longer.set(bytes);
			both(longer, 'length of a part');
			for (const [bad, field] of wrongParts(bytes, part, parameters)) both(bad, field);
		});
}

/** Bytes of a part in which one thing is wrong, and what that is. The first residue of every polynomial is q - 1. */
const wrongParts = (
	bytes: Uint8Array,
	part: PartVector,
	{ ringDegree: n, primes }: Parameters,
): readonly (readonly [Uint8Array, string])[] => {
	const tooLarge = (at: number): Uint8Array => {
		const copy = bytes.slice();
		let carry = at;
		while (copy[carry] === 255) copy[carry++] = 0;
		copy[carry] = (copy[carry] as number) + 1;
		return copy;
	};
	const second = 5 * n;
	switch (part.form) {
		case 'seeded':
			return [
				[tooLarge(0), 'residue'],
				[tooLarge(second), 'residue'],
				[bytes.slice().fill(0, 0, bytes.length - 64), 'zeros'],
			];
		case 'ciphertext':
			return [
				[tooLarge(0), 'residue'],
				[tooLarge(bytes.length / 2), 'residue'],
				[bytes.slice().fill(0, bytes.length / 2), 'zeros'],
			];
		case 'key':
			return [
				[changed(bytes, 0), 'steps'],
				[changed(bytes, 3), 'steps'],
				[changed(bytes, 4), 'level'],
				[changed(bytes, 7), 'level'],
				[tooLarge(8), 'residue'],
				[tooLarge(8 + second), 'residue'],
				[bytes.slice().fill(0, 8, 8 + (bytes.length - 8) / part.digits.length - 64), 'zeros'],
			];
		case 'secret':
			return [
				...Array.from({ length: 88 }, (_, at) => [changed(bytes, at), 'record'] as const),
				[tooLarge(88), 'residue'],
				[tooLarge(88 + 8 * n * primes.length), 'residue'],
			];
	}
};

test('samples: none with keys, 1 to the batch with inputs and outputs', async () => {
	for (const vector of vectors) {
		const message = messageOf(vector);
		const stating = (samples: number): Uint8Array => {
			const copy = message.slice();
			new DataView(copy.buffer).setUint32(56, samples, true);
			return sealed(copy, vector.lengths);
		};
		const none = vector.kind === 'keys' || vector.kind === 'private';
		for (const samples of none ? [1, 2 ** 31] : [0, vector.batch + 1])
			assert.is(
				fieldOf(() => readEnvelope(stating(samples), vector)),
				'samples',
			);
		// The batch is the program's: the server and the client check it behind readMessage.
		if (none) assert.match((await refusalOfAsync(readMessage(stating(1), vector, vector.lengths))).message, /samples/);
		else assert.is(readEnvelope(stating(vector.batch), vector).samples, vector.batch);
	}
});

test.run();
