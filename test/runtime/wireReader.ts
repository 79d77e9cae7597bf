import { createHash } from 'node:crypto';

/**
 * A reader that does what docs/wire.md says. It imports nothing of the runtime, so that the document, the
 * vectors and the runtime can be held against each other. It is small, not fast.
 */
export type Kind = 'keys' | 'inputs' | 'outputs' | 'private' | 'input';

export type Parameters = {
	readonly ringDegree: number;
	readonly primes: readonly number[];
	readonly specialPrime: number;
};

/** What a reader knows before it reads; `batch` is the most samples of inputs and outputs, `index` the input that is due. */
export type Asked = {
	readonly kind: Kind;
	readonly fingerprint: string;
	readonly batch: number;
	readonly lengths: readonly number[];
	readonly index?: number;
};

export type Envelope = { readonly keySet: string; readonly samples: number; readonly parts: readonly Uint8Array[] };

/** residues[i][k]: number k of those of prime i. */
export type Residues = readonly (readonly number[])[];

/** The bytes are not what the document asks for, because of this field. */
export class WireError extends Error {
	readonly field: string;

	constructor(field: string) {
		super(`${field} is wrong`);
		this.field = field;
	}
}

const need = (right: boolean, field: string): void => {
	if (!right) throw new WireError(field);
};

