import { createHash } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** One body that the server received or sent: all that it can know of it. */
export type Seen = {
	readonly id: number;
	readonly way: 'received' | 'sent';
	readonly method: string;
	readonly path: string;
	readonly bytes: number;
	/** In hexadecimal; `first` are the first bytes. */
	readonly sha256: string;
	readonly first: string;
	/** Milliseconds since the server started, when the last byte was there (received) or the answer began (sent). */
	readonly at: number;
};

/** The header of a message, which names its key set. */
const FIRST_BYTES = 64;
/** Older ones are forgotten. */
const MOST_SEEN = 500;

type Asked = Pick<FastifyRequest, 'method' | 'url'>;

/** Sizes, hashes and first bytes of what passes, computed as it does. */
class Look {
	readonly #hash = createHash('sha256');
	#first = Buffer.alloc(0);
	#bytes = 0;

	take(chunk: Uint8Array): void {
		this.#hash.update(chunk);
		this.#bytes += chunk.length;
		if (this.#first.length < FIRST_BYTES)
			this.#first = Buffer.concat([this.#first, chunk.subarray(0, FIRST_BYTES - this.#first.length)]);
	}

	result(): Pick<Seen, 'bytes' | 'sha256' | 'first'> {
		return { bytes: this.#bytes, sha256: this.#hash.digest('hex'), first: this.#first.toString('hex') };
	}
}

/** What the server received and sent as bytes (keys and ciphertexts), in order. */
export class SeenBodies {
	readonly #seen: Seen[] = [];
	#next = 1;

	/** Those after `id`, at most 500. */
	after(id: number): readonly Seen[] {
		return this.#seen.filter((seen) => seen.id > id);
	}

	/** The name of the newest, 0 where there is none. */
	get newest(): number {
		return this.#next - 1;
	}

	/** The body of a request, looked at while it is read. */
	received({ method, url }: Asked, from: Readable): Readable {
		const look = new Look();
		const through = new Transform({
			transform: (chunk: Buffer, _encoding, done) => {
				look.take(chunk);
				done(null, chunk);
			},
			flush: (done) => {
				this.#add({ way: 'received', method, path: url, ...look.result() });
				done();
			},
		});
		from.on('error', (error) => through.destroy(error));
		from.on('close', () => {
			if (!from.readableEnded) through.destroy();
		});
		return from.pipe(through);
	}

	#add(seen: Omit<Seen, 'id' | 'at'>): void {
		this.#seen.push({ ...seen, id: this.#next++, at: performance.now() });
		if (this.#seen.length > MOST_SEEN) this.#seen.shift();
	}

	/** The body of an answer. */
	sent({ method, url }: Asked, bytes: Uint8Array): void {
		const look = new Look();
		look.take(bytes);
		this.#add({ way: 'sent', method, path: url, ...look.result() });
	}
}

const isBytes = (type: unknown): boolean => typeof type === 'string' && type.startsWith('application/octet-stream');

/** Looks at every body of bytes of the routes that are added to `app` afterwards. */
export const watchBodies = (app: FastifyInstance): SeenBodies => {
	const seen = new SeenBodies();
	app.addHook('preParsing', async (request, _reply, payload) =>
		isBytes(request.headers['content-type']) ? seen.received(request, payload as Readable) : payload,
	);
	app.addHook('onSend', async (request, reply, payload) => {
		if (reply.statusCode !== 200 || !isBytes(reply.getHeader('content-type'))) return payload;
		if (payload instanceof Uint8Array) seen.sent(request, payload);
		return payload;
	});
	return seen;
};
