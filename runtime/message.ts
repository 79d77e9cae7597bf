import { RefusedError } from './errors.ts';
import { DIGEST, MESSAGE_HEADER, messageLength } from './sizes.ts';

/**
 * The envelope of everything that is sent or stored, little-endian:
 *
 *     'ONSL' | version u8 | kind u8 | input u16 | fingerprint 32 | key set 16 | samples u32 | parts u32 | part lengths u64
 *     | parts | SHA-256 of (all before the parts, then the SHA-256 of each part)
 *
 * The digest finds damage, not forgery: who may talk to whom is the transport's business. It is a digest of digests so
 * that a part can be hashed and dropped when it is made. The key set is 16 random bytes chosen with the secret key: it
 * tells ciphertexts and evaluation keys of different key sets apart. `input` is 0, but for a message with one input alone: which
 * of the program's inputs it holds.
 */
export type MessageKind = keyof typeof KINDS;

/** `private` is what the key owner stores for itself; it is never sent. `input` is one of several inputs (runtime/joined.ts). */
const KINDS = { keys: 1, inputs: 2, outputs: 3, private: 4, input: 5 } as const;
const MAGIC = 0x4c534e4f;
const VERSION = 1;
export const KEY_SET_BYTES = 16;

export type MessageHead = {
	readonly kind: MessageKind;
	/** 64 hexadecimal digits, as in the program. */
	readonly fingerprint: string;
	readonly keySet: Uint8Array;
	/** Samples that share the ciphertexts; 0 where it means nothing. */
	readonly samples: number;
	/** Of the kind 'input': its index among the program's inputs. */
	readonly index?: number;
};

export type Message = { readonly keySet: Uint8Array; readonly samples: number; readonly parts: readonly Uint8Array[] };

/** What helps when bytes are missing. */
export const CUT_OFF = 'It may be cut off: send it again.';

export const refuse = (why: string, hint?: string): never => {
	throw new RefusedError('message', `the message cannot be accepted: ${why}`, hint);
};

export const toHex = (bytes: Uint8Array): string =>
	Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const fromHex = (text: string): Uint8Array => {
	if (!/^[0-9a-f]{64}$/.test(text))
		throw new RefusedError('program', 'the fingerprint of the program is not 64 hexadecimal digits');
	return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
};

/** SubtleCrypto takes no view of shared memory, and the types say so; a plain copy of the type is enough. */
export const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> => {
	const { buffer } = bytes;
	const view = buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.length) : bytes.slice();
	return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', view));
};

const digestOf = (start: Uint8Array, digests: readonly Uint8Array[]): Promise<Uint8Array> => {
	const all = new Uint8Array(start.length + DIGEST * digests.length);
	all.set(start);
	digests.forEach((digest, i) => {
		all.set(digest, start.length + DIGEST * i);
	});
	return sha256(all);
};

/** Writes a message part by part into one array, so that each part can be released before the next is made. */
export class MessageWriter {
	readonly #bytes: Uint8Array;
	readonly #lengths: readonly number[];
	readonly #digests: Uint8Array[] = [];
	readonly #start: number;
	#at: number;

