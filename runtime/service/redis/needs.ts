import type { ChainableCommander, Redis } from 'ioredis';
import type { KeyStore } from '../keyStore.ts';
import { keysOf, PARTITIONS } from './names.ts';
import { parseJson, readJob, type StoredJob } from './status.ts';

/** The answers to several commands; throws what any of them failed with. */
export const answersOf = async (commands: ChainableCommander): Promise<readonly unknown[]> =>
	((await commands.exec()) ?? []).map(([error, answer]) => {
		if (error !== null) throw error;
		return answer;
	});

/** All jobs that have not ended, whichever server accepted them. As many answers as there are jobs: for now and then. */
export const unfinishedJobs = async (redis: Redis, prefix: string): Promise<readonly StoredJob[]> => {
	const keys = keysOf(prefix);
	// In one step: jobs move from list to list.
	const lists = redis.multi();
	for (let k = 0; k < PARTITIONS; k++)
		lists
			.lrange(keys.list(k, 'wait'), 0, -1)
			.lrange(keys.list(k, 'active'), 0, -1)
			.zrange(keys.list(k, 'delayed'), '0', '-1');
	const names = (await answersOf(lists)).map((list) => (Array.isArray(list) ? list.map(String) : []));
	const jobs = redis.pipeline();
	for (const [i, list] of names.entries())
		for (const name of list) jobs.hget(keys.named(Math.floor(i / 3), name), 'data');
	return (await answersOf(jobs)).flatMap((text) => readJob(parseJson(String(text))) ?? []);
};

/** Keeps the key blobs of unfinished jobs where they are. */
export class KeyPins {
	readonly #keys: Pick<KeyStore, 'pin' | 'release'>;
	readonly #held = new Map<string, readonly string[]>();
	/** Those that the last look did not find: one that is being sent is not there yet. */
	#missed: ReadonlySet<string> = new Set();

	constructor(keys: Pick<KeyStore, 'pin' | 'release'>) {
		this.#keys = keys;
	}

	hold({ id, keys }: { readonly id: string; readonly keys: readonly string[] }): void {
		if (this.#held.has(id)) return;
		this.#held.set(id, keys);
		this.#keys.pin(keys);
	}

	/** Takes what is unfinished now for what needs its keys; others are let go when they are missed twice in a row. */
	async update(unfinished: readonly StoredJob[]): Promise<void> {
		const there = new Set(unfinished.map(({ id }) => id));
		for (const job of unfinished) this.hold(job);
		const missed = [...this.#held.keys()].filter((id) => !there.has(id));
		const gone = missed.filter((id) => this.#missed.has(id));
		this.#missed = new Set(missed);
		for (const id of gone) {
			const keys = this.#held.get(id) ?? [];
			this.#held.delete(id);
			await this.#keys.release(keys);
		}
	}
}
