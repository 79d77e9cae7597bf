import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { type EvaluatorOptions, type EvaluatorProcess, startEvaluator } from '../../runtime/service/evaluator.ts';
import type { Job, JobQueue, JobStatus } from '../../runtime/service/jobs.ts';
import { openLocalQueue } from '../../runtime/service/localQueue.ts';
import { memoryBlobs } from './fakes.ts';
import { scratch } from './tiny.ts';

/** Processes that hang, die or do not listen, in the place of those that evaluate. */
const { folder } = scratch();
const module = new URL('./fakeEvaluator.ts', import.meta.url);
/** Between two processes nothing else keeps this one alive; a service has its server. */
const alive = setInterval(() => {}, 1000);
const started: EvaluatorProcess[] = [];
test.after.each(async () => {
	for (const evaluator of started.splice(0)) await evaluator.close();
});
test.after(() => clearInterval(alive));

const job = (id: string, owner = ''): Job => ({ id, owner, keySet: '0'.repeat(32), input: 'input', keys: [] });

const start = (options: Partial<EvaluatorOptions> = {}) => {
	const notices: string[] = [];
	const evaluator = startEvaluator({
		...{ build: 'works', blobs: { kind: 'disk', folder }, module, silence: 1000, backOff: 0 },
		...{ onNotice: (text) => void notices.push(text) },
		...options,
	});
	started.push(evaluator);
	return { evaluator, notices };
};

const refusalOf = async (work: Promise<unknown>): Promise<RefusedError> => {
	const error = await work.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	if (error instanceof RefusedError) return error;
	throw new Error(`no refusal: ${String(error)}`);
};

const isGone = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return false;
	} catch {
		return true;
	}
};

const pidOf = (evaluator: EvaluatorProcess): number => {
	const pid = evaluator.pid();
	if (pid === undefined) throw new Error('no process');
	return pid;
};

for (const id of ['stops', 'spins'])
	test(`a process that ${id} in an evaluation is ended, and another one takes its place`, async () => {
		const { evaluator, notices } = start();
		await evaluator.started;
		const pid = pidOf(evaluator);
		const refusal = await refusalOf(evaluator.evaluate(job(id), {}));
		assert.is(refusal.code, 'stopped');
		assert.match(refusal.message, /no sign of life for 1 s/);
		assert.is(await evaluator.evaluate(job('any'), {}), 'the output');
		assert.ok(isGone(pid));
		assert.is(notices.length, 1);
	});

test('a process that lives and gets no further is ended, one that is slow is not', async () => {
	const { evaluator } = start();
	await evaluator.started;
	assert.is(await evaluator.evaluate(job('is slow'), {}), 'the output');
	assert.match((await refusalOf(evaluator.evaluate(job('idles'), {}))).message, /got no further for 10 s/);
	assert.is(await evaluator.evaluate(job('any'), {}), 'the output');
});

test('an evaluation that does not heed its abort is ended with its process, which is no loss', async () => {
	const { evaluator, notices } = start({ patience: 100, maxRestarts: 0 });
	await evaluator.started;
	for (let i = 0; i < 3; i++) {
		assert.is(await evaluator.evaluate(job('any'), {}), 'the output');
		const pid = pidOf(evaluator);
		const abort = new AbortController();
		const refusal = refusalOf(evaluator.evaluate(job('idles'), { signal: abort.signal }));
		await sleep(50);
		abort.abort();
		assert.is((await refusal).code, 'aborted');
		assert.ok(isGone(pid));
		assert.is(evaluator.state(), 'working');
	}
	assert.is(await evaluator.evaluate(job('any'), {}), 'the output');
	assert.equal(notices, []);
});

const ended = async (queue: JobQueue, first: JobStatus): Promise<JobStatus> => {
	let status = first;
	while (status.state === 'waiting' || status.state === 'running') {
		const next = await queue.changed(first.id, status, 60_000);
		if (next === undefined || next === status) throw new Error('nothing happened');
		status = next;
	}
	return status;
};

const storing = async () => {
	const blobs = memoryBlobs();
	return { ...blobs, has: async () => true };
};

test('the job of a process that hung is done by the next one; one that hangs every time is refused, and others go on', async () => {
	const { evaluator, notices } = start();
	await evaluator.started;
	const queue = await openLocalQueue({ evaluators: [evaluator], blobs: await storing() });
	const once = await queue.submit(job('once', join(folder, 'mark')));
	assert.is((await ended(queue, once)).output, 'the output');
	assert.is(notices.length, 1);
	const always = await queue.submit(job('stops'));
	const after = await queue.submit(job('any'));
	const failed = await ended(queue, always);
	assert.is(failed.error?.code, 'stopped');
	assert.is(notices.length, 4, 'tried three times');
	assert.is((await ended(queue, after)).output, 'the output');
	await queue.close(1000);
});

test('after too many losses in a row nothing is evaluated, and what waits is told so', async () => {
	const { evaluator, notices } = start({ maxRestarts: 2 });
	await evaluator.started;
	const queue = await openLocalQueue({ evaluators: [evaluator], blobs: await storing(), retries: 100 });
	const dies = await queue.submit(job('dies'));
	const waits = await queue.submit(job('any'));
	const [first, second] = [await ended(queue, dies), await ended(queue, waits)];
	assert.equal([first.error?.code, second.error?.code], ['stopped', 'stopped']);
	assert.is(evaluator.state(), 'broken');
	assert.is(notices.length, 3);
	assert.match((await refusalOf(evaluator.evaluate(job('any'), {}))).message, /3 times in a row/);
	const refused = await queue.submit(job('another')).catch((error: unknown) => error);
	assert.match(String(refused), /nothing is evaluated at present/);
	await queue.close(1000);
});

test('a process that does not start is tried again, a program that is refused is not', async () => {
	for (const build of ['ends', 'stops']) {
		const { evaluator, notices } = start({ build, maxRestarts: 1, silence: 100 });
		assert.is((await refusalOf(evaluator.evaluate(job('any'), {}))).code, 'stopped', build);
		assert.is(evaluator.state(), 'broken');
		assert.is(notices.length, 2, build);
	}
	const { evaluator, notices } = start({ build: 'refuses' });
	assert.is((await refusalOf(evaluator.started)).message, 'a broken program');
	assert.is((await refusalOf(evaluator.evaluate(job('any'), {}))).code, 'program');
	assert.equal([evaluator.state(), notices.length], ['broken', 0]);
});

test.run();
