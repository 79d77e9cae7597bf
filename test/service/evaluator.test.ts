import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDiskBlobs } from '../../runtime/service/diskBlobs.ts';
import { startEvaluator } from '../../runtime/service/evaluator.ts';
import { openLocalQueue } from '../../runtime/service/localQueue.ts';
import { makeUser, scratch } from './tiny.ts';

test('a job whose process is killed is evaluated by the next one, and the answer is right', async () => {
	const { folder, build } = scratch();
	const blobs = await openDiskBlobs(join(folder, 'blobs'));
	const evaluator = startEvaluator({ build, blobs: { kind: 'disk', folder: join(folder, 'blobs') } });
	await evaluator.started;
	const queue = await openLocalQueue({ evaluators: [evaluator], blobs, folder: join(folder, 'jobs') });
	const user = await makeUser('a');
	const job = await user.job(blobs, 0);
	const pid = evaluator.pid() ?? 0;
	process.kill(pid, 'SIGSTOP');
	assert.is((await queue.submit(job)).state, 'running');
	process.kill(pid, 'SIGKILL');
	let status = await queue.submit(job);
	while (status.state === 'running' || status.state === 'waiting')
		status = (await queue.changed(job.id, status, 10_000)) ?? { ...status, state: 'failed' };
	assert.is(status.state, 'done');
	await user.check(blobs, status.output, 0);
	assert.is.not(evaluator.pid(), pid);
	await queue.close(1000);
});

test.run();
