import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RefusedError } from '../errors.ts';
import { type BlobStore, isBlobName, type SweptBlobs } from './blobs.ts';
import { makePrivate, syncFolder, unlessMissing } from './files.ts';

/** What is still written after this long was left by a process that ended: whoever writes touches the file all the time. */
const LEFTOVER_MS = 3_600_000;

/** A blob that is stored. */
export type StoredBlob = {
	readonly name: string;
	readonly path: string;
	readonly bytes: number;
	/** When it was stored or touched last, in ms since 1970. */
	readonly modified: number;
};

export type DiskBlobs = SweptBlobs & {
	/** The file of a blob, whether or not it is there. */
	readonly pathOf: (name: string) => string;
	/** All of them, one after another; some may be gone already. */
	readonly list: () => AsyncIterable<StoredBlob>;
};

const chunksOf = (content: AsyncIterable<Uint8Array> | Uint8Array): AsyncIterable<Uint8Array> | Iterable<Uint8Array> =>
	content instanceof Uint8Array ? [content] : content;

const writeAll = async (
	file: FileHandle,
	content: AsyncIterable<Uint8Array> | Uint8Array,
	limit: number,
): Promise<{ readonly name: string; readonly bytes: number }> => {
	const hash = createHash('sha256');
	let bytes = 0;
	for await (const chunk of chunksOf(content)) {
		bytes += chunk.length;
		if (bytes > limit) throw new RefusedError('message', `there are more than the ${limit} bytes that this can have`);
		hash.update(chunk);
		await file.writeFile(chunk);
	}
	await file.sync();
	return { name: hash.digest('hex'), bytes };
};

const modifiedBefore = async (path: string, time: number): Promise<boolean> =>
	((await unlessMissing(stat(path)))?.mtimeMs ?? time) < time;

/**
 * Blobs as files of a folder, which several processes may share: `sha256/ab/cdef...`, readable by their user only. A blob is written
 * under another name while it is hashed, and renamed once the disk has it, so a crash leaves no half of one. One that was damaged
 * on the disk is removed when it is read, as if it had never been there. Memory: what a chunk takes; `get`: the whole blob.
 */
export const openDiskBlobs = async (folder: string): Promise<DiskBlobs> => {
	const root = join(folder, 'sha256');
	const incoming = join(folder, 'incoming');
	for (const path of [root, incoming]) await makePrivate(path);
	const pathOf = (name: string): string => join(root, name.slice(0, 2), name.slice(2));

	const settle = async (written: string, name: string): Promise<void> => {
		const path = pathOf(name);
		const made = await makePrivate(dirname(path));
		if (made !== undefined) await syncFolder(root);
		await rename(written, path);
		await syncFolder(dirname(path));
	};

	const put: BlobStore['put'] = async (content, limit) => {
		const path = join(incoming, randomUUID());
		const file = await open(path, 'wx', 0o600);
		try {
			const written = await writeAll(file, content, limit).finally(() => file.close());
			await settle(path, written.name);
			return written;
		} catch (error) {
			await rm(path, { force: true });
			throw error;
		}
	};

	const remove = async (name: string): Promise<void> => {
		if (isBlobName(name)) await rm(pathOf(name), { force: true });
	};

	const get = async (name: string): Promise<Uint8Array | undefined> => {
		const file = isBlobName(name) ? await unlessMissing(readFile(pathOf(name))) : undefined;
		if (file === undefined) return undefined;
		// No Buffer, whose `slice` does not copy.
		if (createHash('sha256').update(file).digest('hex') === name)
			return new Uint8Array(file.buffer, file.byteOffset, file.length);
		await remove(name);
		return undefined;
	};

	const has = async (name: string): Promise<boolean> =>
		isBlobName(name) && (await unlessMissing(stat(pathOf(name))))?.isFile() === true;

	const sweepIncoming = async (): Promise<void> => {
		for (const file of await readdir(incoming))
			if (await modifiedBefore(join(incoming, file), Date.now() - LEFTOVER_MS))
				await rm(join(incoming, file), { force: true });
	};

	async function* list(): AsyncIterable<StoredBlob> {
		for (const start of await readdir(root))
			for (const rest of (await unlessMissing(readdir(join(root, start)))) ?? []) {
				const path = join(root, start, rest);
				const found = isBlobName(start + rest) ? await unlessMissing(stat(path)) : undefined;
				if (found !== undefined) yield { name: start + rest, path, bytes: found.size, modified: found.mtimeMs };
			}
	}

	const sweep: DiskBlobs['sweep'] = async (keep, before) => {
		await sweepIncoming();
		for await (const { name, modified } of list()) if (!keep.has(name) && modified < before) await remove(name);
	};

	await sweepIncoming();
	return { put, get, has, remove, sweep, pathOf, list };
};
