import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LoadOptions, underLoad } from './load.ts';

/** What `npm run bench -- load` does for five minutes, for a few seconds and two kills. */
const least = { kills: 2, answers: 32 };
const short = { model: 'breast-cancer-logistic', clients: 8, seconds: 12, killEvery: 4, least };

const run = async (queue: LoadOptions['queue']) => {
	const result = await underLoad({ ...short, queue });
	assert.equal(result.failures, []);
	assert.is(result.lost, 0);
	assert.ok(result.times.length >= least.answers, `${result.times.length} answers`);
	assert.ok(result.kills >= least.kills, `${result.kills} kills`);
	return result;
};

test('eight clients lose no answer while the process that evaluates is killed again and again', async () => {
	assert.is((await run('process')).restarts, 0);
});

test('eight clients lose no accepted evaluation while workers are killed and Redis is restarted', async () => {
	assert.is((await run('redis')).restarts, 1);
});

test.run();
