import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { createAlarm } from '../../runtime/service/redis/alarm.ts';
import { jobName, PARTITIONS, partitionOf, prefixOf } from '../../runtime/service/redis/names.ts';
import { KeyPins } from '../../runtime/service/redis/needs.ts';
import { createNotices } from '../../runtime/service/redis/notices.ts';
import { redisQueue } from '../../runtime/service/redis/queue.ts';
import { jobError, readJob, statusOf, storedJob, writeError } from '../../runtime/service/redis/status.ts';

/** What of the queue over Redis needs no Redis. */
const hash = 'c'.repeat(64);
const job = { id: 'e1', owner: 'ann', keySet: 'a'.repeat(32), input: 'b'.repeat(64), keys: [hash] };

const refused = (work: () => unknown): RefusedError => {
	try {
		work();
	} catch (error) {
		if (error instanceof RefusedError) return error;
		throw error;
	}
	throw new Error('nothing was refused');
};

test('an address that is none of Redis is refused, and the refusal does not repeat it', () => {
	for (const url of ['http://user:geheim@host', 'geheim', 'redis://', ''])
		assert.not.match(refused(() => redisQueue({ url, fingerprint: hash })).message, /geheim/);
});

test('names that lead elsewhere are refused', () => {
	for (const id of ['', 'a:b', '../x', 'a b', 'x'.repeat(201)]) assert.is(refused(() => jobName(id)).code, 'misuse');
	for (const fingerprint of ['', 'ab', '}{', hash.toUpperCase()])
		assert.is(refused(() => prefixOf(fingerprint)).code, 'program');
});

test('key sets are spread over all partitions', () => {
	const names = Array.from({ length: 40 * PARTITIONS }, (_, i) => i.toString(16).padStart(32, '0'));
	assert.is(new Set(names.map(partitionOf)).size, PARTITIONS);
});

test('what is stored is read again, and nothing else is taken for a job', () => {
	assert.equal(readJob(JSON.parse(JSON.stringify(storedJob(job)))), job);
	for (const wrong of [undefined, null, {}, { ...job, input: 'x' }, { ...job, keys: ['x'] }, { ...job, id: 'a:b' }])
		assert.is(readJob(wrong), undefined);
	assert.is(refused(() => storedJob({ ...job, keySet: 'x' })).code, 'misuse');
});

test('a status says where a job is', () => {
	const queued = { data: job, progress: 0 };
	const { id, owner, input } = job;
	assert.equal(statusOf(queued, false, 3), { id, owner, input, state: 'waiting', position: 3 });
	const progress = { stage: 'evaluate', done: 1, total: 2 };
	assert.equal(statusOf({ ...queued, progress }, true, 0), { id, owner, input, state: 'running', progress });
	const data = { ...job, output: hash };
	assert.equal(statusOf({ data, progress, finishedOn: 1 }, false, 0), {
		id,
		owner,
		input,
		state: 'done',
		output: hash,
	});
	assert.is(statusOf({ data: 'other', progress: 0 }, false, 0), undefined);
});

test('a refusal is passed on as it is, and of a defect nothing but that there was one', () => {
	const failed = (failedReason: string) => statusOf({ data: job, progress: 0, finishedOn: 1, failedReason }, false, 0);
	const refusal = new RefusedError('keys', 'other keys', 'Send them.');
	assert.equal(failed(writeError(jobError(refusal)))?.error, {
		code: 'keys',
		message: 'other keys',
		hint: 'Send them.',
	});
	assert.not.match(JSON.stringify(jobError(new Error('EACCES /secret/folder'))), /secret/);
	for (const text of ['', '{}', 'job stalled more than allowable limit', '{"code":"other","message":"x"}'])
		assert.is(failed(text)?.error?.code, 'defect');
});

test('a ring between two waits is not missed', async () => {
	const alarm = createAlarm();
	const ear = alarm.listen('a');
	alarm.ring('a');
	await ear.wait(1e6);
	const waited = ear.wait(1e6);
	alarm.ring('b');
	alarm.ring();
	await waited;
	await ear.wait(1e6, AbortSignal.abort());
	ear.stop();
});

test('keys are pinned once for a job, and released when it was missed twice', async () => {
	const pinned: (readonly string[])[] = [];
	const released: (readonly string[])[] = [];
	const pins = new KeyPins({
		pin: (names) => void pinned.push(names),
		release: async (names) => void released.push(names),
	});
	pins.hold(job);
	pins.hold(job);
	await pins.update([]);
	await pins.update([storedJob(job)]);
	await pins.update([]);
	assert.equal([pinned, released], [[[hash]], []]);
	await pins.update([]);
	assert.equal(released, [[hash]]);
});

test('a lost connection is told once, by what Redis or the system call it', () => {
	const told: string[] = [];
	const notices = createNotices((text) => told.push(text));
	const error = Object.assign(new Error('connect ECONNREFUSED redis://u:geheim@host'), { code: 'ECONNREFUSED' });
	for (let i = 0; i < 3; i++) notices.lost(error);
	notices.back();
	notices.back();
	assert.equal(told, ['The queue cannot be reached (ECONNREFUSED).', 'The queue can be reached again.']);
});

test.run();
