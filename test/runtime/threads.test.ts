import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKernelEngine, type Threading } from '../../runtime/backends/kernel/engine.ts';
import { type Client, createClient } from '../../runtime/client.ts';
import { readMessage, writeMessage } from '../../runtime/message.ts';
import type { Instruction, Program } from '../../runtime/plan.ts';
import { createServer, Server } from '../../runtime/server.ts';
import { inputLength } from '../../runtime/sizes.ts';
import { type StartThread, threadStarter } from '../../runtime/threads.ts';
import {
	everyAnswer,
	everyOperation,
	makeProgram,
	maxDifference,
	refusalOfAsync,
	SCALE,
	SMALL,
	sampleOf,
} from './support.ts';

const N = SMALL.ringDegree;
const x = sampleOf(64);
const TURNS = 400;

/** Takes a while: x rotated by 1 and back, many times. */
const long = makeProgram({
	inputs: [{ shape: [64] }],
	outputs: [{ level: 0, scale: SCALE }],
	keys: {
		steps: [
			{ step: 1, level: 0 },
			{ step: N / 2 - 1, level: 0 },
		],
	},
	instructions: [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'modSwitch', to: 0, a: 0, level: 0 },
		...Array.from({ length: TURNS }, (_, k): readonly Instruction[] => [
			{ op: 'decompose', to: 1, a: 0 },
			{ op: 'rotate', to: 2, a: 0, digits: 1, steps: k % 2 === 0 ? 1 : N / 2 - 1 },
			{ op: 'modDown', to: 0, a: 2 },
		]).flat(),
		{ op: 'output', a: 0, output: 0, part: 0 },
	],
});

/** Inputs and outputs one after another, the first of them never read, and all constants numbers. */
const manyPorts = (): Program => {
	const parts = [0, 1, 2, 3, 4];
	const numbers = Float64Array.from({ length: 3 * parts.length }, (_, i) => 0.1 * (i + 1));
	const program = makeProgram({
		batch: N / 2,
		inputs: parts.map(() => ({ shape: [1], range: [-1, 1] as const })),
		outputs: [0, 1, 2].map(() => ({ level: 1, scale: SCALE ** 2 })),
		instructions: [
			{ op: 'input', to: 0, input: 0, part: 0 },
			...parts.map((input): Instruction => ({ op: 'input', to: input, input, part: 0 })),
			{ op: 'combine', to: [5, 6, 7], terms: parts, offset: 0, level: 1, scale: SCALE },
			...[0, 1, 2].map((output): Instruction => ({ op: 'output', a: 5 + output, output, part: 0 })),
		],
	});
	return { ...program, constants: numbers };
};

const watchedStart = (): { readonly start: StartThread; readonly started: Worker[] } => {
	const started: Worker[] = [];
	const begin = threadStarter() as StartThread;
	return {
		started,
		start: (...args) => {
			const worker = begin(...args);
			started.push(worker);
			return worker;
		},
	};
};

type Bench = { readonly client: Client; readonly server: Server; readonly request: Uint8Array };

const open = async (
	{ client: half, server: program, constants }: Program,
	start: Threading['start'],
	{ patience = 10_000, onNotice = assert.unreachable as (text: string) => void } = {},
): Promise<Bench> => {
	const options = { memoryLimit: 1e9, threads: 2, onNotice };
	const server = new Server(program, await createKernelEngine(program, constants, options, { start, patience }));
	const client = await createClient(half);
	await server.loadKeys(await client.evaluationKeys());
	return { client, server, request: await client.encrypt({ x0: x }) };
};

const close = async ({ client, server }: Bench): Promise<void> => {
	client.dispose();
	await server.dispose();
};

/** TURNS is even: x is where it was. */
const checkLong = async ({ client, server, request }: Bench): Promise<void> => {
	const { outputs } = await client.decrypt(await server.evaluate(request));
	const expected = Float64Array.from({ length: N / 2 }, (_, t) => x[t] ?? 0);
	assert.ok(maxDifference(outputs.get('y0')?.data ?? [], expected) < 0.05);
};

