import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Needles } from './needles.ts';

const secret = randomBytes(5000);
const needles = new Needles();
needles.add('key', secret, 5);

/** Other bytes, with these among them. */
const among = (bytes: Uint8Array | string): Buffer =>
	Buffer.concat([randomBytes(100_003), Buffer.from(bytes), randomBytes(777)]);

/** Less than this of a secret may be overlooked. */
const part = secret.subarray(1234, 1234 + 20);

test('a part of a secret is found wherever it begins', () => {
	for (let at = 0; at + 20 <= 200; at++)
		assert.is(needles.find(among(secret.subarray(at, at + 20))), 'key', `at ${at}`);
	assert.is(needles.find(secret), 'key');
	assert.is(needles.find(part), 'key');
});

test('so it is in hexadecimal and in base64, wherever these begin', () => {
	const hex = part.toString('hex');
	for (const text of [hex, hex.toUpperCase(), `0${hex}`]) assert.is(needles.find(Buffer.from(text)), 'key', text);
	for (const more of ['', 'x', 'xy', 'xyz'])
		for (const encoding of ['base64', 'base64url'] as const) {
			const text = Buffer.concat([Buffer.from(more), part]).toString(encoding);
			assert.is(needles.find(Buffer.from(`{"key":"${text}"}`)), 'key', text);
		}
	assert.is(needles.find(among(`"${secret.toString('base64')}"`)), 'key');
});

test('other bytes are not', () => {
	assert.is(needles.size, 997);
	assert.is(needles.find(randomBytes(2 ** 20)), undefined);
	assert.is(needles.find(among(randomBytes(3000).toString('hex'))), undefined);
	assert.is(needles.find(secret.subarray(0, 15)), undefined);
	assert.is(needles.find(new Uint8Array(0)), undefined);
});

test.run();
