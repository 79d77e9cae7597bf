import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RefusedError } from '../errors.ts';
import { makePrivate } from './files.ts';

const BUSY = 5;

const isBusy = (error: unknown): boolean =>
	error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 255) === BUSY;

const refusalOf = (folder: string, error: unknown): RefusedError =>
	isBusy(error)
		? new RefusedError(
				'misuse',
				`the folder ${folder} is in use by another service`,
				'End that one, or give this one a folder of its own.',
			)
		: new RefusedError(
				'misuse',
				`the folder ${folder} cannot be locked`,
				'Use a file system with locks, where this process may write.',
			);

/**
 * Takes a folder for this process, until it gives it back or ends. The lock is the system's, on the file `lock`, so it is gone with the process
 * however that ends, and holds among containers and machines as far as their file system does: SQLite takes it, since Node cannot. Throws
 * RefusedError 'misuse' where another process, or another call of this one, has it.
 */
export const lockFolder = async (folder: string): Promise<() => void> => {
	await makePrivate(folder);
	let file: DatabaseSync | undefined;
	try {
		file = new DatabaseSync(join(folder, 'lock'));
		file.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
	} catch (error) {
		file?.close();
		throw refusalOf(folder, error);
	}
	const held = file;
	return () => {
		if (held.isOpen) held.close();
	};
};
