import { join } from 'node:path';
import { MessageChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel, readSamples } from '../../cli/model.ts';
import { compile } from '../../compiler/index.ts';
import { hostClient } from '../../runtime/browser/host.ts';
import {
	createWorkerClient,
	RefusedError,
	type WorkerClientOptions,
	type WorkerLike,
} from '../../runtime/browser/index.ts';
import { createServer } from '../../runtime/server.ts';
import { keySlots } from '../../runtime/sizes.ts';

const folder = join(import.meta.dirname, '..', '..', 'models', 'breast-cancer-logistic');
const ports = [{ name: 'features', shape: [1, 30] }];
const calibration = readSamples([join(folder, 'model.calibration.npy')], ports);
const { program, clear } = compile(readModel(join(folder, 'model.onnx')).bytes, { calibration });
const features = readSamples([join(folder, 'samples', 'features.npy')], ports).get('features')?.[0] as Float64Array;

/** Everything that crosses between the page and the worker, both ways. */
const crossed: unknown[] = [];

/** A worker of this thread: the module's code behind a MessageChannel. `silent` ones answer nothing. */
const inThread =
	(silent = false): NonNullable<WorkerClientOptions['worker']> =>
	() => {
		const { port1, port2 } = new MessageChannel();
		for (const port of [port1, port2]) port.start();
		const channel = (port: NodePort) => ({
			postMessage: (message: unknown, { transfer = [] }: { transfer?: Transferable[] } = {}): void => {
				const copy: unknown = structuredClone(message, { transfer });
				crossed.push(copy);
				port.postMessage(copy);
			},
			addEventListener: (type: string, listener: (event: never) => void): void => {
				if (type === 'message') port.on('message', (data: unknown) => listener({ data } as never));
			},
		});
		if (!silent) hostClient(channel(port2));
		return { ...channel(port1), terminate: () => port1.close() };
	};

const refusal = async (work: () => Promise<unknown>, code: RefusedError['code']): Promise<void> => {
	try {
		await work();
	} catch (error) {
		assert.instance(error, RefusedError);
		assert.is((error as RefusedError).code, code);
		return;
	}
	assert.unreachable(`nothing was refused with '${code}'`);
};

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
	const list: T[] = [];
	for await (const item of items) list.push(item);
	return list;
};

test('keys, inputs and outputs of a worker are those of a client', async () => {
	const client = await createWorkerClient(program.client, { worker: inThread() });
	const server = await createServer(program.server, program.constants);
	const done: number[] = [];
	const parts = await collect(client.evaluationKeyParts({ onProgress: ({ done: count }) => void done.push(count) }));
	const count = keySlots(program.client.keys).length;
	assert.equal(parts.map(({ part }) => part), Array.from({ length: count }, (_, i) => i)); // biome-ignore format: one thought
	assert.equal(done, Array.from({ length: count }, (_, i) => i + 1)); // biome-ignore format: one thought
	await server.loadKeyParts(client.keySet, parts.map(({ bytes }) => bytes)); // biome-ignore format: one thought
	const answer = await server.evaluate(await client.encrypt({ features }));
	const { outputs, warnings } = await client.decrypt(answer);
	assert.equal(warnings, []);
	const expected = clear(new Map([['features', features]])).get('probability')?.data[0] as number;
	const error = Math.abs((outputs.get('probability')?.data[0] as number) - expected);
	assert.ok(error <= (program.client.outputs[0]?.predictedError ?? 0), `off by ${error}`);
	client.dispose();
	await server.dispose();
});

test('only the parts that are asked for are made, in that order', async () => {
	const client = await createWorkerClient(program.client, { worker: inThread() });
	const parts = await collect(client.evaluationKeyParts({ parts: [3, 1] }));
	assert.equal(parts.map(({ part }) => part), [3, 1]); // biome-ignore format: one thought
	await refusal(() => collect(client.evaluationKeyParts({ parts: [99] })), 'misuse');
	client.dispose();
});

