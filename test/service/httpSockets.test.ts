import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeApp } from '../../runtime/service/app.ts';
import type { ServiceLimits } from '../../runtime/service/index.ts';
import { manualQueue, memoryBlobs, memoryKeys, randomInputs, randomKeys, served } from './fakes.ts';

/** What only shows on real connections: bodies that stop, crawl or break off, and what is no HTTP. */
const start = async (limits: Partial<ServiceLimits> = {}) => {
	const [queue, blobs, keys] = [manualQueue(), memoryBlobs(), memoryKeys()];
	const app = await makeApp({ program: served, queue, blobs, keys, limits });
	const url = await app.listen({ host: '127.0.0.1', port: 0 });
	const port = Number(new URL(url).port);
	const open: Socket[] = [];
	/** Sends bytes and reads all that comes until the other side ends the connection, or until there is an answer and `stay` is false. */
	const talk = (...pieces: readonly (string | Uint8Array)[]) => {
		const socket = connect(port, '127.0.0.1');
		open.push(socket);
		const chunks: Buffer[] = [];
		const ended = new Promise<string>((resolve) => {
			const end = (): void => resolve(Buffer.concat(chunks).toString());
			socket
				.on('data', (chunk) => chunks.push(chunk))
				.on('close', end)
				.on('error', end);
		});
		for (const piece of pieces) socket.write(piece);
		return { socket, ended };
	};
	const stop = async (): Promise<void> => {
		for (const socket of open) socket.destroy();
		await app.close();
	};
	const { keySet, message } = await randomKeys();
	const headers = { 'content-type': 'application/octet-stream' };
	await fetch(`${url}/v1/keys/${keySet}`, { method: 'PUT', headers, body: Buffer.from(message) });
	const inputs = await randomInputs(keySet);
	/** A good request, which must always succeed. */
	const good = async (id: string): Promise<void> => {
		const more = { 'idempotency-key': id };
		const body = Buffer.from(inputs);
		const { status } = await fetch(`${url}/v1/evaluations`, { method: 'POST', headers: { ...headers, ...more }, body });
		assert.is(status, 202);
	};
	const head = (id: string, length: number): string =>
		`POST /v1/evaluations HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nIdempotency-Key: ${id}\r\nContent-Length: ${length}\r\n\r\n`;
	return { app, queue, blobs, keys, talk, stop, inputs, good, head, url };
};

const statusIn = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

const until = async (condition: () => boolean): Promise<void> => {
	for (let k = 0; k < 1000 && !condition(); k++) await new Promise((resolve) => setTimeout(resolve, 5));
	assert.ok(condition());
};

test('a body that stops is cut off with 408, and nothing of it is kept', async () => {
	const { talk, stop, inputs, good, head, blobs, queue, keys } = await start({ idleMs: 200 });
	const { ended } = talk(head('slow', inputs.length), inputs.subarray(0, 5000));
	const answer = await ended;
	assert.is(statusIn(answer), 408);
	assert.match(answer, '"code":"timeout"');
	await until(() => keys.pins.length === 0);
	assert.is(queue.jobs.size + blobs.kept.size, 0);
	await good('after');
	await stop();
});

test('a body that crawls is cut off though it never stops', async () => {
	const { talk, stop, inputs, head, queue } = await start({ idleMs: 300, bytesPerSecond: 100_000 });
	const { socket, ended } = talk(head('crawling', inputs.length));
	let at = 0;
	const crawl = setInterval(() => socket.write(inputs.subarray(at, ++at)), 20);
	socket.on('close', () => clearInterval(crawl));
	assert.is(statusIn(await ended), 408);
	assert.is(queue.jobs.size, 0);
	await stop();
});

test('a client that goes away in mid-body leaves nothing', async () => {
	const { talk, stop, inputs, good, head, blobs, queue, keys } = await start();
	for (const at of [0, 30, 100, 20_000]) {
		const { socket } = talk(head('gone', inputs.length), inputs.subarray(0, at));
		await new Promise((resolve) => setTimeout(resolve, 20));
		socket.destroy();
	}
	await until(() => keys.pins.length === 0);
	assert.is(queue.jobs.size + blobs.kept.size, 0);
	await good('gone');
	await stop();
});

test('a body that is announced too long is refused at once, however much of it is sent', async () => {
	const { talk, stop, good, head } = await start();
	const { ended, socket } = talk(head('large', 10e9), new Uint8Array(100_000));
	const answer = await ended;
	socket.destroy();
	assert.is(statusIn(answer), 413);
	assert.match(answer, /connection: close/i);
	await good('after');
	await stop();
});

test('the wait of a client that goes away ends, and its evaluation does not', async () => {
	const { stop, inputs, queue, url, keys } = await start();
	const gone = new AbortController();
	const headers = { 'content-type': 'application/octet-stream', 'idempotency-key': 'x', prefer: 'wait=60' };
	const body = Buffer.from(inputs);
	const answer = fetch(`${url}/v1/evaluations`, { method: 'POST', headers, body, signal: gone.signal });
	await until(() => queue.waits() === 1);
	gone.abort();
	await answer.catch(() => {});
	await until(() => queue.waits() === 0);
	assert.is([...queue.jobs.values()][0]?.status.state, 'waiting');
	assert.is(keys.pins.length, 0);
	await stop();
});

test('the same request again, while the first is still being sent, is the same evaluation', async () => {
	const { talk, stop, inputs, good, head, queue } = await start();
	const { socket, ended } = talk(head('twice', inputs.length), inputs.subarray(0, 8000));
	await new Promise((resolve) => setTimeout(resolve, 30));
	const second = good('twice');
	await new Promise((resolve) => setTimeout(resolve, 30));
	assert.is(queue.jobs.size, 0);
	socket.write(inputs.subarray(8000));
	await second;
	assert.is(queue.jobs.size, 1);
	socket.end();
	assert.is(statusIn(await ended), 202);
	await stop();
});

test('more bodies at once than there are places are refused as busy', async () => {
	const { talk, stop, inputs, head, good } = await start({ uploads: 2 });
	const slow = ['a', 'b'].map((id) => talk(head(id, inputs.length), inputs.subarray(0, 200)));
	await new Promise((resolve) => setTimeout(resolve, 50));
	const { ended, socket } = talk(head('c', inputs.length), inputs);
	socket.end();
	const answer = await ended;
	assert.is(statusIn(answer), 503);
	assert.match(answer, /retry-after: 1/i);
	for (const one of slow) one.socket.destroy();
	await new Promise((resolve) => setTimeout(resolve, 50));
	await good('c');
	await stop();
});

test('what is no HTTP, or too much of it, is answered in the same form and the connection closed', async () => {
	const { talk, stop, good } = await start();
	for (const [text, status] of [
		['\u0000\u0001\u0002 not http\r\n\r\n', 400],
		['GET / HTTP/9.9\r\n\r\n', 400],
		['GET /v1/model HTTP/1.1\r\n\r\n', 400],
		[`GET /v1/model HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
		['POST /v1/evaluations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
		['POST /v1/evaluations HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n', 400],
	] as const) {
		const { ended, socket } = talk(text);
		socket.end();
		assert.is(statusIn(await ended), status, text.slice(0, 40));
	}
	for (const [path, status] of [
		['/nothing', 404],
		['/v1/%zz', 400],
		['/../../etc/passwd', 404],
	] as const) {
		const { ended, socket } = talk(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
		const answer = await ended;
		socket.destroy();
		assert.is(statusIn(answer), status);
		assert.match(answer, /\{"error":\{"code":"/);
	}
	await good('after');
	await stop();
});

test.run();
