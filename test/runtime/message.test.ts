import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readMessage, writeMessage } from '../../runtime/message.ts';
import { messageLength } from '../../runtime/sizes.ts';
import { refusalOfAsync } from './support.ts';

const fingerprint = '0123456789abcdef'.repeat(4);
const keySet = Uint8Array.from({ length: 16 }, (_, i) => 200 + i);
const head = { kind: 'inputs', fingerprint, keySet, samples: 3 } as const;
const parts = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(255, 0, 255, 0)];
const lengths = parts.map((part) => part.length);

test('what is written is read, also from the middle of a larger array', async () => {
	const message = await writeMessage(head, parts);
	assert.is(message.length, messageLength(lengths));
	const larger = new Uint8Array(message.length + 7);
	larger.set(message, 3);
	for (const bytes of [message, larger.subarray(3, 3 + message.length)]) {
		const read = await readMessage(bytes, head, lengths);
		assert.equal(
			read.parts.map((part) => [...part]),
			parts.map((part) => [...part]),
		);
		assert.equal([...read.keySet], [...keySet]);
		assert.is(read.samples, 3);
	}
});

test('a message with any byte changed is refused', async () => {
	const message = await writeMessage(head, parts);
	for (let place = 0; place < message.length; place++) {
		const damaged = message.slice();
		damaged[place] = (damaged[place] as number) ^ (1 << (place % 8));
		assert.is((await refusalOfAsync(readMessage(damaged, head, lengths))).code, 'message');
	}
});

test('a message that is cut off or followed by anything is refused', async () => {
	const message = await writeMessage(head, parts);
	for (let length = 0; length < message.length; length++)
		assert.is((await refusalOfAsync(readMessage(message.subarray(0, length), head, lengths))).code, 'message');
	const longer = new Uint8Array(message.length + 1);
	longer.set(message);
	assert.is((await refusalOfAsync(readMessage(longer, head, lengths))).code, 'message');
});

test('arbitrary bytes are refused and nothing else happens', async () => {
	await fc.assert(
		fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
			assert.is((await refusalOfAsync(readMessage(bytes, head, lengths))).code, 'message');
		}),
	);
});

test('a message for another program, of another kind or with other parts is refused', async () => {
	const message = await writeMessage(head, parts);
	const other = { ...head, fingerprint: 'f'.repeat(64) };
	assert.match((await refusalOfAsync(readMessage(message, other, lengths))).message, /program/);
	assert.match((await refusalOfAsync(readMessage(message, { ...head, kind: 'keys' }, lengths))).message, /inputs/);
	assert.match((await refusalOfAsync(readMessage(message, head, [3, 1, 3]))).message, /part/);
	assert.match((await refusalOfAsync(readMessage(message, head, [3, 0]))).message, /parts/);
});

test('reserved bytes must be zero', async () => {
	const message = await writeMessage(head, parts);
	message[6] = 1;
	assert.match((await refusalOfAsync(readMessage(message, head, lengths))).message, /reserved/);
});

test('keys and secret keys hold no samples', async () => {
	for (const kind of ['keys', 'private'] as const) {
		const given = { ...head, kind };
		const none = await writeMessage({ ...given, samples: 0 }, parts);
		assert.is((await readMessage(none, given, lengths)).samples, 0);
		assert.match(
			(await refusalOfAsync(readMessage(await writeMessage(given, parts), given, lengths))).message,
			/samples/,
		);
	}
});

test('a fingerprint that is no hash is a broken program', async () => {
	assert.is((await refusalOfAsync(writeMessage({ ...head, fingerprint: 'abc' }, parts))).code, 'program');
});

test.run();
