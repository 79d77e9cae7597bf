import { createWorkerClient, type Result, type Sample, type WorkerClient } from '../../../runtime/browser/index.ts';
import { connect, type Fetch, type Remote } from '../../../runtime/remote/index.ts';
import type { Seen } from '../seen.ts';

export type Timed = { readonly step: string; readonly milliseconds: number };

/** What a session tells while it works. */
export type Listener = {
	readonly says: (text: string) => void;
	/** A part of 1; undefined where nobody knows. */
	readonly progress: (part: number | undefined) => void;
	readonly took: (timed: Timed) => void;
	readonly saw: (bodies: readonly Seen[]) => void;
};

const STAGES: Readonly<Record<string, string>> = {
	encrypt: 'Encrypting',
	send: 'The server has the ciphertexts and computes on them',
	wait: 'Waiting for the server',
	receive: 'Receiving the encrypted answer',
	'make keys': 'Making evaluation keys and sending them',
	'send keys': 'Making evaluation keys and sending them',
};

const timed = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
	const start = performance.now();
	const value = await work();
	return [value, performance.now() - start];
};

type Bodies = { readonly newest: number; readonly bodies: readonly Seen[] };

const seenAfter = async (id: number): Promise<Bodies> =>
	(await (await fetch(`seen.json?after=${id}`, { cache: 'no-store' })).json()) as Bodies;

/** The keys of this page for one service, and what is done with them. */
export class Session {
	readonly #name: string;
	readonly #listener: Listener;
	#remote: Remote<WorkerClient> | undefined;
	#seen: number | undefined;
	/** Milliseconds that requests with keys took. */
	#sending = 0;

	constructor(name: string, listener: Listener) {
		this.#name = name;
		this.#listener = listener;
	}

	/** Makes keys in a worker of its own, and sends those for evaluation. */
	async makeKeys(): Promise<void> {
		const { says, took } = this.#listener;
		// Of an earlier try.
		await this.#remote?.close();
		this.#sending = 0;
		this.#seen ??= (await seenAfter(Number.MAX_SAFE_INTEGER)).newest;
		says('Making the secret key, in a Web Worker of this page');
		this.#listener.progress(undefined);
		const url = new URL(`${this.#name}/`, location.href);
		const [remote, setUp] = await timed(() =>
			connect(url, { createClient: createWorkerClient, sendKeys: false, fetch: this.#fetch }),
		);
		this.#remote = remote;
		took({ step: 'make the secret key', milliseconds: setUp });
		const [, keys] = await timed(() => remote.sendKeys({ onProgress: this.#onProgress }));
		took({ step: 'make evaluation keys and send them', milliseconds: keys });
		took({ step: 'meanwhile, sending them', milliseconds: this.#sending });
		await this.#look();
	}

	/** Encrypts, asks the server, decrypts. */
	async infer(sample: Sample): Promise<Result> {
		const remote = this.#remote;
		if (remote === undefined) throw new Error('there are no keys yet');
		const { says, took } = this.#listener;
		const options = { onProgress: this.#onProgress };
		says('Encrypting');
		const [message, encrypted] = await timed(() => remote.client.encrypt(sample, options));
		took({ step: 'encrypt', milliseconds: encrypted });
		const [outputs, asked] = await timed(() => remote.evaluate(message, options));
		const evaluated = evaluationTime(await this.#look());
		took({ step: 'send and receive', milliseconds: Math.max(0, asked - evaluated) });
		took({ step: 'evaluate on ciphertexts, on the server', milliseconds: evaluated });
		const [result, decrypted] = await timed(() => remote.client.decrypt(outputs));
		took({ step: 'decrypt', milliseconds: decrypted });
		return result;
	}

	readonly #onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }): void => {
		this.#listener.says(STAGES[stage] ?? 'The server computes on ciphertexts');
		// Making is ahead of sending, and what was sent is what counts.
		if (stage === 'make keys') return;
		this.#listener.progress(total === 0 || done === 0 ? undefined : done / total);
	};

	readonly #fetch: Fetch = async (url, init) => {
		const [answer, milliseconds] = await timed(() => fetch(url, init));
		if (init.method === 'PUT') this.#sending += milliseconds;
		return answer;
	};

	/** Asks the server what it has seen of this service since it was last asked. */
	async #look(): Promise<readonly Seen[]> {
		const { newest, bodies } = await seenAfter(this.#seen ?? 0);
		this.#seen = newest;
		const own = bodies.filter((seen) => isOf(this.#remote?.client.keySet ?? '', seen));
		this.#listener.saw(own);
		return own;
	}
}

/** Where a message names its key set: digits of its first bytes. */
const KEY_SET_AT = 80;

/** Other pages may use the same server. */
const isOf = (keySet: string, { path, first }: Seen): boolean =>
	path.includes(`/${keySet}/`) || first.startsWith(keySet, KEY_SET_AT);

/** Milliseconds between the inputs, which came last, and the outputs. */
const evaluationTime = (bodies: readonly Seen[]): number => {
	const input = bodies.findLast(({ way }) => way === 'received');
	const output = bodies.findLast(({ way }) => way === 'sent');
	return input === undefined || output === undefined ? 0 : output.at - input.at;
};
