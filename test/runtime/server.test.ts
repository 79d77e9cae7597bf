import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../../runtime/client.ts';
import type { Engine, EngineOptions } from '../../runtime/engine.ts';
import { chooseEngine } from '../../runtime/engines/choose.ts';
import { RefusedError } from '../../runtime/errors.ts';
import type { EngineName } from '../../runtime/plan.ts';
import { createServer, Server } from '../../runtime/server.ts';
import { everyAnswer, everyOperation, maxDifference, refusalOfAsync, sampleOf } from './support.ts';

const program = everyOperation();

/** Computes nothing; says what it was asked for. */
const fakeEngine = (name: EngineName, threads: number, calls: string[] = []): Engine => ({
	name,
	threads,
	cachesConstants: true,
	loadKeys: async (keySet) => void calls.push(`load ${keySet}`),
	dropKeys: (keySet) => void calls.push(`drop ${keySet}`),
	evaluate: async () => [],
	peakBytes: () => undefined,
	dispose: async () => void calls.push('dispose'),
});

const choose = async (wanted: EngineName, threads: number, kernel: (options: EngineOptions) => Promise<Engine>) => {
	const notices: string[] = [];
	const seal = async (options: EngineOptions): Promise<Engine> => fakeEngine('seal', options.threads);
	const onNotice = (text: string): void => void notices.push(text);
	const engine = await chooseEngine(wanted, { kernel, seal }, { memoryLimit: 1e9, threads, onNotice });
	return { engine, notices };
};

const working = async ({ threads }: EngineOptions): Promise<Engine> => fakeEngine('kernel', threads);
const refusing = (code: 'program' | 'memory') => async (): Promise<Engine> => {
	throw new RefusedError(code, 'multiply-add is not fused here');
};

test('the kernel computes where it can, without a word', async () => {
	const { engine, notices } = await choose('kernel', 3, working);
	assert.equal([engine.name, engine.threads, notices], ['kernel', 3, []]);
});

test('node-seal takes the place of a kernel that cannot work, on one thread, and says why', async () => {
	const { engine, notices } = await choose('kernel', 2, refusing('program'));
	assert.equal([engine.name, engine.threads, notices.length], ['seal', 1, 2]);
	assert.match(notices[0] ?? '', /multiply-add is not fused here.*node-seal/);
	assert.match(notices[1] ?? '', /one thread/);
});

test('a program that does not fit is refused by the kernel: node-seal would need more', async () => {
	assert.is((await refusalOfAsync(choose('kernel', 1, refusing('memory')))).code, 'memory');
});

test('node-seal computes where it is asked for, and the kernel is not even tried', async () => {
	const { engine, notices } = await choose('seal', 1, refusing('memory'));
	assert.equal([engine.name, notices], ['seal', []]);
});

test('a number of threads that is none is refused', async () => {
	for (const threads of [0, -1, 1.5, Number.NaN, 1e9])
		for (const backend of ['kernel', 'seal'] as const)
			assert.is(
				(await refusalOfAsync(createServer(program.server, program.constants, { backend, threads }))).code,
				'misuse',
			);
});

test('a server says what computes, and gives its engine back once', async () => {
	const calls: string[] = [];
	const server = new Server(program.server, fakeEngine('kernel', 2, calls));
	assert.equal([server.backend, server.threads, server.cachesConstants], ['kernel', 2, true]);
	await server.dropKeys('nobody');
	assert.equal(calls, []);
	await server.dispose();
	await server.dispose();
	assert.equal(calls, ['dispose']);
	for (const call of [server.loadKeys(new Uint8Array()), server.evaluate(new Uint8Array()), server.dropKeys('nobody')])
		assert.is((await refusalOfAsync(call)).code, 'misuse');
});

test('an engine that computes not all outputs is found out', async () => {
	const client = await createClient(program.client);
	const server = new Server(program.server, fakeEngine('kernel', 1));
	await server.loadKeys(await client.evaluationKeys());
	const error = await refusalOfAsync(server.evaluate(await client.encrypt({ x0: sampleOf(64) })));
	assert.equal([error.code, /not all parts/.test(error.message)], ['program', true]);
	client.dispose();
});

for (const backend of ['kernel', 'seal'] satisfies readonly EngineName[])
	test(`${backend}: calls wait for each other, and one that fails or is aborted leaves the next alone`, async () => {
		const client = await createClient(program.client);
		const notices: string[] = [];
		const server = await createServer(program.server, program.constants, {
			backend,
			onNotice: (text) => void notices.push(text),
		});
		assert.equal([server.backend, notices], [backend, []]);
		const keys = await client.evaluationKeys();
		const x = sampleOf(64);
		const message = await client.encrypt({ x0: x });
		const aborted = new AbortController();
		const early = refusalOfAsync(server.evaluate(message));
		const loading = server.loadKeys(keys);
		const stopped = refusalOfAsync(
			server.evaluate(message, { signal: aborted.signal, onInstruction: () => aborted.abort() }),
		);
		const broken = refusalOfAsync(server.evaluate(message.slice(1)));
		const good = server.evaluate(message);
		assert.is((await early).code, 'keys');
		assert.is(await loading, client.keySet);
		assert.is((await stopped).code, 'aborted');
		assert.is((await broken).code, 'message');
		const { outputs } = await client.decrypt(await good);
		everyAnswer(x, 2048).forEach((expected, i) => {
			assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `y${i}`);
		});
		client.dispose();
		await server.dispose();
	});

test.run();
