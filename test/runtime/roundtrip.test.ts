import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient, evaluationKeyBytes } from '../../runtime/client.ts';
import { LocalEvaluator } from '../../runtime/local.ts';
import { createServer, type EngineName } from '../../runtime/server.ts';
import { inputLength, messageLength, outputLength } from '../../runtime/sizes.ts';
import { everyAnswer, everyOperation, maxDifference, refusalOfAsync, rootMeanSquare, sampleOf } from './support.ts';

const rejects = async (promise: Promise<unknown>, code: string): Promise<void> => {
	const error = await refusalOfAsync(promise);
	assert.is(error.code, code, error.message);
};

const computesRight = async (backend: EngineName): Promise<void> => {
	const program = everyOperation();
	const virtual = 2048;
	const x = sampleOf(64);
	const stages: string[] = [];
	const onProgress = ({ stage }: { stage: string }) => void stages.push(stage);
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants, { backend });
	assert.is(server.backend, backend);
	const keys = await client.evaluationKeys({ onProgress });
	assert.is(keys.length, evaluationKeyBytes(program.client));
	assert.is(await server.loadKeys(keys, { onProgress }), client.keySet);
	const request = await client.encrypt({ x0: x });
	assert.is(request.length, messageLength([inputLength(program.client.parameters, 1)]));
	const reply = await server.evaluate(request, { onProgress });
	assert.is(reply.length, messageLength([0, 0, 0].map((level) => outputLength(program.client.parameters, level))));
	const result = await client.decrypt(reply);
	assert.equal(result.warnings, []);
	for (const stage of ['make keys', 'load keys', 'evaluate']) assert.ok(stages.includes(stage), stage);

	const [clear] = new LocalEvaluator(program, 'clear').run([{ x0: x }]);
	const [simulated] = new LocalEvaluator(program, 'simulate', { seed: 7 }).run([{ x0: x }]);
	everyAnswer(x, virtual).forEach((expected, i) => {
		const name = `y${i}`;
		const real = result.outputs.get(name)?.data ?? [];
		const noisy = simulated?.outputs.get(name)?.data ?? [];
		assert.ok(maxDifference(clear?.outputs.get(name)?.data ?? [], expected) < 1e-12, name);
		const [measured, modelled] = [rootMeanSquare(real, expected), rootMeanSquare(noisy, expected)];
		assert.ok(measured > 0 && modelled > 0);
		const ratio = measured / modelled;
		assert.ok(ratio > 0.7 && ratio < 1.4, `${name}: measured ${measured}, simulated ${modelled}`);
	});

	// A second evaluation reuses the cached constants; another client's keys live beside the first's.
	const other = await createClient(program.client);
	const inputsOfOther = await other.encrypt(new Map([['x0', x]]));
	await rejects(server.evaluate(inputsOfOther), 'keys');
	await server.loadKeys(await other.evaluationKeys());
	assert.equal([...server.keySets].sort(), [client.keySet, other.keySet].sort());
	const replyToOther = await server.evaluate(inputsOfOther);
	await rejects(client.decrypt(replyToOther), 'keys');
	const y1 = (await other.decrypt(replyToOther)).outputs.get('y1')?.data ?? [];
	assert.ok(maxDifference(y1, everyAnswer(x, virtual)[1] ?? []) < 1e-2);
	await server.dropKeys(other.keySet);
	await rejects(server.evaluate(inputsOfOther), 'keys');

	// The exported key set decrypts in another process.
	const twin = await createClient(program.client, { secretKey: await client.exportSecretKey() });
	assert.is(twin.keySet, client.keySet);
	assert.ok(
		maxDifference((await twin.decrypt(reply)).outputs.get('y0')?.data ?? [], everyAnswer(x, virtual)[0] ?? []) < 1e-2,
	);

	// Messages of the wrong kind, program or shape, and aborts.
	await rejects(server.evaluate(keys), 'message');
	await rejects(server.loadKeys(reply), 'message');
	const damaged = keys.slice();
	damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1;
	await rejects(server.loadKeys(damaged), 'message');
	const inputs = await client.encrypt({ x0: x });
	await rejects(server.evaluate(inputs, { signal: AbortSignal.abort() }), 'aborted');
	await rejects(client.evaluationKeys({ signal: AbortSignal.abort() }), 'aborted');
	const stranger = { ...program.client, fingerprint: 'f'.repeat(64) };
	await rejects(createClient(stranger, { secretKey: await client.exportSecretKey() }), 'message');
	for (const owner of [client, other, twin]) owner.dispose();
	await server.dispose();
};

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[]) {
	test(`${backend}: a client and a server compute on bytes what the definition says, within the simulated noise`, () =>
		computesRight(backend));

	test(`${backend}: a server streams its constants when the program says so, however much memory there is`, async () => {
		const program = everyOperation();
		const unkept = { ...program.server, keepConstants: false };
		const server = await createServer(unkept, program.constants, { backend });
		const client = await createClient(program.client);
		await server.loadKeys(await client.evaluationKeys());
		assert.equal([server.backend, server.cachesConstants], [backend, false]);
		const x = sampleOf(64);
		const result = await client.decrypt(await server.evaluate(await client.encrypt({ x0: x })));
		assert.ok(maxDifference(result.outputs.get('y1')?.data ?? [], everyAnswer(x, 2048)[1] ?? []) < 1e-2);
		assert.not.ok(server.cachesConstants);
		client.dispose();
		await server.dispose();
	});
}

