import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { packageRoot } from '../package.ts';

/** A file that is served. */
export type WebFile = { readonly type: string; readonly bytes: Uint8Array };

const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.wasm': 'application/wasm',
	'.svg': 'image/svg+xml',
};

/** Modules of the runtime are bundled already, beside the page's. */
const runtimeBeside: Plugin = {
	name: 'runtime-beside',
	setup: ({ onResolve }) => {
		onResolve({ filter: /runtime\/(?:remote|browser)\/index\.ts$/ }, ({ path }) => ({
			path: path.includes('remote') ? './remote.js' : './browser.js',
			external: true,
		}));
	},
};

/** Bundles the page and the runtime into `folder`, and reads what is there. Takes a second. */
export const bundlePage = async (folder: string): Promise<ReadonlyMap<string, WebFile>> => {
	const page = join(import.meta.dirname, 'page');
	const script = join(packageRoot(), 'runtime', 'web', 'build.ts');
	const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
	if (status !== 0) throw new Error(`the runtime could not be bundled: ${stderr}`);
	await build({
		entryPoints: [join(page, 'page.ts')],
		outfile: join(folder, 'page.js'),
		bundle: true,
		format: 'esm',
		target: 'es2024',
		plugins: [runtimeBeside],
		logLevel: 'warning',
	});
	for (const name of ['index.html', 'style.css', 'icon.svg']) copyFileSync(join(page, name), join(folder, name));
	return new Map(
		readdirSync(folder).flatMap((name): [string, WebFile][] => {
			const type = TYPES[extname(name)];
			return type === undefined ? [] : [[name, { type, bytes: readFileSync(join(folder, name)) }]];
		}),
	);
};
