import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const missing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** What `work` ends with; undefined where the file that it needs is not there. */
export const unlessMissing = async <T>(work: Promise<T>): Promise<T | undefined> => {
	try {
		return await work;
	} catch (error) {
		if (missing(error)) return undefined;
		throw error;
	}
};

/** Makes a folder that only its user can read, and those it lies in. */
export const makePrivate = (folder: string): Promise<string | undefined> =>
	mkdir(folder, { recursive: true, mode: 0o700 });

/** Has the disk what a folder lists? Without that, a file that was renamed may be gone after a loss of power. */
export const syncFolder = async (path: string): Promise<void> => {
	const folder = await open(path);
	await folder.sync().finally(() => folder.close());
};

/** Writes a file as a whole or not at all, readable by its user only, and ends once the disk has it. */
export const writeDurably = async (path: string, text: string): Promise<void> => {
	const written = `${path}.${randomUUID()}.new`;
	try {
		const file = await open(written, 'wx', 0o600);
		await file
			.writeFile(text)
			.then(() => file.sync())
			.finally(() => file.close());
		await rename(written, path);
		await syncFolder(dirname(path));
	} catch (error) {
		await rm(written, { force: true });
		throw error;
	}
};

/**
 * What the JSON files of a folder hold, with what is left of interrupted writes removed. Files that hold something else than `accepts`
 * says are removed too, and counted.
 */
export const readRecords = async <T>(
	folder: string,
	accepts: (value: unknown) => value is T,
): Promise<{ readonly records: readonly T[]; readonly damaged: number }> => {
	const records: T[] = [];
	let damaged = 0;
	for (const name of await readdir(folder)) {
		const path = join(folder, name);
		const value = name.endsWith('.json') ? parsed(await readFile(path, 'utf8')) : undefined;
		if (accepts(value)) records.push(value);
		else {
			await rm(path, { force: true });
			if (name.endsWith('.json')) damaged++;
		}
	}
	return { records, damaged };
};

const parsed = (text: string): unknown => {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
};
