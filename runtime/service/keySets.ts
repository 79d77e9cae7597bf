import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerProgram } from '../plan.ts';
import { isList, isNumber, isRecord, isText } from '../programShape.ts';
import { checkKeyPart } from '../server.ts';
import { keyLengths } from '../sizes.ts';
import type { BlobStore } from './blobs.ts';
import { BlobUses } from './blobUses.ts';
import { ServiceError } from './errors.ts';
import { makePrivate, readRecords, writeDurably } from './files.ts';
import type { KeyStore } from './keyStore.ts';
import { Turns } from './turns.ts';

export type KeyStoreOptions = {
	readonly program: ServerProgram;
	readonly blobs: BlobStore;
	/** Folder of the manifests. */
	readonly folder: string;
	/** Bytes of keys that one owner, and all owners, may have. */
	readonly ownerBytes: number;
	readonly totalBytes: number;
	/** Milliseconds since its last use after which a key set is removed. */
	readonly ttlMs: number;
	/** Milliseconds since its last use within which no key set makes room for another; default: a minute. */
	readonly settleMs?: number | undefined;
	/** Milliseconds since 1970. */
	readonly now?: (() => number) | undefined;
};

/** A key set on the disk: of whom (a hash), and the blob of each part; the empty string for those that are not there. */
type Manifest = {
	readonly fingerprint: string;
	readonly owner: string;
	readonly keySet: string;
	parts: string[];
	used: number;
};

const isManifest = (value: unknown): value is Manifest =>
	isRecord({ fingerprint: isText, owner: isText, keySet: isText, parts: isList(isText), used: isNumber })(value);

/** Owners may be named after secrets: the disk has a hash. */
const hashOf = (owner: string): string => createHash('sha256').update(owner).digest('hex').slice(0, 32);

const isKeySet = (name: string): boolean => /^[0-9a-f]{32}$/.test(name);

/** Opens the key sets of one program in a folder; those of other programs and damaged ones there are removed. */
export const openKeyStore = async (options: KeyStoreOptions): Promise<KeyStore> => {
	const store = new Store(options);
	await store.restore();
	return store;
};

class Store implements KeyStore {
	readonly #options: KeyStoreOptions;
	readonly #lengths: readonly number[];
	readonly #uses: BlobUses;
	readonly #pins = new Map<string, number>();
	readonly #sets = new Map<string, Manifest>();
	readonly #turns = new Turns();
	readonly #now: () => number;

	constructor(options: KeyStoreOptions) {
		this.#options = options;
		this.#lengths = keyLengths(options.program.parameters, options.program.keys);
		this.#uses = new BlobUses(options.blobs);
		this.#now = options.now ?? Date.now;
	}

