import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { type Compiled, writeBuild } from '../../compiler/index.ts';
import { type OpenedService, openService, service } from '../../runtime/service/index.ts';
import { writeFiles } from '../buildDir.ts';
import { bundlePage, type WebFile } from './bundle.ts';
import { compileModels, demoSamples } from './models.ts';
import { type SeenBodies, watchBodies } from './seen.ts';

/** Nothing from elsewhere, nothing inline; WebAssembly may be compiled. */
const POLICY = [
	"default-src 'none'",
	"script-src 'self' 'wasm-unsafe-eval'",
	...["style-src 'self'", "img-src 'self'", "connect-src 'self'", "worker-src 'self'"],
	...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

const HEADERS = {
	'content-security-policy': POLICY,
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'no-referrer',
	'cross-origin-opener-policy': 'same-origin',
	'cache-control': 'no-store',
};

const GRACE_MS = 2000;

export type Demo = {
	readonly url: string;
	/** Ends the server and removes what it stored. */
	readonly close: () => Promise<void>;
};

const addPage = (app: FastifyInstance, files: ReadonlyMap<string, WebFile>, seen: SeenBodies): void => {
	app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS));
	for (const [name, { type, bytes }] of files)
		app.get(name === 'index.html' ? '/' : `/${name}`, (_request, reply) => reply.type(type).send(bytes));
	const samples = demoSamples();
	app.get('/samples.json', async () => samples);
	app.get<{ Querystring: { after?: string } }>('/seen.json', async ({ query }) => {
		const after = Number(query.after);
		return { newest: seen.newest, bodies: Number.isSafeInteger(after) ? seen.after(after) : [] };
	});
};

const openBuild = (folder: string, name: string, compiled: Compiled): Promise<OpenedService> => {
	const build = join(folder, name);
	writeFiles(build, writeBuild(compiled));
	return openService({ build, data: join(folder, `${name}-data`) });
};

/**
 * Compiles both models, and serves the page and a service for each on 127.0.0.1. The page is not watched: only what goes to the
 * services and comes from them. Takes some seconds.
 */
export const startDemo = async ({ port }: { readonly port: number }): Promise<Demo> => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-demo-'));
	const opened: OpenedService[] = [];
	const app = Fastify({ forceCloseConnections: true });
	const close = async (): Promise<void> => {
		await Promise.all(opened.map((one) => one.close(GRACE_MS)));
		await app.close();
		rmSync(folder, { recursive: true, force: true });
	};
	try {
		const seen = watchBodies(app);
		addPage(app, await bundlePage(join(folder, 'web')), seen);
		for (const [name, compiled] of Object.entries(compileModels())) {
			const one = await openBuild(folder, name, compiled);
			opened.push(one);
			await app.register(service, { prefix: `/${name}`, ...one });
		}
		await Promise.all(opened.map(({ started }) => started));
		return { url: `${await app.listen({ host: '127.0.0.1', port })}/`, close };
	} catch (error) {
		await close();
		throw error;
	}
};
