import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify from 'fastify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeApp } from '../../runtime/service/app.ts';
import { readTokens } from '../../runtime/service/auth.ts';
import { type ServiceLimits, service } from '../../runtime/service/index.ts';
import { messageLength } from '../../runtime/sizes.ts';
import { digestOf, manualQueue, memoryBlobs, memoryKeys, randomInputs, randomKeys, served } from './fakes.ts';

const ALICE = 'alices-token-0123456789';
const BOB = 'bobs-token-0123456789';
const OCTETS = 'application/octet-stream';

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS';
type Request = {
	readonly token?: string | undefined;
	readonly body?: Uint8Array;
	readonly headers?: Readonly<Record<string, string>>;
};

/** An application on fakes, and what a test asks of it. */
const start = async (limits: Partial<ServiceLimits> = {}, cors?: string) => {
	const [queue, blobs, keys] = [manualQueue(), memoryBlobs(), memoryKeys()];
	const tokens = readTokens(`alice ${ALICE}\nbob ${BOB}`);
	const stopping = new AbortController();
	const lines: string[] = [];
	const log = { write: (line: string) => void lines.push(line) };
	const options = { program: served, queue, blobs, keys, tokens, limits, log, cors, stopping: stopping.signal };
	const app = await makeApp(options);
	const ask = async (method: Method, url: string, { token = ALICE, body, headers = {} }: Request = {}) => {
		const response = await app.inject({
			method,
			url,
			headers: {
				authorization: `Bearer ${token}`,
				...(body === undefined ? {} : { 'content-type': OCTETS }),
				...headers,
			},
			...(body === undefined ? {} : { payload: Buffer.from(body) }),
		});
		const json = String(response.headers['content-type']).startsWith('application/json');
		const answer: Record<string, unknown> = json ? response.json() : {};
		return { status: response.statusCode, headers: response.headers, answer, bytes: response.rawPayload };
	};
	/** Fails unless the answer is a refusal with this status and code. */
	const refused = async (status: number, code: string, ...request: Parameters<typeof ask>) => {
		const given = await ask(...request);
		assert.is(given.status, status, JSON.stringify(given.answer));
		const { error } = given.answer as { error: { code: string; message: string } };
		assert.is(error.code, code);
		assert.type(error.message, 'string');
		return given;
	};
	const sendPart = (keySet: string, part: number, body: Uint8Array, more: Request = {}) =>
		ask('PUT', `/v1/keys/${keySet}/parts/${part}`, {
			body,
			...more,
			headers: { 'content-digest': digestOf(body), ...more.headers },
		});
	const post = (body: Uint8Array, id: string, more: Request = {}) =>
		ask('POST', '/v1/evaluations', { body, ...more, headers: { 'idempotency-key': id, ...more.headers } });
	/** A complete key set, and an inputs message under it. */
	const ready = async (token = ALICE) => {
		const { keySet, parts, message } = await randomKeys();
		for (const [part, bytes] of parts.entries()) await sendPart(keySet, part, bytes, { token });
		return { keySet, parts, message, inputs: await randomInputs(keySet) };
	};
	return { app, queue, blobs, keys, ask, refused, sendPart, post, ready, lines, stopping };
};

/** The only job there is. */
const onlyJob = ({ queue }: Pick<Awaited<ReturnType<typeof start>>, 'queue'>): string => {
	const [id, ...others] = queue.jobs.keys();
	assert.is(others.length, 0);
	return id ?? '';
};

