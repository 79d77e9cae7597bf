import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../../runtime/client.ts';
import { Handles } from '../../runtime/seal/handles.ts';
import { makeProgram, refusalOfAsync } from './support.ts';

const { client: program } = makeProgram({ inputs: [{ shape: [8] }], outputs: [], instructions: [] });

/** Groups of SEAL objects that hold any now: their memory comes back by `release` only. */
const held = new Set<Handles>();
const { keep, release } = Handles.prototype;
Handles.prototype.keep = function (handle) {
	held.add(this);
	return keep.call(this, handle) as typeof handle;
};
Handles.prototype.release = function () {
	held.delete(this);
	release.call(this);
};

test('a client holds memory of SEAL until it is disposed of', async () => {
	const client = await createClient(program);
	assert.ok(held.size >= 2, 'the context and the keys');
	client.dispose();
	assert.is(held.size, 0);
});

test('set-up that is aborted at any step ends with the reason of the signal and holds no memory', async () => {
	const steps: number[] = [];
	const listener = await createClient(program, { onProgress: ({ done }) => steps.push(done) });
	listener.dispose();
	assert.equal(steps, [0, 1, 2, 3, 4]);
	for (const step of steps) {
		const controller = new AbortController();
		const reason = new Error(`enough at ${step}`);
		const seen: number[] = [];
		const onProgress = ({ done }: { done: number }): void => {
			seen.push(done);
			if (done === step) controller.abort(reason);
		};
		const error = await refusalOfAsync(createClient(program, { signal: controller.signal, onProgress, threads: 2 }));
		assert.equal([error.code, error.cause === reason, seen.at(-1)], ['aborted', true, step]);
		assert.is(held.size, 0, `after step ${step}`);
	}
});

test('a signal that has fired before is obeyed before anything is loaded', async () => {
	const reason = new Error('never mind');
	const onProgress = (): void => assert.unreachable('it began');
	const error = await refusalOfAsync(createClient(program, { signal: AbortSignal.abort(reason), onProgress }));
	assert.is(error.cause, reason);
});

test.run();
