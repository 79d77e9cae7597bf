import { readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { extname, join, relative } from 'node:path';
import Fastify from 'fastify';
import type { Compiled } from '../../compiler/index.ts';
import { createServer } from '../../runtime/server.ts';
import { openService, service } from '../../runtime/service/index.ts';

/** A page on what was compiled: what an app in browsers has of its own, and the server that answers it. */

const INPUT = 'features';
const OUTPUT = 'probability';

/** One import; with it keys, a request, its answer. Runs in the page and, as it is, in a Web Worker. */
const DIRECT = `
import { createClient } from './build/client/index.js';

const post = async (path, body) => {
	const response = await fetch(path, { method: 'POST', body });
	if (!response.ok) throw new Error(path + ': ' + (await response.text()));
	return new Uint8Array(await response.arrayBuffer());
};

export const ask = async (features, options = {}) => {
	const stages = [];
	const onProgress = ({ stage, done, total }) => stages.push(stage + done + '/' + total);
	const client = await createClient({ onProgress, ...options });
	await post('/direct/keys', await client.evaluationKeys());
	const answer = await post('/direct/evaluate', await client.encrypt({ ${INPUT}: features }));
	const { outputs, warnings } = await client.decrypt(answer);
	client.dispose();
	return { values: [...outputs.get('${OUTPUT}').raw.data], warnings, stages };
};
`;

const WORKER = `
import { ask } from './direct.js';

onmessage = ({ data }) => ask(data).then(postMessage, (error) => postMessage({ error: String(error.stack) }));
`;

/** A client of the service: in the page, and with its key in a Web Worker of the package. */
const SERVED = (options: string): string => `
import { createWorkerClient } from 'onnx-seal/runtime/browser';
import { connect, RefusedError } from 'onnx-seal/runtime/remote';

const askBy = async (features, options) => {
	const remote = await connect(new URL('/service/', location.href), options);
	const result = await remote.infer({ ${INPUT}: features });
	const { outputs } = remote.publish(result, { mode: 'decision' });
	const refused = await remote.infer({ other: features }).catch((error) => error instanceof RefusedError && error.code);
	await remote.close();
	const values = [...result.outputs.get('${OUTPUT}').raw.data];
	return { values, warnings: result.warnings, decision: [...outputs.get('${OUTPUT}').data], refused };
};

export const askHere = (features) => askBy(features, {});
export const askHidden = (features) =>
	askBy(features, { createClient: (program, options) => createWorkerClient(program, { ...options${options} }) });
`;

const MAIN = `
import { ask } from './direct.js';
import { askHere, askHidden } from './served.js';

const askInWorker = (features) =>
	new Promise((resolve, reject) => {
		const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
		worker.onmessage = ({ data }) => resolve(data);
		worker.onerror = ({ message }) => reject(new Error('the worker: ' + message));
		worker.postMessage(features);
	});

const located = (features) => ask(features, { locateFile: (file) => '/elsewhere/' + file });

globalThis.ways = { page: ask, worker: askInWorker, located, service: askHere, hidden: askHidden };
`;

/** The script without a source is what the policy of the page has to stop. */
const PAGE = `<!doctype html>
<title>app</title>
<script>globalThis.inline = true;</script>
<script type="module" src="./main.js"></script>
`;

/** The files of the app. esbuild leaves \`new URL\` as it is: there the package's worker is an entry as well, and its place is said. */
export const appFiles = (bundler: 'vite' | 'esbuild'): Readonly<Record<string, string>> => ({
	'direct.js': DIRECT,
	'worker.js': WORKER,
	'served.js': SERVED(bundler === 'vite' ? '' : ", worker: () => new Worker('/model-worker.js', { type: 'module' })"),
	'main.js': MAIN,
	'index.html': PAGE,
});

const TYPES: Readonly<Record<string, string>> = {
	'.js': 'text/javascript',
	'.wasm': 'application/wasm',
};

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/** Every file below a folder, by its path there. */
export const filesBelow = (folder: string): ReadonlyMap<string, Buffer> =>
	new Map(
		readdirSync(folder, { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile())
			.map((entry) => join(entry.parentPath, entry.name))
			.map((file) => [relative(folder, file), readFileSync(file)]),
	);

/** The bundle, what the package has for browsers, the build, and an empty one for the service. */
type Folders = { readonly folder: string; readonly web: string; readonly build: string; readonly data: string };

/**
 * Serves the bundle on a free port of 127.0.0.1, every file under the policy, and wasm files elsewhere; beside it the service, and a server of \`createServer\` behind two
 * addresses.
 */
export const serveApp = async ({ program }: Compiled, { folder, web, build, data }: Folders) => {
	const direct = await createServer(program.server, program.constants);
	const opened = await openService({ build, data });
	const app = Fastify({ forceCloseConnections: true, bodyLimit: 2 ** 24 });
	app.removeAllContentTypeParsers();
	app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: unknown) => body);
	app.addHook('onSend', async (_request, reply) => void reply.header('content-security-policy', POLICY));
	const files = [...filesBelow(folder)].map(
		([name, bytes]) => [name === 'index.html' ? '/' : `/${name}`, bytes] as const,
	);
	const wasm = [...filesBelow(web)].flatMap(([name, bytes]) =>
		name.endsWith('.wasm') ? [[`/elsewhere/${name}`, bytes] as const] : [],
	);
	for (const [path, bytes] of [...files, ...wasm])
		app.get(path, (_request, reply) => reply.type(TYPES[extname(path)] ?? 'text/html').send(bytes));
	app.post('/direct/keys', async ({ body }) => {
		await direct.loadKeys(body as Buffer);
		return '';
	});
	app.post('/direct/evaluate', async ({ body }, reply) =>
		reply.type('application/octet-stream').send(Buffer.from(await direct.evaluate(body as Buffer))),
	);
	await app.register(service, { prefix: '/service', ...opened });
	await app.listen({ host: '127.0.0.1', port: 0 });
	await opened.started;
	return {
		url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`,
		close: async (): Promise<void> => {
			await app.close();
			await opened.close(1000);
			await direct.dispose();
		},
	};
};
