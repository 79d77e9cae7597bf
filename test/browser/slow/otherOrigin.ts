import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A page, and a service on another origin that lets pages of this one use it. */

const root = join(import.meta.dirname, '..', '..', '..');

const PAGE = '<!doctype html><title>page</title><script type="module" src="page.js"></script>';

/** No bundler: the bundles for browsers as they are, the client in a Web Worker. */
const SCRIPT = `
import { createWorkerClient } from './browser.js';
import { connect } from './remote.js';

globalThis.ask = async ({ url, token, features, stopAt }) => {
	const controller = new AbortController();
	const { signal } = controller;
	const onProgress = ({ stage }) => stage === stopAt && controller.abort();
	const options = { token, signal, onProgress, retry: { attempts: 1 }, createClient: createWorkerClient };
	try {
		const remote = await connect(url, options);
		const { outputs } = await remote.infer({ features }, { signal, onProgress });
		await remote.close();
		return { values: [...outputs.get('probability').raw.data] };
	} catch ({ name, code, message }) {
		return { name, code, message };
	}
};
`;

const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

export type Pages = {
	readonly origin: string;
	/** Lets its pages ask services at this address from now on. */
	readonly allow: (service: string) => void;
	readonly close: () => void;
};

/** Writes the bundles for browsers into `folder`, and gives what serves them and a page on an origin of its own. */
export const bundlePages = (folder: string): (() => Promise<Pages>) => {
	execFileSync(process.execPath, [join(root, 'runtime', 'web', 'build.ts'), folder], { stdio: ['ignore', 2, 2] });
	writeFileSync(join(folder, 'page.js'), SCRIPT);
	const files = new Map(readdirSync(folder).map((name) => [`/${name}`, readFileSync(join(folder, name))]));
	return async () => {
		let services = '';
		const server = createServer(({ url = '/' }, answer) => {
			const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'${services}`;
			const bytes = url === '/' ? PAGE : files.get(url);
			const type = TYPES[extname(url)] ?? 'text/html';
			answer.writeHead(bytes === undefined ? 404 : 200, { 'content-type': type, 'content-security-policy': policy });
			answer.end(bytes);
		}).listen(0, '127.0.0.1');
		await once(server, 'listening');
		const address = server.address();
		if (address === null || typeof address === 'string') throw new Error('no port');
		return {
			origin: `http://127.0.0.1:${address.port}`,
			allow: (service) => {
				services += ` ${service}`;
			},
			close: () => {
				server.close();
				server.closeAllConnections();
			},
		};
	};
};

/** `onnx-seal serve` in a process of its own. */
export type Service = { readonly url: string; readonly stop: () => Promise<number | null> };

export const serveFor = async (build: string, data: string, tokens: string, origin: string): Promise<Service> => {
	const args = [
		'serve',
		build,
		'--port',
		'0',
		'--data',
		data,
		'--tokens',
		tokens,
		'--cors',
		origin,
		'--json',
		'--quiet',
	];
	const child: ChildProcess = spawn(process.execPath, [join(root, 'cli', 'bin.js'), ...args], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	process.on('exit', () => child.kill('SIGKILL'));
	const ended = once(child, 'exit');
	if (child.stdout === null) throw new Error('no output');
	const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
	if (typeof line !== 'string') throw new Error('the service ended');
	const { url } = JSON.parse(line) as { readonly url: string };
	return {
		url,
		stop: async () => {
			child.kill('SIGTERM');
			const [code] = (await ended) as [number | null];
			return code;
		},
	};
};
