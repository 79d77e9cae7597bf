import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../runtime/client.ts';
import { readMessage, writeMessage } from '../../runtime/message.ts';
import { createServer, type EngineName, type Server } from '../../runtime/server.ts';
import { keyLengths } from '../../runtime/sizes.ts';
import { everyAnswer, everyOperation, maxDifference, refusalOfAsync, sampleOf } from './support.ts';

const program = everyOperation();
const { fingerprint, parameters, keys: needs } = program.client;
const x = sampleOf(64);

/** A well-formed message with these keys under another name, as anyone can write it. */
const renamed = async (
	message: Uint8Array,
	keySet: string,
	change: (parts: readonly Uint8Array[]) => readonly Uint8Array[] = (parts) => parts,
): Promise<Uint8Array> => {
	const { parts } = await readMessage(message, { kind: 'keys', fingerprint }, keyLengths(parameters, needs));
	const name = Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(keySet.slice(2 * i, 2 * i + 2), 16));
	return writeMessage({ kind: 'keys', fingerprint, keySet: name, samples: 0 }, change(parts));
};

/** The last key is no key; those before it are loaded before that shows. */
const broken = (parts: readonly Uint8Array[]): readonly Uint8Array[] =>
	parts.with(-1, new Uint8Array(parts.at(-1)?.length ?? 0));

const answersRight = async (client: Client, server: Server): Promise<void> => {
	const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt({ x0: x })));
	everyAnswer(x, 2048).forEach((expected, i) => {
		assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `y${i}`);
	});
};

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[])
	test(`${backend}: keys under a name that is loaded are refused, and the loaded ones stay`, async () => {
		const victim = await createClient(program.client);
		const stranger = await createClient(program.client);
		const server = await createServer(program.server, program.constants, { backend });
		assert.is(server.backend, backend);
		const own = await victim.evaluationKeys();
		const others = await stranger.evaluationKeys();
		await server.loadKeys(own);
		for (const message of [own, await renamed(others, victim.keySet), await renamed(others, victim.keySet, broken)]) {
			const error = await refusalOfAsync(server.loadKeys(message));
			assert.is(error.code, 'keys', error.message);
			assert.match(error.hint ?? '', /dropKeys/);
			assert.equal(server.keySets, [victim.keySet]);
			await answersRight(victim, server);
		}
		await server.dropKeys(victim.keySet);
		await server.loadKeys(own);
		await answersRight(victim, server);
		for (const client of [victim, stranger]) client.dispose();
		await server.dispose();
	});

test('a load that fails leaves key sets and cached constants as they were', async () => {
	// One key set fits beside the cached constants, two only without them.
	const memory = { context: 1e6, keys: 2e6, constants: 3e6, ciphertexts: 2e6, temporaries: 1e6 };
	const server = await createServer({ ...program.server, memory }, program.constants, {
		backend: 'seal',
		memoryLimit: 9.5e6,
	});
	const client = await createClient(program.client);
	const stranger = await createClient(program.client);
	await server.loadKeys(await client.evaluationKeys());
	const others = await stranger.evaluationKeys();
	const aborted = new AbortController();
	const bad = await renamed(others, stranger.keySet, broken);
	const failures = [
		['message', () => server.loadKeys(bad)],
		['aborted', () => server.loadKeys(others, { signal: aborted.signal, onProgress: () => aborted.abort() })],
	] as const;
	for (const [code, load] of failures) {
		assert.is((await refusalOfAsync(load())).code, code);
		assert.equal(server.keySets, [client.keySet]);
		assert.ok(server.cachesConstants);
	}
	await server.loadKeys(others);
	assert.not.ok(server.cachesConstants);
	await answersRight(client, server);
	await answersRight(stranger, server);
	for (const owner of [client, stranger]) owner.dispose();
	await server.dispose();
});

test('constants that were encoded keep their memory, so a key set that needs it is refused', async () => {
	const memory = { context: 1e6, keys: 2e6, constants: 3e6, ciphertexts: 2e6, temporaries: 1e6 };
	const server = await createServer({ ...program.server, memory }, program.constants, {
		backend: 'seal',
		memoryLimit: 9.5e6,
	});
	const client = await createClient(program.client);
	const stranger = await createClient(program.client);
	const others = await stranger.evaluationKeys();
	await server.loadKeys(await client.evaluationKeys());
	await answersRight(client, server);
	const { code, hint } = await refusalOfAsync(server.loadKeys(others));
	assert.is(code, 'memory');
	assert.match(hint ?? '', /before it evaluates/);
	assert.equal(server.keySets, [client.keySet]);
	await answersRight(client, server);
	await server.dropKeys(client.keySet);
	await server.loadKeys(others);
	await answersRight(stranger, server);
	for (const owner of [client, stranger]) owner.dispose();
	await server.dispose();
});

test.run();
