import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSamples } from '../../cli/model.ts';
import { connect } from '../../runtime/remote/index.ts';
import { keyLengths } from '../../runtime/sizes.ts';
import { credentials, startS3 } from './s3Fake.ts';
import { program, scratch } from './tiny.ts';

/** `onnx-seal serve` with its blobs in S3, in a process of its own, and others that want the same folder or the same objects. */
const { folder, build } = scratch();
const root = join(import.meta.dirname, '..', '..');
const model = join(root, 'models', 'breast-cancer-logistic');
const [sample] =
	readSamples([join(model, 'samples', 'features.npy')], [{ name: 'features', shape: [1, 30] }]).get('features') ?? [];

type Store = Awaited<ReturnType<typeof startS3>>;

const start = ({ place }: Store, data: string): ChildProcess => {
	const address = ['--blobs', `s3://${place.bucket}/${place.prefix}`, '--s3-region', place.region];
	const args = ['serve', build, '--port', '0', '--data', join(folder, data), '--json', ...address];
	const child = spawn(process.execPath, [join(root, 'cli', 'bin.js'), ...args], {
		stdio: ['ignore', 'pipe', 'pipe'],
		env: {
			...process.env,
			AWS_ENDPOINT_URL_S3: place.endpoint,
			AWS_ACCESS_KEY_ID: credentials.accessKeyId,
			AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
		},
	});
	process.on('exit', () => child.kill('SIGKILL'));
	return child;
};

const urlOf = async ({ stdout, stderr }: ChildProcess): Promise<string> => {
	if (stdout === null || stderr === null) throw new Error('no output');
	const [line] = await Promise.race([once(createInterface({ input: stdout }), 'line'), once(stdout, 'end')]);
	const told: unknown = JSON.parse(String(line ?? '{}'));
	if (typeof told !== 'object' || told === null || !('url' in told)) throw new Error('serve ended');
	return String(told.url);
};

/** How one ends that cannot start. */
const refusalOf = async (child: ChildProcess): Promise<{ readonly status: unknown; readonly stderr: string }> => {
	const ended = once(child, 'exit');
	const stderr = child.stderr === null ? '' : await text(child.stderr);
	return { status: (await ended)[0], stderr };
};

const filesBelow = (path: string): readonly string[] =>
	readdirSync(path, { recursive: true, encoding: 'utf8' })
		.map((name) => join(path, name))
		.filter((file) => statSync(file).isFile());

test('a service keeps its blobs in S3 and its credentials to itself; its folder and its objects are its own', async () => {
	const store = await startS3({ next: () => undefined });
	const one = start(store, 'one');
	const log: string[] = [];
	one.stderr?.setEncoding('utf8').on('data', (line: string) => log.push(line));
	const url = await urlOf(one);

	const others = [start(store, 'one'), start(store, 'two')].map(refusalOf);
	const [sameFolder, sameObjects] = await Promise.all(others);
	if (sameFolder === undefined || sameObjects === undefined) throw new Error('no refusals');
	assert.is(sameFolder.status, 3);
	assert.match(sameFolder.stderr, /in use by another service/);
	assert.is(sameObjects.status, 3);
	assert.match(sameObjects.stderr, /another data folder/);

	const remote = await connect(url);
	const { outputs } = await remote.infer({ features: sample ?? [] });
	assert.ok((outputs.get('probability')?.data[0] ?? 0) > 0.99);
	await remote.client.dispose();
	const prefix = `${store.place.prefix}/${program.client.fingerprint.slice(0, 16)}/`;
	const names = [...store.objects.keys()];
	assert.ok(
		names.length > keyLengths(program.client.parameters, program.client.keys).length &&
			names.every((name) => name.startsWith(prefix)),
	);

	one.kill('SIGKILL');
	await once(one, 'exit');
	const again = start(store, 'one');
	assert.ok((await fetch(`${await urlOf(again)}/readyz`)).ok, 'the lock of a process that was killed is gone');
	again.kill('SIGTERM');
	assert.is((await once(again, 'exit'))[0], 0);
	const stored = filesBelow(join(folder, 'one')).map((file) => readFileSync(file, 'latin1'));
	assert.ok(stored.length > 3);
	for (const marker of Object.values(credentials))
		assert.not.ok([...stored, ...log].some((content) => content.includes(marker)));
	await store.close();
});

test.run();
