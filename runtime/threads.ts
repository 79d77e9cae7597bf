import type * as Threads from 'node:worker_threads';
import { RefusedError } from './errors.ts';

/** What starts a thread: `WorkerOptions` with the module that it runs; tests inject their own. */
export type StartThread = (module: URL, options: Threads.WorkerOptions) => Threads.Worker;

/** Node's threads, without an import that a bundler for browsers would stumble over; undefined where there are none. */
const threadsOfNode = (): typeof Threads | undefined => globalThis.process?.getBuiltinModule?.('node:worker_threads');

/** Starts threads of Node; undefined where there are none. They keep the process alive only while they work (`ref`). */
export const threadStarter = (): StartThread | undefined => {
	const node = threadsOfNode();
	if (node === undefined) return undefined;
	return (module, options) => {
		const worker = new node.Worker(module, options);
		worker.unref();
		return worker;
	};
};

/** Far beyond what anything gains from. */
const MOST_THREADS = 256;

/** Throws RefusedError 'misuse' for a number of threads that is none. */
export const checkThreads = (threads: number): void => {
	if (!(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS))
		throw new RefusedError(
			'misuse',
			`${threads} threads`,
			`Ask for a whole number of them, from 1 to ${MOST_THREADS}.`,
		);
};

/** What a thread is given when it starts, and where it talks to the one that started it. */
export const threadContext = (): {
	readonly port: NonNullable<typeof Threads.parentPort>;
	readonly data: unknown;
} => {
	const node = threadsOfNode();
	if (node === undefined || node.parentPort === null) throw new Error('this module runs in threads only');
	return { port: node.parentPort, data: node.workerData };
};

/**
 * The module of a thread, by its path from the module at `base`: TypeScript when we run from sources, what the build made of it in
 * the package. Bundlers for browsers, where no thread is started, do not look for it.
 */
export const threadModule = (path: string, base: string): URL =>
	new URL(base.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js'), base);
