import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { TOKENS } from './serve.ts';

/** One request, byte for byte, and what becomes of its connection: `end` closes it behind the body, `hold` sends no more. */
export type BadRequest = {
	readonly line: string;
	readonly headers: readonly string[];
	readonly body: Uint8Array;
	readonly after?: 'end' | 'hold';
	/** Is it sent before the head has come to its end? */
	readonly broken?: true;
};

/** A kind of bad requests, and the statuses that they may be answered with; 0: the connection was closed without an answer. */
export type BadKind = { readonly name: string; readonly make: () => BadRequest; readonly statuses: readonly number[] };

/** What they are made from: a good inputs message, its key set, and the id of an evaluation that was done with other inputs. */
export type Given = { readonly message: Uint8Array; readonly keySet: string; readonly usedId: string };

/** Numbers in [0, n), the same in every run. */
const seeded = (seed: number) => {
	let state = seed;
	return (n: number): number => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * n);
	};
};

const OCTETS = 'Content-Type: application/octet-stream';
const JSON_TYPE = 'Content-Type: application/json';
const TOKEN = `Authorization: Bearer ${TOKENS[0]}`;
const OTHER_TOKEN = `Authorization: Bearer ${TOKENS[1]}`;
const NOTHING = new Uint8Array();
/** What unpacks to a thousand times its bytes. */
const BOMB = gzipSync(new Uint8Array(2 ** 25));

const lengthOf = (body: Uint8Array): string => `Content-Length: ${body.length}`;
const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('base64');
const chunked = (body: Uint8Array): Uint8Array =>
	Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
const ended = (request: BadRequest): BadRequest => ({ ...request, after: 'end' });

