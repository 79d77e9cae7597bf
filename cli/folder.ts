import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { refuse } from '../compiler/errors.ts';

/**
 * Makes a folder and those it lies in. One by one: Node's own way to make several never ends on a file system that calls an
 * existing folder missing, as /proc does.
 */
export const makeFolder = (folder: string): void => {
	const missing: string[] = [];
	for (let path = resolve(folder); !existsSync(path) && path !== dirname(path); path = dirname(path))
		missing.push(path);
	for (const path of missing.reverse())
		try {
			mkdirSync(path);
		} catch (error) {
			// Another process may have made it.
			if (existsSync(path)) continue;
			const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
			refuse({
				code: 'option',
				message: `The folder ${path} cannot be made${why}.`,
				hint: 'Choose another one, below a folder that may be written to.',
			});
		}
};
