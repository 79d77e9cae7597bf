import { type Client, createClient } from '../client.ts';
import { RefusedError } from '../errors.ts';
import type { RunOptions } from '../pace.ts';
import type { Answers, Call, Calls, Channel, Op, Reply, Request } from './protocol.ts';

/** Where a bundle has its wasm files, where the page said so. */
const locate = (files: Readonly<Record<string, string>>): ((path: string) => string) | undefined => {
	const known = new Map(Object.entries(files));
	return known.size === 0 ? undefined : (path) => known.get(path) ?? path;
};

/** The client of one worker: made once, by the first call. */
class Host {
	#client: Client | undefined;

	async create({ program, secretKey, files }: Calls['create'], options: RunOptions): Promise<string> {
		if (this.#client !== undefined) throw new RefusedError('misuse', 'the worker has a client already');
		const client = await createClient(program, { ...options, secretKey, locateFile: locate(files) });
		this.#client = client;
		return client.keySet;
	}

	/** The one part, as the client makes it. */
	async keyPart({ part }: Calls['keyPart'], options: RunOptions): Promise<Uint8Array> {
		for await (const { bytes } of this.#made().evaluationKeyParts({ ...options, parts: [part] })) return bytes;
		throw new RefusedError('misuse', `there is no evaluation key ${part}`);
	}

	encrypt({ samples }: Calls['encrypt'], options: RunOptions): Promise<Uint8Array> {
		return this.#made().encryptBatch(samples, options);
	}

	decrypt({ message }: Calls['decrypt']): Promise<readonly Answers['decrypt'][number][]> {
		return this.#made().decryptBatch(message);
	}

	exportSecretKey(): Promise<Uint8Array> {
		return this.#made().exportSecretKey();
	}

	#made(): Client {
		if (this.#client === undefined) throw new RefusedError('misuse', 'the worker has no client yet');
		return this.#client;
	}
}

const answer = (host: Host, { op, given }: Call, options: RunOptions): Promise<Answers[Op]> => {
	switch (op) {
		case 'create':
			return host.create(given, options);
		case 'keyPart':
			return host.keyPart(given, options);
		case 'encrypt':
			return host.encrypt(given, options);
		case 'decrypt':
			return host.decrypt(given);
		case 'exportSecretKey':
			return host.exportSecretKey();
	}
};

const replyOf = (id: number, error: unknown): Reply => {
	if (!(error instanceof RefusedError))
		return { id, failure: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
	const { code, message, hint } = error;
	return { id, refusal: { code, message, hint } };
};

/** What moves instead of being copied: bytes that nothing else looks into. */
const moved = (value: unknown): Transferable[] =>
	value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength
		? [value.buffer]
		: [];

/** Answers the calls that come through `channel` with one client, until the worker is ended. */
export const hostClient = (channel: Channel): void => {
	const host = new Host();
	const running = new Map<number, AbortController>();
	const run = async (id: number, call: Call): Promise<void> => {
		const controller = new AbortController();
		running.set(id, controller);
		const send = (reply: Reply, transfer: Transferable[] = []): void => channel.postMessage(reply, { transfer });
		try {
			const onProgress: RunOptions['onProgress'] = (progress) => send({ id, progress });
			const value = await answer(host, call, { signal: controller.signal, onProgress });
			send({ id, value }, moved(value));
		} catch (error) {
			send(replyOf(id, error));
		} finally {
			running.delete(id);
		}
	};
	channel.addEventListener('message', ({ data }: MessageEvent) => {
		const request = data as Request;
		if ('abort' in request) running.get(request.id)?.abort();
		else void run(request.id, request.call);
	});
};
