import type { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import { createClient } from '../../runtime/client.ts';
import { PlaintextEncoder } from '../../runtime/encryption/encoder.ts';
import { EncryptionPool } from '../../runtime/encryption/pool.ts';
import type { Job } from '../../runtime/encryption/protocol.ts';
import { readMessage } from '../../runtime/message.ts';
import type { RunOptions } from '../../runtime/pace.ts';
import { loadSeeded } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { inputLength } from '../../runtime/sizes.ts';
import { type StartThread, threadStarter } from '../../runtime/threads.ts';
import {
	makeParameters,
	makeProgram,
	maxDifference,
	refusalOf,
	refusalOfAsync,
	SCALE,
	SMALL,
	sampleOf,
} from './support.ts';

const COUNT = 230;
const start = threadStarter() as StartThread;
const context = new SealContext(await loadSeal(), SMALL, { steps: [] });
const owner = new SealKeyOwner(context);
/** Every ciphertext holds other values, so that two in each other's place would be found. */
const jobs = Array.from(
	{ length: COUNT },
	(_, i): Job => ({ values: sampleOf(2048, i + 1), level: i % 2, scale: SCALE }),
);

const decryptWith = (key: SealKeyOwner, bytes: Uint8Array, level: number): Float64Array => {
	const ciphertext = loadSeeded(context, bytes, level, SCALE, 'a part');
	const values = key.decrypt(ciphertext);
	release(ciphertext.object);
	return values;
};

const checkAll = (parts: readonly Uint8Array[], key = owner): void => {
	assert.is(parts.length, COUNT);
	for (const [i, part] of parts.entries()) {
		const { values, level } = jobs[i] as Job;
		assert.ok(maxDifference(decryptWith(key, part, level), values) < 1e-3, `ciphertext ${i}`);
	}
};

const poolWith = (threads: number, begin: StartThread, made = { own: 0 }): EncryptionPool => {
	const data = () => ({ parameters: SMALL, secret: owner.exportSecretKey() });
	const own = ({ values, level, scale }: Job): Uint8Array => {
		made.own++;
		return owner.encrypt(values, level, scale);
	};
	return new EncryptionPool(threads, data, own, begin);
};

const allOf = async (pool: EncryptionPool, options: RunOptions = {}): Promise<readonly Uint8Array[]> => {
	const parts: Uint8Array[] = [];
	await pool.encryptAll(jobs, options, async (part) => void parts.push(part));
	return parts;
};

test('the kernel encodes what SEAL decodes: within rounding, at every level and for small, large and zero values', async () => {
	const encoder = (await PlaintextEncoder.create(SMALL)) as PlaintextEncoder;
	for (const factor of [0, 1e-6, 1, 100])
		for (const level of [0, 1]) {
			const values = sampleOf(2048, 3).map((value) => factor * value);
			const bytes = encoder.bytesOf(values, context.level(level).layout, SCALE);
			const [seals, ours] = [context.encode(values, level, SCALE).object, new context.module.seal.Plaintext()];
			ours.loadFromArray(context.context, bytes);
			// Each of 4096 coefficients is off by at most 1 / 2, as SEAL's are: slots by some 16 at a time, hardly ever by 128.
			for (const plain of [seals, ours]) {
				const error = maxDifference(context.decode(plain), values);
				assert.ok(error * SCALE < 128, `${factor} at level ${level}: ${error * SCALE}`);
				release(plain);
			}
		}
});

test('a scale beyond what the kernel encodes is refused', async () => {
	const encoder = (await PlaintextEncoder.create(SMALL)) as PlaintextEncoder;
	const values = new Float64Array(2048).fill(1);
	assert.is(
		refusalOf(() => encoder.bytesOf(values, context.level(1).layout, 2 ** 150)),
		'program',
	);
	assert.is(encoder.bytesOf(values, context.level(1).layout, 2 ** 149).length > 0, true);
});

test('parameters that the kernel cannot take are encoded by SEAL', async () => {
	const large = makeParameters(4096, [49], 50);
	assert.is(await PlaintextEncoder.create(large), undefined);
	const program = makeProgram({ parameters: large, inputs: [{ shape: [8] }], outputs: [], instructions: [] });
	const client = await createClient(program.client);
	assert.ok((await client.encrypt({ x0: sampleOf(8) })).length > 8 * 2048);
	client.dispose();
});

test('several threads encrypt what one would, in order, and share the work', async () => {
	const made = { own: 0 };
	const pool = poolWith(2, start, made);
	for (let round = 0; round < 3; round++) checkAll(await allOf(pool));
	assert.ok(made.own < 3 * COUNT, 'the caller did everything');
	assert.ok(pool.ready);
	pool.dispose();
});

test('what a thread leaves behind that ends, the others do', async () => {
	const started: Worker[] = [];
	const pool = poolWith(3, (...args) => {
		const worker = start(...args);
		started.push(worker);
		return worker;
	});
	started[0]?.once('message', () => void started[0]?.terminate());
	for (let round = 0; round < 3; round++) checkAll(await allOf(pool));
	assert.is(started[0]?.threadId, -1, 'it ended');
	await started[1]?.terminate();
	assert.not.ok(pool.alive);
});

test('a call that is aborted ends its threads', async () => {
	const pool = poolWith(2, start);
	const controller = new AbortController();
	const abort = { signal: controller.signal, onProgress: () => controller.abort() };
	assert.is((await refusalOfAsync(allOf(pool, abort))).code, 'aborted');
	assert.not.ok(pool.alive);
});

test('a pool that is disposed of in mid-call leaves the rest to the caller', async () => {
	const pool = poolWith(2, start);
	checkAll(await allOf(pool, { onProgress: () => pool.dispose() }));
	assert.not.ok(pool.alive);
});

test('a client with threads makes the message that one without makes, also after an abort', async () => {
	const program = makeProgram({
		batch: 2048,
		inputs: [{ shape: [COUNT], parts: Array.from({ length: COUNT }, (_, i) => [[0, 1, i, 1] as const]) }],
		outputs: [],
		instructions: [],
	});
	const client = await createClient(program.client, { threads: 2 });
	const samples = Array.from({ length: 2048 }, (_, b) => ({ x0: jobs.map(({ values }) => values[b] as number) }));
	const controller = new AbortController();
	const abort = { signal: controller.signal, onProgress: () => controller.abort() };
	assert.is((await refusalOfAsync(client.encryptBatch(samples, abort))).code, 'aborted');
	const { parameters, fingerprint } = program.client;
	const lengths = new Array<number>(COUNT).fill(inputLength(parameters, 1));
	const exported = await client.exportSecretKey();
	for (let round = 0; round < 2; round++) {
		const message = await client.encryptBatch(samples);
		const { parts } = await readMessage(message, { kind: 'inputs', fingerprint }, lengths);
		// Behind the head and the length of the only part of the exported message, before its digest.
		const key = new SealKeyOwner(context, exported.subarray(72, -32));
		for (const [i, part] of parts.entries())
			assert.ok(maxDifference(decryptWith(key, part, 1), (jobs[i] as Job).values) < 1e-3, `ciphertext ${i}`);
		key.dispose();
	}
	client.dispose();
});

test.run();
