import { openBlobCache } from './blobCache.ts';
import { type BlobStore, isBlobName, type SweptBlobs } from './blobs.ts';
import { openBucket, type S3Bucket, type S3Handling, type S3Place } from './s3Bucket.ts';
import type { S3Credentials } from './s3Credentials.ts';

/** Blobs in a bucket, and where this machine keeps copies of those used last. */
export type S3Source = S3Place & {
	readonly kind: 's3';
	readonly cache: string;
	readonly cacheBytes: number;
};

/**
 * Blobs as objects of an S3-compatible store: `prefix/0123abcd...`. A blob is hashed on its way into a file of the cache and sent from there, so
 * nothing has a name that its bytes have not; what comes back goes through a file as well, and is checked when that is read. What comes damaged
 * twice is removed, as if it had never been there. Memory as with `openDiskBlobs`. Everything throws RefusedError 'stopped' when the
 * store cannot be reached or refuses, after some seconds of trying.
 */
export const openS3Blobs = async (
	source: S3Source,
	credentials: S3Credentials,
	handling?: S3Handling,
): Promise<SweptBlobs> => {
	const bucket = openBucket(source, credentials, handling);
	const cache = await openBlobCache(source.cache, source.cacheBytes);

	const put: BlobStore['put'] = async (content, limit) => {
		const written = await cache.put(content, limit);
		await bucket.upload(written.name, cache.pathOf(written.name));
		return written;
	};

	const fetched = async (name: string): Promise<Uint8Array | undefined> => {
		for (let attempt = 0; attempt < 2; attempt++) {
			const found = await bucket.download(name, (content, length) => cache.put(content, length));
			if (found === undefined) return undefined;
			if (found.name === name) return cache.get(name);
			await cache.remove(found.name);
		}
		await bucket.remove(name);
		return undefined;
	};

	const get = async (name: string): Promise<Uint8Array | undefined> =>
		isBlobName(name) ? ((await cache.get(name)) ?? (await fetched(name))) : undefined;

	const has = async (name: string): Promise<boolean> => isBlobName(name) && bucket.has(name);

	const remove = async (name: string): Promise<void> => {
		if (!isBlobName(name)) return;
		await cache.remove(name);
		await bucket.remove(name);
	};

	return { put, get, has, remove, sweep: (keep, before) => sweep(bucket, keep, before) };
};

/** Other objects than blobs are left alone. */
const sweep = async (bucket: S3Bucket, keep: ReadonlySet<string>, before: number): Promise<void> => {
	for await (const { name, modified } of bucket.list())
		if (isBlobName(name) && !keep.has(name) && modified < before) await bucket.remove(name);
};
