import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient, type KeyPart } from '../../runtime/client.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { nameOfKey, unpackKey } from '../../runtime/keyCodec.ts';
import { readMessage } from '../../runtime/message.ts';
import type { Progress } from '../../runtime/plan.ts';
import { checkKeyPart, createServer, type EngineName, keySlots, type Server } from '../../runtime/server.ts';
import { type KeySlot, keyLengths, SEED_BYTES, seededLength } from '../../runtime/sizes.ts';
import { readMessageParts } from '../../runtime/stream.ts';
import { everyAnswer, everyOperation, maxDifference, refusalOf, refusalOfAsync, sampleOf } from './support.ts';

const program = everyOperation();
const { fingerprint, parameters, keys: needs } = program.client;
const slots = keySlots(needs);
const lengths = keyLengths(parameters, needs);
const x = sampleOf(64);

const partsOf = async (client: Client, options = {}): Promise<KeyPart[]> => {
	const parts: KeyPart[] = [];
	for await (const part of client.evaluationKeyParts(options)) parts.push(part);
	return parts;
};

const bytesOf = (parts: readonly KeyPart[]): Uint8Array[] => parts.map(({ bytes }) => bytes);

const arriving = async function* (parts: readonly Uint8Array[], end?: unknown): AsyncGenerator<Uint8Array> {
	for (const part of parts) {
		await new Promise((resolve) => setImmediate(resolve));
		yield part;
	}
	if (end !== undefined) throw end;
};

const answersRight = async (client: Client, server: Server): Promise<void> => {
	const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt({ x0: x })));
	everyAnswer(x, 2048).forEach((expected, i) => {
		assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `y${i}`);
	});
};

test('keys are made one at a time, all of them or those that are asked for', async () => {
	const client = await createClient(program.client);
	const seen: Progress[] = [];
	const all = await partsOf(client, { onProgress: (progress: Progress) => void seen.push(progress) });
	assert.equal(
		all.map(({ part, bytes }) => [part, bytes.length]),
		lengths.map((length, i) => [i, length]),
	);
	assert.equal(
		seen.map(({ stage, done, total }) => [stage, done, total]),
		lengths.map((_, i) => ['make keys', i + 1, lengths.length]),
	);
	const some = await partsOf(client, { parts: [2, 0] });
	assert.equal(
		some.map(({ part, bytes }) => [part, bytes.length]),
		[2, 0].map((part) => [part, lengths[part]]),
	);
	for (const { part, bytes } of [...all, ...some]) checkKeyPart(program.server, part, bytes);
	assert.equal(await partsOf(client, { parts: [] }), []);
	for (const part of [-1, 3, 0.5, Number.NaN])
		assert.is((await refusalOfAsync(partsOf(client, { parts: [0, part] }))).code, 'misuse');
	const abort = new AbortController();
	const stopped = partsOf(client, { signal: abort.signal, onProgress: () => abort.abort() });
	assert.is((await refusalOfAsync(stopped)).code, 'aborted');
	client.dispose();
});

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[])
	test(`${backend}: keys are loaded one after another, from arrays, streams and messages`, async () => {
		const server = await createServer(program.server, program.constants, { backend });
		const client = await createClient(program.client);
		const parts = await partsOf(client);
		const mixed = (await partsOf(client, { parts: [1] })).concat(parts.filter(({ part }) => part !== 1));
		const inOrder = bytesOf(mixed.sort((a, b) => a.part - b.part));
		const message = await client.evaluationKeys();
		const streamed = async function* (): AsyncGenerator<Uint8Array> {
			for await (const piece of readMessageParts(arriving([message]), { kind: 'keys', fingerprint }, lengths))
				if (piece.type === 'part') yield piece.bytes;
		};
		for (const given of [bytesOf(parts), arriving(inOrder), streamed()]) {
			await server.loadKeyParts(client.keySet, given);
			assert.equal(server.keySets, [client.keySet]);
			await answersRight(client, server);
			assert.is((await refusalOfAsync(server.loadKeyParts(client.keySet, inOrder))).code, 'keys');
			await server.dropKeys(client.keySet);
		}
		client.dispose();
		await server.dispose();
	});

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[])
	test(`${backend}: a load that fails leaves everything as it was`, async () => {
		const server = await createServer(program.server, program.constants, { backend });
		const client = await createClient(program.client);
		const other = await createClient(program.client);
		await server.loadKeys(await client.evaluationKeys());
		const parts = bytesOf(await partsOf(other));
		const [first, second, third] = parts as [Uint8Array, Uint8Array, Uint8Array];
		const broken = third.with(20, 255).fill(255, 8, 30);
		const lost = new RefusedError('stopped', 'the disk is gone');
		for (const [code, given] of [
			['message', [first, second]],
			['message', arriving([first, second])],
			['message', [...parts, third]],
			['message', arriving([...parts, third])],
			['message', [first, third, second]],
			['message', arriving([first, second, broken])],
			['message', arriving([])],
			['stopped', arriving([first], lost)],
			['stopped', arriving(parts, lost)],
		] as const) {
			assert.is((await refusalOfAsync(server.loadKeyParts(other.keySet, given))).code, code);
			assert.equal(server.keySets, [client.keySet]);
		}
		for (const name of ['', 'ab', other.keySet.toUpperCase(), `${other.keySet}0`])
			assert.is((await refusalOfAsync(server.loadKeyParts(name, parts))).code, 'keys');
		await answersRight(client, server);
		await server.loadKeyParts(other.keySet, parts);
		await answersRight(other, server);
		await answersRight(client, server);
		for (const owner of [client, other]) owner.dispose();
		await server.dispose();
	});