test('the card and the client program need no token; the document lists what docs/http.md lists', async () => {
	const { ask } = await start();
	const card = await ask('GET', '/v1/model', { token: '' });
	assert.is(card.status, 200);
	const { fingerprint, keys, traffic } = card.answer as Record<string, Record<string, number>>;
	assert.is(fingerprint, served.client.fingerprint);
	assert.is(keys?.count, 5);
	assert.is(traffic?.inputBytes, (await randomInputs('00'.repeat(16))).length);
	const client = await ask('GET', '/v1/model/client', { token: '' });
	assert.equal(client.answer, JSON.parse(JSON.stringify(served.client)));
	const document = await ask('GET', '/v1/openapi.json', { token: '' });
	assert.is(document.answer.openapi, '3.1.0');
	assert.equal(document.answer.security, [{ token: [] }]);
	const { paths } = document.answer as { paths: Record<string, Record<string, unknown>> };
	const found = Object.entries(paths).flatMap(([path, methods]) =>
		Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
	);
	const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'http.md'), 'utf8');
	const listed = [...text.matchAll(/^\| `((?:GET|PUT|POST|DELETE) \/v1\S*)`/gm)].map(([, request]) => request ?? '');
	assert.equal(found.sort(), listed.filter((request) => !request.endsWith('openapi.json')).sort());
});

test('a request without a token that is known is refused, and learns nothing', async () => {
	const { app, refused } = await start();
	for (const token of ['', 'x', `${ALICE}x`, ALICE.slice(1), 'alice'])
		await refused(401, 'unauthorized', 'GET', `/v1/keys/${'0'.repeat(32)}`, { token });
	for (const authorization of [ALICE, `Basic ${ALICE}`, `Bearer ${ALICE} ${BOB}`, 'Bearer']) {
		const { statusCode, headers } = await app.inject({ url: '/v1/evaluations/x', headers: { authorization } });
		assert.is(statusCode, 401);
		assert.is(headers['www-authenticate'], 'Bearer');
	}
	assert.is((await app.inject({ url: '/v1/evaluations/x' })).statusCode, 401);
});

test('evaluation keys are taken one by one, in any order, once', async () => {
	const { ask, refused, sendPart } = await start();
	const { keySet, parts } = await randomKeys();
	await refused(404, 'not-found', 'GET', `/v1/keys/${keySet}`);
	for (const part of [3, 1]) {
		const { status, answer } = await sendPart(keySet, part, parts[part] ?? new Uint8Array());
		assert.is(status, 201);
		assert.equal(answer, { keySet, part, complete: false });
	}
	const { answer } = await ask('GET', `/v1/keys/${keySet}`);
	const bytes = (parts[1]?.length ?? 0) + (parts[3]?.length ?? 0);
	assert.equal(answer, { keySet, parts: 5, present: [1, 3], complete: false, bytes });
	assert.is((await sendPart(keySet, 3, parts[3] ?? new Uint8Array())).status, 200);
	for (const part of [0, 2, 4]) await sendPart(keySet, part, parts[part] ?? new Uint8Array());
	assert.is((await ask('GET', `/v1/keys/${keySet}`)).answer.complete, true);
	const other = await sendPart(
		keySet,
		0,
		(parts[0] ?? new Uint8Array()).map((byte) => byte ^ 1),
	);
	assert.is(other.status, 409);
	assert.is((await ask('DELETE', `/v1/keys/${keySet}`)).status, 204);
	await refused(404, 'not-found', 'DELETE', `/v1/keys/${keySet}`);
});

