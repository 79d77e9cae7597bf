import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { aborted } from '../../runtime/pace.ts';
import { openDiskBlobs } from '../../runtime/service/diskBlobs.ts';
import type { Job } from '../../runtime/service/jobs.ts';
import type { LaneEvaluator } from '../../runtime/service/lanes.ts';
import { openLocalQueue } from '../../runtime/service/localQueue.ts';
import { scratch } from './tiny.ts';

/** Never ends unless it is aborted or closed, or `output` is given. */
const fake = (output?: string): LaneEvaluator => {
	const closed = Promise.withResolvers<never>();
	closed.promise.catch(() => {});
	return {
		started: Promise.resolve(),
		state: () => 'working',
		holds: () => false,
		close: async () => closed.reject(new RefusedError('stopped', 'closed')),
		evaluate: (_, { signal }) => {
			const made = Promise.withResolvers<string>();
			if (output !== undefined) made.resolve(output);
			signal?.addEventListener('abort', () => made.reject(aborted()));
			return Promise.race([made.promise, closed.promise]);
		},
	};
};

test('jobs are cancelled while they wait and run, submitted once, and outlive a restart', async () => {
	const { folder } = scratch();
	const blobs = await openDiskBlobs(join(folder, 'blobs'));
	const { name: output } = await blobs.put(new Uint8Array([9]), 1);
	const jobOf = async (id: string, byte: number): Promise<Job> => {
		const { name } = await blobs.put(new Uint8Array([byte]), 1);
		return { id, owner: 'a', keySet: '0'.repeat(32), input: name, keys: [] };
	};
	const jobs = [await jobOf('first', 1), await jobOf('second', 2), await jobOf('../third', 3)];
	const options = { blobs, folder: join(folder, 'jobs') };
	const queue = await openLocalQueue({ ...options, evaluators: [fake()] });
	const states = [];
	for (const job of jobs) states.push((await queue.submit(job)).state);
	assert.equal(states, ['running', 'waiting', 'waiting']);
	assert.is((await queue.status('../third'))?.position, 1);
	assert.is((await queue.submit(jobs[0] as Job)).state, 'running');
	assert.is((await queue.cancel('first'))?.state, 'cancelled');
	assert.is(await blobs.has(jobs[0]?.input ?? ''), false);
	assert.is((await queue.cancel('second'))?.state, 'cancelled');
	await queue.close(0);

	const again = await openLocalQueue({ ...options, evaluators: [fake(output)] });
	assert.is((await again.status('first'))?.state, 'cancelled');
	let status = await again.status('../third');
	while (status !== undefined && status.state !== 'done') status = await again.changed(status.id, status, 5000);
	assert.is(status?.output, output);
	await again.close(1000);
});

test.run();
