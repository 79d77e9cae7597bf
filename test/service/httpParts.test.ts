import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import { refusalOf } from '../../runtime/service/answers.ts';
import { ownerOf, readTokens } from '../../runtime/service/auth.ts';
import { digested, exactBody, readDigest } from '../../runtime/service/body.ts';
import { ServiceError } from '../../runtime/service/errors.ts';
import { checkRoom, DEFAULT_LIMITS, Places, waitingMs } from '../../runtime/service/limits.ts';
import { Turns } from '../../runtime/service/turns.ts';
import { secondsToWait } from '../../runtime/service/waits.ts';

const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<number[]> => {
	const bytes: number[] = [];
	for await (const chunk of chunks) bytes.push(...chunk);
	return bytes;
};

/** The code that `work` is refused with. */
const codeOf = async (work: Promise<unknown>): Promise<string> => {
	try {
		await work;
	} catch (error) {
		if (error instanceof ServiceError || error instanceof RefusedError) return error.code;
		throw error;
	}
	return 'nothing';
};

const rules = (length: number) => ({ length, idleMs: 1000, bytesPerSecond: 1e6 });

test('tokens are read from lines, hashed or not, and only they open', () => {
	const hash = createHash('sha256').update('bobs-token-0123456789').digest('hex');
	const tokens = readTokens(`# who\n\nalice alices-token-0123456\r\nbob:${hash}\nalice\tanother-token-of-alice\n`);
	assert.is(ownerOf(tokens, 'Bearer alices-token-0123456'), 'alice');
	assert.is(ownerOf(tokens, 'bearer another-token-of-alice'), 'alice');
	assert.is(ownerOf(tokens, 'Bearer bobs-token-0123456789'), 'bob');
	assert.is(ownerOf(undefined, 'Bearer whatever'), '');
	for (const header of [
		undefined,
		'',
		'Bearer',
		`Bearer ${hash}`,
		'Bearer alices-token-012345',
		'Basic alices-token-0123456',
	])
		assert.throws(
			() => ownerOf(tokens, header),
			(error: unknown) => error instanceof ServiceError && error.code === 'unauthorized',
		);
	// The hash of nothing is no token.
	const nothing = createHash('sha256').update('').digest('hex');
	assert.throws(() => ownerOf(readTokens(`eve:${nothing}`), 'Bearer '));
});

test('lines that are no tokens are refused without being quoted', () => {
	for (const text of ['', '# only\n', 'alice', 'alice short', 'a b c-c-c-c-c-c-c-c-c-c-c', 'alice:12ab', 'ali/ce marked-0123456789', 'alice märked-0123456789']) // biome-ignore format: a list
		assert.throws(
			() => readTokens(text),
			(error: unknown) => error instanceof RefusedError && !/m[aä]rked|short/.test(error.message),
		);
});

test('a body has exactly so many bytes', async () => {
	const body = (...chunks: readonly number[][]): Readable =>
		Readable.from(chunks.map((chunk) => Uint8Array.from(chunk)));
	assert.equal(await collect(exactBody(body([1, 2], [3]), rules(3))), [1, 2, 3]);
	assert.is(await codeOf(collect(exactBody(body([1, 2], [3]), rules(2)))), 'too-large');
	assert.is(await codeOf(collect(exactBody(body([1, 2], [3]), rules(4)))), 'message');
	const endless = Readable.from(
		(function* () {
			for (;;) yield new Uint8Array(1000);
		})(),
	);
	assert.is(await codeOf(collect(exactBody(endless, rules(5000)))), 'too-large');
	const broken = new Readable({ read: () => broken.destroy(new Error('reset')) });
	assert.is(await codeOf(collect(exactBody(broken, rules(5)))), 'message');
	const silent = new Readable({ read: () => {} });
	assert.is(await codeOf(collect(exactBody(silent, { ...rules(5), idleMs: 20 }))), 'timeout');
});

