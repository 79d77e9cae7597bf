import { packCiphertext, packSeeded } from '../../runtime/codec.ts';
import { packKey } from '../../runtime/keyCodec.ts';
import { writeMessage } from '../../runtime/message.ts';
import { galoisElement, type Level, plaintextHeader } from '../../runtime/records.ts';
import {
	CIPHERTEXT_HEADER,
	ciphertextRecordLength,
	KEYS_HEADER,
	type KeySlot,
	SEED_BYTES,
	seededRecordLength,
} from '../../runtime/sizes.ts';
import type { Kind, Parameters, Residues } from './wireReader.ts';

/** A polynomial and the seed of the other one, as hexadecimal digits. */
type Seeded = { readonly residues: Residues; readonly seed: string };

export type PartVector =
	| (Seeded & { readonly form: 'seeded'; readonly level: number })
	| { readonly form: 'ciphertext'; readonly level: number; readonly polynomials: readonly Residues[] }
	| { readonly form: 'key'; readonly steps: number; readonly level: number; readonly digits: readonly Seeded[] }
	| { readonly form: 'secret'; readonly parmsId: string; readonly residues: Residues };

/** A message and everything that a reader of docs/wire.md finds in it. */
export type Vector = {
	readonly kind: Kind;
	readonly parameters: Parameters;
	readonly batch: number;
	readonly fingerprint: string;
	readonly keySet: string;
	readonly samples: number;
	/** Of the kind 'input': which one. */
	readonly index?: number;
	readonly lengths: readonly number[];
	readonly parts: readonly PartVector[];
	readonly digest: string;
	/** base64 */
	readonly message: string;
};

/** Small, and with residues of each width from 1 to 7 bytes. All primes are 1 mod 2 N, as those of a program are. */
const PARAMETERS: Parameters = {
	ringDegree: 16,
	primes: [1099511627297, 65089, 4294966657, 193, 281474976709249, 16777153],
	specialPrime: 9007199254740481,
};
const PARMS_ID = 'a5'.repeat(32);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The largest residue, zero, then numbers all over the range: multiples of 2^64 / golden ratio, reduced. */
const residuesOf = (primes: readonly number[], salt: number): Residues =>
	primes.map((prime, i) =>
		Array.from({ length: PARAMETERS.ringDegree }, (_, k) => {
			if (k < 2) return k === 0 ? prime - 1 : 0;
			const mixed = BigInt.asUintN(64, BigInt(1 + k + 100 * i + 10000 * salt) * 0x9e3779b97f4a7c15n);
			return Number(mixed % BigInt(prime));
		}),
	);

const seedOf = (salt: number): string =>
	hex(Uint8Array.from({ length: SEED_BYTES }, (_, i) => (salt * 31 + i * 7) % 256));

const seededOf = (primes: readonly number[], salt: number): Seeded => ({
	residues: residuesOf(primes, salt),
	seed: seedOf(salt),
});

const upTo = (level: number): readonly number[] => PARAMETERS.primes.slice(0, level + 1);

const keyOf = (steps: number, level: number, salt: number): PartVector => ({
	form: 'key',
	steps,
	level,
	digits: Array.from({ length: level + 1 }, (_, j) =>
		seededOf([...upTo(level), PARAMETERS.specialPrime], 10 * salt + j),
	),
});

const contents: readonly (Pick<Vector, 'kind' | 'samples' | 'index'> & { readonly parts: readonly PartVector[] })[] = [
	{ kind: 'keys', samples: 0, parts: [keyOf(0, 1, 1), keyOf(1, 0, 2), keyOf(5, 5, 3)] },
	{
		kind: 'inputs',
		samples: 3,
		parts: [
			{ form: 'seeded', level: 5, ...seededOf(upTo(5), 4) },
			{ form: 'seeded', level: 2, ...seededOf(upTo(2), 5) },
		],
	},
	{
		kind: 'outputs',
		samples: 3,
		parts: [0, 3].map((level) => ({
			form: 'ciphertext',
			level,
			polynomials: [residuesOf(upTo(level), 6 + level), residuesOf(upTo(level), 7 + level)],
		})),
	},
	{
		kind: 'private',
		samples: 0,
		parts: [
			{ form: 'secret', parmsId: PARMS_ID, residues: residuesOf([...PARAMETERS.primes, PARAMETERS.specialPrime], 8) },
		],
	},
	{ kind: 'input', samples: 1, index: 258, parts: [{ form: 'seeded', level: 3, ...seededOf(upTo(3), 9) }] },
];

/** What SEAL knows of a level; the special prime is last at that of keys, which is where `level` is undefined. */
export const layoutOf = (parameters: Parameters, level?: number, parmsId = PARMS_ID): Level => ({
	ringDegree: parameters.ringDegree,
	primes: level === undefined ? [...parameters.primes, parameters.specialPrime] : parameters.primes.slice(0, level + 1),
	parmsId: Buffer.from(parmsId, 'hex'),
});

export const slotOf = (steps: number, level: number): KeySlot =>
	steps === 0 ? { kind: 'relinearization', level } : { kind: 'rotation', steps, level };

