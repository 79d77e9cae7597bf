import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Fastify from 'fastify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { watchBodies } from '../../cli/web/seen.ts';

const BYTES = 'application/octet-stream';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes with every value, more than one chunk of them. */
const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));

/** An app that answers bodies of bytes with their reverse, and says how many it read. */
const makeWatched = () => {
	const app = Fastify();
	const seen = watchBodies(app);
	app.addContentTypeParser(BYTES, (_request, payload, done) => done(null, payload));
	app.post('/reverse', async (request, reply) => {
		const chunks: Buffer[] = await (request.body as Readable).toArray();
		return reply.type(BYTES).send(Buffer.concat(chunks).reverse());
	});
	app.post('/refuse', async (_request, reply) => reply.code(409).type(BYTES).send(body));
	app.post('/text', async () => ({ fine: true }));
	return { app, seen };
};

test('bodies of bytes are seen as they are, both ways, and arrive unchanged', async () => {
	const { app, seen } = makeWatched();
	const answer = await app.inject({ method: 'POST', url: '/reverse', headers: { 'content-type': BYTES }, body });
	const reversed = Buffer.from(body).reverse();
	assert.is(sha256(answer.rawPayload), sha256(reversed));
	const found = seen.after(0).map(({ way, path, bytes, sha256, first }) => ({ way, path, bytes, sha256, first }));
	const about = (way: string, data: Buffer) => ({
		...{ way, path: '/reverse', bytes: data.length, sha256: sha256(data) },
		first: data.subarray(0, 64).toString('hex'),
	});
	assert.equal(found, [about('received', body), about('sent', reversed)]);
	assert.is(seen.newest, 2);
	assert.is(seen.after(1).length, 1);
	assert.is(seen.after(2).length, 0);
	await app.close();
});

test('texts and refusals are no such bodies', async () => {
	const { app, seen } = makeWatched();
	await app.inject({ method: 'POST', url: '/text', payload: { a: 1 } });
	await app.inject({ method: 'POST', url: '/refuse' });
	assert.equal(seen.after(0), []);
	await app.close();
});

test('a body that breaks off is not seen, and its reader is told', async () => {
	const { app, seen } = makeWatched();
	const broken = Readable.from(
		(async function* () {
			yield body;
			throw new Error('gone');
		})(),
	);
	const looked = seen.received({ method: 'POST', url: '/reverse' }, broken);
	const why = await looked.toArray().then(
		() => 'nothing',
		(error: Error) => error.message,
	);
	assert.is(why, 'gone');
	assert.equal(seen.after(0), []);
	await app.close();
});

test('only the newest 500 are kept', async () => {
	const { app, seen } = makeWatched();
	for (let i = 0; i < 510; i++) seen.sent({ method: 'GET', url: `/${i}` }, body.subarray(0, 4));
	const kept = seen.after(0);
	assert.is(kept.length, 500);
	assert.is(kept[0]?.path, '/10');
	assert.is(kept.at(-1)?.id, seen.newest);
	await app.close();
});

test('the page has no inline script or style, and nothing from elsewhere', () => {
	const page = readFileSync(join(import.meta.dirname, '..', '..', 'cli', 'web', 'page', 'index.html'), 'utf8');
	assert.not.match(page, /<style|\sstyle=|\son\w+=|javascript:|https?:/);
	assert.equal(
		[...page.matchAll(/<script([^>]*)>([^<]*)/g)].map(([, attributes, text]) => [attributes, text]),
		[[' type="module" src="page.js"', '']],
	);
});

test.run();