test('a part of the wrong length, digest, type, place or name is refused, and nothing of it is kept', async () => {
	const { ask, refused, sendPart, keys } = await start();
	const { keySet, parts } = await randomKeys();
	const [part = new Uint8Array()] = parts;
	const url = `/v1/keys/${keySet}/parts/0`;
	const headers = { 'content-digest': digestOf(part) };
	assert.is((await sendPart(keySet, 0, part.subarray(1))).status, 400);
	assert.is((await sendPart(keySet, 0, Buffer.concat([part, part]))).status, 413);
	assert.is((await sendPart(keySet, 0, new Uint8Array())).status, 400);
	await refused(400, 'message', 'PUT', url, { body: part });
	await refused(400, 'message', 'PUT', url, { body: part, headers: { 'content-digest': digestOf(part.subarray(1)) } });
	await refused(400, 'message', 'PUT', url, { body: part, headers: { 'content-digest': 'sha-512=:AAAA:' } });
	await refused(415, 'message', 'PUT', url, {
		body: part,
		headers: { ...headers, 'content-type': 'application/json' },
	});
	await refused(404, 'not-found', 'PUT', `/v1/keys/${keySet}/parts/5`, { body: part, headers });
	for (const bad of [`/v1/keys/${keySet}/parts/-1`, `/v1/keys/${keySet}/parts/1e0`, '/v1/keys/..%2f..%2fetc/parts/0'])
		await refused(400, 'message', 'PUT', bad, { body: part, headers });
	const { app } = await start();
	const unstated = await app.inject({
		...{ method: 'PUT', url },
		headers: { ...headers, authorization: `Bearer ${ALICE}`, 'content-type': OCTETS, 'transfer-encoding': 'chunked' },
		payload: (await import('node:stream')).Readable.from([part]),
	});
	assert.is(unstated.statusCode, 411);
	assert.is(keys.sets.size, 0);
	assert.is((await ask('GET', `/v1/keys/${keySet}`)).status, 404);
});

test('a whole keys message is taken; a damaged one leaves nothing, and no complete key set is lost by one', async () => {
	const { ask, refused, keys } = await start();
	const { keySet, message } = await randomKeys();
	const url = `/v1/keys/${keySet}`;
	for (const at of [3, 41, 100, message.length >> 1, message.length - 1]) {
		const body = message.slice();
		body.set([(body[at] ?? 0) ^ 1], at);
		await refused(400, 'message', 'PUT', url, { body });
		assert.is(keys.sets.size, 0);
	}
	await refused(400, 'message', 'PUT', `/v1/keys/${'0'.repeat(32)}`, { body: message });
	const { status, answer } = await ask('PUT', url, { body: message });
	assert.is(status, 201);
	assert.is(answer.complete, true);
	const damaged = message.slice();
	damaged.set([(damaged.at(-1) ?? 0) ^ 1], damaged.length - 1);
	await refused(400, 'message', 'PUT', url, { body: damaged });
	assert.is((await ask('GET', url)).answer.complete, true);
});

test('an evaluation is accepted once for an id, and its outputs are there when it is done', async () => {
	const service = await start();
	const { ask, refused, post, ready, queue, blobs } = service;
	const { keySet, parts, inputs } = await ready();
	const first = await post(inputs, 'a.b-c_1');
	assert.is(first.status, 202);
	assert.is(first.headers.location, '/v1/evaluations/a.b-c_1');
	assert.equal(first.answer, { id: 'a.b-c_1', state: 'waiting', position: 0, predictedMs: 1000 });
	const id = onlyJob(service);
	assert.is(queue.jobs.get(id)?.job.keySet, keySet);
	assert.is(queue.jobs.get(id)?.job.keys.length, parts.length);
	assert.equal(await blobs.get(queue.jobs.get(id)?.job.input ?? ''), Buffer.from(inputs));
	await refused(409, 'conflict', 'GET', '/v1/evaluations/a.b-c_1/outputs');
	queue.set(id, { state: 'running', progress: { stage: 'evaluate', done: 1, total: 4 } });
	const { answer } = await ask('GET', '/v1/evaluations/a.b-c_1');
	assert.equal(answer.progress, { step: 'evaluate', done: 1, total: 4 });
	assert.is(answer.predictedMs, 750);
	assert.is((await post(inputs, 'a.b-c_1')).answer.state, 'running');
	assert.is(queue.jobs.size, 1);
	await refused(409, 'conflict', 'POST', '/v1/evaluations', {
		body: await randomInputs(keySet),
		headers: { 'idempotency-key': 'a.b-c_1' },
	});
	const { name } = await blobs.put(new Uint8Array([1, 2, 3]), 3);
	queue.set(id, { state: 'done', output: name });
	const outputs = await ask('GET', '/v1/evaluations/a.b-c_1/outputs');
	assert.is(outputs.headers['content-type'], OCTETS);
	assert.equal([...outputs.bytes], [1, 2, 3]);
	const waited = await post(inputs, 'a.b-c_1', { headers: { prefer: 'respond-async, wait=5' } });
	assert.is(waited.status, 200);
	assert.equal([...waited.bytes], [1, 2, 3]);
	await blobs.remove(name);
	await refused(404, 'not-found', 'GET', '/v1/evaluations/a.b-c_1/outputs');
});

