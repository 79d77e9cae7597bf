import { stat, utimes } from 'node:fs/promises';
import type { BlobStore } from './blobs.ts';
import { openDiskBlobs, type StoredBlob } from './diskBlobs.ts';
import { unlessMissing } from './files.ts';

/** Copies of blobs that are kept elsewhere. */
export type BlobCache = Pick<BlobStore, 'put' | 'get' | 'remove'> & {
	/** The file of a blob, which stays for a minute at least once it was put or got. */
	readonly pathOf: (name: string) => string;
};

/** What was used within this time stays, since someone may be about to open it. */
const SETTLED_MS = 60_000;
/** What nobody used for so long goes, whether or not there is room. */
const OLDEST_MS = 86_400_000;
/** The folder is looked through after every so much of what it may hold, and so often. */
const LOOK_SHARE = 1 / 16;
const LOOK_MS = 3_600_000;

/** What has to go for `mostBytes` to be kept: what is too old, then what was unused for longest. */
const victimsOf = (blobs: readonly StoredBlob[], mostBytes: number, now: number): readonly StoredBlob[] => {
	let over = blobs.reduce((sum, { bytes }) => sum + bytes, 0) - mostBytes;
	const victims: StoredBlob[] = [];
	for (const blob of blobs.toSorted((a, b) => a.modified - b.modified)) {
		if (blob.modified > now - SETTLED_MS || (over <= 0 && blob.modified > now - OLDEST_MS)) break;
		victims.push(blob);
		over -= blob.bytes;
	}
	return victims;
};

/**
 * A folder with copies of blobs that several processes of a machine may share: about `mostBytes` of those used last, none that was not
 * used for a day. A little more is there between two looks, and what the last minute brought. Bytes are checked against their names as
 * everywhere.
 */
export const openBlobCache = async (
	folder: string,
	mostBytes: number,
	now: () => number = Date.now,
): Promise<BlobCache> => {
	const disk = await openDiskBlobs(folder);
	let unseen = 0;

	const trim = async (): Promise<void> => {
		unseen = 0;
		const blobs: StoredBlob[] = [];
		for await (const blob of disk.list()) blobs.push(blob);
		for (const { name } of victimsOf(blobs, mostBytes, now())) if (await isSettled(name)) await disk.remove(name);
	};

	/** Was it not used since it was listed? */
	const isSettled = async (name: string): Promise<boolean> => {
		const found = await unlessMissing(stat(disk.pathOf(name)));
		return found !== undefined && found.mtimeMs <= now() - SETTLED_MS;
	};

	const put: BlobStore['put'] = async (content, limit) => {
		const written = await disk.put(content, limit);
		unseen += written.bytes;
		if (unseen > LOOK_SHARE * mostBytes) await trim();
		return written;
	};

	const get = async (name: string): Promise<Uint8Array | undefined> => {
		const bytes = await disk.get(name);
		if (bytes === undefined) return undefined;
		const used = now() / 1000;
		await unlessMissing(utimes(disk.pathOf(name), used, used));
		return bytes;
	};

	await trim();
	setInterval(() => void trim().catch(() => undefined), LOOK_MS).unref();
	return { put, get, remove: disk.remove, pathOf: disk.pathOf };
};
