import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openBlobCache } from '../../runtime/service/blobCache.ts';
import type { SweptBlobs } from '../../runtime/service/blobs.ts';
import { openS3Blobs } from '../../runtime/service/s3Blobs.ts';
import { openBucket, type S3Handling } from '../../runtime/service/s3Bucket.ts';
import { readCredentials } from '../../runtime/service/s3Credentials.ts';
import { credentials, type Fault, type S3Request, startS3 } from './s3Fake.ts';

type Setting = {
	store: Awaited<ReturnType<typeof startS3>>;
	fault: { next: (request: S3Request) => Fault | undefined };
	folder: string;
};

const test = suite<Setting>('blobs in S3');

test.before.each(async (setting) => {
	setting.fault = { next: () => undefined };
	setting.store = await startS3(setting.fault);
	setting.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-s3-'));
});

test.after.each(async ({ store, folder }) => {
	await store.close();
	rmSync(folder, { recursive: true, force: true });
});

const quick: S3Handling = { answerMs: 2000, idleMs: 100, pauseMs: 1 };

/** Blobs with a cache of their own, as of one machine. */
const open = ({ store, folder }: Setting, machine = 'one', patience = quick): Promise<SweptBlobs> =>
	openS3Blobs({ kind: 's3', ...store.place, cache: join(folder, machine), cacheBytes: 1e9 }, credentials, patience);

/** The same fault for the first so many requests that `when` says. */
const fail =
	(fault: Fault, count: number, when: (request: S3Request) => boolean) =>
	(request: S3Request): Fault | undefined =>
		when(request) && count-- > 0 ? fault : undefined;

const refusalOf = async (work: Promise<unknown>): Promise<{ code?: unknown; message: string }> =>
	work.then(
		() => ({ message: 'nothing' }),
		(error) => error,
	);

test('what one machine stores another one reads, and requests are signed', async (setting) => {
	const [one, two] = [await open(setting), await open(setting, 'two')];
	const { name, bytes } = await one.put(new Uint8Array([1, 2, 3]), 3);
	assert.is(bytes, 3);
	assert.equal([...setting.store.objects.keys()], [`some/prefix/${name}`]);
	assert.equal([...((await two.get(name)) ?? [])], [1, 2, 3]);
	assert.equal(
		[await two.has(name), await two.has('0'.repeat(64)), await two.get('0'.repeat(64))],
		[true, false, undefined],
	);
	const sent = setting.store.requests.length;
	assert.is((await two.get(name))?.length, 3);
	assert.is(setting.store.requests.length, sent, 'the second time it comes from the cache');
	await one.remove(name);
	assert.is(await two.has(name), false);
	assert.is((await refusalOf(one.put(new Uint8Array(4), 3))).code, 'message');
	assert.is(setting.store.objects.size, 0);
	for (const hostile of ['', '..', '../../x', `${name}/..`, name.toUpperCase()])
		assert.equal([await one.get(hostile), await one.has(hostile)], [undefined, false]);
});

test('another secret is refused, and the refusal holds nothing that the store said', async (setting) => {
	const { store, folder } = setting;
	const source = { kind: 's3', ...store.place, cache: join(folder, 'other'), cacheBytes: 1e9 } as const;
	const notices: string[] = [];
	const handling = { ...quick, onNotice: (text: string) => void notices.push(text) };
	const blobs = await openS3Blobs(source, { ...credentials, secretAccessKey: 'another' }, handling);
	const refusal = await refusalOf(blobs.put(new Uint8Array([1]), 1));
	assert.is(refusal.code, 'stopped');
	assert.match(refusal.message, '403');
	assert.not.match(`${refusal.message} ${JSON.stringify(refusal)}`, /marker|another/i);
	assert.is(store.requests.length, 1, 'what is not allowed is not tried again');
	await refusalOf(blobs.put(new Uint8Array([1]), 1));
	assert.equal(notices, ['the S3 store of the service failed (403 AccessDenied).']);
});

test('a large blob goes in parts, from a stream, and none is left when they fail', async (setting) => {
	const { store, fault } = setting;
	const [one, two] = [await open(setting), await open(setting, 'two')];
	const bytes = randomBytes(2 ** 24 + 5);
	const stream = async function* () {
		for (let at = 0; at < bytes.length; at += 1_000_000) yield bytes.subarray(at, at + 1_000_000);
	};
	fault.next = fail('error', 2, ({ method }) => method === 'PUT');
	const { name } = await one.put(stream(), bytes.length);
	assert.is(store.requests.filter((text) => /partNumber=3/.test(text)).length, 1);
	assert.ok(bytes.equals((await two.get(name)) ?? Buffer.alloc(0)));
	assert.is(store.uploads.size, 0);

	for (const wrong of ['late-error', 'deaf'] as const) {
		store.objects.clear();
		fault.next = fail(wrong, 1, ({ method, query }) => method === 'POST' && query.has('uploadId'));
		await one.put(stream(), bytes.length);
		assert.is(store.objects.get(`some/prefix/${name}`)?.bytes.length, bytes.length, wrong);
	}

	store.objects.clear();
	fault.next = fail('error', 100, ({ method, query }) => method === 'PUT' && query.get('partNumber') === '2');
	assert.is((await refusalOf(one.put(stream(), bytes.length))).code, 'stopped');
	assert.equal([store.objects.size, store.uploads.size], [0, 0]);
});