test('inputs without keys, of another program or damaged are refused before anything of them is stored or queued', async () => {
	const { refused, ready, queue, blobs, keys, sendPart } = await start();
	const { keySet, inputs } = await ready();
	const headers = { 'idempotency-key': 'x' };
	const send = (status: number, code: string, body: Uint8Array, more: Request = {}) =>
		refused(status, code, 'POST', '/v1/evaluations', { body, headers, ...more });
	await send(409, 'keys', await randomInputs('ab'.repeat(16)));
	const half = await randomKeys();
	await sendPart(half.keySet, 0, half.parts[0] ?? new Uint8Array());
	await send(409, 'keys', await randomInputs(half.keySet));
	await send(400, 'message', await randomInputs(keySet, { fingerprint: '0'.repeat(64) }));
	for (const samples of [0, 2]) await send(400, 'message', await randomInputs(keySet, { samples }));
	for (const at of [0, 5, 60, 70, 5000, inputs.length - 1]) {
		const damaged = inputs.slice();
		damaged.set([(damaged[at] ?? 0) ^ 1], at);
		await send(400, 'message', damaged);
	}
	await send(400, 'message', inputs.subarray(0, -1));
	await send(413, 'too-large', Buffer.concat([inputs, new Uint8Array(1)]));
	await send(400, 'message', inputs, { headers: {} });
	for (const bad of ['', 'a b', 'a/b', 'ä', 'x'.repeat(65)])
		await send(400, 'message', inputs, { headers: { 'idempotency-key': bad } });
	assert.is(queue.jobs.size, 0);
	assert.is(blobs.kept.size, 0);
	assert.is(keys.pins.length, 0);
});

test('what belongs to one token is not there for another', async () => {
	const service = await start();
	const { ask, refused, post, ready, queue } = service;
	const { keySet, inputs } = await ready();
	await post(inputs, 'mine');
	const token = BOB;
	await refused(404, 'not-found', 'GET', `/v1/keys/${keySet}`, { token });
	await refused(404, 'not-found', 'DELETE', `/v1/keys/${keySet}`, { token });
	for (const path of ['mine', 'mine/outputs', onlyJob(service)])
		await refused(404, 'not-found', 'GET', `/v1/evaluations/${path}`, { token });
	await refused(404, 'not-found', 'DELETE', '/v1/evaluations/mine', { token });
	assert.is((await post(inputs, 'mine', { token })).status, 409);
	await ready(BOB);
	const other = await randomKeys(Buffer.from(keySet, 'hex'));
	assert.is((await ask('PUT', `/v1/keys/${keySet}`, { token, body: other.message })).status, 201);
	assert.is((await post(inputs, 'mine', { token })).status, 202);
	assert.is(queue.jobs.size, 2);
	assert.is((await ask('GET', `/v1/keys/${keySet}`)).status, 200);
});

test('an evaluation that failed or was cancelled says so', async () => {
	const service = await start();
	const { ask, refused, post, ready, queue } = service;
	const { inputs } = await ready();
	await post(inputs, 'x');
	const id = onlyJob(service);
	queue.set(id, { state: 'failed', error: { code: 'stopped', message: 'a thread was lost', hint: 'Again.' } });
	assert.equal((await ask('GET', '/v1/evaluations/x')).answer.error, {
		...{ code: 'stopped', message: 'a thread was lost', hint: 'Again.' },
	});
	await refused(503, 'stopped', 'GET', '/v1/evaluations/x/outputs');
	const waited = await post(inputs, 'x', { headers: { prefer: 'wait=5' } });
	assert.is(waited.status, 202);
	assert.is(waited.answer.state, 'failed');
	assert.is((await ask('DELETE', '/v1/evaluations/x')).answer.state, 'failed');
	queue.set(id, { state: 'failed', error: { code: 'defect', message: 'inner words' } });
	const { answer } = await refused(500, 'defect', 'GET', '/v1/evaluations/x/outputs');
	assert.not.match(JSON.stringify(answer), /inner words/);
	await post(inputs, 'y');
	assert.is((await ask('DELETE', '/v1/evaluations/y')).answer.state, 'cancelled');
	await refused(409, 'aborted', 'GET', '/v1/evaluations/y/outputs');
	await refused(404, 'not-found', 'DELETE', '/v1/evaluations/z');
});

