import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { build as viteBuild } from 'vite';
import { writeFiles } from '../../cli/buildDir.ts';
import { writeBuild } from '../../compiler/index.ts';
import { modelOf } from '../remote/model.ts';
import { startChromium } from '../support/chromium.ts';
import { linearWeights, weightFinder } from '../support/weights.ts';
import { appFiles, filesBelow, serveApp } from './bundled.ts';
import { installPackage } from './installed.ts';

/** The package in an app for browsers, as vite and esbuild bundle it by what the README says, in Chromium under a strict policy. */
const root = join(import.meta.dirname, '..', '..');
const tools = join(root, 'node_modules');
const project = mkdtempSync(join(tmpdir(), 'onnx-seal-bundlers-'));
const web = join(project, 'node_modules', 'onnx-seal', 'dist', 'web');
const model = modelOf('breast-cancer-logistic');

type Bundler = 'vite' | 'esbuild';

/** A block of code of the README, by how it begins. */
const blockOf = (start: string): string => {
	const readme = readFileSync(join(root, 'README.md'), 'utf8');
	const blocks = [...readme.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '');
	const [block, another] = blocks.filter((code) => code.startsWith(start));
	if (block === undefined || another !== undefined)
		throw new Error(`the README has not one block that begins with ${start}`);
	return block;
};

/** Bundles the app as the README says; the folder of the bundle. */
const bundled: Readonly<Record<Bundler, (app: string) => Promise<string>>> = {
	vite: async (app) => {
		writeFileSync(join(app, 'vite.config.js'), blockOf('// vite.config.js'));
		await viteBuild({ root: app, logLevel: 'warn' });
		return join(app, 'dist');
	},
	esbuild: async (app) => {
		const commands = blockOf('npx esbuild').replaceAll('npx ', `${join(tools, '.bin')}/`);
		execFileSync('sh', ['-ec', commands], { cwd: app, stdio: ['ignore', 2, 2] });
		copyFileSync(join(app, 'index.html'), join(app, 'out', 'index.html'));
		return join(app, 'out');
	},
};

const makeApp = (bundler: Bundler): Promise<string> => {
	const app = join(project, bundler);
	mkdirSync(app);
	for (const [name, text] of Object.entries(appFiles(bundler))) writeFileSync(join(app, name), text);
	for (const folder of ['build', 'node_modules']) symlinkSync(join(project, folder), join(app, folder));
	return bundled[bundler](app);
};

/** What was bundled, and by what. */
const folders = new Map<Bundler, string>();

type Answer = {
	readonly values: readonly number[];
	readonly warnings: readonly string[];
	readonly stages?: readonly string[];
	readonly decision?: readonly number[];
	readonly refused?: unknown;
	readonly error?: string;
};

const browser = await startChromium();
const test = suite('bundlers');

test.before(async () => {
	installPackage(project);
	writeFiles(join(project, 'build'), writeBuild(model.compiled));
	for (const bundler of ['vite', 'esbuild'] as const) folders.set(bundler, await makeApp(bundler));
});
test.after(async () => {
	await browser.close();
	rmSync(project, { recursive: true });
});

const features = [...(model.sampleOf(0).get('features') ?? [])];
const right = ({ values }: Answer): boolean => {
	const raw = { shape: [values.length], data: Float64Array.from(values) };
	return model.errorOf({ outputs: new Map([['probability', { ...raw, raw }]]) }, 0) <= 1;
};

/** A page that notes what it loads, what fails, and what the policy stops. */
const openPage = async (url: string) => {
	const page = await browser.newPage();
	const [failed, loaded]: [string[], string[]] = [[], []];
	page.on('pageerror', ({ message }) => failed.push(message));
	page.on('response', (response) => {
		loaded.push(response.url());
		// The service says by 404 that it has no keys yet.
		if (response.status() >= 400 && !response.url().includes('/service/v1/keys/')) failed.push(response.url());
	});
	await page.addInitScript(() => {
		const blocked: string[] = [];
		addEventListener('securitypolicyviolation', (event) =>
			blocked.push(`${event.effectiveDirective} ${event.blockedURI}`),
		);
		Object.assign(globalThis, { blocked });
	});
	await page.goto(url);
	await page.waitForFunction('globalThis.ways');
	const ask = (way: string): Promise<Answer> => page.evaluate(`ways.${way}(${JSON.stringify(features)})`);
	return { page, failed, loaded, ask };
};