test('a digest is read from its header and checked behind the last byte', async () => {
	const bytes = Uint8Array.from([1, 2, 3]);
	const base64 = createHash('sha256').update(bytes).digest('base64');
	for (const header of [`sha-256=:${base64}:`, `sha-512=:AAAA:, sha-256=:${base64}:`]) {
		const chunks = digested(Readable.from([bytes]), readDigest(header));
		assert.equal(await collect(chunks), [1, 2, 3]);
	}
	for (const header of [undefined, '', base64, `sha-256=${base64}`, `md5=:${base64}:`, 'sha-256=:AAAA:'])
		assert.throws(() => readDigest(header), /Content-Digest/);
	const other = digested(Readable.from([bytes, bytes]), readDigest(`sha-256=:${base64}:`));
	assert.is(await codeOf(collect(other)), 'message');
});

test('wait is read as RFC 7240 writes it, and at most a minute', () => {
	const cases = { 'wait=10': 10, 'respond-async, wait=10': 10, 'Wait = "7"; x=1': 7, 'wait=999999': 60 };
	for (const [text, seconds] of Object.entries(cases)) assert.is(secondsToWait(text), seconds, text);
	for (const text of [undefined, '', 'wait', 'wait=-1', 'wait=1.5', 'await=10', 'wait=1e3'])
		assert.is(secondsToWait(text), 0);
});

test('there is room while what waits takes no longer than it may, spread over the workers', () => {
	assert.is(waitingMs({ waiting: 0, running: 0, workers: 1 }, 500), 0);
	assert.is(waitingMs({ waiting: 3, running: 1, workers: 1 }, 500), 2000);
	assert.is(waitingMs({ waiting: 3, running: 2, workers: 2 }, 500), 1000);
	assert.is(waitingMs({ waiting: 3, running: 0, workers: 0 }, 500), 1500);
	const limits = { ...DEFAULT_LIMITS, maxWaitMs: 2000, maxWaiting: 5 };
	checkRoom({ waiting: 3, running: 1, workers: 1 }, 500, limits);
	assert.throws(
		() => checkRoom({ waiting: 8, running: 1, workers: 2 }, 500, { ...limits, maxWaitMs: 10 }),
		(error: unknown) => error instanceof ServiceError && error.code === 'busy' && error.retryAfter === 2,
	);
	assert.throws(() => checkRoom({ waiting: 5, running: 1, workers: 1 }, 0, limits), /5 evaluations/);
});

test('places are limited for all and for each, and given back', async () => {
	const places = new Places(3, 2);
	const { promise, resolve } = Promise.withResolvers<void>();
	const first = [places.during('a', () => promise), places.during('a', () => promise)];
	assert.is(await codeOf(places.during('a', async () => {})), 'busy');
	const other = places.during('b', () => promise);
	assert.is(await codeOf(places.during('c', async () => {})), 'busy');
	resolve();
	await Promise.all([...first, other]);
	await places.during('a', () => places.during('a', () => places.during('b', async () => {})));
});

test('turns under one name follow each other, also after a failure, and do not hold up others', async () => {
	const turns = new Turns();
	const seen: string[] = [];
	const { promise, resolve } = Promise.withResolvers<void>();
	const first = turns.after('a', async () => {
		await promise;
		seen.push('first');
		throw new Error('lost');
	});
	const second = turns.after('a', async () => void seen.push('second'));
	await turns.after('b', async () => void seen.push('other'));
	resolve();
	await first.catch(() => {});
	await second;
	assert.equal(seen, ['other', 'first', 'second']);
});

test('of an error that is no refusal nothing is told, and a full disk is no defect', () => {
	const { status, code, message, hint } = refusalOf(new TypeError('inner words'));
	assert.equal([status, code], [500, 'defect']);
	assert.not.match(`${message}${hint}`, /inner/);
	assert.is(refusalOf('thrown').status, 500);
	const full = refusalOf(Object.assign(new Error('ENOSPC: /secret/path'), { code: 'ENOSPC' }));
	assert.equal([full.status, full.code], [503, 'busy']);
	assert.not.match(full.message, /path/);
	assert.is(refusalOf(new ServiceError('too-many', 'quota')).retryAfter, undefined);
});

test.run();
