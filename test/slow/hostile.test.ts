import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../runtime/remote/index.ts';
import { modelOf } from '../remote/model.ts';
import { serve, TOKENS } from './serve.ts';

/** A service under bad requests, with good ones in between: all good ones are answered right, all bad ones refused. */
const REQUESTS = 10_000;
const AT_ONCE = 16;
const GOOD_EVERY = 500;
/** What the service may grow by once it has seen as many requests as come before the first good one. */
const MOST_GROWTH = 150e6;
const SLOW_EVERY = 250;

/** Numbers in [0, n), the same in every run. */
const seeded = (seed: number) => {
	let state = seed;
	return (n: number): number => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * n);
	};
};

type Bad = {
	readonly line: string;
	readonly headers: readonly string[];
	readonly body: Uint8Array;
	readonly then?: 'end' | 'hold';
};

const OCTETS = 'Content-Type: application/octet-stream';

/** Kinds of bad requests: `message` is a good inputs message, `used` the id of an evaluation that was done with other inputs. */
const kindsOf = (message: Uint8Array, used: string, keySet: string, random: (n: number) => number) => {
	const id = (): string => `Idempotency-Key: bad-${random(2 ** 31)}`;
	const token = `Authorization: Bearer ${TOKENS[0]}`;
	const length = (body: Uint8Array): string => `Content-Length: ${body.length}`;
	const post = (body: Uint8Array, headers: readonly string[] = [], then?: 'end' | 'hold'): Bad => ({
		line: 'POST /v1/evaluations',
		headers: [token, OCTETS, ...headers],
		body,
		...(then === undefined ? {} : { then }),
	});
	const flipped = (most: number): Uint8Array => {
		const body = message.slice();
		const at = random(most);
		body[at] = (body[at] ?? 0) ^ (1 << random(8));
		return body;
	};
	const cut = (): Uint8Array => message.subarray(0, random(message.length));
	const part = (body: Uint8Array, digest: string, name = keySet): Bad => ({
		line: `PUT /v1/keys/${name}/parts/0`,
		headers: [token, OCTETS, length(body), `Content-Digest: sha-256=:${digest}:`],
		body,
	});
	const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('base64');
	const all = length(message);
	const kinds: readonly (() => Bad)[] = [
		() => post(flipped(64), [id(), all]),
		() => post(flipped(message.length), [id(), all]),
		() => post(cut(), [id(), all], 'end'),
		() => {
			const body = cut();
			return post(body, [id(), length(body)]);
		},
		() => post(message, [id(), `Content-Length: ${message.length + 1 + random(2 ** 40)}`]),
		() => post(message, [id(), 'Transfer-Encoding: chunked']),
		() => post(flipped(64), [`Idempotency-Key: ${used}`, all]),
		() => post(message, [`Idempotency-Key: ${'x'.repeat(65 + random(99))}`, all]),
		() => post(message, [all]),
		() => ({ ...post(message, [id(), all]), headers: [token, id(), all, 'Content-Type: application/json'] }),
		() => {
			const body = new TextEncoder().encode('['.repeat(message.length));
			return { ...post(body, []), headers: [token, id(), length(body), 'Content-Type: application/json'] };
		},
		() => ({ ...post(message, []), headers: [OCTETS, id(), all, `Authorization: Bearer marker-${random(2 ** 31)}`] }),
		() => part(message, sha256(message)),
		() => part(message, sha256(cut())),
		() => part(message, 'x'.repeat(random(99)), 'f'.repeat(32)),
		() => ({ line: `GET /v1/keys/${'../'.repeat(random(9))}etc/passwd`, headers: [token], body: new Uint8Array() }),
		() => ({ line: `GET /v1/evaluations/${random(2 ** 31)}`, headers: [token], body: new Uint8Array() }),
		() => ({ line: `GET /v1/model/${'%00'.repeat(1 + random(99))}`, headers: [], body: new Uint8Array() }),
		() => ({ line: 'POST /v1/model', headers: [`X: ${'y'.repeat(2 ** 15)}`], body: new Uint8Array() }),
		() => ({ line: String.fromCharCode(1 + random(31)).repeat(20), headers: [], body: new Uint8Array() }),
	];
	const slow = (): Bad => post(cut(), [id(), all], 'hold');
	return { kinds, slow };
};

