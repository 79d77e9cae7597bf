import { workerData } from 'node:worker_threads';
import { type Call, instantiate } from './support.ts';

/** One of the threads that `onThreads` starts: makes its own instance on the shared memory and runs all calls. */
export type Share = {
	readonly memory: WebAssembly.Memory;
	readonly thread: number;
	readonly threads: number;
	readonly barrier: number;
	readonly context: number;
	readonly scratch: number;
	readonly calls: readonly Call[];
};

const { memory, thread, threads, barrier, context, scratch, calls } = workerData as Share;
const exports = instantiate('kernel-shared', memory);
exports.setThreads(thread, threads, barrier);
exports.useContext(context, scratch);
for (const [name, ...parameters] of calls) (exports[name] as (...numbers: readonly number[]) => unknown)(...parameters);
