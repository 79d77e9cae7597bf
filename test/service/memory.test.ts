import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { createServer, type KeyParts } from '../../runtime/server.ts';
import { openDiskBlobs } from '../../runtime/service/diskBlobs.ts';
import { startEvaluator } from '../../runtime/service/evaluator.ts';
import type { Job } from '../../runtime/service/jobs.ts';
import { LoadedKeys } from '../../runtime/service/loadedKeys.ts';
import { makeUser, program, scratch } from './tiny.ts';

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
	work.then(
		() => 'nothing',
		(error) => error.code,
	);

/** A server whose memory holds so many bytes of keys, and nothing else. */
const serverOf = (room: number) => {
	const loaded = new Map<string, number>();
	const bytes = (): number => [...loaded.values()].reduce((sum, more) => sum + more, 0);
	return {
		loaded,
		loadKeyParts: async (keySet: string, parts: KeyParts): Promise<void> => {
			let length = 0;
			for await (const part of parts) length += part.length;
			if (bytes() + length > room) throw new RefusedError('memory', 'too many keys');
			loaded.set(keySet, length);
		},
		dropKeys: async (keySet: string): Promise<void> => void loaded.delete(keySet),
	};
};

test('key sets that were unused for longest make room, and what never fits is refused', async () => {
	const server = serverOf(20);
	const keys = new LoadedKeys(server, { get: async (name) => new Uint8Array(Number(name)) });
	const ensure = (keySet: string, ...sizes: string[]): Promise<void> => {
		const job: Job = { id: keySet, owner: '', keySet, input: '', keys: sizes };
		return keys.ensure(job, {});
	};
	await ensure('a', '4', '4');
	await ensure('b', '8');
	await ensure('a', '4', '4');
	await ensure('c', '8');
	assert.equal([...server.loaded.keys()], ['a', 'c'], 'b was unused for longest');
	assert.is(await codeOf(ensure('d', '15', '15')), 'memory');
	assert.equal([server.loaded.size, keys.loaded], [0, []]);
	await ensure('a', '20');
	await ensure('a', '19', '1');
	assert.equal(keys.loaded, ['a 19 1'], 'other keys of the same name take the place of those that were there');
});

/** The least limit, to 4 kB, with which the program and one key set fit. */
const leastMemory = async (parts: readonly Uint8Array[]): Promise<number> => {
	let [low, high] = [0, 2 ** 30];
	while (high - low > 4096) {
		const memoryLimit = Math.floor((low + high) / 2);
		const loaded = createServer(program.server, program.constants, { memoryLimit }).then((server) =>
			server.loadKeyParts('0'.repeat(32), parts).finally(() => server.dispose()),
		);
		const code = await codeOf(loaded);
		assert.ok(code === 'nothing' || code === 'memory', String(code));
		if (code === 'memory') low = memoryLimit;
		else high = memoryLimit;
	}
	assert.ok(low > 0, 'some limit is too low');
	return high;
};

test('with room for one key set, users take turns in one evaluator, and each answer is right', async () => {
	const { folder, build } = scratch();
	const blobs = await openDiskBlobs(folder);
	const [ann, bob] = [await makeUser('ann'), await makeUser('bob')];
	const memoryLimit = await leastMemory(ann.parts);
	const evaluator = startEvaluator({ build, blobs: { kind: 'disk', folder }, memoryLimit });
	for (const index of [0, 1])
		for (const [user, other] of [[ann, bob] as const, [bob, ann] as const]) {
			const [job, others] = [await user.job(blobs, index), await other.job(blobs, index)];
			await user.check(blobs, await evaluator.evaluate(job, {}), index);
			assert.equal([evaluator.holds(job), evaluator.holds(others)], [true, false]);
		}
	await evaluator.close();
	const tight = startEvaluator({ build, blobs: { kind: 'disk', folder }, memoryLimit: memoryLimit - 8192 });
	const refused = codeOf(tight.started.then(async () => tight.evaluate(await ann.job(blobs, 0), {})));
	assert.is(await refused, 'memory', 'refused, and not tried');
	await tight.close();
});

test.run();
