import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDiskBlobs } from '../../runtime/service/diskBlobs.ts';
import { openKeyStore } from '../../runtime/service/keySets.ts';
import { makeUser, program, scratch } from './tiny.ts';

const { folder } = scratch();
const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
	work.then(
		() => 'nothing',
		(error) => error.code,
	);

test('a blob is there as a whole or not at all, and one that was damaged is not there', async () => {
	const root = join(folder, 'whole');
	const blobs = await openDiskBlobs(root);
	const { name } = await blobs.put(new Uint8Array([1, 2, 3]), 3);
	assert.equal([...((await blobs.get(name)) ?? [])], [1, 2, 3]);
	assert.is(await codeOf(blobs.put(new Uint8Array(4), 3)), 'message');
	writeFileSync(join(root, 'sha256', name.slice(0, 2), name.slice(2)), 'other');
	assert.is(await blobs.get(name), undefined);
	assert.is(await blobs.has(name), false);
	for (const hostile of ['', '..', '../../etc/passwd', `${name}/..`, name.toUpperCase()])
		assert.equal([await blobs.get(hostile), await blobs.has(hostile)], [undefined, false]);
});

test('key sets: parts, owners, quota, the one unused for longest, time, pins, restart', async () => {
	const blobs = await openDiskBlobs(join(folder, 'keys'));
	let now = 1e12;
	const user = await makeUser('a');
	const bytes = user.parts.reduce((sum, part) => sum + part.length, 0);
	const options = { program: program.server, blobs, folder: join(folder, 'manifests'), now: () => now };
	const limits = { ownerBytes: bytes, totalBytes: 2 * bytes, ttlMs: 1e6 };
	const open = () => openKeyStore({ ...options, ...limits });
	const keys = await open();
	const send = async (keySet: string): Promise<void> => {
		for (const [i, part] of user.parts.entries()) await keys.add('a', keySet, i, part);
	};
	const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
	const [part] = user.parts as [Uint8Array];
	assert.is(await codeOf(keys.add('a', '../x', 0, part)), 'not-found');
	assert.is(await codeOf(keys.add('a', first, 99, part)), 'not-found');
	assert.is(await codeOf(keys.add('a', first, 0, new Uint8Array(part.length))), 'message');
	assert.is(await keys.present('a', first), undefined);
	assert.is(await keys.add('a', first, 0, part), 'stored');
	assert.is(await keys.add('a', first, 0, part), 'there');
	assert.is(await keys.complete('a', first), undefined);
	await send(first);
	const names = (await keys.complete('a', first)) ?? [];
	assert.is(names.length, user.parts.length);
	assert.is(await keys.present('b', first), undefined);
	assert.is(await codeOf(keys.add('a', second, 0, part)), 'too-many');
	now += 120_000;
	keys.pin(names);
	assert.is(await codeOf(keys.add('a', second, 0, part)), 'too-many');
	assert.is((await (await open()).complete('a', first))?.length, names.length);
	await keys.release(names);
	await send(second);
	assert.is(await keys.present('a', first), undefined);
	now += 2e6;
	await keys.sweep();
	assert.equal([await keys.present('a', second), keys.names()], [undefined, []]);
	assert.is(await blobs.has(names[0] ?? ''), false);
});

test('a key that is gone or damaged is asked for again, and a store that cannot remove stops nobody', async () => {
	const root = join(folder, 'lost');
	const disk = await openDiskBlobs(root);
	const broken = { ...disk, remove: () => Promise.reject(new Error('the store does not answer')) };
	const user = await makeUser('a');
	const limits = { ownerBytes: 1e9, totalBytes: 1e9, ttlMs: 1e6 };
	const keys = await openKeyStore({ program: program.server, blobs: broken, folder: join(folder, 'some'), ...limits });
	const send = async (): Promise<void> => {
		for (const [i, part] of user.parts.entries()) await keys.add('a', user.keySet, i, part);
	};
	await send();
	const names = (await keys.complete('a', user.keySet)) ?? [];
	await disk.remove(names[1] ?? '');
	const left = user.parts.map((_, i) => i).filter((i) => i !== 1);
	assert.equal((await keys.present('a', user.keySet))?.present, left);
	assert.is(await keys.complete('a', user.keySet), undefined);
	await send();
	assert.equal(await keys.complete('a', user.keySet), names);
	keys.pin(names);
	await keys.release(names);
	assert.is(await keys.remove('a', user.keySet), true);
	assert.equal([await keys.present('a', user.keySet), keys.names()], [undefined, []]);
});

test.run();
