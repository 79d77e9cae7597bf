import { RefusedError } from '../errors.ts';
import type { RunOptions } from '../pace.ts';
import type { KeyParts, Server } from '../server.ts';
import type { BlobStore } from './blobs.ts';
import type { Job } from './jobs.ts';

/** The name of a key set with what is in it: two owners may use the same name for different keys. */
export const keyIdentity = ({ keySet, keys }: Pick<Job, 'keySet' | 'keys'>): string => [keySet, ...keys].join(' ');

/** The key sets that a server has loaded from blobs; those unused for longest make room for others. */
export class LoadedKeys {
	readonly #server: Pick<Server, 'loadKeyParts' | 'dropKeys'>;
	readonly #blobs: Pick<BlobStore, 'get'>;
	/** Identity by name; the one used last comes last. */
	readonly #loaded = new Map<string, string>();

	constructor(server: Pick<Server, 'loadKeyParts' | 'dropKeys'>, blobs: Pick<BlobStore, 'get'>) {
		this.#server = server;
		this.#blobs = blobs;
	}

	/** Identities, that of the key set used last at the end. */
	get loaded(): readonly string[] {
		return [...this.#loaded.values()];
	}

	/**
	 * Sees to it that the keys of a job are loaded, these and no others of the same name. Throws RefusedError 'keys' when blobs are missing, 'message' for
	 * bytes that are not these keys, 'memory' when they do not fit though nothing else is loaded.
	 */
	async ensure(job: Job, options: RunOptions): Promise<void> {
		const identity = keyIdentity(job);
		const there = this.#loaded.get(job.keySet);
		if (there !== identity) {
			if (there !== undefined) await this.#drop(job.keySet);
			await this.#load(job, options);
		}
		this.#loaded.delete(job.keySet);
		this.#loaded.set(job.keySet, identity);
	}

	async #load(job: Job, options: RunOptions): Promise<void> {
		for (;;)
			try {
				return await this.#server.loadKeyParts(job.keySet, partsOf(this.#blobs, job), options);
			} catch (error) {
				const [oldest] = this.#loaded.keys();
				if (!(error instanceof RefusedError && error.code === 'memory') || oldest === undefined) throw error;
				await this.#drop(oldest);
			}
	}

	async #drop(keySet: string): Promise<void> {
		this.#loaded.delete(keySet);
		await this.#server.dropKeys(keySet);
	}
}

async function* partsOf(blobs: Pick<BlobStore, 'get'>, { keySet, keys }: Job): KeyParts & AsyncGenerator<Uint8Array> {
	for (const name of keys) {
		const bytes = await blobs.get(name);
		if (bytes === undefined)
			throw new RefusedError(
				'keys',
				`evaluation keys of the key set ${keySet} are not there any more`,
				'Send the keys again, then the inputs.',
			);
		yield bytes;
	}
}
