/**
 * What a browser loads of the client: scripts as esbuild minifies them, and the two wasm files; bytes, and as gzip and brotli send them. What the
 * compiler makes of a model is beside it. Prints Markdown; with --write also into the README.
 *
 * npm run bench -- bundle [--write] [model ...]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build, version as esbuild } from 'esbuild';
import { writeBuild } from '../compiler/index.ts';
import { zoo } from '../models/index.ts';
import { benchArguments } from './alternate.ts';
import { publish, table } from './table.ts';
import { compileZoo } from './zoo.ts';

type Size = { readonly what: string; readonly bytes: number; readonly gzip: number; readonly brotli: number };

const sizeOf = (what: string, bytes: Uint8Array): Size => ({
	...{ what, bytes: bytes.length },
	...{ gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length },
});

const sum = (what: string, sizes: readonly Size[]): Size => {
	const total = (of: 'bytes' | 'gzip' | 'brotli'): number => sizes.reduce((all, size) => all + size[of], 0);
	return { what, bytes: total('bytes'), gzip: total('gzip'), brotli: total('brotli') };
};

const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
const rowOf = ({ what, bytes, gzip, brotli }: Size): string[] => [what, ...[bytes, gzip, brotli].map(kilobytes)];

/** What a page imports of the bundles beside it. */
const ENTRIES = {
	client: "export { createClient } from './client.js';",
	page: "export { createWorkerClient } from './browser.js'; export { connect } from './remote.js';",
	worker: "import './worker.js';",
};

/** One of the entries, bundled and minified: all files that it loads at once, and not what it imports when it needs it. */
const minified = async (folder: string, entry: keyof typeof ENTRIES): Promise<Uint8Array> => {
	const { outputFiles, metafile } = await build({
		...{ stdin: { contents: ENTRIES[entry], resolveDir: folder }, absWorkingDir: folder, outdir: 'out', write: false },
		...{ bundle: true, minify: true, splitting: true, format: 'esm', target: 'es2024', metafile: true },
	});
	const loaded = new Set(['out/stdin.js']);
	for (const file of loaded)
		for (const { path, kind } of metafile.outputs[file]?.imports ?? [])
			if (kind === 'import-statement') loaded.add(path);
	return Buffer.concat(
		outputFiles.filter(({ path }) => loaded.has(relative(folder, path))).map(({ contents }) => contents),
	);
};

const measure = async (folder: string, names: readonly string[]): Promise<readonly Size[]> => {
	const file = (name: string): Size => sizeOf(name, readFileSync(join(folder, name)));
	const wasm = [file('seal_throws.wasm'), file('kernel.wasm')];
	const client = sizeOf('`createClient`', await minified(folder, 'client'));
	const page = sizeOf('`connect` and `createWorkerClient`', await minified(folder, 'page'));
	const worker = sizeOf('its Web Worker', await minified(folder, 'worker'));
	const programs = zoo
		.filter(({ name }) => names.includes(name))
		.map((model) => {
			const program = writeBuild(compileZoo(model)).get('client/program.json');
			return sizeOf(`program of ${model.name}`, Buffer.from(program ?? ''));
		});
	return [
		...[client, page, worker, ...wasm],
		...[
			sum('a page that encrypts itself', [client, ...wasm]),
			sum('one whose Web Worker does', [page, worker, ...wasm]),
		],
		...programs,
	];
};

const { names, write } = benchArguments(1);
const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-bundle-'));
try {
	const script = fileURLToPath(new URL('../runtime/web/build.ts', import.meta.url));
	const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
	if (status !== 0) throw new Error(stderr);
	const sizes = await measure(folder, names.length > 0 ? names : ['breast-cancer-logistic', 'mnist-cryptonets']);
	const versions = `esbuild ${esbuild}, gzip at level 9, brotli at ${constants.BROTLI_DEFAULT_QUALITY}`;
	publish('bundle', [table(['', 'bytes', 'gzip', 'brotli'], sizes.map(rowOf)), `${versions}.`].join('\n\n'), write);
} finally {
	rmSync(folder, { recursive: true });
}
