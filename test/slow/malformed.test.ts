import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../runtime/client.ts';
import { type Message, type MessageKind, readMessage, writeMessage } from '../../runtime/message.ts';
import { createServer, type EngineName, type Server } from '../../runtime/server.ts';
import {
	inputLength,
	KEY_HEADER,
	keyLengths,
	keySlots,
	MESSAGE_HEADER,
	primesServed,
	residueBytes,
	SEED_BYTES,
} from '../../runtime/sizes.ts';
import { everyAnswer, everyOperation, maxDifference, refusalOfAsync, sampleOf } from '../runtime/support.ts';

/** Whatever bytes a server is sent: it refuses them by a typed error, keeps its memory, and answers the next request. */
const program = everyOperation();
const { parameters, fingerprint, keys: needs } = program.client;
const { ringDegree } = parameters;
const x = sampleOf(64);

/** The name of the key set in a message: other bytes there are another name, not a malformed message of keys. */
const isName = (at: number): boolean => at >= 40 && at < 56;
const DIGEST = 32;

/** Where the residues of one prime begin in a part. */
type Row = { readonly at: number; readonly prime: number };

/** A message that is right, and what is known of its parts. */
type Original = {
	readonly kind: Extract<MessageKind, 'keys' | 'inputs'>;
	readonly bytes: Uint8Array;
	readonly message: Message;
	/** Of each part, polynomial by polynomial. */
	readonly rows: readonly (readonly (readonly Row[])[])[];
};

const rowsOf = (first: number, primes: readonly number[]): readonly Row[] => {
	let at = first;
	return primes.map((prime) => {
		at += ringDegree * residueBytes(prime);
		return { at: at - ringDegree * residueBytes(prime), prime };
	});
};

const inputsOf = async (bytes: Uint8Array): Promise<Original> => {
	const lengths = program.client.inputs.map(({ level }) => inputLength(parameters, level));
	const message = await readMessage(bytes, { kind: 'inputs', fingerprint }, lengths);
	return { kind: 'inputs', bytes, message, rows: [[rowsOf(0, parameters.primes)]] };
};

const keysOf = async (bytes: Uint8Array): Promise<Original> => {
	const message = await readMessage(bytes, { kind: 'keys', fingerprint }, keyLengths(parameters, needs));
	const rows = keySlots(needs).map(({ level }) => {
		const primes = primesServed(parameters, level);
		const digit = ringDegree * primes.reduce((sum, prime) => sum + residueBytes(prime), 0) + SEED_BYTES;
		return Array.from({ length: level + 1 }, (_, j) => rowsOf(KEY_HEADER + j * digit, primes));
	});
	return { kind: 'keys', bytes, message, rows };
};

/** Whole numbers below `end` that look random, the same in every run. */
const makeNumbers = (seed: number): ((end: number) => number) => {
	let state = seed;
	return (end) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * end);
	};
};

const pick = <T>(items: readonly T[], below: (end: number) => number): T => items[below(items.length)] as T;

const changed = (bytes: Uint8Array, change: (copy: Uint8Array, view: DataView) => void): Uint8Array => {
	const copy = Uint8Array.from(bytes);
	change(copy, new DataView(copy.buffer));
	return copy;
};

const flipped = (bytes: Uint8Array, at: number, bit: number): Uint8Array =>
	changed(bytes, (copy) => {
		copy[at] = (copy[at] as number) ^ (1 << bit);
	});

const noise =
	(below: (end: number) => number) =>
	(copy: Uint8Array): void => {
		for (let i = 0; i < copy.length; i++) copy[i] = below(256);
	};

const sha256 = (...pieces: readonly Uint8Array[]): Uint8Array => {
	const hash = createHash('sha256');
	for (const piece of pieces) hash.update(piece);
	return hash.digest();
};

/** The bytes with the digest that belongs to them, so that something else must be found wrong. */
const sealed = (bytes: Uint8Array, { message: { parts } }: Original): Uint8Array =>
	changed(bytes, (copy) => {
		let at = MESSAGE_HEADER + 8 * parts.length;
		const digests = parts.map(({ length }) => {
			at += length;
			return sha256(copy.subarray(at - length, at));
		});
		copy.set(sha256(copy.subarray(0, MESSAGE_HEADER + 8 * parts.length), ...digests), copy.length - DIGEST);
	});

/** The message with one part in another form. */
const withPart = ({ kind, message }: Original, part: number, change: (copy: Uint8Array, view: DataView) => void) =>
	writeMessage(
		{ kind, fingerprint, keySet: message.keySet, samples: message.samples },
		message.parts.with(part, changed(message.parts[part] as Uint8Array, change)),
	);

/** Every bit of the header and of the digest, with the old digest and, for the header, with the right one. */
function* flippedHeaders(given: Original): Generator<Uint8Array> {
	const { kind, bytes, message } = given;
	const start = MESSAGE_HEADER + 8 * message.parts.length;
	for (let bit = 0; bit < 8; bit++) {
		for (let at = 0; at < start; at++) {
			yield flipped(bytes, at, bit);
			if (kind === 'inputs' || !isName(at)) yield sealed(flipped(bytes, at, bit), given);
		}
		for (let at = bytes.length - DIGEST; at < bytes.length; at++) yield flipped(bytes, at, bit);
	}
}

