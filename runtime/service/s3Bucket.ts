import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3mini, S3NetworkError, S3ServiceError } from 's3mini';
import { RefusedError } from '../errors.ts';
import type { S3Credentials } from './s3Credentials.ts';
import { Turns } from './turns.ts';

/** Where objects are. */
export type S3Place = {
	/** https://host or http://host:port; the bucket is the first part of the path. */
	readonly endpoint: string;
	readonly bucket: string;
	readonly region: string;
	/** What the names of objects begin with, without a slash at either end; may be empty. */
	readonly prefix: string;
};

export type S3Handling = {
	/** Milliseconds until a request is answered, with all that it sends; default: 60,000. */
	readonly answerMs?: number | undefined;
	/** Milliseconds without a byte of an answer; default: 30,000. */
	readonly idleMs?: number | undefined;
	/** Milliseconds before a request is tried again, twice as many before the next time; default: 200. */
	readonly pauseMs?: number | undefined;
	/** How often a request is sent that fails in a way that may pass; default: 4. */
	readonly attempts?: number | undefined;
	/** Told in a sentence when a request was given up, once a minute at most. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

/** The objects of a bucket below a prefix, by the rest of their names. All methods throw RefusedError 'stopped' when the store fails. */
export type S3Bucket = {
	/** Stores a file; 16 MiB in memory for it, and for four of them at most at once. */
	readonly upload: (name: string, path: string) => Promise<void>;
	/** What `take` makes of an object's bytes, which may be damaged; undefined where there is no such object. */
	readonly download: <T>(
		name: string,
		take: (content: AsyncIterable<Uint8Array>, length: number) => Promise<T>,
	) => Promise<T | undefined>;
	readonly has: (name: string) => Promise<boolean>;
	readonly remove: (name: string) => Promise<void>;
	/** All of them with the time in ms since 1970 when they were stored. */
	readonly list: () => AsyncIterable<{ readonly name: string; readonly modified: number }>;
};

/** What is larger is sent in parts of this length. */
const PART_BYTES = 2 ** 23;
/** Pieces that are sent at once; each takes its length twice. */
const SENDERS = 4;
/** Far beyond any blob. */
const MOST_BYTES = 2 ** 32;
const LIST_COUNT = 1000;
const NOTICE_MS = 60_000;

const checkEndpoint = (endpoint: string): string => {
	const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
	const bare = url?.username === '' && url.password === '' && url.pathname === '/' && url.search + url.hash === '';
	if (url === undefined || !/^https?:$/.test(url.protocol) || !bare)
		throw new RefusedError('misuse', 'the S3 endpoint is no https://host', 'Give the address without a path.');
	return url.origin;
};

const checkPlace = ({ endpoint, bucket, region, prefix }: S3Place): S3Place => {
	if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
		throw new RefusedError('misuse', 'a bucket of S3 is named by 3 to 63 of a-z 0-9 . and -');
	if (!/^[a-z0-9-]{1,40}$/.test(region)) throw new RefusedError('misuse', 'the S3 region is none, as us-east-1');
	if (prefix.length > 500 || (prefix !== '' && !/^[A-Za-z0-9_-][\w.-]*(?:\/[A-Za-z0-9_-][\w.-]*)*$/.test(prefix)))
		throw new RefusedError('misuse', 'the prefix of S3 objects takes names of A-Z a-z 0-9 _ . - with / between');
	return { endpoint: checkEndpoint(endpoint), bucket, region, prefix };
};

/** Of fetch, with a limit of time, without redirections (the signature is for one address), and with the digest of what is sent. */
const boundedFetch =
	(milliseconds: number): typeof fetch =>
	async (input, init = {}) => {
		const late = new AbortController();
		const timer = setTimeout(() => late.abort(), milliseconds);
		const headers = new Headers(init.headers);
		if (init.body instanceof Uint8Array)
			headers.set('content-md5', createHash('md5').update(init.body).digest('base64'));
		try {
			return await fetch(input, { ...init, headers, redirect: 'error', signal: late.signal });
		} finally {
			clearTimeout(timer);
		}
	};

const tooSlow = (): Error => new Error('the answer came too slowly');

/** The bytes of an answer. Throws when none come for a time, and when it breaks off. */
async function* bytesOf(body: ReadableStream<Uint8Array>, idleMs: number): AsyncGenerator<Uint8Array> {
	const reader = body.getReader();
	try {
		for (;;) {
			const late = Promise.withResolvers<never>();
			const timer = setTimeout(() => late.reject(tooSlow()), idleMs);
			const { done, value } = await Promise.race([reader.read(), late.promise]).finally(() => clearTimeout(timer));
			if (done) return;
			yield value;
		}
	} finally {
		await reader.cancel().catch(() => {});
	}
}

/** What went wrong in a word: texts of the store may say more than a log should hold. */
const wordOf = (error: unknown): string => {
	if (error instanceof S3ServiceError) {
		const { status, serviceCode = '' } = error;
		return /^\w{1,40}$/.test(serviceCode) && serviceCode !== 'Unknown' ? `${status} ${serviceCode}` : String(status);
	}
	if (error instanceof S3NetworkError && error.code !== undefined) return error.code;
	return error instanceof Error && error.message === tooSlow().message ? 'too slow' : 'the connection failed';
};

const refusalOf = (error: unknown): RefusedError =>
	new RefusedError('stopped', `the S3 store of the service failed (${wordOf(error)})`, 'Ask again in a moment.');

const statusOf = (error: unknown): number | undefined => (error instanceof S3ServiceError ? error.status : undefined);

/** May the same request succeed soon? What it sent may have been damaged on its way. */
const mayPass = (error: unknown): boolean => {
	const status = statusOf(error);
	if (status === undefined || status >= 500 || status === 408 || status === 429) return true;
	return error instanceof S3ServiceError && error.serviceCode === 'BadDigest';
};

/** Is it about something here, a full disk say, and not about the store? */
const isOurs = (error: unknown): boolean =>
	error instanceof RefusedError || (error instanceof Error && 'syscall' in error);

const readAt = async (file: FileHandle, position: number, length: number): Promise<Uint8Array> => {
	const bytes = new Uint8Array(length);
	let at = 0;
	while (at < length) {
		const { bytesRead } = await file.read(bytes, at, length - at, position + at);
		if (bytesRead === 0) throw new RefusedError('stopped', 'a file that was to be stored got shorter');
		at += bytesRead;
	}
	return bytes;
};

/** Opens a part of a bucket; asks nothing of the store yet. Throws RefusedError 'misuse' for a place that there cannot be. */
export const openBucket = (given: S3Place, credentials: S3Credentials, handling: S3Handling = {}): S3Bucket =>
	new Bucket(checkPlace(given), credentials, handling);

class Bucket implements S3Bucket {
	readonly #s3: S3mini;
	readonly #prefix: string;
	readonly #answerMs: number;
	readonly #idleMs: number;
	readonly #pauseMs: number;
	readonly #attempts: number;
	readonly #turns = new Turns();
	readonly #onNotice: (text: string) => void;
	#sent = 0;
	#told = Number.NEGATIVE_INFINITY;

	constructor({ endpoint, bucket, region, prefix }: S3Place, credentials: S3Credentials, handling: S3Handling) {
		const { answerMs = 60_000, idleMs = 30_000, pauseMs = 200, attempts = 4, onNotice = () => {} } = handling;
		const address = { endpoint: `${endpoint}/${bucket}`, region, fetch: boundedFetch(answerMs) };
		this.#s3 = new S3mini({ ...credentials, ...address });
		this.#prefix = prefix === '' ? '' : `${prefix}/`;
		this.#answerMs = answerMs;
		this.#idleMs = idleMs;
		this.#pauseMs = pauseMs;
		this.#attempts = attempts;
		this.#onNotice = onNotice;
	}

	async upload(name: string, path: string): Promise<void> {
		const file = await open(path);
		try {
			const { size } = await file.stat();
			if (size <= PART_BYTES) await this.#sendWhole(name, file, size);
			else await this.#sendParts(name, file, size);
		} finally {
			await file.close();
		}
	}

	download<T>(
		name: string,
		take: (content: AsyncIterable<Uint8Array>, length: number) => Promise<T>,
	): Promise<T | undefined> {
		return this.#asked(async () => {
			const response = await this.#s3.getObjectResponse(this.#prefix + name);
			if (response === null || response.body === null) return undefined;
			const length = Number(response.headers.get('content-length') ?? MOST_BYTES);
			return take(bytesOf(response.body, this.#idleMs), Math.min(length, MOST_BYTES));
		});
	}

	has(name: string): Promise<boolean> {
		return this.#asked(async () => (await this.#s3.objectExists(this.#prefix + name)) === true);
	}

	async remove(name: string): Promise<void> {
		await this.#asked(async () => {
			try {
				await this.#s3.deleteObject(this.#prefix + name);
			} catch (error) {
				if (statusOf(error) !== 404) throw error;
			}
		});
	}

	async *list(): AsyncGenerator<{ readonly name: string; readonly modified: number }> {
		let token: string | undefined;
		do {
			const page = await this.#asked(() => this.#s3.listObjectsPaged('/', this.#prefix, LIST_COUNT, token));
			for (const { Key, LastModified } of page?.objects ?? [])
				if (Key.startsWith(this.#prefix))
					yield { name: Key.slice(this.#prefix.length), modified: LastModified.getTime() };
			token = page?.nextContinuationToken;
		} while (token !== undefined);
	}

	async #sendWhole(name: string, file: FileHandle, size: number): Promise<void> {
		await this.#send(file, 0, size, async (bytes) => {
			const answer = await this.#s3.putObject(this.#prefix + name, bytes);
			await answer.body?.cancel();
		});
	}

	/** Sends a piece of a file, while few others are in memory. */
	#send<T>(file: FileHandle, position: number, length: number, send: (bytes: Uint8Array) => Promise<T>): Promise<T> {
		return this.#turns.after(String(this.#sent++ % SENDERS), async () => {
			const bytes = await readAt(file, position, length);
			return this.#asked(() => send(bytes));
		});
	}

	/** The object is there once all parts are, and nothing of it before. */
	async #sendParts(name: string, file: FileHandle, size: number): Promise<void> {
		const key = this.#prefix + name;
		const id = await this.#asked(() => this.#s3.getMultipartUploadId(key));
		try {
			const parts: { readonly partNumber: number; readonly etag: string }[] = [];
			for (let at = 0; at < size; at += PART_BYTES) {
				const length = Math.min(PART_BYTES, size - at);
				parts.push(
					await this.#send(file, at, length, (bytes) => this.#s3.uploadPart(key, id, bytes, parts.length + 1)),
				);
			}
			await this.#asked(() => this.#complete(key, id, parts, size));
		} catch (error) {
			await this.#s3.abortMultipartUpload(key, id).catch(() => {});
			throw error;
		}
	}

	/** A store may answer 200 and then that it failed, and 404 where the first answer was lost: what counts is the object. */
	async #complete(
		key: string,
		id: string,
		parts: { readonly partNumber: number; readonly etag: string }[],
		size: number,
	): Promise<void> {
		try {
			await this.#s3.completeMultipartUpload(key, id, parts);
		} catch (error) {
			if (statusOf(error) !== 404) throw error;
		}
		if ((await this.#s3.getContentLength(key)) !== size) throw new Error('the object is not as long as its parts');
	}

	/** The refusal for an error, which whoever operates this hears of too. */
	#givenUp(error: unknown): RefusedError {
		const refusal = refusalOf(error);
		if (performance.now() - this.#told >= NOTICE_MS) {
			this.#told = performance.now();
			this.#onNotice(`${refusal.message}.`);
		}
		return refusal;
	}

	/** Does it, again where it fails in a way that may pass, but not after a store has let us wait. */
	async #asked<T>(work: () => Promise<T>): Promise<T> {
		const start = performance.now();
		for (let attempt = 1; ; attempt++)
			try {
				return await work();
			} catch (error) {
				if (isOurs(error)) throw error;
				const waited = performance.now() - start > this.#answerMs;
				if (attempt >= this.#attempts || waited || !mayPass(error)) throw this.#givenUp(error);
				await sleep(this.#pauseMs * 2 ** (attempt - 1));
			}
	}
}