test('the secret key crosses when it is exported and never else', async () => {
	crossed.length = 0;
	const client = await createWorkerClient(program.client, { worker: inThread() });
	await collect(client.evaluationKeyParts());
	await client.encrypt({ features });
	const before = crossed.length;
	const secret = Buffer.from(await client.exportSecretKey());
	const run = secret.subarray(secret.length - 4096, secret.length - 4032);
	const bytesOf = (message: unknown): Buffer =>
		Buffer.from(
			Reflect.get(message as object, 'value') instanceof Uint8Array ? Reflect.get(message as object, 'value') : [],
		);
	assert.is(crossed.slice(0, before).filter((message) => bytesOf(message).includes(run)).length, 0); // biome-ignore format: one thought
	assert.is(crossed.slice(before).filter((message) => bytesOf(message).includes(run)).length, 1); // biome-ignore format: one thought
	const again = await createWorkerClient(program.client, { worker: inThread(), secretKey: secret });
	assert.is(again.keySet, client.keySet);
	client.dispose();
	again.dispose();
});

test('refusals cross with their code, message and hint', async () => {
	const client = await createWorkerClient(program.client, { worker: inThread() });
	const refused = await client.encrypt({ other: features }).catch((error: unknown) => error);
	assert.instance(refused, RefusedError);
	assert.is((refused as RefusedError).code, 'input');
	assert.match((refused as RefusedError).message, /'features' is missing/);
	assert.match((refused as RefusedError).hint ?? '', /inputs are 'features'/);
	await refusal(() => client.encrypt({ features: features.map(() => 1e9) }), 'input');
	await refusal(() => client.decrypt(new Uint8Array(10)), 'message');
	await client.encrypt({ features });
	client.dispose();
	await refusal(() => client.encrypt({ features }), 'misuse');
});

test('a program that is none is refused, and the worker ended', async () => {
	const { keys: _, ...broken } = program.client;
	await refusal(() => createWorkerClient(broken as typeof program.client, { worker: inThread() }), 'program');
});

test('a signal ends a call though the worker does not answer, and a worker that is being set up', async () => {
	const controller = new AbortController();
	const reason = new Error('enough');
	let ended = 0;
	const silent = inThread(true)();
	const terminate = (): void => {
		ended++;
		silent.terminate();
	};
	const worker = (): WorkerLike => ({ ...silent, terminate });
	const made = createWorkerClient(program.client, { worker, signal: controller.signal });
	setTimeout(() => controller.abort(reason), 0);
	const error = await made.catch((refused: unknown) => refused);
	assert.instance(error, RefusedError);
	assert.equal([(error as RefusedError).code, (error as RefusedError).cause === reason, ended], ['aborted', true, 1]);
	await refusal(() => createWorkerClient(program.client, { worker: inThread(), signal: controller.signal }), 'aborted');
});

test('results are published and counted as by a client, and what counts wrongly starts no worker', async () => {
	const done = { decided: 0, rounded: 0, flooded: 0, refused: 0 };
	const options = { worker: inThread(), publishing: { done: { ...done, decided: 3 }, most: 5 } };
	const client = await createWorkerClient(program.client, options);
	const server = await createServer(program.server, program.constants);
	await server.loadKeyParts(client.keySet, (await collect(client.evaluationKeyParts())).map(({ bytes }) => bytes)); // biome-ignore format: one thought
	const result = await client.decrypt(await server.evaluate(await client.encrypt({ features })));
	const { outputs } = client.publish(result, { mode: 'decision' });
	const expected = clear(new Map([['features', features]])).get('probability')?.data[0] as number;
	assert.equal([...(outputs.get('probability')?.data ?? [])], [expected > 0.5 ? 1 : 0]);
	assert.equal(client.publications, { ...done, decided: 4 });
	await refusal(async () => client.publish(result, { mode: 'round', digits: 9 }), 'publish');
	client.dispose();
	await server.dispose();
	const worker = (): WorkerLike => assert.unreachable('a worker was started') as never;
	await refusal(() => createWorkerClient(program.client, { worker, publishing: { most: 0 } }), 'misuse');
});

test('a worker that cannot be started refuses what was asked of it', async () => {
	const listeners: ((event: Event) => void)[] = [];
	const worker = (): WorkerLike => ({
		postMessage: () => {
			for (const listener of listeners) listener(Object.assign(new Event('error'), { message: 'no script' }));
		},
		addEventListener: (type: string, listener: (event: never) => void): void => {
			if (type === 'error') listeners.push(listener as (event: Event) => void);
		},
		terminate: () => {},
	});
	await refusal(() => createWorkerClient(program.client, { worker }), 'stopped');
});

test.run();
