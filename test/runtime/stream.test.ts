import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readMessage, toHex, writeMessage } from '../../runtime/message.ts';
import { messageLength } from '../../runtime/sizes.ts';
import { type MessagePiece, readMessageParts } from '../../runtime/stream.ts';
import { refusalOfAsync } from './support.ts';

const fingerprint = '0123456789abcdef'.repeat(4);
const keySet = Uint8Array.from({ length: 16 }, (_, i) => 200 + i);
const head = { kind: 'inputs', fingerprint, keySet, samples: 3 } as const;
const parts = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(255, 0, 255, 0)];
const lengths = parts.map((part) => part.length);
const start = messageLength(lengths) - 32 - 7;

/** The bytes in chunks of these sizes, over and over; counts what was asked for and whether it was closed. */
const chunked = (bytes: Uint8Array, sizes: readonly number[]) => {
	const seen = { bytes: 0, closed: false };
	const stream = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
		try {
			for (let at = 0, i = 0; at < bytes.length; i++) {
				const chunk = bytes.subarray(at, at + (sizes[i % sizes.length] as number));
				at += chunk.length;
				seen.bytes += chunk.length;
				yield chunk;
			}
		} finally {
			seen.closed = true;
		}
	};
	return { seen, stream: stream() };
};

const readAll = async (
	chunks: AsyncIterable<Uint8Array>,
	expected: Parameters<typeof readMessageParts>[1] = head,
): Promise<readonly MessagePiece[]> => {
	const pieces: MessagePiece[] = [];
	for await (const piece of readMessageParts(chunks, expected, lengths)) pieces.push(piece);
	return pieces;
};

test('the pieces of a message are its head and its parts, however it is cut', async () => {
	const message = await writeMessage(head, parts);
	const expected = [
		{ type: 'head', keySet: toHex(keySet), samples: 3 },
		...parts.map((bytes, part) => ({ type: 'part', part, bytes })),
	];
	for (const sizes of [[1], [message.length], [64, 24, 3, 4, 32], [0, 5, 0, 0, 61]])
		assert.equal(await readAll(chunked(message, sizes).stream), expected, `${sizes}`);
});

test('the stream accepts what the whole is accepted as, and nothing else', async () => {
	const message = await writeMessage(head, parts);
	for (let place = 0; place < message.length; place++) {
		const damaged = message.slice();
		damaged[place] = (damaged[place] as number) ^ (1 << (place % 8));
		const whole = await refusalOfAsync(readMessage(damaged, head, lengths));
		const streamed = await refusalOfAsync(readAll(chunked(damaged, [7]).stream));
		assert.is(whole.message, streamed.message);
	}
	for (let length = 0; length < message.length; length++)
		assert.match((await refusalOfAsync(readAll(chunked(message.subarray(0, length), [9]).stream))).message, /ends/);
	const longer = new Uint8Array(message.length + 1);
	longer.set(message);
	assert.match((await refusalOfAsync(readAll(chunked(longer, [message.length, 1]).stream))).message, /goes on/);
});

test('arbitrary bytes are refused and nothing else happens', async () => {
	await fc.assert(
		fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 99 }), async (bytes, size) => {
			assert.is((await refusalOfAsync(readAll(chunked(bytes, [size]).stream))).code, 'message');
		}),
	);
});

test('what cannot be right is refused before more of it is read, and the stream is closed', async () => {
	const message = await writeMessage(head, parts);
	const endless = new Uint8Array(1e6);
	endless.set(message);
	const damaged = (place: number): Uint8Array => endless.with(place, (endless[place] as number) ^ 128);
	for (const [bytes, most] of [
		[damaged(0), 64],
		[damaged(5), 64],
		[damaged(9), 64],
		[damaged(60), 64],
		[damaged(65), start],
		[endless, message.length + 1],
	] as const) {
		const { seen, stream } = chunked(bytes, [1]);
		assert.is((await refusalOfAsync(readAll(stream))).code, 'message');
		assert.equal(seen, { bytes: most, closed: true });
	}
});

test('a reader that stops closes the stream, and what the stream throws passes through', async () => {
	const message = await writeMessage(head, parts);
	const { seen, stream } = chunked(message, [1]);
	for await (const piece of readMessageParts(stream, head, lengths)) if (piece.type === 'head') break;
	assert.equal(seen, { bytes: start, closed: true });
	const lost = new Error('connection lost');
	const failing = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
		yield message.subarray(0, 70);
		throw lost;
	};
	const caught = await readAll(failing()).then(
		() => undefined,
		(error: unknown) => error,
	);
	assert.is(caught, lost);
});

test.run();
