/** The process that an `Evaluator` starts: one program, loaded once, and one evaluation after another. */
import { readServer } from '../buildFolder.ts';
import { RefusedError } from '../errors.ts';
import { readHead, toHex } from '../message.ts';
import type { Progress } from '../plan.ts';
import { createServer, type Server } from '../server.ts';
import { MESSAGE_HEADER } from '../sizes.ts';
import { openBlobs } from './blobSource.ts';
import type { BlobStore } from './blobs.ts';
import type { Order, Refusal, Report, Setup } from './evaluatorProtocol.ts';
import type { Job } from './jobs.ts';
import { LoadedKeys } from './loadedKeys.ts';

/** Between two reports of progress, and between two signs of life. */
const PROGRESS_MILLISECONDS = 200;
const ALIVE_MILLISECONDS = 1000;
/** Of requests to a store elsewhere, which take half a minute together: what was accepted should not fail for a moment without it. */
const BLOB_ATTEMPTS = 8;

type Ready = { readonly server: Server; readonly blobs: BlobStore; readonly keys: LoadedKeys };

const tell = (report: Report): void => void process.send?.(report, undefined, {}, () => {});

const refusalOf = (error: unknown): Refusal =>
	error instanceof RefusedError
		? { code: error.code, message: error.message, hint: error.hint }
		: { code: 'defect', message: error instanceof Error ? error.message : String(error), hint: undefined };

const load = async ({ build, blobs: source, backend, threads, memoryLimit }: Setup): Promise<Ready> => {
	const { server: program, constants } = readServer(build);
	const onNotice = (text: string): void => tell({ kind: 'notice', text });
	const server = await createServer(program, constants, { backend, threads, memoryLimit, onNotice });
	const blobs = await openBlobs(source, { attempts: BLOB_ATTEMPTS, onNotice });
	return { server, blobs, keys: new LoadedKeys(server, blobs) };
};

/** Passes on a report now and then. */
const throttled = (call: number): ((progress: Progress) => void) => {
	let last = Number.NEGATIVE_INFINITY;
	return (progress) => {
		const now = performance.now();
		if (now - last < PROGRESS_MILLISECONDS) return;
		last = now;
		tell({ kind: 'progress', call, progress });
	};
};

/** The inputs of a job; they have to be encrypted under the key set that the job names, since others may be loaded. */
const inputsOf = async ({ server: { program }, blobs }: Ready, { input, keySet }: Job): Promise<Uint8Array> => {
	const bytes = await blobs.get(input);
	if (bytes === undefined)
		throw new RefusedError('message', 'the inputs are not there any more', 'Send the inputs again.');
	const parts = program.inputs.reduce((sum, port) => sum + port.parts, 0);
	if (bytes.length < MESSAGE_HEADER) throw new RefusedError('message', `${bytes.length} bytes are no inputs`);
	const { fingerprint } = program;
	const head = readHead(bytes.subarray(0, MESSAGE_HEADER), { kind: 'inputs', fingerprint }, parts);
	if (toHex(head.keySet) !== keySet)
		throw new RefusedError('keys', `the inputs are encrypted under another key set than ${keySet}`);
	return bytes;
};

const evaluate = async (ready: Ready, job: Job, call: number, signal: AbortSignal): Promise<Report> => {
	const { server, blobs, keys } = ready;
	try {
		const options = { signal, onProgress: throttled(call) };
		const inputs = await inputsOf(ready, job);
		await keys.ensure(job, options);
		const outputs = await server.evaluate(inputs, options);
		const { name } = await blobs.put(outputs, outputs.length);
		return { kind: 'done', call, output: name, loaded: keys.loaded };
	} catch (error) {
		return { kind: 'failed', call, refusal: refusalOf(error), loaded: keys.loaded };
	}
};

/** Does what it is told, one evaluation at a time. */
const serve = (): void => {
	let ready: Ready | undefined;
	let running: { readonly call: number; readonly abort: AbortController } | undefined;

	const start = async (setup: Setup): Promise<void> => {
		try {
			ready = await load(setup);
			tell({ kind: 'ready', backend: ready.server.backend });
		} catch (error) {
			tell({ kind: 'refused', refusal: refusalOf(error) });
		}
	};

	const run = async (call: number, job: Job): Promise<void> => {
		if (ready === undefined || running !== undefined) throw new Error('an evaluation was ordered out of turn');
		const abort = new AbortController();
		running = { call, abort };
		const beat = setInterval(() => tell({ kind: 'alive' }), ALIVE_MILLISECONDS);
		const report = await evaluate(ready, job, call, abort.signal);
		clearInterval(beat);
		running = undefined;
		tell(report);
	};

	process.on('message', (order: Order) => {
		if (order.kind === 'start') void start(order.setup);
		else if (order.kind === 'evaluate') void run(order.call, order.job);
		else if (running?.call === order.call) running.abort.abort();
	});
};

// Whoever started this process ends it, or is gone: signals for its whole group are not for this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
serve();