	constructor({ kind, fingerprint, keySet, samples, index = 0 }: MessageHead, lengths: readonly number[]) {
		this.#bytes = new Uint8Array(messageLength(lengths));
		this.#lengths = lengths;
		this.#start = MESSAGE_HEADER + 8 * lengths.length;
		this.#at = this.#start;
		const view = new DataView(this.#bytes.buffer);
		view.setUint32(0, MAGIC, true);
		view.setUint8(4, VERSION);
		view.setUint8(5, KINDS[kind]);
		view.setUint16(6, index, true);
		this.#bytes.set(fromHex(fingerprint), 8);
		this.#bytes.set(keySet, 40);
		view.setUint32(56, samples, true);
		view.setUint32(60, lengths.length, true);
		lengths.forEach((length, i) => {
			view.setBigUint64(MESSAGE_HEADER + 8 * i, BigInt(length), true);
		});
	}

	async add(part: Uint8Array): Promise<void> {
		if (part.length !== this.#lengths[this.#digests.length])
			throw new RangeError(`part ${this.#digests.length} has ${part.length} bytes, not what was announced`);
		this.#bytes.set(part, this.#at);
		this.#at += part.length;
		this.#digests.push(await sha256(part));
	}

	async finish(): Promise<Uint8Array> {
		if (this.#digests.length !== this.#lengths.length) throw new RangeError('parts of the message are missing');
		this.#bytes.set(await digestOf(this.#bytes.subarray(0, this.#start), this.#digests), this.#at);
		return this.#bytes;
	}
}

export const writeMessage = async (head: MessageHead, parts: readonly Uint8Array[]): Promise<Uint8Array> => {
	const writer = new MessageWriter(
		head,
		parts.map((part) => part.length),
	);
	for (const part of parts) await writer.add(part);
	return writer.finish();
};

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
	a.length === b.length && a.every((byte, i) => byte === b[i]);

/** What a message is asked to be. */
export type Expected = Pick<MessageHead, 'kind' | 'fingerprint' | 'index'>;

/**
 * The parts of a message, as views of it. Throws RefusedError 'message', and nothing else, unless the message is of this
 * kind, for this program and has parts of exactly these lengths, nothing after them, and the right digest.
 */
export const readMessage = async (
	bytes: Uint8Array,
	expected: Expected,
	lengths: readonly number[],
): Promise<Message> => {
	if (bytes.length < MESSAGE_HEADER) refuse(`${bytes.length} bytes are too few`);
	const head = readHead(bytes.subarray(0, MESSAGE_HEADER), expected, lengths.length);
	const total = messageLength(lengths);
	if (bytes.length !== total) refuse(`it has ${bytes.length} bytes instead of ${total}`, CUT_OFF);
	const start = MESSAGE_HEADER + 8 * lengths.length;
	checkLengths(bytes.subarray(MESSAGE_HEADER, start), lengths);
	let at = start;
	const parts = lengths.map((length) => {
		at += length;
		return bytes.subarray(at - length, at);
	});
	const digests: Uint8Array[] = [];
	for (const part of parts) digests.push(await sha256(part));
	await checkDigest(bytes.subarray(0, start), digests, bytes.subarray(at));
	return { ...head, parts };
};

/**
 * Key set and samples of a message whose first MESSAGE_HEADER bytes are these. Throws RefusedError 'message' unless they begin
 * a message of this kind, for this program, with so many parts.
 */
export const readHead = (bytes: Uint8Array, expected: Expected, parts: number): Omit<Message, 'parts'> => {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	checkStart(bytes, view, expected);
	const count = view.getUint32(60, true);
	if (count !== parts) refuse(`it has ${count} parts instead of ${parts}`);
	return { keySet: Uint8Array.from(bytes.subarray(40, 40 + KEY_SET_BYTES)), samples: view.getUint32(56, true) };
};

/** Throws RefusedError 'message' unless the table behind the head states exactly these lengths of parts. */
export const checkLengths = (table: Uint8Array, lengths: readonly number[]): void => {
	const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
	lengths.forEach((length, i) => {
		const stated = view.getBigUint64(8 * i, true);
		if (stated !== BigInt(length)) refuse(`part ${i} has ${stated} bytes instead of ${length}`);
	});
};

/** Throws RefusedError 'message' unless `digest` is that of all before the parts and of the digests of the parts. */
export const checkDigest = async (
	start: Uint8Array,
	digests: readonly Uint8Array[],
	digest: Uint8Array,
): Promise<void> => {
	if (!sameBytes(await digestOf(start, digests), digest))
		refuse('its digest does not match', 'It was damaged on the way: send it again.');
};

const checkStart = (bytes: Uint8Array, view: DataView, { kind, fingerprint, index = 0 }: Expected): void => {
	if (view.getUint32(0, true) !== MAGIC) refuse('it does not begin with ONSL');
	if (view.getUint8(4) !== VERSION) refuse(`it has version ${view.getUint8(4)} instead of ${VERSION}`);
	const stated = Object.entries(KINDS).find(([, code]) => code === view.getUint8(5))?.[0];
	if (stated !== kind) refuse(`it holds ${stated ?? 'something unknown'} instead of ${kind}`);
	const input = view.getUint16(6, true);
	if (kind !== 'input' && input !== 0) refuse('its reserved bytes are not zero');
	if (input !== index) refuse(`it holds input ${input} of the program instead of ${index}`);
	if ((kind === 'keys' || kind === 'private') && view.getUint32(56, true) !== 0)
		refuse('it has a number of samples where there are none');
	if (!sameBytes(bytes.subarray(8, 40), fromHex(fingerprint)))
		refuse(
			`it is for the program ${toHex(bytes.subarray(8, 16))}..., not for ${fingerprint.slice(0, 16)}...`,
			'Client and server must come from the same compilation.',
		);
};
