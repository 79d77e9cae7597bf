import { readFileSync } from 'node:fs';

/** The bytes of a file, as no Buffer, whose `slice` does not copy. An error always names the path, which Node leaves out when it is a folder. */
export const readFile = (path: string): Uint8Array => {
	try {
		const { buffer, byteOffset, length } = readFileSync(path);
		return new Uint8Array(buffer, byteOffset, length);
	} catch (error) {
		throw error instanceof Error && !('path' in error) ? Object.assign(error, { path }) : error;
	}
};