test('a load is aborted while it waits for a key that does not come', async () => {
	const server = await createServer(program.server, program.constants);
	const client = await createClient(program.client);
	const [first] = bytesOf(await partsOf(client, { parts: [0] })) as [Uint8Array];
	const abort = new AbortController();
	const stuck = async function* (): AsyncGenerator<Uint8Array> {
		yield first;
		abort.abort();
		await new Promise(() => undefined);
	};
	const { signal } = abort;
	assert.is((await refusalOfAsync(server.loadKeyParts(client.keySet, stuck(), { signal }))).code, 'aborted');
	await server.loadKeys(await client.evaluationKeys());
	await answersRight(client, server);
	client.dispose();
	await server.dispose();
});

test('a key is checked without an engine, as an engine checks it', async () => {
	const client = await createClient(program.client);
	const { parts } = await readMessage(await client.evaluationKeys(), { kind: 'keys', fingerprint }, lengths);
	const all = [...parameters.primes, parameters.specialPrime];
	const whole = { ringDegree: parameters.ringDegree, primes: all, parmsId: new Uint8Array(32) };
	const digit = seededLength({ ringDegree: parameters.ringDegree, primes: all });
	const filled = (part: number, from: number, to: number, value: number): readonly [number, Uint8Array] => [
		part,
		new Uint8Array(parts[part] as Uint8Array).fill(value, from, to),
	];
	const broken: readonly (readonly [number, Uint8Array])[] = [
		filled(0, 0, 1, 7),
		filled(1, 0, 4, 0),
		filled(1, 4, 5, 0),
		filled(2, 8, 13, 255),
		filled(0, 8 + digit, 8 + 2 * digit - SEED_BYTES, 0),
		filled(2, 8 + 2 * digit - SEED_BYTES - 6, 8 + 2 * digit - SEED_BYTES, 255),
		[1, (parts[1] as Uint8Array).subarray(0, -1)],
		[1, parts[2] as Uint8Array],
	];
	for (const [part, bytes] of broken) {
		const slot = slots[part] as KeySlot;
		assert.is(
			refusalOf(() => checkKeyPart(program.server, part, bytes)),
			'message',
		);
		const texts = [
			() => checkKeyPart(program.server, part, bytes),
			() => unpackKey(bytes, parameters, whole, slot, nameOfKey(slot)),
		].map((check) => {
			try {
				check();
				return undefined;
			} catch (error) {
				return String(error);
			}
		});
		assert.is(texts[0], texts[1]);
	}
	// Any seed will do.
	const [part, bytes] = filled(1, 8 + digit - SEED_BYTES, 8 + digit, 1);
	checkKeyPart(program.server, part, bytes);
	for (const none of [-1, 3, 0.5])
		assert.is(
			refusalOf(() => checkKeyPart(program.server, none, bytes)),
			'message',
		);
	client.dispose();
});

test.run();
