import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InternalError } from '../compiler/errors.ts';

/** The folder of package.json: above the sources in the repository, above `dist` in an installed package. */
export const packageRoot = (): string => {
	for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder))
		if (existsSync(join(folder, 'package.json'))) return folder;
	throw new InternalError('cli', 'no package.json above the command line');
};

export const packageVersion = (): string => {
	const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
	return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';
};
