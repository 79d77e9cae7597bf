import { createClient, evaluationKeyBytes, keySlots } from '../runtime/client.ts';
import type { Sample } from '../runtime/inputs.ts';
import { evaluateLocally } from '../runtime/local.ts';
import type { Program, Progress, ProgressListener } from '../runtime/plan.ts';
import type { Result } from '../runtime/results.ts';
import { createServer, type Server } from '../runtime/server.ts';
import type { BackendName, EngineArguments, EvaluationArguments } from './options.ts';
import type { Output } from './output.ts';

/** Milliseconds of each step, summed over all samples. Setup is what either side does once, without any message. */
type Timings = {
	readonly setupMs: number;
	readonly keygenMs: number;
	readonly loadKeysMs: number;
	readonly encryptMs: number;
	readonly evaluateMs: number;
	readonly decryptMs: number;
};

/** A client and a server of one program in this process, with one key set. */
export type Session = {
	/** What computes, and on how many threads. */
	readonly backend: BackendName;
	readonly threads: number;
	/** Evaluation keys: how many, and their bytes as sent. */
	readonly keys: { readonly count: number; readonly bytes: number };
	readonly timings: () => Timings;
	/** Bytes of all encrypted inputs and outputs so far. */
	readonly traffic: () => { readonly uploadBytes: number; readonly downloadBytes: number };
	/** The most bytes that the server took in the wasm heap so far; undefined where it has none, or it cannot be seen. */
	readonly peakBytes: () => number | undefined;
	/** One result for each sample, `batch` samples at a time. */
	readonly run: (samples: readonly Sample[]) => Promise<readonly Result[]>;
	readonly close: () => Promise<void>;
};

type Clock = {
	readonly milliseconds: Record<keyof Timings, number>;
	readonly timed: <T>(step: keyof Timings, work: () => Promise<T>) => Promise<T>;
};

const makeClock = (): Clock => {
	const milliseconds = { setupMs: 0, keygenMs: 0, loadKeysMs: 0, encryptMs: 0, evaluateMs: 0, decryptMs: 0 };
	const timed = async <T>(step: keyof Timings, work: () => Promise<T>): Promise<T> => {
		const start = performance.now();
		const result = await work();
		milliseconds[step] += performance.now() - start;
		return result;
	};
	return { milliseconds, timed };
};

const keysOf = ({ client }: Program): Session['keys'] => ({
	count: keySlots(client.keys).length,
	bytes: evaluationKeyBytes(client),
});

const openLocal = (program: Program, backend: 'clear' | 'simulate', onProgress: ProgressListener): Session => {
	const { milliseconds, timed } = makeClock();
	return {
		backend,
		threads: 1,
		keys: keysOf(program),
		timings: () => milliseconds,
		traffic: () => ({ uploadBytes: 0, downloadBytes: 0 }),
		peakBytes: () => undefined,
		run: (samples) => timed('evaluateMs', () => evaluateLocally(program, backend, samples, { onProgress })),
		close: async () => {},
	};
};

/** Progress of one group of samples as a share of them all: the remaining time is then that of the whole. */
const within =
	(listener: ProgressListener, first: number, count: number, all: number): ProgressListener =>
	({ stage, done, total }: Progress) =>
		listener(
			all <= count
				? { stage, done, total }
				: { stage: 'samples', done: first + Math.floor((count * done) / Math.max(total, 1)), total: all },
		);

/** Where a server's notices go. */
export const noticesOf =
	(output: Pick<Output, 'note'>) =>
	(text: string): void =>
		output.note(`Note: ${text}`);

/** Says so when an evaluation takes longer than was predicted, because there is no room for encoded constants. */
export const noteConstants = (
	{ program, cachesConstants }: Pick<Server, 'program' | 'cachesConstants'>,
	output: Pick<Output, 'note'>,
): void => {
	if (program.keepConstants && !cachesConstants)
		output.note('Note: encoded constants do not fit into the free memory; they are encoded anew by every evaluation.');
};

const openEncrypted = async (
	program: Program,
	{ backend, threads }: EngineArguments,
	output: Output,
): Promise<Session> => {
	const onProgress = output.progress;
	const onNotice = noticesOf(output);
	const { milliseconds, timed } = makeClock();
	onProgress({ stage: 'set up', done: 0, total: 2 });
	const client = await timed('setupMs', () => createClient(program.client, { threads }));
	onProgress({ stage: 'set up', done: 1, total: 2 });
	const server = await timed('setupMs', () =>
		createServer(program.server, program.constants, { backend, threads, onNotice }),
	);
	const keys = await timed('keygenMs', () => client.evaluationKeys({ onProgress }));
	await timed('loadKeysMs', () => server.loadKeys(keys, { onProgress }));
	noteConstants(server, output);
	const { batch } = program.client;
	let uploadBytes = 0;
	let downloadBytes = 0;
	const runGroup = async (samples: readonly Sample[], listener: ProgressListener): Promise<readonly Result[]> => {
		const request = await timed('encryptMs', () => client.encryptBatch(samples));
		const answer = await timed('evaluateMs', () => server.evaluate(request, { onProgress: listener }));
		uploadBytes += request.length;
		downloadBytes += answer.length;
		return timed('decryptMs', () => client.decryptBatch(answer));
	};
	return {
		backend: server.backend,
		threads: server.threads,
		keys: keysOf(program),
		timings: () => milliseconds,
		traffic: () => ({ uploadBytes, downloadBytes }),
		peakBytes: () => server.peakBytes(),
		run: async (samples) => {
			const results: Result[] = [];
			for (let first = 0; first < samples.length; first += batch) {
				const group = samples.slice(first, first + batch);
				results.push(...(await runGroup(group, within(onProgress, first, group.length, samples.length))));
			}
			return results;
		},
		close: async () => {
			client.dispose();
			await server.dispose();
		},
	};
};

/** Makes the keys, once, on the backend asked for. Nothing is encrypted by the backends clear and simulate. */
export const openSession = async (
	program: Program,
	{ backend, threads }: EvaluationArguments,
	output: Output,
): Promise<Session> => {
	if (backend === 'kernel' || backend === 'seal') return openEncrypted(program, { backend, threads }, output);
	if (threads > 1) output.note(`Note: ${backend} evaluates on one thread.`);
	return openLocal(program, backend, output.progress);
};