	async restore(): Promise<void> {
		await makePrivate(this.#options.folder);
		const { records } = await readRecords(this.#options.folder, isManifest);
		for (const set of records) {
			const fits = set.fingerprint === this.#options.program.fingerprint && set.parts.length === this.#lengths.length;
			if (!fits || !isKeySet(set.keySet) || !/^[0-9a-f]{32}$/.test(set.owner)) continue;
			const there = await Promise.all(set.parts.map((name) => name !== '' && this.#options.blobs.has(name)));
			set.parts = set.parts.map((name, part) => (there[part] ? name : ''));
			for (const name of set.parts) if (name !== '') this.#uses.use(name);
			this.#sets.set(`${set.owner}-${set.keySet}`, set);
		}
		await this.sweep();
	}

	async present(owner: string, keySet: string) {
		const set = await this.#turns.after('', async () => {
			const found = this.#find(owner, keySet);
			if (found !== undefined) await this.#lookAt(found);
			return found;
		});
		if (set === undefined) return undefined;
		const present = set.parts.flatMap((name, part) => (name === '' ? [] : [part]));
		return { present, bytes: this.#bytesOf(set) };
	}

	async add(owner: string, keySet: string, part: number, content: AsyncIterable<Uint8Array> | Uint8Array) {
		const length = this.#lengths[part];
		if (!isKeySet(keySet) || length === undefined)
			throw new ServiceError('not-found', 'there is no such key set, or no such part of one');
		const { name } = await this.#options.blobs.put(content, length);
		return this.#turns.after('', async () => {
			try {
				return await this.#count(hashOf(owner), keySet, part, name);
			} finally {
				if ((this.#pins.get(name) ?? 0) === 0) await this.#uses.clean(name);
			}
		});
	}

	async complete(owner: string, keySet: string): Promise<readonly string[] | undefined> {
		return this.#turns.after('', async () => {
			const set = this.#find(owner, keySet);
			if (set === undefined || set.parts.includes('')) return undefined;
			set.used = this.#now();
			await this.#save(set);
			return [...set.parts];
		});
	}

	async remove(owner: string, keySet: string): Promise<boolean> {
		return this.#turns.after('', async () => {
			const set = this.#find(owner, keySet);
			if (set !== undefined) await this.#drop(set);
			return set !== undefined;
		});
	}

	pin(names: readonly string[]): void {
		for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
	}

	async release(names: readonly string[]): Promise<void> {
		for (const name of names) {
			const left = (this.#pins.get(name) ?? 0) - 1;
			if (left > 0) this.#pins.set(name, left);
			else {
				this.#pins.delete(name);
				await this.#uses.clean(name);
			}
		}
	}

	async sweep(): Promise<void> {
		await this.#turns.after('', async () => {
			const oldest = this.#now() - this.#options.ttlMs;
			for (const set of [...this.#sets.values()]) if (set.used < oldest && !this.#pinned(set)) await this.#drop(set);
		});
	}

	names(): readonly string[] {
		return [...new Set([...this.#uses.names, ...this.#pins.keys()])];
	}

	/** Forgets parts whose blobs are gone or were found damaged, so that their owner sends them again. */
	async #lookAt(set: Manifest): Promise<void> {
		const there = await Promise.all(set.parts.map((name) => name !== '' && this.#options.blobs.has(name)));
		set.parts.forEach((name, part) => {
			if (name !== '' && !there[part]) this.#uses.forget(name);
		});
		set.parts = set.parts.map((name, part) => (there[part] ? name : ''));
	}

	/** Checks a part that is among the blobs, and makes it one of the key set. */
	async #count(owner: string, keySet: string, part: number, name: string): Promise<'stored' | 'there'> {
		const id = `${owner}-${keySet}`;
		const { fingerprint } = this.#options.program;
		const known = this.#sets.get(id);
		const set = known ?? { fingerprint, owner, keySet, parts: this.#lengths.map(() => ''), used: 0 };
		const before = set.parts[part] ?? '';
		if (before === name) return 'there';
		if (!set.parts.includes(''))
			throw new ServiceError('conflict', 'the key set is complete, with another key', 'Make a key set of a new name.');
		const bytes = await this.#options.blobs.get(name);
		if (bytes === undefined) throw new ServiceError('busy', 'the key was removed meanwhile', 'Send it again.', 1);
		checkKeyPart(this.#options.program, part, bytes);
		if (before === '') await this.#makeRoom(set, bytes.length);
		set.parts = set.parts.with(part, name);
		set.used = this.#now();
		this.#uses.use(name);
		this.#sets.set(id, set);
		await this.#save(set);
		if (before !== '') await this.#unuse(before);
		return 'stored';
	}

	/** Drops what its owner has not used for longest, until so many bytes more are within the quotas. */
	async #makeRoom(set: Manifest, more: number): Promise<void> {
		const { ownerBytes, totalBytes, settleMs = 60_000 } = this.#options;
		const settled = this.#now() - settleMs;
		const all = [...this.#sets.values()];
		const own = all.filter(({ owner }) => owner === set.owner);
		const sum = (sets: readonly Manifest[]): number => sets.reduce((bytes, one) => bytes + this.#bytesOf(one), more);
		const over = Math.max(sum(own) - ownerBytes, sum(all) - totalBytes);
		const victims: Manifest[] = [];
		let freed = 0;
		for (const one of own.toSorted((a, b) => a.used - b.used)) {
			if (freed >= over) break;
			if (one === set || one.used > settled || this.#pinned(one)) continue;
			victims.push(one);
			freed += this.#bytesOf(one);
		}
		if (freed < over)
			throw new ServiceError('too-many', 'the quota of evaluation keys is used up', 'Delete key sets, or wait.', 60);
		for (const one of victims) await this.#drop(one);
	}

	#find(owner: string, keySet: string): Manifest | undefined {
		const set = this.#sets.get(`${hashOf(owner)}-${keySet}`);
		const expired = set !== undefined && set.used < this.#now() - this.#options.ttlMs && !this.#pinned(set);
		return expired ? undefined : set;
	}

	#pinned({ parts }: Manifest): boolean {
		return parts.some((name) => this.#pins.has(name));
	}

	#bytesOf({ parts }: Manifest): number {
		return parts.reduce((sum, name, part) => sum + (name === '' ? 0 : (this.#lengths[part] ?? 0)), 0);
	}

	#pathOf({ owner, keySet }: Manifest): string {
		return join(this.#options.folder, `${owner}-${keySet}.json`);
	}

	#save(set: Manifest): Promise<void> {
		return writeDurably(this.#pathOf(set), JSON.stringify(set));
	}

	async #drop(set: Manifest): Promise<void> {
		this.#sets.delete(`${set.owner}-${set.keySet}`);
		await rm(this.#pathOf(set), { force: true });
		for (const name of set.parts) if (name !== '') await this.#unuse(name);
	}

	/** One key set less names it; jobs may still need it. */
	async #unuse(name: string): Promise<void> {
		if (this.#pins.has(name)) this.#uses.forget(name);
		else await this.#uses.drop(name);
	}
}
