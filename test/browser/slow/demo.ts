import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, ConsoleMessage, Page } from 'playwright-core';
import { startChromium } from '../../support/chromium.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import type { Secrets } from './secrets.ts';

/** The demo in a process of its own, a browser, and between them one that records what is sent. */
export type OpenDemo = {
	readonly browser: Browser;
	readonly recorder: Recorder;
	/** Interrupts the demo: its exit status, and the files that it left. */
	readonly stop: () => Promise<{ readonly code: number | null; readonly left: readonly string[] }>;
};

const MAIN = join(import.meta.dirname, '..', '..', '..', 'cli', 'web', 'main.ts');
/** Ends the demo when this process is gone and with it the other end of its standard input. */
const UNTIL_ALONE = `data:text/javascript,${encodeURIComponent(
	"process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();",
)}`;

/** Runs in each worker before its own code, and keeps what the generator gives it. */
const KEEP_DRAWN = `{
	const draw = crypto.getRandomValues.bind(crypto);
	globalThis.drawn = [];
	crypto.getRandomValues = (view) => {
		draw(view);
		drawn.push([...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]);
		return view;
	};
}
`;

const addressOf = async (child: ChildProcess): Promise<string> => {
	let said = '';
	for (const stream of [child.stdout, child.stderr])
		stream?.setEncoding('utf8').on('data', (text: string) => {
			said += text;
		});
	for (;;) {
		const ended = await Promise.race([once(child, 'exit').then(() => true), once(child.stdout ?? child, 'data')]);
		const [url] = /http:\S+/.exec(said) ?? [];
		if (url !== undefined) return url;
		if (ended === true) throw new Error(`the demo ended: ${said}`);
	}
};

/** Starts `npm run demo:web` on a port of its own. Takes some seconds. */
export const openDemo = async (): Promise<OpenDemo> => {
	const browser = await startChromium();
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-browser-'));
	const child = spawn(process.execPath, ['--import', UNTIL_ALONE, MAIN, '--port', '0'], {
		env: { ...process.env, TMPDIR: folder },
		stdio: 'pipe',
	});
	const ended = once(child, 'exit') as Promise<[number | null]>;
	const recorder = await startRecorder(await addressOf(child), new Map([['/worker.js', KEEP_DRAWN]]));
	return {
		browser,
		recorder,
		stop: async () => {
			await browser.close();
			await recorder.close();
			child.kill('SIGTERM');
			const [code] = await ended;
			const left = readdirSync(folder);
			rmSync(folder, { recursive: true, force: true });
			return { code, left };
		},
	};
};

/** What a page did that cannot be seen on it. */
type Watched = {
	readonly workers: Worker[];
	/** The samples that were given to be encrypted, as JSON. */
	readonly samples: string[];
	/** Directives of the policy that something offended against. */
	readonly violations: string[];
};

/** Runs in a page before its own scripts. */
const watch = (): void => {
	const watched: Watched = { workers: [], samples: [], violations: [] };
	Object.assign(globalThis, { watched });
	addEventListener('securitypolicyviolation', (event) => watched.violations.push(event.violatedDirective));
	globalThis.Worker = class extends Worker {
		constructor(url: string | URL, options?: WorkerOptions) {
			super(url, options);
			watched.workers.push(this);
		}
		override postMessage(message: { readonly call?: { readonly op: string; readonly given: object } }): void {
			const { op, given } = message.call ?? {};
			if (op === 'encrypt')
				watched.samples.push(
					JSON.stringify(given, (_, value) => (ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value)),
				);
			super.postMessage(message);
		}
	};
};

/** A page of the demo. */
export type DemoPage = {
	readonly page: Page;
	/** What went wrong: errors that nobody caught, errors of the console. */
	readonly errors: readonly string[];
	/** Addresses that were asked for, by the page and its workers. */
	readonly asked: readonly string[];
};

/** What a service refuses is an answer as well: a new client asks for keys that are not there. So is what tests send to /control. */
const isAnswer = (message: ConsoleMessage): boolean =>
	message.text().startsWith('Failed to load resource: the server responded') &&
	/^\/(\w+\/v1|control)\//.test(new URL(message.location().url).pathname);

const VIEWPORT = { width: 1200, height: 1000 };

export const openPage = async ({ browser, recorder }: OpenDemo, hash = ''): Promise<DemoPage> => {
	const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' });
	page.setDefaultTimeout(120_000);
	const errors: string[] = [];
	const asked: string[] = [];
	page.on('request', (request) => asked.push(request.url()));
	page.on('pageerror', ({ message }) => errors.push(message));
	page.on('console', (message) => {
		if (message.type() === 'error' && !isAnswer(message)) errors.push(message.text());
	});
	await page.addInitScript(watch);
	await page.goto(recorder.url + hash);
	await page.waitForSelector('[data-part="keys"] >> nth=1', { state: 'attached' });
	return { page, errors, asked };
};

const watchedOf = <T>(page: Page, read: (watched: Watched) => T): Promise<T> =>
	page.evaluate(`(${read})(globalThis.watched)`) as Promise<T>;

export const violationsOf = (page: Page): Promise<readonly string[]> => watchedOf(page, ({ violations }) => violations);

/** The values of the input of what was encrypted last. */
export const lastSample = async (page: Page): Promise<Float64Array> => {
	const text = await watchedOf(page, ({ samples }) => samples.at(-1) ?? '');
	const { samples } = JSON.parse(text) as { readonly samples: readonly Readonly<Record<string, readonly number[]>>[] };
	return Float64Array.from(Object.values(samples[0] ?? {})[0] ?? []);
};

/** The secret key of the worker that was made last, which the page could ask for, and what it was made of. */
export const secretsOf = async (page: Page): Promise<Secrets> => {
	const exported = await watchedOf(
		page,
		({ workers }) =>
			new Promise<number[]>((done) => {
				const worker = workers.at(-1);
				worker?.addEventListener('message', ({ data }) => {
					if (data.id === 'test') done([...data.value]);
				});
				worker?.postMessage({ id: 'test', call: { op: 'exportSecretKey', given: {} } });
			}),
	);
	const draws = (await page.workers().at(-1)?.evaluate('drawn')) as readonly (readonly number[])[];
	return { exported: Uint8Array.from(exported), draws: draws.map((draw) => Uint8Array.from(draw)) };
};