test('what fails for a while is tried again, and what comes damaged is never taken', async (setting) => {
	const { store, fault } = setting;
	const one = await open(setting);
	const bytes = randomBytes(100_000);
	fault.next = fail('wrong', 1, ({ method }) => method === 'PUT');
	const { name } = await one.put(bytes, bytes.length);
	assert.ok(store.objects.get(`some/prefix/${name}`)?.bytes.equals(bytes), 'damaged on its way, and sent again');
	for (const wrong of ['error', 'reset', 'truncate', 'stall', 'wrong'] as const) {
		fault.next = fail(wrong, 1, ({ method }) => method === 'GET');
		const other = await open(setting, wrong);
		assert.ok(bytes.equals((await other.get(name)) ?? Buffer.alloc(0)), wrong);
	}
	for (const wrong of ['error', 'reset', 'truncate', 'stall'] as const) {
		fault.next = () => wrong;
		const other = await open(setting, `${wrong} always`);
		assert.is((await refusalOf(other.get(name))).code, 'stopped', wrong);
		assert.is(readdirSync(join(setting.folder, `${wrong} always`, 'incoming')).length, 0);
	}
	fault.next = () => undefined;
	assert.is(await one.has(name), true, 'a store that fails loses nothing');
	store.objects.set(`some/prefix/${name}`, { bytes: Buffer.from('others'), modified: Date.now() });
	const other = await open(setting, 'wrong always');
	assert.is(await other.get(name), undefined);
	assert.is(await other.has(name), false, 'what is damaged in the store is removed');
	assert.is(readdirSync(join(setting.folder, 'wrong always', 'sha256')).flatMap((start) => readdirSync(join(setting.folder, 'wrong always', 'sha256', start))).length, 0); // biome-ignore format: one thought
});

test('a sweep removes old blobs that nobody names, on all pages, and nothing else', async (setting) => {
	const { store } = setting;
	const blobs = await open(setting);
	const names: string[] = [];
	for (let i = 0; i < 6; i++) names.push((await blobs.put(new Uint8Array([i]), 1)).name);
	for (const [i, name] of names.entries()) {
		const stored = store.objects.get(`some/prefix/${name}`);
		if (stored !== undefined && i < 4) stored.modified = 1e12;
	}
	const others = ['some/prefix/notes.txt', `some/other/${names[0]}`, `some/prefix/deeper/${names[0]}`];
	for (const key of others) store.objects.set(key, { bytes: Buffer.alloc(1), modified: 1e12 });
	await blobs.sweep(new Set(names.slice(0, 2)), Date.now() - 1e6);
	const kept = [names[0], names[1], names[4], names[5]].map((name) => `some/prefix/${name}`);
	assert.equal([...store.objects.keys()].sort(), [...kept, ...others].sort());
});

test('the cache keeps about as much as it may, the blobs that were used last', async ({ folder }) => {
	const root = join(folder, 'cache');
	let now = Date.now();
	const cache = await openBlobCache(root, 1000, () => now);
	const names: string[] = [];
	for (let i = 0; i < 3; i++) {
		const { name } = await cache.put(new Uint8Array(300).fill(i), 300);
		names.push(name);
		utimesSync(cache.pathOf(name), 0, now / 1000 - 1000 + i);
	}
	assert.is((await cache.get(names[0] ?? ''))?.length, 300);
	await cache.put(new Uint8Array(300).fill(9), 300);
	const there = await Promise.all(names.map(async (name) => (await cache.get(name)) !== undefined));
	assert.equal(there, [true, false, true]);
	now += 2 * 86_400_000;
	const again = await openBlobCache(root, 1000, () => now);
	assert.is(await again.get(names[0] ?? ''), undefined, 'unused for a day');
});

test('credentials come from the environment or a file, and no refusal repeats them', async ({ folder }) => {
	const pair = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'marker' };
	assert.equal(readCredentials(pair), { accessKeyId: 'id', secretAccessKey: 'marker' });
	const file = join(folder, 'credentials');
	writeFileSync(
		file,
		'[other]\naws_access_key_id = no\n[default]\r\naws_access_key_id=one\naws_secret_access_key = marker/+=\n',
	);
	const named = { AWS_SHARED_CREDENTIALS_FILE: file };
	assert.equal(readCredentials(named), { accessKeyId: 'one', secretAccessKey: 'marker/+=' });
	for (const environment of [
		{},
		{ AWS_ACCESS_KEY_ID: 'marker' },
		{ ...pair, AWS_SESSION_TOKEN: 'marker' },
		{ ...named, AWS_PROFILE: 'other' },
		{ AWS_SHARED_CREDENTIALS_FILE: join(folder, 'marker-path') },
	]) {
		const refusal = await refusalOf(Promise.resolve().then(() => readCredentials(environment)));
		assert.is(refusal.code, 'misuse');
		assert.not.match(JSON.stringify([refusal, refusal.message]), /marker/);
	}
});

test('places that there cannot be are refused', async () => {
	const place = { endpoint: 'https://s3.example', bucket: 'bucket', region: 'auto', prefix: '' };
	openBucket(place, credentials);
	for (const change of [
		{ endpoint: 'ftp://host' },
		{ endpoint: 'https://user:marker@host' },
		{ endpoint: 'https://host/path' },
		{ endpoint: 'host' },
		{ bucket: 'A' },
		{ bucket: '..' },
		{ bucket: 'a/b' },
		{ region: '' },
		{ prefix: '../x' },
		{ prefix: '/x' },
		{ prefix: 'x/' },
		{ prefix: 'a//b' },
		{ prefix: 'a?b' },
	]) {
		const refusal = await refusalOf(Promise.resolve().then(() => openBucket({ ...place, ...change }, credentials)));
		assert.is(refusal.code, 'misuse', JSON.stringify(change));
		assert.not.match(refusal.message, /marker/);
	}
});

test.run();
