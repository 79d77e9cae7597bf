import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const modulesOf = (folder: string): string => join(folder, 'node_modules');

/** What the package is built from, and what is published beside it. */
const sources = (): readonly string[] => {
	const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
		readonly files: readonly string[];
	};
	const published = files.filter((file) => file !== 'dist' && !file.startsWith('cli/'));
	return ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'cli', 'compiler', 'runtime', ...published];
};

/**
 * Packs the package as it is published, from a copy of the sources: the build of the checkout, which others may be using, stays as it is.
 * Installs it into `project`, an empty folder, beside links to its dependencies and to the tools of development. Takes half a minute.
 */
export const installPackage = (project: string): void => {
	const copy = join(project, 'package-source');
	for (const file of sources()) cpSync(join(root, file), join(copy, file), { recursive: true });
	symlinkSync(modulesOf(root), modulesOf(copy));
	const options = ['--silent', '--pack-destination', project];
	execFileSync('npm', ['pack', ...options], { cwd: copy, stdio: ['ignore', 2, 2] });
	const archive = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
	const installed = join(modulesOf(project), 'onnx-seal');
	mkdirSync(installed, { recursive: true });
	execFileSync('tar', ['-xzf', join(project, archive), '-C', installed, '--strip-components', '1']);
	rmSync(copy, { recursive: true });
	for (const name of readdirSync(modulesOf(root)))
		if (!name.startsWith('.')) symlinkSync(join(modulesOf(root), name), join(modulesOf(project), name));
	writeFileSync(join(project, 'package.json'), '{"type":"module"}');
};