const samplesFor = ({ client }: Program): readonly Readonly<Record<string, Float64Array>>[] =>
	Array.from({ length: client.batch }, (_, b) =>
		Object.fromEntries(
			client.inputs.map(({ name, shape }, i) => [name, sampleOf(shape[0] as number, 1 + i + (b % 97))] as const),
		),
	);

for (const [name, program] of [
	['every operation', everyOperation()],
	[
		'constants encoded at each use',
		{ ...everyOperation(), server: { ...everyOperation().server, keepConstants: false } },
	],
	['samples that share ciphertexts', everyOperation(4, 16)],
	['many inputs and outputs', manyPorts()],
] as const)
	test(`${name}: two and three threads compute the bits of one, again and again`, async () => {
		const client = await createClient(program.client);
		const keys = await client.evaluationKeys();
		const request = await client.encryptBatch(samplesFor(program));
		const answers: Uint8Array[] = [];
		for (const threads of [1, 2, 3]) {
			const server = await createServer(program.server, program.constants, { threads, onNotice: assert.unreachable });
			assert.equal([server.backend, server.threads], ['kernel', threads]);
			await server.loadKeys(keys);
			for (let k = 0; k < 3; k++) answers.push(await server.evaluate(request));
			await server.dispose();
		}
		for (const answer of answers) assert.is(Buffer.compare(answer, answers[0] as Uint8Array), 0);
		client.dispose();
	});

test('keys that are loaded after the threads have started are found by them', async () => {
	const program = everyOperation();
	const { start, started } = watchedStart();
	const bench = await open(program, start);
	await bench.server.evaluate(bench.request);
	const others = await Promise.all([1, 2, 3].map(() => createClient(program.client)));
	for (const other of others) await bench.server.loadKeys(await other.evaluationKeys());
	for (const other of others) {
		const { outputs } = await other.decrypt(await bench.server.evaluate(await other.encrypt({ x0: x })));
		everyAnswer(x, N / 2).forEach((expected, i) => {
			assert.ok(maxDifference(outputs.get(`y${i}`)?.data ?? [], expected) < 1e-2, `y${i}`);
		});
		other.dispose();
	}
	assert.is(started.length, 2);
	await close(bench);
	assert.equal(
		started.map(({ threadId }) => threadId),
		[-1, -1],
	);
});

test('a thread that is killed in mid-evaluation gives a clean error, and the next request is answered right', async () => {
	const { start, started } = watchedStart();
	const bench = await open(long, start);
	await checkLong(bench);
	for (const victim of [0, 1]) {
		const working = started.slice(-2);
		const begun = bench.server.evaluate(bench.request, { onProgress: () => void working[victim]?.terminate() });
		const error = await refusalOfAsync(begun);
		assert.is(error.code, 'stopped', error.message);
		assert.match(error.hint ?? '', /again/);
		assert.equal(
			working.map(({ threadId }) => threadId),
			[-1, -1],
		);
		await checkLong(bench);
	}
	assert.is(started.length, 6);
	await close(bench);
});

test('a thread that is lost between two requests is made anew', async () => {
	const { start, started } = watchedStart();
	const bench = await open(long, start);
	await checkLong(bench);
	await started[1]?.terminate();
	await checkLong(bench);
	assert.is(started.length, 4);
	await close(bench);
});

test('an abort ends the evaluation and keeps the threads', async () => {
	const { start, started } = watchedStart();
	const bench = await open(long, start);
	await checkLong(bench);
	for (let k = 0; k < 3; k++) {
		const controller = new AbortController();
		const seen: number[] = [];
		const onProgress = ({ done }: { readonly done: number }): void => {
			seen.push(done);
			controller.abort();
		};
		const begun = bench.server.evaluate(bench.request, { signal: controller.signal, onProgress });
		assert.is((await refusalOfAsync(begun)).code, 'aborted');
		assert.ok((seen[0] as number) < long.server.instructions.length, 'it had not ended');
		await checkLong(bench);
	}
	assert.is(started.length, 2);
	await close(bench);
});

