import { createHash, randomBytes } from 'node:crypto';
import { RefusedError } from '../../runtime/errors.ts';
import { writeMessage } from '../../runtime/message.ts';
import type { BlobStore } from '../../runtime/service/blobs.ts';
import type { ServedProgram } from '../../runtime/service/card.ts';
import { inputLengths } from '../../runtime/service/card.ts';
import { ServiceError } from '../../runtime/service/errors.ts';
import type { Job, JobQueue, JobStatus } from '../../runtime/service/jobs.ts';
import type { KeyStore } from '../../runtime/service/keyStore.ts';
import { keyLengths } from '../../runtime/sizes.ts';
import { program } from './tiny.ts';

/** Stores and a queue in memory, which a test can look into and drive. Nothing here computes or checks anything. */
export const served: ServedProgram = { client: program.client, predicted: { evaluateMs: 1000, bits: 10 } };

type Content = AsyncIterable<Uint8Array> | Uint8Array;

const collect = async (content: Content, limit: number): Promise<Uint8Array> => {
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of content instanceof Uint8Array ? [content] : content) {
		bytes += chunk.length;
		if (bytes > limit) throw new RefusedError('message', 'too many bytes');
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const memoryBlobs = () => {
	const kept = new Map<string, Uint8Array>();
	const store: BlobStore = {
		put: async (content, limit) => {
			const bytes = await collect(content, limit);
			const name = sha256(bytes);
			kept.set(name, bytes);
			return { name, bytes: bytes.length };
		},
		get: async (name) => kept.get(name),
		has: async (name) => kept.has(name),
		remove: async (name) => void kept.delete(name),
	};
	return { ...store, kept };
};

const lengths = keyLengths(program.client.parameters, program.client.keys);

export const memoryKeys = () => {
	const sets = new Map<string, Map<number, Uint8Array>>();
	const pins: string[] = [];
	const setOf = (owner: string, keySet: string) => sets.get(`${owner}/${keySet}`);
	const namesOf = (set: ReadonlyMap<number, Uint8Array>): string[] =>
		[...set].sort(([a], [b]) => a - b).map(([, bytes]) => sha256(bytes));
	const store: KeyStore = {
		present: async (owner, keySet) => {
			const set = setOf(owner, keySet);
			if (set === undefined) return undefined;
			const bytes = [...set.values()].reduce((sum, part) => sum + part.length, 0);
			return { present: [...set.keys()].sort((a, b) => a - b), bytes };
		},
		add: async (owner, keySet, part, content) => {
			const bytes = await collect(content, lengths[part] ?? 0);
			const set = setOf(owner, keySet) ?? new Map<number, Uint8Array>();
			const before = set.get(part);
			if (before !== undefined && sha256(before) === sha256(bytes)) return 'there';
			if (set.size === lengths.length) throw new ServiceError('conflict', 'other bytes');
			sets.set(`${owner}/${keySet}`, set.set(part, bytes));
			return 'stored';
		},
		complete: async (owner, keySet) => {
			const set = setOf(owner, keySet);
			return set?.size === lengths.length ? namesOf(set) : undefined;
		},
		remove: async (owner, keySet) => sets.delete(`${owner}/${keySet}`),
		pin: (names) => void pins.push(...names),
		release: async (names) => {
			for (const name of names) pins.splice(pins.indexOf(name), 1);
		},
		sweep: async () => {},
		names: () => [...sets.values()].flatMap(namesOf),
	};
	return { ...store, sets, pins };
};

/** Evaluates nothing: `set` says what became of a job, `waiting` how many others there are. */
export const manualQueue = () => {
	const jobs = new Map<string, { job: Job; status: JobStatus }>();
	const listeners = new Set<() => void>();
	const load = { waiting: 0, running: 0, workers: 1 };
	let waits = 0;
	const set = (id: string, news: Partial<JobStatus>): void => {
		const entry = jobs.get(id);
		if (entry === undefined) throw new Error(`no job ${id}`);
		entry.status = { ...entry.status, ...news };
		for (const listener of [...listeners]) listener();
	};
	const queue: JobQueue = {
		submit: async (job) => {
			const status = { id: job.id, owner: job.owner, input: job.input, state: 'waiting', position: 0 } as const;
			if (!jobs.has(job.id)) jobs.set(job.id, { job, status });
			return jobs.get(job.id)?.status ?? status;
		},
		status: async (id) => jobs.get(id)?.status,
		changed: async (id, seen, milliseconds, signal) => {
			waits++;
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, milliseconds);
				const wake = (): void => {
					if (signal?.aborted !== true && jobs.get(id)?.status === seen) return;
					clearTimeout(timer);
					listeners.delete(wake);
					resolve();
				};
				listeners.add(wake);
				signal?.addEventListener('abort', wake);
				wake();
			});
			waits--;
			return jobs.get(id)?.status;
		},
		cancel: async (id) => {
			set(id, { state: 'cancelled' });
			return jobs.get(id)?.status;
		},
		load: async () => load,
		close: async () => {},
	};
	return { ...queue, jobs, amount: load, set, waits: () => waits };
};

/** A keys message of the program, with parts of the right lengths that hold nothing. */
export const randomKeys = async (keySet = randomBytes(16)) => {
	const parts = lengths.map((length) => new Uint8Array(randomBytes(length)));
	const head = { kind: 'keys', fingerprint: program.client.fingerprint, keySet, samples: 0 } as const;
	return { keySet: keySet.toString('hex'), parts, message: await writeMessage(head, parts) };
};

/** An inputs message of the same kind. */
export const randomInputs = (
	keySet: string,
	change: { readonly samples?: number; readonly fingerprint?: string } = {},
) =>
	writeMessage(
		{
			kind: 'inputs',
			fingerprint: program.client.fingerprint,
			keySet: Buffer.from(keySet, 'hex'),
			samples: 1,
			...change,
		},
		inputLengths(program.client).map((length) => new Uint8Array(randomBytes(length))),
	);

export const digestOf = (bytes: Uint8Array): string =>
	`sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