const HEAD = 64;
const TABLE_ENTRY = 8;
const DIGEST = 32;
const SEED = 64;
const KEY_HEAD = 8;
const RECORD_HEAD = 88;
const CODES: Readonly<Record<Kind, number>> = { keys: 1, inputs: 2, outputs: 3, private: 4, input: 5 };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const sha256 = (pieces: readonly Uint8Array[]): Uint8Array => {
	const hash = createHash('sha256');
	for (const piece of pieces) hash.update(piece);
	return hash.digest();
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The digest that belongs at the end of a message with parts of these lengths, whatever stands there. */
export const digestOf = (message: Uint8Array, lengths: readonly number[]): Uint8Array => {
	const start = HEAD + TABLE_ENTRY * lengths.length;
	return sha256([message.subarray(0, start), ...partsOf(message, lengths).map((part) => sha256([part]))]);
};

const partsOf = (message: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] => {
	let at = HEAD + TABLE_ENTRY * lengths.length;
	return lengths.map((length) => {
		at += length;
		return message.subarray(at - length, at);
	});
};

/** The envelope. Throws WireError for anything but a message that is `asked` for. */
export const readEnvelope = (message: Uint8Array, asked: Asked): Envelope => {
	const { kind, fingerprint, batch, lengths, index = 0 } = asked;
	const start = HEAD + TABLE_ENTRY * lengths.length;
	need(message.length >= HEAD, 'length of the message');
	const view = new DataView(message.buffer, message.byteOffset, message.length);
	need(hex(message.subarray(0, 4)) === '4f4e534c', 'magic');
	need(view.getUint8(4) === 1, 'version');
	need(view.getUint8(5) === CODES[kind], 'kind');
	need(view.getUint16(6, true) === index, 'input');
	need(hex(message.subarray(8, 40)) === fingerprint, 'fingerprint');
	const samples = view.getUint32(56, true);
	if (kind === 'keys' || kind === 'private') need(samples === 0, 'samples');
	else need(samples >= 1 && samples <= batch, 'samples');
	need(view.getUint32(60, true) === lengths.length, 'number of parts');
	need(message.length === start + sum(lengths) + DIGEST, 'length of the message');
	lengths.forEach((length, i) => {
		need(view.getBigUint64(HEAD + TABLE_ENTRY * i, true) === BigInt(length), 'length of a part');
	});
	need(hex(message.subarray(-DIGEST)) === hex(digestOf(message, lengths)), 'digest');
	return { keySet: hex(message.subarray(40, 56)), samples, parts: partsOf(message, lengths) };
};

/** Bytes of a residue: the fewest, b, with 256^b >= prime. */
const widthOf = (prime: number): number => {
	let width = 1;
	while (256n ** BigInt(width) < BigInt(prime)) width++;
	return width;
};

const polynomialLength = (ringDegree: number, primes: readonly number[]): number =>
	ringDegree * sum(primes.map(widthOf));

const upTo = ({ primes }: Parameters, level: number): readonly number[] => primes.slice(0, level + 1);
const ofKey = (parameters: Parameters, level: number): readonly number[] => [
	...upTo(parameters, level),
	parameters.specialPrime,
];

export const seededLength = (parameters: Parameters, level: number): number =>
	polynomialLength(parameters.ringDegree, upTo(parameters, level)) + SEED;
export const ciphertextLength = (parameters: Parameters, level: number): number =>
	2 * polynomialLength(parameters.ringDegree, upTo(parameters, level));
export const keyLength = (parameters: Parameters, level: number): number =>
	KEY_HEAD + (level + 1) * (polynomialLength(parameters.ringDegree, ofKey(parameters, level)) + SEED);
export const secretLength = ({ ringDegree, primes }: Parameters): number =>
	RECORD_HEAD + 8 * ringDegree * (primes.length + 1);

/** A polynomial, `width(prime)` bytes to a residue. Throws WireError for a residue that is not below its prime. */
const readPolynomial = (
	bytes: Uint8Array,
	ringDegree: number,
	primes: readonly number[],
	width: (prime: number) => number,
): Residues => {
	let at = 0;
	return primes.map((prime) =>
		Array.from({ length: ringDegree }, () => {
			const digits = bytes.subarray(at, at + width(prime));
			at += digits.length;
			const residue = BigInt(`0x${hex(digits.toReversed())}`);
			need(residue < BigInt(prime), 'residue');
			return Number(residue);
		}),
	);
};

const isZero = (residues: Residues): boolean => residues.every((row) => row.every((residue) => residue === 0));

type Seeded = { readonly residues: Residues; readonly seed: string };

const readSeededWith = (part: Uint8Array, ringDegree: number, primes: readonly number[]): Seeded => {
	const length = polynomialLength(ringDegree, primes);
	need(part.length === length + SEED, 'length of a part');
	const residues = readPolynomial(part.subarray(0, length), ringDegree, primes, widthOf);
	need(!isZero(residues), 'zeros');
	return { residues, seed: hex(part.subarray(length)) };
};

/** A part of an inputs message. */
export const readSeeded = (part: Uint8Array, parameters: Parameters, level: number): Seeded =>
	readSeededWith(part, parameters.ringDegree, upTo(parameters, level));

/** A part of an outputs message: its two polynomials. */
export const readCiphertext = (part: Uint8Array, parameters: Parameters, level: number): readonly Residues[] => {
	const half = polynomialLength(parameters.ringDegree, upTo(parameters, level));
	need(part.length === 2 * half, 'length of a part');
	const polynomials = [part.subarray(0, half), part.subarray(half)].map((bytes) =>
		readPolynomial(bytes, parameters.ringDegree, upTo(parameters, level), widthOf),
	);
	need(!isZero(polynomials[1] ?? []), 'zeros');
	return polynomials;
};

/** A part of a keys message, for the slot with these steps (0: relinearization) and this level: its digits. */
export const readKey = (part: Uint8Array, parameters: Parameters, steps: number, level: number): readonly Seeded[] => {
	need(part.length === keyLength(parameters, level), 'length of a part');
	const view = new DataView(part.buffer, part.byteOffset, part.length);
	need(view.getUint32(0, true) === steps, 'steps');
	need(view.getUint32(4, true) === level, 'level');
	const primes = ofKey(parameters, level);
	const length = polynomialLength(parameters.ringDegree, primes) + SEED;
	return Array.from({ length: level + 1 }, (_, digit) => {
		const start = KEY_HEAD + digit * length;
		return readSeededWith(part.subarray(start, start + length), parameters.ringDegree, primes);
	});
};

/** The part of a stored secret key: SEAL's record, whose residues are words of 8 bytes. */
export const readSecret = (part: Uint8Array, parameters: Parameters, parmsId: string): Residues => {
	need(part.length === secretLength(parameters), 'length of a part');
	const words = parameters.ringDegree * (parameters.primes.length + 1);
	const head = new DataView(new ArrayBuffer(RECORD_HEAD));
	const putHead = (at: number, length: number): void => {
		[0x5e, 0xa1, 0x10, 0x04, 0x01].forEach((byte, i) => {
			head.setUint8(at + i, byte);
		});
		head.setBigUint64(at + 8, BigInt(length), true);
	};
	putHead(0, part.length);
	Buffer.from(parmsId, 'hex').forEach((byte, i) => {
		head.setUint8(16 + i, byte);
	});
	head.setBigUint64(48, BigInt(words), true);
	head.setFloat64(56, 1, true);
	putHead(64, part.length - 64);
	head.setBigUint64(80, BigInt(words), true);
	need(hex(part.subarray(0, RECORD_HEAD)) === hex(new Uint8Array(head.buffer)), 'record');
	return readPolynomial(
		part.subarray(RECORD_HEAD),
		parameters.ringDegree,
		ofKey(parameters, parameters.primes.length - 1),
		() => 8,
	);
};
