import { createHash, timingSafeEqual } from 'node:crypto';
import type { Readable } from 'node:stream';
import { RefusedError } from '../errors.ts';
import { ServiceError } from './errors.ts';

export type Chunks = AsyncIterable<Uint8Array>;

/** How long a body is, and how slow it may be. */
export type BodyRules = { readonly length: number; readonly idleMs: number; readonly bytesPerSecond: number };

const refuseLength = (stated: number, length: number): never => {
	if (stated > length) throw new ServiceError('too-large', `the body has ${stated} bytes; this has exactly ${length}`);
	throw new RefusedError('message', `the body has ${stated} bytes; this has exactly ${length}`, 'Send all of it.');
};

/** Throws before a byte of the body is read, when its stated length is another than it must be. */
export const checkStatedLength = (header: string | undefined, length: number): void => {
	if (header === undefined) throw new LengthRequired();
	const stated = Number(header);
	if (stated !== length) refuseLength(stated, length);
};

/** A body whose length was not stated. */
export class LengthRequired extends Error {
	constructor() {
		super('the request states no Content-Length');
	}
}

const tooSlow = (): ServiceError =>
	new ServiceError('timeout', 'the body came too slowly', 'Send it again, over a faster connection.');

/** Ends as `work` does, or throws ServiceError 'timeout' first. */
const within = <T>(milliseconds: number, work: Promise<T>): Promise<T> =>
	new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(tooSlow()), Math.max(0, milliseconds));
		work.then(resolve, reject).finally(() => clearTimeout(timer));
	});

/**
 * The bytes of a body, exactly as many as it must have. Throws ServiceError 'too-large' at the first byte too many and 'timeout' for
 * one that is slow: `idleMs` without a byte, or fewer bytes in a second than it must have, not counting the time that the reader
 * takes; RefusedError 'message' where it ends short. Leaves the stream open, so that there can be an answer.
 */
export async function* exactBody(source: Readable, { length, idleMs, bytesPerSecond }: BodyRules): Chunks {
	const chunks = source.iterator({ destroyOnReturn: false });
	let bytes = 0;
	let left = idleMs + (1000 * length) / bytesPerSecond;
	for (;;) {
		const start = performance.now();
		const { done, value } = await within(Math.min(idleMs, left), nextOf(chunks));
		left -= performance.now() - start;
		if (done === true) break;
		bytes += value.length;
		if (bytes > length) refuseLength(bytes, length);
		yield value;
	}
	if (bytes < length) refuseLength(bytes, length);
}

const nextOf = async (chunks: AsyncIterator<unknown>): Promise<IteratorResult<Uint8Array, undefined>> => {
	try {
		const { done, value } = await chunks.next();
		return done === true ? { done, value: undefined } : { done: false, value: value as Uint8Array };
	} catch {
		throw new RefusedError('message', 'the body broke off', 'Send it again.');
	}
};

/** The SHA-256 of a `Content-Digest` header (RFC 9530). Throws RefusedError 'message' where there is none. */
export const readDigest = (header: string | readonly string[] | undefined): Uint8Array => {
	const text = typeof header === 'string' ? header : '';
	const [, base64] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)/.exec(text) ?? [];
	if (base64 === undefined)
		throw new RefusedError(
			'message',
			'there is no Content-Digest with sha-256',
			'Send Content-Digest: sha-256=:base64:.',
		);
	return Buffer.from(base64, 'base64');
};

/** The same bytes; throws RefusedError 'message' behind the last when they have another SHA-256. */
export async function* digested(chunks: Chunks, sha256: Uint8Array): Chunks {
	const hash = createHash('sha256');
	for await (const chunk of chunks) {
		hash.update(chunk);
		yield chunk;
	}
	if (!timingSafeEqual(hash.digest(), sha256))
		throw new RefusedError(
			'message',
			'the body has not the SHA-256 of Content-Digest',
			'It was damaged: send it again.',
		);
}

/** SHA-256 of the bytes, in hexadecimal: what a blob of them would be called. */
export const nameOf = async (chunks: Chunks): Promise<string> => {
	const hash = createHash('sha256');
	for await (const chunk of chunks) hash.update(chunk);
	return hash.digest('hex');
};

/** What is read of a refused body before the answer, so that a client that sends first and reads then sees the answer. */
const MOST_DISCARDED = 2 ** 18;
const DISCARD_MS = 300;

/** Reads a little of what is left of a body; was that all of it? */
export const discardRest = (source: Readable): Promise<boolean> =>
	new Promise((resolve) => {
		if (source.readableEnded || source.destroyed) return resolve(source.readableEnded);
		let bytes = 0;
		const end = (all: boolean) => (): void => {
			clearTimeout(timer);
			source.off('data', count).off('end', ended).off('close', broken).off('error', broken);
			resolve(all);
		};
		const [ended, broken] = [end(true), end(false)];
		const count = (chunk: Uint8Array): void => {
			bytes += chunk.length;
			if (bytes > MOST_DISCARDED) broken();
		};
		const timer = setTimeout(broken, DISCARD_MS);
		source.on('end', ended).on('close', broken).on('error', broken).on('data', count);
	});