test('a listener that throws ends the evaluation by what it threw', async () => {
	const bench = await open(long, watchedStart().start);
	const onProgress = (): void => {
		throw new RangeError('of the listener');
	};
	try {
		await bench.server.evaluate(bench.request, { onProgress });
		assert.unreachable();
	} catch (error) {
		assert.instance(error, RangeError);
	}
	await checkLong(bench);
	await close(bench);
});

test('threads that do not heed an abort are ended, and the next request has others', async () => {
	const { start, started } = watchedStart();
	let stuck = true;
	const bench = await open(
		long,
		(module, options) => {
			if (!stuck) return start(module, options);
			stuck = false;
			return new Worker('for (;;);', { eval: true });
		},
		{ patience: 100 },
	);
	const begun = bench.server.evaluate(bench.request, { signal: AbortSignal.timeout(100) });
	assert.is((await refusalOfAsync(begun)).code, 'aborted');
	await checkLong(bench);
	assert.is(started.length, 3);
	await close(bench);
});

test('a thread that fails gives a clean error', async () => {
	const { start } = watchedStart();
	let broken = true;
	const bench = await open(long, (module, options) => {
		if (!broken) return start(module, options);
		broken = false;
		return new Worker("throw new Error('no luck')", { eval: true });
	});
	const error = await refusalOfAsync(bench.server.evaluate(bench.request));
	assert.equal([error.code, /no luck/.test(error.message)], ['stopped', true]);
	await checkLong(bench);
	await close(bench);
});

test('where not all threads can be started, none is left, and the next request is answered right', async () => {
	const { start, started } = watchedStart();
	let left = 1;
	const bench = await open(long, (module, options) => {
		if (left-- === 0) throw new Error('no more threads');
		return start(module, options);
	});
	const error = await refusalOfAsync(bench.server.evaluate(bench.request));
	assert.equal([error.code, /no more threads/.test(error.message)], ['stopped', true]);
	assert.is(started.length, 1);
	if (started[0]?.threadId !== -1) await new Promise((resolve) => started[0]?.once('exit', resolve));
	await checkLong(bench);
	await close(bench);
});

test('malformed inputs are refused by the thread that reads them, and all go on', async () => {
	const program = manyPorts();
	const { start, started } = watchedStart();
	const { client: half, server: plan, constants } = program;
	const options = { memoryLimit: 1e9, threads: 2, onNotice: assert.unreachable };
	const server = new Server(plan, await createKernelEngine(plan, constants, options, { start, patience: 1000 }));
	const client = await createClient(half);
	await server.loadKeys(await client.evaluationKeys());
	const request = await client.encryptBatch(samplesFor(program));
	const lengths = half.inputs.map(({ level }) => inputLength(half.parameters, level));
	const { fingerprint } = half;
	const { keySet, samples, parts } = await readMessage(request, { kind: 'inputs', fingerprint }, lengths);
	const right = await server.evaluate(request);
	for (const bad of parts.keys()) {
		const wrong = parts.map((part, i) => (i === bad ? new Uint8Array(part.length).fill(255) : part));
		const message = await writeMessage({ kind: 'inputs', fingerprint, keySet, samples }, wrong);
		const error = await refusalOfAsync(server.evaluate(message));
		assert.equal([error.code, error.message.includes(`input 'x${bad}'`)], ['message', true], error.message);
		assert.is(Buffer.compare(await server.evaluate(request), right), 0);
	}
	assert.is(started.length, 2);
	client.dispose();
	await server.dispose();
});

test('where nothing starts threads, one evaluates, and says so', async () => {
	const notices: string[] = [];
	const bench = await open(long, undefined, { onNotice: (text) => void notices.push(text) });
	assert.equal([bench.server.backend, bench.server.threads, notices.length], ['kernel', 1, 1]);
	assert.match(notices[0] ?? '', /one thread/);
	await checkLong(bench);
	await close(bench);
});

test('an idle server keeps no process alive', async () => {
	// It is not disposed of: this file would not end.
	const bench = await open(long, watchedStart().start);
	await checkLong(bench);
	bench.client.dispose();
});

test.run();