/** The same kinds in every run: what HTTP allows and the service does not, and what HTTP does not allow. */
export const badKinds = ({ message, keySet, usedId }: Given): readonly BadKind[] => {
	const random = seeded(7);
	const id = (): string => `Idempotency-Key: bad-${random(2 ** 31)}`;
	const used = `Idempotency-Key: ${usedId}`;
	const post = (body: Uint8Array, headers: readonly string[]): BadRequest => ({
		line: 'POST /v1/evaluations',
		headers: [TOKEN, OCTETS, ...headers],
		body,
	});
	const whole = (body: Uint8Array): BadRequest => post(body, [id(), lengthOf(body)]);
	const as = (type: string, body: Uint8Array): BadRequest => ({
		...whole(body),
		headers: [TOKEN, type, id(), lengthOf(body)],
	});
	const flipped = (most: number): Uint8Array => {
		const body = message.slice();
		const at = random(most);
		body[at] = (body[at] ?? 0) ^ (1 << random(8));
		return body;
	};
	const cut = (): Uint8Array => message.subarray(0, random(message.length));
	const padded = (start: Uint8Array): Uint8Array => Buffer.concat([start, message]).subarray(0, message.length);
	const announced = (length: number): BadRequest => post(message, [id(), `Content-Length: ${length}`]);
	const keyPart = (body: Uint8Array, digest: string, name = keySet): BadRequest => ({
		line: `PUT /v1/keys/${name}/parts/0`,
		headers: [TOKEN, OCTETS, lengthOf(body), `Content-Digest: sha-256=:${digest}:`],
		body,
	});
	const keys = (body: Uint8Array, headers: readonly string[] = []): BadRequest => ({
		line: `PUT /v1/keys/${'e'.repeat(32)}`,
		headers: [TOKEN, OCTETS, lengthOf(body), ...headers],
		body,
	});
	const get = (path: string, token = TOKEN): BadRequest => ({ line: `GET ${path}`, headers: [token], body: NOTHING });
	const kind = (name: string, statuses: readonly number[], make: () => BadRequest): BadKind => ({
		...{ name, make, statuses },
	});
	return [
		kind('a bit of the head flipped', [400, 409], () => whole(flipped(64))),
		kind('a bit anywhere flipped', [400, 409], () => whole(flipped(message.length))),
		kind('cut, and gone', [0], () => ended(post(cut(), [id(), lengthOf(message)]))),
		kind('cut', [400], () => whole(cut())),
		kind('gone before the body', [0], () => ended(post(NOTHING, [id(), lengthOf(message)]))),
		kind('gone within the head', [0], () => ({ ...ended(post(NOTHING, [id()])), broken: true })),
		kind('announced too long', [413], () => announced(message.length + 1 + random(2 ** 40))),
		kind('of no stated length', [411], () => post(chunked(message), [id(), 'Transfer-Encoding: chunked'])),
		kind('in broken chunks', [400, 411], () => post(message, [id(), 'Transfer-Encoding: chunked'])),
		kind('of two lengths', [400], () => post(message, [id(), lengthOf(message), 'Content-Length: 7'])),
		kind('two ways of framing', [400], () => post(message, [id(), lengthOf(message), 'Transfer-Encoding: chunked'])),
		kind('of a length below nothing', [400], () => announced(-1 - random(99))),
		kind('an id again, other inputs', [409], () => post(flipped(64), [used, lengthOf(message)])),
		kind('inputs of another token', [409], () => ({
			...whole(message),
			headers: [OTHER_TOKEN, OCTETS, used, lengthOf(message)],
		})),
		kind('a question about an evaluation of another token', [404], () => get(`/v1/evaluations/${usedId}`, OTHER_TOKEN)),
		kind('outputs of another token', [404], () => get(`/v1/evaluations/${usedId}/outputs`, OTHER_TOKEN)),
		kind('keys of another token', [404], () => get(`/v1/keys/${keySet}`, OTHER_TOKEN)),
		kind('an id too long', [400], () =>
			post(message, [`Idempotency-Key: ${'x'.repeat(65 + random(99))}`, lengthOf(message)]),
		),
		kind('no id', [400], () => post(message, [lengthOf(message)])),
		kind('of another type', [415], () => as(JSON_TYPE, message)),
		kind('a form', [415], () => as('Content-Type: multipart/form-data; boundary=x', message)),
		kind('of no type', [415], () => as('X-Type: none', message)),
		kind('nested JSON', [415], () => as(JSON_TYPE, new Uint8Array(message.length).fill(0x5b))),
		kind('a bomb', [413, 415], () => post(BOMB, [id(), lengthOf(BOMB), 'Content-Encoding: gzip'])),
		kind('a bomb of the right length', [415], () =>
			post(padded(BOMB), [id(), lengthOf(message), 'Content-Encoding: gzip']),
		),
		kind('a bomb that hides', [400], () => whole(padded(BOMB))),
		kind('a bomb for keys', [413, 415], () => keys(BOMB, ['Content-Encoding: deflate, gzip'])),
		kind('no keys', [400, 413], () => keys(cut())),
		kind('an unknown token', [401], () => ({
			...whole(message),
			headers: [OCTETS, id(), lengthOf(message), `Authorization: Bearer marker-${random(2 ** 31)}`],
		})),
		kind('a key of another length', [400, 413], () => keyPart(message, sha256(message))),
		kind('a key of another digest', [400, 413], () => keyPart(message, sha256(cut()))),
		kind('a key without digest', [400], () => keyPart(message, 'x'.repeat(random(99)), 'f'.repeat(32))),
		kind('a path out of the folder', [400, 404], () => get(`/v1/keys/${'../'.repeat(random(9))}etc/passwd`)),
		kind('an evaluation that is none', [404], () => get(`/v1/evaluations/${random(2 ** 31)}`)),
		kind('a path of zeros', [404], () => get(`/v1/model/${'%00'.repeat(1 + random(99))}`)),
		kind('headers too long', [431], () => ({ ...get('/v1/model'), headers: [`X: ${'y'.repeat(2 ** 15)}`] })),
		kind('no HTTP', [400], () => ({ ...get(''), line: String.fromCharCode(1 + random(31)).repeat(20) })),
	];
};

/** Those that take seconds, each until it is cut off. */
export const slowKinds = ({ message }: Given): readonly BadKind[] => {
	const random = seeded(11);
	const make = (broken: boolean) => (): BadRequest => ({
		line: 'POST /v1/evaluations',
		headers: [TOKEN, OCTETS, `Idempotency-Key: slow-${random(2 ** 31)}`, lengthOf(message)],
		body: broken ? NOTHING : message.subarray(0, random(message.length)),
		after: 'hold',
		...(broken ? { broken } : {}),
	});
	return [
		{ name: 'a body that stops', statuses: [408], make: make(false) },
		{ name: 'a head that stops', statuses: [408], make: make(true) },
	];
};

/** Sends a request; the status of its answer, 0 where the connection was closed without one, or half a minute over. */
export const sendBad = (url: URL, { line, headers, body, after, broken }: BadRequest): Promise<number> =>
	new Promise((resolve) => {
		let answer = '';
		const socket = connect(Number(url.port), url.hostname, () => {
			const head = [`${line} HTTP/1.1`, `Host: ${url.host}`, 'Connection: close', ...headers].join('\r\n');
			socket.write(broken === true ? head : `${head}\r\n\r\n`);
			if (after === 'end') socket.write(body, () => socket.destroy());
			else socket.write(body);
		});
		socket.setTimeout(30_000, () => socket.destroy());
		socket.setEncoding('latin1').on('data', (text: string) => {
			if (answer.length < 64) answer += text;
			if (answer.length >= 12) socket.destroy();
		});
		socket.on('error', () => undefined);
		socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)));
	});