for (const bundler of ['vite', 'esbuild'] as const)
	test(`an app that ${bundler} bundles encrypts and decrypts in the page and in Web Workers, under a strict policy`, async () => {
		const [folder, data] = [folders.get(bundler) ?? '', join(project, `${bundler}-data`)];
		const served = await serveApp(model.compiled, { folder, web, build: join(project, 'build'), data });
		const { page, failed, loaded, ask } = await openPage(served.url);
		try {
			for (const way of ['page', 'worker', 'located', 'service', 'hidden']) {
				const answer = await ask(way);
				assert.is(answer.error, undefined);
				assert.ok(right(answer), `${way}: ${answer.values}`);
				assert.equal(answer.warnings, []);
				if (answer.stages !== undefined) assert.is(answer.stages[0], 'set up0/4');
				else assert.equal([answer.decision, answer.refused], [[(answer.values[0] ?? 0) > 0 ? 1 : 0], 'input']);
			}
			for (const file of ['seal_throws.wasm', 'kernel.wasm'])
				assert.ok(loaded.includes(`${served.url}elsewhere/${file}`));
			assert.equal(loaded.filter((url) => !url.startsWith(served.url)), []); // biome-ignore format: one thought
			assert.equal(await page.evaluate('[globalThis.inline, blocked]'), [undefined, ['script-src-elem inline']]);
			assert.equal(failed, []);
		} finally {
			await page.close();
			await served.close();
		}
	});

/** What esbuild makes of a module of the project, without packages but ours, and which files it is made of. */
const bundleOf = async (entry: string, platform: 'node' | 'browser'): Promise<readonly [string, Metafile]> => {
	const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	const { dependencies } = manifest as { readonly dependencies: Readonly<Record<string, string>> };
	const { outputFiles, metafile } = await build({
		...{ entryPoints: [entry], absWorkingDir: project, bundle: true, write: false, metafile: true },
		...{ format: 'esm', platform, external: Object.keys(dependencies), outdir: 'none', logLevel: 'silent' },
	});
	return [outputFiles.map(({ text }) => text).join('\n'), metafile];
};

const DIST = 'node_modules/onnx-seal/dist';
const ENTRIES = [
	'build/server/index.js',
	...['runtime/service/index.js', 'runtime/service/evaluationWorker.js', 'runtime/backends/kernel/worker.js'].map(
		(file) => `${DIST}/${file}`,
	),
];
const SECRET = /\b(?:[sS]ecretKey|Decryptor|KeyGenerator|invariantNoiseBudget|exportSecretKey)\b/g;
const CLIENT_SIDE =
	/dist\/(?:runtime\/(?:client|local|publish|encryption|remote|browser|backends\/sealKeys)|web|compiler|cli)\b/;

test('bundles of the server, the service and their threads have no code that decrypts', async () => {
	for (const entry of ENTRIES) {
		const [text, { inputs }] = await bundleOf(entry, 'node');
		const files = Object.keys(inputs);
		assert.ok(files.includes(entry) && files.length > 3, entry);
		assert.equal([entry, ...files.filter((file) => CLIENT_SIDE.test(file))], [entry]);
		assert.equal([entry, ...(text.match(SECRET) ?? [])], [entry]);
	}
	const [text, { inputs }] = await bundleOf('build/client/index.js', 'node');
	assert.ok([...(text.match(SECRET) ?? [])].includes('Decryptor'), 'this search finds what decrypts');
	assert.ok(Object.keys(inputs).includes(`${DIST}/runtime/backends/sealKeys.js`));
});

test('bundles of the client have no weights, nothing that evaluates and nothing of Node', async () => {
	const weights = linearWeights(readFileSync(join(root, 'models', model.model.path)));
	for (const finder of [weightFinder(weights), weightFinder([model.compiled.program.constants])]) {
		for (const [bundler, folder] of folders)
			for (const [name, bytes] of filesBelow(folder))
				assert.equal([bundler, name, finder.in(bytes)], [bundler, name, 0]);
		for (const [name, bytes] of filesBelow(join(project, 'build', 'client')))
			assert.equal([name, finder.in(bytes)], [name, 0]);
	}
	const [text, { inputs, outputs }] = await bundleOf('build/client/index.js', 'browser');
	assert.equal(Object.keys(inputs).filter((file) => !/^(?:build\/client|node_modules\/onnx-seal\/dist\/web)\//.test(file)), []); // biome-ignore format: one thought
	const imports = Object.values(outputs).flatMap((output) => output.imports.map(({ path }) => path));
	assert.equal(
		[imports, text.match(/\b(?:from|import\()\s*["'](?:node:)?(?:fs|module|worker_threads)\b/g)],
		[[], null],
	);
});

test.run();