test('a wait ends when the state changes, and closing the server ends it too', async () => {
	const service = await start();
	const { app, ask, post, ready, queue, blobs } = service;
	const { inputs } = await ready();
	const answer = post(inputs, 'x', { headers: { prefer: 'wait=60' } });
	while (queue.waits() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
	const id = onlyJob(service);
	const status = ask('GET', '/v1/evaluations/x', { headers: { prefer: 'wait=60' } });
	while (queue.waits() < 2) await new Promise((resolve) => setTimeout(resolve, 5));
	queue.set(id, { state: 'running' });
	assert.is((await status).answer.state, 'running');
	const { name } = await blobs.put(new Uint8Array([7]), 1);
	queue.set(id, { state: 'done', output: name });
	assert.equal([...(await answer).bytes], [7]);
	queue.set(id, { state: 'running' });
	const last = ask('GET', '/v1/evaluations/x', { headers: { prefer: 'wait=60' } });
	while (queue.waits() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
	await app.close();
	assert.is((await last).status, 200);
});

test('what waits too long already, or a service that stops, takes no more; what was accepted is still answered', async () => {
	const { ask, refused, post, ready, queue, stopping } = await start({ maxWaitMs: 10_000 });
	const { inputs } = await ready();
	await post(inputs, 'x');
	queue.amount.waiting = 13;
	const { headers } = await refused(503, 'busy', 'POST', '/v1/evaluations', {
		body: inputs,
		headers: { 'idempotency-key': 'y' },
	});
	assert.is(headers['retry-after'], '3');
	assert.is((await ask('GET', '/readyz')).status, 503);
	assert.is((await post(inputs, 'x')).status, 202);
	queue.amount.workers = 2;
	assert.is((await post(inputs, 'y')).status, 202);
	assert.is((await ask('GET', '/readyz')).status, 200);
	queue.amount.workers = 0;
	assert.is((await ask('GET', '/readyz')).answer.why, 'no worker');
	queue.amount.waiting = 0;
	stopping.abort();
	assert.ok((await refused(503, 'busy', 'POST', '/v1/evaluations', { body: inputs, headers: { 'idempotency-key': 'z' } })).headers['retry-after']); // biome-ignore format: one thought
	assert.is((await post(inputs, 'x')).status, 202);
	assert.is((await ask('GET', '/readyz')).status, 503);
	assert.is((await ask('GET', '/healthz')).status, 200);
});

test('a token, and an address, may ask so often in a minute', async () => {
	const { ask, refused } = await start({ requestsPerMinute: 3, addressRequestsPerMinute: 8 });
	const url = '/v1/evaluations/x';
	for (let k = 0; k < 3; k++) assert.is((await ask('GET', url)).status, 404);
	assert.ok(Number((await refused(429, 'too-many', 'GET', url)).headers['retry-after']) > 0);
	for (let k = 0; k < 3; k++) assert.is((await ask('GET', url, { token: BOB })).status, 404);
	assert.is((await ask('GET', url, { token: 'guess' })).status, 401);
	await refused(429, 'too-many', 'GET', url, { token: 'guess' });
	await refused(429, 'too-many', 'GET', '/v1/model', { token: '' });
	assert.is((await ask('GET', '/healthz')).status, 200);
});

test('the log has a line for each request, with owner and job, and nothing of headers, tokens or bodies', async () => {
	const service = await start();
	const { ask, post, ready, lines } = service;
	const { inputs } = await ready();
	await post(inputs, 'a-marked-id');
	await ask('GET', '/v1/evaluations/x', { token: 'a-marked-guess', headers: { cookie: 'a-marked-cookie' } });
	await ask('GET', '/v1/evaluations/x?token=a-marked-query');
	const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
	assert.is(records.length, 5 + 3);
	const posted = records.find(({ method }) => method === 'POST');
	assert.is(posted?.route, '/v1/evaluations');
	assert.is(posted?.owner, 'alice');
	assert.is(posted?.job, onlyJob(service));
	assert.not.match(lines.join(''), /marked|authorization|Bearer|0123456789/);
});

test('metrics count requests by route, refusals by code and bytes', async () => {
	const { ask, ready, post } = await start();
	const { inputs } = await ready();
	await post(inputs, 'x');
	await ask('GET', '/v1/evaluations/y');
	const text = (await ask('GET', '/metrics')).bytes.toString();
	assert.match(text, 'onnx_seal_requests_total{method="POST",route="/v1/evaluations",status="202"} 1');
	assert.match(text, 'onnx_seal_refused_total{code="not-found"} 1');
	assert.match(text, 'onnx_seal_key_parts 5');
	const received = Number(/onnx_seal_bytes_total\{direction="in"\} (\d+)/.exec(text)?.[1]);
	const sent = messageLength([inputs.length]) - messageLength([]) - 8;
	assert.ok(received > sent);
});

test('pages of the allowed origin may ask, those of others may not', async () => {
	const { ask } = await start({}, 'https://a.example');
	const preflight = (origin: string) => ask('OPTIONS', '/v1/evaluations', { token: '', headers: { origin } });
	const { status, headers } = await preflight('https://a.example');
	assert.is(status, 204);
	assert.is(headers['access-control-allow-origin'], 'https://a.example');
	assert.match(String(headers['access-control-allow-headers']), /Idempotency-Key/);
	assert.is((await preflight('https://b.example')).headers['access-control-allow-origin'], undefined);
	assert.is((await ask('GET', '/v1/model', { headers: { origin: 'https://b.example' } })).headers['access-control-allow-origin'], undefined); // biome-ignore format: one thought
});

test('an app takes several services, each under its prefix, and stays itself', async () => {
	const app = Fastify();
	app.get('/', async () => 'own');
	app.post('/json', async (request) => request.body);
	const made = () => ({ program: served, queue: manualQueue(), blobs: memoryBlobs(), keys: memoryKeys() });
	const [one, two] = [made(), made()];
	await app.register(service, { prefix: '/one', ...one });
	await app.register(service, { prefix: '/two', ...two });
	assert.is((await app.inject('/')).body, 'own');
	assert.equal((await app.inject({ method: 'POST', url: '/json', payload: { a: 1 } })).json(), { a: 1 });
	assert.is((await app.inject('/one/v1/model')).statusCode, 200);
	const { keySet, message } = await randomKeys();
	const headers = { 'content-type': OCTETS };
	const sent = await app.inject({
		method: 'PUT',
		url: `/one/v1/keys/${keySet}`,
		headers,
		payload: Buffer.from(message),
	});
	assert.is(sent.statusCode, 201);
	assert.is(one.keys.sets.size, 1);
	assert.is(two.keys.sets.size, 0);
	const posted = await app.inject({
		...{ method: 'POST', url: '/one/v1/evaluations', headers: { ...headers, 'idempotency-key': 'x' } },
		payload: Buffer.from(await randomInputs(keySet)),
	});
	assert.is(posted.headers.location, '/one/v1/evaluations/x');
	const { paths } = (await app.inject('/two/v1/openapi.json')).json() as { paths: object };
	assert.ok(Object.keys(paths).every((path) => path.startsWith('/two/v1/')));
	await app.close();
});

test.run();
