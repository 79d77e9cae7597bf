import { join } from 'node:path';
import { readHalves } from '../buildFolder.ts';
import { defaultMemoryLimit, freeMemory } from '../memory.ts';
import type { EngineName, ServerProgram } from '../plan.ts';
import { type BlobSource, openBlobs, type S3Options, s3Source, shortName } from './blobSource.ts';
import type { BlobStore } from './blobs.ts';
import { readServed } from './card.ts';
import type { ServiceOptions } from './context.ts';
import { type EvaluatorProcess, startEvaluator } from './evaluator.ts';
import { lockFolder } from './folderLock.ts';
import type { JobQueue } from './jobs.ts';
import { openKeyStore } from './keySets.ts';
import type { KeyStore } from './keyStore.ts';
import type { LaneEvaluator } from './lanes.ts';
import { openLocalQueue } from './localQueue.ts';
import { claimPrefix } from './s3Owner.ts';

export type OpenOptions = {
	/** Build directory of the program. */
	readonly build: string;
	/** Folder in which keys, inputs, outputs and accepted evaluations outlive this process; one process at a time may use it. */
	readonly data: string;
	/** A bucket for keys, inputs and outputs, with the credentials in the environment; `data` has the books and copies then. */
	readonly s3?: S3Options | undefined;
	/** Processes that evaluate, one evaluation at a time each; default: 1. */
	readonly workers?: number | undefined;
	/** Threads of an evaluation; default: 1. */
	readonly threads?: number | undefined;
	/** What computes; default: `kernel`. */
	readonly backend?: EngineName | undefined;
	/** Bytes of evaluation keys that one token may keep here, and all together; default: 1 GB and 20 GB. */
	readonly keyQuota?: number | undefined;
	readonly keyTotal?: number | undefined;
	/** Milliseconds since its last use after which a key set is removed; default: a week. */
	readonly keyTtlMs?: number | undefined;
	readonly mostWaiting?: number | undefined;
	/** Makes the queue, where evaluations are not done by processes of this one. */
	readonly makeQueue?: ((parts: QueueParts) => Promise<ServiceQueue>) | undefined;
	/** Told the seconds that an evaluation took. */
	readonly onEvaluated?: ((seconds: number) => void) | undefined;
	/** Told in a sentence what an operator should know. */
	readonly onNotice?: ((text: string) => void) | undefined;
};

export type QueueParts = {
	readonly fingerprint: string;
	readonly blobs: BlobStore;
	readonly keys: KeyStore;
	/** Of jobs, beside the blobs. */
	readonly folder: string;
	readonly onEvaluated: (seconds: number) => void;
};

/** A queue that knows which blobs it needs. */
export type ServiceQueue = JobQueue & { readonly names: () => readonly string[] | Promise<readonly string[]> };

/** What a service needs that `service` does not make by itself. */
export type OpenedService = Pick<ServiceOptions, 'program' | 'queue' | 'blobs' | 'keys'> & {
	/** Resolves when the processes that evaluate have loaded the program; rejects with why they cannot. */
	readonly started: Promise<void>;
	/** Takes no more, lets what runs end for so many milliseconds, ends the processes. What waits is evaluated after the next start. */
	readonly close: (graceMs: number) => Promise<void>;
};

const HOUR = 3_600_000;
const WEEK = 168 * HOUR;
const SWEEP_MS = 600_000;
/** Longer than a body takes that is being received, and than outputs are kept by a queue that does not name them. */
const UNNAMED_MS = 2 * HOUR;

/** The same, and every evaluation that ended well is timed. */
const timed = (evaluator: EvaluatorProcess, onEvaluated: (seconds: number) => void): LaneEvaluator => ({
	started: evaluator.started,
	state: () => evaluator.state(),
	holds: (job) => evaluator.holds(job),
	close: () => evaluator.close(),
	evaluate: async (job, options) => {
		const start = performance.now();
		const output = await evaluator.evaluate(job, options);
		onEvaluated((performance.now() - start) / 1000);
		return output;
	},
});