test('samples that share ciphertexts keep their own results', async () => {
	const batch = 4;
	const program = everyOperation(batch, 16);
	const virtual = 2048 / batch;
	const samples = [1, 2, 3].map((seed) => sampleOf(16, seed));
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await client.evaluationKeys());
	const message = await client.encryptBatch(samples.map((x0) => ({ x0 })));
	const results = await client.decryptBatch(await server.evaluate(message));
	assert.is(results.length, samples.length);
	results.forEach(({ outputs }, b) => {
		everyAnswer(samples[b] as Float64Array, virtual).forEach((expected, i) => {
			assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `sample ${b}, y${i}`);
		});
	});
	client.dispose();
	await server.dispose();
});

test('a server streams its constants when only the cache does not fit, and gives the same answer', async () => {
	const program = everyOperation();
	const memory = { context: 1e6, keys: 2e6, constants: 1e9, ciphertexts: 2.5e6, temporaries: 1e6 };
	const server = await createServer({ ...program.server, memory }, program.constants, {
		backend: 'seal',
		memoryLimit: 8e6,
	});
	assert.not.ok(server.cachesConstants);
	const client = await createClient(program.client);
	const keys = await client.evaluationKeys();
	await server.loadKeys(keys);
	const x = sampleOf(64);
	const result = await client.decrypt(await server.evaluate(await client.encrypt({ x0: x })));
	assert.ok(maxDifference(result.outputs.get('y1')?.data ?? [], everyAnswer(x, 2048)[1] ?? []) < 1e-2);
	const second = await createClient(program.client);
	await rejects(server.loadKeys(await second.evaluationKeys()), 'memory');
	client.dispose();
	second.dispose();
	await server.dispose();
});

test('a program that does not fit is refused with the numbers before anything is loaded', async () => {
	const { server, constants } = everyOperation();
	const memory = { context: 0, keys: 2 ** 30, constants: 2 ** 30, ciphertexts: 3 * 2 ** 30, temporaries: 0 };
	const locateFile = (): string => {
		throw new Error('loaded');
	};
	const error = await refusalOfAsync(createServer({ ...server, memory }, constants, { backend: 'seal', locateFile }));
	assert.is(error.code, 'memory');
	assert.match(error.message, /3072 MB/);
	assert.match(error.message, /1024 MB/);
	await rejects(createServer(server, constants, { backend: 'seal', memoryLimit: 1e6, locateFile }), 'memory');
});

test('constants that do not hold what the program names are refused', async () => {
	const { server, constants } = everyOperation();
	await rejects(createServer(server, constants.subarray(1)), 'program');
});

test.run();
