import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSamples } from '../../cli/model.ts';
import { connect, RemoteError } from '../../runtime/remote/index.ts';
import { start as runHere } from '../cli/support.ts';
import { scratch } from './tiny.ts';

/** `onnx-seal serve` in a process of its own, with evaluators in further ones, and clients that encrypt. */
const { folder, build } = scratch();
const root = join(import.meta.dirname, '..', '..');
const tokens = join(folder, 'tokens');
writeFileSync(tokens, 'alice alices-token-0123456789\nbob bobs-token-0123456789\n');
const model = join(root, 'models', 'breast-cancer-logistic');
const samples = readSamples([join(model, 'samples', 'features.npy')], [{ name: 'features', shape: [1, 30] }]);
const [first, second] = samples.get('features') ?? [];

type Served = {
	readonly child: ChildProcess;
	readonly url: string;
	readonly log: string[];
	readonly stop: () => Promise<number | null>;
};

const serve = async (...more: readonly string[]): Promise<Served> => {
	const data = join(folder, 'data');
	const args = ['serve', build, '--port', '0', '--data', data, '--tokens', tokens, '--json', ...more];
	const child = spawn(process.execPath, [join(root, 'cli', 'bin.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	process.on('exit', () => child.kill('SIGKILL'));
	const log: string[] = [];
	createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
	const ended = once(child, 'exit');
	const printed = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
	const told: unknown = typeof printed[0] === 'string' ? JSON.parse(printed[0]) : undefined;
	if (typeof told !== 'object' || told === null || !('url' in told)) throw new Error(`serve ended: ${log.join('\n')}`);
	const stop = async (): Promise<number | null> => {
		child.kill('SIGTERM');
		const [code] = (await ended) as [number | null];
		return code;
	};
	return { child, url: String(told.url), log, stop };
};

const infer = async (remote: Awaited<ReturnType<typeof connect>>, sample = first): Promise<number> => {
	const { outputs } = await remote.infer({ features: sample ?? [] });
	return outputs.get('probability')?.data[0] ?? Number.NaN;
};

test('two users get their answers; keys and statuses outlive a restart; SIGTERM ends it with 0', async () => {
	const one = await serve();
	const alice = await connect(one.url, { token: 'alices-token-0123456789' });
	const bob = await connect(one.url, { token: 'bobs-token-0123456789' });
	const [a, b] = await Promise.all([infer(alice), infer(bob, second)]);
	assert.ok(a > 0.99, `${a}`);
	assert.ok(b < 0.01, `${b}`);
	const refused = await connect(one.url, { token: 'eves-token-0123456789' }).catch((error: unknown) => error);
	assert.ok(refused instanceof RemoteError && refused.code === 'unauthorized');
	const secretKey = await alice.client.exportSecretKey();
	assert.is(await one.stop(), 0);
	assert.not.match(one.log.join('\n'), /token-0123456789/);

	const two = await serve();
	let sent = 0;
	const again = await connect(two.url, {
		token: 'alices-token-0123456789',
		secretKey,
		onProgress: ({ stage }) => {
			if (stage === 'make keys') sent++;
		},
	});
	assert.is(sent, 0);
	assert.ok((await infer(again)) > 0.99);
	const metrics = await (await fetch(`${two.url}/metrics`)).text();
	assert.match(metrics, 'onnx_seal_evaluation_seconds_count 1');
	assert.is((await fetch(`${two.url}/readyz`)).status, 200);
	assert.is(await two.stop(), 0);
	for (const remote of [alice, bob, again]) await remote.client.dispose();
});

test('it listens on no other address without tokens, and tells what is wrong with what it is given', async () => {
	const open = await runHere('serve', build, '--host', '0.0.0.0', '--port', '0', '--data', join(folder, 'other'));
	assert.is(open.status, 2);
	assert.match(open.stderr, /--tokens/);
	const missing = await runHere('serve', join(folder, 'nothing'));
	assert.is(missing.status, 3);
	assert.match(missing.stderr, /does not exist/);
	writeFileSync(join(folder, 'bad'), 'alice short-marked\n');
	const bad = await runHere('serve', build, '--tokens', join(folder, 'bad'));
	assert.is(bad.status, 3);
	assert.match(bad.stderr, /line 1 of the tokens/);
	assert.not.match(bad.stderr, /marked/);
});

test.run();