/** Sends a request; the status of its answer, 0 where the connection was closed without one. */
const send = (url: URL, { line, headers, body, then }: Bad): Promise<number> =>
	new Promise((resolve) => {
		let answer = '';
		const socket = connectSocket(Number(url.port), url.hostname, () => {
			const head = [`${line} HTTP/1.1`, `Host: ${url.host}`, 'Connection: close', ...headers, '', ''].join('\r\n');
			socket.write(head);
			if (then === 'end') socket.write(body, () => socket.destroy());
			else socket.write(body);
		});
		socket.setTimeout(20_000, () => socket.destroy());
		socket.setEncoding('latin1').on('data', (text: string) => {
			if (answer.length < 64) answer += text;
			if (answer.length >= 12) socket.destroy();
		});
		socket.on('error', () => undefined);
		socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)));
	});

const filesBelow = (folder: string): string[] =>
	readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.map((name) => join(folder, name))
		.filter((path) => statSync(path).isFile());

test('bad requests are refused, good ones in between are answered right, and nothing private is stored or logged', async () => {
	const { compiled, sampleOf, errorOf } = modelOf('breast-cancer-logistic');
	const served = await serve(compiled);
	try {
		let used = '';
		const spy: typeof fetch = (target, init) => {
			used = new Headers(init?.headers).get('idempotency-key') ?? used;
			return fetch(target, init);
		};
		const remote = await connect(served.url, { token: TOKENS[0], fetch: spy });
		const message = await remote.client.encrypt(sampleOf(0));
		const good = async (k: number): Promise<void> => {
			const result = await remote.infer(sampleOf(k));
			assert.ok(errorOf(result, k) <= 1, `${errorOf(result, k)} of the predicted error after ${k} rounds`);
		};
		await good(0);
		const { kinds, slow } = kindsOf(message, used, remote.client.keySet, seeded(7));
		const counts = new Map<string, number>();
		let warm = 0;
		for (let sent = 0; sent < REQUESTS; sent += GOOD_EVERY) {
			let next = sent;
			const sender = async (): Promise<void> => {
				while (next < sent + GOOD_EVERY) {
					const k = next++;
					const kind = k % SLOW_EVERY === 0 ? slow : kinds[k % kinds.length];
					if (kind === undefined) throw new Error('there is a kind');
					const status = await send(new URL(served.url), kind());
					const what = `${k % SLOW_EVERY === 0 ? 'slow' : k % kinds.length}: ${status}`;
					counts.set(what, (counts.get(what) ?? 0) + 1);
				}
			};
			await Promise.all([...Array.from({ length: AT_ONCE }, sender), good(sent / GOOD_EVERY)]);
			warm ||= served.residentBytes();
		}
		const accepted = [...counts.keys()].filter((what) => !/: (?:0|[45]\d\d)$/.test(what) || /: 500$/.test(what));
		assert.equal(accepted, []);
		assert.ok(served.alive());
		const growth = served.residentBytes() - warm;
		assert.ok(growth < MOST_GROWTH, `grew by ${growth} bytes`);
		console.log([...counts].sort().join('; '), `grew by ${growth} bytes from ${warm}`);

		const secretKey = Buffer.from(await remote.client.exportSecretKey());
		const values = [...sampleOf(0).values()][0] ?? new Float64Array();
		const telling = values.filter((value) => String(value).length > 8);
		const markers = [
			...TOKENS.map((token) => Buffer.from(token)),
			// Behind the head, which says what the server knows.
			...[500, 5000, 20_000].map((at) => secretKey.subarray(at, at + 32)),
			...Array.from(telling, (value) => Buffer.from(String(value))),
			...Array.from(telling, (value) => Buffer.from(Float64Array.of(value).buffer)),
		];
		assert.ok(telling.length > 0 && markers.every((marker) => marker.length >= 8));
		const stored = [Buffer.from(served.log()), ...filesBelow(served.data).map((path) => readFileSync(path))];
		assert.ok(stored.length > 3);
		for (const marker of markers)
			assert.is(
				stored.findIndex((bytes) => bytes.includes(marker)),
				-1,
			);
		await remote.close();
	} finally {
		await served.stop();
	}
});

test.run();