/** Parameters as the runtime has them; no security is claimed, and the codec asks for none. */
export const runtimeParameters = (parameters: Parameters) => ({ ...parameters, security: 128 }) as const;

const putWords = (record: Uint8Array, at: number, words: readonly number[]): void => {
	const view = new DataView(record.buffer, record.byteOffset, record.length);
	words.forEach((word, i) => {
		view.setBigUint64(at + 8 * i, BigInt(word), true);
	});
};

/** SEAL's record of a seeded ciphertext, as far as packing reads it: `places` are the indices of the primes among all. */
const seededRecord = (layout: Level, { residues, seed }: Seeded, places: readonly number[]): Uint8Array => {
	const record = new Uint8Array(seededRecordLength(layout));
	residues.forEach((row, i) => {
		putWords(record, CIPHERTEXT_HEADER + 8 * layout.ringDegree * (places[i] as number), row);
	});
	record.set(Buffer.from(seed, 'hex'), record.length - SEED_BYTES);
	return record;
};

const keyRecord = (
	layout: Level,
	steps: number,
	level: number,
	digits: readonly Seeded[],
	places: readonly number[],
): Uint8Array => {
	const count = layout.primes.length - 1;
	const rows = steps === 0 ? 1 : layout.ringDegree;
	const row = steps === 0 ? 0 : (galoisElement(steps, layout.ringDegree) - 1) / 2;
	const record = new Uint8Array(KEYS_HEADER + 8 * rows + count * seededRecordLength(layout));
	const first = KEYS_HEADER + 8 * (row + 1);
	putWords(record, first - 8, [count]);
	digits.slice(0, level + 1).forEach((digit, j) => {
		record.set(seededRecord(layout, digit, places), first + j * seededRecordLength(layout));
	});
	return record;
};

/** Where the primes that a key for `level` serves are among all: the special one is the last. */
export const placesOf = ({ primes }: Parameters, level: number): readonly number[] => [
	...Array.from({ length: level + 1 }, (_, i) => i),
	primes.length,
];

/** The bytes that the runtime sends of a part. */
const packPart = (part: PartVector, parameters: Parameters): Uint8Array => {
	switch (part.form) {
		case 'seeded': {
			const layout = layoutOf(parameters, part.level);
			return packSeeded(
				seededRecord(
					layout,
					part,
					part.residues.map((_, i) => i),
				),
				layout,
			);
		}
		case 'ciphertext': {
			const layout = layoutOf(parameters, part.level);
			const record = new Uint8Array(ciphertextRecordLength(layout));
			putWords(record, CIPHERTEXT_HEADER, part.polynomials.flat(2));
			return packCiphertext(record, layout);
		}
		case 'key': {
			const { steps, level, digits } = part;
			const whole = layoutOf(parameters);
			const record = keyRecord(whole, steps, level, digits, placesOf(parameters, level));
			return packKey(record, runtimeParameters(parameters), whole, slotOf(steps, level));
		}
		case 'secret': {
			const layout = layoutOf(parameters, undefined, part.parmsId);
			const head = plaintextHeader(layout, 1);
			const record = new Uint8Array(head.length + 8 * part.residues.flat().length);
			record.set(head);
			putWords(record, head.length, part.residues.flat());
			return record;
		}
	}
};

/** What the runtime writes for the values of a vector. */
export const write = async (
	vector: Pick<Vector, 'kind' | 'index' | 'parameters' | 'fingerprint' | 'keySet' | 'samples' | 'parts'>,
): Promise<{ readonly message: Uint8Array; readonly lengths: readonly number[] }> => {
	const { kind, fingerprint, keySet, samples, parameters, index = 0 } = vector;
	const parts = vector.parts.map((part) => packPart(part, parameters));
	const head = { kind, fingerprint, keySet: Buffer.from(keySet, 'hex'), samples, index };
	return { message: await writeMessage(head, parts), lengths: parts.map(({ length }) => length) };
};

/** All vectors, made anew; the text of each file. */
export const makeVectors = (): Promise<readonly (readonly [name: string, text: string])[]> =>
	Promise.all(
		contents.map(async (content) => {
			const values = {
				kind: content.kind,
				parameters: PARAMETERS,
				batch: 4,
				fingerprint: '0123456789abcdef'.repeat(4),
				keySet: 'c0c1c2c3c4c5c6c7c8c9cacbcccdcecf',
				samples: content.samples,
				...(content.index === undefined ? {} : { index: content.index }),
				parts: content.parts,
			};
			const { message, lengths } = await write(values);
			const digest = hex(message.subarray(-32));
			const vector: Vector = { ...values, lengths, digest, message: Buffer.from(message).toString('base64') };
			// Numbers that belong together stand in one line.
			const text = JSON.stringify(vector, null, '\t').replace(/\[[\d,\s]+\]/g, (list) =>
				list.replace(/\s+/g, '').replaceAll(',', ', '),
			);
			return [content.kind, `${text}\n`] as const;
		}),
	);
