import { readFileSync, statSync } from 'node:fs';
import { refuse } from '../compiler/errors.ts';

/**
 * The bytes of a file, as no Buffer, whose `slice` does not copy. An error always names the path, which Node leaves out when it
 * is a folder. Errors: 'file' for more than `most` bytes, which are not read, and for devices, which have no end.
 */
export const readFile = (path: string, most = Number.POSITIVE_INFINITY): Uint8Array => {
	const file = statSync(path);
	if (file.isCharacterDevice() || file.isBlockDevice())
		refuse({ code: 'file', message: `${path} is a device, not a file.` });
	if (file.size > most) refuse({ code: 'file', message: `${path} has ${file.size} bytes; at most ${most} are read.` });
	try {
		const { buffer, byteOffset, length } = readFileSync(path);
		return new Uint8Array(buffer, byteOffset, length);
	} catch (error) {
		throw error instanceof Error && !('path' in error) ? Object.assign(error, { path }) : error;
	}
};
