import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/**
 * Bundles what browsers load of the runtime, without any code of Node, and puts the two wasm files beside it: there `new URL` finds them,
 * in a page without a bundler as well. Names are kept, so that a page's own bundler says what it has in its bundle.
 *
 *     node runtime/web/build.ts folder
 */
const runtime = resolve(import.meta.dirname, '..');

/** What node-seal asks for in Node only; a bundler for browsers would not find it. */
const NODE_ONLY = 'await import("module")';

const withoutNode: Plugin = {
	name: 'without-node',
	setup: ({ onLoad }) => {
		onLoad({ filter: /node-seal.dist.seal_throws\.js$/ }, ({ path }) => {
			const text = readFileSync(path, 'utf8');
			if (!text.includes(NODE_ONLY)) throw new Error('node-seal is not version 7.0.0');
			return { contents: text.replace(NODE_ONLY, '{}') };
		});
	},
};

/** Writes the bundles of these entries, by their names there, and the wasm files into a folder. */
const buildWeb = async (folder: string, entries: Readonly<Record<string, string>>): Promise<void> => {
	await build({
		entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(runtime, file)])),
		outdir: folder,
		bundle: true,
		splitting: true,
		format: 'esm',
		platform: 'browser',
		target: 'es2024',
		minifySyntax: true,
		// What is left of Node: files and threads, behind questions whether they are there.
		define: { 'globalThis.process': 'undefined' },
		chunkNames: 'chunk-[hash]',
		plugins: [withoutNode],
		logLevel: 'warning',
	});
	const seal = fileURLToPath(new URL('seal_throws.wasm', import.meta.resolve('node-seal')));
	copyFileSync(seal, join(folder, 'seal_throws.wasm'));
	copyFileSync(join(runtime, 'kernel', 'kernel.wasm'), join(folder, 'kernel.wasm'));
};

const folder = process.argv[2];
if (folder === undefined) throw new Error('name the folder to write to');
mkdirSync(folder, { recursive: true });
await buildWeb(resolve(folder), {
	client: 'client.ts',
	remote: 'remote/index.ts',
	browser: 'browser/index.ts',
	worker: 'browser/worker.ts',
});