/** The queue over processes of this one. */
const localQueue = async (
	{ build, workers = 1, threads, backend, mostWaiting, onNotice }: OpenOptions,
	{ blobs, keys, folder, onEvaluated }: QueueParts,
	source: BlobSource,
	predictedMs: number,
): Promise<{ readonly queue: ServiceQueue; readonly started: Promise<void> }> => {
	// Each process has its share of what one would take.
	const memoryLimit = defaultMemoryLimit(freeMemory()) / workers;
	const evaluators = Array.from({ length: workers }, () =>
		timed(startEvaluator({ build, blobs: source, threads, backend, memoryLimit, predictedMs, onNotice }), onEvaluated),
	);
	const started = Promise.all(evaluators.map((evaluator) => evaluator.started)).then(() => {});
	started.catch(() => {});
	return { queue: await openLocalQueue({ evaluators, blobs, keys, folder, mostWaiting, onNotice }), started };
};

/**
 * Opens what serves a build directory: stores in `data`, processes that evaluate and a queue before them. With `service`:
 *
 *     const digits = await openService({ build: 'build', data: 'data' });
 *     await app.register(service, { prefix: '/digits', ...digits, tokens });
 *     app.addHook('onClose', () => digits.close(30_000));
 *
 * Throws RefusedError 'program' for a build directory that is broken or of another version, 'misuse' where another process uses the
 * folder, and 'stopped' where S3 cannot be reached.
 */
export const openService = async (options: OpenOptions): Promise<OpenedService> => {
	const { build, data, makeQueue, s3 } = options;
	const { server } = readHalves(build);
	// Workers of other machines look for blobs in the folder itself; otherwise every program has one of its own.
	const shared = makeQueue !== undefined && s3 === undefined;
	const root = shared ? data : join(data, shortName(server.fingerprint));
	const release = await lockFolder(root);
	try {
		return await openLocked(options, server, root, release);
	} catch (error) {
		release();
		throw error;
	}
};

/** The same in a folder that is this process' own until it is given back. */
const openLocked = async (
	options: OpenOptions,
	server: ServerProgram,
	root: string,
	release: () => void,
): Promise<OpenedService> => {
	const { build, data, makeQueue, s3, onNotice = () => {}, onEvaluated = () => {} } = options;
	const program = readServed(build);
	const own = shortName(server.fingerprint);
	const source: BlobSource = s3 === undefined ? { kind: 'disk', folder: root } : s3Source(s3, server.fingerprint, data);
	const blobs = await openBlobs(source, { onNotice });
	if (source.kind === 's3') await claimPrefix(source, root);
	const { keyQuota = 1e9, keyTotal = 20e9, keyTtlMs = WEEK } = options;
	const limits = { ownerBytes: keyQuota, totalBytes: Math.max(keyQuota, keyTotal), ttlMs: keyTtlMs };
	const keys = await openKeyStore({ program: server, blobs, folder: join(root, `keys-${own}`), ...limits });
	const parts = { fingerprint: server.fingerprint, blobs, keys, folder: join(root, `jobs-${own}`), onEvaluated };
	const { queue, started } =
		makeQueue === undefined
			? await localQueue(options, parts, source, program.predicted.evaluateMs)
			: { queue: await makeQueue(parts), started: Promise.resolve() };

	/** Key sets that are too old, and blobs that nobody names. */
	const sweep = async (): Promise<void> => {
		await keys.sweep();
		await blobs.sweep(new Set([...keys.names(), ...(await queue.names())]), Date.now() - UNNAMED_MS);
	};
	const sweepQuietly = (): Promise<void> =>
		sweep().catch(() => onNotice('what is not needed any more could not be removed'));
	await sweepQuietly();
	const sweeping = setInterval(sweepQuietly, SWEEP_MS);
	sweeping.unref();
	return {
		...{ program, queue, blobs, keys, started },
		close: async (graceMs) => {
			clearInterval(sweeping);
			await queue.close(graceMs);
			release();
		},
	};
};