function* wrongLengths(given: Original, below: (end: number) => number): Generator<Uint8Array> {
	const { bytes, message } = given;
	const start = MESSAGE_HEADER + 8 * message.parts.length;
	for (let length = 0; length < start + 8; length++) yield bytes.slice(0, length);
	for (let k = 0; k < 300; k++) yield bytes.slice(0, start + below(bytes.length - start));
	for (let more = 1; more <= 20; more++) yield Uint8Array.from([...bytes, ...new Uint8Array(more)]);
	for (const huge of [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
		for (let part = 0; part < message.parts.length; part++)
			yield sealed(
				changed(bytes, (_, view) => view.setBigUint64(MESSAGE_HEADER + 8 * part, huge, true)),
				given,
			);
		const count = Number(huge % 2n ** 32n);
		if (count !== message.parts.length)
			yield sealed(
				changed(bytes, (_, view) => view.setUint32(60, count, true)),
				given,
			);
	}
}

function* damaged({ bytes }: Original, below: (end: number) => number): Generator<Uint8Array> {
	for (let k = 0; k < 1500; k++) yield flipped(bytes, MESSAGE_HEADER + below(bytes.length - MESSAGE_HEADER), below(8));
	for (let k = 0; k < 200; k++) yield changed(bytes, noise(below));
}

/** Messages in good order whose parts are not: residues not below their primes, polynomials of zeros, noise. */
async function* wrongParts(given: Original, below: (end: number) => number): AsyncGenerator<Uint8Array> {
	const { rows, message } = given;
	for (let k = 0; k < 1300; k++) {
		const part = below(rows.length);
		const { at, prime } = pick(
			pick(
				pick(rows, () => part),
				below,
			),
			below,
		);
		const width = residueBytes(prime);
		const residue = k % 3 === 0 ? prime : prime + below(256 ** width - prime);
		yield withPart(given, part, (copy) => {
			const first = at + width * below(ringDegree);
			for (let b = 0, rest = residue; b < width; b++, rest = Math.floor(rest / 256)) copy[first + b] = rest % 256;
		});
	}
	for (const [part, polynomials] of rows.entries())
		for (const polynomial of polynomials)
			yield withPart(given, part, (copy) => {
				for (const { at, prime } of polynomial) copy.fill(0, at, at + ringDegree * residueBytes(prime));
			});
	for (let k = 0; k < 200; k++) yield withPart(given, below(message.parts.length), noise(below));
}

/** Keys that are for something else: every bit of what a key says it is for, and keys in each other's place. */
async function* wrongKeys(given: Original): AsyncGenerator<Uint8Array> {
	const { keySet, parts } = given.message;
	for (const part of parts.keys())
		for (let at = 0; at < KEY_HEADER; at++)
			for (let bit = 0; bit < 8; bit++)
				yield withPart(given, part, (copy) => {
					copy[at] = (copy[at] as number) ^ (1 << bit);
				});
	for (let shift = 1; shift < parts.length; shift++)
		yield writeMessage(
			{ kind: 'keys', fingerprint, keySet, samples: 0 },
			parts.map((_, i) => parts[(i + shift) % parts.length] as Uint8Array),
		);
}

async function* malformed(given: Original): AsyncGenerator<Uint8Array> {
	const below = makeNumbers(given.bytes.length);
	yield* flippedHeaders(given);
	yield* wrongLengths(given, below);
	yield* damaged(given, below);
	yield* wrongParts(given, below);
	if (given.kind === 'keys') yield* wrongKeys(given);
}

const answersRight = async (client: Client, server: Server): Promise<void> => {
	const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt({ x0: x })));
	everyAnswer(x, ringDegree / 2).forEach((expected, i) => {
		assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `y${i}`);
	});
};

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[])
	test(`${backend}: 10,000 malformed messages are refused, memory stays flat, and a good request is answered`, async () => {
		const [client, stranger] = [await createClient(program.client), await createClient(program.client)];
		const server = await createServer(program.server, program.constants, { backend });
		assert.is(server.backend, backend);
		await server.loadKeys(await client.evaluationKeys());
		await answersRight(client, server);
		const inputs = await inputsOf(await client.encrypt({ x0: x }));
		const keys = await keysOf(await stranger.evaluationKeys());
		// Keys whose last one is wrong: those before it are in memory by then.
		await refusalOfAsync(server.loadKeys(await withPart(keys, 2, (copy) => copy.fill(255))));
		const before = { peak: server.peakBytes() ?? Number.NaN, rss: process.memoryUsage().rss };
		let [count, bytes] = [0, 0];
		for (const [given, send] of [
			[inputs, (message: Uint8Array) => server.evaluate(message)],
			[keys, (message: Uint8Array) => server.loadKeys(message)],
		] as const)
			for await (const message of malformed(given)) {
				const { code } = await refusalOfAsync(send(message));
				assert.ok(code === 'message' || code === 'keys', `${given.kind} ${count}: ${code}`);
				count++;
				bytes += message.length;
			}
		assert.ok(count >= 10_000, `${count} messages`);
		assert.equal(server.keySets, [client.keySet]);
		const after = { peak: server.peakBytes() ?? Number.NaN, rss: process.memoryUsage().rss };
		assert.ok(after.peak <= 1.01 * before.peak, `${before.peak} bytes grew to ${after.peak}`);
		// Of a gigabyte that was sent next to nothing is left; collectors keep some of it for a while.
		assert.ok(bytes > 2 ** 30, `${bytes} bytes were sent`);
		assert.ok(after.rss - before.rss < 2 ** 28, `${after.rss - before.rss} bytes of the process`);
		await answersRight(client, server);
		for (const owner of [client, stranger]) owner.dispose();
		await server.dispose();
	});

test.run();
